// The virtio socket device (device type 19; virtio 1.2, 5.10) on Unix sockets of the host: identity, configuration and life.
using System.Buffers.Binary;
using System.Net.Sockets;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Virtio.Vsock;

/// <summary>Configuration of a <see cref="VsockDevice"/>.</summary>
/// <param name="Name">Name for messages, such as "vsock0".</param>
/// <param name="GuestCid">The guest's context ID: 3 to 4294967294.</param>
/// <param name="SocketPath">Where programs of the host connect; their own sockets are named after it.</param>
public sealed record VsockOptions(string Name, ulong GuestCid, string SocketPath)
{
    /// <summary>Smallest ID of a guest; those below are the hypervisor's, the local one and the host's.</summary>
    public const ulong MinimumCid = 3;

    /// <summary>Largest ID of a guest; the one above means any.</summary>
    public const ulong MaximumCid = 0xFFFF_FFFE;
}

/// <summary>
/// Sockets between guest and host. A program of the host connects to the device's socket and writes <c>CONNECT PORT</c> and a line feed; when the
/// guest accepts, it reads <c>OK HOSTPORT</c> and a line feed, and the stream begins. A guest that connects to port P of the host (CID 2) reaches
/// whoever listens at the path SOCKET_P.
/// </summary>
/// <remarks>
/// Wiring: <c>new VsockDevice(new VsockOptions("vsock0", 3, path), clock, post, log)</c>, then behind a <see cref="VirtioPciTransport"/> like any
/// other device. <c>post</c> is <c>HostInputQueue.Post</c> in deterministic mode, else null. Dispose it when the machine ends.
/// </remarks>
public sealed partial class VsockDevice : VirtioDevice, IHostLoopClient, IDisposable
{
    /// <summary>Device type.</summary>
    public const ushort DeviceType = 19;

    private const byte SnapshotVersion = 1;
    private const ushort QueueSize = 256;
    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;
    private const int EventQueue = 2;
    private const ulong FeatureStream = 1UL << 0;
    private const int ConfigBytes = 8;
    private const uint EventTransportReset = 0;

    /// <summary>Connections at most, those of programs that have not named a port yet included.</summary>
    private const int MaximumConnections = 1023;

    /// <summary>Answers without a connection that may wait; then the guest's packets wait too.</summary>
    private const int MaximumReplies = 256;

    /// <summary>Host ports are given from here, out of the way of well-known ones.</summary>
    private const uint FirstHostPort = 1 << 30;

    private const int MaximumPacket = 64 * 1024;
    private const int PacketsPerRound = 1024;
    private const int Backlog = 128;

    private readonly VsockOptions options;
    private readonly Log log;
    private readonly HostLoop loop;
    private readonly Socket listener;
    private readonly List<VsockConnection> connections = [];
    private readonly Dictionary<ulong, VsockConnection> byPorts = [];
    private readonly Queue<VsockHeader> replies = new();
    private readonly DescriptorChain chain = new();
    private readonly byte[] scratch = new byte[MaximumPacket];
    private VirtQueue?[] queues = [];
    private uint nextHostPort = FirstHostPort;
    private int listenerIndex = -1;
    private int turn;
    private bool resetEvent;

    /// <summary>Creates the device and its socket.</summary>
    /// <param name="options">Its configuration.</param>
    /// <param name="clock">Machine time.</param>
    /// <param name="post">Deterministic mode: runs an action on the machine's thread between two turns. Null in host time.</param>
    /// <param name="log">Receives what drivers do wrong, once.</param>
    /// <exception cref="EmuException">The context ID is out of range, or the socket cannot be created.</exception>
    public VsockDevice(VsockOptions options, Clock clock, Action<Action>? post, Log log)
        : base(options.Name, DeviceType, QueueSize, QueueSize, QueueSize)
    {
        if (options.GuestCid is < VsockOptions.MinimumCid or > VsockOptions.MaximumCid)
        {
            throw new EmuException($"{options.Name}: a guest cannot have the context ID {options.GuestCid}: give {VsockOptions.MinimumCid} to {VsockOptions.MaximumCid}");
        }

        this.options = options;
        this.log = log;
        listener = UnixSockets.Listen(options.SocketPath, options.Name, Backlog);
        loop = new HostLoop(options.Name, this, clock, post);
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => FeatureStream | VirtioFeature.InOrder;

    private bool IsActive => queues.Length != 0;

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[ConfigBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(config, options.GuestCid);
        if (offset < config.Length)
        {
            var count = Math.Min(data.Length, config.Length - offset);
            config.Slice(offset, count).CopyTo(data);
        }
    }

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features)
    {
        lock (loop.Gate)
        {
            this.queues = queues;
        }

        loop.Start();
        if (!loop.IsDeterministic)
        {
            // Programs of the host may wait already.
            loop.Kick();
        }
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        lock (loop.Gate)
        {
            queues = [];
            Clear();
            resetEvent = false;
            nextHostPort = FirstHostPort;
            turn = 0;
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
        listenerIndex = IsActive && connections.Count < MaximumConnections ? set.Add(UnixSockets.Descriptor(listener), PollSet.In) : -1;
        var room = IsActive && queues[ReceiveQueue] is { HasAvailable: true };
        foreach (var c in connections)
        {
            var events = c.AwaitsCommand || (room && c.WantsRead && !c.Readable) ? PollSet.In : (short)0;
            events |= c.Waiting > 0 ? PollSet.Out : (short)0;
            c.PollIndex = events == 0 ? -1 : set.Add(UnixSockets.Descriptor(c.Socket), events);
        }
    }

    /// <inheritdoc/>
    public void Service(PollSet set)
    {
        if (!IsActive)
        {
            return;
        }

        LookAtSockets(set);
        bool more;
        do
        {
            more = Transmit() | Receive();
        }
        while (more && loop.IsDeterministic);

        connections.RemoveAll(Retire);
        SendEvent();
        foreach (var queue in queues)
        {
            queue?.Signal();
        }

        if (more)
        {
            loop.Kick();
        }
    }

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        lock (loop.Gate)
        {
            writer.U8(SnapshotVersion);
            writer.U64(options.GuestCid);
            writer.U32(nextHostPort);

            // Connections end with the process that holds them: the guest will have to be told (5.10.6.7).
            writer.Bool(resetEvent || byPorts.Count != 0);
        }
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        lock (loop.Gate)
        {
            Clear();
            var version = reader.U8();
            var cid = reader.U64();
            if (version != SnapshotVersion || cid != options.GuestCid)
            {
                throw new InvalidDataException($"snapshot: {Name}: version {version} with context ID {cid}, expected {SnapshotVersion} with {options.GuestCid}");
            }

            nextHostPort = reader.U32();
            resetEvent = reader.Bool();
        }
    }

    /// <summary>Ends the device: closes its connections and removes its socket.</summary>
    public void Dispose()
    {
        loop.Dispose();
        Clear();
        listener.Dispose();
        File.Delete(options.SocketPath);
    }

    private void Clear()
    {
        foreach (var c in connections)
        {
            c.Dispose();
        }

        connections.Clear();
        byPorts.Clear();
        replies.Clear();
    }

    private bool Retire(VsockConnection c)
    {
        if (!c.Finished)
        {
            return false;
        }

        Forget(c);
        c.Dispose();
        return true;
    }

    /// <summary>Frees the ports of a connection.</summary>
    private void Forget(VsockConnection c)
    {
        if (byPorts.TryGetValue(c.Key, out var known) && known == c)
        {
            byPorts.Remove(c.Key);
        }
    }

    /// <summary>Tells the guest that every connection it had is gone.</summary>
    private void SendEvent()
    {
        if (resetEvent && queues[EventQueue] is { } queue && queue.TryPop(chain))
        {
            resetEvent = false;
            Span<byte> data = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(data, EventTransportReset);
            queue.Push(chain, (uint)chain.Write(0, data));
        }
    }
}
