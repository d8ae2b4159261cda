// TLBI, IC, DC and AT: the helpers behind SYS.
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>TLB maintenance (Arm ARM C5.5).</summary>
public static unsafe class TlbHelpers
{
    private const ulong TcrDs = 1UL << 59;

    /// <summary>TLBI on this vCPU.</summary>
    public static int Local(CpuState* s, MicroOp* op)
    {
        SystemHelpers.Owner(s).Apply(Decode(s, op));
        return Status.Continue;
    }

    /// <summary>TLBI in the Inner or Outer Shareable domain.</summary>
    public static int Broadcast(CpuState* s, MicroOp* op)
    {
        SystemHelpers.Owner(s).Broadcast(Decode(s, op));
        return Status.Continue;
    }

    /// <summary>TLBI by range on this vCPU.</summary>
    public static int LocalRange(CpuState* s, MicroOp* op)
    {
        SystemHelpers.Owner(s).Apply(DecodeRange(s, op));
        return Status.Continue;
    }

    /// <summary>TLBI by range in a shareable domain.</summary>
    public static int BroadcastRange(CpuState* s, MicroOp* op)
    {
        SystemHelpers.Owner(s).Broadcast(DecodeRange(s, op));
        return Status.Continue;
    }

    private static TlbInvalidation Decode(CpuState* s, MicroOp* op) => TlbInvalidation.Decode((op->Aux >> 5) & 7, *(ulong*)((byte*)s + op->A));

    private static TlbInvalidation DecodeRange(CpuState* s, MicroOp* op) =>
        TlbInvalidation.DecodeRange(*(ulong*)((byte*)s + op->A), (((Arm64State*)s)->System.El1.Tcr & TcrDs) != 0);
}

/// <summary>Cache maintenance (Arm ARM C5.3). There are no caches: what remains is permissions, DC ZVA, and code that must be translated again.</summary>
public static unsafe class CacheHelpers
{
    /// <summary>Bytes of a cache line, and of a DC ZVA block.</summary>
    public const int LineBytes = 64;

    /// <summary>IC IALLU, IC IALLUIS.</summary>
    public static int InvalidateAllInstructions(CpuState* s, MicroOp* op)
    {
        SystemHelpers.Owner(s).InvalidateInstructionCache();
        return Status.Continue;
    }

    /// <summary>IC IVAU: drops translations of the line.</summary>
    public static int InvalidateInstructions(CpuState* s, MicroOp* op)
    {
        var cpu = SystemHelpers.Owner(s);
        if (!Permitted(cpu, op, Sctlr.UCI))
        {
            return Status.Fault;
        }

        if (!TryAccess(s, op, write: false, out var physical))
        {
            return Status.Fault;
        }

        cpu.Memory.NotifyWritten(physical & ~(ulong)(LineBytes - 1), LineBytes);
        return Status.Continue;
    }

    /// <summary>DC CVAC, CVAU, CVAP, CVADP, CIVAC: checks that the address can be read.</summary>
    public static int CleanData(CpuState* s, MicroOp* op) =>
        Permitted(SystemHelpers.Owner(s), op, Sctlr.UCI) && TryAccess(s, op, write: false, out _) ? Status.Continue : Status.Fault;

    /// <summary>DC IVAC: checks that the address can be written.</summary>
    public static int InvalidateData(CpuState* s, MicroOp* op) =>
        TryAccess(s, op, write: true, out _) && SystemHelpers.Owner(s).PermitsInvalidation(*(ulong*)((byte*)s + op->A)) ? Status.Continue : Status.Fault;

    /// <summary>CFP, DVP and CPP RCTX: nothing is predicted; EL0 needs SCTLR_EL1.EnRCTX.</summary>
    public static int RestrictPrediction(CpuState* s, MicroOp* op) => Permitted(SystemHelpers.Owner(s), op, Sctlr.EnRCTX) ? Status.Continue : Status.Fault;

    /// <summary>DC ZVA.</summary>
    public static int Zero(CpuState* s, MicroOp* op)
    {
        var va = *(ulong*)((byte*)s + op->A);
        var line = va & ~(ulong)(LineBytes - 1);
        var e = (TlbEntry*)(s->Tlb + (((line >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((line >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
        ref var r = ref ((Arm64State*)s)->System;
        if (e->WriteTag == (line & TlbEntry.PageMask) && (r.CurrentEl != 0 || (r.El1.Sctlr & Sctlr.DZE) != 0))
        {
            new Span<byte>((void*)(line + e->Addend), LineBytes).Clear();
            return Status.Continue;
        }

        return ZeroSlow(s, op, va, line);
    }

    private static int ZeroSlow(CpuState* s, MicroOp* op, ulong va, ulong line)
    {
        var cpu = SystemHelpers.Owner(s);
        if (!Permitted(cpu, op, Sctlr.DZE))
        {
            return Status.Fault;
        }

        var host = MemoryAccess.Probe(s, op, line, LineBytes, write: true, out var status);
        if (status == Status.Fault)
        {
            cpu.SetAbortAddress(va);
            return Status.Fault;
        }

        var entry = cpu.Tlb.FromPointer(s->Tlb).Entry(line);
        if ((entry->Info & (ulong)TlbInfo.Device) != 0)
        {
            cpu.RecordAlignmentFault(va, write: true);
            return Status.Fault;
        }

        if (host != null)
        {
            new Span<byte>(host, LineBytes).Clear();
            cpu.Memory.NotifyWritten((entry->Info & TlbEntry.PageMask) | (line & 0xFFF), LineBytes);
            return Status.Continue;
        }

        ulong zero = 0;
        for (var i = 0; i < LineBytes; i += sizeof(ulong))
        {
            status |= MemoryAccess.Store(s, op, line + (ulong)i, sizeof(ulong), &zero);
        }

        return status;
    }

    /// <summary>Whether EL0 may use the operation; if not, the trap is recorded.</summary>
    private static bool Permitted(Arm64Vcpu cpu, MicroOp* op, ulong sctlrBit)
    {
        if (cpu.ExceptionLevel != 0 || (cpu.Arm64->System.El1.Sctlr & sctlrBit) != 0)
        {
            return true;
        }

        cpu.Record(ExceptionClass.TrappedSystem, Iss.OfSystemInstruction(op->Aux));
        return false;
    }

    /// <summary>
    /// Translates the operand as the permission check of a maintenance operation, which PAN leaves alone (Arm ARM D8.4.4); false with the fault recorded.
    /// </summary>
    private static bool TryAccess(CpuState* s, MicroOp* op, bool write, out ulong physical)
    {
        var va = *(ulong*)((byte*)s + op->A);
        var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
        if (((write ? e->WriteTag : e->ReadTag) & ~(TlbEntry.Slow | TlbEntry.Code)) == (va & TlbEntry.PageMask))
        {
            physical = (e->Info & TlbEntry.PageMask) | (va & ~TlbEntry.PageMask);
            return true;
        }

        s->ExactRetired = s->Retired - op->Left;
        var cpu = SystemHelpers.Owner(s);
        cpu.Walk(va, write ? AccessKind.Write : AccessKind.Read, user: cpu.ExceptionLevel == 0, pan: false, WalkPurpose.Maintenance, out var w);
        physical = w.Physical;
        if (w.Status == FaultStatus.None)
        {
            return true;
        }

        cpu.RecordMaintenanceAbort(va, w.StatusCode);
        return false;
    }
}

/// <summary>AT: address translation into PAR_EL1 (Arm ARM C5.4, D17.2.109).</summary>
public static unsafe class AddressTranslation
{
    private const ulong ParFault = 1;
    private const ulong ParRes1 = 1UL << 11;

    /// <summary>AT S1E{0,1}{R,W}{P}.</summary>
    public static int Execute(CpuState* s, MicroOp* op)
    {
        var cpu = SystemHelpers.Owner(s);
        var va = *(ulong*)((byte*)s + op->A);
        var write = (op->Aux & (1 << 5)) != 0;
        var user = (op->Aux & (2 << 5)) != 0;
        var withPan = ((op->Aux >> 8) & 15) == 9 && cpu.Arm64->System.Pan != 0;
        cpu.Walk(va, write ? AccessKind.Write : AccessKind.Read, user, withPan, WalkPurpose.Maintenance, out var w);
        if (w.Status is FaultStatus.ExternalOnWalk or FaultStatus.UnsupportedUpdate)
        {
            cpu.RecordMaintenanceAbort(va, w.StatusCode);
            return Status.Fault;
        }

        cpu.Arm64->System.Par = w.Status == FaultStatus.None
            ? ((ulong)w.Attribute << 56) | (w.Physical & 0x000F_FFFF_FFFF_F000) | ParRes1 | ((ulong)w.ReportedShareability << 7)
            : ParRes1 | ((ulong)w.StatusCode << 1) | ParFault;
        return Status.Continue;
    }
}
