// The Internet checksum (RFC 1071) over memory and pseudo headers.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Emu.Devices.Net;

/// <summary>One's complement sums of 16-bit words. A sum in host byte order is as good as one in network byte order until it is stored.</summary>
public static class InternetChecksum
{
    /// <summary>Adds memory to a running sum. A run of odd length may only be the last.</summary>
    public static ulong Add(ulong sum, ReadOnlySpan<byte> data)
    {
        if (Vector256.IsHardwareAccelerated && data.Length >= 64)
        {
            var words = MemoryMarshal.Cast<byte, Vector256<uint>>(data);
            var low = Vector256<ulong>.Zero;
            var high = Vector256<ulong>.Zero;
            foreach (ref readonly var w in words)
            {
                var (a, b) = Vector256.Widen(w);
                low += a;
                high += b;
            }

            sum = AddCarry(sum, Vector256.Sum(low + high));
            data = data[(words.Length * 32)..];
        }

        while (data.Length >= 4)
        {
            sum = AddCarry(sum, MemoryMarshal.Read<uint>(data));
            data = data[4..];
        }

        if (data.Length >= 2)
        {
            sum = AddCarry(sum, MemoryMarshal.Read<ushort>(data));
            data = data[2..];
        }

        return data.Length == 0 ? sum : AddCarry(sum, BitConverter.IsLittleEndian ? data[0] : (uint)data[0] << 8);
    }

    /// <summary>The sum of a pseudo header (RFC 9293, 3.1; RFC 8200, 8.1).</summary>
    /// <param name="addresses">Source and destination, as they stand in the IP header: 8 or 32 bytes.</param>
    /// <param name="protocol">IP protocol number.</param>
    /// <param name="length">Bytes of transport header and payload.</param>
    public static ulong PseudoHeader(ReadOnlySpan<byte> addresses, byte protocol, int length)
    {
        Span<byte> tail = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(tail, (uint)length);
        BinaryPrimitives.WriteUInt32BigEndian(tail[4..], protocol);
        return Add(Add(0, addresses), tail);
    }

    /// <summary>Folds a sum to 16 bits, in memory's byte order, not complemented.</summary>
    public static ushort Fold(ulong sum)
    {
        sum = (sum >> 32) + (sum & 0xFFFF_FFFF);
        sum = (sum >> 32) + (sum & 0xFFFF_FFFF);
        sum = (sum >> 16) + (sum & 0xFFFF);
        sum = (sum >> 16) + (sum & 0xFFFF);
        return (ushort)((sum >> 16) + (sum & 0xFFFF));
    }

    /// <summary>Stores a finished checksum.</summary>
    public static void Store(Span<byte> field, ulong sum)
    {
        var value = (ushort)~Fold(sum);
        MemoryMarshal.Write(field, in value);
    }

    /// <summary>Stores a finished UDP checksum, where zero means none (RFC 768).</summary>
    public static void StoreUdp(Span<byte> field, ulong sum)
    {
        Store(field, sum);
        if (MemoryMarshal.Read<ushort>(field) == 0)
        {
            field[..2].Fill(0xFF);
        }
    }

    /// <summary>Stores a sum that a later stage finishes: not complemented.</summary>
    public static void StorePartial(Span<byte> field, ulong sum)
    {
        var value = Fold(sum);
        MemoryMarshal.Write(field, in value);
    }

    /// <summary>Finishes the partial checksum that a frame's header describes. The caller has checked that it lies inside the frame.</summary>
    public static void Complete(NetFrame frame)
    {
        ref var h = ref frame.Header;
        var field = frame.Data.Slice(h.ChecksumStart + h.ChecksumOffset, 2);
        var sum = Add(0, frame.Data[h.ChecksumStart..]);

        // A UDP checksum of zero would mean that there is none; for TCP, all-ones is as good as zero.
        StoreUdp(field, sum);
        h.Flags &= unchecked((byte)~NetHeader.NeedsChecksum);
    }

    private static ulong AddCarry(ulong sum, ulong value)
    {
        sum += value;
        return sum + (sum < value ? 1u : 0);
    }
}
