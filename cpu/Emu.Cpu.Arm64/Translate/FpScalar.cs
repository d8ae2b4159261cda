// Scalar floating-point: data processing with 1, 2 and 3 sources, compares, conditional select, immediate.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Fp;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Arm ARM C4.1: Floating-point data-processing, compare, conditional compare, conditional select, immediate.</summary>
public static unsafe class FpScalar
{
    /// <summary>Rows of this chapter.</summary>
    public static IReadOnlyList<A64Row> Rows { get; } =
    [
        // Two sources.
        new("FMUL (scalar)", "00011110 tt1mmmmm 000010nn nnnddddd", &TwoSource<FMul>, fp: true),
        new("FDIV (scalar)", "00011110 tt1mmmmm 000110nn nnnddddd", &TwoSource<FDiv>, fp: true),
        new("FADD (scalar)", "00011110 tt1mmmmm 001010nn nnnddddd", &TwoSource<FAdd>, fp: true),
        new("FSUB (scalar)", "00011110 tt1mmmmm 001110nn nnnddddd", &TwoSource<FSub>, fp: true),
        new("FMAX (scalar)", "00011110 tt1mmmmm 010010nn nnnddddd", &TwoSource<FMax>, fp: true),
        new("FMIN (scalar)", "00011110 tt1mmmmm 010110nn nnnddddd", &TwoSource<FMin>, fp: true),
        new("FMAXNM (scalar)", "00011110 tt1mmmmm 011010nn nnnddddd", &TwoSource<FMaxNm>, fp: true),
        new("FMINNM (scalar)", "00011110 tt1mmmmm 011110nn nnnddddd", &TwoSource<FMinNm>, fp: true),
        new("FNMUL (scalar)", "00011110 tt1mmmmm 100010nn nnnddddd", &TwoSource<FNMul>, fp: true),

        // Three sources.
        new("FMADD", "00011111 tt0mmmmm 0aaaaann nnnddddd", &ThreeSource<FMAdd>, fp: true),
        new("FMSUB", "00011111 tt0mmmmm 1aaaaann nnnddddd", &ThreeSource<FMSub>, fp: true),
        new("FNMADD", "00011111 tt1mmmmm 0aaaaann nnnddddd", &ThreeSource<FNMAdd>, fp: true),
        new("FNMSUB", "00011111 tt1mmmmm 1aaaaann nnnddddd", &ThreeSource<FNMSub>, fp: true),

        // One source.
        new("FMOV (register)", "00011110 tt100000 010000nn nnnddddd", &MoveRegister, fp: true),
        new("FABS (scalar)", "00011110 tt100000 110000nn nnnddddd", &Absolute, fp: true),
        new("FNEG (scalar)", "00011110 tt100001 010000nn nnnddddd", &Negate, fp: true),
        new("FSQRT (scalar)", "00011110 tt100001 110000nn nnnddddd", &OneSource<FSqrt>, fp: true),
        new("FCVT", "00011110 tt10001o o10000nn nnnddddd", &Convert, fp: true),
        new("BFCVT", "00011110 01100011 010000nn nnnddddd", &ConvertToBFloat, "FEAT_BF16", fp: true),
        new("FRINTN (scalar)", "00011110 tt100100 010000nn nnnddddd", &RoundNearest, fp: true),
        new("FRINTP (scalar)", "00011110 tt100100 110000nn nnnddddd", &RoundPlus, fp: true),
        new("FRINTM (scalar)", "00011110 tt100101 010000nn nnnddddd", &RoundMinus, fp: true),
        new("FRINTZ (scalar)", "00011110 tt100101 110000nn nnnddddd", &RoundZero, fp: true),
        new("FRINTA (scalar)", "00011110 tt100110 010000nn nnnddddd", &RoundAway, fp: true),
        new("FRINTX (scalar)", "00011110 tt100111 010000nn nnnddddd", &RoundExact, fp: true),
        new("FRINTI (scalar)", "00011110 tt100111 110000nn nnnddddd", &RoundCurrent, fp: true),
        new("FRINT32Z (scalar)", "00011110 0t101000 010000nn nnnddddd", &RoundSized, "FEAT_FRINTTS", fp: true),
        new("FRINT32X (scalar)", "00011110 0t101000 110000nn nnnddddd", &RoundSized, "FEAT_FRINTTS", fp: true),
        new("FRINT64Z (scalar)", "00011110 0t101001 010000nn nnnddddd", &RoundSized, "FEAT_FRINTTS", fp: true),
        new("FRINT64X (scalar)", "00011110 0t101001 110000nn nnnddddd", &RoundSized, "FEAT_FRINTTS", fp: true),

        // Compare, select, immediate.
        new("FCMP", "00011110 tt1mmmmm 001000nn nnn0z000", &Compare, fp: true),
        new("FCMPE", "00011110 tt1mmmmm 001000nn nnn1z000", &Compare, fp: true),
        new("FCCMP", "00011110 tt1mmmmm cccc01nn nnn0ffff", &ConditionalCompare, fp: true),
        new("FCCMPE", "00011110 tt1mmmmm cccc01nn nnn1ffff", &ConditionalCompare, fp: true),
        new("FCSEL", "00011110 tt1mmmmm cccc11nn nnnddddd", &Select, fp: true),
        new("FMOV (scalar, immediate)", "00011110 tt1iiiii iii10000 000ddddd", &MoveImmediate, fp: true),
    ];

    private static bool TwoSource<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpBinary
    {
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        FpEmit.Scalar2<TOp>(t, w, size);
        return true;
    }

    private static bool ThreeSource<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpTernary
    {
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        FpEmit.Scalar3<TOp>(t, w, size);
        return true;
    }

    private static bool OneSource<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpUnary
    {
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        FpEmit.Scalar1<TOp>(t, w, size);
        return true;
    }

    private static bool MoveRegister(A64Translator t, uint w)
    {
        switch (FpEmit.ScalarSize(w))
        {
            case FpEmit.Double:
                t.B.Emit(MicroOpKind.VMov64, V(w), V(w >> 5));
                return true;
            case FpEmit.Single:
                t.B.Emit(MicroOpKind.Mov32, V(w), V(w >> 5));
                FpEmit.ZeroUpper(t, w);
                return true;
            case FpEmit.Half:
                t.B.Emit(MicroOpKind.AndI64, V(w), V(w >> 5), imm: 0xffff);
                FpEmit.ZeroUpper(t, w);
                return true;
            default:
                return false;
        }
    }

    private static bool Absolute(A64Translator t, uint w)
    {
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        t.B.Emit(MicroOpKind.AndI64, V(w), V(w >> 5), imm: (long)(ulong.MaxValue >> (65 - (8 << size))));
        FpEmit.ZeroUpper(t, w);
        return true;
    }

    private static bool Negate(A64Translator t, uint w)
    {
        switch (FpEmit.ScalarSize(w))
        {
            case FpEmit.Double:
                t.B.Emit(MicroOpKind.XorI64, V(w), V(w >> 5), imm: long.MinValue);
                break;
            case FpEmit.Single:
                t.B.Emit(MicroOpKind.XorI32, V(w), V(w >> 5), imm: 0x8000_0000);
                break;
            case FpEmit.Half:
                t.B.Emit(MicroOpKind.AndI64, V(w), V(w >> 5), imm: 0xffff);
                t.B.Emit(MicroOpKind.XorI64, V(w), V(w), imm: 0x8000);
                break;
            default:
                return false;
        }

        FpEmit.ZeroUpper(t, w);
        return true;
    }

    private static bool Convert(A64Translator t, uint w)
    {
        // ftype is the source; opc (bits 16:15) names the destination alike.
        var from = FpEmit.ScalarSize(w);
        var to = FpEmit.ScalarSize(Bits(w, 16, 15) << 22);
        if (from == 0 || to == 0 || from == to)
        {
            return false;
        }

        delegate*<CpuState*, MicroOp*, void> helper = (from, to) switch
        {
            (FpEmit.Half, FpEmit.Single) => &FpHelpers.ConvertFormat<Binary16, Binary32>,
            (FpEmit.Half, FpEmit.Double) => &FpHelpers.ConvertFormat<Binary16, Binary64>,
            (FpEmit.Single, FpEmit.Half) => &FpHelpers.ConvertFormat<Binary32, Binary16>,
            (FpEmit.Single, FpEmit.Double) => &FpHelpers.ConvertFormat<Binary32, Binary64>,
            (FpEmit.Double, FpEmit.Half) => &FpHelpers.ConvertFormat<Binary64, Binary16>,
            _ => &FpHelpers.ConvertFormat<Binary64, Binary32>,
        };
        t.B.Call(helper, V(w), V(w >> 5));
        return true;
    }

    private static bool ConvertToBFloat(A64Translator t, uint w)
    {
        t.B.Call(&FpHelpers.ConvertFormat<Binary32, BFloat16>, V(w), V(w >> 5));
        return true;
    }

    private static bool RoundNearest(A64Translator t, uint w) => Round(t, w, (uint)FpRounding.TiesToEven);

    private static bool RoundPlus(A64Translator t, uint w) => Round(t, w, (uint)FpRounding.PlusInfinity);

    private static bool RoundMinus(A64Translator t, uint w) => Round(t, w, (uint)FpRounding.MinusInfinity);

    private static bool RoundZero(A64Translator t, uint w) => Round(t, w, (uint)FpRounding.Zero);

    private static bool RoundAway(A64Translator t, uint w) => Round(t, w, (uint)FpRounding.TiesAway);

    private static bool RoundCurrent(A64Translator t, uint w) => Round(t, w, (uint)FpRounding.Current);

    private static bool RoundExact(A64Translator t, uint w) => Round(t, w, (uint)FpRounding.Current | FpArgument.Exact);

    private static bool Round(A64Translator t, uint w, uint argument)
    {
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        FpEmit.Scalar1<FRInt>(t, w, size, argument);
        return true;
    }

    private static bool RoundSized(A64Translator t, uint w)
    {
        // Bit 15: X (current rounding) or Z; bit 16: 64 or 32 bits.
        var argument = (uint)(Bit(w, 15) != 0 ? FpRounding.Current : FpRounding.Zero) | (Bit(w, 16) != 0 ? FpArgument.Is64 : 0);
        FpEmit.Scalar1<FRIntSized>(t, w, FpEmit.ScalarSize(w), argument);
        return true;
    }

    private static bool Compare(A64Translator t, uint w)
    {
        // Bit 3: against zero; bit 4: any NaN signals.
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            FpEmit.Half => &FpHelpers.CompareFlags<Binary16>,
            FpEmit.Single => &FpHelpers.CompareFlags<Binary32>,
            _ => &FpHelpers.CompareFlags<Binary64>,
        };
        t.B.CallFlags(helper, a: V(w >> 5), b: Bit(w, 3) != 0 ? CpuState.Zero : V(w >> 16), aux: FpEmit.Aux(1, Bit(w, 4)));
        return true;
    }

    private static bool ConditionalCompare(A64Translator t, uint w)
    {
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            FpEmit.Half => &FpHelpers.ConditionalCompareFlags<Binary16>,
            FpEmit.Single => &FpHelpers.ConditionalCompareFlags<Binary32>,
            _ => &FpHelpers.ConditionalCompareFlags<Binary64>,
        };
        var argument = Bit(w, 4) | (ConditionMask(Bits(w, 15, 12)) << FpHelpers.ConditionShift) | ((w & 15) << FpHelpers.ElseFlagsShift);
        t.B.CallFlags(helper, a: V(w >> 5), b: V(w >> 16), aux: FpEmit.Aux(1, argument));
        return true;
    }

    private static bool Select(A64Translator t, uint w)
    {
        var mask = ConditionMask(Bits(w, 15, 12));
        switch (FpEmit.ScalarSize(w))
        {
            case FpEmit.Double:
                t.B.Emit(MicroOpKind.Select64, V(w), V(w >> 5), V(w >> 16), aux: mask);
                break;
            case FpEmit.Single:
                t.B.Emit(MicroOpKind.Select32, V(w), V(w >> 5), V(w >> 16), aux: mask);
                break;
            case FpEmit.Half:
                t.B.Emit(MicroOpKind.Select32, V(w), V(w >> 5), V(w >> 16), aux: mask);
                t.B.Emit(MicroOpKind.AndI64, V(w), V(w), imm: 0xffff);
                break;
            default:
                return false;
        }

        FpEmit.ZeroUpper(t, w);
        return true;
    }

    private static bool MoveImmediate(A64Translator t, uint w)
    {
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        t.B.Emit(MicroOpKind.VMovI64, V(w), imm: (long)FpEmit.ExpandImmediate(Bits(w, 20, 13), size));
        return true;
    }
}
