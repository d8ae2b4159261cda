// Loads and stores of one register (Arm ARM C4.1.96): every addressing mode, general and SIMD&FP registers, literals, prefetch.
using System.Globalization;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>The chapter "Loads and Stores" without exclusives, ordered accesses and atomics (<see cref="Atomics"/>); pairs are in the other part.</summary>
public static unsafe partial class LoadsStores
{
    // size (31:30), opc (23:22) and what they mean for general registers; the same in every addressing mode.
    private static readonly (string Name, string Size, string Opc)[] General =
    [
        ("STRB", "00", "00"), ("LDRB", "00", "01"), ("LDRSB (64-bit)", "00", "10"), ("LDRSB (32-bit)", "00", "11"),
        ("STRH", "01", "00"), ("LDRH", "01", "01"), ("LDRSH (64-bit)", "01", "10"), ("LDRSH (32-bit)", "01", "11"),
        ("STR (32-bit)", "10", "00"), ("LDR (32-bit)", "10", "01"), ("LDRSW", "10", "10"),
        ("STR (64-bit)", "11", "00"), ("LDR (64-bit)", "11", "01"),
    ];

    private static readonly (string Name, string Size, string Opc)[] Vector =
    [
        ("STR (8-bit SIMD&FP)", "00", "00"), ("LDR (8-bit SIMD&FP)", "00", "01"),
        ("STR (16-bit SIMD&FP)", "01", "00"), ("LDR (16-bit SIMD&FP)", "01", "01"),
        ("STR (32-bit SIMD&FP)", "10", "00"), ("LDR (32-bit SIMD&FP)", "10", "01"),
        ("STR (64-bit SIMD&FP)", "11", "00"), ("LDR (64-bit SIMD&FP)", "11", "01"),
        ("STR (128-bit SIMD&FP)", "00", "10"), ("LDR (128-bit SIMD&FP)", "00", "11"),
    ];

    /// <summary>The rows.</summary>
    public static A64Row[] Rows =>
    [
        .. Forms(General, "unsigned offset", "{0}111001{1}iiiiiiiiiiiinnnnnttttt", &UnsignedOffset),
        .. Forms(General, "unscaled", "{0}111000{1}0iiiiiiiii00nnnnnttttt", &Unscaled),
        .. Forms(General, "post-index", "{0}111000{1}0iiiiiiiii01nnnnnttttt", &PostIndex),
        .. Forms(General, "unprivileged", "{0}111000{1}0iiiiiiiii10nnnnnttttt", &Unprivileged),
        .. Forms(General, "pre-index", "{0}111000{1}0iiiiiiiii11nnnnnttttt", &PreIndex),
        .. Forms(General, "register", "{0}111000{1}1mmmmmoooS10nnnnnttttt", &RegisterOffset),
        .. Forms(Vector, "unsigned offset", "{0}111101{1}iiiiiiiiiiiinnnnnttttt", &VectorUnsignedOffset, fp: true),
        .. Forms(Vector, "unscaled", "{0}111100{1}0iiiiiiiii00nnnnnttttt", &VectorUnscaled, fp: true),
        .. Forms(Vector, "post-index", "{0}111100{1}0iiiiiiiii01nnnnnttttt", &VectorPostIndex, fp: true),
        .. Forms(Vector, "pre-index", "{0}111100{1}0iiiiiiiii11nnnnnttttt", &VectorPreIndex, fp: true),
        .. Forms(Vector, "register", "{0}111100{1}1mmmmmoooS10nnnnnttttt", &VectorRegisterOffset, fp: true),
        new("PRFM (unsigned offset)", "1111100110iiiiiiiiiiiinnnnnttttt", &Prefetch),
        new("PRFUM", "11111000100iiiiiiiii00nnnnnttttt", &Prefetch),
        new("PRFM (register)", "11111000101mmmmmo1oS10nnnnnttttt", &Prefetch),
        new("PRFM (literal)", "11011000iiiiiiiiiiiiiiiiiiittttt", &Prefetch),
        new("LDR (literal, 32-bit)", "00011000iiiiiiiiiiiiiiiiiiittttt", &Literal),
        new("LDR (literal, 64-bit)", "01011000iiiiiiiiiiiiiiiiiiittttt", &Literal),
        new("LDRSW (literal)", "10011000iiiiiiiiiiiiiiiiiiittttt", &Literal),
        new("LDR (literal, 32-bit SIMD&FP)", "00011100iiiiiiiiiiiiiiiiiiittttt", &VectorLiteral, fp: true),
        new("LDR (literal, 64-bit SIMD&FP)", "01011100iiiiiiiiiiiiiiiiiiittttt", &VectorLiteral, fp: true),
        new("LDR (literal, 128-bit SIMD&FP)", "10011100iiiiiiiiiiiiiiiiiiittttt", &VectorLiteral, fp: true),
        .. PairRows,
        .. Mops.Rows,
        .. UnsupportedRows,
    ];

    // Encodings of this space that belong to extensions this CPU does not have.
    private static A64Row[] UnsupportedRows =>
    [
        new("UDF", "0000000000000000iiiiiiiiiiiiiiii", A64RowStatus.Undefined),
        new("STG, STZG, ST2G, STZ2G, LDG (tags)", "11011001oo1iiiiiiiiippnnnnnttttt", A64RowStatus.NotYet, "FEAT_MTE"),
        new("STGP", "0110100mm0iiiiiiitttttnnnnnttttt", A64RowStatus.NotYet, "FEAT_MTE"),
        new("LDIAPP, STILP", "1z0110010L0tttttoooo10nnnnnttttt", A64RowStatus.Undefined, "FEAT_LRCPC3"),
        new("LDAPR, STLR (post- and pre-index)", "1z01100111000000000010nnnnnttttt", A64RowStatus.Undefined, "FEAT_LRCPC3"),
        new("LDAPUR, STLUR (SIMD&FP)", "zz011101oo0iiiiiiiii10nnnnnttttt", A64RowStatus.Undefined, "FEAT_LRCPC3"),
        new("LDAP1, STL1", "0q0011010L000001100001nnnnnttttt", A64RowStatus.Undefined, "FEAT_LRCPC3"),
    ];

    private static A64Row[] Forms((string Name, string Size, string Opc)[] forms, string mode, string pattern, delegate*<A64Translator, uint, bool> handler, bool fp = false)
    {
        var rows = new A64Row[forms.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = new($"{forms[i].Name}, {mode}", string.Format(CultureInfo.InvariantCulture, pattern, forms[i].Size, forms[i].Opc), handler, fp: fp);
        }

        return rows;
    }

    // Micro-ops of a general register, by opc * 4 + size; the indexed form of each follows it in the enum.
    private static readonly MicroOpKind[] GeneralKinds =
    [
        MicroOpKind.St8, MicroOpKind.St16, MicroOpKind.St32, MicroOpKind.St64,
        MicroOpKind.Ld8, MicroOpKind.Ld16, MicroOpKind.Ld32, MicroOpKind.Ld64,
        MicroOpKind.LdS8, MicroOpKind.LdS16, MicroOpKind.LdS32, default,
        MicroOpKind.LdS8To32, MicroOpKind.LdS16To32, default, default,
    ];

    private static readonly MicroOpKind[] VectorStoreKinds = [MicroOpKind.St8, MicroOpKind.St16, MicroOpKind.St32, MicroOpKind.St64, MicroOpKind.St128];

    private static readonly MicroOpKind[] VectorLoadKinds = [MicroOpKind.LdV8, MicroOpKind.LdV16, MicroOpKind.LdV32, MicroOpKind.LdV64, MicroOpKind.LdV128];

    /// <summary>What an instruction moves: micro-op without index, log2 of the bytes, the register's slot.</summary>
    private readonly record struct Access(MicroOpKind Kind, int Scale, ushort Slot)
    {
        public MicroOpKind Indexed => Kind + 1;
    }

    private static bool IsStore(uint w) => Bits(w, 23, 22) == 0;

    private static Access GeneralAccess(uint w)
    {
        var size = Bits(w, 31, 30);
        return new(GeneralKinds[(Bits(w, 23, 22) * 4) + size], (int)size, IsStore(w) ? X(w) : Xd(w));
    }

    private static Access VectorAccess(uint w)
    {
        var scale = (int)((Bit(w, 23) << 2) | Bits(w, 31, 30));
        return new((Bit(w, 22) == 0 ? VectorStoreKinds : VectorLoadKinds)[scale], scale, V(w));
    }

    private static void Offset(A64Translator t, uint w, in Access access, long offset)
    {
        var n = Bits(w, 9, 5);
        t.CheckSp(n);
        t.B.Emit(access.Kind, access.Slot, Sp(n), imm: offset);
    }

    /// <summary>Access first, then the base: a fault leaves both registers alone.</summary>
    private static void Writeback(A64Translator t, uint n, long offset)
    {
        t.B.Emit(MicroOpKind.AddI64, Sp(n), Sp(n), imm: offset);
        if (n == 31 && (offset & 15) != 0)
        {
            t.SpChanged();
        }
    }

    private static bool UnsignedOffset(A64Translator t, uint w)
    {
        var access = GeneralAccess(w);
        Offset(t, w, access, (long)Bits(w, 21, 10) << access.Scale);
        return true;
    }

    private static bool VectorUnsignedOffset(A64Translator t, uint w)
    {
        var access = VectorAccess(w);
        Offset(t, w, access, (long)Bits(w, 21, 10) << access.Scale);
        return true;
    }

    private static bool Unscaled(A64Translator t, uint w)
    {
        Offset(t, w, GeneralAccess(w), SignedBits(w, 20, 12));
        return true;
    }

    private static bool VectorUnscaled(A64Translator t, uint w)
    {
        Offset(t, w, VectorAccess(w), SignedBits(w, 20, 12));
        return true;
    }

    /// <summary>A load into its own base with writeback is CONSTRAINED UNPREDICTABLE: the base gets the address, the data goes nowhere.</summary>
    private static Access WithoutBase(uint w, in Access access) =>
        !IsStore(w) && Bits(w, 9, 5) == Bits(w, 4, 0) && (w & 31) != 31 ? access with { Slot = CpuState.Sink } : access;

    private static bool PostIndex(A64Translator t, uint w)
    {
        Offset(t, w, WithoutBase(w, GeneralAccess(w)), 0);
        Writeback(t, Bits(w, 9, 5), SignedBits(w, 20, 12));
        return true;
    }

    private static bool VectorPostIndex(A64Translator t, uint w)
    {
        Offset(t, w, VectorAccess(w), 0);
        Writeback(t, Bits(w, 9, 5), SignedBits(w, 20, 12));
        return true;
    }

    private static bool PreIndex(A64Translator t, uint w)
    {
        Offset(t, w, WithoutBase(w, GeneralAccess(w)), SignedBits(w, 20, 12));
        Writeback(t, Bits(w, 9, 5), SignedBits(w, 20, 12));
        return true;
    }

    private static bool VectorPreIndex(A64Translator t, uint w)
    {
        Offset(t, w, VectorAccess(w), SignedBits(w, 20, 12));
        Writeback(t, Bits(w, 9, 5), SignedBits(w, 20, 12));
        return true;
    }

    private static bool Unprivileged(A64Translator t, uint w)
    {
        if (t.ExceptionLevel == 0)
        {
            return Unscaled(t, w);
        }

        var n = Bits(w, 9, 5);
        t.CheckSp(n);
        var opc = Bits(w, 23, 22);
        var aux = Bits(w, 31, 30) | (opc >= 2 ? 4u : 0) | (opc == 3 ? 8u : 0);
        t.B.Emit(opc == 0 ? MicroOpKind.StUnprivileged : MicroOpKind.LdUnprivileged, opc == 0 ? X(w) : Xd(w), Sp(n), imm: SignedBits(w, 20, 12), aux: aux);
        return true;
    }

    private static bool RegisterOffset(A64Translator t, uint w) => Indexed(t, w, GeneralAccess(w));

    private static bool VectorRegisterOffset(A64Translator t, uint w) => Indexed(t, w, VectorAccess(w));

    private static bool Indexed(A64Translator t, uint w, in Access access)
    {
        var option = Bits(w, 15, 13);
        if ((option & 2) == 0)
        {
            return false;
        }

        var n = Bits(w, 9, 5);
        t.CheckSp(n);
        var index = DataProcessingRegister.Extend(t, Bits(w, 20, 16), option, wide: true);
        t.B.Emit(access.Indexed, access.Slot, Sp(n), index, c: (ushort)(Bit(w, 12) != 0 ? access.Scale : 0));
        return true;
    }

    private static bool Prefetch(A64Translator t, uint w) => true;

    private static ushort LiteralAddress(A64Translator t, uint w)
    {
        var address = t.B.Temp();
        t.B.Emit(MicroOpKind.LeaPc, address, imm: t.B.Offset + (SignedBits(w, 23, 5) << 2));
        return address;
    }

    private static bool Literal(A64Translator t, uint w)
    {
        var kind = Bits(w, 31, 30) switch { 0 => MicroOpKind.Ld32, 1 => MicroOpKind.Ld64, _ => MicroOpKind.LdS32 };
        t.B.Emit(kind, Xd(w), LiteralAddress(t, w));
        return true;
    }

    private static bool VectorLiteral(A64Translator t, uint w)
    {
        var kind = Bits(w, 31, 30) switch { 0 => MicroOpKind.LdV32, 1 => MicroOpKind.LdV64, _ => MicroOpKind.LdV128 };
        t.B.Emit(kind, V(w), LiteralAddress(t, w));
        return true;
    }
}
