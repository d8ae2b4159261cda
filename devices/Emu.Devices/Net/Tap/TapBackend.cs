// A TAP interface of the host (Linux: Documentation/networking/tuntap.rst), with the kernel doing the offloads.
using System.Runtime.InteropServices;
using System.Text;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Net.Tap;

/// <summary>Options of a <see cref="TapBackend"/>.</summary>
/// <param name="Interface">Name of the interface, 1 to 15 bytes. One that does not exist is created, and goes away with the machine.</param>
public sealed record TapNetOptions(string Interface) : NetBackendOptions;

/// <summary>Frames go to and come from a TAP interface; addresses and bridges are the user's to set up.</summary>
public sealed unsafe class TapBackend : LoopBackend
{
    private const int NameBytes = 16;

    /// <summary>struct ifreq.</summary>
    private const int RequestBytes = 40;

    private const short IffTap = 0x0002;
    private const short IffNoPacketInfo = 0x1000;
    private const short IffVnetHeader = 0x4000;
    private const nuint TunSetInterface = 0x4004_54CA;
    private const nuint TunSetOffload = 0x4004_54D0;
    private const nuint TunSetVnetHeaderSize = 0x4004_54D8;

    private readonly Log log;
    private readonly NetFrame outgoing = new();
    private readonly NetFrame incoming = new();
    private int descriptor = -1;
    private bool outputWaits;
    private bool inputWaits;
    private bool gone;
    private int index = -1;

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
            Open(options.Interface);
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
        // A kernel without UFO refuses it.
        if (HostCalls.ioctl(descriptor, TunSetOffload, (void*)(nint)offloads) < 0)
        {
            _ = HostCalls.ioctl(descriptor, TunSetOffload, (void*)(nint)(offloads & ~NetOffload.Ufo));
        }
    }

    /// <inheritdoc/>
    public override void Prepare(PollSet set)
    {
        var events = (inputWaits ? 0 : PollSet.In) | (outputWaits ? PollSet.Out : 0);
        index = gone || events == 0 ? -1 : set.Add(descriptor, (short)events);
    }

    /// <inheritdoc/>
    protected override void Carry(PollSet set)
    {
        var ready = set.Result(index);
        index = -1;
        if (inputWaits)
        {
            inputWaits = !Port.TryDeliver(incoming);
        }

        for (var frames = 0; (ready & PollSet.In) != 0 && !inputWaits && !IsRoundOver(frames) && Read(); frames++)
        {
            inputWaits = !Port.TryDeliver(incoming);
        }

        if ((ready & PollSet.Error) != 0 && !gone)
        {
            gone = true;
            log.Write(LogLevel.Warning, $"{Name}: the TAP interface is gone: the link is down");
            SetLink(false);
        }

        if (outputWaits)
        {
            outputWaits = !Write();
        }

        for (var frames = 0; !outputWaits && !IsRoundOver(frames) && Port.TryTake(outgoing); frames++)
        {
            outputWaits = !Write();
        }
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        if (descriptor >= 0)
        {
            _ = HostCalls.close(descriptor);
            descriptor = -1;
        }
    }

    private void Open(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        if (bytes.Length is 0 or >= NameBytes)
        {
            throw new EmuException($"{Name}: '{name}' is no name of an interface: give 1 to {NameBytes - 1} characters");
        }

        descriptor = HostCalls.open("/dev/net/tun", HostCalls.O_RDWR | HostCalls.O_NONBLOCK | HostCalls.O_CLOEXEC);
        if (descriptor < 0)
        {
            throw new EmuException($"{Name}: /dev/net/tun cannot be opened ({HostCalls.LastError()}): it needs the module tun and the right to use it; user-mode networking needs neither");
        }

        var request = stackalloc byte[RequestBytes];
        new Span<byte>(request, RequestBytes).Clear();
        bytes.CopyTo(new Span<byte>(request, NameBytes));
        *(short*)(request + NameBytes) = IffTap | IffNoPacketInfo | IffVnetHeader;
        if (HostCalls.ioctl(descriptor, TunSetInterface, request) < 0)
        {
            throw new EmuException($"{Name}: the TAP interface '{name}' cannot be used ({HostCalls.LastError()}): create it for your user (ip tuntap add {name} mode tap user NAME), or run with CAP_NET_ADMIN");
        }

        var size = NetHeader.Bytes;
        if (HostCalls.ioctl(descriptor, TunSetVnetHeaderSize, &size) < 0)
        {
            throw new EmuException($"{Name}: the TAP interface '{name}' has no offload headers ({HostCalls.LastError()}): a Linux of version 2.6.27 or later is needed");
        }
    }

    private bool Read()
    {
        var vectors = stackalloc HostCalls.IoVector[2];
        fixed (NetHeader* header = &incoming.Header)
        {
            vectors[0] = new HostCalls.IoVector { Base = header, Length = NetHeader.Bytes };
            vectors[1] = new HostCalls.IoVector { Base = incoming.Pointer, Length = NetFrame.MaximumLength };
            var n = HostCalls.readv(descriptor, vectors, 2);
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
            return HostCalls.writev(descriptor, vectors, 2) >= 0
                || Marshal.GetLastPInvokeError() is not (HostCalls.EAGAIN or HostCalls.ENOBUFS or HostCalls.EINTR);
        }
    }
}
