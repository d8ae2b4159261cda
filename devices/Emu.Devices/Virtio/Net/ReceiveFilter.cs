// Which frames the guest wants to see: receive modes, MAC table and VLANs (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3).
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Net;

namespace Emu.Devices.Virtio.Net;

/// <summary>The filter of one card. Without a driver that sets it, everything passes.</summary>
internal sealed class ReceiveFilter
{
    /// <summary>Most addresses kept of each kind; a longer table lets every address of the kind pass.</summary>
    private const int MaximumAddresses = 64;

    private const int VlanCount = 4096;

    private readonly List<ulong> unicast = [];
    private readonly List<ulong> multicast = [];
    private readonly ulong[] vlans = new ulong[VlanCount / 64];
    private ReceiveModes modes;

    /// <summary>Commands of the receive class.</summary>
    [Flags]
    private enum ReceiveModes : byte
    {
        None = 0,
        Promiscuous = 1 << 0,
        AllMulticast = 1 << 1,
        AllUnicast = 1 << 2,
        NoMulticast = 1 << 3,
        NoUnicast = 1 << 4,
        NoBroadcast = 1 << 5,
        UnicastOverflow = 1 << 6,
        MulticastOverflow = 1 << 7,
    }

    /// <summary>The state before any command.</summary>
    /// <param name="filterVlans">The driver said that it adds its VLANs.</param>
    public void Reset(bool filterVlans)
    {
        modes = ReceiveModes.Promiscuous;
        unicast.Clear();
        multicast.Clear();
        Array.Fill(vlans, filterVlans ? 0 : ulong.MaxValue);
    }

    /// <summary>Sets a receive mode; false when there is no such command.</summary>
    public bool SetMode(byte command, bool on)
    {
        if (command > 5)
        {
            return false;
        }

        var mode = (ReceiveModes)(1 << command);
        modes = on ? modes | mode : modes & ~mode;
        return true;
    }

    /// <summary>Adds or removes a VLAN; false when there is no such VLAN.</summary>
    public bool SetVlan(int vlan, bool on)
    {
        if (vlan >= VlanCount)
        {
            return false;
        }

        var bit = 1UL << (vlan & 63);
        vlans[vlan >> 6] = on ? vlans[vlan >> 6] | bit : vlans[vlan >> 6] & ~bit;
        return true;
    }

    /// <summary>Takes the two tables of VIRTIO_NET_CTRL_MAC_TABLE_SET; false, with nothing changed, when they do not fit the command.</summary>
    public bool SetTables(ReadOnlySpan<byte> data)
    {
        if (!TryTable(ref data, out var first) || !TryTable(ref data, out var second))
        {
            return false;
        }

        modes &= ~(ReceiveModes.UnicastOverflow | ReceiveModes.MulticastOverflow);
        modes |= Fill(unicast, first) ? 0 : ReceiveModes.UnicastOverflow;
        modes |= Fill(multicast, second) ? 0 : ReceiveModes.MulticastOverflow;
        return true;
    }

    /// <summary>Whether a frame passes.</summary>
    /// <param name="frame">At least an Ethernet header.</param>
    /// <param name="own">The card's address.</param>
    public bool Passes(ReadOnlySpan<byte> frame, MacAddress own)
    {
        if (BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == FrameLayout.EtherTypeVlan && frame.Length >= NetFrame.EthernetHeader + 2)
        {
            var vlan = BinaryPrimitives.ReadUInt16BigEndian(frame[14..]) & (VlanCount - 1);
            if ((vlans[vlan >> 6] >> (vlan & 63) & 1) == 0)
            {
                return false;
            }
        }

        if ((modes & ReceiveModes.Promiscuous) != 0)
        {
            return true;
        }

        var to = MacAddress.Read(frame);
        if (to == MacAddress.Broadcast)
        {
            return (modes & ReceiveModes.NoBroadcast) == 0;
        }

        if (to.IsMulticast)
        {
            return (modes & ReceiveModes.NoMulticast) == 0
                && ((modes & (ReceiveModes.AllMulticast | ReceiveModes.MulticastOverflow)) != 0 || multicast.Contains(to.Value));
        }

        return (modes & ReceiveModes.NoUnicast) == 0
            && (to == own || (modes & (ReceiveModes.AllUnicast | ReceiveModes.UnicastOverflow)) != 0 || unicast.Contains(to.Value));
    }

    public void Save(SnapshotWriter writer)
    {
        writer.U8((byte)modes);
        foreach (var list in new[] { unicast, multicast })
        {
            writer.U8((byte)list.Count);
            list.ForEach(writer.U64);
        }

        foreach (var word in vlans)
        {
            writer.U64(word);
        }
    }

    public void Restore(SnapshotReader reader)
    {
        modes = (ReceiveModes)reader.U8();
        foreach (var list in new[] { unicast, multicast })
        {
            list.Clear();
            int count = reader.U8();
            if (count > MaximumAddresses)
            {
                throw new InvalidDataException($"snapshot: a MAC filter of {count} addresses, at most {MaximumAddresses} expected");
            }

            while (list.Count < count)
            {
                list.Add(reader.U64());
            }
        }

        for (var i = 0; i < vlans.Length; i++)
        {
            vlans[i] = reader.U64();
        }
    }

    /// <summary>Cuts a table off the command: a count of 32 bits, then the addresses.</summary>
    private static bool TryTable(ref ReadOnlySpan<byte> data, out ReadOnlySpan<byte> table)
    {
        table = default;
        if (data.Length < 4)
        {
            return false;
        }

        var count = BinaryPrimitives.ReadUInt32LittleEndian(data);
        data = data[4..];
        if (count > (uint)data.Length / MacAddress.Bytes)
        {
            return false;
        }

        table = data[..((int)count * MacAddress.Bytes)];
        data = data[table.Length..];
        return true;
    }

    private static bool Fill(List<ulong> list, ReadOnlySpan<byte> table)
    {
        list.Clear();
        if (table.Length > MaximumAddresses * MacAddress.Bytes)
        {
            return false;
        }

        for (; !table.IsEmpty; table = table[MacAddress.Bytes..])
        {
            list.Add(MacAddress.Read(table).Value);
        }

        return true;
    }
}
