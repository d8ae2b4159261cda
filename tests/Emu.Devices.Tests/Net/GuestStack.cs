// A guest's TCP/IP in a few lines, for tests against a real back end: ARP, DHCP, UDP and one TCP connection at a time, on a lossless cable.
using System.Buffers.Binary;
using Emu.Devices.Net;
using Emu.Devices.Tests.Virtio.Net;

namespace Emu.Devices.Tests.Net;

/// <summary>Answers ARP for its address and speaks to one gateway.</summary>
/// <param name="card">The card.</param>
/// <param name="pump">Called while waiting: lets a deterministic machine take input.</param>
internal sealed class GuestStack(MockNetDriver card, Action? pump = null)
{
    private const byte Fin = 1, Syn = 2, Push = 8, Ack = 16;
    private static readonly byte[] Broadcast = [255, 255, 255, 255, 255, 255];
    private readonly byte[] mac = card.Driver.ReadDeviceConfig(0, 6);
    private byte[] gatewayMac = [];
    private byte[] peer = [];
    private int localPort;
    private int peerPort;
    private uint sequence;
    private uint expected;
    private int window = 1460;
    private bool finished;

    public byte[] Address { get; set; } = [0, 0, 0, 0];

    public byte[] Gateway { get; private set; } = [10, 0, 2, 2];

    public List<byte> Received { get; } = [];

    /// <summary>Largest TCP frame that came.</summary>
    public int LargestFrame { get; private set; }

    /// <summary>Gets an address; returns the options of the final answer.</summary>
    public Dictionary<byte, byte[]> Dhcp()
    {
        var offer = DhcpRound([53, 1, 1]);
        var your = offer[0];
        var ack = DhcpRound([53, 1, 3, 50, 4, .. your, 54, 4, .. offer[54]]);
        Assert.Equal([5], ack[53]);
        Address = ack[0];
        Gateway = ack[3];
        return ack;
    }

    public byte[] Arp(byte[] ip)
    {
        card.Send(Packets.Ethernet(Broadcast, mac, 0x0806, [0, 1, 8, 0, 6, 4, 0, 1, .. mac, .. Address, 0, 0, 0, 0, 0, 0, .. ip]));
        var answer = Wait(f => Type(f) == 0x0806 && f[21] == 2 && f.AsSpan(28, 4).SequenceEqual(ip), "the ARP answer");
        gatewayMac = answer[22..28];
        return gatewayMac;
    }

    public byte[] Ping(byte[] to, byte[] payload)
    {
        byte[] echo = [8, 0, 0, 0, 0, 1, 0, 1, .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(echo.AsSpan(2), Packets.Sum(echo));
        Send(Packets.Ip(Address, to, 1, echo));
        return Wait(f => Type(f) == 0x800 && f[23] == 1 && f[34] == 0, "the echo")[42..];
    }

    /// <summary>Sends a datagram and returns the answer's payload.</summary>
    public byte[] Udp(byte[] to, int port, byte[] payload)
    {
        Send(Packets.Udp(Address, to, 5000, port, payload));
        return UdpReceive(5000).Payload;
    }

    public (byte[] From, int Port, byte[] Payload) UdpReceive(int port)
    {
        var f = Wait(f => Type(f) == 0x800 && f[23] == 17 && Word(f, 36) == port, "the datagram");
        return (f[26..30], Word(f, 34), f[42..Math.Min(f.Length, 34 + Word(f, 38))]);
    }

    public void SendUdp(byte[] to, int from, int port, byte[] payload, int pair = 0) => Send(Packets.Udp(Address, to, from, port, payload), pair);

    /// <summary>The queue that the next datagram to a port comes in on.</summary>
    public int QueueOfUdp(int port) => WaitFrame(f => Type(f) == 0x800 && f[23] == 17 && Word(f, 36) == port, "the datagram").Queue;

    public void Connect(byte[] to, int port)
    {
        Open(to, port, 40_000);
        SendTcp(Syn, [], [2, 4, 5, 0xB4]);
        sequence++;
        var answer = WaitTcp(f => (f[47] & Syn) != 0, "SYN-ACK");
        expected = Long(answer, 38) + 1;
        SendTcp(Ack, []);
    }

    /// <summary>Waits for a connection to a port.</summary>
    public void Accept(int port)
    {
        var f = Wait(f => Type(f) == 0x800 && f[23] == 6 && Word(f, 36) == port && (f[47] & Syn) != 0, "a connection");
        gatewayMac = f[6..12];
        Open(f[26..30], Word(f, 34), port);
        expected = Long(f, 38) + 1;
        SendTcp(Syn | Ack, [], [2, 4, 5, 0xB4]);
        sequence++;
    }

    /// <summary>Sends as a driver with segmentation offload does: up to 30 KB at a time.</summary>
    public void Write(byte[] data, bool large)
    {
        var step = large ? 30_000 : 1460;
        for (var at = 0; at < data.Length; at += step)
        {
            var piece = data[at..Math.Min(data.Length, at + step)];
            while (window < piece.Length)
            {
                WaitTcp(_ => true, "room in the window");
            }

            SendTcp(Ack | Push, piece, null, large);
            sequence += (uint)piece.Length;
            var goal = sequence;
            WaitTcp(f => (int)(Long(f, 42) - goal) >= 0, "the acknowledgement");
        }
    }

    /// <summary>Receives until there are so many bytes, or the other end closes.</summary>
    public byte[] Read(int count)
    {
        while (Received.Count < count && !finished)
        {
            WaitTcp(_ => true, $"data after {Received.Count} of {count} bytes");
        }

        var data = Received.ToArray();
        Received.Clear();
        return data;
    }

    public void Close()
    {
        SendTcp(Fin | Ack, []);
        sequence++;
        while (!finished)
        {
            WaitTcp(_ => true, "FIN");
        }
    }

    private static int Type(byte[] f) => Word(f, 12);

    private static int Word(byte[] f, int at) => BinaryPrimitives.ReadUInt16BigEndian(f.AsSpan(at));

    private static uint Long(byte[] f, int at) => BinaryPrimitives.ReadUInt32BigEndian(f.AsSpan(at));

    private void Open(byte[] to, int port, int from)
    {
        (peer, peerPort, localPort) = (to, port, from);
        sequence = 1000;
        window = 1460;
        finished = false;
        Received.Clear();
    }

    private void Send(byte[] packet, int pair = 0) => card.Send(Packets.Ethernet(gatewayMac, mac, 0x800, packet), default, pair);

    private void SendTcp(byte flags, byte[] data, byte[]? options = null, bool offload = false)
    {
        var frame = Packets.Ethernet(gatewayMac, mac, 0x800, Packets.Tcp(Address, peer, localPort, peerPort, sequence, expected, flags, data, options));
        NetHeader header = default;
        if (offload)
        {
            Packets.MakePartial(frame, 34, 16, Address, peer, 6);
            header = new NetHeader { Flags = NetHeader.NeedsChecksum, Type = (byte)SegmentationType.Tcp4, SegmentSize = 1460, ChecksumStart = 34, ChecksumOffset = 16 };
        }

        card.Send(frame, header);
    }

    /// <summary>Waits for a segment of the connection; data in order is kept and acknowledged.</summary>
    private byte[] WaitTcp(Func<byte[], bool> wanted, string what) => Wait(
        f =>
        {
            if (Type(f) != 0x800 || f[23] != 6 || Word(f, 36) != localPort || Word(f, 34) != peerPort)
            {
                return false;
            }

            Assert.True((f[47] & 4) == 0, $"the connection was reset while waiting for {what}");
            window = Word(f, 48);
            LargestFrame = Math.Max(LargestFrame, f.Length);
            var start = 34 + (f[46] >> 4 << 2);
            var data = f[start..(14 + Word(f, 16))];
            var end = (f[47] & Fin) != 0;
            if ((f[47] & Syn) == 0 && Long(f, 38) == expected && (data.Length > 0 || end))
            {
                Received.AddRange(data);
                expected += (uint)data.Length + (end ? 1u : 0);
                finished |= end;
                SendTcp(Ack, []);
            }

            return wanted(f);
        },
        what);

    private byte[] Wait(Func<byte[], bool> wanted, string what) => WaitFrame(wanted, what).Data;

    private ReceivedFrame WaitFrame(Func<byte[], bool> wanted, string what) => card.Wait(
        f =>
        {
            if (Type(f.Data) == 0x0806 && f.Data[21] == 1 && f.Data.AsSpan(38, 4).SequenceEqual(Address))
            {
                card.Send(Packets.Ethernet(f.Data[6..12], mac, 0x0806, [0, 1, 8, 0, 6, 4, 0, 2, .. mac, .. Address, .. f.Data[22..32]]));
            }

            return wanted(f.Data);
        },
        what,
        pump);

    /// <summary>One DHCP question and its answer: options by number, and your address as number 0.</summary>
    private Dictionary<byte, byte[]> DhcpRound(byte[] options)
    {
        var bootp = new byte[240];
        (bootp[0], bootp[1], bootp[2], bootp[4]) = (1, 1, 6, 0x42);
        mac.CopyTo(bootp, 28);
        BinaryPrimitives.WriteUInt32BigEndian(bootp.AsSpan(236), 0x6382_5363);
        byte[] any = [0, 0, 0, 0], all = [255, 255, 255, 255];
        card.Send(Packets.Ethernet(Broadcast, mac, 0x800, Packets.Udp(any, all, 68, 67, [.. bootp, .. options, 255])));
        var answer = Wait(f => Type(f) == 0x800 && f[23] == 17 && Word(f, 36) == 68, "the DHCP answer")[42..];
        var result = new Dictionary<byte, byte[]> { [0] = answer[16..20] };
        for (var at = 240; answer[at] != 255; at += answer[at] == 0 ? 1 : 2 + answer[at + 1])
        {
            if (answer[at] != 0)
            {
                result[answer[at]] = answer[(at + 2)..(at + 2 + answer[at + 1])];
            }
        }

        return result;
    }
}
