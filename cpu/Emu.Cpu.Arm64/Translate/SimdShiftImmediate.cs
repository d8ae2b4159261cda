// Advanced SIMD shift by immediate, integer: vector and scalar forms (Arm ARM C4.1.96). immh's highest set bit is the element size.
using System.Numerics;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the shift-by-immediate group.</summary>
internal static unsafe class SimdShiftImmediate
{
    public static A64Row[] Rows =>
    [
        new("SSHR", "0q0011110hhhhbbb000001nnnnnddddd", &RightSigned<ShiftRight>, fp: true),
        new("USHR", "0q1011110hhhhbbb000001nnnnnddddd", &RightUnsigned<ShiftRight>, fp: true),
        new("SSRA", "0q0011110hhhhbbb000101nnnnnddddd", &RightSigned<ShiftRightAccumulate>, fp: true),
        new("USRA", "0q1011110hhhhbbb000101nnnnnddddd", &RightUnsigned<ShiftRightAccumulate>, fp: true),
        new("SRSHR", "0q0011110hhhhbbb001001nnnnnddddd", &RightSigned<RoundingShiftRight>, fp: true),
        new("URSHR", "0q1011110hhhhbbb001001nnnnnddddd", &RightUnsigned<RoundingShiftRight>, fp: true),
        new("SRSRA", "0q0011110hhhhbbb001101nnnnnddddd", &RightSigned<RoundingShiftRightAccumulate>, fp: true),
        new("URSRA", "0q1011110hhhhbbb001101nnnnnddddd", &RightUnsigned<RoundingShiftRightAccumulate>, fp: true),
        new("SRI", "0q1011110hhhhbbb010001nnnnnddddd", &RightUnsigned<ShiftRightInsert>, fp: true),
        new("SHL", "0q0011110hhhhbbb010101nnnnnddddd", &Left<ShiftLeft>, fp: true),
        new("SLI", "0q1011110hhhhbbb010101nnnnnddddd", &Left<ShiftLeftInsert>, fp: true),
        new("SQSHLU", "0q1011110hhhhbbb011001nnnnnddddd", &SaturatingUnsigned<SaturatingShiftLeftUnsigned>, fp: true),
        new("SQSHL (immediate)", "0q0011110hhhhbbb011101nnnnnddddd", &SaturatingSigned<SaturatingShiftLeft>, fp: true),
        new("UQSHL (immediate)", "0q1011110hhhhbbb011101nnnnnddddd", &SaturatingUnsigned<SaturatingShiftLeft>, fp: true),
        new("SHRN, SHRN2", "0q0011110hhhhbbb100001nnnnnddddd", &Shrn, fp: true),
        new("RSHRN, RSHRN2", "0q0011110hhhhbbb100011nnnnnddddd", &Shrn, fp: true),
        new("SQSHRUN, SQSHRUN2", "0q1011110hhhhbbb100001nnnnnddddd", &NarrowSignedToUnsigned, fp: true),
        new("SQRSHRUN, SQRSHRUN2", "0q1011110hhhhbbb100011nnnnnddddd", &NarrowSignedToUnsigned, fp: true),
        new("SQSHRN, SQSHRN2", "0q0011110hhhhbbb100101nnnnnddddd", &NarrowSame, fp: true),
        new("SQRSHRN, SQRSHRN2", "0q0011110hhhhbbb100111nnnnnddddd", &NarrowSame, fp: true),
        new("UQSHRN, UQSHRN2", "0q1011110hhhhbbb100101nnnnnddddd", &NarrowSame, fp: true),
        new("UQRSHRN, UQRSHRN2", "0q1011110hhhhbbb100111nnnnnddddd", &NarrowSame, fp: true),
        new("SSHLL, SSHLL2", "0q0011110hhhhbbb101001nnnnnddddd", &Shll, fp: true),
        new("USHLL, USHLL2", "0q1011110hhhhbbb101001nnnnnddddd", &Shll, fp: true),

        new("SSHR (scalar)", "010111110hhhhbbb000001nnnnnddddd", &ScalarRight<long, ShiftRight>, fp: true),
        new("USHR (scalar)", "011111110hhhhbbb000001nnnnnddddd", &ScalarRight<ulong, ShiftRight>, fp: true),
        new("SSRA (scalar)", "010111110hhhhbbb000101nnnnnddddd", &ScalarRight<long, ShiftRightAccumulate>, fp: true),
        new("USRA (scalar)", "011111110hhhhbbb000101nnnnnddddd", &ScalarRight<ulong, ShiftRightAccumulate>, fp: true),
        new("SRSHR (scalar)", "010111110hhhhbbb001001nnnnnddddd", &ScalarRight<long, RoundingShiftRight>, fp: true),
        new("URSHR (scalar)", "011111110hhhhbbb001001nnnnnddddd", &ScalarRight<ulong, RoundingShiftRight>, fp: true),
        new("SRSRA (scalar)", "010111110hhhhbbb001101nnnnnddddd", &ScalarRight<long, RoundingShiftRightAccumulate>, fp: true),
        new("URSRA (scalar)", "011111110hhhhbbb001101nnnnnddddd", &ScalarRight<ulong, RoundingShiftRightAccumulate>, fp: true),
        new("SRI (scalar)", "011111110hhhhbbb010001nnnnnddddd", &ScalarRight<ulong, ShiftRightInsert>, fp: true),
        new("SHL (scalar)", "010111110hhhhbbb010101nnnnnddddd", &ScalarLeft<ShiftLeft>, fp: true),
        new("SLI (scalar)", "011111110hhhhbbb010101nnnnnddddd", &ScalarLeft<ShiftLeftInsert>, fp: true),
        new("SQSHLU (scalar)", "011111110hhhhbbb011001nnnnnddddd", &ScalarSaturatingUnsigned<SaturatingShiftLeftUnsigned>, fp: true),
        new("SQSHL (immediate, scalar)", "010111110hhhhbbb011101nnnnnddddd", &ScalarSaturatingSigned<SaturatingShiftLeft>, fp: true),
        new("UQSHL (immediate, scalar)", "011111110hhhhbbb011101nnnnnddddd", &ScalarSaturatingUnsigned<SaturatingShiftLeft>, fp: true),
        new("SQSHRUN (scalar)", "011111110hhhhbbb100001nnnnnddddd", &ScalarNarrowSignedToUnsigned, fp: true),
        new("SQRSHRUN (scalar)", "011111110hhhhbbb100011nnnnnddddd", &ScalarNarrowSignedToUnsigned, fp: true),
        new("SQSHRN (scalar)", "010111110hhhhbbb100101nnnnnddddd", &ScalarNarrowSame, fp: true),
        new("SQRSHRN (scalar)", "010111110hhhhbbb100111nnnnnddddd", &ScalarNarrowSame, fp: true),
        new("UQSHRN (scalar)", "011111110hhhhbbb100101nnnnnddddd", &ScalarNarrowSame, fp: true),
        new("UQRSHRN (scalar)", "011111110hhhhbbb100111nnnnnddddd", &ScalarNarrowSame, fp: true),
    ];

    private static uint ImmhImmb(uint w) => (w >> 16) & 0x7F;

    /// <summary>log2 of the element's bytes; above 3 when immh is 0000.</summary>
    private static uint ElementSize(uint w) => (uint)BitOperations.Log2(ImmhImmb(w)) - 3;

    private static uint ElementBits(uint w) => 8u << (int)ElementSize(w);

    private static uint LeftAmount(uint w) => ImmhImmb(w) - ElementBits(w);

    private static uint RightAmount(uint w) => (2 * ElementBits(w)) - ImmhImmb(w);

    // Aux of the narrowing helpers: amount, and bit 11 of the word (rounding) in [8].
    private static uint NarrowAmount(uint w) => RightAmount(w) | ((w >> 3) & 0x100);

    private static bool Allocated(uint w, uint sizes) => ImmhImmb(w) >= 8 && ((sizes >> (int)ElementSize(w)) & 1) != 0;

    private static bool VectorAllocated(uint w) => Allocated(w, 0b1111) && (ElementSize(w) != 3 || Q(w));

    private static bool RightSigned<TOp>(A64Translator t, uint w) where TOp : struct, IShiftOp
    {
        if (!VectorAllocated(w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.ShiftSigned<TOp>(ElementSize(w)), D(w), N(w), c: Bytes(w), aux: RightAmount(w), operation: Known(TOp.Known, ElementSize(w), signed: true));
        return true;
    }

    private static bool RightUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, IShiftOp
    {
        if (!VectorAllocated(w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.ShiftUnsigned<TOp>(ElementSize(w)), D(w), N(w), c: Bytes(w), aux: RightAmount(w), operation: Known(TOp.Known, ElementSize(w)));
        return true;
    }

    private static bool Left<TOp>(A64Translator t, uint w) where TOp : struct, IShiftOp
    {
        if (!VectorAllocated(w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.ShiftUnsigned<TOp>(ElementSize(w)), D(w), N(w), c: Bytes(w), aux: LeftAmount(w), operation: Known(TOp.Known, ElementSize(w)));
        return true;
    }

    private static bool SaturatingSigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneShiftOp
    {
        if (!VectorAllocated(w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LaneShiftSigned<TOp>(ElementSize(w)), D(w), N(w), c: Bytes(w), aux: LeftAmount(w));
        return true;
    }

    private static bool SaturatingUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneShiftOp
    {
        if (!VectorAllocated(w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LaneShiftUnsigned<TOp>(ElementSize(w)), D(w), N(w), c: Bytes(w), aux: LeftAmount(w));
        return true;
    }

    private static bool Shrn(A64Translator t, uint w)
    {
        if (!Allocated(w, 0b0111))
        {
            return false;
        }

        t.B.CallVector(HelperTable.ShiftNarrow(ElementSize(w)), DHalf(w), N(w), c: NarrowBytes(w), aux: NarrowAmount(w));
        return true;
    }

    private static bool Narrow(A64Translator t, uint w, NarrowKind kind)
    {
        if (!Allocated(w, 0b0111))
        {
            return false;
        }

        t.B.CallVector(HelperTable.NarrowSaturate(ElementSize(w), kind), DHalf(w), N(w), c: NarrowBytes(w), aux: NarrowAmount(w));
        return true;
    }

    private static bool NarrowSame(A64Translator t, uint w) => Narrow(t, w, U(w) ? NarrowKind.Unsigned : NarrowKind.Signed);

    private static bool NarrowSignedToUnsigned(A64Translator t, uint w) => Narrow(t, w, NarrowKind.SignedToUnsigned);

    private static bool Shll(A64Translator t, uint w)
    {
        if (!Allocated(w, 0b0111))
        {
            return false;
        }

        t.B.CallVector(HelperTable.ShiftLong(ElementSize(w), U(w)), D(w), NHalf(w), c: 16, aux: LeftAmount(w));
        return true;
    }

    private static bool ScalarRight<T, TOp>(A64Translator t, uint w) where T : unmanaged where TOp : struct, IShiftOp
    {
        if (!Allocated(w, 0b1000))
        {
            return false;
        }

        t.B.CallVector(&ShiftRunner.Immediate<T, TOp>, D(w), N(w), c: 8, aux: RightAmount(w), operation: Known(TOp.Known, 3, typeof(T) == typeof(long)));
        return true;
    }

    private static bool ScalarLeft<TOp>(A64Translator t, uint w) where TOp : struct, IShiftOp
    {
        if (!Allocated(w, 0b1000))
        {
            return false;
        }

        t.B.CallVector(&ShiftRunner.Immediate<ulong, TOp>, D(w), N(w), c: 8, aux: LeftAmount(w), operation: Known(TOp.Known, 3));
        return true;
    }

    private static bool ScalarSaturatingSigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneShiftOp
    {
        if (!Allocated(w, 0b1111))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LaneShiftSigned<TOp>(ElementSize(w)), D(w), N(w), c: (ushort)(1 << (int)ElementSize(w)), aux: LeftAmount(w));
        return true;
    }

    private static bool ScalarSaturatingUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneShiftOp
    {
        if (!Allocated(w, 0b1111))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LaneShiftUnsigned<TOp>(ElementSize(w)), D(w), N(w), c: (ushort)(1 << (int)ElementSize(w)), aux: LeftAmount(w));
        return true;
    }

    private static bool ScalarNarrow(A64Translator t, uint w, NarrowKind kind)
    {
        if (!Allocated(w, 0b0111))
        {
            return false;
        }

        t.B.CallVector(HelperTable.NarrowSaturate(ElementSize(w), kind), D(w), N(w), c: (ushort)(1 << (int)ElementSize(w)), aux: NarrowAmount(w));
        return true;
    }

    private static bool ScalarNarrowSame(A64Translator t, uint w) => ScalarNarrow(t, w, U(w) ? NarrowKind.Unsigned : NarrowKind.Signed);

    private static bool ScalarNarrowSignedToUnsigned(A64Translator t, uint w) => ScalarNarrow(t, w, NarrowKind.SignedToUnsigned);
}
