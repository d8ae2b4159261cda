// The A64 state's second half: PSTATE fields and system registers, banked by exception level where the architecture banks them.
using System.Runtime.InteropServices;

namespace Emu.Cpu.Arm64;

public unsafe partial struct Arm64State
{
    /// <summary>Offset of <see cref="System"/>.</summary>
    public const int SystemRegistersOffset = SystemOffset + 128;

    /// <summary>APIAKeyLo_EL1 (Arm ARM D17.2.8): pointer-authentication key A for instruction addresses, low half.</summary>
    [FieldOffset(SystemOffset)]
    public ulong ApiaKeyLo;

    /// <summary>APIAKeyHi_EL1.</summary>
    [FieldOffset(SystemOffset + 8)]
    public ulong ApiaKeyHi;

    /// <summary>APIBKeyLo_EL1: key B for instruction addresses.</summary>
    [FieldOffset(SystemOffset + 16)]
    public ulong ApibKeyLo;

    /// <summary>APIBKeyHi_EL1.</summary>
    [FieldOffset(SystemOffset + 24)]
    public ulong ApibKeyHi;

    /// <summary>APDAKeyLo_EL1: key A for data addresses.</summary>
    [FieldOffset(SystemOffset + 32)]
    public ulong ApdaKeyLo;

    /// <summary>APDAKeyHi_EL1.</summary>
    [FieldOffset(SystemOffset + 40)]
    public ulong ApdaKeyHi;

    /// <summary>APDBKeyLo_EL1: key B for data addresses.</summary>
    [FieldOffset(SystemOffset + 48)]
    public ulong ApdbKeyLo;

    /// <summary>APDBKeyHi_EL1.</summary>
    [FieldOffset(SystemOffset + 56)]
    public ulong ApdbKeyHi;

    /// <summary>APGAKeyLo_EL1: generic key.</summary>
    [FieldOffset(SystemOffset + 64)]
    public ulong ApgaKeyLo;

    /// <summary>APGAKeyHi_EL1.</summary>
    [FieldOffset(SystemOffset + 72)]
    public ulong ApgaKeyHi;

    /// <summary>PSTATE and system registers.</summary>
    [FieldOffset(SystemRegistersOffset)]
    public SystemRegisters System;

    /// <summary>A state that no vCPU has: the address of a member less this one is its offset (<see cref="SlotOf"/>).</summary>
    internal static readonly Arm64State* Layout = (Arm64State*)NativeMemory.AllocZeroed(Size);

    /// <summary>Offset of a member named through <see cref="Layout"/>.</summary>
    internal static ushort SlotOf(ulong* member) => checked((ushort)((byte*)member - (byte*)Layout));
}

/// <summary>The registers each of EL1, EL2 and EL3 has a copy of.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ExceptionLevelRegisters
{
    /// <summary>SCTLR_ELx.</summary>
    public ulong Sctlr;

    /// <summary>ACTLR_ELx.</summary>
    public ulong Actlr;

    /// <summary>CPACR_EL1, CPTR_EL2, CPTR_EL3.</summary>
    public ulong Cptr;

    /// <summary>TTBR0_ELx.</summary>
    public ulong Ttbr0;

    /// <summary>TTBR1_ELx (EL1; EL2 with FEAT_VHE).</summary>
    public ulong Ttbr1;

    /// <summary>TCR_ELx.</summary>
    public ulong Tcr;

    /// <summary>MAIR_ELx.</summary>
    public ulong Mair;

    /// <summary>AMAIR_ELx.</summary>
    public ulong Amair;

    /// <summary>VBAR_ELx.</summary>
    public ulong Vbar;

    /// <summary>ELR_ELx.</summary>
    public ulong Elr;

    /// <summary>SPSR_ELx.</summary>
    public ulong Spsr;

    /// <summary>ESR_ELx.</summary>
    public ulong Esr;

    /// <summary>FAR_ELx.</summary>
    public ulong Far;

    /// <summary>AFSR0_ELx.</summary>
    public ulong Afsr0;

    /// <summary>AFSR1_ELx.</summary>
    public ulong Afsr1;

    /// <summary>TPIDR_ELx.</summary>
    public ulong Tpidr;

    /// <summary>CONTEXTIDR_ELx (EL1; EL2 with FEAT_VHE).</summary>
    public ulong ContextIdr;

    /// <summary>SP_ELx while it is not the current stack pointer.</summary>
    public ulong Sp;

    /// <summary>SCXTNUM_ELx.</summary>
    public ulong Scxtnum;
}

/// <summary>PSTATE fields and system registers. Every member is a 64-bit slot that micro-ops may name by its offset.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct SystemRegisters
{
    /// <summary>Breakpoints and watchpoints the state has room for.</summary>
    public const int DebugSlots = 16;

    /// <summary>Event counters the state has room for.</summary>
    public const int EventCounters = 31;

    /// <summary>EL1's registers.</summary>
    public ExceptionLevelRegisters El1;

    /// <summary>EL2's registers.</summary>
    public ExceptionLevelRegisters El2;

    /// <summary>EL3's registers.</summary>
    public ExceptionLevelRegisters El3;

    /// <summary>HCR_EL2.</summary>
    public ulong HcrEl2;

    /// <summary>VTCR_EL2.</summary>
    public ulong VtcrEl2;

    /// <summary>VTTBR_EL2.</summary>
    public ulong VttbrEl2;

    /// <summary>HPFAR_EL2.</summary>
    public ulong HpfarEl2;

    /// <summary>CNTHCTL_EL2.</summary>
    public ulong CnthctlEl2;

    /// <summary>MDCR_EL2.</summary>
    public ulong MdcrEl2;

    /// <summary>VPIDR_EL2.</summary>
    public ulong VpidrEl2;

    /// <summary>VMPIDR_EL2.</summary>
    public ulong VmpidrEl2;

    /// <summary>SCR_EL3.</summary>
    public ulong ScrEl3;

    /// <summary>MDCR_EL3.</summary>
    public ulong MdcrEl3;

    /// <summary>PSTATE.EL as CurrentEL shows it: bits 3:2.</summary>
    public ulong CurrentEl;

    /// <summary>PSTATE.{D,A,I,F} as DAIF shows them: bits 9:6.</summary>
    public ulong Daif;

    /// <summary>PSTATE.SP: 1 when SP_ELx is used at EL1 and above; 0 at EL0.</summary>
    public ulong SpSel;

    /// <summary>PSTATE.PAN, bit 22.</summary>
    public ulong Pan;

    /// <summary>PSTATE.UAO, bit 23.</summary>
    public ulong Uao;

    /// <summary>PSTATE.DIT, bit 24.</summary>
    public ulong Dit;

    /// <summary>PSTATE.SSBS, bit 12.</summary>
    public ulong Ssbs;

    /// <summary>PSTATE.BTYPE as SPSR shows it, bits 11:10, in a snapshot; while the vCPU runs, <see cref="CpuState.ArrivalType"/> tells it.</summary>
    public ulong Btype;

    /// <summary>PSTATE.SS as SPSR shows it: bit 21.</summary>
    public ulong SoftwareStep;

    /// <summary>The event register that WFE looks at: 0 or 1. Other vCPUs set it (SEV).</summary>
    public ulong EventRegister;

    /// <summary>SP_EL0 while it is not the current stack pointer.</summary>
    public ulong SpEl0;

    /// <summary>TPIDR_EL0.</summary>
    public ulong TpidrEl0;

    /// <summary>TPIDRRO_EL0.</summary>
    public ulong TpidrroEl0;

    /// <summary>SCXTNUM_EL0.</summary>
    public ulong ScxtnumEl0;

    /// <summary>PAR_EL1.</summary>
    public ulong Par;

    /// <summary>CSSELR_EL1.</summary>
    public ulong Csselr;

    /// <summary>CNTKCTL_EL1.</summary>
    public ulong Cntkctl;

    /// <summary>CNTFRQ_EL0.</summary>
    public ulong Cntfrq;

    /// <summary>CNTVOFF_EL2: virtual count = physical count - this.</summary>
    public ulong CntvoffEl2;

    /// <summary>CNTP_CTL_EL0 without ISTATUS.</summary>
    public ulong CntpCtl;

    /// <summary>CNTP_CVAL_EL0.</summary>
    public ulong CntpCval;

    /// <summary>CNTV_CTL_EL0 without ISTATUS.</summary>
    public ulong CntvCtl;

    /// <summary>CNTV_CVAL_EL0.</summary>
    public ulong CntvCval;

    /// <summary>CNTHP_CTL_EL2 without ISTATUS.</summary>
    public ulong CnthpCtl;

    /// <summary>CNTHP_CVAL_EL2.</summary>
    public ulong CnthpCval;

    /// <summary>CNTPS_CTL_EL1 without ISTATUS.</summary>
    public ulong CntpsCtl;

    /// <summary>CNTPS_CVAL_EL1.</summary>
    public ulong CntpsCval;

    /// <summary>MDSCR_EL1.</summary>
    public ulong Mdscr;

    /// <summary>MDCCINT_EL1.</summary>
    public ulong Mdccint;

    /// <summary>OSLSR_EL1.OSLK, bit 1.</summary>
    public ulong OsLock;

    /// <summary>OSDLR_EL1.</summary>
    public ulong OsDoubleLock;

    /// <summary>OSECCR_EL1.</summary>
    public ulong Oseccr;

    /// <summary>DTRTX as OSDTRTX_EL1 shows it.</summary>
    public ulong Osdtrtx;

    /// <summary>DTRRX as OSDTRRX_EL1 shows it.</summary>
    public ulong Osdtrrx;

    /// <summary>DBGPRCR_EL1.</summary>
    public ulong Dbgprcr;

    /// <summary>DBGCLAIM tags.</summary>
    public ulong DebugClaim;

    /// <summary>DBGBVRn_EL1.</summary>
    public fixed ulong Dbgbvr[DebugSlots];

    /// <summary>DBGBCRn_EL1.</summary>
    public fixed ulong Dbgbcr[DebugSlots];

    /// <summary>DBGWVRn_EL1.</summary>
    public fixed ulong Dbgwvr[DebugSlots];

    /// <summary>DBGWCRn_EL1.</summary>
    public fixed ulong Dbgwcr[DebugSlots];

    /// <summary>PMCR_EL0.</summary>
    public ulong Pmcr;

    /// <summary>PMCNTENSET_EL0.</summary>
    public ulong Pmcnten;

    /// <summary>PMOVSSET_EL0.</summary>
    public ulong Pmovs;

    /// <summary>PMINTENSET_EL1.</summary>
    public ulong Pminten;

    /// <summary>PMSELR_EL0.</summary>
    public ulong Pmselr;

    /// <summary>PMUSERENR_EL0.</summary>
    public ulong Pmuserenr;

    /// <summary>PMCCFILTR_EL0.</summary>
    public ulong Pmccfiltr;

    /// <summary>PMCCNTR_EL0 at the last synchronization.</summary>
    public ulong Pmccntr;

    /// <summary>PMEVTYPERn_EL0.</summary>
    public fixed ulong Pmevtyper[EventCounters];

    /// <summary>PMEVCNTRn_EL0 at the last synchronization.</summary>
    public fixed ulong Pmevcntr[EventCounters];

    /// <summary>Retired instructions at the last synchronization of the counters.</summary>
    public ulong PmuSynchronized;

    /// <summary>State of the vCPU's own random sequence (deterministic mode).</summary>
    public ulong RandomState;

    /// <summary>PSCI power state, see <see cref="Arm64.PowerState"/>.</summary>
    public ulong PowerState;

    /// <summary>Entry point of a pending PSCI CPU_ON.</summary>
    public ulong PowerOnEntry;

    /// <summary>Context identifier of a pending PSCI CPU_ON.</summary>
    public ulong PowerOnContext;

    /// <summary>Semihosting errno of the last failed call.</summary>
    public ulong SemihostingErrno;

    /// <summary>Arm semihosting's open handles, a bit each; the first vCPU's count for the machine.</summary>
    public ulong SemihostingHandles;
}

/// <summary>Power state of a core as PSCI AFFINITY_INFO reports it.</summary>
public enum PowerState
{
    /// <summary>On.</summary>
    On = 0,

    /// <summary>Off.</summary>
    Off = 1,

    /// <summary>CPU_ON was called and has not been carried out yet.</summary>
    OnPending = 2,
}
