// A virtio device whose work a program of the host does, over vhost-user: which device it is, is the caller's to say.
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Virtio.VhostUser;

/// <summary>What a <see cref="VhostUserDevice"/> is.</summary>
public sealed record VhostUserOptions
{
    /// <summary>Name for messages, such as "fs0".</summary>
    public required string Name { get; init; }

    /// <summary>Device type (virtio 1.2, chapter 5).</summary>
    public required ushort Type { get; init; }

    /// <summary>The back end's socket.</summary>
    public required string SocketPath { get; init; }

    /// <summary>
    /// How long the device, when it is made, waits for a back end that does not listen yet: a script may start both at once. A reset, on a vCPU's
    /// thread, does not wait.
    /// </summary>
    public TimeSpan Patience { get; init; }

    /// <summary>Largest size of each queue.</summary>
    public required IReadOnlyList<ushort> QueueSizes { get; init; }

    /// <summary>The device's configuration bytes; read-only.</summary>
    public required byte[] Configuration { get; init; }

    /// <summary>Feature bits of the device type that are passed on from the back end.</summary>
    public ulong Features { get; init; }

    /// <summary>
    /// Whether the back end knows something of the guest that a new one would not, once it has a request: from whether it did before, and the
    /// request. By default every request counts.
    /// </summary>
    public Func<bool, DescriptorChain, bool> HoldsState { get; init; } = (_, _) => true;

    /// <summary>For a back end that does not give its state away: what would be right.</summary>
    public required string StateAdvice { get; init; }
}

/// <summary>
/// The front end. Guest RAM must be shared (<see cref="RamRegion.Descriptor"/>), for the back end maps it. Requests travel through a
/// <see cref="ShadowRing"/> for each queue, carried by a thread of the device. A back end that goes away stops the device: the guest is told that it
/// needs a reset, and a reset connects anew.
/// </summary>
public sealed unsafe partial class VhostUserDevice : VirtioDevice, IHostLoopClient, IDisposable
{
    private readonly VhostUserOptions options;
    private readonly PhysicalAddressSpace memory;
    private readonly Log log;
    private readonly HostLoop loop;
    private readonly HostMemory ringMemory;
    private readonly ShadowRing[] rings;
    private readonly int[] kicks;
    private readonly int[] calls;
    private readonly ulong deviceFeatures;
    private VhostUserConnection? connection;
    private VirtQueue?[] queues = [];
    private ulong features;
    private bool paused;
    private bool running;
    private bool holdsState;
    private int firstIndex = -1;

    /// <summary>Connects to the back end.</summary>
    /// <param name="options">What the device is.</param>
    /// <param name="memory">Guest memory.</param>
    /// <param name="clock">Machine time.</param>
    /// <param name="post">Must be null: what another program does is no function of the guest.</param>
    /// <param name="log">Messages.</param>
    /// <exception cref="EmuException">The back end is not there or does not fit, or the machine is deterministic.</exception>
    public VhostUserDevice(VhostUserOptions options, PhysicalAddressSpace memory, Clock clock, Action<Action>? post, Log log)
        : base(options.Name, options.Type, [.. options.QueueSizes])
    {
        if (post is not null)
        {
            throw new EmuException($"{options.Name}: a vhost-user device cannot be used in deterministic mode: leave one of the two out");
        }

        this.options = options;
        this.memory = memory;
        this.log = log;
        connection = Connect(options.Patience);
        deviceFeatures = connection.Features & options.Features;
        ringMemory = new HostMemory(ShadowRing.Bytes * (ulong)QueueSizes.Length, shared: true);
        rings = new ShadowRing[QueueSizes.Length];
        kicks = new int[rings.Length];
        calls = new int[rings.Length];
        for (var i = 0; i < rings.Length; i++)
        {
            rings[i] = new ShadowRing(ringMemory.Pointer + (ShadowRing.Bytes * (ulong)i));
            kicks[i] = NewEvent();
            calls[i] = NewEvent();
        }

        loop = new HostLoop(options.Name, this, clock, null);
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => deviceFeatures;

    private bool IsActive => queues.Length != 0;

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> data)
    {
        if (offset < options.Configuration.Length)
        {
            var count = Math.Min(data.Length, options.Configuration.Length - offset);
            options.Configuration.AsSpan(offset, count).CopyTo(data);
        }
    }

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features)
    {
        lock (loop.Gate)
        {
            this.queues = queues;
            this.features = features;
            holdsState = false;
            try
            {
                connection ??= Connect(TimeSpan.Zero);
            }
            catch (EmuException e)
            {
                Lose(e.Message);
            }

            if (!paused)
            {
                StartRings();
            }
        }

        loop.Start();
        loop.Kick();
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        lock (loop.Gate)
        {
            StopRings();
            queues = [];
            holdsState = false;
            foreach (var ring in rings)
            {
                ring.Clear();
            }
        }
    }

    /// <inheritdoc/>
    public override void Notify(int queue) => loop.Kick();

    /// <summary>Waits until the back end is through with what it began: it writes guest memory no more.</summary>
    public override void Pause()
    {
        loop.Pause();
        lock (loop.Gate)
        {
            paused = true;
            StopRings();
        }
    }

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (loop.Gate)
        {
            paused = false;
            StartRings();
        }

        loop.Resume();
    }

    /// <inheritdoc/>
    public void Prepare(PollSet set)
    {
        firstIndex = -1;
        if (connection is null)
        {
            return;
        }

        // For its end alone: answers on it belong to whoever asked.
        firstIndex = set.Add(connection.Descriptor, 0);
        foreach (var call in calls)
        {
            set.Add(call, PollSet.In);
        }
    }

    /// <inheritdoc/>
    public void Service(PollSet set)
    {
        if (connection is null || !IsActive)
        {
            return;
        }

        if (firstIndex >= 0 && set.Result(firstIndex) != 0)
        {
            Lose($"{Name}: the vhost-user program at '{options.SocketPath}' is gone");
            return;
        }

        var more = false;
        for (var i = 0; i < queues.Length; i++)
        {
            if (firstIndex >= 0 && set.Result(firstIndex + 1 + i) != 0)
            {
                ulong count;
                _ = HostCalls.read(calls[i], &count, sizeof(ulong));
            }

            if (queues[i] is { } queue)
            {
                more |= Carry(queue, rings[i], kicks[i]);
            }
        }

        if (more)
        {
            loop.Kick();
        }
    }

    /// <summary>Ends the device and its connection.</summary>
    public void Dispose()
    {
        loop.Dispose();
        connection?.Dispose();
        connection = null;
        foreach (var descriptor in (int[])[.. kicks, .. calls])
        {
            _ = HostCalls.close(descriptor);
        }

        ringMemory.Dispose();
    }

    private int NewEvent()
    {
        var descriptor = HostCalls.eventfd(0, HostCalls.EFD_CLOEXEC | HostCalls.EFD_NONBLOCK);
        return descriptor >= 0 ? descriptor : throw new EmuException($"{Name}: the host has no descriptor left ({HostCalls.LastError()}): raise ulimit -n");
    }

    private VhostUserConnection Connect(TimeSpan patience)
    {
        var made = new VhostUserConnection(Name, options.SocketPath, patience, log);
        if (made.QueueCount != 0 && made.QueueCount < QueueSizes.Length)
        {
            made.Dispose();
            throw new EmuException($"{Name}: the vhost-user program at '{options.SocketPath}' has {made.QueueCount} queues, the device {QueueSizes.Length}: give fewer queues");
        }

        return made;
    }

    /// <summary>The back end is gone or broken: the device does nothing until the driver resets it.</summary>
    private void Lose(string reason)
    {
        connection?.Dispose();
        connection = null;
        running = false;
        log.Write(LogLevel.Error, $"{reason}; the device stops until the guest resets it");
        Transport.NeedsReset("its vhost-user program is gone");
    }
}
