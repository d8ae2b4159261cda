// Advanced SIMD two-register miscellaneous, integer, and scalar pairwise ADDP (Arm ARM C4.1.96).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the two-register group.</summary>
internal static unsafe class SimdTwoRegister
{
    public static A64Row[] Rows =>
    [
        new("REV64", "0q001110ss100000000010nnnnnddddd", &Rev64, fp: true),
        new("REV32 (vector)", "0q101110ss100000000010nnnnnddddd", &Rev32, fp: true),
        new("REV16 (vector)", "0q001110ss100000000110nnnnnddddd", &Rev16, fp: true),
        new("SADDLP", "0q001110ss100000001010nnnnnddddd", &PairsSigned<AddLongPairs>, fp: true),
        new("UADDLP", "0q101110ss100000001010nnnnnddddd", &PairsUnsigned<AddLongPairs>, fp: true),
        new("SUQADD", "0q001110ss100000001110nnnnnddddd", &LaneSigned<SignedPlusUnsigned>, fp: true),
        new("USQADD", "0q101110ss100000001110nnnnnddddd", &LaneUnsigned<UnsignedPlusSigned>, fp: true),
        new("CLS (vector)", "0q001110ss100000010010nnnnnddddd", &LaneSigned<LeadingSigns>, fp: true),
        new("CLZ (vector)", "0q101110ss100000010010nnnnnddddd", &LaneUnsigned<LeadingZeros>, fp: true),
        new("CNT", "0q001110ss100000010110nnnnnddddd", &Unsigned<CountBits>, fp: true),
        new("NOT", "0q10111000100000010110nnnnnddddd", &Unsigned<Not>, fp: true),
        new("RBIT (vector)", "0q10111001100000010110nnnnnddddd", &Rbit, fp: true),
        new("SADALP", "0q001110ss100000011010nnnnnddddd", &PairsSigned<AddLongPairsAccumulate>, fp: true),
        new("UADALP", "0q101110ss100000011010nnnnnddddd", &PairsUnsigned<AddLongPairsAccumulate>, fp: true),
        new("SQABS", "0q001110ss100000011110nnnnnddddd", &LaneSigned<SaturatingAbsolute>, fp: true),
        new("SQNEG", "0q101110ss100000011110nnnnnddddd", &LaneSigned<SaturatingNegate>, fp: true),
        new("CMGT (zero)", "0q001110ss100000100010nnnnnddddd", &Signed<CompareGreaterZero>, fp: true),
        new("CMGE (zero)", "0q101110ss100000100010nnnnnddddd", &Signed<CompareGreaterEqualZero>, fp: true),
        new("CMEQ (zero)", "0q001110ss100000100110nnnnnddddd", &Signed<CompareEqualZero>, fp: true),
        new("CMLE (zero)", "0q101110ss100000100110nnnnnddddd", &Signed<CompareLessEqualZero>, fp: true),
        new("CMLT (zero)", "0q001110ss100000101010nnnnnddddd", &Signed<CompareLessZero>, fp: true),
        new("ABS", "0q001110ss100000101110nnnnnddddd", &Signed<Absolute>, fp: true),
        new("NEG (vector)", "0q101110ss100000101110nnnnnddddd", &Signed<Negate>, fp: true),
        new("XTN, XTN2", "0q001110ss100001001010nnnnnddddd", &Xtn, fp: true),
        new("SQXTUN, SQXTUN2", "0q101110ss100001001010nnnnnddddd", &Sqxtun, fp: true),
        new("SQXTN, SQXTN2", "0q001110ss100001010010nnnnnddddd", &Sqxtn, fp: true),
        new("UQXTN, UQXTN2", "0q101110ss100001010010nnnnnddddd", &Uqxtn, fp: true),
        new("SHLL, SHLL2", "0q101110ss100001001110nnnnnddddd", &Shll, fp: true),

        new("SUQADD (scalar)", "01011110ss100000001110nnnnnddddd", &ScalarLaneSigned<SignedPlusUnsigned>, fp: true),
        new("USQADD (scalar)", "01111110ss100000001110nnnnnddddd", &ScalarLaneUnsigned<UnsignedPlusSigned>, fp: true),
        new("SQABS (scalar)", "01011110ss100000011110nnnnnddddd", &ScalarLaneSigned<SaturatingAbsolute>, fp: true),
        new("SQNEG (scalar)", "01111110ss100000011110nnnnnddddd", &ScalarLaneSigned<SaturatingNegate>, fp: true),
        new("CMGT (zero, scalar)", "0101111011100000100010nnnnnddddd", &Scalar<CompareGreaterZero>, fp: true),
        new("CMGE (zero, scalar)", "0111111011100000100010nnnnnddddd", &Scalar<CompareGreaterEqualZero>, fp: true),
        new("CMEQ (zero, scalar)", "0101111011100000100110nnnnnddddd", &Scalar<CompareEqualZero>, fp: true),
        new("CMLE (zero, scalar)", "0111111011100000100110nnnnnddddd", &Scalar<CompareLessEqualZero>, fp: true),
        new("CMLT (zero, scalar)", "0101111011100000101010nnnnnddddd", &Scalar<CompareLessZero>, fp: true),
        new("ABS (scalar)", "0101111011100000101110nnnnnddddd", &Scalar<Absolute>, fp: true),
        new("NEG (vector, scalar)", "0111111011100000101110nnnnnddddd", &Scalar<Negate>, fp: true),
        new("SQXTUN (scalar)", "01111110ss100001001010nnnnnddddd", &SqxtunScalar, fp: true),
        new("SQXTN (scalar)", "01011110ss100001010010nnnnnddddd", &SqxtnScalar, fp: true),
        new("UQXTN (scalar)", "01111110ss100001010010nnnnnddddd", &UqxtnScalar, fp: true),
        new("ADDP (scalar)", "0101111011110001101110nnnnnddddd", &AddpScalar, fp: true),
    ];

    private static bool Emit(A64Translator t, uint w, uint sizes, delegate*<CpuState*, MicroOp*, void> helper, VectorOperation operation = VectorOperation.None)
    {
        if (!Fits(sizes, Size(w), Q(w)))
        {
            return false;
        }

        t.B.CallVector(helper, D(w), N(w), N(w), Bytes(w), operation: operation);
        return true;
    }

    private static bool Signed<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        Emit(t, w, TOp.Sizes, HelperTable.SameSigned<TOp>(Size(w)), Known(TOp.Known, Size(w), signed: true));

    private static bool Unsigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        Emit(t, w, TOp.Sizes, HelperTable.SameUnsigned<TOp>(Size(w)), Known(TOp.Known, Size(w)));

    private static bool LaneSigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp =>
        Emit(t, w, TOp.Sizes, HelperTable.LaneSigned<TOp>(Size(w)));

    private static bool LaneUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp =>
        Emit(t, w, TOp.Sizes, HelperTable.LaneUnsigned<TOp>(Size(w)));

    // The operation works on the result's elements, twice as wide as size says.
    private static bool PairsSigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        Emit(t, w, 0b0111, HelperTable.SameSigned<TOp>(Size(w) + 1));

    private static bool PairsUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        Emit(t, w, 0b0111, HelperTable.SameUnsigned<TOp>(Size(w) + 1));

    private static bool Scalar<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp
    {
        t.B.CallVector(&VectorRunner.Same<long, TOp>, D(w), N(w), N(w), 8, operation: Known(TOp.Known, 3, signed: true));
        return true;
    }

    private static bool ScalarLaneSigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp
    {
        t.B.CallVector(HelperTable.LaneSigned<TOp>(Size(w)), D(w), N(w), N(w), (ushort)(1 << (int)Size(w)));
        return true;
    }

    private static bool ScalarLaneUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp
    {
        t.B.CallVector(HelperTable.LaneUnsigned<TOp>(Size(w)), D(w), N(w), N(w), (ushort)(1 << (int)Size(w)));
        return true;
    }

    // Byte i of the result is byte i ^ (container - element bytes) of the source.
    private static bool Reverse(A64Translator t, uint w, uint container)
    {
        var element = 1u << (int)Size(w);
        if (element >= container)
        {
            return false;
        }

        t.B.CallVector(&Permute.Reverse, D(w), N(w), c: Bytes(w), aux: container - element);
        return true;
    }

    private static bool Rev64(A64Translator t, uint w) => Reverse(t, w, 8);

    private static bool Rev32(A64Translator t, uint w) => Reverse(t, w, 4);

    private static bool Rev16(A64Translator t, uint w) => Reverse(t, w, 2);

    private static bool Rbit(A64Translator t, uint w)
    {
        t.B.CallVector(&VectorRunner.Same<byte, ReverseBits>, D(w), N(w), N(w), Bytes(w));
        return true;
    }

    private static bool Xtn(A64Translator t, uint w)
    {
        if (Size(w) == 3)
        {
            return false;
        }

        t.B.CallVector(HelperTable.ShiftNarrow(Size(w)), DHalf(w), N(w), c: NarrowBytes(w));
        return true;
    }

    private static bool Narrow(A64Translator t, uint w, NarrowKind kind)
    {
        if (Size(w) == 3)
        {
            return false;
        }

        t.B.CallVector(HelperTable.NarrowSaturate(Size(w), kind), DHalf(w), N(w), c: NarrowBytes(w));
        return true;
    }

    private static bool Sqxtn(A64Translator t, uint w) => Narrow(t, w, NarrowKind.Signed);

    private static bool Uqxtn(A64Translator t, uint w) => Narrow(t, w, NarrowKind.Unsigned);

    private static bool Sqxtun(A64Translator t, uint w) => Narrow(t, w, NarrowKind.SignedToUnsigned);

    private static bool NarrowScalar(A64Translator t, uint w, NarrowKind kind)
    {
        if (Size(w) == 3)
        {
            return false;
        }

        t.B.CallVector(HelperTable.NarrowSaturate(Size(w), kind), D(w), N(w), c: (ushort)(1 << (int)Size(w)));
        return true;
    }

    private static bool SqxtnScalar(A64Translator t, uint w) => NarrowScalar(t, w, NarrowKind.Signed);

    private static bool UqxtnScalar(A64Translator t, uint w) => NarrowScalar(t, w, NarrowKind.Unsigned);

    private static bool SqxtunScalar(A64Translator t, uint w) => NarrowScalar(t, w, NarrowKind.SignedToUnsigned);

    private static bool Shll(A64Translator t, uint w)
    {
        if (Size(w) == 3)
        {
            return false;
        }

        t.B.CallVector(HelperTable.ShiftLong(Size(w), unsigned: true), D(w), NHalf(w), c: 16, aux: 8u << (int)Size(w));
        return true;
    }

    private static bool AddpScalar(A64Translator t, uint w)
    {
        t.B.Emit(MicroOpKind.Add64, D(w), N(w), (ushort)(N(w) + 8));
        t.B.Emit(MicroOpKind.MovI, (ushort)(D(w) + 8));
        return true;
    }
}
