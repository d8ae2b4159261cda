// Pointer authentication instructions: rows, translation and helpers (FEAT_PAuth, with FEAT_FPAC and FEAT_FPACCOMBINE).
using System.Runtime.CompilerServices;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

public sealed unsafe partial class A64Translator
{
    /// <summary>How pointer authentication codes are computed; the same for every vCPU that shares a block cache.</summary>
    public PointerAuthenticationAlgorithm PointerAuthenticationAlgorithm { get; init; }
}

/// <summary>The keys, in the order in which the instructions' opcodes number them.</summary>
public enum PointerAuthenticationKey : uint
{
    /// <summary>APIAKey_EL1.</summary>
    InstructionA = 0,

    /// <summary>APIBKey_EL1.</summary>
    InstructionB = 1,

    /// <summary>APDAKey_EL1.</summary>
    DataA = 2,

    /// <summary>APDBKey_EL1.</summary>
    DataB = 3,
}

/// <summary>PAC*, AUT*, XPAC*, PACGA, the combined branches and LDRAA/LDRAB.</summary>
/// <remarks>Helper operands: D = result, B = pointer, A = modifier; Aux = key | algorithm &lt;&lt; 2.</remarks>
public static unsafe class PointerAuthenticationInstructions
{
    /// <summary>ESR_ELx.EC of a failed authentication; ISS bit 1: data key, bit 0: key B.</summary>
    public const int FailureClass = 0x1C;

    private const string Feature = "FEAT_PAuth";
    private const int AlgorithmShift = 2;
    private const uint KeyMask = 3;
    private const ulong DataKeys = 2;

    // SCTLR_ELx: EnIA, EnIB, EnDA, EnDB by key.
    private static ReadOnlySpan<byte> EnableBits => [31, 30, 27, 13];

    /// <summary>The rows.</summary>
    public static A64Row[] Rows =>
    [
        new("PACIA, PACIB, PACDA, PACDB", "110110101100000100 00kknnnnnddddd", &Pac, Feature),
        new("AUTIA, AUTIB, AUTDA, AUTDB", "110110101100000100 01kknnnnnddddd", &Aut, Feature),
        new("PACIZA, PACIZB, PACDZA, PACDZB", "110110101100000100 10kk11111ddddd", &PacZero, Feature),
        new("AUTIZA, AUTIZB, AUTDZA, AUTDZB", "110110101100000100 11kk11111ddddd", &AutZero, Feature),
        new("XPACI", "110110101100000101000011111ddddd", &StripInstruction, Feature),
        new("XPACD", "110110101100000101000111111ddddd", &StripData, Feature),
        new("PACGA", "10011010110mmmmm001100nnnnnddddd", &Pacga, Feature),
        new("XPACLRI", "11010101000000110010000011111111", &StripLink, Feature),
        new("PACIA1716", "11010101000000110010000100011111", &Pac1716, Feature),
        new("PACIB1716", "11010101000000110010000101011111", &Pac1716, Feature),
        new("AUTIA1716", "11010101000000110010000110011111", &Aut1716, Feature),
        new("AUTIB1716", "11010101000000110010000111011111", &Aut1716, Feature),
        new("PACIAZ", "11010101000000110010001100011111", &PacLink, Feature),
        new("PACIASP", "11010101000000110010001100111111", &PacLink, Feature),
        new("PACIBZ", "11010101000000110010001101011111", &PacLink, Feature),
        new("PACIBSP", "11010101000000110010001101111111", &PacLink, Feature),
        new("AUTIAZ", "11010101000000110010001110011111", &AutLink, Feature),
        new("AUTIASP", "11010101000000110010001110111111", &AutLink, Feature),
        new("AUTIBZ", "11010101000000110010001111011111", &AutLink, Feature),
        new("AUTIBSP", "11010101000000110010001111111111", &AutLink, Feature),
        new("BRAAZ, BRABZ", "110101100001111100001knnnnn11111", &BranchZero, Feature),
        new("BLRAAZ, BLRABZ", "110101100011111100001knnnnn11111", &BranchZero, Feature),
        new("BRAA, BRAB", "110101110001111100001knnnnnmmmmm", &Branch, Feature),
        new("BLRAA, BLRAB", "110101110011111100001knnnnnmmmmm", &Branch, Feature),
        new("RETAA, RETAB", "110101100101111100001k1111111111", &Return, Feature),
        new("ERETAA, ERETAB", "110101101001111100001k1111111111", &ExceptionReturn, Feature),
        new("LDRAA, LDRAB", "11111000kS1iiiiiiiiiW1nnnnnttttt", &LoadAuthenticated, Feature),
    ];

    /// <summary>Emits: D = pointer, authenticated; a failure faults.</summary>
    public static void EmitAuthenticate(A64Translator t, ushort d, ushort pointer, ushort modifier, PointerAuthenticationKey key) =>
        t.B.CallPure(&Authenticate, d, modifier, pointer, aux: Aux(t, (uint)key));

    private static bool Has(A64Translator t) => t.Features.Has(A64Feature.PAuth);

    private static uint Aux(A64Translator t, uint key) => key | ((uint)t.PointerAuthenticationAlgorithm << AlgorithmShift);

    private static void EmitAdd(A64Translator t, ushort d, ushort pointer, ushort modifier, uint key) =>
        t.B.Call(&Add, d, modifier, pointer, aux: Aux(t, key));

    private static bool Pac(A64Translator t, uint w)
    {
        if (!Has(t))
        {
            return false;
        }

        EmitAdd(t, Xd(w), X(w), Sp(Bits(w, 9, 5)), Bits(w, 11, 10));
        return true;
    }

    private static bool Aut(A64Translator t, uint w)
    {
        if (!Has(t))
        {
            return false;
        }

        EmitAuthenticate(t, Xd(w), X(w), Sp(Bits(w, 9, 5)), (PointerAuthenticationKey)Bits(w, 11, 10));
        return true;
    }

    private static bool PacZero(A64Translator t, uint w)
    {
        if (!Has(t))
        {
            return false;
        }

        EmitAdd(t, Xd(w), X(w), CpuState.Zero, Bits(w, 11, 10));
        return true;
    }

    private static bool AutZero(A64Translator t, uint w)
    {
        if (!Has(t))
        {
            return false;
        }

        EmitAuthenticate(t, Xd(w), X(w), CpuState.Zero, (PointerAuthenticationKey)Bits(w, 11, 10));
        return true;
    }

    private static bool StripInstruction(A64Translator t, uint w)
    {
        if (!Has(t))
        {
            return false;
        }

        t.B.Call(&Strip, Xd(w), b: X(w));
        return true;
    }

    private static bool StripData(A64Translator t, uint w)
    {
        if (!Has(t))
        {
            return false;
        }

        t.B.Call(&Strip, Xd(w), b: X(w), aux: (uint)DataKeys);
        return true;
    }

    private static bool StripLink(A64Translator t, uint w)
    {
        if (Has(t))
        {
            t.B.Call(&Strip, X(Branches.LinkRegister), b: X(Branches.LinkRegister));
        }

        return true;
    }

    private static bool Pacga(A64Translator t, uint w)
    {
        if (!Has(t))
        {
            return false;
        }

        t.B.Call(&Generic, Xd(w), Sp(Bits(w, 20, 16)), X(Bits(w, 9, 5)), aux: Aux(t, 0));
        return true;
    }

    // Hints are NOPs without the feature. Bit 6 selects key B; of those for X30 bit 5 selects SP as the modifier.
    private static bool Pac1716(A64Translator t, uint w)
    {
        if (Has(t))
        {
            EmitAdd(t, X(17), X(17), X(16), Bit(w, 6));
        }

        return true;
    }

    private static bool Aut1716(A64Translator t, uint w)
    {
        if (Has(t))
        {
            EmitAuthenticate(t, X(17), X(17), X(16), (PointerAuthenticationKey)Bit(w, 6));
        }

        return true;
    }

    private static ushort LinkModifier(uint w) => Bit(w, 5) != 0 ? Sp(31) : CpuState.Zero;

    private static bool PacLink(A64Translator t, uint w)
    {
        if (Has(t))
        {
            EmitAdd(t, X(Branches.LinkRegister), X(Branches.LinkRegister), LinkModifier(w), Bit(w, 6));
        }

        return true;
    }

    private static bool AutLink(A64Translator t, uint w)
    {
        if (Has(t))
        {
            EmitAuthenticate(t, X(Branches.LinkRegister), X(Branches.LinkRegister), LinkModifier(w), (PointerAuthenticationKey)Bit(w, 6));
        }

        return true;
    }

    private static bool BranchZero(A64Translator t, uint w) => BranchTo(t, w, CpuState.Zero);

    private static bool Branch(A64Translator t, uint w) => BranchTo(t, w, Sp(w));

    private static bool BranchTo(A64Translator t, uint w, ushort modifier)
    {
        if (!Has(t))
        {
            return false;
        }

        var target = t.B.Temp();
        EmitAuthenticate(t, target, X(Bits(w, 9, 5)), modifier, (PointerAuthenticationKey)Bit(w, 10));
        var call = Bit(w, 21) != 0;
        if (call)
        {
            Branches.Link(t);
        }

        t.BranchTo(target, call ? BranchType.Call : Branches.JumpType(Bits(w, 9, 5)), call ? BranchHint.Call : BranchHint.Jump);
        return true;
    }

    private static bool Return(A64Translator t, uint w)
    {
        if (!Has(t))
        {
            return false;
        }

        var target = t.B.Temp();
        EmitAuthenticate(t, target, X(Branches.LinkRegister), Sp(31), (PointerAuthenticationKey)Bit(w, 10));
        t.BranchTo(target, BranchType.None, BranchHint.Return);
        return true;
    }

    private static bool ExceptionReturn(A64Translator t, uint w)
    {
        if (t.ExceptionLevel == 0 || !Has(t))
        {
            return false;
        }

        t.B.CallEnd(&AuthenticatedExceptionReturn, aux: Aux(t, Bit(w, 10)));
        return true;
    }

    private static bool LoadAuthenticated(A64Translator t, uint w)
    {
        if (!Has(t))
        {
            return false;
        }

        uint n = Bits(w, 9, 5), d = Bits(w, 4, 0);
        var writeback = Bit(w, 11) != 0;
        var offset = ((long)(Bits(w, 20, 12) | (Bit(w, 22) << 9)) << 54 >> 54) * 8;
        t.CheckSp(n);
        var address = t.B.Temp();
        EmitAuthenticate(t, address, Sp(n), CpuState.Zero, Bit(w, 23) != 0 ? PointerAuthenticationKey.DataB : PointerAuthenticationKey.DataA);
        t.B.Emit(MicroOpKind.Ld64, writeback && d == n ? CpuState.Sink : Xd(d), address, imm: offset);
        if (writeback)
        {
            t.B.Emit(MicroOpKind.AddI64, Sp(n), address, imm: offset);
            if (n == 31)
            {
                t.SpChanged();
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Enabled(Arm64State* a, uint key)
    {
        var el = (int)(a->System.CurrentEl >> 2);
        var sctlr = el <= 1 ? a->System.El1.Sctlr : el == 2 ? a->System.El2.Sctlr : a->System.El3.Sctlr;
        return ((sctlr >> EnableBits[(int)key]) & 1) != 0;
    }

    private static void Add(CpuState* s, MicroOp* op)
    {
        var a = (Arm64State*)s;
        var key = op->Aux & KeyMask;
        var pointer = *(ulong*)((byte*)s + op->B);
        if (Enabled(a, key))
        {
            var keys = &a->ApiaKeyLo + (key * 2);
            pointer = PointerAuthentication.Add(
                a, pointer, *(ulong*)((byte*)s + op->A), keys[0], keys[1], (key & DataKeys) != 0, (PointerAuthenticationAlgorithm)(op->Aux >> AlgorithmShift));
        }

        *(ulong*)((byte*)s + op->D) = pointer;
    }

    private static int Authenticate(CpuState* s, MicroOp* op)
    {
        var a = (Arm64State*)s;
        var key = op->Aux & KeyMask;
        var pointer = *(ulong*)((byte*)s + op->B);
        if (Enabled(a, key))
        {
            var keys = &a->ApiaKeyLo + (key * 2);
            if (!PointerAuthentication.TryAuthenticate(
                a, pointer, *(ulong*)((byte*)s + op->A), keys[0], keys[1], (key & DataKeys) != 0, (PointerAuthenticationAlgorithm)(op->Aux >> AlgorithmShift), out pointer))
            {
                ((IA64Exceptions)CpuState.OwnerOf(s)).RecordException(FailureClass, key);
                return Status.Fault;
            }
        }

        *(ulong*)((byte*)s + op->D) = pointer;
        return Status.Continue;
    }

    private static int AuthenticatedExceptionReturn(CpuState* s, MicroOp* op)
    {
        var a = (Arm64State*)s;
        var key = op->Aux & KeyMask;
        ref var level = ref (&a->System.El1)[(int)(a->System.CurrentEl >> 2) - 1];
        var target = level.Elr;
        var vcpu = (Arm64Vcpu)CpuState.OwnerOf(s);
        if (Enabled(a, key))
        {
            var keys = &a->ApiaKeyLo + (key * 2);
            var sp = *(ulong*)((byte*)s + CpuState.Register(31));
            if (!PointerAuthentication.TryAuthenticate(a, target, sp, keys[0], keys[1], data: false, (PointerAuthenticationAlgorithm)(op->Aux >> AlgorithmShift), out target))
            {
                vcpu.RecordException(FailureClass, key);
                return Status.Fault;
            }
        }

        vcpu.ExceptionReturn(target, level.Spsr);
        return Status.ExitPc;
    }

    private static void Strip(CpuState* s, MicroOp* op) =>
        *(ulong*)((byte*)s + op->D) = PointerAuthentication.Strip((Arm64State*)s, *(ulong*)((byte*)s + op->B), op->Aux != 0);

    private static void Generic(CpuState* s, MicroOp* op)
    {
        var a = (Arm64State*)s;
        var code = PointerAuthentication.Compute(
            *(ulong*)((byte*)s + op->B), *(ulong*)((byte*)s + op->A), a->ApgaKeyLo, a->ApgaKeyHi, (PointerAuthenticationAlgorithm)(op->Aux >> AlgorithmShift));
        *(ulong*)((byte*)s + op->D) = code & 0xFFFF_FFFF_0000_0000;
    }
}
