// Scalar conversions between floating-point and general registers: integers, fixed point, moves.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Fp;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Arm ARM C4.1: Conversion between floating-point and integer, and fixed-point.</summary>
public static unsafe class FpConversions
{
    /// <summary>Rows of this chapter.</summary>
    public static IReadOnlyList<A64Row> Rows { get; } =
    [
        new("FCVTNS (scalar)", "s0011110 tt100000 000000nn nnnddddd", &ToInteger, fp: true),
        new("FCVTNU (scalar)", "s0011110 tt100001 000000nn nnnddddd", &ToInteger, fp: true),
        new("SCVTF (scalar, integer)", "s0011110 tt100010 000000nn nnnddddd", &FromInteger, fp: true),
        new("UCVTF (scalar, integer)", "s0011110 tt100011 000000nn nnnddddd", &FromInteger, fp: true),
        new("FCVTAS (scalar)", "s0011110 tt100100 000000nn nnnddddd", &ToIntegerAway, fp: true),
        new("FCVTAU (scalar)", "s0011110 tt100101 000000nn nnnddddd", &ToIntegerAway, fp: true),
        new("FMOV (to general)", "s0011110 tt100110 000000nn nnnddddd", &MoveToGeneral, fp: true),
        new("FMOV (from general)", "s0011110 tt100111 000000nn nnnddddd", &MoveFromGeneral, fp: true),
        new("FCVTPS (scalar)", "s0011110 tt101000 000000nn nnnddddd", &ToInteger, fp: true),
        new("FCVTPU (scalar)", "s0011110 tt101001 000000nn nnnddddd", &ToInteger, fp: true),
        new("FMOV (top half to general)", "10011110 10101110 000000nn nnnddddd", &MoveTopToGeneral, fp: true),
        new("FMOV (top half from general)", "10011110 10101111 000000nn nnnddddd", &MoveTopFromGeneral, fp: true),
        new("FCVTMS (scalar)", "s0011110 tt110000 000000nn nnnddddd", &ToInteger, fp: true),
        new("FCVTMU (scalar)", "s0011110 tt110001 000000nn nnnddddd", &ToInteger, fp: true),
        new("FCVTZS (scalar, integer)", "s0011110 tt111000 000000nn nnnddddd", &ToInteger, fp: true),
        new("FCVTZU (scalar, integer)", "s0011110 tt111001 000000nn nnnddddd", &ToInteger, fp: true),
        new("FJCVTZS", "00011110 01111110 000000nn nnnddddd", &ToInt32JavaScript, "FEAT_JSCVT", fp: true),
        new("SCVTF (scalar, fixed-point)", "s0011110 tt000010 ffffffnn nnnddddd", &FromFixed, fp: true),
        new("UCVTF (scalar, fixed-point)", "s0011110 tt000011 ffffffnn nnnddddd", &FromFixed, fp: true),
        new("FCVTZS (scalar, fixed-point)", "s0011110 tt011000 ffffffnn nnnddddd", &ToFixed, fp: true),
        new("FCVTZU (scalar, fixed-point)", "s0011110 tt011001 ffffffnn nnnddddd", &ToFixed, fp: true),
    ];

    /// <summary>sf and U as argument bits.</summary>
    private static uint WidthAndSign(uint w) => (Bit(w, 31) != 0 ? FpArgument.Is64 : 0) | (Bit(w, 16) != 0 ? FpArgument.Unsigned : 0);

    // rmode, bits 20:19, is FPCR.RMode's encoding.
    private static bool ToInteger(A64Translator t, uint w) => EmitToGeneral(t, w, Bits(w, 20, 19));

    private static bool ToIntegerAway(A64Translator t, uint w) => EmitToGeneral(t, w, (uint)FpRounding.TiesAway);

    private static bool ToFixed(A64Translator t, uint w) =>
        FractionBits(w, out var fraction) && EmitToGeneral(t, w, (uint)FpRounding.Zero | (fraction << FpArgument.FractionShift));

    private static bool FromInteger(A64Translator t, uint w) => EmitFromGeneral(t, w, 0);

    private static bool FromFixed(A64Translator t, uint w) =>
        FractionBits(w, out var fraction) && EmitFromGeneral(t, w, fraction << FpArgument.FractionShift);

    private static bool FractionBits(uint w, out uint fraction)
    {
        fraction = 64 - Bits(w, 15, 10);
        return Bit(w, 31) != 0 || fraction <= 32;
    }

    private static bool EmitToGeneral(A64Translator t, uint w, uint argument)
    {
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            FpEmit.Half => &FpHelpers.ToGeneral<Binary16>,
            FpEmit.Single => &FpHelpers.ToGeneral<Binary32>,
            _ => &FpHelpers.ToGeneral<Binary64>,
        };
        t.B.Call(helper, Xd(w), V(w >> 5), aux: FpEmit.Aux(1, argument | WidthAndSign(w)));
        return true;
    }

    private static bool EmitFromGeneral(A64Translator t, uint w, uint argument)
    {
        var size = FpEmit.ScalarSize(w);
        if (size == 0)
        {
            return false;
        }

        delegate*<CpuState*, MicroOp*, void> helper = size switch
        {
            FpEmit.Half => &FpHelpers.FromGeneral<Binary16>,
            FpEmit.Single => &FpHelpers.FromGeneral<Binary32>,
            _ => &FpHelpers.FromGeneral<Binary64>,
        };
        t.B.Call(helper, V(w), X(w >> 5), aux: FpEmit.Aux(1, argument | WidthAndSign(w)));
        return true;
    }

    private static bool ToInt32JavaScript(A64Translator t, uint w)
    {
        t.B.CallFlags(&FpHelpers.ToInt32JavaScript, Xd(w), V(w >> 5));
        return true;
    }

    private static bool MoveToGeneral(A64Translator t, uint w)
    {
        switch (FpEmit.ScalarSize(w), Bit(w, 31))
        {
            case (FpEmit.Double, 1):
                t.B.Emit(MicroOpKind.Mov64, Xd(w), V(w >> 5));
                return true;
            case (FpEmit.Single, 0):
                t.B.Emit(MicroOpKind.Mov32, Xd(w), V(w >> 5));
                return true;
            case (FpEmit.Half, _):
                t.B.Emit(MicroOpKind.AndI64, Xd(w), V(w >> 5), imm: 0xffff);
                return true;
            default:
                return false;
        }
    }

    private static bool MoveFromGeneral(A64Translator t, uint w)
    {
        switch (FpEmit.ScalarSize(w), Bit(w, 31))
        {
            case (FpEmit.Double, 1):
                t.B.Emit(MicroOpKind.Mov64, V(w), X(w >> 5));
                break;
            case (FpEmit.Single, 0):
                t.B.Emit(MicroOpKind.Mov32, V(w), X(w >> 5));
                break;
            case (FpEmit.Half, _):
                t.B.Emit(MicroOpKind.AndI64, V(w), X(w >> 5), imm: 0xffff);
                break;
            default:
                return false;
        }

        FpEmit.ZeroUpper(t, w);
        return true;
    }

    private static bool MoveTopToGeneral(A64Translator t, uint w)
    {
        t.B.Emit(MicroOpKind.Mov64, Xd(w), (ushort)(V(w >> 5) + 8));
        return true;
    }

    private static bool MoveTopFromGeneral(A64Translator t, uint w)
    {
        t.B.Emit(MicroOpKind.Mov64, (ushort)(V(w) + 8), X(w >> 5));
        return true;
    }
}
