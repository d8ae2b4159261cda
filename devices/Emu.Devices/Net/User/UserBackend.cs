// User-mode networking: libslirp's TCP/IP stack turns the guest's frames into sockets of this process. No privileges are needed.
using System.Buffers.Binary;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Net.User;

/// <summary>
/// NAT to the host's network. The guest sees 10.0.2.0/24 with itself at 10.0.2.15 (by DHCP), the host at 10.0.2.2 and a name server at
/// 10.0.2.3; in host time also fec0::/64. In deterministic mode the stack runs on the machine's thread and clock, so that what it answers by
/// itself (ARP, DHCP, pings of the host) comes at the same instruction in every run; IPv6 is off, for its router draws random delays.
/// </summary>
/// <remarks>
/// Frames of up to 64 KiB pass both ways: the guest's unsegmented TCP goes into the stack as one segment, and the stack is told that the guest
/// takes large segments, which then reach it as one segmentation-offload frame.
/// </remarks>
public sealed unsafe class UserBackend : LoopBackend
{
    /// <summary>IF_MTU_MAX of libslirp.</summary>
    private const int StackMtu = 65521;

    /// <summary>Segments that one large frame to the guest stands for: three such frames fit the stack's 64 KiB window.</summary>
    private const int SegmentsPerFrame = 14;

    /// <summary>Frames that wait for the guest, at most; the stack's own flow control keeps TCP far below.</summary>
    private const int MaximumBacklog = 8192;

    private const long NanosecondsPerMillisecond = 1_000_000;
    private const byte PrefixLength6 = 64;

    // 10.0.2.0/24: the network, its mask, the host and the name server.
    private const uint Ip4Network = 0x0A00_0200;
    private const uint Ip4Mask = 0xFFFF_FF00;
    private const uint Ip4Host = Ip4Network | 2;
    private const uint Ip4NameServer = Ip4Network | 3;
    private const uint Ip4DhcpStart = Ip4Network | 15;

    // libslirp keeps the current time, and the host's name servers, in static variables.
    private static readonly Lock Stack = new();

    private readonly Log log;
    private readonly Queue<(byte[] Data, NetHeader Header)> backlog = new();
    private readonly NetFrame outgoing = new();
    private readonly NetFrame incoming = new();
    private readonly MemoryStream state = new();
    private readonly SlirpNeighbours neighbours = new(Ip4Network, Ip4Mask);
    private SlirpApi.Callbacks* callbacks;
    private GCHandle self;
    private nint slirp;
    private PollSet? current;
    private bool filled;
    private NetOffload offloads;
    private int mtu = 1500;
    private int timerId;
    private nint timerOpaque;
    private long timerDeadline = long.MaxValue;

    /// <summary>Starts the stack and opens the forwarded ports.</summary>
    /// <param name="name">Name of the card.</param>
    /// <param name="options">Forwarded ports and the rest.</param>
    /// <param name="clock">Machine time.</param>
    /// <param name="post">Deterministic mode: runs an action on the machine's thread. Null in host time.</param>
    /// <param name="log">Messages.</param>
    /// <exception cref="EmuException">The library is missing, or a port is taken.</exception>
    public UserBackend(string name, UserNetOptions options, Clock clock, Action<Action>? post, Log log)
        : base(name, clock, post)
    {
        this.log = log;
        self = GCHandle.Alloc(this);
        try
        {
            lock (Stack)
            {
                Open(options);
            }
        }
        catch (Exception e)
        {
            Dispose();
            throw e is DllNotFoundException or EntryPointNotFoundException
                ? new EmuException($"{name}: user-mode networking needs {SlirpApi.Library} of libslirp 4.7 or later: install it (apt-get install libslirp0), or use another back end", e)
                : e;
        }
    }

    /// <inheritdoc/>
    public override NetOffload Accepts => NetOffload.All & ~NetOffload.Checksum;

    /// <inheritdoc/>
    public override NetOffload Gives => NetOffload.All & ~NetOffload.Ecn;

    /// <inheritdoc/>
    public override void SetGuestOffloads(NetOffload offloads, int mtu)
    {
        this.offloads = offloads;
        this.mtu = mtu;
    }

    /// <inheritdoc/>
    public override void Prepare(PollSet set)
    {
        // While frames wait for the guest nothing is read from the host: its senders wait, as they should.
        filled = backlog.Count == 0;
        if (filled)
        {
            current = set;
            var timeout = uint.MaxValue;
            lock (Stack)
            {
                SlirpApi.slirp_pollfds_fill(slirp, &timeout, &AddPoll, GCHandle.ToIntPtr(self));
            }

            if (timeout != uint.MaxValue)
            {
                set.Limit(timeout);
            }
        }

        if (timerDeadline != long.MaxValue)
        {
            set.Limit(timerDeadline - NowMilliseconds);
        }
    }

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        writer.Bool(IsDeterministic);
        if (!IsDeterministic)
        {
            return;
        }

        lock (Stack)
        {
            writer.U32((uint)SlirpApi.slirp_state_version());
            state.SetLength(0);
            SlirpApi.slirp_state_save(slirp, &WriteState, GCHandle.ToIntPtr(self));
        }

        writer.Bytes(state.GetBuffer().AsSpan(0, (int)state.Length));
        neighbours.Save(writer);
        writer.U32((uint)backlog.Count);
        foreach (var (data, header) in backlog)
        {
            var h = header;
            writer.Bytes(MemoryMarshal.AsBytes(new ReadOnlySpan<NetHeader>(in h)));
            writer.Bytes(data);
        }
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        backlog.Clear();
        if (!reader.Bool())
        {
            return;
        }

        var version = (int)reader.U32();
        var data = reader.Bytes();
        state.SetLength(0);
        state.Write(data);
        state.Position = 0;
        lock (Stack)
        {
            if (version > SlirpApi.slirp_state_version() || SlirpApi.slirp_state_load(slirp, version, &ReadState, GCHandle.ToIntPtr(self)) < 0)
            {
                throw new InvalidDataException($"snapshot: {Name}: the state of user-mode networking is damaged or of a newer libslirp (version {version})");
            }

            neighbours.Restore(reader);
            foreach (var announcement in neighbours.Announcements())
            {
                fixed (byte* frame = announcement)
                {
                    SlirpApi.slirp_input(slirp, frame, announcement.Length);
                }
            }
        }

        var count = reader.U32();
        if (count > MaximumBacklog)
        {
            throw new InvalidDataException($"snapshot: {Name}: {count} frames wait, at most {MaximumBacklog} expected");
        }

        while (backlog.Count < count)
        {
            var wire = reader.Bytes(NetHeader.Bytes);
            backlog.Enqueue((reader.Bytes(NetFrame.MaximumLength), wire.Length == NetHeader.Bytes ? MemoryMarshal.Read<NetHeader>(wire) : default));
        }
    }

    /// <inheritdoc/>
    protected override void Carry(PollSet set)
    {
        lock (Stack)
        {
            while (backlog.TryPeek(out var next))
            {
                incoming.Set(next.Data);
                incoming.Header = next.Header;
                if (!Port.TryDeliver(incoming))
                {
                    break;
                }

                backlog.Dequeue();
            }

            if (filled)
            {
                filled = false;
                current = set;
                SlirpApi.slirp_pollfds_poll(slirp, 0, &GetResult, GCHandle.ToIntPtr(self));
            }

            if (timerDeadline <= NowMilliseconds)
            {
                timerDeadline = long.MaxValue;
                SlirpApi.slirp_handle_timer(slirp, timerId, timerOpaque);
            }

            for (var frames = 0; !IsRoundOver(frames) && Port.TryTake(outgoing); frames++)
            {
                if (IsDeterministic)
                {
                    neighbours.SeeGuest(outgoing.Data, [Ip4Host, Ip4NameServer]);
                }

                if (offloads != NetOffload.None)
                {
                    OfferLargeSegments(outgoing.Data);
                }

                SlirpApi.slirp_input(slirp, outgoing.Pointer, outgoing.Length);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        if (slirp != 0)
        {
            SlirpApi.slirp_cleanup(slirp);
            slirp = 0;
        }

        NativeMemory.Free(callbacks);
        callbacks = null;
        if (self.IsAllocated)
        {
            self.Free();
        }
    }

    private long NowMilliseconds => (long)Clock.Now / NanosecondsPerMillisecond;

    private static uint Network(IPAddress address) => MemoryMarshal.Read<uint>(address.GetAddressBytes());

    private static uint Network(uint address) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(address) : address;

    private static SlirpApi.Address6 Address6(byte last)
    {
        ReadOnlySpan<byte> bytes = [0xFE, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        return MemoryMarshal.Read<SlirpApi.Address6>(bytes);
    }

    private void Open(UserNetOptions options)
    {
        callbacks = (SlirpApi.Callbacks*)NativeMemory.AllocZeroed((nuint)sizeof(SlirpApi.Callbacks));
        callbacks->SendPacket = &SendPacket;
        callbacks->GuestError = &GuestError;
        callbacks->ClockGetNs = &ClockGetNs;
        callbacks->TimerNew = &TimerNew;
        callbacks->TimerFree = &TimerFree;
        callbacks->TimerMod = &TimerMod;
        callbacks->RegisterPollFd = &RegisterPollFd;
        callbacks->UnregisterPollFd = &RegisterPollFd;
        callbacks->Notify = &Notify;
        callbacks->InitCompleted = &InitCompleted;
        callbacks->TimerNewOpaque = &TimerNewOpaque;
        var hostName = Marshal.StringToCoTaskMemUTF8(options.HostName);
        var config = new SlirpApi.Config
        {
            Version = SlirpApi.ConfigVersion,
            Restricted = options.Restricted ? 1 : 0,
            EnableIp4 = 1,
            Network = Network(Ip4Network),
            Mask = Network(Ip4Mask),
            Host = Network(Ip4Host),
            EnableIp6 = IsDeterministic ? (byte)0 : (byte)1,
            Prefix6 = Address6(0),
            PrefixLength6 = PrefixLength6,
            Host6 = Address6(2),
            HostName = (byte*)hostName,
            DhcpStart = Network(Ip4DhcpStart),
            NameServer = Network(Ip4NameServer),
            NameServer6 = Address6(3),
            Mtu = StackMtu,
            Mru = StackMtu,
        };
        slirp = SlirpApi.slirp_new(&config, callbacks, GCHandle.ToIntPtr(self));
        Marshal.FreeCoTaskMem(hostName);
        if (slirp == 0)
        {
            throw new EmuException($"{Name}: libslirp refused its configuration; version 4.7 or later is needed");
        }

        foreach (var f in options.Forwards)
        {
            if (SlirpApi.slirp_add_hostfwd(slirp, f.Udp ? 1 : 0, Network(f.HostAddress), f.HostPort, Network(f.GuestAddress), f.GuestPort) < 0)
            {
                throw new EmuException($"{Name}: hostfwd={f}: port {f.HostPort} of the host cannot be opened ({HostCalls.LastError()}): give a free one");
            }
        }
    }

    /// <summary>Raises the maximum segment size in a SYN of the guest when the guest takes larger frames than it says.</summary>
    private void OfferLargeSegments(Span<byte> frame)
    {
        const byte Syn = 2;
        const int Options = FrameLayout.MinimumHeader, Flags = 13, Checksum = 16;
        const byte EndOfOptions = 0, NoOperation = 1, MaximumSegment = 2, MaximumSegmentLength = 4;
        var layout = FrameLayout.Of(frame);
        if (!layout.IsTcp(frame) || (offloads & (layout.IsIp4 ? NetOffload.Tso4 : NetOffload.Tso6)) == 0)
        {
            return;
        }

        var tcp = frame.Slice(layout.Transport, layout.TcpHeader(frame));
        if ((tcp[Flags] & Syn) == 0)
        {
            return;
        }

        for (var at = Options; at + 1 < tcp.Length && tcp[at] != EndOfOptions;)
        {
            if (tcp[at] == NoOperation)
            {
                at++;
                continue;
            }

            if (tcp[at] == MaximumSegment && tcp[at + 1] == MaximumSegmentLength && at + MaximumSegmentLength <= tcp.Length && (at & 1) == 0)
            {
                var field = tcp.Slice(at + 2, 2);
                var size = BinaryPrimitives.ReadUInt16BigEndian(field);
                var large = (ushort)Math.Min(SegmentsPerFrame * SegmentSize(layout.IsIp4), StackMtu - FrameLayout.Ip6Header - FrameLayout.MinimumHeader);
                if (size < large)
                {
                    // RFC 1624: the new checksum is ~(~old + ~m + m').
                    var sum = (ulong)(ushort)~MemoryMarshal.Read<ushort>(tcp[Checksum..]) + (ushort)~MemoryMarshal.Read<ushort>(field);
                    BinaryPrimitives.WriteUInt16BigEndian(field, large);
                    InternetChecksum.Store(tcp.Slice(Checksum, 2), sum + MemoryMarshal.Read<ushort>(field));
                }

                return;
            }

            if (tcp[at + 1] < 2)
            {
                return;
            }

            at += tcp[at + 1];
        }
    }

    /// <summary>Payload of a TCP segment that fits the guest's MTU.</summary>
    private int SegmentSize(bool ip4) => Math.Max(mtu - FrameLayout.MinimumHeader - (ip4 ? FrameLayout.MinimumHeader : FrameLayout.Ip6Header), 8);

    /// <summary>Describes a frame of the stack for the card: it is larger than the guest's MTU, or has a checksum known to be right.</summary>
    private void Describe(NetFrame frame)
    {
        const int TcpChecksum = 16, UdpChecksum = 6;
        ref var h = ref frame.Header;
        var data = frame.Data;
        if (data.Length < NetFrame.EthernetHeader)
        {
            return;
        }

        h.Flags = NetHeader.DataValid;
        if (data.Length <= mtu + NetFrame.EthernetHeader)
        {
            return;
        }

        var layout = FrameLayout.Of(data);
        var tcp = layout.IsTcp(data);
        if (!tcp && !layout.IsUdp)
        {
            return;
        }

        h.Flags = NetHeader.NeedsChecksum;
        h.Type = (byte)(!tcp ? SegmentationType.Udp : layout.IsIp4 ? SegmentationType.Tcp4 : SegmentationType.Tcp6);
        h.SegmentSize = (ushort)(tcp ? SegmentSize(layout.IsIp4) : (mtu - (layout.Transport - layout.Network) - FrameLayout.UdpHeader) & ~7);
        h.ChecksumStart = (ushort)layout.Transport;
        h.ChecksumOffset = (ushort)(tcp ? TcpChecksum : UdpChecksum);
        h.HeaderLength = (ushort)(layout.Transport + (tcp ? layout.TcpHeader(data) : FrameLayout.UdpHeader));
        var sum = InternetChecksum.PseudoHeader(layout.Addresses(data), tcp ? FrameLayout.Tcp : FrameLayout.Udp, layout.Network + layout.PacketLength - layout.Transport);
        InternetChecksum.StorePartial(data.Slice(layout.Transport + h.ChecksumOffset, 2), sum);
    }

    private void Receive(ReadOnlySpan<byte> packet)
    {
        if (IsDeterministic)
        {
            neighbours.SeeStack(packet);
        }

        incoming.Set(packet);
        Describe(incoming);
        if (backlog.Count == 0 && Port.TryDeliver(incoming))
        {
            return;
        }

        if (backlog.Count < MaximumBacklog)
        {
            backlog.Enqueue((incoming.Data.ToArray(), incoming.Header));
        }
    }

    private static UserBackend This(nint opaque) => (UserBackend)GCHandle.FromIntPtr(opaque).Target!;

    [UnmanagedCallersOnly]
    private static nint SendPacket(byte* packet, nuint length, nint opaque)
    {
        This(opaque).Receive(new ReadOnlySpan<byte>(packet, (int)Math.Min(length, NetFrame.MaximumLength)));
        return (nint)length;
    }

    [UnmanagedCallersOnly]
    private static void GuestError(byte* message, nint opaque)
    {
        var me = This(opaque);
        me.log.Once($"{me.Name} slirp", LogLevel.Warning, $"{me.Name}: {Marshal.PtrToStringUTF8((nint)message)?.TrimEnd()}");
    }

    [UnmanagedCallersOnly]
    private static long ClockGetNs(nint opaque) => (long)This(opaque).Clock.Now;

    // Not called by a library that knows TimerNewOpaque.
    [UnmanagedCallersOnly]
    private static nint TimerNew(nint callback, nint callbackOpaque, nint opaque) => 0;

    [UnmanagedCallersOnly]
    private static nint TimerNewOpaque(int id, nint callbackOpaque, nint opaque)
    {
        var me = This(opaque);
        me.timerId = id;
        me.timerOpaque = callbackOpaque;
        return 1;
    }

    [UnmanagedCallersOnly]
    private static void TimerFree(nint timer, nint opaque) => This(opaque).timerDeadline = long.MaxValue;

    [UnmanagedCallersOnly]
    private static void TimerMod(nint timer, long milliseconds, nint opaque) => This(opaque).timerDeadline = milliseconds;

    [UnmanagedCallersOnly]
    private static void RegisterPollFd(int descriptor, nint opaque) { }

    // Called inside calls of this back end alone, whose loop looks at everything afterwards.
    [UnmanagedCallersOnly]
    private static void Notify(nint opaque) { }

    [UnmanagedCallersOnly]
    private static void InitCompleted(nint slirp, nint opaque) { }

    [UnmanagedCallersOnly]
    private static int AddPoll(int descriptor, int events, nint opaque)
    {
        var wanted = ((events & SlirpApi.PollIn) != 0 ? PollSet.In : 0)
            | ((events & SlirpApi.PollOut) != 0 ? PollSet.Out : 0)
            | ((events & SlirpApi.PollPriority) != 0 ? PollSet.Priority : 0);
        return This(opaque).current!.Add(descriptor, (short)wanted);
    }

    [UnmanagedCallersOnly]
    private static int GetResult(int index, nint opaque)
    {
        var result = This(opaque).current!.Result(index);
        return result == 0 ? 0 : ((result & PollSet.In) != 0 ? SlirpApi.PollIn : 0)
            | ((result & PollSet.Out) != 0 ? SlirpApi.PollOut : 0)
            | ((result & PollSet.Priority) != 0 ? SlirpApi.PollPriority : 0)
            | ((result & PollSet.Error) != 0 ? SlirpApi.PollError : 0)
            | ((result & PollSet.Hangup) != 0 ? SlirpApi.PollHangup : 0);
    }

    [UnmanagedCallersOnly]
    private static nint WriteState(byte* data, nuint length, nint opaque)
    {
        This(opaque).state.Write(new ReadOnlySpan<byte>(data, (int)length));
        return (nint)length;
    }

    [UnmanagedCallersOnly]
    private static nint ReadState(byte* data, nuint length, nint opaque) =>
        This(opaque).state.ReadAtLeast(new Span<byte>(data, (int)length), (int)length, throwOnEndOfStream: false);
}
