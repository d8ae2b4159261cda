// Segmentation in software: a TCP segment or UDP datagram of up to 64 KiB becomes frames of the MTU with whole checksums.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Net;

/// <summary>Cuts one frame after the other. <see cref="Begin"/>, then <see cref="TryNext"/> until it has no more.</summary>
public sealed class FrameSegmenter
{
    private const byte TcpFin = 0x01;
    private const byte TcpPush = 0x08;
    private const byte TcpCwr = 0x80;
    private const int TcpFlags = 13;
    private const int TcpChecksum = 16;
    private const int UdpChecksum = 6;
    private const ushort MoreFragments = 0x2000;
    private const int Ip6FragmentHeader = 8;
    private const byte Ip6Fragment = 44;
    private const int MinimumSegment = 8;

    private readonly NetFrame source = new();
    private bool tcp;
    private bool ip4;
    private int network;
    private int transport;
    private int headers;
    private int segment;
    private int end;
    private int at;
    private int before;
    private uint identification;

    /// <summary>Pieces of the frame are left.</summary>
    public bool Pending => at < end;

    /// <summary>Takes a frame to cut up, as its header says. False, with nothing taken, when header and frame do not fit together.</summary>
    public bool Begin(NetFrame frame)
    {
        var data = frame.Data;
        if (data.Length < NetFrame.EthernetHeader || frame.Header.SegmentSize < MinimumSegment)
        {
            return false;
        }

        var layout = FrameLayout.Of(data);
        tcp = layout.IsTcp(data);
        ip4 = layout.IsIp4;
        var fits = frame.Header.Segmentation switch
        {
            SegmentationType.Tcp4 => tcp && ip4,
            SegmentationType.Tcp6 => tcp && layout.IsIp6,
            SegmentationType.Udp => layout.IsUdp,
            _ => false,
        };
        if (!fits)
        {
            return false;
        }

        network = layout.Network;
        transport = layout.Transport;
        end = network + layout.PacketLength;

        // UDP is cut behind the IP header: fragments in units of 8 bytes.
        headers = tcp ? transport + layout.TcpHeader(data) : transport;
        segment = tcp ? frame.Header.SegmentSize : frame.Header.SegmentSize & ~7;
        at = headers;
        source.CopyFrom(frame);
        if (!tcp)
        {
            identification++;
            var field = source.Data.Slice(transport + UdpChecksum, 2);
            field.Clear();
            var sum = InternetChecksum.PseudoHeader(layout.Addresses(source.Data), FrameLayout.Udp, end - transport);
            InternetChecksum.StoreUdp(field, InternetChecksum.Add(sum, source.Data[transport..end]));
        }

        return true;
    }

    /// <summary>Makes the next piece. False when there is none.</summary>
    public bool TryNext(NetFrame piece)
    {
        if (!Pending)
        {
            return false;
        }

        before = at;
        var count = Math.Min(segment, end - at);
        var last = at + count == end;
        var room = tcp || ip4 ? 0 : Ip6FragmentHeader;
        piece.Header = default;
        piece.Queue = source.Queue;
        piece.Length = headers + room + count;
        source.Data[..headers].CopyTo(piece.Buffer);
        source.Data.Slice(at, count).CopyTo(piece.Buffer[(headers + room)..]);
        var packet = piece.Data[network..];
        var offset = at - headers;
        if (tcp)
        {
            PatchTcp(piece.Data, offset, last);
        }

        if (ip4)
        {
            PatchIp4(packet, offset, last);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - FrameLayout.Ip6Header));
            if (!tcp)
            {
                PatchIp6Fragment(packet, offset, last);
            }
        }

        if (tcp)
        {
            var addresses = ip4 ? packet.Slice(12, 8) : packet.Slice(8, 32);
            var sum = InternetChecksum.PseudoHeader(addresses, FrameLayout.Tcp, piece.Length - transport);
            InternetChecksum.Store(piece.Data.Slice(transport + TcpChecksum, 2), InternetChecksum.Add(sum, piece.Data[transport..]));
        }

        at += count;
        return true;
    }

    /// <summary>The piece just made could not be used: it comes again.</summary>
    public void Undo() => at = before;

    /// <summary>Writes what is left.</summary>
    public void Save(SnapshotWriter writer)
    {
        writer.U32(identification);
        writer.Bool(Pending);
        if (Pending)
        {
            writer.Bytes(source.Data);
            writer.U8(source.Header.Type);
            writer.U16(source.Header.SegmentSize);
            writer.U32((uint)at);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It does not fit together.</exception>
    public void Restore(SnapshotReader reader)
    {
        Clear();
        var id = reader.U32();
        if (reader.Bool())
        {
            var frame = new NetFrame();
            frame.Set(reader.Bytes(NetFrame.MaximumLength));
            frame.Header.Type = reader.U8();
            frame.Header.SegmentSize = reader.U16();
            var position = reader.U32();
            if (!Begin(frame) || position < at || position >= end)
            {
                throw new InvalidDataException("snapshot: a network frame in pieces does not fit together");
            }

            at = (int)position;
        }

        identification = id;
    }

    /// <summary>Forgets what is left.</summary>
    public void Clear() => at = end = 0;

    /// <summary>FIN and PSH belong to the last segment, CWR to the first (RFC 3168, 6.1.2).</summary>
    private void PatchTcp(Span<byte> frame, int offset, bool last)
    {
        var header = frame[transport..];
        BinaryPrimitives.WriteUInt32BigEndian(header[4..], BinaryPrimitives.ReadUInt32BigEndian(header[4..]) + (uint)offset);
        var drop = (last ? 0 : TcpFin | TcpPush) | (offset == 0 ? 0 : TcpCwr);
        header[TcpFlags] &= (byte)~drop;
        header.Slice(TcpChecksum, 2).Clear();
    }

    private void PatchIp4(Span<byte> packet, int offset, bool last)
    {
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        if (tcp)
        {
            var id = BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(id + (offset / segment)));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[6..], (ushort)((offset >> 3) | (last ? 0 : MoreFragments)));
        }

        packet.Slice(10, 2).Clear();
        InternetChecksum.Store(packet.Slice(10, 2), InternetChecksum.Add(0, packet[..(transport - network)]));
    }

    /// <summary>A fragment header (RFC 8200, 4.5).</summary>
    private void PatchIp6Fragment(Span<byte> packet, int offset, bool last)
    {
        var fragment = packet.Slice(FrameLayout.Ip6Header, Ip6FragmentHeader);
        fragment.Clear();
        fragment[0] = packet[6];
        packet[6] = Ip6Fragment;
        BinaryPrimitives.WriteUInt16BigEndian(fragment[2..], (ushort)((offset & ~7) | (last ? 0 : 1)));
        BinaryPrimitives.WriteUInt32BigEndian(fragment[4..], identification);
    }
}
