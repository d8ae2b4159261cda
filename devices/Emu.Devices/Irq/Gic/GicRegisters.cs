// Register offsets, fields and system-register encodings of the GICv3 (Arm IHI 0069, chapter 12), each with what software uses it for.
namespace Emu.Devices.Irq;

/// <summary>
/// The registers that hold 32 interrupts, one bit each. GICD_x&lt;n&gt; and, for SGIs and PPIs, GICR_x0 in the SGI_base frame share these
/// offsets (IHI 0069, chapter 12), 0x80 bytes a family.
/// </summary>
internal static class BankRegister
{
    /// <summary>GICD_IGROUPR: 0 is Group 0 (FIQ), 1 is Group 1 (IRQ).</summary>
    public const uint IGROUPR = 0x080;

    /// <summary>GICD_ISENABLER: write 1 to enable (unmask an IRQ).</summary>
    public const uint ISENABLER = 0x100;

    /// <summary>GICD_ICENABLER: write 1 to disable (mask an IRQ).</summary>
    public const uint ICENABLER = 0x180;

    /// <summary>GICD_ISPENDR: write 1 to make pending by software (retrigger).</summary>
    public const uint ISPENDR = 0x200;

    /// <summary>GICD_ICPENDR: write 1 to forget a latched interrupt.</summary>
    public const uint ICPENDR = 0x280;

    /// <summary>GICD_ISACTIVER: write 1 to mark active (restore after suspend, forwarded interrupts).</summary>
    public const uint ISACTIVER = 0x300;

    /// <summary>GICD_ICACTIVER: write 1 to deactivate (initialisation, kexec).</summary>
    public const uint ICACTIVER = 0x380;

    /// <summary>End of the bit registers, start of GICD_IPRIORITYR: a byte an interrupt, 0 is the highest priority.</summary>
    public const uint IPRIORITYR = 0x400;

    /// <summary>End of GICD_IPRIORITYR (INTIDs 0 to 1019).</summary>
    public const uint IPRIORITYR_End = 0x7FC;

    /// <summary>GICD_ICFGR: two bits an interrupt, the upper one says edge-triggered.</summary>
    public const uint ICFGR = 0xC00;

    /// <summary>End of GICD_ICFGR.</summary>
    public const uint ICFGR_End = 0xD00;
}

/// <summary>Distributor registers (IHI 0069, Distributor register descriptions).</summary>
internal static class Gicd
{
    /// <summary>Control: group enables, and the fixed ARE and DS.</summary>
    public const uint CTLR = 0x0000;

    /// <summary>What is implemented: number of SPIs, INTID width, routing options.</summary>
    public const uint TYPER = 0x0004;

    /// <summary>Implementer; drivers match errata on it.</summary>
    public const uint IIDR = 0x0008;

    /// <summary>GICv4.1 features: none.</summary>
    public const uint TYPER2 = 0x000C;

    /// <summary>Target PE of INTID 0 on (64 bits each); the first implemented one belongs to INTID 32.</summary>
    public const uint IROUTER = 0x6000;

    /// <summary>End of GICD_IROUTER (INTIDs up to 1019).</summary>
    public const uint IROUTER_End = IROUTER + (1020 * 8);

    /// <summary>CTLR.EnableGrp0: forward Group 0.</summary>
    public const uint CTLR_EnableGrp0 = 1u << 0;

    /// <summary>CTLR.EnableGrp1: forward Group 1.</summary>
    public const uint CTLR_EnableGrp1 = 1u << 1;

    /// <summary>CTLR.ARE: affinity routing, always on.</summary>
    public const uint CTLR_ARE = 1u << 4;

    /// <summary>CTLR.DS: one Security state, always.</summary>
    public const uint CTLR_DS = 1u << 6;

    /// <summary>TYPER.IDbits, minus one, without LPIs: 10 bits.</summary>
    public const uint TYPER_IDbits = 9u << 19;

    /// <summary>TYPER.IDbits, minus one, with LPIs: 16 bits.</summary>
    public const uint TYPER_IDbitsLpi = 15u << 19;

    /// <summary>TYPER.LPIS: LPIs are supported.</summary>
    public const uint TYPER_LPIS = 1u << 17;

    /// <summary>TYPER.A3V: Affinity 3 may be nonzero.</summary>
    public const uint TYPER_A3V = 1u << 24;

    /// <summary>TYPER.RSS: SGIs reach Aff0 0 to 255 through the range selector.</summary>
    public const uint TYPER_RSS = 1u << 26;

    /// <summary>IROUTER.Interrupt_Routing_Mode: 1 of N instead of a named PE.</summary>
    public const ulong IROUTER_IRM = 1UL << 31;

    /// <summary>IROUTER affinity fields: Aff3 [39:32], Aff2, Aff1, Aff0 [23:0]; the layout of MPIDR_EL1.</summary>
    public const ulong IROUTER_Affinity = 0xFF_00FF_FFFF;

    /// <summary>GICD_IIDR and GICR_IIDR: JEP106 code of Arm, product 0.</summary>
    public const uint IIDR_Value = 0x0000_043B;
}

/// <summary>Redistributor registers (IHI 0069, Redistributor register descriptions). Two 64 KiB frames a vCPU: RD_base, then SGI_base.</summary>
internal static class Gicr
{
    /// <summary>Bytes of the frames of one vCPU.</summary>
    public const ulong Stride = 0x2_0000;

    /// <summary>Bytes of one frame; SGI_base starts here.</summary>
    public const uint FrameSize = 0x1_0000;

    /// <summary>Control of LPIs; reads as zero without an ITS.</summary>
    public const uint CTLR = 0x0000;

    /// <summary>Implementer.</summary>
    public const uint IIDR = 0x0004;

    /// <summary>Which PE this redistributor serves (64 bits); drivers walk the frames by it until Last.</summary>
    public const uint TYPER = 0x0008;

    /// <summary>Power handshake: a driver clears ProcessorSleep and waits for ChildrenAsleep to clear.</summary>
    public const uint WAKER = 0x0014;

    /// <summary>Where the LPI configuration table lies (64 bits).</summary>
    public const uint PROPBASER = 0x0070;

    /// <summary>Where the LPI pending table lies (64 bits).</summary>
    public const uint PENDBASER = 0x0078;

    /// <summary>CTLR.EnableLPIs: the tables are in use and LPIs are taken.</summary>
    public const uint CTLR_EnableLPIs = 1u << 0;

    /// <summary>CTLR.CES: EnableLPIs can be cleared again; kexec relies on it.</summary>
    public const uint CTLR_CES = 1u << 1;

    /// <summary>TYPER.PLPIS: physical LPIs are supported.</summary>
    public const ulong TYPER_PLPIS = 1UL << 0;

    /// <summary>The writable fields of PROPBASER: outer cacheability, address [51:12], shareability, inner cacheability, IDbits [4:0].</summary>
    public const ulong PROPBASER_Writable = (7UL << 56) | TableAddress | (3UL << 10) | (7UL << 7) | PROPBASER_IDbits;

    /// <summary>PROPBASER.IDbits: INTID bits of the table, minus one.</summary>
    public const ulong PROPBASER_IDbits = 0x1F;

    /// <summary>PROPBASER.Physical_Address.</summary>
    public const ulong TableAddress = 0x000F_FFFF_FFFF_F000;

    /// <summary>The writable fields of PENDBASER: PTZ, outer cacheability, address [51:16], shareability, inner cacheability.</summary>
    public const ulong PENDBASER_Writable = PENDBASER_PTZ | (7UL << 56) | PENDBASER_Address | (3UL << 10) | (7UL << 7);

    /// <summary>PENDBASER.Physical_Address.</summary>
    public const ulong PENDBASER_Address = 0x000F_FFFF_FFFF_0000;

    /// <summary>PENDBASER.PTZ: the pending table is zero, it need not be read. Reads as zero.</summary>
    public const ulong PENDBASER_PTZ = 1UL << 62;

    /// <summary>TYPER.Last: the highest redistributor of this run of frames.</summary>
    public const ulong TYPER_Last = 1UL << 4;

    /// <summary>TYPER.Processor_Number, bits 23:8.</summary>
    public const int TYPER_ProcessorNumberShift = 8;

    /// <summary>TYPER.Affinity_Value, bits 63:32 = Aff3.Aff2.Aff1.Aff0.</summary>
    public const int TYPER_AffinityShift = 32;

    /// <summary>WAKER.ProcessorSleep: nothing is forwarded to the CPU interface.</summary>
    public const uint WAKER_ProcessorSleep = 1u << 1;

    /// <summary>WAKER.ChildrenAsleep: the CPU interface is quiescent; follows ProcessorSleep at once.</summary>
    public const uint WAKER_ChildrenAsleep = 1u << 2;
}

/// <summary>CPU interface system registers (IHI 0069, AArch64 System register descriptions), encoded as <see cref="Emu.Core.ISystemRegisterDevice"/> says.</summary>
internal static class Icc
{
    private const int Base12 = (3 << 14) | (12 << 7);

    /// <summary>Priority mask: only interrupts with a lower value are signalled.</summary>
    public const ushort PMR_EL1 = (3 << 14) | (4 << 7) | (6 << 3) | 0;

    /// <summary>Acknowledge Group 0.</summary>
    public const ushort IAR0_EL1 = Base12 | (8 << 3) | 0;

    /// <summary>End of interrupt, Group 0.</summary>
    public const ushort EOIR0_EL1 = Base12 | (8 << 3) | 1;

    /// <summary>Peek at the highest priority pending interrupt, Group 0.</summary>
    public const ushort HPPIR0_EL1 = Base12 | (8 << 3) | 2;

    /// <summary>Binary point, Group 0.</summary>
    public const ushort BPR0_EL1 = Base12 | (8 << 3) | 3;

    /// <summary>Active priorities, Group 0. AP0R1 to AP0R3 exist only with more than 5 bits of preemption.</summary>
    public const ushort AP0R0_EL1 = Base12 | (8 << 3) | 4;

    /// <summary>Active priorities, Group 1. AP1R1 to AP1R3 exist only with more than 5 bits of preemption.</summary>
    public const ushort AP1R0_EL1 = Base12 | (9 << 3) | 0;

    /// <summary>Deactivate (EOImode 1).</summary>
    public const ushort DIR_EL1 = Base12 | (11 << 3) | 1;

    /// <summary>Running priority; 0xFF when idle.</summary>
    public const ushort RPR_EL1 = Base12 | (11 << 3) | 3;

    /// <summary>Generate a Group 1 SGI (IPI).</summary>
    public const ushort SGI1R_EL1 = Base12 | (11 << 3) | 5;

    /// <summary>Generate an SGI for the other Security state; with one state, Group 0 only.</summary>
    public const ushort ASGI1R_EL1 = Base12 | (11 << 3) | 6;

    /// <summary>Generate a Group 0 SGI.</summary>
    public const ushort SGI0R_EL1 = Base12 | (11 << 3) | 7;

    /// <summary>Acknowledge Group 1.</summary>
    public const ushort IAR1_EL1 = Base12 | (12 << 3) | 0;

    /// <summary>End of interrupt, Group 1.</summary>
    public const ushort EOIR1_EL1 = Base12 | (12 << 3) | 1;

    /// <summary>Peek at the highest priority pending interrupt, Group 1.</summary>
    public const ushort HPPIR1_EL1 = Base12 | (12 << 3) | 2;

    /// <summary>Binary point, Group 1.</summary>
    public const ushort BPR1_EL1 = Base12 | (12 << 3) | 3;

    /// <summary>EOImode, CBPR and what the interface implements.</summary>
    public const ushort CTLR_EL1 = Base12 | (12 << 3) | 4;

    /// <summary>System register enable: always on.</summary>
    public const ushort SRE_EL1 = Base12 | (12 << 3) | 5;

    /// <summary>Group 0 enable.</summary>
    public const ushort IGRPEN0_EL1 = Base12 | (12 << 3) | 6;

    /// <summary>Group 1 enable.</summary>
    public const ushort IGRPEN1_EL1 = Base12 | (12 << 3) | 7;

    /// <summary>Every register above.</summary>
    public static readonly ushort[] All =
    [
        PMR_EL1, IAR0_EL1, EOIR0_EL1, HPPIR0_EL1, BPR0_EL1, AP0R0_EL1, AP1R0_EL1, DIR_EL1, RPR_EL1, SGI1R_EL1, ASGI1R_EL1, SGI0R_EL1,
        IAR1_EL1, EOIR1_EL1, HPPIR1_EL1, BPR1_EL1, CTLR_EL1, SRE_EL1, IGRPEN0_EL1, IGRPEN1_EL1,
    ];

    /// <summary>Priority bits implemented, [7:3] of every priority; also the bits of preemption.</summary>
    public const int PriorityBits = 5;

    /// <summary>The implemented bits of a priority; the others are RAZ/WI.</summary>
    public const uint PriorityMask = 0xFFu << (8 - PriorityBits) & 0xFF;

    /// <summary>Smallest BPR0: Group 0 preemption on bits [7:BPR0+1].</summary>
    public const uint MinimumBpr0 = 7 - PriorityBits;

    /// <summary>Smallest BPR1 (Non-secure form): Group 1 preemption on bits [7:BPR1].</summary>
    public const uint MinimumBpr1 = MinimumBpr0 + 1;

    /// <summary>RPR when no priority is active.</summary>
    public const uint IdlePriority = 0xFF;

    /// <summary>INTID read when there is nothing to acknowledge.</summary>
    public const uint SpuriousIntid = 1023;

    /// <summary>First of the special INTIDs 1020 to 1023.</summary>
    public const uint FirstSpecialIntid = 1020;

    /// <summary>INTID field of EOIR and DIR.</summary>
    public const uint IntidMask = 0xFF_FFFF;

    /// <summary>CTLR.CBPR: BPR0 serves both groups.</summary>
    public const uint CTLR_CBPR = 1u << 0;

    /// <summary>CTLR.EOImode: EOIR only drops the priority, DIR deactivates.</summary>
    public const uint CTLR_EOImode = 1u << 1;

    /// <summary>CTLR fixed fields: PRIbits - 1, 16-bit INTIDs (IDbits 0), no SEIs, Affinity 3 valid (A3V), range selector (RSS).</summary>
    public const uint CTLR_Fixed = ((PriorityBits - 1) << 8) | (1u << 15) | (1u << 18);

    /// <summary>SRE_EL1: SRE, DFB and DIB all ones.</summary>
    public const uint SRE_Value = 7;

    /// <summary>SGIxR.INTID, bits 27:24.</summary>
    public const int SGIR_IntidShift = 24;

    /// <summary>SGIxR.IRM: every PE but the sender.</summary>
    public const ulong SGIR_IRM = 1UL << 40;

    /// <summary>SGIxR.RS, bits 47:44: the target list names Aff0 RS*16 to RS*16+15.</summary>
    public const int SGIR_RangeShift = 44;
}
