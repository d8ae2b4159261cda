// The helpers that system instructions call: exceptions, waits, barriers, PSTATE, register access.
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>Static methods behind <see cref="MicroOpKind.Call"/>, <see cref="MicroOpKind.CallChecked"/> and <see cref="MicroOpKind.CallEnd"/>. Aux is as emitted: an immediate or the instruction word.</summary>
public static unsafe class SystemHelpers
{
    /// <summary>Slot of PSTATE.DAIF.</summary>
    public static readonly ushort DaifSlot = Arm64State.SlotOf(&Arm64State.Layout->System.Daif);

    /// <summary>Slot of PSTATE.PAN.</summary>
    public static readonly ushort PanSlot = Arm64State.SlotOf(&Arm64State.Layout->System.Pan);

    /// <summary>Slot of PSTATE.SSBS.</summary>
    public static readonly ushort SsbsSlot = Arm64State.SlotOf(&Arm64State.Layout->System.Ssbs);

    /// <summary>Slot of PSTATE.DIT.</summary>
    public static readonly ushort DitSlot = Arm64State.SlotOf(&Arm64State.Layout->System.Dit);

    /// <summary>The vCPU of a state.</summary>
    public static Arm64Vcpu Owner(CpuState* s) => (Arm64Vcpu)CpuState.OwnerOf(s);

    /// <summary>UNDEFINED.</summary>
    public static int Undefined(CpuState* s, MicroOp* op)
    {
        ((IA64Exceptions)CpuState.OwnerOf(s)).RecordException((int)ExceptionClass.Unknown, 0);
        return Status.Fault;
    }

    /// <summary>FP/SIMD access trap.</summary>
    public static int FpTrap(CpuState* s, MicroOp* op)
    {
        ((IA64Exceptions)CpuState.OwnerOf(s)).RecordException((int)ExceptionClass.TrappedFp, Iss.ConditionAlways);
        return Status.Fault;
    }

    /// <summary>SVC.</summary>
    public static int Svc(CpuState* s, MicroOp* op)
    {
        Owner(s).TakeSvc(op->Aux);
        return Status.ExitPc;
    }

    /// <summary>HVC: a firmware call, whatever the immediate.</summary>
    public static int Hvc(CpuState* s, MicroOp* op)
    {
        s->ExactRetired = s->Retired - op->Left;
        Owner(s).FirmwareCall();
        return Status.ExitPc;
    }

    /// <summary>BRK.</summary>
    public static int Brk(CpuState* s, MicroOp* op)
    {
        Owner(s).Record(ExceptionClass.Brk, op->Aux);
        return Status.Fault;
    }

    /// <summary>HLT #0xF000.</summary>
    public static int Semihost(CpuState* s, MicroOp* op)
    {
        Semihosting.Call(Owner(s), s, op);
        return Status.ExitPc;
    }

    /// <summary>ERET.</summary>
    public static int Eret(CpuState* s, MicroOp* op)
    {
        Owner(s).ExceptionReturn();
        return Status.ExitPc;
    }

    /// <summary>YIELD: lets another thread run when vCPUs share host CPUs.</summary>
    public static void Yield(CpuState* s, MicroOp* op)
    {
        if (s->Parallel != 0)
        {
            Thread.Yield();
        }
    }

    /// <summary>
    /// WFE: clears the event register, or gives the host CPU away for a moment. It never sleeps: the exclusive monitor works by value, so that
    /// clearing it raises no event that a sleeper could wake on.
    /// </summary>
    public static int Wfe(CpuState* s, MicroOp* op) => WaitForEvent(s, Iss.WaitForEvent);

    /// <summary>WFET: as WFE, which never outstays the timeout.</summary>
    public static int WfeTimed(CpuState* s, MicroOp* op) => WaitForEvent(s, Iss.WaitTimed | Iss.WaitForEvent | Iss.RegisterNumber(op->Aux & 31));

    private static int WaitForEvent(CpuState* s, uint iss)
    {
        ref var r = ref ((Arm64State*)s)->System;
        if (r.EventRegister != 0)
        {
            r.EventRegister = 0;
            return Status.ExitPc;
        }

        if (r.CurrentEl == 0 && (r.El1.Sctlr & Sctlr.NTWE) == 0)
        {
            Owner(s).Record(ExceptionClass.TrappedWfx, Iss.ConditionAlways | iss);
            return Status.Fault;
        }

        if (s->Parallel != 0)
        {
            Thread.Yield();
        }

        return Status.ExitPc;
    }

    /// <summary>WFI.</summary>
    public static int Wfi(CpuState* s, MicroOp* op)
    {
        var cpu = Owner(s);
        if (cpu.WakesFromWfi)
        {
            return Status.ExitPc;
        }

        if (cpu.ExceptionLevel == 0 && (cpu.Arm64->System.El1.Sctlr & Sctlr.NTWI) == 0)
        {
            cpu.Record(ExceptionClass.TrappedWfx, Iss.ConditionAlways);
            return Status.Fault;
        }

        s->Halted = 1;
        return Status.ExitPc;
    }

    /// <summary>WFIT: WFI that ends when CNTVCT reaches Xt. It gives the host CPU away until then instead of sleeping.</summary>
    public static int WfiTimed(CpuState* s, MicroOp* op)
    {
        var cpu = Owner(s);
        s->ExactRetired = s->Retired - op->Left;
        if (cpu.WakesFromWfi || cpu.VirtualTimer.Count >= *(ulong*)((byte*)s + op->A))
        {
            return Status.ExitPc;
        }

        if (cpu.ExceptionLevel == 0 && (cpu.Arm64->System.El1.Sctlr & Sctlr.NTWI) == 0)
        {
            cpu.Record(ExceptionClass.TrappedWfx, Iss.ConditionAlways | Iss.WaitTimed | Iss.RegisterNumber(op->Aux & 31));
            return Status.Fault;
        }

        if (s->Parallel != 0)
        {
            Thread.Yield();
        }

        // Architecturally WFIT may complete early for any reason.
        return Status.ExitPc;
    }

    /// <summary>SEV.</summary>
    public static void Sev(CpuState* s, MicroOp* op) => Owner(s).SendEvent();

    /// <summary>SEVL.</summary>
    public static void Sevl(CpuState* s, MicroOp* op) => ((Arm64State*)s)->System.EventRegister = 1;

    /// <summary>DSB: waits for the TLB maintenance this vCPU broadcast.</summary>
    public static int Dsb(CpuState* s, MicroOp* op)
    {
        if (s->Parallel == 0)
        {
            return Status.Continue;
        }

        Interlocked.MemoryBarrier();
        var cpu = Owner(s);
        if (cpu.BroadcastsComplete())
        {
            return Status.Continue;
        }

        // Executed again after the outer loop has served this vCPU's own requests.
        cpu.RecordRetry();
        return Status.Fault;
    }

    /// <summary>ISB: a context synchronization event.</summary>
    public static int Isb(CpuState* s, MicroOp* op) => Owner(s).Synchronize() ? Status.ExitNext : Status.Continue;

    /// <summary>MSR DAIFSet at EL0 (above, it is a micro-op).</summary>
    public static int DaifSet(CpuState* s, MicroOp* op)
    {
        if (!DaifPermitted(s, op))
        {
            return Status.Fault;
        }

        ((Arm64State*)s)->System.Daif |= ((op->Aux >> 8) & 15) << 6;
        return Status.Continue;
    }

    /// <summary>MSR DAIFClr: leaves the block when an interrupt can be taken now.</summary>
    public static int DaifClear(CpuState* s, MicroOp* op)
    {
        if (!DaifPermitted(s, op))
        {
            return Status.Fault;
        }

        ((Arm64State*)s)->System.Daif &= ~((ulong)((op->Aux >> 8) & 15) << 6);
        return AfterUnmask(s);
    }

    /// <summary>MSR DAIF.</summary>
    public static int WriteDaif(CpuState* s, MicroOp* op)
    {
        if (!DaifPermitted(s, op))
        {
            return Status.Fault;
        }

        ((Arm64State*)s)->System.Daif = *(ulong*)((byte*)s + op->A) & Pstate.Daif;
        return AfterUnmask(s);
    }

    private static int AfterUnmask(CpuState* s)
    {
        var a = (Arm64State*)s;
        if ((a->System.Mdscr & 1) != 0)
        {
            // PSTATE.D takes part in enabling software step.
            Owner(s).UpdateMode();
            return Status.ExitNext;
        }

        return s->InterruptLines != 0 && Owner(s).InterruptReady() ? Status.ExitNext : Status.Continue;
    }

    private static bool DaifPermitted(CpuState* s, MicroOp* op)
    {
        ref var r = ref ((Arm64State*)s)->System;
        if (r.CurrentEl != 0 || (r.El1.Sctlr & Sctlr.UMA) != 0)
        {
            return true;
        }

        Owner(s).Record(ExceptionClass.TrappedSystem, Iss.OfSystemInstruction(op->Aux));
        return false;
    }

    /// <summary>MSR SPSel, #imm.</summary>
    public static int SetSpSel(CpuState* s, MicroOp* op)
    {
        Owner(s).SetSpSel(op->Aux);
        return Status.ExitPc;
    }

    /// <summary>MSR PAN, #1.</summary>
    public static void SetPan(CpuState* s, MicroOp* op) => Owner(s).SetPan(Pstate.Pan);

    /// <summary>MSR UAO, #imm.</summary>
    public static int SetUao(CpuState* s, MicroOp* op)
    {
        Owner(s).SetUao(op->Aux != 0 ? Pstate.Uao : 0);
        return Status.ExitPc;
    }

    /// <summary>MRS of a register that is made by code.</summary>
    public static int ReadRegister(CpuState* s, MicroOp* op)
    {
        s->ExactRetired = s->Retired - op->Left;
        var cpu = Owner(s);
        var register = SystemRegisterTable.Find(op->Aux >> 5)!;
        if (!Permitted(cpu, register, op->Aux, read: true))
        {
            return Status.Fault;
        }

        *(ulong*)((byte*)s + op->D) = register.ReadValue != null ? register.ReadValue(cpu) : *(ulong*)((byte*)s + register.Slot);
        return Status.Continue;
    }

    /// <summary>MSR of a register with effects; ends the block.</summary>
    public static int WriteRegister(CpuState* s, MicroOp* op)
    {
        s->ExactRetired = s->Retired - op->Left;
        var cpu = Owner(s);
        var register = SystemRegisterTable.Find(op->Aux >> 5)!;
        if (!Permitted(cpu, register, op->Aux, read: false))
        {
            return Status.Fault;
        }

        cpu.WriteSystemRegister(register, *(ulong*)((byte*)s + op->A));
        return Status.ExitPc;
    }

    private static bool Permitted(Arm64Vcpu cpu, SystemRegister register, uint word, bool read)
    {
        if (register.UserMay == null || cpu.ExceptionLevel != 0 || register.UserMay(cpu, read))
        {
            return true;
        }

        cpu.Record(ExceptionClass.TrappedSystem, Iss.OfSystemInstruction(word));
        return false;
    }

    /// <summary>MRS of a register behind a device.</summary>
    public static int ReadDevice(CpuState* s, MicroOp* op)
    {
        s->ExactRetired = s->Retired - op->Left;
        var cpu = Owner(s);
        var encoding = (ushort)(op->Aux >> 5);
        *(ulong*)((byte*)s + op->D) = cpu.DeviceOf(encoding)!.ReadSystemRegister(cpu.Index, encoding, cpu.ExceptionLevel, secure: false);
        return Status.Continue;
    }

    /// <summary>MSR of a register behind a device; ends the block, since it may raise or drop an interrupt.</summary>
    public static int WriteDevice(CpuState* s, MicroOp* op)
    {
        s->ExactRetired = s->Retired - op->Left;
        var cpu = Owner(s);
        var encoding = (ushort)(op->Aux >> 5);
        cpu.DeviceOf(encoding)!.WriteSystemRegister(cpu.Index, encoding, cpu.ExceptionLevel, secure: false, *(ulong*)((byte*)s + op->A));
        return Status.ExitPc;
    }
}
