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
}

/// <summary>
/// The front end. Guest RAM must be shared (<see cref="RamRegion.Descriptor"/>), for the back end maps it. Requests travel through a
/// <see cref="ShadowRing"/> for each queue, carried by a thread of the device. A back end that goes away stops the device: the guest is told that it
/// needs a reset, and a reset connects anew.
/// </summary>
public sealed unsafe class VhostUserDevice : VirtioDevice, IHostLoopClient, IDisposable
{
    private const int RequestsPerRound = 1024;
    private const ulong RegionAlignment = 2 << 20;

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
        ringMemory = new HostMemory(ShadowRing.Bytes * (ulong)QueueSizes.Count, shared: true);
        rings = new ShadowRing[QueueSizes.Count];
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
            try
            {
                connection ??= Connect(TimeSpan.Zero);
                SetUp(connection, queues, features);
                this.queues = queues;
            }
            catch (EmuException e)
            {
                Lose(e.Message);
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
            var live = queues;
            queues = [];
            for (var i = 0; i < live.Length && connection is not null; i++)
            {
                try
                {
                    if (live[i] is not null)
                    {
                        connection.StopRing(i);
                    }
                }
                catch (EmuException e)
                {
                    Lose(e.Message);
                }
            }

            foreach (var ring in rings)
            {
                ring.Clear();
            }
        }
    }

    /// <inheritdoc/>
    public override void Notify(int queue) => loop.Kick();

    /// <inheritdoc/>
    public override void Pause() => loop.Pause();

    /// <inheritdoc/>
    public override void Resume() => loop.Resume();

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

    /// <summary>A machine with this device cannot be saved: the back end keeps state that it does not tell, and RAM that it shares.</summary>
    /// <exception cref="EmuException">Always.</exception>
    public override void Save(SnapshotWriter writer) =>
        throw new EmuException($"{Name}: a machine with a vhost-user device cannot be saved: its program keeps its state to itself; leave the device out");

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
        if (made.QueueCount != 0 && made.QueueCount < QueueSizes.Count)
        {
            made.Dispose();
            throw new EmuException($"{Name}: the vhost-user program at '{options.SocketPath}' has {made.QueueCount} queues, the device {QueueSizes.Count}: give fewer queues");
        }

        return made;
    }

    private void SetUp(VhostUserConnection c, VirtQueue?[] queues, ulong features)
    {
        c.Set(VhostUserRequest.SetFeatures, (features & deviceFeatures) | VirtioFeature.Version1 | VhostUserProtocol.ProtocolFeatures);
        ShareMemory(c);
        for (var i = 0; i < queues.Length; i++)
        {
            if (queues[i] is null)
            {
                continue;
            }

            var ring = rings[i];
            ring.Clear();
            c.SetRing(VhostUserRequest.SetVringSize, i, ShadowRing.Size);
            c.SetRing(VhostUserRequest.SetVringBase, i, 0);
            var address = new VhostUserRingAddress((uint)i, 0, ring.Descriptors, ring.Used, ring.Available, 0);
            c.Send(VhostUserRequest.SetVringAddress, MemoryMarshal.AsBytes(new ReadOnlySpan<VhostUserRingAddress>(in address)));
            c.SetRingDescriptor(VhostUserRequest.SetVringCall, i, calls[i]);
            c.SetRingDescriptor(VhostUserRequest.SetVringKick, i, kicks[i]);
            c.SetRing(VhostUserRequest.SetVringEnable, i, 1);
        }
    }

    /// <summary>Tells the back end where guest RAM is, and the rings, which stand above it.</summary>
    private void ShareMemory(VhostUserConnection c)
    {
        var shared = memory.Ram.Where(r => r.Descriptor >= 0).ToArray();
        if (shared.Length == 0)
        {
            throw new EmuException($"{Name}: guest RAM is not shared: a vhost-user device needs --memory shared=on");
        }

        if (shared.Length >= VhostUserProtocol.MaximumRegions)
        {
            throw new EmuException($"{Name}: guest RAM has {shared.Length} parts, a vhost-user program takes {VhostUserProtocol.MaximumRegions - 1}: give less memory");
        }

        var regions = new List<VhostUserRegion>();
        foreach (var r in shared)
        {
            regions.Add(new VhostUserRegion(r.Start, r.Length, (ulong)r.Host, r.DescriptorOffset));
        }

        var top = memory.Ram.Max(r => r.Start + r.Length);
        top = (top + RegionAlignment - 1) & ~(RegionAlignment - 1);
        regions.Add(new VhostUserRegion(top, ringMemory.Length, (ulong)ringMemory.Pointer, 0));
        var count = (ulong)regions.Count;
        byte[] payload = [.. MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in count)), .. MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(regions))];
        c.Send(VhostUserRequest.SetMemoryTable, payload, [.. shared.Select(r => r.Descriptor), ringMemory.Descriptor]);
    }

    /// <summary>Returns what the back end is done with and hands it what is new; whether some is left for the next round.</summary>
    private static bool Carry(VirtQueue queue, ShadowRing ring, int kick)
    {
        while (ring.TryTake(out var written) is { } done)
        {
            done.NotifyWritten(done.WritableLength);
            queue.Push(done, written);
            ring.Return(done);
        }

        queue.Signal();
        queue.DisableNotifications();
        var added = 0;
        while (added < RequestsPerRound)
        {
            var chain = ring.Rent();
            if (!queue.TryPop(chain))
            {
                ring.Return(chain);
                if (queue.EnableNotifications())
                {
                    queue.DisableNotifications();
                    continue;
                }

                break;
            }

            if (chain.Readable.Length + chain.Writable.Length is 0 or > ShadowRing.Size)
            {
                queue.Push(chain, 0);
                ring.Return(chain);
                continue;
            }

            if (!ring.TryAdd(chain))
            {
                // The next request that comes back makes room.
                queue.Unpop(chain);
                ring.Return(chain);
                break;
            }

            added++;
        }

        if (added > 0 && ring.WantsKick)
        {
            ulong one = 1;
            _ = HostCalls.write(kick, &one, sizeof(ulong));
        }

        return added == RequestsPerRound;
    }

    /// <summary>The back end is gone or broken: the device does nothing until the driver resets it.</summary>
    private void Lose(string reason)
    {
        connection?.Dispose();
        connection = null;
        log.Write(LogLevel.Error, $"{reason}; the device stops until the guest resets it");
        Transport.NeedsReset("its vhost-user program is gone");
    }
}
