// AdvSIMD floating-point with one source: two-register miscellaneous, pairwise, across lanes, fixed-point shifts, vector immediate.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Fp;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>
/// Arm ARM C4.1: Advanced SIMD (scalar) two-register miscellaneous and its FP16 form, scalar pairwise, across lanes, shift by immediate, modified
/// immediate: the floating-point part.
/// </summary>
public static unsafe class FpVectorMisc
{
    private const int VectorForm = 1;
    private const int ScalarForm = 2;
    private const int Both = VectorForm | ScalarForm;

    /// <summary>Rows of this chapter.</summary>
    public static IReadOnlyList<A64Row> Rows { get; } =
    [
        // Name, U, bit 23, opcode.
        .. Misc("FRINTN", 0, 0, "11000", &Round, VectorForm),
        .. Misc("FRINTM", 0, 0, "11001", &Round, VectorForm),
        .. Misc("FRINTP", 0, 1, "11000", &Round, VectorForm),
        .. Misc("FRINTZ", 0, 1, "11001", &Round, VectorForm),
        .. Misc("FRINTA", 1, 0, "11000", &Round, VectorForm),
        .. Misc("FRINTX", 1, 0, "11001", &Round, VectorForm),
        .. Misc("FRINTI", 1, 1, "11001", &Round, VectorForm),
        .. Misc("FCVTNS", 0, 0, "11010", &ToInteger, Both),
        .. Misc("FCVTMS", 0, 0, "11011", &ToInteger, Both),
        .. Misc("FCVTAS", 0, 0, "11100", &ToInteger, Both),
        .. Misc("FCVTPS", 0, 1, "11010", &ToInteger, Both),
        .. Misc("FCVTZS", 0, 1, "11011", &ToInteger, Both),
        .. Misc("FCVTNU", 1, 0, "11010", &ToInteger, Both),
        .. Misc("FCVTMU", 1, 0, "11011", &ToInteger, Both),
        .. Misc("FCVTAU", 1, 0, "11100", &ToInteger, Both),
        .. Misc("FCVTPU", 1, 1, "11010", &ToInteger, Both),
        .. Misc("FCVTZU", 1, 1, "11011", &ToInteger, Both),
        .. Misc("SCVTF", 0, 0, "11101", &FromInteger, Both),
        .. Misc("UCVTF", 1, 0, "11101", &FromInteger, Both),
        .. Misc("FCMGT (zero)", 0, 1, "01100", &Lanes1<FCmGt0>, Both),
        .. Misc("FCMEQ (zero)", 0, 1, "01101", &Lanes1<FCmEq0>, Both),
        .. Misc("FCMLT (zero)", 0, 1, "01110", &Lanes1<FCmLt0>, Both),
        .. Misc("FCMGE (zero)", 1, 1, "01100", &Lanes1<FCmGe0>, Both),
        .. Misc("FCMLE (zero)", 1, 1, "01101", &Lanes1<FCmLe0>, Both),
        .. Misc("FABS", 0, 1, "01111", &Absolute, VectorForm),
        .. Misc("FNEG", 1, 1, "01111", &Negate, VectorForm),
        .. Misc("FSQRT", 1, 1, "11111", &Lanes1<FSqrt>, VectorForm),
        .. Misc("FRECPE", 0, 1, "11101", &Lanes1<FRecpE>, Both),
        .. Misc("FRSQRTE", 1, 1, "11101", &Lanes1<FRSqrtE>, Both),
        .. Misc("FRECPX", 0, 1, "11111", &Lanes1<FRecpX>, ScalarForm),
        new("URECPE", "0Q001110 10100001 110010nn nnnddddd", &Lanes1<URecpE>, fp: true),
        new("URSQRTE", "0Q101110 10100001 110010nn nnnddddd", &Lanes1<URSqrtE>, fp: true),
        new("FRINT32Z (vector)", "0Q001110 0s100001 111010nn nnnddddd", &RoundSized, "FEAT_FRINTTS", fp: true),
        new("FRINT64Z (vector)", "0Q001110 0s100001 111110nn nnnddddd", &RoundSized, "FEAT_FRINTTS", fp: true),
        new("FRINT32X (vector)", "0Q101110 0s100001 111010nn nnnddddd", &RoundSized, "FEAT_FRINTTS", fp: true),
        new("FRINT64X (vector)", "0Q101110 0s100001 111110nn nnnddddd", &RoundSized, "FEAT_FRINTTS", fp: true),
        new("FCVTL, FCVTL2", "0Q001110 0s100001 011110nn nnnddddd", &Lengthen, fp: true),
        new("FCVTN, FCVTN2", "0Q001110 0s100001 011010nn nnnddddd", &Narrow, fp: true),
        new("FCVTXN, FCVTXN2 (vector)", "0Q101110 01100001 011010nn nnnddddd", &NarrowToOdd, fp: true),
        new("FCVTXN (scalar)", "01111110 01100001 011010nn nnnddddd", &NarrowToOdd, fp: true),
        new("BFCVTN, BFCVTN2", "0Q001110 10100001 011010nn nnnddddd", &NarrowToBFloat, "FEAT_BF16", fp: true),

        // Across lanes and scalar pairwise: name, bit 23, opcode.
        .. Reductions("FMAXNM", 0, "01100", &AcrossLanes<FMaxNm>, &ScalarPair<FMaxNm>),
        .. Reductions("FMINNM", 1, "01100", &AcrossLanes<FMinNm>, &ScalarPair<FMinNm>),
        .. Reductions("FMAX", 0, "01111", &AcrossLanes<FMax>, &ScalarPair<FMax>),
        .. Reductions("FMIN", 1, "01111", &AcrossLanes<FMin>, &ScalarPair<FMin>),
        new("FADDP (scalar)", "01111110 0s110000 110110nn nnnddddd", &ScalarPair<FAdd>, fp: true),
        new("FADDP (scalar, half)", "01011110 00110000 110110nn nnnddddd", &ScalarPair<FAdd>, "FEAT_FP16", fp: true),

        // Fixed point, by the position of the leading bit of immh.
        .. FixedPoint("SCVTF", 0, "11100", &FromFixed),
        .. FixedPoint("UCVTF", 1, "11100", &FromFixed),
        .. FixedPoint("FCVTZS", 0, "11111", &ToFixed),
        .. FixedPoint("FCVTZU", 1, "11111", &ToFixed),

        new("FMOV (vector, immediate, single)", "0Q001111 00000abc 111101de fghddddd", &MoveImmediate, fp: true),
        new("FMOV (vector, immediate, double)", "01101111 00000abc 111101de fghddddd", &MoveImmediate, fp: true),
        new("FMOV (vector, immediate, half)", "0Q001111 00000abc 111111de fghddddd", &MoveImmediate, "FEAT_FP16", fp: true),
    ];

    private static List<A64Row> Misc(string name, int u, int b, string opcode, delegate*<A64Translator, uint, bool> handler, int forms)
    {
        List<A64Row> rows = [];
        if ((forms & VectorForm) != 0)
        {
            rows.Add(new(name + " (vector)", $"0Q{u}01110 {b}s10000{opcode}10nn nnnddddd", handler, fp: true));
            rows.Add(new(name + " (vector, half)", $"0Q{u}01110 {b}111100{opcode}10nn nnnddddd", handler, "FEAT_FP16", fp: true));
        }

        if ((forms & ScalarForm) != 0)
        {
            rows.Add(new(name + " (scalar SIMD)", $"01{u}11110 {b}s10000{opcode}10nn nnnddddd", handler, fp: true));
            rows.Add(new(name + " (scalar SIMD, half)", $"01{u}11110 {b}111100{opcode}10nn nnnddddd", handler, "FEAT_FP16", fp: true));
        }

        return rows;
    }

    private static A64Row[] Reductions(
        string name, int b, string opcode, delegate*<A64Translator, uint, bool> across, delegate*<A64Translator, uint, bool> pair) =>
    [
        new(name + "V", $"01101110 {b}011000{opcode}10nn nnnddddd", across, fp: true),
        new(name + "V (half)", $"0Q001110 {b}011000{opcode}10nn nnnddddd", across, "FEAT_FP16", fp: true),
        new(name + "P (scalar)", $"01111110 {b}s11000{opcode}10nn nnnddddd", pair, fp: true),
        new(name + "P (scalar, half)", $"01011110 {b}011000{opcode}10nn nnnddddd", pair, "FEAT_FP16", fp: true),
    ];

    private static List<A64Row> FixedPoint(string name, int u, string opcode, delegate*<A64Translator, uint, bool> handler)
    {
        List<A64Row> rows = [];
        foreach (var (form, prefix) in new[] { ("vector", $"0Q{u}011110 "), ("scalar SIMD", $"01{u}111110 ") })
        {
            rows.Add(new($"{name} ({form}, fixed-point, double)", $"{prefix}1iiiiii {opcode}1nn nnnddddd", handler, fp: true));
            rows.Add(new($"{name} ({form}, fixed-point, single)", $"{prefix}01iiiii {opcode}1nn nnnddddd", handler, fp: true));
            rows.Add(new($"{name} ({form}, fixed-point, half)", $"{prefix}001iiii {opcode}1nn nnnddddd", handler, "FEAT_FP16", fp: true));
        }

        return rows;
    }

    /// <summary>Size and lanes: bit 20 set together with bit 19 is the FP16 group, bit 28 set is scalar.</summary>
    private static bool Shape(uint w, out int size, out uint lanes)
    {
        size = Bits(w, 20, 19) == 3 ? FpEmit.Half : Bit(w, 22) == 0 ? FpEmit.Single : FpEmit.Double;
        lanes = Bit(w, 28) != 0 ? 1 : FpEmit.Lanes(w, size);
        return Bit(w, 28) != 0 || lanes > 1;
    }

    private static bool EmitLanes<TOp>(A64Translator t, uint w, uint argument)
        where TOp : struct, IFpUnary
    {
        if (!Shape(w, out var size, out var lanes))
        {
            return false;
        }

        if (lanes == 1)
        {
            FpEmit.Scalar1<TOp>(t, w, size, argument);
        }
        else
        {
            FpEmit.Vector1<TOp>(t, w, size, lanes, argument);
        }

        return true;
    }

    private static bool Lanes1<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpUnary => EmitLanes<TOp>(t, w, 0);

    private static bool Round(A64Translator t, uint w)
    {
        // Bit 12 and bit 23 are FPCR.RMode's encoding; with U, the remaining modes.
        var mode = Bit(w, 23) | (Bit(w, 12) << 1);
        return EmitLanes<FRInt>(t, w, Bit(w, 29) == 0 ? mode : mode switch
        {
            0 => (uint)FpRounding.TiesAway,
            2 => (uint)FpRounding.Current | FpArgument.Exact,
            _ => (uint)FpRounding.Current,
        });
    }

    private static bool RoundSized(A64Translator t, uint w) =>
        EmitLanes<FRIntSized>(t, w, (uint)(Bit(w, 29) != 0 ? FpRounding.Current : FpRounding.Zero) | (Bit(w, 12) != 0 ? FpArgument.Is64 : 0));

    private static bool ToInteger(A64Translator t, uint w)
    {
        var mode = Bit(w, 14) == 1 && Bits(w, 13, 12) == 0 ? (uint)FpRounding.TiesAway : Bit(w, 23) | (Bit(w, 12) << 1);
        return EmitLanes<FToFixed>(t, w, mode | (Bit(w, 29) != 0 ? FpArgument.Unsigned : 0));
    }

    private static bool FromInteger(A64Translator t, uint w) => EmitLanes<FFromFixed>(t, w, Bit(w, 29) != 0 ? FpArgument.Unsigned : 0);

    private static bool Absolute(A64Translator t, uint w)
    {
        if (!Shape(w, out var size, out _))
        {
            return false;
        }

        EmitMask(t, w, (long)~SignBits(size));
        t.B.Emit(MicroOpKind.VAnd, V(w), V(w >> 5), Arm64State.VectorTemporaries);
        return true;
    }

    private static bool Negate(A64Translator t, uint w)
    {
        if (!Shape(w, out var size, out _))
        {
            return false;
        }

        EmitMask(t, w, (long)SignBits(size));
        t.B.Emit(MicroOpKind.VXor, V(w), V(w >> 5), Arm64State.VectorTemporaries);
        if (Bit(w, 30) == 0)
        {
            FpEmit.ZeroUpper(t, w);
        }

        return true;
    }

    /// <summary>The first vector temporary = a mask in as many halves as the instruction has.</summary>
    private static void EmitMask(A64Translator t, uint w, long mask) =>
        t.B.Emit(Bit(w, 30) != 0 ? MicroOpKind.VMovI : MicroOpKind.VMovI64, Arm64State.VectorTemporaries, imm: mask);

    private static ulong SignBits(int size) => size switch
    {
        FpEmit.Half => 0x8000_8000_8000_8000,
        FpEmit.Single => 0x8000_0000_8000_0000,
        _ => 0x8000_0000_0000_0000,
    };

    private static bool Lengthen(A64Translator t, uint w)
    {
        var source = (ushort)(V(w >> 5) + (Bit(w, 30) * 8));
        if (Bit(w, 22) == 0)
        {
            t.B.Call(&FpHelpers.Lengthen<Binary16, Binary32>, V(w), source, aux: FpEmit.Aux(4));
        }
        else
        {
            t.B.Call(&FpHelpers.Lengthen<Binary32, Binary64>, V(w), source, aux: FpEmit.Aux(2));
        }

        return true;
    }

    private static bool Narrow(A64Translator t, uint w)
    {
        var argument = (uint)FpRounding.Current | (Bit(w, 30) != 0 ? FpHelpers.SecondPart : 0);
        if (Bit(w, 22) == 0)
        {
            t.B.Call(&FpHelpers.Narrow<Binary32, Binary16>, V(w), V(w >> 5), aux: FpEmit.Aux(4, argument));
        }
        else
        {
            t.B.Call(&FpHelpers.Narrow<Binary64, Binary32>, V(w), V(w >> 5), aux: FpEmit.Aux(2, argument));
        }

        return true;
    }

    private static bool NarrowToOdd(A64Translator t, uint w)
    {
        var scalar = Bit(w, 28) != 0;
        var argument = (uint)FpRounding.Odd | (!scalar && Bit(w, 30) != 0 ? FpHelpers.SecondPart : 0);
        t.B.Call(&FpHelpers.Narrow<Binary64, Binary32>, V(w), V(w >> 5), aux: FpEmit.Aux(scalar ? 1u : 2, argument));
        return true;
    }

    private static bool NarrowToBFloat(A64Translator t, uint w)
    {
        var argument = (uint)FpRounding.Current | (Bit(w, 30) != 0 ? FpHelpers.SecondPart : 0);
        t.B.Call(&FpHelpers.Narrow<Binary32, BFloat16>, V(w), V(w >> 5), aux: FpEmit.Aux(4, argument));
        return true;
    }

    private static bool AcrossLanes<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpBinary
    {
        // U: single precision, four lanes.
        var size = Bit(w, 29) != 0 ? FpEmit.Single : FpEmit.Half;
        FpEmit.Across<TOp>(t, w, size, FpEmit.Lanes(w, size));
        return true;
    }

    private static bool ScalarPair<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpBinary
    {
        FpEmit.Across<TOp>(t, w, Bit(w, 29) == 0 ? FpEmit.Half : Bit(w, 22) == 0 ? FpEmit.Single : FpEmit.Double, 2);
        return true;
    }

    private static bool FromFixed(A64Translator t, uint w) =>
        EmitFixed<FFromFixed>(t, w, Bit(w, 29) != 0 ? FpArgument.Unsigned : 0);

    private static bool ToFixed(A64Translator t, uint w) =>
        EmitFixed<FToFixed>(t, w, (uint)FpRounding.Zero | (Bit(w, 29) != 0 ? FpArgument.Unsigned : 0));

    private static bool EmitFixed<TOp>(A64Translator t, uint w, uint argument)
        where TOp : struct, IFpUnary
    {
        // fbits = 2 * esize - immh:immb.
        var size = Bit(w, 22) != 0 ? FpEmit.Double : Bit(w, 21) != 0 ? FpEmit.Single : FpEmit.Half;
        argument |= ((16u << size) - Bits(w, 22, 16)) << FpArgument.FractionShift;
        if (Bit(w, 28) != 0)
        {
            FpEmit.Scalar1<TOp>(t, w, size, argument);
            return true;
        }

        var lanes = FpEmit.Lanes(w, size);
        if (lanes == 1)
        {
            return false;
        }

        FpEmit.Vector1<TOp>(t, w, size, lanes, argument);
        return true;
    }

    private static bool MoveImmediate(A64Translator t, uint w)
    {
        var size = Bit(w, 11) != 0 ? FpEmit.Half : Bit(w, 29) != 0 ? FpEmit.Double : FpEmit.Single;
        var value = FpEmit.ExpandImmediate((Bits(w, 18, 16) << 5) | Bits(w, 9, 5), size);
        value *= size switch
        {
            FpEmit.Half => 0x0001_0001_0001_0001,
            FpEmit.Single => 0x0000_0001_0000_0001,
            _ => 1UL,
        };
        t.B.Emit(Bit(w, 30) != 0 ? MicroOpKind.VMovI : MicroOpKind.VMovI64, V(w), imm: (long)value);
        return true;
    }
}
