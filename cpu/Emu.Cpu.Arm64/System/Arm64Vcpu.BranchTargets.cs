// FEAT_BTI: PSTATE.BTYPE, and the check of an indirect branch's target in guarded pages (Arm ARM D8.4.5).
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>PSTATE.BTYPE: what the last instruction was.</summary>
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
/// A branch stamps the retired count with its type (<see cref="CpuState.BranchStamp"/>); BTYPE is that type for as long as no other instruction retires,
/// so that nothing has to clear it. Its target is looked at when the jump cache gets an entry for that type: what runs from there costs nothing.
/// A BR through another register than X16 and X17 is <see cref="BranchType.JumpOther"/> there, the stricter of the two it can be; which one it is
/// is found out when somebody asks.
/// </remarks>
public sealed unsafe partial class Arm64Vcpu
{
    private const int BtypeShift = 10;
    private const ulong NoStamp = ulong.MaxValue;

    /// <summary><see cref="CpuState.BranchSource"/> of a <see cref="BranchType.JumpOther"/> that is known to be that.</summary>
    private const ulong GuardedSource = ulong.MaxValue;

    private const uint HintBti = 0xD503241F;
    private const uint HintMask = 0xFFFFFF3F;
    private const uint PacKeyB = 0x40;
    private const uint Paciasp = 0xD503233F;
    private const uint BrkBits = 0xD4200000;
    private const uint HltBits = 0xD4400000;
    private const uint ExceptionMask = 0xFFE0001F;

    /// <summary>For each fetch translation: it is of a guarded page.</summary>
    private readonly bool[] guarded = new bool[FetchEntries];

    /// <summary>Stamp of the branch whose target does not let it in.</summary>
    private ulong refusedStamp = NoStamp;

    private void NoteGuarded(ulong va, bool isGuarded) => guarded[FetchIndex(va)] = isGuarded && Cluster.Features.Has(A64Feature.BTI);

    /// <summary>PSTATE.BTYPE.</summary>
    private BranchType Btype
    {
        get
        {
            ResolveBranchSource();
            return (BranchType)State->ArrivalType;
        }

        set
        {
            State->BranchStamp = (State->Retired << 2) | (uint)value;
            State->BranchSource = GuardedSource;
        }
    }

    /// <summary>Finds out whether the last instruction was a BR from a guarded page, before what tells it can change.</summary>
    private void ResolveBranchSource()
    {
        var s = State;
        if (s->ArrivalType != (uint)BranchType.JumpOther || s->BranchSource == GuardedSource)
        {
            return;
        }

        var recorded = fault;
        var source = s->BranchSource;
        Btype = TryFetchAddress(source, out _) && guarded[FetchIndex(source)] ? BranchType.JumpOther : BranchType.Jump;
        fault = recorded;
    }

    /// <inheritdoc/>
    protected override bool PermitsArrival(ulong pc, ulong physical)
    {
        refusedStamp = NoStamp;
        if (!guarded[FetchIndex(pc)])
        {
            return true;
        }

        var word = (uint*)Memory.TryGetPointer(physical, sizeof(uint), forWrite: false);
        if (word == null || IsCompatible(*word, (BranchType)State->ArrivalType))
        {
            return true;
        }

        // What JumpOther may not do Jump perhaps may; the answer is for JumpOther in any case.
        if (!IsCompatible(*word, Btype))
        {
            refusedStamp = State->BranchStamp;
        }

        return false;
    }

    /// <summary>Records the Branch Target exception of the instruction at PC, if it is to take one.</summary>
    private bool IsArrivalRefused()
    {
        if (State->BranchStamp != refusedStamp || State->ArrivalType == 0)
        {
            return false;
        }

        Record(ExceptionClass.BranchTarget, (uint)Btype);
        return true;
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
