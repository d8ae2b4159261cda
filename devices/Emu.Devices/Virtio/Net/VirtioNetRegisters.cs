// Feature bits, configuration layout and control commands of the network device (virtio 1.2, 5.1).
namespace Emu.Devices.Virtio.Net;

/// <summary>Feature bits (5.1.3).</summary>
internal static class VirtioNetFeature
{
    /// <summary>The device takes frames with partial checksums.</summary>
    public const ulong Csum = 1UL << 0;

    /// <summary>The driver takes frames with partial checksums.</summary>
    public const ulong GuestCsum = 1UL << 1;

    /// <summary>The driver can change its offloads while it runs.</summary>
    public const ulong CtrlGuestOffloads = 1UL << 2;

    /// <summary>The device names an MTU.</summary>
    public const ulong Mtu = 1UL << 3;

    /// <summary>The device has a MAC address.</summary>
    public const ulong Mac = 1UL << 5;

    /// <summary>The driver takes TCP over IPv4 unsegmented.</summary>
    public const ulong GuestTso4 = 1UL << 7;

    /// <summary>The driver takes TCP over IPv6 unsegmented.</summary>
    public const ulong GuestTso6 = 1UL << 8;

    /// <summary>The driver takes unsegmented TCP with ECN.</summary>
    public const ulong GuestEcn = 1UL << 9;

    /// <summary>The driver takes UDP unfragmented.</summary>
    public const ulong GuestUfo = 1UL << 10;

    /// <summary>The device takes TCP over IPv4 unsegmented.</summary>
    public const ulong HostTso4 = 1UL << 11;

    /// <summary>The device takes TCP over IPv6 unsegmented.</summary>
    public const ulong HostTso6 = 1UL << 12;

    /// <summary>The device takes unsegmented TCP with ECN.</summary>
    public const ulong HostEcn = 1UL << 13;

    /// <summary>The device takes UDP unfragmented.</summary>
    public const ulong HostUfo = 1UL << 14;

    /// <summary>A received frame may span several buffers.</summary>
    public const ulong MergeableBuffers = 1UL << 15;

    /// <summary>The configuration has a link status.</summary>
    public const ulong Status = 1UL << 16;

    /// <summary>There is a control queue.</summary>
    public const ulong CtrlVq = 1UL << 17;

    /// <summary>Receive modes can be set.</summary>
    public const ulong CtrlRx = 1UL << 18;

    /// <summary>VLANs can be filtered.</summary>
    public const ulong CtrlVlan = 1UL << 19;

    /// <summary>More receive modes can be set.</summary>
    public const ulong CtrlRxExtra = 1UL << 20;

    /// <summary>The driver announces itself when asked to.</summary>
    public const ulong GuestAnnounce = 1UL << 21;

    /// <summary>Several queue pairs.</summary>
    public const ulong MultiQueue = 1UL << 22;

    /// <summary>The MAC address can be set by a command.</summary>
    public const ulong CtrlMacAddress = 1UL << 23;

    /// <summary>The offloads of frames to the guest: what CTRL_GUEST_OFFLOADS may name.</summary>
    public const ulong GuestOffloads = GuestCsum | GuestTso4 | GuestTso6 | GuestEcn | GuestUfo;
}

/// <summary>The configuration structure (5.1.4).</summary>
internal static class VirtioNetConfig
{
    /// <summary>MAC address.</summary>
    public const int Mac = 0;

    /// <summary>Link status.</summary>
    public const int Status = 6;

    /// <summary>Most queue pairs.</summary>
    public const int MaximumPairs = 8;

    /// <summary>MTU.</summary>
    public const int Mtu = 10;

    /// <summary>Bytes of the structure.</summary>
    public const int Size = 12;

    /// <summary>Status: the link is up.</summary>
    public const int LinkUp = 1;

    /// <summary>Status: the driver shall announce itself.</summary>
    public const int Announce = 2;
}

/// <summary>Classes of control commands (5.1.6.5).</summary>
internal enum ControlClass : byte
{
    /// <summary>Receive modes.</summary>
    Rx = 0,

    /// <summary>MAC address and filter.</summary>
    Mac = 1,

    /// <summary>VLAN filter.</summary>
    Vlan = 2,

    /// <summary>Announcement.</summary>
    Announce = 3,

    /// <summary>Queue pairs.</summary>
    MultiQueue = 4,

    /// <summary>Offloads of frames to the guest.</summary>
    GuestOffloads = 5,
}

/// <summary>Commands of each class and the answers.</summary>
internal static class ControlCommand
{
    public const byte MacTableSet = 0;
    public const byte MacAddressSet = 1;
    public const byte VlanAdd = 0;
    public const byte VlanDelete = 1;
    public const byte AnnounceAcknowledge = 0;
    public const byte PairsSet = 0;
    public const byte GuestOffloadsSet = 0;

    /// <summary>VIRTIO_NET_OK.</summary>
    public const byte Ok = 0;

    /// <summary>VIRTIO_NET_ERR.</summary>
    public const byte Error = 1;
}
