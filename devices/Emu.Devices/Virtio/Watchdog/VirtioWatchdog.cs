// Cloud Hypervisor's virtio watchdog: a guest that stops returning buffers in time is reset.
using Emu.Core;

namespace Emu.Devices.Virtio.Watchdog;

/// <summary>
/// The driver pings by offering a buffer of a byte, in which the device writes 1. The first ping starts the watch; from then on
/// <see cref="TimeoutSeconds"/> without a ping reset the machine. Time in which the machine is paused does not count.
/// </summary>
/// <remarks>Wiring: <c>new VirtioWatchdog("watchdog", clock, control, log)</c> behind a <see cref="VirtioPciTransport"/>; expiry asks for
/// <see cref="MachineStop.Reset"/>.</remarks>
public sealed class VirtioWatchdog : VirtioDevice, IRequestHandler
{
    /// <summary>Device type on this machine.</summary>
    public const ushort DeviceType = 35;

    /// <summary>Seconds from a ping to the reset; drivers ping every 15.</summary>
    public const int TimeoutSeconds = 20;

    private const ushort QueueSize = 8;
    private const byte SnapshotVersion = 1;
    private const ulong Timeout = TimeoutSeconds * 1_000_000_000UL;
    private const ulong Never = ulong.MaxValue;

    private readonly Lock gate = new();
    private readonly Clock clock;
    private readonly IMachineControl control;
    private readonly Log log;
    private readonly NotifiedQueue pings;
    private readonly ClockTimer timer;
    private ulong deadline = Never;

    /// <summary>While paused: nanoseconds left to the deadline.</summary>
    private ulong left = Never;
    private bool paused;

    /// <summary>Creates the device; nothing is watched yet.</summary>
    /// <param name="name">Name for messages and snapshots.</param>
    /// <param name="clock">Machine time.</param>
    /// <param name="control">Is asked for the reset.</param>
    /// <param name="log">Receives a line about it.</param>
    public VirtioWatchdog(string name, Clock clock, IMachineControl control, Log log)
        : base(name, DeviceType, QueueSize)
    {
        this.clock = clock;
        this.control = control;
        this.log = log;
        pings = new NotifiedQueue(this);
        timer = clock.CreateTimer(OnTimer);
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => 0;

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features) => pings.Start(queues[0]);

    /// <inheritdoc/>
    public override void Notify(int queue) => pings.Serve();

    /// <inheritdoc/>
    public override void Reset()
    {
        pings.Stop();
        lock (gate)
        {
            left = Never;
            Arm(Never);
        }
    }

    /// <inheritdoc/>
    public override void Pause()
    {
        pings.Pause();
        lock (gate)
        {
            if (!paused)
            {
                left = Left();
                paused = true;
                timer.Disarm();
            }
        }
    }

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (gate)
        {
            if (paused)
            {
                paused = false;
                Arm(left == Never ? Never : clock.Now + left);
            }
        }

        pings.Resume();
    }

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U8(SnapshotVersion);
            writer.U64(paused ? left : Left());
        }
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        lock (gate)
        {
            var version = reader.U8();
            var time = reader.U64();
            if (version != SnapshotVersion || (time != Never && time > Timeout))
            {
                throw new InvalidDataException($"snapshot: {Name}: version {version} with {time} ns left, expected {SnapshotVersion} with at most {Timeout}");
            }

            left = time;
            if (!paused)
            {
                Arm(left == Never ? Never : clock.Now + left);
            }
        }
    }

    uint IRequestHandler.Handle(DescriptorChain chain)
    {
        if (chain.Write(0, [1]) == 0)
        {
            return 0;
        }

        lock (gate)
        {
            Arm(clock.Now + Timeout);
        }

        return 1;
    }

    private ulong Left()
    {
        var now = clock.Now;
        return deadline == Never ? Never : deadline > now ? deadline - now : 0;
    }

    private void Arm(ulong time)
    {
        deadline = time;
        timer.Arm(time);
    }

    private void OnTimer()
    {
        lock (gate)
        {
            // A ping that came while this callback was on its way has moved the deadline.
            if (paused || clock.Now < deadline)
            {
                return;
            }

            deadline = Never;
        }

        log.Write(LogLevel.Warning, $"{Name}: no ping for {TimeoutSeconds} s: the machine is reset");
        control.RequestStop(MachineStop.Reset);
    }
}
