// One timer of the Generic Timer: compare value, control, and the interrupt line (Arm ARM D11.2).
using Emu.Core;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>
/// A timer of one vCPU. The count is machine time in nanoseconds, so that it runs at <see cref="Frequency"/>. The line is ENABLE and ISTATUS and not
/// IMASK. Registers are read and written on the vCPU's thread; the deadline comes on the clock's.
/// </summary>
public sealed unsafe class GenericTimer
{
    /// <summary>CNTFRQ_EL0: 1 GHz.</summary>
    public const ulong Frequency = 1_000_000_000;

    private const ulong Enable = 1;
    private const ulong Mask = 2;
    private const ulong Status = 4;

    private readonly Lock gate = new();
    private readonly Clock clock;
    private readonly ClockTimer deadline;
    private readonly IInterruptLine line;
    private readonly ulong* control;
    private readonly ulong* compare;
    private readonly ulong* offset;

    /// <summary>Creates a disabled timer on two slots of the vCPU's state.</summary>
    /// <param name="clock">Machine time.</param>
    /// <param name="line">The PPI.</param>
    /// <param name="control">CTL without ISTATUS.</param>
    /// <param name="compare">CVAL.</param>
    /// <param name="offset">What is subtracted from the physical count, or null.</param>
    internal GenericTimer(Clock clock, IInterruptLine line, ulong* control, ulong* compare, ulong* offset)
    {
        this.clock = clock;
        this.line = line;
        this.control = control;
        this.compare = compare;
        this.offset = offset;
        deadline = clock.CreateTimer(Update);
    }

    /// <summary>The count this timer compares with.</summary>
    public ulong Count => clock.Now - (offset == null ? 0 : *offset);

    /// <summary>CTL, with ISTATUS.</summary>
    public ulong Control
    {
        get
        {
            lock (gate)
            {
                return *control | ((*control & Enable) != 0 && Count >= *compare ? Status : 0);
            }
        }

        set
        {
            lock (gate)
            {
                *control = value & (Enable | Mask);
                Apply();
            }
        }
    }

    /// <summary>CVAL.</summary>
    public ulong Compare
    {
        get => *compare;
        set
        {
            lock (gate)
            {
                *compare = value;
                Apply();
            }
        }
    }

    /// <summary>TVAL: the signed 32-bit distance from the count to CVAL.</summary>
    public ulong Value
    {
        get => (uint)(*compare - Count);
        set => Compare = Count + (ulong)(int)(uint)value;
    }

    /// <summary>Drives the line and arms the deadline again: at the deadline, after a restore, and after the offset changed.</summary>
    public void Update()
    {
        lock (gate)
        {
            Apply();
        }
    }

    private void Apply()
    {
        var enabled = (*control & Enable) != 0;
        var reached = enabled && Count >= *compare;
        line.Set(reached && (*control & Mask) == 0);
        if (enabled && !reached)
        {
            var at = *compare + (offset == null ? 0 : *offset);
            deadline.Arm(at < *compare ? ulong.MaxValue : at);
        }
        else if (deadline.Deadline != ulong.MaxValue)
        {
            deadline.Disarm();
        }
    }
}
