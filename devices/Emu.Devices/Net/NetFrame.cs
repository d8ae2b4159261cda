// An Ethernet frame on its way between guest and host, with what is left to do on it.
using System.Runtime.CompilerServices;

namespace Emu.Devices.Net;

/// <summary>How a frame is to be cut up: gso_type of the virtio-net header (virtio 1.2, 5.1.6).</summary>
public enum SegmentationType : byte
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>TCP over IPv4.</summary>
    Tcp4 = 1,

    /// <summary>UDP, into IP fragments.</summary>
    Udp = 3,

    /// <summary>TCP over IPv6.</summary>
    Tcp6 = 4,
}

/// <summary>The virtio-net header without its buffer count; the first 10 bytes of the wire form, little-endian.</summary>
public struct NetHeader
{
    /// <summary>VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum at <see cref="ChecksumStart"/> + <see cref="ChecksumOffset"/> covers the pseudo header only.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary>VIRTIO_NET_HDR_F_DATA_VALID: the checksum is known to be right.</summary>
    public const byte DataValid = 2;

    /// <summary>VIRTIO_NET_HDR_GSO_ECN in the type: the TCP segment has ECN set.</summary>
    public const byte EcnBit = 0x80;

    /// <summary>Bytes of the wire form without the buffer count.</summary>
    public const int Bytes = 10;

    /// <summary>Bytes of the wire form with the buffer count.</summary>
    public const int BytesWithBuffers = 12;

    /// <summary><see cref="NeedsChecksum"/>, <see cref="DataValid"/>.</summary>
    public byte Flags;

    /// <summary>gso_type: a <see cref="SegmentationType"/>, perhaps with <see cref="EcnBit"/>.</summary>
    public byte Type;

    /// <summary>Bytes of all headers; a hint.</summary>
    public ushort HeaderLength;

    /// <summary>Payload bytes of each segment.</summary>
    public ushort SegmentSize;

    /// <summary>Where checksumming starts, from the start of the frame.</summary>
    public ushort ChecksumStart;

    /// <summary>Where the checksum goes, from <see cref="ChecksumStart"/>.</summary>
    public ushort ChecksumOffset;

    /// <summary>How the frame is to be cut up.</summary>
    public readonly SegmentationType Segmentation => (SegmentationType)(Type & ~EcnBit);

    /// <summary>The offloads that the frame asks for.</summary>
    public readonly NetOffload Needed
    {
        get
        {
            var needed = (Flags & NeedsChecksum) != 0 ? NetOffload.Checksum : NetOffload.None;
            needed |= Segmentation switch
            {
                SegmentationType.Tcp4 => NetOffload.Tso4,
                SegmentationType.Tcp6 => NetOffload.Tso6,
                SegmentationType.Udp => NetOffload.Ufo,
                _ => NetOffload.None,
            };
            return needed | ((Type & EcnBit) != 0 ? NetOffload.Ecn : NetOffload.None);
        }
    }
}

/// <summary>A frame, in a buffer that is used again and again.</summary>
public sealed class NetFrame
{
    /// <summary>Bytes of an Ethernet header.</summary>
    public const int EthernetHeader = 14;

    /// <summary>Largest frame: Ethernet header, two VLAN tags and an IP packet of 64 KiB.</summary>
    public const int MaximumLength = EthernetHeader + 8 + 65535;

    private readonly byte[] buffer = GC.AllocateUninitializedArray<byte>(MaximumLength, pinned: true);
    private int length;

    /// <summary>What is left to do on the frame.</summary>
    public NetHeader Header;

    /// <summary>The queue pair that it came from, on either side of the cable, or -1: where frames of its flow go in the other direction.</summary>
    public int Queue { get; set; } = -1;

    /// <summary>Bytes in the frame; at most <see cref="MaximumLength"/>.</summary>
    public int Length
    {
        get => length;
        set => length = Math.Clamp(value, 0, MaximumLength);
    }

    /// <summary>The frame.</summary>
    public Span<byte> Data => buffer.AsSpan(0, length);

    /// <summary>The whole buffer, to be filled before <see cref="Length"/> is set.</summary>
    public Span<byte> Buffer => buffer;

    /// <summary>The buffer's address; it never moves.</summary>
    public unsafe byte* Pointer => (byte*)Unsafe.AsPointer(ref buffer[0]);

    /// <summary>Makes this a copy of another frame.</summary>
    public void CopyFrom(NetFrame other)
    {
        Length = other.Length;
        other.Data.CopyTo(buffer);
        Header = other.Header;
        Queue = other.Queue;
    }

    /// <summary>Makes this a copy of a frame with nothing left to do.</summary>
    public void Set(ReadOnlySpan<byte> frame)
    {
        Length = frame.Length;
        frame[..length].CopyTo(buffer);
        Header = default;
        Queue = -1;
    }
}
