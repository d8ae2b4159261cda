// Advanced SIMD three same, integer: vector and scalar forms, and the rounding multiplies of FEAT_RDM (Arm ARM C4.1.96).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the three-same group. Handlers are generic over the operation; Signed and Unsigned name the element types.</summary>
internal static unsafe class SimdThreeSame
{
    public static A64Row[] Rows =>
    [
        new("SHADD", "0q001110ss1mmmmm000001nnnnnddddd", &Signed<HalvingAdd>, fp: true),
        new("UHADD", "0q101110ss1mmmmm000001nnnnnddddd", &Unsigned<HalvingAdd>, fp: true),
        new("SQADD", "0q001110ss1mmmmm000011nnnnnddddd", &SaturatingSigned<SignedSaturatingAdd>, fp: true),
        new("UQADD", "0q101110ss1mmmmm000011nnnnnddddd", &SaturatingUnsigned<UnsignedSaturatingAdd>, fp: true),
        new("SRHADD", "0q001110ss1mmmmm000101nnnnnddddd", &Signed<RoundingHalvingAdd>, fp: true),
        new("URHADD", "0q101110ss1mmmmm000101nnnnnddddd", &Unsigned<RoundingHalvingAdd>, fp: true),
        new("SHSUB", "0q001110ss1mmmmm001001nnnnnddddd", &Signed<HalvingSub>, fp: true),
        new("UHSUB", "0q101110ss1mmmmm001001nnnnnddddd", &Unsigned<HalvingSub>, fp: true),
        new("SQSUB", "0q001110ss1mmmmm001011nnnnnddddd", &SaturatingSigned<SignedSaturatingSub>, fp: true),
        new("UQSUB", "0q101110ss1mmmmm001011nnnnnddddd", &SaturatingUnsigned<UnsignedSaturatingSub>, fp: true),
        new("CMGT (register)", "0q001110ss1mmmmm001101nnnnnddddd", &Signed<CompareGreater>, fp: true),
        new("CMHI (register)", "0q101110ss1mmmmm001101nnnnnddddd", &Unsigned<CompareGreater>, fp: true),
        new("CMGE (register)", "0q001110ss1mmmmm001111nnnnnddddd", &Signed<CompareGreaterEqual>, fp: true),
        new("CMHS (register)", "0q101110ss1mmmmm001111nnnnnddddd", &Unsigned<CompareGreaterEqual>, fp: true),
        new("SSHL", "0q001110ss1mmmmm010001nnnnnddddd", &LaneSigned<ShiftByRegister>, fp: true),
        new("USHL", "0q101110ss1mmmmm010001nnnnnddddd", &LaneUnsigned<ShiftByRegister>, fp: true),
        new("SQSHL (register)", "0q001110ss1mmmmm010011nnnnnddddd", &LaneSigned<SaturatingShiftByRegister>, fp: true),
        new("UQSHL (register)", "0q101110ss1mmmmm010011nnnnnddddd", &LaneUnsigned<SaturatingShiftByRegister>, fp: true),
        new("SRSHL", "0q001110ss1mmmmm010101nnnnnddddd", &LaneSigned<RoundingShiftByRegister>, fp: true),
        new("URSHL", "0q101110ss1mmmmm010101nnnnnddddd", &LaneUnsigned<RoundingShiftByRegister>, fp: true),
        new("SQRSHL", "0q001110ss1mmmmm010111nnnnnddddd", &LaneSigned<SaturatingRoundingShiftByRegister>, fp: true),
        new("UQRSHL", "0q101110ss1mmmmm010111nnnnnddddd", &LaneUnsigned<SaturatingRoundingShiftByRegister>, fp: true),
        new("SMAX", "0q001110ss1mmmmm011001nnnnnddddd", &Signed<Max>, fp: true),
        new("UMAX", "0q101110ss1mmmmm011001nnnnnddddd", &Unsigned<Max>, fp: true),
        new("SMIN", "0q001110ss1mmmmm011011nnnnnddddd", &Signed<Min>, fp: true),
        new("UMIN", "0q101110ss1mmmmm011011nnnnnddddd", &Unsigned<Min>, fp: true),
        new("SABD", "0q001110ss1mmmmm011101nnnnnddddd", &Signed<AbsoluteDifference>, fp: true),
        new("UABD", "0q101110ss1mmmmm011101nnnnnddddd", &Unsigned<AbsoluteDifference>, fp: true),
        new("SABA", "0q001110ss1mmmmm011111nnnnnddddd", &Signed<AbsoluteDifferenceAccumulate>, fp: true),
        new("UABA", "0q101110ss1mmmmm011111nnnnnddddd", &Unsigned<AbsoluteDifferenceAccumulate>, fp: true),
        new("ADD (vector)", "0q001110ss1mmmmm100001nnnnnddddd", &AddVector, fp: true),
        new("SUB (vector)", "0q101110ss1mmmmm100001nnnnnddddd", &SubVector, fp: true),
        new("CMTST", "0q001110ss1mmmmm100011nnnnnddddd", &Unsigned<CompareTest>, fp: true),
        new("CMEQ (register)", "0q101110ss1mmmmm100011nnnnnddddd", &CmeqVector, fp: true),
        new("MLA (vector)", "0q001110ss1mmmmm100101nnnnnddddd", &Unsigned<Mla>, fp: true),
        new("MLS (vector)", "0q101110ss1mmmmm100101nnnnnddddd", &Unsigned<Mls>, fp: true),
        new("MUL (vector)", "0q001110ss1mmmmm100111nnnnnddddd", &Unsigned<Mul>, fp: true),
        new("PMUL", "0q101110001mmmmm100111nnnnnddddd", &Pmul, fp: true),
        new("SMAXP", "0q001110ss1mmmmm101001nnnnnddddd", &PairwiseSigned<Max>, fp: true),
        new("UMAXP", "0q101110ss1mmmmm101001nnnnnddddd", &PairwiseUnsigned<Max>, fp: true),
        new("SMINP", "0q001110ss1mmmmm101011nnnnnddddd", &PairwiseSigned<Min>, fp: true),
        new("UMINP", "0q101110ss1mmmmm101011nnnnnddddd", &PairwiseUnsigned<Min>, fp: true),
        new("SQDMULH (vector)", "0q001110ss1mmmmm101101nnnnnddddd", &LaneSigned<DoublingMultiplyHigh>, fp: true),
        new("SQRDMULH (vector)", "0q101110ss1mmmmm101101nnnnnddddd", &LaneSigned<RoundingDoublingMultiplyHigh>, fp: true),
        new("ADDP (vector)", "0q001110ss1mmmmm101111nnnnnddddd", &PairwiseUnsigned<Add>, fp: true),
        new("AND (vector)", "0q001110001mmmmm000111nnnnnddddd", &And, fp: true),
        new("BIC (vector, register)", "0q001110011mmmmm000111nnnnnddddd", &Bic, fp: true),
        new("ORR (vector, register)", "0q001110101mmmmm000111nnnnnddddd", &Orr, fp: true),
        new("ORN (vector)", "0q001110111mmmmm000111nnnnnddddd", &Orn, fp: true),
        new("EOR (vector)", "0q101110001mmmmm000111nnnnnddddd", &Eor, fp: true),
        new("BSL", "0q101110011mmmmm000111nnnnnddddd", &Bitwise<BitwiseSelect>, fp: true),
        new("BIT", "0q101110101mmmmm000111nnnnnddddd", &Bitwise<BitwiseInsertIfTrue>, fp: true),
        new("BIF", "0q101110111mmmmm000111nnnnnddddd", &Bitwise<BitwiseInsertIfFalse>, fp: true),
        new("SQRDMLAH (vector)", "0q101110ss0mmmmm100001nnnnnddddd", &LaneSigned<RoundingDoublingMultiplyAddHigh>, "FEAT_RDM", fp: true),
        new("SQRDMLSH (vector)", "0q101110ss0mmmmm100011nnnnnddddd", &LaneSigned<RoundingDoublingMultiplySubHigh>, "FEAT_RDM", fp: true),

        new("SQADD (scalar)", "01011110ss1mmmmm000011nnnnnddddd", &ScalarSaturatingSigned<SignedSaturatingAdd>, fp: true),
        new("UQADD (scalar)", "01111110ss1mmmmm000011nnnnnddddd", &ScalarSaturatingUnsigned<UnsignedSaturatingAdd>, fp: true),
        new("SQSUB (scalar)", "01011110ss1mmmmm001011nnnnnddddd", &ScalarSaturatingSigned<SignedSaturatingSub>, fp: true),
        new("UQSUB (scalar)", "01111110ss1mmmmm001011nnnnnddddd", &ScalarSaturatingUnsigned<UnsignedSaturatingSub>, fp: true),
        new("CMGT (register, scalar)", "01011110111mmmmm001101nnnnnddddd", &ScalarSigned<CompareGreater>, fp: true),
        new("CMHI (register, scalar)", "01111110111mmmmm001101nnnnnddddd", &ScalarUnsigned<CompareGreater>, fp: true),
        new("CMGE (register, scalar)", "01011110111mmmmm001111nnnnnddddd", &ScalarSigned<CompareGreaterEqual>, fp: true),
        new("CMHS (register, scalar)", "01111110111mmmmm001111nnnnnddddd", &ScalarUnsigned<CompareGreaterEqual>, fp: true),
        new("SSHL (scalar)", "01011110ss1mmmmm010001nnnnnddddd", &ScalarLaneSigned<ShiftByRegister>, fp: true),
        new("USHL (scalar)", "01111110ss1mmmmm010001nnnnnddddd", &ScalarLaneUnsigned<ShiftByRegister>, fp: true),
        new("SQSHL (register, scalar)", "01011110ss1mmmmm010011nnnnnddddd", &ScalarLaneSigned<SaturatingShiftByRegister>, fp: true),
        new("UQSHL (register, scalar)", "01111110ss1mmmmm010011nnnnnddddd", &ScalarLaneUnsigned<SaturatingShiftByRegister>, fp: true),
        new("SRSHL (scalar)", "01011110ss1mmmmm010101nnnnnddddd", &ScalarLaneSigned<RoundingShiftByRegister>, fp: true),
        new("URSHL (scalar)", "01111110ss1mmmmm010101nnnnnddddd", &ScalarLaneUnsigned<RoundingShiftByRegister>, fp: true),
        new("SQRSHL (scalar)", "01011110ss1mmmmm010111nnnnnddddd", &ScalarLaneSigned<SaturatingRoundingShiftByRegister>, fp: true),
        new("UQRSHL (scalar)", "01111110ss1mmmmm010111nnnnnddddd", &ScalarLaneUnsigned<SaturatingRoundingShiftByRegister>, fp: true),
        new("ADD (vector, scalar)", "01011110111mmmmm100001nnnnnddddd", &ScalarUnsigned<Add>, fp: true),
        new("SUB (vector, scalar)", "01111110111mmmmm100001nnnnnddddd", &ScalarUnsigned<Sub>, fp: true),
        new("CMTST (scalar)", "01011110111mmmmm100011nnnnnddddd", &ScalarUnsigned<CompareTest>, fp: true),
        new("CMEQ (register, scalar)", "01111110111mmmmm100011nnnnnddddd", &ScalarUnsigned<CompareEqual>, fp: true),
        new("SQDMULH (vector, scalar)", "01011110ss1mmmmm101101nnnnnddddd", &ScalarLaneSigned<DoublingMultiplyHigh>, fp: true),
        new("SQRDMULH (vector, scalar)", "01111110ss1mmmmm101101nnnnnddddd", &ScalarLaneSigned<RoundingDoublingMultiplyHigh>, fp: true),
        new("SQRDMLAH (vector, scalar)", "01111110ss0mmmmm100001nnnnnddddd", &ScalarLaneSigned<RoundingDoublingMultiplyAddHigh>, "FEAT_RDM", fp: true),
        new("SQRDMLSH (vector, scalar)", "01111110ss0mmmmm100011nnnnnddddd", &ScalarLaneSigned<RoundingDoublingMultiplySubHigh>, "FEAT_RDM", fp: true),
    ];

    private static bool Emit(A64Translator t, uint w, uint sizes, delegate*<CpuState*, MicroOp*, void> helper, VectorOperation operation = VectorOperation.None)
    {
        if (!Fits(sizes, Size(w), Q(w)))
        {
            return false;
        }

        t.B.CallVector(helper, D(w), N(w), M(w), Bytes(w), operation: operation);
        return true;
    }

    private static bool EmitScalar(A64Translator t, uint w, uint sizes, delegate*<CpuState*, MicroOp*, void> helper)
    {
        if (((sizes >> (int)Size(w)) & 1) == 0)
        {
            return false;
        }

        t.B.CallVector(helper, D(w), N(w), M(w), (ushort)(1 << (int)Size(w)));
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

    private static bool SaturatingSigned<TOp>(A64Translator t, uint w) where TOp : struct, ISaturatingOp =>
        Emit(t, w, 0b1111, HelperTable.SaturatingSigned<TOp>(Size(w)));

    private static bool SaturatingUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, ISaturatingOp =>
        Emit(t, w, 0b1111, HelperTable.SaturatingUnsigned<TOp>(Size(w)));

    private static bool ScalarSaturatingSigned<TOp>(A64Translator t, uint w) where TOp : struct, ISaturatingOp =>
        EmitScalar(t, w, 0b1111, HelperTable.SaturatingSigned<TOp>(Size(w)));

    private static bool ScalarSaturatingUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, ISaturatingOp =>
        EmitScalar(t, w, 0b1111, HelperTable.SaturatingUnsigned<TOp>(Size(w)));

    private static bool PairwiseSigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        Emit(t, w, TOp.Sizes, HelperTable.PairwiseSigned<TOp>(Size(w)));

    private static bool PairwiseUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        Emit(t, w, TOp.Sizes, HelperTable.PairwiseUnsigned<TOp>(Size(w)));

    private static bool ScalarSigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        EmitScalar(t, w, 0b1000, &VectorRunner.Same<long, TOp>);

    private static bool ScalarUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        EmitScalar(t, w, 0b1000, &VectorRunner.Same<ulong, TOp>);

    private static bool ScalarLaneSigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp =>
        EmitScalar(t, w, TOp.ScalarSizes, HelperTable.LaneSigned<TOp>(Size(w)));

    private static bool ScalarLaneUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp =>
        EmitScalar(t, w, TOp.ScalarSizes, HelperTable.LaneUnsigned<TOp>(Size(w)));

    private static bool Bitwise<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp
    {
        t.B.CallVector(&VectorRunner.Same<ulong, TOp>, D(w), N(w), M(w), Bytes(w), operation: Known(TOp.Known, 3));
        return true;
    }

    // The kinds of the four element sizes follow each other in MicroOpKind's naming, not in its numbering.
    private static bool EmitSized(A64Translator t, uint w, MicroOpKind k8, MicroOpKind k16, MicroOpKind k32, MicroOpKind k64)
    {
        if (!Fits(0b1111, Size(w), Q(w)))
        {
            return false;
        }

        Direct(t, w, Size(w) switch { 0 => k8, 1 => k16, 2 => k32, _ => k64 }, N(w), M(w));
        return true;
    }

    private static bool AddVector(A64Translator t, uint w) =>
        EmitSized(t, w, MicroOpKind.VAdd8, MicroOpKind.VAdd16, MicroOpKind.VAdd32, MicroOpKind.VAdd64);

    private static bool SubVector(A64Translator t, uint w) =>
        EmitSized(t, w, MicroOpKind.VSub8, MicroOpKind.VSub16, MicroOpKind.VSub32, MicroOpKind.VSub64);

    private static bool CmeqVector(A64Translator t, uint w) =>
        EmitSized(t, w, MicroOpKind.VCmpEq8, MicroOpKind.VCmpEq16, MicroOpKind.VCmpEq32, MicroOpKind.VCmpEq64);

    private static bool And(A64Translator t, uint w)
    {
        Direct(t, w, MicroOpKind.VAnd, N(w), M(w));
        return true;
    }

    private static bool Bic(A64Translator t, uint w)
    {
        Direct(t, w, MicroOpKind.VAndNot, N(w), M(w));
        return true;
    }

    private static bool Orr(A64Translator t, uint w)
    {
        if (N(w) == M(w))
        {
            // MOV (vector).
            t.B.Emit(Q(w) ? MicroOpKind.VMov : MicroOpKind.VMov64, D(w), N(w));
        }
        else
        {
            Direct(t, w, MicroOpKind.VOr, N(w), M(w));
        }

        return true;
    }

    private static bool Orn(A64Translator t, uint w)
    {
        Direct(t, w, MicroOpKind.VOrNot, N(w), M(w));
        return true;
    }

    private static bool Eor(A64Translator t, uint w)
    {
        if (N(w) == M(w))
        {
            // The way to clear a register.
            t.B.Emit(MicroOpKind.VMovI, D(w));
        }
        else
        {
            Direct(t, w, MicroOpKind.VXor, N(w), M(w));
        }

        return true;
    }

    private static bool Pmul(A64Translator t, uint w)
    {
        t.B.CallVector(&Polynomial.Multiply, D(w), N(w), M(w), Bytes(w));
        return true;
    }
}
