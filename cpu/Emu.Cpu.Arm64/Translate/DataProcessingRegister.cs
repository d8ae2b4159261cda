// Data processing between registers (Arm ARM C4.1.95): logical, add/subtract with shift or extension, with carry, flag manipulation, multiply.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>The chapter "Data Processing -- Register"; conditional and one- and two-source instructions are in the other part.</summary>
public static unsafe partial class DataProcessingRegister
{
    /// <summary>The rows.</summary>
    public static A64Row[] Rows =>
    [
        new("AND (shifted register)", "z0001010hh0mmmmmiiiiiinnnnnddddd", &And),
        new("BIC (shifted register)", "z0001010hh1mmmmmiiiiiinnnnnddddd", &Bic),
        new("ORR (shifted register)", "z0101010hh0mmmmmiiiiiinnnnnddddd", &Orr),
        new("ORN (shifted register)", "z0101010hh1mmmmmiiiiiinnnnnddddd", &Orn),
        new("EOR (shifted register)", "z1001010hh0mmmmmiiiiiinnnnnddddd", &Eor),
        new("EON (shifted register)", "z1001010hh1mmmmmiiiiiinnnnnddddd", &Eon),
        new("ANDS (shifted register)", "z1101010hh0mmmmmiiiiiinnnnnddddd", &Ands),
        new("BICS (shifted register)", "z1101010hh1mmmmmiiiiiinnnnnddddd", &Bics),
        new("ADD (shifted register)", "z0001011hh0mmmmmiiiiiinnnnnddddd", &AddShifted),
        new("ADDS (shifted register)", "z0101011hh0mmmmmiiiiiinnnnnddddd", &AddsShifted),
        new("SUB (shifted register)", "z1001011hh0mmmmmiiiiiinnnnnddddd", &SubShifted),
        new("SUBS (shifted register)", "z1101011hh0mmmmmiiiiiinnnnnddddd", &SubsShifted),
        new("ADD (extended register)", "z0001011001mmmmmoooiiinnnnnddddd", &AddExtended),
        new("ADDS (extended register)", "z0101011001mmmmmoooiiinnnnnddddd", &AddsExtended),
        new("SUB (extended register)", "z1001011001mmmmmoooiiinnnnnddddd", &SubExtended),
        new("SUBS (extended register)", "z1101011001mmmmmoooiiinnnnnddddd", &SubsExtended),
        new("ADC", "z0011010000mmmmm000000nnnnnddddd", &Adc),
        new("ADCS", "z0111010000mmmmm000000nnnnnddddd", &Adcs),
        new("SBC", "z1011010000mmmmm000000nnnnnddddd", &Sbc),
        new("SBCS", "z1111010000mmmmm000000nnnnnddddd", &Sbcs),
        new("MADD", "z0011011000mmmmm0aaaaannnnnddddd", &Madd),
        new("MSUB", "z0011011000mmmmm1aaaaannnnnddddd", &Msub),
        new("SMADDL", "10011011001mmmmm0aaaaannnnnddddd", &Smaddl),
        new("SMSUBL", "10011011001mmmmm1aaaaannnnnddddd", &Smsubl),
        new("SMULH", "10011011010mmmmm0aaaaannnnnddddd", &Smulh),
        new("UMADDL", "10011011101mmmmm0aaaaannnnnddddd", &Umaddl),
        new("UMSUBL", "10011011101mmmmm1aaaaannnnnddddd", &Umsubl),
        new("UMULH", "10011011110mmmmm0aaaaannnnnddddd", &Umulh),
        new("MADDPT", "10011011011mmmmm0aaaaannnnnddddd", A64RowStatus.Undefined, "FEAT_CPA"),
        new("MSUBPT", "10011011011mmmmm1aaaaannnnnddddd", A64RowStatus.Undefined, "FEAT_CPA"),
        new("ADDPT", "10011010000mmmmm001iiinnnnnddddd", A64RowStatus.Undefined, "FEAT_CPA"),
        new("SUBPT", "11011010000mmmmm001iiinnnnnddddd", A64RowStatus.Undefined, "FEAT_CPA"),
        .. SourceRows,
        .. FlagManipulation.Rows,
        .. PointerAuthenticationInstructions.Rows,
    ];

    private static bool Is64(uint w) => Bit(w, 31) != 0;

    /// <summary>Slot of Rm after its shift; false for a reserved shift. A shift of 0 costs nothing.</summary>
    private static bool Shifted(A64Translator t, uint w, bool allowRor, out ushort slot)
    {
        slot = X(Bits(w, 20, 16));
        uint type = Bits(w, 23, 22), amount = Bits(w, 15, 10);
        if ((type == 3 && !allowRor) || (!Is64(w) && amount >= 32))
        {
            return false;
        }

        if (amount != 0)
        {
            var shifted = t.B.Temp();
            t.B.Emit(ShiftKind(type, Is64(w)), shifted, slot, aux: amount);
            slot = shifted;
        }

        return true;
    }

    private static MicroOpKind ShiftKind(uint type, bool wide) => type switch
    {
        0 => wide ? MicroOpKind.ShlI64 : MicroOpKind.ShlI32,
        1 => wide ? MicroOpKind.ShrI64 : MicroOpKind.ShrI32,
        2 => wide ? MicroOpKind.SarI64 : MicroOpKind.SarI32,
        _ => wide ? MicroOpKind.RorI64 : MicroOpKind.RorI32,
    };

    private static bool Logical(A64Translator t, uint w, MicroOpKind kind64, MicroOpKind kind32)
    {
        if (!Shifted(t, w, allowRor: true, out var m))
        {
            return false;
        }

        t.B.Emit(Is64(w) ? kind64 : kind32, Xd(w), X(Bits(w, 9, 5)), m);
        return true;
    }

    private static bool And(A64Translator t, uint w) => Logical(t, w, MicroOpKind.And64, MicroOpKind.And32);

    private static bool Bic(A64Translator t, uint w) => Logical(t, w, MicroOpKind.AndNot64, MicroOpKind.AndNot32);

    private static bool Orr(A64Translator t, uint w)
    {
        if (Bits(w, 9, 5) != 31)
        {
            return Logical(t, w, MicroOpKind.Or64, MicroOpKind.Or32);
        }

        // MOV (register), with or without a shift.
        uint amount = Bits(w, 15, 10);
        if (!Is64(w) && amount >= 32)
        {
            return false;
        }

        var kind = amount != 0 ? ShiftKind(Bits(w, 23, 22), Is64(w)) : Is64(w) ? MicroOpKind.Mov64 : MicroOpKind.Mov32;
        t.B.Emit(kind, Xd(w), X(Bits(w, 20, 16)), aux: amount);
        return true;
    }

    private static bool Orn(A64Translator t, uint w) => Logical(t, w, MicroOpKind.OrNot64, MicroOpKind.OrNot32);

    private static bool Eor(A64Translator t, uint w) => Logical(t, w, MicroOpKind.Xor64, MicroOpKind.Xor32);

    private static bool Eon(A64Translator t, uint w) => Logical(t, w, MicroOpKind.XorNot64, MicroOpKind.XorNot32);

    private static bool Ands(A64Translator t, uint w) => Logical(t, w, MicroOpKind.AndS64, MicroOpKind.AndS32);

    private static bool Bics(A64Translator t, uint w) => Logical(t, w, MicroOpKind.AndNotS64, MicroOpKind.AndNotS32);

    private static bool AddShifted(A64Translator t, uint w) =>
        AddSubShifted(t, w, MicroOpKind.Add64, MicroOpKind.Add32, MicroOpKind.AddShl64, MicroOpKind.AddShl32);

    private static bool SubShifted(A64Translator t, uint w) =>
        AddSubShifted(t, w, MicroOpKind.Sub64, MicroOpKind.Sub32, MicroOpKind.SubShl64, MicroOpKind.SubShl32);

    private static bool AddSubShifted(A64Translator t, uint w, MicroOpKind kind64, MicroOpKind kind32, MicroOpKind shifted64, MicroOpKind shifted32)
    {
        var amount = Bits(w, 15, 10);
        if (Bits(w, 23, 22) == 0 && amount != 0 && (Is64(w) || amount < 32))
        {
            t.B.Emit(Is64(w) ? shifted64 : shifted32, Xd(w), X(Bits(w, 9, 5)), X(Bits(w, 20, 16)), aux: amount);
            return true;
        }

        if (!Shifted(t, w, allowRor: false, out var m))
        {
            return false;
        }

        t.B.Emit(Is64(w) ? kind64 : kind32, Xd(w), X(Bits(w, 9, 5)), m);
        return true;
    }

    private static bool AddsShifted(A64Translator t, uint w)
    {
        if (!Shifted(t, w, allowRor: false, out var m))
        {
            return false;
        }

        t.B.Emit(Is64(w) ? MicroOpKind.AddS64 : MicroOpKind.AddS32, Xd(w), X(Bits(w, 9, 5)), m);
        return true;
    }

    private static bool SubsShifted(A64Translator t, uint w)
    {
        if (!Shifted(t, w, allowRor: false, out var m))
        {
            return false;
        }

        t.B.Emit(Is64(w) ? MicroOpKind.SubS64 : MicroOpKind.SubS32, Xd(w), X(Bits(w, 9, 5)), m);
        return true;
    }

    /// <summary>Slot of Rm after ExtendReg() without its shift (options UXTB to SXTX).</summary>
    internal static ushort Extend(A64Translator t, uint m, uint option, bool wide)
    {
        var slot = X(m);
        if (option is 3 or 7 || (!wide && option is 2 or 6))
        {
            return slot;
        }

        var extended = t.B.Temp();
        switch (option)
        {
            case 0: t.B.Emit(MicroOpKind.AndI64, extended, slot, imm: 0xFF); break;
            case 1: t.B.Emit(MicroOpKind.AndI64, extended, slot, imm: 0xFFFF); break;
            case 2: t.B.Emit(MicroOpKind.Mov32, extended, slot); break;
            case 4: t.B.Emit(MicroOpKind.SExt8, extended, slot); break;
            case 5: t.B.Emit(MicroOpKind.SExt16, extended, slot); break;
            default: t.B.Emit(MicroOpKind.SExt32, extended, slot); break;
        }

        return extended;
    }

    private static bool AddSubExtended(A64Translator t, uint w, bool subtract)
    {
        var shift = Bits(w, 12, 10);
        if (shift > 4)
        {
            return false;
        }

        uint n = Bits(w, 9, 5), d = Bits(w, 4, 0);
        var wide = Is64(w);
        var m = Extend(t, Bits(w, 20, 16), Bits(w, 15, 13), wide);
        var kind = (subtract, shift != 0, wide) switch
        {
            (false, false, true) => MicroOpKind.Add64,
            (false, false, false) => MicroOpKind.Add32,
            (false, true, true) => MicroOpKind.AddShl64,
            (false, true, false) => MicroOpKind.AddShl32,
            (true, false, true) => MicroOpKind.Sub64,
            (true, false, false) => MicroOpKind.Sub32,
            (true, true, true) => MicroOpKind.SubShl64,
            (true, true, false) => MicroOpKind.SubShl32,
        };
        t.B.Emit(kind, Sp(d), Sp(n), m, aux: shift);
        if (d == 31)
        {
            t.SpChanged();
        }

        return true;
    }

    private static bool AddExtended(A64Translator t, uint w) => AddSubExtended(t, w, subtract: false);

    private static bool SubExtended(A64Translator t, uint w) => AddSubExtended(t, w, subtract: true);

    private static bool FlagsExtended(A64Translator t, uint w, MicroOpKind kind64, MicroOpKind kind32)
    {
        var shift = Bits(w, 12, 10);
        if (shift > 4)
        {
            return false;
        }

        var wide = Is64(w);
        var m = Extend(t, Bits(w, 20, 16), Bits(w, 15, 13), wide);
        if (shift != 0)
        {
            var shifted = t.B.Temp();
            t.B.Emit(wide ? MicroOpKind.ShlI64 : MicroOpKind.ShlI32, shifted, m, aux: shift);
            m = shifted;
        }

        t.B.Emit(wide ? kind64 : kind32, Xd(w), Sp(Bits(w, 9, 5)), m);
        return true;
    }

    private static bool AddsExtended(A64Translator t, uint w) => FlagsExtended(t, w, MicroOpKind.AddS64, MicroOpKind.AddS32);

    private static bool SubsExtended(A64Translator t, uint w) => FlagsExtended(t, w, MicroOpKind.SubS64, MicroOpKind.SubS32);

    /// <summary>Rd = Rn op Rm.</summary>
    private static bool Plain(A64Translator t, uint w, MicroOpKind kind64, MicroOpKind kind32)
    {
        t.B.Emit(Is64(w) ? kind64 : kind32, Xd(w), X(Bits(w, 9, 5)), X(Bits(w, 20, 16)));
        return true;
    }

    private static bool Adc(A64Translator t, uint w) => Plain(t, w, MicroOpKind.Adc64, MicroOpKind.Adc32);

    private static bool Adcs(A64Translator t, uint w) => Plain(t, w, MicroOpKind.AdcS64, MicroOpKind.AdcS32);

    private static bool Sbc(A64Translator t, uint w) => Plain(t, w, MicroOpKind.Sbc64, MicroOpKind.Sbc32);

    private static bool Sbcs(A64Translator t, uint w) => Plain(t, w, MicroOpKind.SbcS64, MicroOpKind.SbcS32);

    /// <summary>Rd = Ra op Rn * Rm.</summary>
    private static bool MultiplyAdd(A64Translator t, uint w, MicroOpKind kind)
    {
        t.B.Emit(kind, Xd(w), X(Bits(w, 9, 5)), X(Bits(w, 20, 16)), c: X(Bits(w, 14, 10)));
        return true;
    }

    private static bool Madd(A64Translator t, uint w) => Bits(w, 14, 10) == 31
        ? Plain(t, w, MicroOpKind.Mul64, MicroOpKind.Mul32)
        : MultiplyAdd(t, w, Is64(w) ? MicroOpKind.MulAdd64 : MicroOpKind.MulAdd32);

    private static bool Msub(A64Translator t, uint w) => MultiplyAdd(t, w, Is64(w) ? MicroOpKind.MulSub64 : MicroOpKind.MulSub32);

    private static bool Smaddl(A64Translator t, uint w) => MultiplyAdd(t, w, MicroOpKind.SMulAddL);

    private static bool Smsubl(A64Translator t, uint w) => MultiplyAdd(t, w, MicroOpKind.SMulSubL);

    private static bool Umaddl(A64Translator t, uint w) => MultiplyAdd(t, w, MicroOpKind.UMulAddL);

    private static bool Umsubl(A64Translator t, uint w) => MultiplyAdd(t, w, MicroOpKind.UMulSubL);

    private static bool Smulh(A64Translator t, uint w) => Plain(t, w, MicroOpKind.SMulH, MicroOpKind.SMulH);

    private static bool Umulh(A64Translator t, uint w) => Plain(t, w, MicroOpKind.UMulH, MicroOpKind.UMulH);
}
