// Every AdvSIMD integer, cryptographic and structure load/store row, and what their handlers share.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>The aggregate of the AdvSIMD integer and cryptographic chapters (Arm ARM C4.1, "Data Processing -- Scalar Floating-Point and Advanced SIMD").</summary>
public static unsafe class SimdRows
{
    /// <summary>Every row.</summary>
    public static A64Row[] Rows =>
    [
        .. SimdCopy.Rows,
        .. SimdModifiedImmediate.Rows,
        .. SimdPermute.Rows,
        .. SimdThreeSame.Rows,
        .. SimdThreeDifferent.Rows,
        .. SimdTwoRegister.Rows,
        .. SimdAcrossLanes.Rows,
        .. SimdShiftImmediate.Rows,
        .. SimdByElement.Rows,
        .. SimdDotProduct.Rows,
        .. CryptoAes.Rows,
        .. CryptoSha.Rows,
        .. CryptoSm.Rows,
        .. LoadsStoresSimdMultiple.Rows,
        .. LoadsStoresSimdSingle.Rows,
    ];
}

/// <summary>Fields and emission patterns the vector chapters share.</summary>
internal static unsafe class SimdFields
{
    /// <summary>Q: 16-byte vectors.</summary>
    public static bool Q(uint w) => (w & (1u << 30)) != 0;

    /// <summary>U or op, bit 29.</summary>
    public static bool U(uint w) => (w & (1u << 29)) != 0;

    /// <summary>Bytes of the vector.</summary>
    public static ushort Bytes(uint w) => (ushort)(Q(w) ? 16 : 8);

    /// <summary>size, bits 23:22: log2 of the element's bytes.</summary>
    public static uint Size(uint w) => (w >> 22) & 3;

    /// <summary>Vd.</summary>
    public static ushort D(uint w) => A64Translator.V(w);

    /// <summary>Vn.</summary>
    public static ushort N(uint w) => A64Translator.V(w >> 5);

    /// <summary>Vm.</summary>
    public static ushort M(uint w) => A64Translator.V(w >> 16);

    /// <summary>8 bytes of Vn: the upper half for the "2" forms.</summary>
    public static ushort NHalf(uint w) => (ushort)(N(w) + (Q(w) ? 8 : 0));

    /// <summary>8 bytes of Vm: the upper half for the "2" forms.</summary>
    public static ushort MHalf(uint w) => (ushort)(M(w) + (Q(w) ? 8 : 0));

    /// <summary>8 bytes of Vd: the upper half for the "2" forms.</summary>
    public static ushort DHalf(uint w) => (ushort)(D(w) + (Q(w) ? 8 : 0));

    /// <summary>C of narrowing helpers: the "2" forms keep the lower half of Vd.</summary>
    public static ushort NarrowBytes(uint w) => (ushort)(Q(w) ? 0 : 8);

    /// <summary>A 16-byte vector temporary.</summary>
    public static ushort Temp(int n) => (ushort)(Arm64State.VectorTemporaries + (n * 16));

    /// <summary>Whether a vector of this element size exists: the op has it, and not 1 x 64 bits.</summary>
    public static bool Fits(uint sizes, uint size, bool q) => ((sizes >> (int)size) & 1) != 0 && (size != 3 || q);

    /// <summary>The name of an operation for engines, with its lanes.</summary>
    public static VectorOperation Known(VectorOperation operation, uint size, bool signed = false) =>
        operation == VectorOperation.None ? operation : operation | (VectorOperation)size | (signed ? VectorOperation.Signed : 0);

    /// <summary>Emits a micro-op of D, A, B for 16-byte vectors, and clears the upper half for 8-byte ones.</summary>
    public static void Direct(A64Translator t, uint w, MicroOpKind kind, ushort a, ushort b)
    {
        t.B.Emit(kind, D(w), a, b);
        ClearUpper(t, w);
    }

    /// <summary>Clears the upper half of Vd unless Q.</summary>
    public static void ClearUpper(A64Translator t, uint w)
    {
        if (!Q(w))
        {
            t.B.Emit(MicroOpKind.VMov64, D(w), D(w));
        }
    }
}
