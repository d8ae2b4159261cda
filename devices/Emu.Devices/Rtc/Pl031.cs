// PL031 real-time clock (Arm DDI 0224): a 32-bit count of seconds with a match interrupt.
using Emu.Core;

namespace Emu.Devices.Rtc;

/// <summary>
/// The Arm PrimeCell RTC. It counts seconds since 1970 from power-on, as if firmware had set it: Clock.EpochSeconds + Clock.Now.
/// Loading it moves the guest's count only. It runs always: RTCCR reads as started.
/// </summary>
public sealed class Pl031 : IMmioDevice, ISnapshotable
{
    /// <summary>RTCDR: the count, in seconds (read only).</summary>
    public const ulong RTCDR = 0x000;

    /// <summary>RTCMR: the count at which the interrupt is raised; the alarm.</summary>
    public const ulong RTCMR = 0x004;

    /// <summary>RTCLR: writing sets the count; reads as last written.</summary>
    public const ulong RTCLR = 0x008;

    /// <summary>RTCCR: bit 0 is the start bit; once set, writes have no effect.</summary>
    public const ulong RTCCR = 0x00C;

    /// <summary>RTCIMSC: bit 0 enables the interrupt.</summary>
    public const ulong RTCIMSC = 0x010;

    /// <summary>RTCRIS: raw interrupt (read only).</summary>
    public const ulong RTCRIS = 0x014;

    /// <summary>RTCMIS: interrupt after the mask (read only).</summary>
    public const ulong RTCMIS = 0x018;

    /// <summary>RTCICR: writing 1 to bit 0 clears the interrupt (write only).</summary>
    public const ulong RTCICR = 0x01C;

    /// <summary>RTCPeriphID0: the first of eight identification bytes, a word each.</summary>
    public const ulong PeriphID0 = 0xFE0;

    private const byte SnapshotVersion = 1;
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    private readonly Lock sync = new();
    private readonly Clock clock;
    private readonly IInterruptLine irq;
    private readonly ClockTimer timer;

    /// <summary>Added to the clock's seconds, modulo 2^32.</summary>
    private uint offset;
    private uint match;
    private uint load;
    private bool mask;
    private bool raw;

    /// <summary>Clock time at which the count equals <see cref="match"/> next, in nanoseconds.</summary>
    private ulong matchTime;

    /// <summary>Creates the clock in its reset state, at the machine's date.</summary>
    /// <param name="clock">Machine time.</param>
    /// <param name="irq">RTCINTR.</param>
    /// <param name="snapshotName">Name of the snapshot section.</param>
    public Pl031(Clock clock, IInterruptLine irq, string snapshotName = "pl031")
    {
        this.clock = clock;
        this.irq = irq;
        SnapshotName = snapshotName;
        timer = clock.CreateTimer(OnTimer);
        FindNextMatch(clock.Now);
    }

    /// <inheritdoc/>
    public string SnapshotName { get; }

    /// <summary>RTCPeriphID0-3 and RTCPCellID0-3 (DDI 0224 section 3.3.9 on).</summary>
    private static ReadOnlySpan<byte> Identification => [0x31, 0x10, 0x04, 0x00, 0x0D, 0xF0, 0x05, 0xB1];

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size)
    {
        if ((offset & 3) != 0)
        {
            return 0;
        }

        uint value;
        lock (sync)
        {
            var now = clock.Now;
            Advance(now);
            value = offset switch
            {
                RTCDR => Count(now),
                RTCMR => match,
                RTCLR => load,
                RTCCR => 1,
                RTCIMSC => mask ? 1u : 0,
                RTCRIS => raw ? 1u : 0,
                RTCMIS => raw && mask ? 1u : 0,
                >= PeriphID0 and < 0x1000 => Identification[(int)(offset - PeriphID0) >> 2],
                _ => 0,
            };
        }

        return size switch
        {
            1 => (byte)value,
            2 => (ushort)value,
            _ => value,
        };
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        if ((offset & 3) != 0)
        {
            return;
        }

        var word = size switch
        {
            1 => (byte)value,
            2 => (ushort)value,
            _ => (uint)value,
        };
        lock (sync)
        {
            var now = clock.Now;
            Advance(now);
            switch (offset)
            {
                case RTCMR:
                    match = word;
                    raw |= Count(now) == match;
                    FindNextMatch(now);
                    break;
                case RTCLR:
                    load = word;
                    this.offset = word - Seconds(now);
                    raw |= Count(now) == match;
                    FindNextMatch(now);
                    break;
                case RTCIMSC:
                    mask = (word & 1) != 0;
                    break;
                case RTCICR:
                    raw &= (word & 1) == 0;
                    break;
                default:
                    return;
            }

            Update();
        }
    }

    /// <summary>Clears the alarm. The date stays, as behind a battery.</summary>
    public void Reset()
    {
        lock (sync)
        {
            match = load = 0;
            mask = raw = false;
            FindNextMatch(clock.Now);
            Update();
        }
    }

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (sync)
        {
            Advance(clock.Now);
            writer.U8(SnapshotVersion);
            writer.U32(offset);
            writer.U32(match);
            writer.U32(load);
            writer.Bool(mask);
            writer.Bool(raw);
        }
    }

    /// <summary>Reads the state back; the clock has been restored before.</summary>
    public void Restore(SnapshotReader reader)
    {
        lock (sync)
        {
            reader.Version(SnapshotVersion, SnapshotName);
            offset = reader.U32();
            match = reader.U32();
            load = reader.U32();
            mask = reader.Bool();
            raw = reader.Bool();
            FindNextMatch(clock.Now);
            Update();
        }
    }

    private uint Seconds(ulong now) => (uint)((ulong)clock.EpochSeconds + (now / NanosecondsPerSecond));

    private uint Count(ulong now) => Seconds(now) + offset;

    /// <summary>matchTime = start of the second, 1 to 2^32 seconds ahead, in which the count equals the match.</summary>
    private void FindNextMatch(ulong now)
    {
        var ahead = match - Count(now);
        var seconds = (now / NanosecondsPerSecond) + (ahead == 0 ? 1UL << 32 : ahead);
        matchTime = seconds > ulong.MaxValue / NanosecondsPerSecond ? ulong.MaxValue : seconds * NanosecondsPerSecond;
    }

    /// <summary>Raises the raw interrupt if the count has passed the match since the last look.</summary>
    private void Advance(ulong now)
    {
        if (now >= matchTime)
        {
            raw = true;
            FindNextMatch(now);
        }
    }

    /// <summary>Drives the line. The timer runs only while it could change the line: a clock nobody listens to is no deadline for an idle machine.</summary>
    private void Update()
    {
        irq.Set(raw && mask);
        timer.Arm(mask && !raw ? matchTime : ulong.MaxValue);
    }

    private void OnTimer()
    {
        lock (sync)
        {
            Advance(clock.Now);
            Update();
        }
    }
}
