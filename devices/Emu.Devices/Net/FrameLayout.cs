// Where the headers of an Ethernet frame lie: VLAN tags, IPv4 or IPv6, TCP or UDP.
using System.Buffers.Binary;

namespace Emu.Devices.Net;

/// <summary>The headers of one frame. Every offset was checked against the frame's length.</summary>
public readonly ref struct FrameLayout
{
    /// <summary>EtherType of IPv4.</summary>
    public const ushort EtherTypeIp4 = 0x0800;

    /// <summary>EtherType of ARP.</summary>
    public const ushort EtherTypeArp = 0x0806;

    /// <summary>EtherType of IPv6.</summary>
    public const ushort EtherTypeIp6 = 0x86DD;

    /// <summary>EtherType of an 802.1Q tag.</summary>
    public const ushort EtherTypeVlan = 0x8100;

    /// <summary>EtherType of an 802.1ad tag.</summary>
    public const ushort EtherTypeServiceVlan = 0x88A8;

    /// <summary>IP protocol number of TCP.</summary>
    public const byte Tcp = 6;

    /// <summary>IP protocol number of UDP.</summary>
    public const byte Udp = 17;

    /// <summary>Bytes of an IPv6 header.</summary>
    public const int Ip6Header = 40;

    /// <summary>Smallest IPv4 and TCP header.</summary>
    public const int MinimumHeader = 20;

    /// <summary>Bytes of a UDP header.</summary>
    public const int UdpHeader = 8;

    private const int MoreFragmentsOrOffset = 0x3FFF;

    private FrameLayout(ReadOnlySpan<byte> frame)
    {
        var at = 12;
        EtherType = BinaryPrimitives.ReadUInt16BigEndian(frame[at..]);
        for (var tags = 0; tags < 2 && EtherType is EtherTypeVlan or EtherTypeServiceVlan && at + 6 <= frame.Length; tags++)
        {
            Vlan = tags == 0 ? BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 2)..]) & 0xFFF : Vlan;
            HasVlan = true;
            at += 4;
            EtherType = BinaryPrimitives.ReadUInt16BigEndian(frame[at..]);
        }

        Network = at + 2;
        var packet = frame[Network..];
        if (EtherType == EtherTypeIp4 && packet.Length >= MinimumHeader && packet[0] >> 4 == 4)
        {
            var header = (packet[0] & 15) * 4;
            var total = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
            if (header < MinimumHeader || header > total || total > packet.Length)
            {
                return;
            }

            IsIp4 = true;
            PacketLength = total;
            Protocol = packet[9];
            Transport = Network + header;
            IsFragment = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & MoreFragmentsOrOffset) != 0;
        }
        else if (EtherType == EtherTypeIp6 && packet.Length >= Ip6Header && packet[0] >> 4 == 6)
        {
            var total = Ip6Header + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
            if (total > packet.Length)
            {
                return;
            }

            // Extension headers leave the protocol unknown; nobody who asks about one sends any.
            IsIp6 = true;
            PacketLength = total;
            Protocol = packet[6];
            Transport = Network + Ip6Header;
        }
    }

    /// <summary>EtherType behind the VLAN tags.</summary>
    public ushort EtherType { get; }

    /// <summary>There is a VLAN tag.</summary>
    public bool HasVlan { get; }

    /// <summary>VLAN of the outer tag.</summary>
    public int Vlan { get; }

    /// <summary>Offset of the network header.</summary>
    public int Network { get; }

    /// <summary>A sound IPv4 packet.</summary>
    public bool IsIp4 { get; }

    /// <summary>A sound IPv6 packet.</summary>
    public bool IsIp6 { get; }

    /// <summary>Bytes of the IP packet; the frame may have padding behind it.</summary>
    public int PacketLength { get; }

    /// <summary>IP protocol (IPv6: the first next header).</summary>
    public byte Protocol { get; }

    /// <summary>A fragment of an IPv4 packet.</summary>
    public bool IsFragment { get; }

    /// <summary>Offset of what follows the IP header.</summary>
    public int Transport { get; }

    /// <summary>A TCP segment whose header lies inside the packet.</summary>
    public bool IsTcp(ReadOnlySpan<byte> frame) => (IsIp4 || IsIp6) && Protocol == Tcp && !IsFragment
        && Network + PacketLength - Transport >= MinimumHeader
        && TcpHeader(frame) >= MinimumHeader && Transport + TcpHeader(frame) <= Network + PacketLength;

    /// <summary>A UDP datagram whose header lies inside the packet.</summary>
    public bool IsUdp => (IsIp4 || IsIp6) && Protocol == Udp && !IsFragment && Network + PacketLength - Transport >= UdpHeader;

    /// <summary>Bytes of the TCP header.</summary>
    public int TcpHeader(ReadOnlySpan<byte> frame) => (frame[Transport + 12] >> 4) * 4;

    /// <summary>Source and destination address as they stand in the IP header.</summary>
    public ReadOnlySpan<byte> Addresses(ReadOnlySpan<byte> frame) => IsIp4 ? frame.Slice(Network + 12, 8) : frame.Slice(Network + 8, 32);

    /// <summary>Finds the headers.</summary>
    /// <param name="frame">At least an Ethernet header.</param>
    public static FrameLayout Of(ReadOnlySpan<byte> frame) => new(frame);
}
