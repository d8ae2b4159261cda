// FEAT_BTI: the check of an indirect branch's target in guarded pages (Arm ARM D8.4.5), made together with the branch.
namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>PSTATE.BTYPE after a branch.</summary>
public enum BranchType : uint
{
    /// <summary>A direct branch, a return, or no branch.</summary>
    None = 0,

    /// <summary>BR through X16 or X17, or from a page that is not guarded.</summary>
    Jump = 1,

    /// <summary>BLR.</summary>
    Call = 2,

    /// <summary>BR through another register, from a guarded page.</summary>
    JumpOther = 3,
}

/// <remarks>
/// The check is made when the branch executes, not at its target, so that a block that begins with a landing pad costs nothing and PSTATE.BTYPE is zero
/// between blocks. An exception between the two finds the check already made. Blocks are translated with the check
/// (<see cref="Translate.A64Mode.Bti"/>) from the first fetch from a guarded page at their exception level on: that first branch alone goes unchecked.
/// </remarks>
public sealed unsafe partial class Arm64Vcpu
{
    private const int BtypeShift = 10;
    private const int GuardedEntries = 256;
    private const uint HintBti = 0xD503241F;
    private const uint HintMask = 0xFFFFFF3F;
    private const uint PacKeyB = 0x40;
    private const uint Paciasp = 0xD503233F;
    private const uint BrkBits = 0xD4200000;
    private const uint HltBits = 0xD4400000;
    private const uint ExceptionMask = 0xFFE0001F;

    /// <summary>For each entry of the fetch cache: its translation is of a guarded page.</summary>
    private readonly bool[] guarded = new bool[GuardedEntries];

    /// <summary>A guarded page was executed at EL0, EL1.</summary>
    private readonly bool[] guardedSeen = new bool[2];

    private void NoteGuarded(ulong va, bool isGuarded)
    {
        guarded[GuardedIndex(va)] = isGuarded;
        if (isGuarded && !guardedSeen[ExceptionLevel] && Cluster.Features.Has(A64Feature.BTI))
        {
            guardedSeen[ExceptionLevel] = true;
            ModeChanged();
        }
    }

    /// <summary>The fetch cache's index.</summary>
    private static int GuardedIndex(ulong va) => (int)(va >> 12) & (GuardedEntries - 1);

    /// <summary>Whether an indirect branch may go where it wants; if not, the exception is recorded: of the target's fetch, or of the Branch Target.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="type">BTYPE, <see cref="BranchType.JumpOther"/> for any BR through another register.</param>
    /// <param name="here">The branch's own address, where the type depends on its page.</param>
    internal bool PermitsBranch(ulong target, BranchType type, ulong here)
    {
        if (type == BranchType.JumpOther && !(TryFetchAddress(here, out _) && guarded[GuardedIndex(here)]))
        {
            type = BranchType.Jump;
        }

        target = CanonicalInstructionAddress(target);
        if (TryLand(target, type))
        {
            return true;
        }

        fault.AtTarget = true;
        fault.Pc = target;
        fault.Btype = (ulong)type << BtypeShift;
        return false;
    }

    /// <summary>After an exception return with PSTATE.BTYPE set: takes the exception of the instruction returned to, or clears BTYPE as that instruction does.</summary>
    private void CheckReturnTarget()
    {
        if (TryLand(State->Pc, (BranchType)(a->System.Btype >> BtypeShift)))
        {
            a->System.Btype = 0;
        }
        else
        {
            TakeFault();
        }
    }

    private bool TryLand(ulong target, BranchType type)
    {
        if (!TryFetchAddress(target, out var physical))
        {
            return false;
        }

        if (!guarded[GuardedIndex(target)])
        {
            return true;
        }

        var word = (uint*)Memory.TryGetPointer(physical, sizeof(uint), forWrite: false);
        if (word == null || IsCompatible(*word, type))
        {
            return true;
        }

        Record(ExceptionClass.BranchTarget, (uint)type);
        return false;
    }

    /// <summary>BTypeCompatible (Arm ARM J1.3): whether an instruction may be the target of an indirect branch of a type.</summary>
    private bool IsCompatible(uint word, BranchType type)
    {
        if ((word & HintMask) == HintBti)
        {
            // Op2[2:1]: 00 none, 01 c, 10 j, 11 jc.
            var (call, jump) = ((word & 0x40) != 0, (word & 0x80) != 0);
            return type switch { BranchType.Jump => call || jump, BranchType.Call => call, _ => jump };
        }

        if ((word & ~PacKeyB) == Paciasp)
        {
            var strict = ExceptionLevel == 0 ? Sctlr.BT0 : Sctlr.BT1;
            return type != BranchType.JumpOther || (a->System.El1.Sctlr & strict) == 0;
        }

        return (word & ExceptionMask) is BrkBits or HltBits;
    }
}
