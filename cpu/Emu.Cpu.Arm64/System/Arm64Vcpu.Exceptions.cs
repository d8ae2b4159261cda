// Exceptions: recording and taking synchronous ones, interrupts, exception return, software step (Arm ARM D1.3).
using Emu.Core;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Blocks;

namespace Emu.Cpu.Arm64.SystemLevel;

public sealed unsafe partial class Arm64Vcpu
{
    private const ulong VectorIrq = 0x80;
    private const ulong VectorFiq = 0x100;
    private const ulong VectorCurrentSpx = 0x200;
    private const ulong VectorLower64 = 0x400;
    private const uint EsrIl = 1u << 25;
    private const int Irq = 1 << (int)CpuInterrupt.Irq;
    private const int Fiq = 1 << (int)CpuInterrupt.Fiq;

    /// <summary>The synchronous exception that waits for <see cref="TakeFault"/>.</summary>
    private struct RecordedFault
    {
        public bool Valid;
        public bool HasFar;
        public ExceptionClass Class;
        public uint Iss;
        public ulong Far;
    }

    private RecordedFault fault;

    /// <summary>Records a synchronous exception whose preferred return address is the faulting instruction.</summary>
    public void Record(ExceptionClass exceptionClass, uint iss) => fault = new RecordedFault { Valid = true, Class = exceptionClass, Iss = iss };

    /// <inheritdoc/>
    public void RecordException(int exceptionClass, uint iss) => Record((ExceptionClass)exceptionClass, iss);

    /// <summary>The same, with a fault address.</summary>
    private void Record(ExceptionClass exceptionClass, uint iss, ulong far) =>
        fault = new RecordedFault { Valid = true, Class = exceptionClass, Iss = iss, HasFar = true, Far = far };

    /// <summary>Nothing is wrong: the instruction is to be looked up and executed again.</summary>
    internal void RecordRetry() => fault = default;

    /// <summary>Replaces the fault address of a recorded Data Abort: DC ZVA reports the address it was given. A watchpoint reports what is watched.</summary>
    internal void SetAbortAddress(ulong va)
    {
        if (fault.Class == ExceptionClass.DataAbort)
        {
            fault.Far = va;
        }
    }

    /// <summary>Records the Data Abort of an exclusive or atomic access to memory that does not support it.</summary>
    /// <param name="va">Address of the access.</param>
    /// <param name="write">The access writes.</param>
    public void RecordUnsupportedExclusive(ulong va, bool write) =>
        Record(ExceptionClass.DataAbort, (uint)FaultStatus.UnsupportedExclusive | (write ? Iss.Write : 0), va);

    /// <inheritdoc/>
    public override bool PermitsUnaligned(ulong va, int size, bool write)
    {
        RecordAlignmentFault(va, write);
        return false;
    }

    /// <summary>Records an alignment fault of a data access.</summary>
    public void RecordAlignmentFault(ulong va, bool write) =>
        Record(ExceptionClass.DataAbort, (uint)FaultStatus.Alignment | (write ? Iss.Write : 0), va);

    /// <summary>Records the Data Abort of a cache maintenance instruction, or of the table walk of an address translation instruction.</summary>
    internal void RecordMaintenanceAbort(ulong va, uint status) => Record(ExceptionClass.DataAbort, status | Iss.CacheMaintenance | Iss.Write, va);

    /// <inheritdoc/>
    public override void RecordStackAlignmentFault() => Record(ExceptionClass.SpAlignment, 0);

    /// <inheritdoc/>
    protected override void RecordFetchAbort(ulong va) => Record(ExceptionClass.InstructionAbort, (uint)FaultStatus.External, va);

    /// <inheritdoc/>
    protected override void TakeFault()
    {
        if (!fault.Valid)
        {
            return;
        }

        var f = fault;
        fault = default;
        var target = Math.Max(ExceptionLevel, 1);
        var exceptionClass = (int)f.Class;
        if (f.Class is ExceptionClass.InstructionAbort or ExceptionClass.DataAbort or ExceptionClass.Watchpoint && target == ExceptionLevel)
        {
            exceptionClass++;
        }

        if (f.HasFar)
        {
            Level(target).Far = f.Far;
        }

        TakeSynchronous(target, exceptionClass, f.Iss, State->Pc);
    }

    /// <summary>Takes a synchronous exception.</summary>
    /// <param name="target">Exception level it is taken to.</param>
    /// <param name="exceptionClass">ESR.EC.</param>
    /// <param name="iss">ESR.ISS.</param>
    /// <param name="returnAddress">ELR.</param>
    internal void TakeSynchronous(int target, int exceptionClass, uint iss, ulong returnAddress)
    {
        Level(target).Esr = ((ulong)exceptionClass << 26) | EsrIl | iss;
        TakeException(target, 0, returnAddress);
    }

    private void TakeException(int target, ulong vector, ulong returnAddress)
    {
        var s = State;
        ref var r = ref a->System;
        ref var level = ref Level(target);
        var el = (int)(r.CurrentEl >> 2);
        vector += target > el ? VectorLower64 : r.SpSel != 0 ? VectorCurrentSpx : 0;
        if (Monitors.Counting)
        {
            Monitors.Count(PerformanceEvent.ExceptionTaken, s->Retired);
        }

        level.Spsr = ReadPstate();
        level.Elr = returnAddress;
        r.Daif = Pstate.Daif;
        Btype = BranchType.None;
        r.SoftwareStep = 0;
        illegalState = false;
        r.Uao = 0;
        if (Cluster.Features.Has(A64Feature.SSBS2))
        {
            r.Ssbs = (level.Sctlr & Sctlr.DSSBS) != 0 ? Pstate.Ssbs : 0;
        }

        EnterLevel(target, 1);
        if ((level.Sctlr & Sctlr.SPAN) == 0 && Cluster.Features.Has(A64Feature.PAN))
        {
            SetPan(Pstate.Pan);
        }

        s->Pc = level.Vbar + vector;
    }

    /// <summary>PSTATE.IL: the next instruction is not executed. What its fetch may report comes first (Arm ARM D1.3.5).</summary>
    private bool illegalState;

    /// <summary>Records the exception that the instruction at PC takes in place of being executed, if there is one.</summary>
    private bool IsRefused()
    {
        if (illegalState)
        {
            Record(ExceptionClass.IllegalState, 0);
            return true;
        }

        return IsArrivalRefused();
    }

    /// <summary>PSTATE in the layout of SPSR_ELx.</summary>
    public ulong ReadPstate()
    {
        ref var r = ref a->System;
        return (State->Flags << 28) | r.Dit | r.Uao | r.Pan | r.SoftwareStep | (illegalState ? Pstate.Il : 0) | r.Ssbs
            | ((ulong)Btype << BtypeShift) | r.Daif | r.CurrentEl | r.SpSel;
    }

    /// <summary>SVC: the preferred return address is the next instruction, where PC already is.</summary>
    internal void TakeSvc(uint immediate) => TakeSynchronous(Math.Max(ExceptionLevel, 1), (int)ExceptionClass.Svc, immediate, State->Pc);

    /// <summary>ERET from the current exception level, legal or not (Arm ARM D1.4.4).</summary>
    internal void ExceptionReturn()
    {
        ref var level = ref Level(ExceptionLevel);
        ExceptionReturn(level.Elr, level.Spsr);
    }

    /// <summary>Exception return to an address with a saved program status (ERET, ERETAA, ERETAB).</summary>
    internal void ExceptionReturn(ulong address, ulong spsr)
    {
        var s = State;
        ref var r = ref a->System;
        var features = Cluster.Features;
        s->ExclusiveAddress = MonitorOpen;
        r.EventRegister = 1;
        var to = (int)(spsr >> 2) & 3;
        // DebugExceptionReturnSS: SS is taken over only when stepping is enabled at the target and not here.
        var stepHere = StepEnabled();
        var legal = (spsr & (Pstate.AArch32 | 2)) == 0 && to <= ExceptionLevel && (to != 0 || (spsr & 1) == 0);
        s->Flags = (spsr >> 28) & 15;
        r.Daif = spsr & Pstate.Daif;
        Btype = features.Has(A64Feature.BTI) ? (BranchType)((spsr & Pstate.Btype) >> BtypeShift) : BranchType.None;
        r.Ssbs = features.Has(A64Feature.SSBS2) ? spsr & Pstate.Ssbs : 0;
        r.Dit = features.Has(A64Feature.DIT) ? spsr & Pstate.Dit : 0;
        r.Uao = features.Has(A64Feature.UAO) ? spsr & Pstate.Uao : 0;
        illegalState = !legal || (spsr & Pstate.Il) != 0;

        if (Monitors.Counting)
        {
            Monitors.Count(PerformanceEvent.ExceptionReturn, s->Retired);
        }

        if (features.Has(A64Feature.PAN))
        {
            SetPan(spsr & Pstate.Pan);
        }

        if (legal)
        {
            EnterLevel(to, spsr & 1);
        }
        else
        {
            SelectTables();
            UpdateMode();
        }

        r.SoftwareStep = !stepHere && StepEnabled() ? spsr & Pstate.Ss : 0;
        s->Pc = CanonicalInstructionAddress(address);
    }

    /// <inheritdoc/>
    protected override void TakeInterrupt()
    {
        var lines = Volatile.Read(ref State->InterruptLines);
        var daif = a->System.Daif;
        if ((lines & Fiq) != 0 && (daif & Pstate.F) == 0)
        {
            TakeException(1, VectorFiq, State->Pc);
        }
        else if ((lines & Irq) != 0 && (daif & Pstate.I) == 0)
        {
            TakeException(1, VectorIrq, State->Pc);
        }
    }

    /// <summary>An interrupt could be taken now: what a write that clears a mask looks at.</summary>
    internal bool InterruptReady()
    {
        var lines = State->InterruptLines;
        return lines != 0 && (((lines & Irq) != 0 && (a->System.Daif & Pstate.I) == 0) || ((lines & Fiq) != 0 && (a->System.Daif & Pstate.F) == 0));
    }

    /// <summary>ISR_EL1: pending physical interrupts.</summary>
    internal ulong PendingInterrupts()
    {
        var lines = Volatile.Read(ref State->InterruptLines);
        return ((lines & Irq) != 0 ? Pstate.I : 0) | ((lines & Fiq) != 0 ? Pstate.F : 0);
    }

    /// <inheritdoc/>
    protected override bool HasWakeup() => (Volatile.Read(ref State->InterruptLines) & (Irq | Fiq)) != 0;

    /// <summary>WFI would complete at once.</summary>
    internal bool WakesFromWfi => HasWakeup();

    /// <summary>MSR of a register that is more than a slot.</summary>
    internal void WriteSystemRegister(SystemRegister register, ulong value)
    {
        if (register.WriteValue != null)
        {
            register.WriteValue(this, value);
            return;
        }

        var slot = (ulong*)((byte*)State + register.Slot);
        var old = *slot;
        *slot = (value & (slot == &a->System.El1.Sctlr ? sctlrMask : register.WriteMask)) | register.Res1;
        var changed = old ^ *slot;
        if (changed == 0)
        {
            return;
        }

        if ((register.Effects & RegisterEffects.Translation) != 0 && (slot != &a->System.El1.Sctlr || (changed & Sctlr.ChangesTranslation) != 0))
        {
            TranslationChanged();
        }
        else if (slot == &a->System.El1.Sctlr && (changed & Sctlr.ChangesBranchTargets) != 0)
        {
            FlushCodeLookups();
        }

        if ((register.Effects & RegisterEffects.Mode) != 0)
        {
            ModeChanged();
        }

        if ((register.Effects & RegisterEffects.Debug) != 0)
        {
            DebugChanged();
        }

        if ((register.Effects & RegisterEffects.Context) != 0)
        {
            if (Monitors.Counting)
            {
                Monitors.Count(PerformanceEvent.TranslationTableWrite, State->ExactRetired);
            }

            ContextChanged();
        }
    }

    /// <summary>PSTATE.PAN; entries that EL1 made of user pages go when it becomes set.</summary>
    internal void SetPan(ulong value)
    {
        var old = a->System.Pan;
        a->System.Pan = value;
        if (value != 0 && old == 0)
        {
            DropUserPagesOfPrivilegedTable();
        }
    }

    /// <summary>Software step is enabled at the current exception level: MDSCR_EL1.SS, OS lock, MDSCR_EL1.KDE and PSTATE.D (Arm ARM D2.12).</summary>
    private bool StepEnabled()
    {
        const ulong Ss = 1;
        const ulong Kde = 1 << 13;
        ref var r = ref a->System;
        return (r.Mdscr & Ss) != 0 && r.OsLock == 0
            && (r.CurrentEl == 0 || ((r.Mdscr & Kde) != 0 && (r.Daif & Pstate.D) == 0));
    }

    /// <inheritdoc/>
    protected override BlockExit Enter(Block* block)
    {
        var s = State;
        if ((s->ModeKey & (ulong)(A64Mode.SoftwareStep | A64Mode.Breakpoints)) == 0)
        {
            return IsRefused() ? BlockExit.Fault : base.Enter(block);
        }

        if ((s->ModeKey & (ulong)A64Mode.SoftwareStep) == 0)
        {
            if (TryTakeBreakpoint())
            {
                return BlockExit.Left;
            }

            if (IsRefused())
            {
                return BlockExit.Fault;
            }

            s->Limit = s->Retired + 1;
            return base.Enter(block);
        }

        ref var r = ref a->System;
        if (r.SoftwareStep == 0)
        {
            // Active-pending: nothing was stepped.
            TakeStep(0);
            return BlockExit.Left;
        }

        if (TryTakeBreakpoint())
        {
            return BlockExit.Left;
        }

        if (IsRefused())
        {
            return BlockExit.Fault;
        }

        // Active-not-pending: one instruction, with SS already clear for what it saves (SVC) or reads.
        r.SoftwareStep = 0;
        s->Limit = s->Retired + 1;
        var retired = s->Retired;
        var stepped = StepSyndrome(block->Physical);
        var exit = base.Enter(block);
        if (exit == BlockExit.Fault)
        {
            // The instruction was not completed: it is stepped again after the return.
            r.SoftwareStep = Pstate.Ss;
        }
        else if (s->Retired != retired && r.SoftwareStep == 0 && StepEnabled())
        {
            s->LinkFrom = null;
            TakeStep(stepped);
            return BlockExit.Left;
        }
        else if (s->Retired == retired)
        {
            r.SoftwareStep = Pstate.Ss;
        }

        return exit;
    }

    private void TakeStep(uint syndrome)
    {
        var lower = ExceptionLevel == 0;
        TakeSynchronous(1, (int)ExceptionClass.SoftwareStep + (lower ? 0 : 1), (uint)FaultStatus.Debug | syndrome, State->Pc);
    }

    /// <summary>ISS of the Software Step exception after an instruction: ISV, and EX when it is a Load-Exclusive.</summary>
    private uint StepSyndrome(ulong physical)
    {
        const uint ExclusiveMask = 0x3FC0_0000;
        const uint LoadExclusive = 0x0840_0000;
        const uint Pair = 1 << 21;
        const uint Wide = 1u << 31;
        var word = (uint*)Memory.TryGetPointer(physical, sizeof(uint), forWrite: false);

        // With bit 31 clear the pairs are CASP.
        var exclusive = word != null && (*word & ExclusiveMask) == LoadExclusive && (*word & (Pair | Wide)) != Pair;
        return Iss.StepValid | (exclusive ? Iss.StepExclusive : 0);
    }
}
