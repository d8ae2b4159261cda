// Branches (Arm ARM C4.1.94): immediate, conditional, compare, test, register.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Branches; exception generation and system instructions are elsewhere, authenticated branches in <see cref="PointerAuthenticationInstructions"/>.</summary>
public static unsafe class Branches
{
    /// <summary>The link register.</summary>
    public const uint LinkRegister = 30;

    /// <summary>The rows.</summary>
    public static A64Row[] Rows =>
    [
        new("B", "000101iiiiiiiiiiiiiiiiiiiiiiiiii", &B),
        new("BL", "100101iiiiiiiiiiiiiiiiiiiiiiiiii", &Bl),
        new("B.cond", "01010100iiiiiiiiiiiiiiiiiii0cccc", &BCond),
        new("BC.cond", "01010100iiiiiiiiiiiiiiiiiii1cccc", A64RowStatus.Undefined, "FEAT_HBC"),
        new("CBZ", "z0110100iiiiiiiiiiiiiiiiiiittttt", &Cbz),
        new("CBNZ", "z0110101iiiiiiiiiiiiiiiiiiittttt", &Cbnz),
        new("TBZ", "b0110110bbbbbiiiiiiiiiiiiiittttt", &Tbz),
        new("TBNZ", "b0110111bbbbbiiiiiiiiiiiiiittttt", &Tbnz),
        new("BR", "1101011000011111000000nnnnn00000", &Br),
        new("BLR", "1101011000111111000000nnnnn00000", &Blr),
        new("RET", "1101011001011111000000nnnnn00000", &Ret),
    ];

    /// <summary>Emits the write of the return address to X30.</summary>
    internal static void Link(A64Translator t) => t.B.Emit(MicroOpKind.LeaPc, X(LinkRegister), imm: t.B.Offset + 4);

    /// <summary>BTYPE of a BR through a register, if it is from a guarded page: X16 and X17 are those that linkers use for veneers.</summary>
    internal static BranchType JumpType(uint register) => register is 16 or 17 ? BranchType.Jump : BranchType.JumpOther;

    /// <summary>Emits the jump to an address, of a type for FEAT_BTI to look at.</summary>
    internal static void BranchTo(this A64Translator t, ushort target, BranchType type, uint hint = BranchHint.Jump)
    {
        if (!t.Features.Has(A64Feature.BTI))
        {
            type = BranchType.None;
        }
        else if (type == BranchType.JumpOther)
        {
            t.B.Emit(MicroOpKind.LeaPc, CpuState.BranchSourceOffset, imm: t.B.Offset);
        }

        t.B.Emit(MicroOpKind.JumpReg, a: target, imm: hint, aux: (uint)type);
    }

    private static bool B(A64Translator t, uint w)
    {
        t.B.Jump(SignedBits(w, 25, 0) << 2);
        return true;
    }

    private static bool Bl(A64Translator t, uint w)
    {
        Link(t);
        t.B.Jump(SignedBits(w, 25, 0) << 2, BranchHint.Call);
        return true;
    }

    private static bool BCond(A64Translator t, uint w)
    {
        var offset = SignedBits(w, 23, 5) << 2;
        if (Bits(w, 3, 1) == 7)
        {
            // AL, and NV which means the same.
            t.B.Jump(offset);
        }
        else
        {
            t.B.Branch(MicroOpKind.BranchIf, CpuState.Zero, offset, ConditionMask(Bits(w, 3, 0)));
        }

        return true;
    }

    private static bool Cbz(A64Translator t, uint w) => Compare(t, w, MicroOpKind.BranchZero64, MicroOpKind.BranchZero32);

    private static bool Cbnz(A64Translator t, uint w) => Compare(t, w, MicroOpKind.BranchNotZero64, MicroOpKind.BranchNotZero32);

    private static bool Compare(A64Translator t, uint w, MicroOpKind kind64, MicroOpKind kind32)
    {
        t.B.Branch(Bit(w, 31) != 0 ? kind64 : kind32, X(w), SignedBits(w, 23, 5) << 2, 0);
        return true;
    }

    private static bool Tbz(A64Translator t, uint w) => Test(t, w, MicroOpKind.BranchBitClear);

    private static bool Tbnz(A64Translator t, uint w) => Test(t, w, MicroOpKind.BranchBitSet);

    private static bool Test(A64Translator t, uint w, MicroOpKind kind)
    {
        t.B.Branch(kind, X(w), SignedBits(w, 18, 5) << 2, (Bit(w, 31) << 5) | Bits(w, 23, 19));
        return true;
    }

    private static bool Br(A64Translator t, uint w)
    {
        var n = Bits(w, 9, 5);
        t.BranchTo(X(n), JumpType(n));
        return true;
    }

    private static bool Blr(A64Translator t, uint w)
    {
        var target = X(Bits(w, 9, 5));
        if (target == X(LinkRegister))
        {
            var copy = t.B.Temp();
            t.B.Emit(MicroOpKind.Mov64, copy, target);
            target = copy;
        }

        Link(t);
        t.BranchTo(target, BranchType.Call, BranchHint.Call);
        return true;
    }

    private static bool Ret(A64Translator t, uint w)
    {
        t.BranchTo(X(Bits(w, 9, 5)), BranchType.None, BranchHint.Return);
        return true;
    }
}
