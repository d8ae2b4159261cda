// Builds and checks Ethernet, IP, TCP and UDP packets for tests; checksums the slow way, apart from the code under test.
using System.Buffers.Binary;

namespace Emu.Devices.Tests.Net;

/// <summary>Addresses are byte arrays in network order; 4 bytes for IPv4, 16 for IPv6.</summary>
internal static class Packets
{
    public static readonly byte[] MacA = [2, 0, 0, 0, 0, 0xA], MacB = [2, 0, 0, 0, 0, 0xB];
    public static readonly byte[] IpA = [10, 0, 0, 1], IpB = [10, 0, 0, 2];
    public static readonly byte[] Ip6A = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], Ip6B = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

    public static byte[] Ethernet(byte[] to, byte[] from, ushort type, byte[] payload) => [.. to, .. from, (byte)(type >> 8), (byte)type, .. payload];

    public static byte[] Ip(byte[] from, byte[] to, byte protocol, byte[] payload, ushort id = 1)
    {
        if (from.Length == 16)
        {
            byte[] p6 = [0x60, 0, 0, 0, (byte)(payload.Length >> 8), (byte)payload.Length, protocol, 64, .. from, .. to, .. payload];
            return p6;
        }

        var total = payload.Length + 20;
        byte[] p = [0x45, 0, (byte)(total >> 8), (byte)total, (byte)(id >> 8), (byte)id, 0, 0, 64, protocol, 0, 0, .. from, .. to, .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(p.AsSpan(10), Sum(p.AsSpan(0, 20)));
        return p;
    }

    public static byte[] Tcp(byte[] from, byte[] to, int source, int destination, uint sequence, uint acknowledge, byte flags, byte[] payload, byte[]? options = null, int window = 65535)
    {
        options ??= [];
        var p = new byte[20 + options.Length + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(p, (ushort)source);
        BinaryPrimitives.WriteUInt16BigEndian(p.AsSpan(2), (ushort)destination);
        BinaryPrimitives.WriteUInt32BigEndian(p.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(p.AsSpan(8), acknowledge);
        p[12] = (byte)((20 + options.Length) << 2);
        p[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(p.AsSpan(14), (ushort)window);
        options.CopyTo(p, 20);
        payload.CopyTo(p, 20 + options.Length);
        BinaryPrimitives.WriteUInt16BigEndian(p.AsSpan(16), TransportSum(from, to, 6, p));
        return Ip(from, to, 6, p);
    }

    public static byte[] Udp(byte[] from, byte[] to, int source, int destination, byte[] payload)
    {
        var length = payload.Length + 8;
        byte[] p = [(byte)(source >> 8), (byte)source, (byte)(destination >> 8), (byte)destination, (byte)(length >> 8), (byte)length, 0, 0, .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(p.AsSpan(6), TransportSum(from, to, 17, p));
        return Ip(from, to, 17, p);
    }

    /// <summary>Turns the finished checksum of a frame into the partial one that a driver leaves to the device.</summary>
    public static void MakePartial(byte[] frame, int transport, int offset, byte[] from, byte[] to, byte protocol)
    {
        var sum = (ushort)~Sum(Pseudo(from, to, protocol, frame.Length - transport));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(transport + offset), sum);
    }

    /// <summary>Checks lengths and every checksum of a frame; returns the transport payload with its header.</summary>
    public static byte[] AssertSound(byte[] frame)
    {
        var type = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12));
        var packet = frame.AsSpan(14);
        if (type == 0x86DD)
        {
            Assert.Equal(packet.Length, BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) + 40);
            var body6 = packet[40..].ToArray();
            Assert.Equal(0, Sum([.. Pseudo(packet[8..24].ToArray(), packet[24..40].ToArray(), packet[6], body6.Length), .. body6]));
            return body6;
        }

        Assert.Equal(0x0800, type);
        Assert.Equal(packet.Length, BinaryPrimitives.ReadUInt16BigEndian(packet[2..]));
        Assert.Equal(0, Sum(packet[..20]));
        var body = packet[20..].ToArray();
        if ((BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3FFF) == 0)
        {
            Assert.Equal(0, Sum([.. Pseudo(packet[12..16].ToArray(), packet[16..20].ToArray(), packet[9], body.Length), .. body]));
        }

        return body;
    }

    /// <summary>The complemented one's complement sum of 16-bit words.</summary>
    public static ushort Sum(ReadOnlySpan<byte> data)
    {
        uint sum = 0;
        for (var i = 0; i < data.Length; i++)
        {
            sum += (i & 1) == 0 ? (uint)data[i] << 8 : data[i];
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    private static ushort TransportSum(byte[] from, byte[] to, byte protocol, byte[] p)
    {
        var sum = Sum([.. Pseudo(from, to, protocol, p.Length), .. p]);
        return protocol == 17 && sum == 0 ? (ushort)0xFFFF : sum;
    }

    private static byte[] Pseudo(byte[] from, byte[] to, byte protocol, int length) => from.Length == 4
        ? [.. from, .. to, 0, protocol, (byte)(length >> 8), (byte)length]
        : [.. from, .. to, 0, 0, (byte)(length >> 8), (byte)length, 0, 0, 0, protocol];
}
