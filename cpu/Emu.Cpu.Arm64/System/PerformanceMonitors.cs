// The performance monitors of one vCPU (Arm ARM D13): a cycle counter, event counters, and their overflow interrupt.
using Emu.Core;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>Events (Arm ARM D13.11). Those that a software core can count; a core without a pipeline has no stalls: they are there and stay zero.</summary>
public enum PerformanceEvent : uint
{
    /// <summary>SW_INCR.</summary>
    SoftwareIncrement = 0x00,

    /// <summary>INST_RETIRED.</summary>
    InstructionRetired = 0x08,

    /// <summary>EXC_TAKEN.</summary>
    ExceptionTaken = 0x09,

    /// <summary>EXC_RETURN.</summary>
    ExceptionReturn = 0x0A,

    /// <summary>CPU_CYCLES.</summary>
    Cycles = 0x11,

    /// <summary>INST_SPEC: nothing is speculated, so what retires.</summary>
    InstructionSpeculated = 0x1B,

    /// <summary>TTBR_WRITE_RETIRED.</summary>
    TranslationTableWrite = 0x1C,

    /// <summary>CHAIN: the even counter below overflowed.</summary>
    Chain = 0x1E,

    /// <summary>STALL_FRONTEND.</summary>
    StallFrontend = 0x23,

    /// <summary>STALL_BACKEND.</summary>
    StallBackend = 0x24,
}

/// <summary>
/// A cycle is a retired instruction: the counters are a function of the guest's execution alone. They are brought up to date when they are looked at
/// and when the exception level changes; a timer of the clock brings them up to date when one of them may overflow. All on the vCPU's thread.
/// </summary>
public sealed unsafe class PerformanceMonitors
{
    /// <summary>PMCR_EL0.N.</summary>
    public const int EventCounters = 6;

    /// <summary>PMCEID0_EL0.</summary>
    public static readonly ulong CommonEvents0 = Mask(
        PerformanceEvent.SoftwareIncrement, PerformanceEvent.InstructionRetired, PerformanceEvent.ExceptionTaken, PerformanceEvent.ExceptionReturn,
        PerformanceEvent.Cycles, PerformanceEvent.InstructionSpeculated, PerformanceEvent.TranslationTableWrite, PerformanceEvent.Chain);

    /// <summary>PMCEID1_EL0: events 0x20 to 0x3F.</summary>
    public static readonly ulong CommonEvents1 = Mask(PerformanceEvent.StallFrontend, PerformanceEvent.StallBackend);

    /// <summary>The cycle counter's bit in PMCNTENSET, PMINTENSET and PMOVSSET.</summary>
    public const int CycleCounter = 31;

    /// <summary>Bits of those registers that exist.</summary>
    public const ulong CounterMask = (1UL << CycleCounter) | ((1UL << EventCounters) - 1);

    /// <summary>PMEVTYPERn and PMCCFILTR: P, U; evtCount in the former.</summary>
    public const ulong FilterMask = FilterEl1 | FilterEl0;

    /// <summary>PMEVTYPERn.evtCount.</summary>
    public const ulong EventMask = 0xFFFF;

    private const ulong FilterEl1 = 1UL << 31;
    private const ulong FilterEl0 = 1UL << 30;
    private const ulong ControlEnable = 1;
    private const ulong ControlResetEvents = 2;
    private const ulong ControlResetCycles = 4;
    private const ulong ControlDisableProhibited = 1 << 5;
    private const ulong ControlLongCycles = 1 << 6;
    private const int ControlCountersShift = 11;

    private readonly Arm64Vcpu vcpu;
    private readonly Clock clock;
    private readonly ClockTimer deadline;
    private readonly IInterruptLine line;

    internal PerformanceMonitors(Arm64Vcpu vcpu, Arm64VcpuConfiguration configuration)
    {
        this.vcpu = vcpu;
        clock = configuration.Clock;
        line = configuration.Pmu;

        // The clock may run on another thread.
        deadline = clock.CreateTimer(() => vcpu.Enqueue(() =>
        {
            Synchronize(vcpu.Retired);
            Schedule();
        }));
    }

    /// <summary>Some counter is enabled: exceptions and events are to be reported.</summary>
    public bool Counting { get; private set; }

    private ref SystemRegisters R => ref vcpu.Arm64->System;

    /// <summary>PMCR_EL0.</summary>
    public ulong Control
    {
        get => R.Pmcr | ControlLongCycles | (EventCounters << ControlCountersShift);
        set => Change(() =>
        {
            R.Pmcr = value & (ControlEnable | ControlDisableProhibited);
            if ((value & ControlResetEvents) != 0)
            {
                for (var i = 0; i < EventCounters; i++)
                {
                    R.Pmevcntr[i] = 0;
                }
            }

            if ((value & ControlResetCycles) != 0)
            {
                R.Pmccntr = 0;
            }
        });
    }

    /// <summary>PMCNTENSET_EL0, PMCNTENCLR_EL0.</summary>
    public ulong Enabled
    {
        get => R.Pmcnten;
        set => Change(() => R.Pmcnten = value & CounterMask);
    }

    /// <summary>PMINTENSET_EL1, PMINTENCLR_EL1.</summary>
    public ulong InterruptEnabled
    {
        get => R.Pminten;
        set => Change(() => R.Pminten = value & CounterMask);
    }

    /// <summary>PMOVSSET_EL0, PMOVSCLR_EL0.</summary>
    public ulong Overflowed
    {
        get
        {
            Synchronize(Now);
            return R.Pmovs;
        }

        set => Change(() => R.Pmovs = value & CounterMask);
    }

    /// <summary>PMCCNTR_EL0.</summary>
    public ulong CycleCount
    {
        get
        {
            Synchronize(Now);
            return R.Pmccntr;
        }

        set => Change(() => R.Pmccntr = value);
    }

    /// <summary>PMCCFILTR_EL0.</summary>
    public ulong CycleFilter
    {
        get => R.Pmccfiltr;
        set => Change(() => R.Pmccfiltr = value & FilterMask);
    }

    /// <summary>PMEVCNTRn_EL0; those that do not exist read as zero.</summary>
    public ulong ReadCounter(uint n)
    {
        if (n >= EventCounters)
        {
            return 0;
        }

        Synchronize(Now);
        return R.Pmevcntr[n];
    }

    /// <summary>PMEVCNTRn_EL0.</summary>
    public void WriteCounter(uint n, ulong value)
    {
        if (n < EventCounters)
        {
            Change(() => R.Pmevcntr[n] = (uint)value);
        }
    }

    /// <summary>PMEVTYPERn_EL0, and PMCCFILTR_EL0 as number 31.</summary>
    public ulong ReadType(uint n) => n == CycleCounter ? CycleFilter : n < EventCounters ? R.Pmevtyper[n] : 0;

    /// <summary>PMEVTYPERn_EL0, and PMCCFILTR_EL0 as number 31.</summary>
    public void WriteType(uint n, ulong value)
    {
        if (n == CycleCounter)
        {
            CycleFilter = value;
        }
        else if (n < EventCounters)
        {
            Change(() => R.Pmevtyper[n] = value & (FilterMask | EventMask));
        }
    }

    /// <summary>PMSWINC_EL0.</summary>
    public void Increment(ulong counters) => Change(() =>
    {
        for (var i = 0; i < EventCounters; i++)
        {
            if (((counters >> i) & 1) != 0 && Counts(i, PerformanceEvent.SoftwareIncrement))
            {
                Add(i, 1);
            }
        }
    });

    /// <summary>Something happened, at the exception level of now.</summary>
    /// <param name="happened">What.</param>
    /// <param name="retired">Instructions retired before.</param>
    internal void Count(PerformanceEvent happened, ulong retired)
    {
        Synchronize(retired);
        for (var i = 0; i < EventCounters; i++)
        {
            if (Counts(i, happened))
            {
                Add(i, 1);
            }
        }

        Drive();
    }

    /// <summary>Counts the instructions since the last time; all of them ran at the exception level of now.</summary>
    /// <param name="retired">Instructions retired.</param>
    internal void Synchronize(ulong retired)
    {
        var passed = retired - R.PmuSynchronized;
        R.PmuSynchronized = retired;
        if (!Counting || passed == 0)
        {
            return;
        }

        for (var i = 0; i < EventCounters; i++)
        {
            if (CountsInstructions(i))
            {
                Add(i, passed);
            }
        }

        if (IsEnabled(CycleCounter) && !Filtered(R.Pmccfiltr))
        {
            var old = R.Pmccntr;
            R.Pmccntr = old + passed;
            if (R.Pmccntr < old)
            {
                R.Pmovs |= 1UL << CycleCounter;
            }
        }

        Drive();
    }

    /// <summary>The registers were replaced (reset, restore): what follows from them is made again.</summary>
    internal void Restored()
    {
        Counting = (R.Pmcr & ControlEnable) != 0 && R.Pmcnten != 0;
        Drive();
        Schedule();
    }

    private ulong Now => vcpu.ExactRetired;

    private static ulong Mask(params ReadOnlySpan<PerformanceEvent> events)
    {
        ulong mask = 0;
        foreach (var e in events)
        {
            mask |= 1UL << ((int)e & 31);
        }

        return mask;
    }

    private void Change(Action change)
    {
        Synchronize(Now);
        change();
        Restored();
    }

    private bool IsEnabled(int i) => (R.Pmcr & ControlEnable) != 0 && ((R.Pmcnten >> i) & 1) != 0;

    private bool Filtered(ulong filter) => (filter & (vcpu.ExceptionLevel == 0 ? FilterEl0 : FilterEl1)) != 0;

    private bool Counts(int i, PerformanceEvent e) => IsEnabled(i) && (R.Pmevtyper[i] & EventMask) == (ulong)e && !Filtered(R.Pmevtyper[i]);

    private bool CountsInstructions(int i) =>
        Counts(i, PerformanceEvent.InstructionRetired) || Counts(i, PerformanceEvent.Cycles) || Counts(i, PerformanceEvent.InstructionSpeculated);

    private void Add(int i, ulong n)
    {
        var sum = R.Pmevcntr[i] + n;
        R.Pmevcntr[i] = (uint)sum;
        var overflows = sum >> 32;
        if (overflows == 0)
        {
            return;
        }

        R.Pmovs |= 1UL << i;
        if ((i & 1) == 0 && Counts(i + 1, PerformanceEvent.Chain))
        {
            Add(i + 1, overflows);
        }
    }

    private void Drive() => line.Set((R.Pmcr & ControlEnable) != 0 && (R.Pmovs & R.Pminten & CounterMask) != 0);

    /// <summary>Sets the timer to the earliest time at which a counter may overflow: no instruction takes less than a nanosecond of machine time.</summary>
    private void Schedule()
    {
        var first = ulong.MaxValue;
        if (Counting)
        {
            for (var i = 0; i < EventCounters; i++)
            {
                var e = (PerformanceEvent)(R.Pmevtyper[i] & EventMask);
                if (IsEnabled(i) && e is PerformanceEvent.InstructionRetired or PerformanceEvent.Cycles or PerformanceEvent.InstructionSpeculated)
                {
                    first = Math.Min(first, (1UL << 32) - R.Pmevcntr[i]);
                }
            }

            if (IsEnabled(CycleCounter))
            {
                first = Math.Min(first, ulong.MaxValue - R.Pmccntr);
            }
        }

        var interrupts = R.Pminten != 0;
        var at = clock.Now + first;
        if (first != ulong.MaxValue && interrupts && at >= first)
        {
            deadline.Arm(at);
        }
        else if (deadline.Deadline != ulong.MaxValue)
        {
            deadline.Disarm();
        }
    }
}
