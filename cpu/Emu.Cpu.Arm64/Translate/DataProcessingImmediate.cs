// Data processing with an immediate (Arm ARM C4.1.93): PC-relative addresses, add/subtract, logical, wide moves, bit fields, extract.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>The chapter "Data Processing -- Immediate".</summary>
public static unsafe class DataProcessingImmediate
{
    /// <summary>The rows.</summary>
    public static A64Row[] Rows =>
    [
        new("ADR", "0ii10000iiiiiiiiiiiiiiiiiiiddddd", &Adr),
        new("ADRP", "1ii10000iiiiiiiiiiiiiiiiiiiddddd", &Adrp),
        new("ADD (immediate)", "z00100010hiiiiiiiiiiiinnnnnddddd", &AddImmediate),
        new("ADDS (immediate)", "z01100010hiiiiiiiiiiiinnnnnddddd", &AddsImmediate),
        new("SUB (immediate)", "z10100010hiiiiiiiiiiiinnnnnddddd", &SubImmediate),
        new("SUBS (immediate)", "z11100010hiiiiiiiiiiiinnnnnddddd", &SubsImmediate),
        new("ADDG", "1001000110iiiiii00ppppnnnnnddddd", A64RowStatus.NotYet, "FEAT_MTE"),
        new("SUBG", "1101000110iiiiii00ppppnnnnnddddd", A64RowStatus.NotYet, "FEAT_MTE"),
        new("SMAX (immediate)", "z0010001110000iiiiiiiinnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("UMAX (immediate)", "z0010001110001iiiiiiiinnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("SMIN (immediate)", "z0010001110010iiiiiiiinnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("UMIN (immediate)", "z0010001110011iiiiiiiinnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("AND (immediate)", "z00100100Nrrrrrrssssssnnnnnddddd", &AndImmediate),
        new("ORR (immediate)", "z01100100Nrrrrrrssssssnnnnnddddd", &OrrImmediate),
        new("EOR (immediate)", "z10100100Nrrrrrrssssssnnnnnddddd", &EorImmediate),
        new("ANDS (immediate)", "z11100100Nrrrrrrssssssnnnnnddddd", &AndsImmediate),
        new("MOVN", "z00100101hhiiiiiiiiiiiiiiiiddddd", &Movn),
        new("MOVZ", "z10100101hhiiiiiiiiiiiiiiiiddddd", &Movz),
        new("MOVK", "z11100101hhiiiiiiiiiiiiiiiiddddd", &Movk),
        new("SBFM", "z00100110Nrrrrrrssssssnnnnnddddd", &Sbfm),
        new("BFM", "z01100110Nrrrrrrssssssnnnnnddddd", &Bfm),
        new("UBFM", "z10100110Nrrrrrrssssssnnnnnddddd", &Ubfm),
        new("EXTR", "z00100111N0mmmmmssssssnnnnnddddd", &Extr),
    ];

    /// <summary>DecodeBitMasks(), the immediate of the logical instructions. False for the reserved values.</summary>
    /// <param name="n">Bit N.</param>
    /// <param name="imms">Field imms.</param>
    /// <param name="immr">Field immr.</param>
    /// <param name="mask">The mask, replicated to 64 bits.</param>
    public static bool TryBitMask(uint n, uint imms, uint immr, out ulong mask)
    {
        mask = 0;
        var combined = (n << 6) | (~imms & 0x3F);
        if (combined < 2)
        {
            return false;
        }

        // The element is 2^length bits; imms gives the run of ones, immr rotates it.
        var length = 31 - System.Numerics.BitOperations.LeadingZeroCount(combined);
        var size = 1 << length;
        var levels = (uint)size - 1;
        uint s = imms & levels, r = immr & levels;
        if (s == levels)
        {
            return false;
        }

        var element = (1UL << (int)(s + 1)) - 1;
        var all = size == 64 ? ulong.MaxValue : (1UL << size) - 1;
        if (r != 0)
        {
            element = ((element >> (int)r) | (element << (size - (int)r))) & all;
        }

        for (var i = size; i < 64; i *= 2)
        {
            element |= element << i;
        }

        mask = element;
        return true;
    }

    private static bool Adr(A64Translator t, uint w)
    {
        t.B.Emit(MicroOpKind.LeaPc, Xd(w), imm: t.B.Offset + ((SignedBits(w, 23, 5) << 2) | Bits(w, 30, 29)));
        return true;
    }

    private static bool Adrp(A64Translator t, uint w)
    {
        // A block lies within one page, so the page of the instruction is Pc - PageOffset.
        t.B.Emit(MicroOpKind.LeaPc, Xd(w), imm: (((SignedBits(w, 23, 5) << 2) | Bits(w, 30, 29)) << 12) - t.B.PageOffset);
        return true;
    }

    private static bool AddImmediate(A64Translator t, uint w) => AddSub(t, w, Immediate12(w));

    private static bool SubImmediate(A64Translator t, uint w) => AddSub(t, w, -Immediate12(w));

    private static long Immediate12(uint w) => (long)Bits(w, 21, 10) << (Bit(w, 22) != 0 ? 12 : 0);

    private static bool AddSub(A64Translator t, uint w, long imm)
    {
        uint n = Bits(w, 9, 5), d = Bits(w, 4, 0);
        if (Bit(w, 31) == 0)
        {
            t.B.Emit(imm == 0 ? MicroOpKind.Mov32 : MicroOpKind.AddI32, Sp(d), Sp(n), imm: imm);
        }
        else
        {
            t.B.Emit(imm == 0 ? MicroOpKind.Mov64 : MicroOpKind.AddI64, Sp(d), Sp(n), imm: imm);
        }

        if (d == 31 && (n != 31 || (imm & 15) != 0 || Bit(w, 31) == 0))
        {
            t.SpChanged();
        }

        return true;
    }

    private static bool AddsImmediate(A64Translator t, uint w)
    {
        t.B.Emit(Bit(w, 31) != 0 ? MicroOpKind.AddSI64 : MicroOpKind.AddSI32, Xd(w), Sp(Bits(w, 9, 5)), imm: Immediate12(w));
        return true;
    }

    private static bool SubsImmediate(A64Translator t, uint w)
    {
        t.B.Emit(Bit(w, 31) != 0 ? MicroOpKind.SubSI64 : MicroOpKind.SubSI32, Xd(w), Sp(Bits(w, 9, 5)), imm: Immediate12(w));
        return true;
    }

    private static bool LogicalMask(uint w, out long mask)
    {
        mask = 0;
        if ((Bit(w, 31) == 0 && Bit(w, 22) != 0) || !TryBitMask(Bit(w, 22), Bits(w, 15, 10), Bits(w, 21, 16), out var m))
        {
            return false;
        }

        mask = Bit(w, 31) != 0 ? (long)m : (uint)m;
        return true;
    }

    private static bool Logical(A64Translator t, uint w, MicroOpKind kind64, MicroOpKind kind32)
    {
        if (!LogicalMask(w, out var mask))
        {
            return false;
        }

        uint n = Bits(w, 9, 5), d = Bits(w, 4, 0);
        if (n == 31 && kind64 != MicroOpKind.AndI64)
        {
            // MOV (bitmask immediate).
            t.B.Emit(MicroOpKind.MovI, Sp(d), imm: mask);
        }
        else
        {
            t.B.Emit(Bit(w, 31) != 0 ? kind64 : kind32, Sp(d), X(n), imm: mask);
        }

        if (d == 31)
        {
            t.SpChanged();
        }

        return true;
    }

    private static bool AndImmediate(A64Translator t, uint w) => Logical(t, w, MicroOpKind.AndI64, MicroOpKind.AndI32);

    private static bool OrrImmediate(A64Translator t, uint w) => Logical(t, w, MicroOpKind.OrI64, MicroOpKind.OrI32);

    private static bool EorImmediate(A64Translator t, uint w) => Logical(t, w, MicroOpKind.XorI64, MicroOpKind.XorI32);

    private static bool AndsImmediate(A64Translator t, uint w)
    {
        if (!LogicalMask(w, out var mask))
        {
            return false;
        }

        t.B.Emit(Bit(w, 31) != 0 ? MicroOpKind.AndSI64 : MicroOpKind.AndSI32, Xd(w), X(Bits(w, 9, 5)), imm: mask);
        return true;
    }

    private static bool Movn(A64Translator t, uint w)
    {
        if (!WideShift(w, out var shift))
        {
            return false;
        }

        var value = ~((ulong)Bits(w, 20, 5) << shift);
        t.B.Emit(MicroOpKind.MovI, Xd(w), imm: Bit(w, 31) != 0 ? (long)value : (uint)value);
        return true;
    }

    private static bool Movz(A64Translator t, uint w)
    {
        if (!WideShift(w, out var shift))
        {
            return false;
        }

        t.B.Emit(MicroOpKind.MovI, Xd(w), imm: (long)((ulong)Bits(w, 20, 5) << shift));
        return true;
    }

    private static bool Movk(A64Translator t, uint w)
    {
        if (!WideShift(w, out var shift))
        {
            return false;
        }

        if ((w & 31) == 31)
        {
            return true;
        }

        var d = Xd(w);
        var keep = ~(0xFFFFL << shift);
        if (Bit(w, 31) == 0)
        {
            keep = (uint)keep;
        }

        var value = (long)((ulong)Bits(w, 20, 5) << shift);
        var last = t.B.OpCount != 0 ? t.B.Ops + t.B.OpCount - 1 : null;
        if (last != null && last->Kind == MicroOpKind.MovI && last->D == d)
        {
            // MOVZ, MOVK, ...: each step is the constant so far.
            t.B.Emit(MicroOpKind.MovI, d, imm: (last->Imm & keep) | value);
            return true;
        }

        if (value != 0xFFFFL << shift || Bit(w, 31) == 0)
        {
            t.B.Emit(MicroOpKind.AndI64, d, d, imm: keep);
        }

        if (value != 0)
        {
            t.B.Emit(MicroOpKind.OrI64, d, d, imm: value);
        }

        return true;
    }

    private static bool WideShift(uint w, out int shift)
    {
        shift = (int)Bits(w, 22, 21) * 16;
        return Bit(w, 31) != 0 || shift < 32;
    }

    private static bool BitfieldFields(uint w, out int width, out int r, out int s)
    {
        width = Bit(w, 31) != 0 ? 64 : 32;
        r = (int)Bits(w, 21, 16);
        s = (int)Bits(w, 15, 10);
        return Bit(w, 22) == Bit(w, 31) && r < width && s < width;
    }

    private static long Ones(int count) => count == 64 ? -1 : (1L << count) - 1;

    private static bool Ubfm(A64Translator t, uint w)
    {
        if (!BitfieldFields(w, out var width, out var r, out var s))
        {
            return false;
        }

        ushort d = Xd(w), n = X(Bits(w, 9, 5));
        var wide = width == 64;
        if (s == width - 1)
        {
            t.B.Emit(wide ? MicroOpKind.ShrI64 : MicroOpKind.ShrI32, d, n, aux: (uint)r);
        }
        else if (s + 1 == r)
        {
            t.B.Emit(wide ? MicroOpKind.ShlI64 : MicroOpKind.ShlI32, d, n, aux: (uint)(width - r));
        }
        else if (s >= r)
        {
            t.B.Emit(r == 0 ? MicroOpKind.AndI64 : MicroOpKind.Field, d, n, imm: Ones(s - r + 1), c: (ushort)r);
        }
        else
        {
            t.B.Emit(MicroOpKind.FieldInZero, d, n, imm: Ones(s + 1), c: (ushort)(width - r));
        }

        return true;
    }

    private static bool Sbfm(A64Translator t, uint w)
    {
        if (!BitfieldFields(w, out var width, out var r, out var s))
        {
            return false;
        }

        ushort d = Xd(w), n = X(Bits(w, 9, 5));
        var wide = width == 64;
        if (s == width - 1)
        {
            t.B.Emit(wide ? MicroOpKind.SarI64 : MicroOpKind.SarI32, d, n, aux: (uint)r);
        }
        else if (r == 0 && s is (7 or 15 or 31))
        {
            t.B.Emit(
                s == 7 ? (wide ? MicroOpKind.SExt8 : MicroOpKind.SExt8To32)
                : s == 15 ? (wide ? MicroOpKind.SExt16 : MicroOpKind.SExt16To32)
                : MicroOpKind.SExt32, d, n);
        }
        else if (s >= r)
        {
            t.B.Emit(wide ? MicroOpKind.SignedField64 : MicroOpKind.SignedField32, d, n, aux: (uint)(width - 1 - s + r), c: (ushort)(width - 1 - s));
        }
        else
        {
            // Bits s..0 at position width - r, sign above: up to the top, then down by what is above the field.
            t.B.Emit(wide ? MicroOpKind.SignedField64 : MicroOpKind.SignedField32, d, n, aux: (uint)(r - 1 - s), c: (ushort)(width - 1 - s));
        }

        return true;
    }

    private static bool Bfm(A64Translator t, uint w)
    {
        if (!BitfieldFields(w, out var width, out var r, out var s))
        {
            return false;
        }

        ushort d = Xd(w), n = X(Bits(w, 9, 5));
        var wide = width == 64;
        if (s >= r)
        {
            t.B.Emit(wide ? MicroOpKind.BitMove64 : MicroOpKind.BitMove32, d, n, imm: Ones(s - r + 1), c: (ushort)r);
        }
        else
        {
            t.B.Emit(wide ? MicroOpKind.BitInsert64 : MicroOpKind.BitInsert32, d, n, imm: Ones(s + 1) << (width - r), c: (ushort)(width - r));
        }

        return true;
    }

    private static bool Extr(A64Translator t, uint w)
    {
        var wide = Bit(w, 31) != 0;
        var shift = Bits(w, 15, 10);
        if (Bit(w, 22) != Bit(w, 31) || (!wide && shift >= 32))
        {
            return false;
        }

        ushort d = Xd(w), n = X(Bits(w, 9, 5)), m = X(Bits(w, 20, 16));
        if (shift == 0)
        {
            t.B.Emit(wide ? MicroOpKind.Mov64 : MicroOpKind.Mov32, d, m);
        }
        else if (n == m)
        {
            t.B.Emit(wide ? MicroOpKind.RorI64 : MicroOpKind.RorI32, d, n, aux: shift);
        }
        else
        {
            t.B.Emit(wide ? MicroOpKind.Extract64 : MicroOpKind.Extract32, d, n, m, aux: shift);
        }

        return true;
    }
}
