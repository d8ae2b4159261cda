// libslirp 4.7 (libslirp.h): the functions used, their structures and callbacks.
using System.Runtime.InteropServices;

namespace Emu.Devices.Net.User;

/// <summary>The C interface. Addresses and ports of IPv4 are in network byte order unless a parameter says host order.</summary>
internal static unsafe partial class SlirpApi
{
    /// <summary>The library's file, as Debian's package libslirp0 installs it.</summary>
    public const string Library = "libslirp.so.0";

    /// <summary>SLIRP_CONFIG_VERSION_MAX of 4.7: with disable_dhcp and timer_new_opaque.</summary>
    public const uint ConfigVersion = 4;

    public const int PollIn = 1 << 0;
    public const int PollOut = 1 << 1;
    public const int PollPriority = 1 << 2;
    public const int PollError = 1 << 3;
    public const int PollHangup = 1 << 4;

    /// <summary>struct in6_addr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Address6
    {
        public uint Word0;
        public uint Word1;
        public uint Word2;
        public uint Word3;
    }

    /// <summary>struct SlirpConfig.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Config
    {
        public uint Version;
        public int Restricted;
        public byte EnableIp4;
        public uint Network;
        public uint Mask;
        public uint Host;
        public byte EnableIp6;
        public Address6 Prefix6;
        public byte PrefixLength6;
        public Address6 Host6;
        public byte* HostName;
        public byte* TftpServerName;
        public byte* TftpPath;
        public byte* BootFile;
        public uint DhcpStart;
        public uint NameServer;
        public Address6 NameServer6;
        public byte** DnsSearch;
        public byte* DomainName;
        public nuint Mtu;
        public nuint Mru;
        public byte DisableHostLoopback;
        public byte EnableEmulation;
        public void* OutboundAddress;
        public void* OutboundAddress6;
        public byte DisableDns;
        public byte DisableDhcp;
    }

    /// <summary>struct SlirpCb.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Callbacks
    {
        public delegate* unmanaged<byte*, nuint, nint, nint> SendPacket;
        public delegate* unmanaged<byte*, nint, void> GuestError;
        public delegate* unmanaged<nint, long> ClockGetNs;
        public delegate* unmanaged<nint, nint, nint, nint> TimerNew;
        public delegate* unmanaged<nint, nint, void> TimerFree;
        public delegate* unmanaged<nint, long, nint, void> TimerMod;
        public delegate* unmanaged<int, nint, void> RegisterPollFd;
        public delegate* unmanaged<int, nint, void> UnregisterPollFd;
        public delegate* unmanaged<nint, void> Notify;
        public delegate* unmanaged<nint, nint, void> InitCompleted;
        public delegate* unmanaged<int, nint, nint, nint> TimerNewOpaque;
    }

    [LibraryImport(Library)]
    public static partial nint slirp_new(Config* config, Callbacks* callbacks, nint opaque);

    [LibraryImport(Library)]
    public static partial void slirp_cleanup(nint slirp);

    [LibraryImport(Library)]
    public static partial void slirp_pollfds_fill(nint slirp, uint* timeout, delegate* unmanaged<int, int, nint, int> addPoll, nint opaque);

    [LibraryImport(Library)]
    public static partial void slirp_pollfds_poll(nint slirp, int selectError, delegate* unmanaged<int, nint, int> getResult, nint opaque);

    [LibraryImport(Library)]
    public static partial void slirp_input(nint slirp, byte* packet, int length);

    [LibraryImport(Library)]
    public static partial void slirp_handle_timer(nint slirp, int id, nint opaque);

    /// <param name="slirp">The instance.</param>
    /// <param name="udp">1 for UDP.</param>
    /// <param name="hostAddress">Address to listen on.</param>
    /// <param name="hostPort">Port, host order.</param>
    /// <param name="guestAddress">Address to connect to; 0 for the one DHCP gives first.</param>
    /// <param name="guestPort">Port, host order.</param>
    [LibraryImport(Library, SetLastError = true)]
    public static partial int slirp_add_hostfwd(nint slirp, int udp, uint hostAddress, int hostPort, uint guestAddress, int guestPort);

    [LibraryImport(Library)]
    public static partial int slirp_remove_hostfwd(nint slirp, int udp, uint hostAddress, int hostPort);

    [LibraryImport(Library)]
    public static partial void slirp_state_save(nint slirp, delegate* unmanaged<byte*, nuint, nint, nint> write, nint opaque);

    [LibraryImport(Library)]
    public static partial int slirp_state_version();

    [LibraryImport(Library)]
    public static partial int slirp_state_load(nint slirp, int version, delegate* unmanaged<byte*, nuint, nint, nint> read, nint opaque);
}
