// Advanced SIMD three different: widening, narrowing and mixed arithmetic, vector and scalar (Arm ARM C4.1.96). The "2" forms read or write upper halves.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the three-different group.</summary>
internal static unsafe class SimdThreeDifferent
{
    public static A64Row[] Rows =>
    [
        new("SADDL, SADDL2", "0q001110ss1mmmmm000000nnnnnddddd", &LongSigned<Add>, fp: true),
        new("UADDL, UADDL2", "0q101110ss1mmmmm000000nnnnnddddd", &LongUnsigned<Add>, fp: true),
        new("SADDW, SADDW2", "0q001110ss1mmmmm000100nnnnnddddd", &WideSigned<Add>, fp: true),
        new("UADDW, UADDW2", "0q101110ss1mmmmm000100nnnnnddddd", &WideUnsigned<Add>, fp: true),
        new("SSUBL, SSUBL2", "0q001110ss1mmmmm001000nnnnnddddd", &LongSigned<Sub>, fp: true),
        new("USUBL, USUBL2", "0q101110ss1mmmmm001000nnnnnddddd", &LongUnsigned<Sub>, fp: true),
        new("SSUBW, SSUBW2", "0q001110ss1mmmmm001100nnnnnddddd", &WideSigned<Sub>, fp: true),
        new("USUBW, USUBW2", "0q101110ss1mmmmm001100nnnnnddddd", &WideUnsigned<Sub>, fp: true),
        new("ADDHN, ADDHN2", "0q001110ss1mmmmm010000nnnnnddddd", &HighNarrow<Add>, fp: true),
        new("RADDHN, RADDHN2", "0q101110ss1mmmmm010000nnnnnddddd", &HighNarrow<Add>, fp: true),
        new("SABAL, SABAL2", "0q001110ss1mmmmm010100nnnnnddddd", &LongSigned<AbsoluteDifferenceAccumulate>, fp: true),
        new("UABAL, UABAL2", "0q101110ss1mmmmm010100nnnnnddddd", &LongUnsigned<AbsoluteDifferenceAccumulate>, fp: true),
        new("SUBHN, SUBHN2", "0q001110ss1mmmmm011000nnnnnddddd", &HighNarrow<Sub>, fp: true),
        new("RSUBHN, RSUBHN2", "0q101110ss1mmmmm011000nnnnnddddd", &HighNarrow<Sub>, fp: true),
        new("SABDL, SABDL2", "0q001110ss1mmmmm011100nnnnnddddd", &LongSigned<AbsoluteDifference>, fp: true),
        new("UABDL, UABDL2", "0q101110ss1mmmmm011100nnnnnddddd", &LongUnsigned<AbsoluteDifference>, fp: true),
        new("SMLAL, SMLAL2 (vector)", "0q001110ss1mmmmm100000nnnnnddddd", &LongSigned<Mla>, fp: true),
        new("UMLAL, UMLAL2 (vector)", "0q101110ss1mmmmm100000nnnnnddddd", &LongUnsigned<Mla>, fp: true),
        new("SQDMLAL, SQDMLAL2 (vector)", "0q001110ss1mmmmm100100nnnnnddddd", &Doubling<DoublingMultiplyAddLong>, fp: true),
        new("SMLSL, SMLSL2 (vector)", "0q001110ss1mmmmm101000nnnnnddddd", &LongSigned<Mls>, fp: true),
        new("UMLSL, UMLSL2 (vector)", "0q101110ss1mmmmm101000nnnnnddddd", &LongUnsigned<Mls>, fp: true),
        new("SQDMLSL, SQDMLSL2 (vector)", "0q001110ss1mmmmm101100nnnnnddddd", &Doubling<DoublingMultiplySubLong>, fp: true),
        new("SMULL, SMULL2 (vector)", "0q001110ss1mmmmm110000nnnnnddddd", &LongSigned<Mul>, fp: true),
        new("UMULL, UMULL2 (vector)", "0q101110ss1mmmmm110000nnnnnddddd", &LongUnsigned<Mul>, fp: true),
        new("SQDMULL, SQDMULL2 (vector)", "0q001110ss1mmmmm110100nnnnnddddd", &Doubling<DoublingMultiplyLong>, fp: true),
        new("PMULL, PMULL2 (8-bit)", "0q001110001mmmmm111000nnnnnddddd", &Pmull8, fp: true),
        new("PMULL, PMULL2 (64-bit)", "0q001110111mmmmm111000nnnnnddddd", &Pmull64, "FEAT_PMULL", fp: true),

        new("SQDMLAL (vector, scalar)", "01011110ss1mmmmm100100nnnnnddddd", &ScalarDoubling<DoublingMultiplyAddLong>, fp: true),
        new("SQDMLSL (vector, scalar)", "01011110ss1mmmmm101100nnnnnddddd", &ScalarDoubling<DoublingMultiplySubLong>, fp: true),
        new("SQDMULL (vector, scalar)", "01011110ss1mmmmm110100nnnnnddddd", &ScalarDoubling<DoublingMultiplyLong>, fp: true),
    ];

    private static bool EmitLong(A64Translator t, uint w, uint sizes, delegate*<CpuState*, MicroOp*, void> helper)
    {
        if (((sizes >> (int)Size(w)) & 1) == 0)
        {
            return false;
        }

        t.B.CallVector(helper, D(w), NHalf(w), MHalf(w), 16);
        return true;
    }

    private static bool LongSigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        EmitLong(t, w, 0b0111, HelperTable.LongSigned<TOp>(Size(w)));

    private static bool LongUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        EmitLong(t, w, 0b0111, HelperTable.LongUnsigned<TOp>(Size(w)));

    private static bool Doubling<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp =>
        EmitLong(t, w, 0b0110, HelperTable.LaneLongSigned<TOp>(Size(w)));

    private static bool ScalarDoubling<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp
    {
        if (Size(w) is not (1 or 2))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LaneLongSigned<TOp>(Size(w)), D(w), N(w), M(w), (ushort)(2 << (int)Size(w)));
        return true;
    }

    private static bool EmitWide(A64Translator t, uint w, delegate*<CpuState*, MicroOp*, void> helper)
    {
        if (Size(w) == 3)
        {
            return false;
        }

        t.B.CallVector(helper, D(w), N(w), MHalf(w), 16);
        return true;
    }

    private static bool WideSigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        EmitWide(t, w, HelperTable.WideSigned<TOp>(Size(w)));

    private static bool WideUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp =>
        EmitWide(t, w, HelperTable.WideUnsigned<TOp>(Size(w)));

    // Bit 29 makes it rounding.
    private static bool HighNarrow<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp
    {
        if (Size(w) == 3)
        {
            return false;
        }

        t.B.CallVector(HelperTable.HighNarrow<TOp>(Size(w)), DHalf(w), N(w), M(w), NarrowBytes(w), U(w) ? 1u : 0);
        return true;
    }

    private static bool Pmull8(A64Translator t, uint w) => EmitLong(t, w, 0b0001, &Polynomial.MultiplyLong8);

    private static bool Pmull64(A64Translator t, uint w) => EmitLong(t, w, 0b1000, &Polynomial.MultiplyLong64);
}
