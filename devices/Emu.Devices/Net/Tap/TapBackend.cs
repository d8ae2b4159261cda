// A TAP interface of the host (Linux: Documentation/networking/tuntap.rst), with the kernel doing the offloads.
using System.Runtime.InteropServices;
using System.Text;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Net.Tap;

/// <summary>Options of a <see cref="TapBackend"/>.</summary>
/// <param name="Interface">Name of the interface, 1 to 15 bytes. One that does not exist is created, and goes away with the machine.</param>
/// <param name="Queues">Queue pairs of the card: the interface gets as many queues, when it can have several.</param>
public sealed record TapNetOptions(string Interface, int Queues = 1) : NetBackendOptions;

/// <summary>
/// Frames go to and come from a TAP interface; addresses and bridges are the user's to set up. Behind each queue of the interface is a descriptor;
/// the kernel steers a flow to the queue that the guest sent on, and knows of those queues only that the driver uses.
/// </summary>
public sealed unsafe class TapBackend : LoopBackend
{
    private const int NameBytes = 16;

    /// <summary>struct ifreq.</summary>
    private const int RequestBytes = 40;

    private const short IffTap = 0x0002;
    private const short IffNoPacketInfo = 0x1000;
    private const short IffVnetHeader = 0x4000;
    private const short IffMultiQueue = 0x0100;
    private const short IffAttachQueue = 0x0200;
    private const short IffDetachQueue = 0x0400;
    private const nuint TunSetInterface = 0x4004_54CA;
    private const nuint TunSetOffload = 0x4004_54D0;
    private const nuint TunSetVnetHeaderSize = 0x4004_54D8;
    private const nuint TunSetQueue = 0x4004_54D9;

    private readonly Log log;
    private readonly NetFrame outgoing = new();
    private readonly List<TapQueue> queues = [];
    private int attached;
    private uint first;
    private bool outputWaits;
    private bool gone;

    /// <summary>Opens the interface.</summary>
    /// <param name="name">Name of the card.</param>
    /// <param name="options">The interface.</param>
    /// <param name="clock">Machine time.</param>
    /// <param name="post">Deterministic mode: runs an action on the machine's thread. Null in host time.</param>
    /// <param name="log">Messages.</param>
    /// <exception cref="EmuException">The interface cannot be opened.</exception>
    public TapBackend(string name, TapNetOptions options, Clock clock, Action<Action>? post, Log log)
        : base(name, clock, post)
    {
        this.log = log;
        try
        {
            Open(options.Interface, options.Queues);
            SetQueues(1);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override NetOffload Accepts => NetOffload.All;

    /// <inheritdoc/>
    public override NetOffload Gives => NetOffload.All;

    /// <summary>The bits of <see cref="NetOffload"/> are those of TUNSETOFFLOAD.</summary>
    public override void SetGuestOffloads(NetOffload offloads, int mtu)
    {
        if (queues.Count == 0)
        {
            return;
        }

        // A kernel without UFO refuses it.
        if (HostCalls.ioctl(queues[0].Descriptor, TunSetOffload, (void*)(nint)offloads) < 0)
        {
            _ = HostCalls.ioctl(queues[0].Descriptor, TunSetOffload, (void*)(nint)(offloads & ~NetOffload.Ufo));
        }
    }

    /// <summary>Has the kernel use as many queues as the driver; a queue that nobody reads would swallow the flows that it steers there.</summary>
    public override void SetQueues(int pairs)
    {
        var wanted = Math.Min(pairs, queues.Count);

        // The last first: the kernel numbers the queues as they come, and fills a gap with the last.
        while (attached > wanted && Switch(attached - 1, IffDetachQueue))
        {
            attached--;
        }

        while (attached < wanted && Switch(attached, IffAttachQueue))
        {
            attached++;
        }
    }

    /// <inheritdoc/>
    public override void Prepare(PollSet set)
    {
        for (var i = 0; i < queues.Count; i++)
        {
            var queue = queues[i];
            var events = (queue.Waits ? 0 : PollSet.In) | (outputWaits && i == OutputQueue ? PollSet.Out : 0);
            queue.Index = gone || events == 0 || i >= attached ? -1 : set.Add(queue.Descriptor, (short)events);
        }
    }

    /// <inheritdoc/>
    protected override void Carry(PollSet set)
    {
        // One after the other comes first: a round may end before the last.
        first++;
        var frames = 0;
        for (var n = 0; n < queues.Count; n++)
        {
            var i = (int)((first + (uint)n) % (uint)queues.Count);
            var queue = queues[i];
            var ready = set.Result(queue.Index);
            queue.Index = -1;
            if (queue.Waits)
            {
                queue.Waits = !Port.TryDeliver(queue.Incoming);
            }

            for (; (ready & PollSet.In) != 0 && !queue.Waits && !IsRoundOver(frames) && Read(queue); frames++)
            {
                queue.Incoming.Queue = queues.Count > 1 ? i : -1;
                queue.Waits = !Port.TryDeliver(queue.Incoming);
            }

            if ((ready & PollSet.Error) != 0 && !gone)
            {
                gone = true;
                log.Write(LogLevel.Warning, $"{Name}: the TAP interface is gone: the link is down");
                SetLink(false);
            }
        }

        if (outputWaits)
        {
            outputWaits = !Write();
        }

        for (frames = 0; !outputWaits && !IsRoundOver(frames) && Port.TryTake(outgoing); frames++)
        {
            outputWaits = !Write();
        }
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        foreach (var queue in queues)
        {
            _ = HostCalls.close(queue.Descriptor);
        }

        queues.Clear();
        attached = 0;
    }

    /// <summary>The queue that the outgoing frame goes to.</summary>
    private int OutputQueue => Math.Max(outgoing.Queue, 0) % Math.Max(attached, 1);

    private void Open(string name, int pairs)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        if (bytes.Length is 0 or >= NameBytes)
        {
            throw new EmuException($"{Name}: '{name}' is no name of an interface: give 1 to {NameBytes - 1} characters");
        }

        // An interface that the user made has several queues or one; one that is made here gets what the card has.
        var several = pairs > 1;
        if (!TryAdd(bytes, several) && !(Marshal.GetLastPInvokeError() == HostCalls.EINVAL && TryAdd(bytes, several = !several)))
        {
            throw new EmuException($"{Name}: the TAP interface '{name}' cannot be used ({HostCalls.LastError()}): create it for your user (ip tuntap add {name} mode tap user NAME), or run with CAP_NET_ADMIN");
        }

        attached = 1;
        if (pairs > 1 && !several)
        {
            log.Write(LogLevel.Info, $"{Name}: the TAP interface '{name}' has one queue for {pairs} of the card; made with multi_queue, it has as many");
        }

        for (; several && attached < pairs; attached++)
        {
            if (!TryAdd(bytes, several))
            {
                throw new EmuException($"{Name}: the TAP interface '{name}' has no queue left for each of {pairs} ({HostCalls.LastError()}): give num_queues={2 * attached}");
            }
        }

        var size = NetHeader.Bytes;
        if (HostCalls.ioctl(queues[0].Descriptor, TunSetVnetHeaderSize, &size) < 0)
        {
            throw new EmuException($"{Name}: the TAP interface '{name}' has no offload headers ({HostCalls.LastError()}): a Linux of version 2.6.27 or later is needed");
        }
    }

    /// <summary>Opens one more queue of the interface; false when it does not have it, with the reason as the last error.</summary>
    private bool TryAdd(byte[] name, bool several)
    {
        var descriptor = HostCalls.open("/dev/net/tun", HostCalls.O_RDWR | HostCalls.O_NONBLOCK | HostCalls.O_CLOEXEC);
        if (descriptor < 0)
        {
            throw new EmuException($"{Name}: /dev/net/tun cannot be opened ({HostCalls.LastError()}): it needs the module tun and the right to use it; user-mode networking needs neither");
        }

        var request = stackalloc byte[RequestBytes];
        new Span<byte>(request, RequestBytes).Clear();
        name.CopyTo(new Span<byte>(request, NameBytes));
        *(short*)(request + NameBytes) = (short)(IffTap | IffNoPacketInfo | IffVnetHeader | (several ? IffMultiQueue : 0));
        if (HostCalls.ioctl(descriptor, TunSetInterface, request) < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            _ = HostCalls.close(descriptor);
            Marshal.SetLastPInvokeError(error);
            return false;
        }

        queues.Add(new TapQueue(descriptor));
        return true;
    }

    /// <summary>Attaches or detaches a queue.</summary>
    private bool Switch(int queue, short how)
    {
        var request = stackalloc byte[RequestBytes];
        new Span<byte>(request, RequestBytes).Clear();
        *(short*)(request + NameBytes) = how;
        if (HostCalls.ioctl(queues[queue].Descriptor, TunSetQueue, request) >= 0)
        {
            return true;
        }

        log.Once($"tap {Name} queue", LogLevel.Warning, $"{Name}: the TAP interface does not switch its queue {queue} ({HostCalls.LastError()})");
        return false;
    }

    private static bool Read(TapQueue queue)
    {
        var vectors = stackalloc HostCalls.IoVector[2];
        var incoming = queue.Incoming;
        fixed (NetHeader* header = &incoming.Header)
        {
            vectors[0] = new HostCalls.IoVector { Base = header, Length = NetHeader.Bytes };
            vectors[1] = new HostCalls.IoVector { Base = incoming.Pointer, Length = NetFrame.MaximumLength };
            var n = HostCalls.readv(queue.Descriptor, vectors, 2);
            incoming.Length = (int)n - NetHeader.Bytes;
            return n > NetHeader.Bytes;
        }
    }

    /// <summary>Writes the outgoing frame; false when the interface takes none now. A frame that it refuses is lost, as on any cable.</summary>
    private bool Write()
    {
        var vectors = stackalloc HostCalls.IoVector[2];
        fixed (NetHeader* header = &outgoing.Header)
        {
            vectors[0] = new HostCalls.IoVector { Base = header, Length = NetHeader.Bytes };
            vectors[1] = new HostCalls.IoVector { Base = outgoing.Pointer, Length = (nuint)outgoing.Length };
            return HostCalls.writev(queues[OutputQueue].Descriptor, vectors, 2) >= 0
                || Marshal.GetLastPInvokeError() is not (HostCalls.EAGAIN or HostCalls.ENOBUFS or HostCalls.EINTR);
        }
    }

    /// <summary>A queue of the interface.</summary>
    /// <param name="descriptor">Its descriptor.</param>
    private sealed class TapQueue(int descriptor)
    {
        public int Descriptor => descriptor;

        /// <summary>The frame that was read last.</summary>
        public NetFrame Incoming { get; } = new();

        /// <summary>The guest has no room for <see cref="Incoming"/> yet.</summary>
        public bool Waits { get; set; }

        /// <summary>Place of the descriptor in the set that is waited for, or -1.</summary>
        public int Index { get; set; } = -1;
    }
}
