// What the GIC keeps for one vCPU: its SGIs and PPIs, the redistributor's power state, its CPU interface and the cached best interrupt.
using System.Numerics;
using Emu.Core;

namespace Emu.Devices.Irq;

/// <summary>The per-vCPU half of the GIC, guarded by the GIC's lock except where said.</summary>
internal sealed class GicVcpu
{
    /// <summary>The value of <see cref="Best"/> with nothing pending: its priority is below every mask.</summary>
    public const uint NoInterrupt = uint.MaxValue;

    /// <summary>Bit of <see cref="Outputs"/>: FIQ asserted.</summary>
    public const uint FiqOutput = 1;

    /// <summary>Bit of <see cref="Outputs"/>: IRQ asserted.</summary>
    public const uint IrqOutput = 2;

    /// <summary>Creates the state of a vCPU in reset.</summary>
    /// <param name="index">Index of the vCPU.</param>
    /// <param name="affinity">Affinity fields in the layout of MPIDR_EL1.</param>
    /// <param name="spiBanks">Banks of SPIs.</param>
    public GicVcpu(int index, ulong affinity, int spiBanks)
    {
        Index = index;
        Affinity = affinity;
        Bank = new InterruptBank(0, this);
        Routed = new uint[spiBanks];
        Bank.Reset();
        ResetCpuInterface();
    }

    /// <summary>Index of the vCPU.</summary>
    public int Index { get; }

    /// <summary>Affinity fields in the layout of MPIDR_EL1.</summary>
    public ulong Affinity { get; }

    /// <summary>SGIs (0 to 15) and PPIs (16 to 31).</summary>
    public InterruptBank Bank { get; }

    /// <summary>SPIs that are routed here, a bit each, by bank.</summary>
    public uint[] Routed { get; }

    /// <summary>The CPU's inputs, once it is connected.</summary>
    public ICpuInterruptInput? Input;

    /// <summary>GICR_WAKER.ProcessorSleep.</summary>
    public bool Asleep;

    /// <summary>GICR_CTLR.EnableLPIs.</summary>
    public bool LpisEnabled;

    /// <summary>GICR_PROPBASER.</summary>
    public ulong Propbaser;

    /// <summary>GICR_PENDBASER.</summary>
    public ulong Pendbaser;

    /// <summary>One past the largest LPI the tables hold; 0 while LPIs are disabled.</summary>
    public uint LpiLimit;

    /// <summary>The pending LPIs, once LPIs were enabled.</summary>
    public LpiSet? Lpis;

    /// <summary>ICC_PMR_EL1. Written by the vCPU without the lock, see <c>Gic.WritePriorityMask</c>.</summary>
    public uint Pmr;

    /// <summary>ICC_BPR0_EL1.</summary>
    public uint Bpr0;

    /// <summary>ICC_BPR1_EL1.</summary>
    public uint Bpr1;

    /// <summary>ICC_CTLR_EL1, writable bits.</summary>
    public uint Control;

    /// <summary>ICC_IGRPEN0_EL1 in bit 0, ICC_IGRPEN1_EL1 in bit 1.</summary>
    public uint GroupEnables;

    /// <summary>ICC_AP0R0_EL1: bit n is priority n * 8.</summary>
    public uint ActivePriorities0;

    /// <summary>ICC_AP1R0_EL1.</summary>
    public uint ActivePriorities1;

    /// <summary>
    /// The highest priority pending interrupt, cached: priority [31:24], group [16], INTID [15:0], so that the smallest number wins
    /// (equal priorities: Group 0, then the lowest INTID). <see cref="NoInterrupt"/> if there is none.
    /// </summary>
    public uint Best = NoInterrupt;

    /// <summary>What the CPU's inputs are driven to: <see cref="FiqOutput"/>, <see cref="IrqOutput"/>.</summary>
    public uint Outputs;

    /// <summary>ICC_RPR_EL1, from the active priorities.</summary>
    public uint RunningPriority { get; private set; } = Icc.IdlePriority;

    /// <summary>The bits of a Group 0 priority that decide preemption.</summary>
    public uint GroupPriorityMask0 { get; private set; }

    /// <summary>The bits of a Group 1 priority that decide preemption.</summary>
    public uint GroupPriorityMask1 { get; private set; }

    /// <summary>Reset of the PE: the CPU interface masks everything and nothing is active.</summary>
    public void ResetCpuInterface()
    {
        Pmr = 0;
        Bpr0 = Icc.MinimumBpr0;
        Bpr1 = Icc.MinimumBpr1;
        Control = 0;
        GroupEnables = 0;
        ActivePriorities0 = ActivePriorities1 = 0;
        UpdateDerived();
    }

    /// <summary>Recomputes the running priority and the preemption masks after BPRn, CBPR or APnR changed.</summary>
    public void UpdateDerived()
    {
        // IHI 0069, Priority grouping: Group 0 preempts on [7:BPR0+1], Non-secure Group 1 on [7:BPR1], or as Group 0 under CBPR.
        GroupPriorityMask0 = 0xFFu << (int)(Bpr0 + 1) & 0xFF;
        GroupPriorityMask1 = (Control & Icc.CTLR_CBPR) != 0 ? GroupPriorityMask0 : 0xFFu << (int)Bpr1 & 0xFF;
        var active = ActivePriorities0 | ActivePriorities1;
        RunningPriority = active == 0 ? Icc.IdlePriority : (uint)BitOperations.TrailingZeroCount(active) << (8 - Icc.PriorityBits);
    }

    /// <summary>Marks the group priority of an acknowledged interrupt active.</summary>
    public void RaisePriority(uint group, uint priority)
    {
        if (group == 0)
        {
            ActivePriorities0 |= 1u << (int)((priority & GroupPriorityMask0) >> (8 - Icc.PriorityBits));
        }
        else
        {
            ActivePriorities1 |= 1u << (int)((priority & GroupPriorityMask1) >> (8 - Icc.PriorityBits));
        }

        UpdateDerived();
    }

    /// <summary>Priority drop: clears the highest active priority. False, with nothing changed, when it belongs to the other group or none is active.</summary>
    public bool TryDropPriority(uint group)
    {
        // The lowest set bit is the highest priority; 32 when no bit is set.
        var first0 = BitOperations.TrailingZeroCount(ActivePriorities0);
        var first1 = BitOperations.TrailingZeroCount(ActivePriorities1);
        var highest = first0 <= first1 ? 0u : 1u;
        if ((ActivePriorities0 | ActivePriorities1) == 0 || group != highest)
        {
            return false;
        }

        if (group == 0)
        {
            ActivePriorities0 &= ActivePriorities0 - 1;
        }
        else
        {
            ActivePriorities1 &= ActivePriorities1 - 1;
        }

        UpdateDerived();
        return true;
    }

    /// <summary>What the outputs should be for a best interrupt under a priority mask (IHI 0069, Interrupt prioritization: mask, then preemption by group priority).</summary>
    public uint WantedOutputs(uint best, uint priorityMask)
    {
        var priority = best >> 24;
        if (priority >= priorityMask)
        {
            return 0;
        }

        return (best >> 16 & 1) == 0
            ? (priority & GroupPriorityMask0) < RunningPriority ? FiqOutput : 0
            : (priority & GroupPriorityMask1) < RunningPriority ? IrqOutput : 0;
    }
}
