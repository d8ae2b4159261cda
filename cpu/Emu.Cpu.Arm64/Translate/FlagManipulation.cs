// FEAT_FlagM and FEAT_FlagM2: CFINV, RMIF, SETF8, SETF16, AXFLAG, XAFLAG.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Instructions that change flags and nothing else. Rare (kernels use them in signal and compare code): helpers.</summary>
public static unsafe class FlagManipulation
{
    private const ulong N = 8, Z = 4, C = 2, V = 1;

    /// <summary>The rows; CFINV, AXFLAG and XAFLAG live in the MSR (immediate) space.</summary>
    public static A64Row[] Rows =>
    [
        new("RMIF", "10111010000iiiiii00001nnnnn0mmmm", &Rmif, "FEAT_FlagM"),
        new("SETF8", "0011101000000000000010nnnnn01101", &Setf, "FEAT_FlagM"),
        new("SETF16", "0011101000000000010010nnnnn01101", &Setf, "FEAT_FlagM"),
        new("CFINV", "1101010100000000 0100cccc000 11111", &Cfinv, "FEAT_FlagM"),
        new("XAFLAG", "1101010100000000 0100cccc001 11111", &Xaflag, "FEAT_FlagM2"),
        new("AXFLAG", "1101010100000000 0100cccc010 11111", &Axflag, "FEAT_FlagM2"),
    ];

    private static bool Rmif(A64Translator t, uint w)
    {
        // NZCV under the mask = low four bits of Xn rotated right.
        var rotated = t.B.Temp();
        t.B.Emit(MicroOpKind.RorI64, rotated, X(Bits(w, 9, 5)), aux: Bits(w, 20, 15));
        t.B.CallFlags(&InsertFlags, a: rotated, aux: Bits(w, 3, 0));
        return true;
    }

    private static bool Setf(A64Translator t, uint w)
    {
        t.B.CallFlags(&SetFlags, a: X(Bits(w, 9, 5)), aux: Bit(w, 14) != 0 ? 16u : 8u);
        return true;
    }

    private static bool Cfinv(A64Translator t, uint w)
    {
        t.B.CallFlags(&InvertCarry);
        return true;
    }

    private static bool Xaflag(A64Translator t, uint w)
    {
        t.B.CallFlags(&ToArmFlags);
        return true;
    }

    private static bool Axflag(A64Translator t, uint w)
    {
        t.B.CallFlags(&ToExternalFlags);
        return true;
    }

    private static void InsertFlags(CpuState* s, MicroOp* op) =>
        s->Flags = (s->Flags & ~(ulong)op->Aux) | (*(ulong*)((byte*)s + op->A) & op->Aux);

    // N = top bit of the narrow value, Z = it is zero, V = top bit EOR the bit above it; C stays.
    private static void SetFlags(CpuState* s, MicroOp* op)
    {
        var value = *(uint*)((byte*)s + op->A);
        var width = (int)op->Aux;
        var n = (value >> (width - 1)) & 1;
        var above = (value >> width) & 1;
        var zero = (value & ((1u << width) - 1)) == 0;
        s->Flags = (s->Flags & C) | (n != 0 ? N : 0) | (zero ? Z : 0) | (n != above ? V : 0);
    }

    private static void InvertCarry(CpuState* s, MicroOp* op) => s->Flags ^= C;

    // XAFLAG: N = !C AND !Z; Z = Z AND C; C = C OR Z; V = !C AND Z.
    private static void ToArmFlags(CpuState* s, MicroOp* op)
    {
        bool c = (s->Flags & C) != 0, z = (s->Flags & Z) != 0;
        s->Flags = (!c && !z ? N : 0) | (z && c ? Z : 0) | (c || z ? C : 0) | (!c && z ? V : 0);
    }

    // AXFLAG: N = 0; Z = Z OR V; C = C AND !V; V = 0.
    private static void ToExternalFlags(CpuState* s, MicroOp* op)
    {
        bool c = (s->Flags & C) != 0, z = (s->Flags & Z) != 0, v = (s->Flags & V) != 0;
        s->Flags = (z || v ? Z : 0) | (c && !v ? C : 0);
    }
}
