// AdvSIMD floating-point, three registers of the same type: vector, scalar and half-precision forms; complex arithmetic; multiply long; BFloat16.
using System.Globalization;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Fp;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Arm ARM C4.1: Advanced SIMD (scalar) three same, three same (FP16), three-register extension: the floating-point part.</summary>
public static unsafe class FpVector
{
    /// <summary>Rows of this chapter.</summary>
    public static IReadOnlyList<A64Row> Rows { get; } =
    [
        // Name, U, bit 23, low three opcode bits: the same for half precision (opcode 00xxx) and for single and double (11xxx).
        .. ThreeSame("FMAXNM", 0, 0, 0, &Lanes2<FMaxNm>),
        .. ThreeSame("FMLA", 0, 0, 1, &Lanes3<FMAdd>),
        .. ThreeSame("FADD", 0, 0, 2, &Lanes2<FAdd>),
        .. ThreeSame("FMULX", 0, 0, 3, &Lanes2<FMulX>, scalar: true),
        .. ThreeSame("FCMEQ (register)", 0, 0, 4, &Lanes2<FCmEq>, scalar: true),
        .. ThreeSame("FMAX", 0, 0, 6, &Lanes2<FMax>),
        .. ThreeSame("FRECPS", 0, 0, 7, &Lanes2<FRecpS>, scalar: true),
        .. ThreeSame("FMINNM", 0, 1, 0, &Lanes2<FMinNm>),
        .. ThreeSame("FMLS", 0, 1, 1, &Lanes3<FMSub>),
        .. ThreeSame("FSUB", 0, 1, 2, &Lanes2<FSub>),
        .. ThreeSame("FMIN", 0, 1, 6, &Lanes2<FMin>),
        .. ThreeSame("FRSQRTS", 0, 1, 7, &Lanes2<FRSqrtS>, scalar: true),
        .. ThreeSame("FMAXNMP", 1, 0, 0, &Pairs<FMaxNm>),
        .. ThreeSame("FADDP", 1, 0, 2, &Pairs<FAdd>),
        .. ThreeSame("FMUL", 1, 0, 3, &Lanes2<FMul>),
        .. ThreeSame("FCMGE (register)", 1, 0, 4, &Lanes2<FCmGe>, scalar: true),
        .. ThreeSame("FACGE", 1, 0, 5, &Lanes2<FAcGe>, scalar: true),
        .. ThreeSame("FMAXP", 1, 0, 6, &Pairs<FMax>),
        .. ThreeSame("FDIV", 1, 0, 7, &Lanes2<FDiv>),
        .. ThreeSame("FMINNMP", 1, 1, 0, &Pairs<FMinNm>),
        .. ThreeSame("FABD", 1, 1, 2, &Lanes2<FAbd>, scalar: true),
        .. ThreeSame("FCMGT (register)", 1, 1, 4, &Lanes2<FCmGt>, scalar: true),
        .. ThreeSame("FACGT", 1, 1, 5, &Lanes2<FAcGt>, scalar: true),
        .. ThreeSame("FMINP", 1, 1, 6, &Pairs<FMin>),

        new("FMLAL (vector)", "0Q001110 001mmmmm 111011nn nnnddddd", &MultiplyAddLong, "FEAT_FHM", fp: true),
        new("FMLSL (vector)", "0Q001110 101mmmmm 111011nn nnnddddd", &MultiplyAddLong, "FEAT_FHM", fp: true),
        new("FMLAL2 (vector)", "0Q101110 001mmmmm 110011nn nnnddddd", &MultiplyAddLong, "FEAT_FHM", fp: true),
        new("FMLSL2 (vector)", "0Q101110 101mmmmm 110011nn nnnddddd", &MultiplyAddLong, "FEAT_FHM", fp: true),
        new("FCADD", "0Q101110 ss0mmmmm 111r01nn nnnddddd", &ComplexAdd, "FEAT_FCMA", fp: true),
        new("FCMLA (vector)", "0Q101110 ss0mmmmm 110rr1nn nnnddddd", &ComplexMultiplyAdd, "FEAT_FCMA", fp: true),
        new("BFDOT (vector)", "0Q101110 010mmmmm 111111nn nnnddddd", &BFloatDot, "FEAT_BF16", fp: true),
        new("BFMMLA", "01101110 010mmmmm 111011nn nnnddddd", &BFloatMatrix, "FEAT_BF16", fp: true),
        new("BFMLALB, BFMLALT (vector)", "0Q101110 110mmmmm 111111nn nnnddddd", &BFloatMultiplyAddLong, "FEAT_BF16", fp: true),
    ];

    private static List<A64Row> ThreeSame(string name, int u, int b, int opcode, delegate*<A64Translator, uint, bool> handler, bool scalar = false)
    {
        var low = opcode.ToString("b3", CultureInfo.InvariantCulture);
        List<A64Row> rows =
        [
            new(name + " (vector)", $"0Q{u}01110 {b}s1mmmmm 11{low}1nn nnnddddd", handler, fp: true),
            new(name + " (vector, half)", $"0Q{u}01110 {b}10mmmmm 00{low}1nn nnnddddd", handler, "FEAT_FP16", fp: true),
        ];
        if (scalar)
        {
            rows.Add(new(name + " (scalar SIMD)", $"01{u}11110 {b}s1mmmmm 11{low}1nn nnnddddd", handler, fp: true));
            rows.Add(new(name + " (scalar SIMD, half)", $"01{u}11110 {b}10mmmmm 00{low}1nn nnnddddd", handler, "FEAT_FP16", fp: true));
        }

        return rows;
    }

    /// <summary>Size and lanes of a three-same instruction: bit 21 clear is half precision, bit 28 set is scalar.</summary>
    private static bool Shape(uint w, out int size, out uint lanes)
    {
        size = Bit(w, 21) == 0 ? FpEmit.Half : Bit(w, 22) == 0 ? FpEmit.Single : FpEmit.Double;
        lanes = Bit(w, 28) != 0 ? 1 : FpEmit.Lanes(w, size);
        return Bit(w, 28) != 0 || lanes > 1;
    }

    private static bool Lanes2<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpBinary
    {
        if (!Shape(w, out var size, out var lanes))
        {
            return false;
        }

        if (lanes == 1)
        {
            FpEmit.Scalar2<TOp>(t, w, size);
        }
        else
        {
            FpEmit.Vector2<TOp>(t, w, V(w >> 16), size, lanes);
        }

        return true;
    }

    private static bool Lanes3<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpTernary
    {
        if (!Shape(w, out var size, out var lanes))
        {
            return false;
        }

        FpEmit.Vector3<TOp>(t, w, V(w >> 16), size, lanes);
        return true;
    }

    private static bool Pairs<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpBinary
    {
        if (!Shape(w, out var size, out var lanes))
        {
            return false;
        }

        FpEmit.Pairwise<TOp>(t, w, size, lanes);
        return true;
    }

    private static bool MultiplyAddLong(A64Translator t, uint w)
    {
        // U: the second part, i.e. the upper half of the source elements. Bit 23: subtract.
        var lanes = FpEmit.Lanes(w, FpEmit.Single);
        var part = Bit(w, 29) * lanes * 2;
        var argument = Bit(w, 23) != 0 ? FpHelpers.Subtract : 0;
        t.B.Call(&FpHelpers.MultiplyAddLong, V(w), (ushort)(V(w >> 5) + part), (ushort)(V(w >> 16) + part), aux: FpEmit.Aux(lanes, argument));
        return true;
    }

    private static bool ComplexAdd(A64Translator t, uint w)
    {
        var size = (int)Bits(w, 23, 22);
        if (size == 0 || FpEmit.Lanes(w, size) < 2)
        {
            return false;
        }

        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            FpEmit.Half => &FpHelpers.ComplexAdd<Binary16>,
            FpEmit.Single => &FpHelpers.ComplexAdd<Binary32>,
            _ => &FpHelpers.ComplexAdd<Binary64>,
        };
        t.B.Call(helper, V(w), V(w >> 5), V(w >> 16), aux: FpEmit.Aux(FpEmit.Lanes(w, size), Bit(w, 12)));
        return true;
    }

    private static bool ComplexMultiplyAdd(A64Translator t, uint w)
    {
        var size = (int)Bits(w, 23, 22);
        if (size == 0 || FpEmit.Lanes(w, size) < 2)
        {
            return false;
        }

        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            FpEmit.Half => &FpHelpers.ComplexMultiplyAdd<Binary16>,
            FpEmit.Single => &FpHelpers.ComplexMultiplyAdd<Binary32>,
            _ => &FpHelpers.ComplexMultiplyAdd<Binary64>,
        };
        t.B.Call(helper, V(w), V(w >> 5), V(w >> 16), aux: FpEmit.Aux(FpEmit.Lanes(w, size), Bits(w, 12, 11) << FpHelpers.RotationShift));
        return true;
    }

    private static bool BFloatDot(A64Translator t, uint w)
    {
        t.B.Call(&FpHelpers.BFloatDot, V(w), V(w >> 5), V(w >> 16), aux: FpEmit.Aux(FpEmit.Lanes(w, FpEmit.Single)));
        return true;
    }

    private static bool BFloatMatrix(A64Translator t, uint w)
    {
        t.B.Call(&FpHelpers.BFloatMatrix, V(w), V(w >> 5), V(w >> 16));
        return true;
    }

    private static bool BFloatMultiplyAddLong(A64Translator t, uint w)
    {
        // Q selects the odd elements (T) rather than the even ones (B); there are always four lanes.
        var odd = Bit(w, 30) * 2;
        t.B.Call(&FpHelpers.BFloatMultiplyAddLong, V(w), (ushort)(V(w >> 5) + odd), (ushort)(V(w >> 16) + odd), aux: FpEmit.Aux(4));
        return true;
    }
}
