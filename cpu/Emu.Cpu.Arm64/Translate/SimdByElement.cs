// Advanced SIMD vector and scalar by indexed element, integer (Arm ARM C4.1.96): the element fills a temporary, then the operation of the vector form.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the by-element group.</summary>
internal static unsafe class SimdByElement
{
    public static A64Row[] Rows =>
    [
        new("MLA (by element)", "0q101111sslmmmmm0000h0nnnnnddddd", &Same<Mla>, fp: true),
        new("MLS (by element)", "0q101111sslmmmmm0100h0nnnnnddddd", &Same<Mls>, fp: true),
        new("MUL (by element)", "0q001111sslmmmmm1000h0nnnnnddddd", &Same<Mul>, fp: true),
        new("SMLAL, SMLAL2 (by element)", "0q001111sslmmmmm0010h0nnnnnddddd", &LongSigned<Mla>, fp: true),
        new("UMLAL, UMLAL2 (by element)", "0q101111sslmmmmm0010h0nnnnnddddd", &LongUnsigned<Mla>, fp: true),
        new("SMLSL, SMLSL2 (by element)", "0q001111sslmmmmm0110h0nnnnnddddd", &LongSigned<Mls>, fp: true),
        new("UMLSL, UMLSL2 (by element)", "0q101111sslmmmmm0110h0nnnnnddddd", &LongUnsigned<Mls>, fp: true),
        new("SMULL, SMULL2 (by element)", "0q001111sslmmmmm1010h0nnnnnddddd", &LongSigned<Mul>, fp: true),
        new("UMULL, UMULL2 (by element)", "0q101111sslmmmmm1010h0nnnnnddddd", &LongUnsigned<Mul>, fp: true),
        new("SQDMLAL, SQDMLAL2 (by element)", "0q001111sslmmmmm0011h0nnnnnddddd", &DoublingLong<DoublingMultiplyAddLong>, fp: true),
        new("SQDMLSL, SQDMLSL2 (by element)", "0q001111sslmmmmm0111h0nnnnnddddd", &DoublingLong<DoublingMultiplySubLong>, fp: true),
        new("SQDMULL, SQDMULL2 (by element)", "0q001111sslmmmmm1011h0nnnnnddddd", &DoublingLong<DoublingMultiplyLong>, fp: true),
        new("SQDMULH (by element)", "0q001111sslmmmmm1100h0nnnnnddddd", &Lanes<DoublingMultiplyHigh>, fp: true),
        new("SQRDMULH (by element)", "0q001111sslmmmmm1101h0nnnnnddddd", &Lanes<RoundingDoublingMultiplyHigh>, fp: true),
        new("SQRDMLAH (by element)", "0q101111sslmmmmm1101h0nnnnnddddd", &Lanes<RoundingDoublingMultiplyAddHigh>, "FEAT_RDM", fp: true),
        new("SQRDMLSH (by element)", "0q101111sslmmmmm1111h0nnnnnddddd", &Lanes<RoundingDoublingMultiplySubHigh>, "FEAT_RDM", fp: true),

        new("SQDMLAL (by element, scalar)", "01011111sslmmmmm0011h0nnnnnddddd", &ScalarLong<DoublingMultiplyAddLong>, fp: true),
        new("SQDMLSL (by element, scalar)", "01011111sslmmmmm0111h0nnnnnddddd", &ScalarLong<DoublingMultiplySubLong>, fp: true),
        new("SQDMULL (by element, scalar)", "01011111sslmmmmm1011h0nnnnnddddd", &ScalarLong<DoublingMultiplyLong>, fp: true),
        new("SQDMULH (by element, scalar)", "01011111sslmmmmm1100h0nnnnnddddd", &ScalarLanes<DoublingMultiplyHigh>, fp: true),
        new("SQRDMULH (by element, scalar)", "01011111sslmmmmm1101h0nnnnnddddd", &ScalarLanes<RoundingDoublingMultiplyHigh>, fp: true),
        new("SQRDMLAH (by element, scalar)", "01111111sslmmmmm1101h0nnnnnddddd", &ScalarLanes<RoundingDoublingMultiplyAddHigh>, "FEAT_RDM", fp: true),
        new("SQRDMLSH (by element, scalar)", "01111111sslmmmmm1111h0nnnnnddddd", &ScalarLanes<RoundingDoublingMultiplySubHigh>, "FEAT_RDM", fp: true),
    ];

    // 16-bit elements: index H:L:M of V0 to V15; 32-bit: index H:L of M:Rm. Other sizes are unallocated.
    private static bool Element(A64Translator t, uint w)
    {
        var h = (w >> 11) & 1;
        var l = (w >> 21) & 1;
        var m = (w >> 20) & 1;
        switch (Size(w))
        {
            case 1:
                t.B.Emit(MicroOpKind.VDup16, Temp(0), (ushort)(A64Translator.V((w >> 16) & 15) + (((h << 2) | (l << 1) | m) * 2)));
                return true;
            case 2:
                t.B.Emit(MicroOpKind.VDup32, Temp(0), (ushort)(M(w) + (((h << 1) | l) * 4)));
                return true;
            default:
                return false;
        }
    }

    private static bool Same<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp
    {
        if (!Element(t, w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.SameUnsigned<TOp>(Size(w)), D(w), N(w), Temp(0), Bytes(w), operation: Known(TOp.Known, Size(w)));
        return true;
    }

    private static bool Lanes<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp
    {
        if (!Element(t, w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LaneSigned<TOp>(Size(w)), D(w), N(w), Temp(0), Bytes(w));
        return true;
    }

    private static bool LongSigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp
    {
        if (!Element(t, w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LongSigned<TOp>(Size(w)), D(w), NHalf(w), Temp(0), 16);
        return true;
    }

    private static bool LongUnsigned<TOp>(A64Translator t, uint w) where TOp : struct, IVectorOp
    {
        if (!Element(t, w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LongUnsigned<TOp>(Size(w)), D(w), NHalf(w), Temp(0), 16);
        return true;
    }

    private static bool DoublingLong<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp
    {
        if (!Element(t, w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LaneLongSigned<TOp>(Size(w)), D(w), NHalf(w), Temp(0), 16);
        return true;
    }

    private static bool ScalarLong<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp
    {
        if (!Element(t, w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LaneLongSigned<TOp>(Size(w)), D(w), N(w), Temp(0), (ushort)(2 << (int)Size(w)));
        return true;
    }

    private static bool ScalarLanes<TOp>(A64Translator t, uint w) where TOp : struct, ILaneOp
    {
        if (!Element(t, w))
        {
            return false;
        }

        t.B.CallVector(HelperTable.LaneSigned<TOp>(Size(w)), D(w), N(w), Temp(0), (ushort)(1 << (int)Size(w)));
        return true;
    }
}
