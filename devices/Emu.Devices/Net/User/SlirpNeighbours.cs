// What libslirp's table of neighbours holds: the library leaves it out of its saved state, and would ask the guest for its address again.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Net.User;

/// <summary>
/// Learns what the stack learns, from the frames that pass: ARP of the guest (RFC 826), and the stack's own answers to DHCP (RFC 2131). After a restore,
/// announcements in the guest's name (ARP requests for one's own address, which nobody answers) fill the stack's table again.
/// </summary>
internal sealed class SlirpNeighbours
{
    /// <summary>ARP_TABLE_SIZE of libslirp: a new neighbour takes the oldest one's place.</summary>
    private const int Capacity = 16;

    private const int MacBytes = 6;
    private const int EtherType = 12;
    private const ushort EtherTypeArp = 0x0806;
    private const ushort EtherTypeIp4 = 0x0800;

    // ARP over Ethernet.
    private const int ArpOperation = 20;
    private const int ArpSenderMac = 22;
    private const int ArpSender = 28;
    private const int ArpTarget = 38;
    private const int ArpFrame = 42;
    private const ushort ArpRequest = 1;
    private const ushort ArpReply = 2;

    // DHCP in UDP in IPv4 without options.
    private const int IpProtocol = 23;
    private const byte Udp = 17;
    private const int UdpSource = 34;
    private const ushort DhcpServer = 67;
    private const int DhcpYourAddress = 42 + 16;
    private const int DhcpClientMac = 42 + 28;

    private readonly (uint Address, ulong Mac)[] table = new (uint, ulong)[Capacity];
    private readonly uint network;
    private readonly uint mask;
    private int oldest;

    /// <summary>Starts with no neighbours.</summary>
    /// <param name="network">The network's address.</param>
    /// <param name="mask">Its mask.</param>
    public SlirpNeighbours(uint network, uint mask)
    {
        this.network = network;
        this.mask = mask;
    }

    /// <summary>Looks at a frame of the guest.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="stackAddresses">The addresses at which the stack answers.</param>
    public void SeeGuest(ReadOnlySpan<byte> frame, ReadOnlySpan<uint> stackAddresses)
    {
        if (frame.Length < ArpFrame || BinaryPrimitives.ReadUInt16BigEndian(frame[EtherType..]) != EtherTypeArp)
        {
            return;
        }

        var sender = BinaryPrimitives.ReadUInt32BigEndian(frame[ArpSender..]);
        var target = BinaryPrimitives.ReadUInt32BigEndian(frame[ArpTarget..]);
        var operation = BinaryPrimitives.ReadUInt16BigEndian(frame[ArpOperation..]);
        if (operation == ArpReply || (operation == ArpRequest && (target == sender || stackAddresses.Contains(target))))
        {
            Learn(sender, frame.Slice(ArpSenderMac, MacBytes));
        }
    }

    /// <summary>Looks at a frame of the stack.</summary>
    /// <param name="frame">The frame.</param>
    public void SeeStack(ReadOnlySpan<byte> frame)
    {
        if (frame.Length >= DhcpClientMac + MacBytes && BinaryPrimitives.ReadUInt16BigEndian(frame[EtherType..]) == EtherTypeIp4
            && frame[IpProtocol] == Udp && BinaryPrimitives.ReadUInt16BigEndian(frame[UdpSource..]) == DhcpServer)
        {
            Learn(BinaryPrimitives.ReadUInt32BigEndian(frame[DhcpYourAddress..]), frame.Slice(DhcpClientMac, MacBytes));
        }
    }

    /// <summary>An announcement for each neighbour, in the order in which a new stack has to learn them.</summary>
    public IEnumerable<byte[]> Announcements()
    {
        for (var i = 0; i < Capacity; i++)
        {
            var (address, mac) = table[(oldest + i) % Capacity];
            if (address != 0)
            {
                yield return Announcement(address, mac);
            }
        }
    }

    /// <summary>Writes the table.</summary>
    public void Save(SnapshotWriter writer)
    {
        writer.U32((uint)oldest);
        foreach (var (address, mac) in table)
        {
            writer.U32(address);
            writer.U64(mac);
        }
    }

    /// <summary>Reads the table.</summary>
    public void Restore(SnapshotReader reader)
    {
        oldest = (int)(reader.U32() % Capacity);
        for (var i = 0; i < Capacity; i++)
        {
            table[i] = (reader.U32(), reader.U64());
        }
    }

    private static byte[] Announcement(uint address, ulong mac)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, mac);
        var source = bytes[(sizeof(ulong) - MacBytes)..];
        var frame = new byte[ArpFrame];
        frame.AsSpan(0, MacBytes).Fill(0xFF);
        source.CopyTo(frame.AsSpan(MacBytes));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(EtherType), EtherTypeArp);
        ReadOnlySpan<byte> ethernetAndIp4 = [0, 1, 8, 0, MacBytes, 4, 0, (byte)ArpRequest];
        ethernetAndIp4.CopyTo(frame.AsSpan(EtherType + 2));
        source.CopyTo(frame.AsSpan(ArpSenderMac));
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(ArpSender), address);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(ArpTarget), address);
        return frame;
    }

    private void Learn(uint address, ReadOnlySpan<byte> mac)
    {
        // As the stack does: no broadcast address, one place an address.
        if (address == 0 || address == uint.MaxValue || address == (network | ~mask))
        {
            return;
        }

        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        bytes.Clear();
        mac.CopyTo(bytes[(sizeof(ulong) - MacBytes)..]);
        var value = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        for (var i = 0; i < Capacity; i++)
        {
            if (table[i].Address == address)
            {
                table[i].Mac = value;
                return;
            }
        }

        table[oldest] = (address, value);
        oldest = (oldest + 1) % Capacity;
    }
}
