// Picks the helper of an operation for an element size, and emits its call.
using Emu.Cpu.Arm64.Fp;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Sizes are log2 of the bytes of an element: 1 half, 2 single, 3 double precision.</summary>
internal static unsafe class FpEmit
{
    /// <summary>Half precision.</summary>
    public const int Half = 1;

    /// <summary>Single precision.</summary>
    public const int Single = 2;

    /// <summary>Double precision.</summary>
    public const int Double = 3;

    /// <summary>The size of a scalar instruction's ftype field (bits 23:22), or 0 for the reserved value.</summary>
    public static int ScalarSize(uint w) => A64Translator.Bits(w, 23, 22) switch
    {
        0 => Single,
        1 => Double,
        3 => Half,
        _ => 0,
    };

    /// <summary>The number of lanes of a vector instruction by Q (bit 30).</summary>
    public static uint Lanes(uint w, int size) => (A64Translator.Bit(w, 30) != 0 ? 16u : 8u) >> size;

    /// <summary>Aux of the lane helpers.</summary>
    public static uint Aux(uint lanes, uint argument = 0) => lanes | (argument << FpHelpers.ArgumentShift);

    /// <summary>Emits D = op(A) on one lane.</summary>
    public static void Scalar1<TOp>(A64Translator t, uint w, int size, uint argument = 0)
        where TOp : struct, IFpUnary
    {
        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            Half => &FpHelpers.Scalar1<TOp, Binary16>,
            Single => &FpHelpers.Scalar1<TOp, Binary32>,
            _ => &FpHelpers.Scalar1<TOp, Binary64>,
        };
        t.B.Call(helper, A64Translator.V(w), A64Translator.V(w >> 5), aux: Aux(1, argument));
    }

    /// <summary>Emits D = op(A, B) on one lane.</summary>
    public static void Scalar2<TOp>(A64Translator t, uint w, int size)
        where TOp : struct, IFpBinary
    {
        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            Half => &FpHelpers.Scalar2<TOp, Binary16>,
            Single => &FpHelpers.Scalar2<TOp, Binary32>,
            _ => &FpHelpers.Scalar2<TOp, Binary64>,
        };
        t.B.Emit(KindOf(typeof(TOp), size), A64Translator.V(w), A64Translator.V(w >> 5), A64Translator.V(w >> 16), (long)helper, Aux(1));
    }

    /// <summary>Emits D = op(Va, A, B) on one lane.</summary>
    public static void Scalar3<TOp>(A64Translator t, uint w, int size)
        where TOp : struct, IFpTernary
    {
        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            Half => &FpHelpers.Scalar3<TOp, Binary16>,
            Single => &FpHelpers.Scalar3<TOp, Binary32>,
            _ => &FpHelpers.Scalar3<TOp, Binary64>,
        };
        t.B.Emit(KindOf(typeof(TOp), size), A64Translator.V(w), A64Translator.V(w >> 5), A64Translator.V(w >> 16), (long)helper, Aux(1), A64Translator.V(w >> 10));
    }

    /// <summary>The micro-op of an operation on one lane: one that engines know, or the plain call.</summary>
    private static MicroOpKind KindOf(Type operation, int size) =>
        size == Half || !HostOperations.TryGetValue(operation, out var kinds) ? MicroOpKind.Call : size == Single ? kinds.Single : kinds.Double;

    private static readonly Dictionary<Type, (MicroOpKind Double, MicroOpKind Single)> HostOperations = new()
    {
        [typeof(FAdd)] = (MicroOpKind.FAdd64, MicroOpKind.FAdd32),
        [typeof(FSub)] = (MicroOpKind.FSub64, MicroOpKind.FSub32),
        [typeof(FMul)] = (MicroOpKind.FMul64, MicroOpKind.FMul32),
        [typeof(FDiv)] = (MicroOpKind.FDiv64, MicroOpKind.FDiv32),
        [typeof(FMAdd)] = (MicroOpKind.FMulAdd64, MicroOpKind.FMulAdd32),
        [typeof(FMSub)] = (MicroOpKind.FMulSub64, MicroOpKind.FMulSub32),
    };

    /// <summary>Emits D = op(A), lane by lane.</summary>
    public static void Vector1<TOp>(A64Translator t, uint w, int size, uint lanes, uint argument = 0)
        where TOp : struct, IFpUnary
    {
        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            Half => &FpHelpers.Vector1<TOp, Binary16>,
            Single => &FpHelpers.Vector1<TOp, Binary32>,
            _ => &FpHelpers.Vector1<TOp, Binary64>,
        };
        t.B.Call(helper, A64Translator.V(w), A64Translator.V(w >> 5), aux: Aux(lanes, argument));
    }

    /// <summary>Emits D = op(A, B), lane by lane.</summary>
    public static void Vector2<TOp>(A64Translator t, uint w, ushort b, int size, uint lanes, uint argument = 0)
        where TOp : struct, IFpBinary
    {
        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            Half => &FpHelpers.Vector2<TOp, Binary16>,
            Single => &FpHelpers.Vector2<TOp, Binary32>,
            _ => &FpHelpers.Vector2<TOp, Binary64>,
        };
        EmitVector(t, w, b, (long)helper, typeof(TOp), size, lanes, argument);
    }

    /// <summary>Emits D = op(D, A, B), lane by lane.</summary>
    public static void Vector3<TOp>(A64Translator t, uint w, ushort b, int size, uint lanes, uint argument = 0)
        where TOp : struct, IFpTernary
    {
        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            Half => &FpHelpers.Vector3<TOp, Binary16>,
            Single => &FpHelpers.Vector3<TOp, Binary32>,
            _ => &FpHelpers.Vector3<TOp, Binary64>,
        };
        EmitVector(t, w, b, (long)helper, typeof(TOp), size, lanes, argument);
    }

    private static readonly Dictionary<Type, VectorFloatOperation> VectorOperations = new()
    {
        [typeof(FAdd)] = VectorFloatOperation.Add,
        [typeof(FSub)] = VectorFloatOperation.Subtract,
        [typeof(FMul)] = VectorFloatOperation.Multiply,
        [typeof(FDiv)] = VectorFloatOperation.Divide,
        [typeof(FMAdd)] = VectorFloatOperation.MultiplyAdd,
        [typeof(FMSub)] = VectorFloatOperation.MultiplySubtract,
    };

    private static void EmitVector(A64Translator t, uint w, ushort b, long helper, Type operation, int size, uint lanes, uint argument)
    {
        var whole = size != Half && lanes << size == 16 && argument is 0 or FpHelpers.ByElement;
        var known = whole && VectorOperations.TryGetValue(operation, out var value) ? value : VectorFloatOperation.None;
        if (known != VectorFloatOperation.None)
        {
            known |= (size == Single ? VectorFloatOperation.Single : 0) | (argument != 0 ? VectorFloatOperation.ByElement : 0);
        }

        var kind = known == VectorFloatOperation.None ? MicroOpKind.Call : MicroOpKind.FVector;
        t.B.Emit(kind, A64Translator.V(w), A64Translator.V(w >> 5), b, helper, Aux(lanes, argument), known == VectorFloatOperation.None ? CpuState.Zero : (ushort)known);
    }

    /// <summary>Emits D = op on neighbouring lanes of A and B.</summary>
    public static void Pairwise<TOp>(A64Translator t, uint w, int size, uint lanes)
        where TOp : struct, IFpBinary
    {
        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            Half => &FpHelpers.Pairwise<TOp, Binary16>,
            Single => &FpHelpers.Pairwise<TOp, Binary32>,
            _ => &FpHelpers.Pairwise<TOp, Binary64>,
        };
        t.B.Call(helper, A64Translator.V(w), A64Translator.V(w >> 5), A64Translator.V(w >> 16), aux: Aux(lanes));
    }

    /// <summary>Emits D = the reduction of the lanes of A.</summary>
    public static void Across<TOp>(A64Translator t, uint w, int size, uint lanes)
        where TOp : struct, IFpBinary
    {
        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            Half => &FpHelpers.Across<TOp, Binary16>,
            Single => &FpHelpers.Across<TOp, Binary32>,
            _ => &FpHelpers.Across<TOp, Binary64>,
        };
        t.B.Call(helper, A64Translator.V(w), A64Translator.V(w >> 5), aux: Aux(lanes));
    }

    /// <summary>Emits the zeroing of the upper half of Vd, after its lower half was written by a plain micro-op.</summary>
    public static void ZeroUpper(A64Translator t, uint w) => t.B.Emit(MicroOpKind.MovI, (ushort)(A64Translator.V(w) + 8));

    /// <summary>VFPExpandImm: the 8-bit immediate of FMOV as a number.</summary>
    public static ulong ExpandImmediate(uint imm8, int size)
    {
        ulong sign = imm8 >> 7, inverted = ((imm8 >> 6) & 1) ^ 1, low = imm8 & 0x3f;
        return size switch
        {
            Half => (sign << 15) | (inverted << 14) | ((inverted ^ 1) * 0x3UL << 12) | (low << 6),
            Single => (sign << 31) | (inverted << 30) | ((inverted ^ 1) * 0x1fUL << 25) | (low << 19),
            _ => (sign << 63) | (inverted << 62) | ((inverted ^ 1) * 0xffUL << 54) | (low << 48),
        };
    }
}
