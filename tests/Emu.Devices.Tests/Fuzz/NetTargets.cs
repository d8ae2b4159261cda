// The network card and the socket device under the hostile driver.
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Emu.Core;
using Emu.Devices.Host;
using Emu.Devices.Net;
using Emu.Devices.Virtio.Net;
using Emu.Devices.Virtio.Vsock;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>How they are made, and what their requests look like.</summary>
internal static class NetTargets
{
    private const int ControlQueue = 4;

    /// <summary>A card of two queue pairs on a wire that echoes frames, some of them as offloads.</summary>
    public static FuzzSubject Card(FuzzBench bench)
    {
        var echo = new EchoBackend(bench.Clock, bench.Clock is DeterministicClock ? action => action() : null);
        var card = new NetDevice(new NetOptions { Name = "net", Mac = new MacAddress(0x0200_0000_0001), QueueCount = 4, QueueSize = 64 }, echo, bench.Log);
        return bench.Virtio(card) with
        {
            HostEvent = random =>
            {
                for (var burst = random.Next(16); burst >= 0; burst--)
                {
                    echo.Deliver(Frame(random), Header(random, 1));
                }
            },
            Release = card.Dispose,
        };
    }

    /// <summary>A frame with a header, buffers, or a command.</summary>
    public static FuzzRequest Packet(Random random, int queue)
    {
        if (queue == ControlQueue)
        {
            byte[] command = [(byte)random.Next(7), (byte)random.Next(6), .. FuzzTarget.Noise(random, random.Next(30))];
            return new FuzzRequest(command, random.Next(1, 3));
        }

        if (queue % 2 == 0)
        {
            return new FuzzRequest([], random.Next(3000));
        }

        var frame = Frame(random);
        var header = Header(random, random.Next(3));
        var wire = new byte[NetHeader.BytesWithBuffers];
        System.Runtime.InteropServices.MemoryMarshal.Write(wire, in header);
        return new FuzzRequest([.. wire, .. frame], 0);
    }

    /// <summary>A device with programs of the host at both kinds of its sockets.</summary>
    public static FuzzSubject Sockets(FuzzBench bench)
    {
        var directory = Directory.CreateTempSubdirectory("emu-fuzz");
        var path = Path.Combine(directory.FullName, "v");
        var device = new VsockDevice(new VsockOptions("vsock", 3, path), bench.Clock, bench.Clock is DeterministicClock ? action => action() : null, bench.Log);
        var listener = New();
        listener.Bind(new UnixDomainSocketEndPoint($"{path}_1"));
        listener.Listen(512);
        List<Socket> clients = [];
        return bench.Virtio(device) with
        {
            HostEvent = random =>
            {
                if (clients.Count == 0 || (clients.Count < 20 && random.Next(3) == 0))
                {
                    var s = random.Next(2) == 0 && listener.Poll(0, SelectMode.SelectRead) ? listener.Accept() : New();
                    s.Blocking = false;
                    if (!s.Connected)
                    {
                        Connect(s, path);
                    }

                    clients.Add(s);
                    s.Send(Encoding.ASCII.GetBytes($"CONNECT {random.Next(4)}\n"), SocketFlags.None, out _);
                    return;
                }

                var at = random.Next(clients.Count);
                switch (random.Next(3))
                {
                    case 0:
                        clients[at].Dispose();
                        clients.RemoveAt(at);
                        break;
                    case 1:
                        clients[at].Send(new byte[random.Next(5000)], SocketFlags.None, out _);
                        break;
                    default:
                        clients[at].Receive(new byte[random.Next(1, 5000)], SocketFlags.None, out _);
                        break;
                }
            },
            Release = () =>
            {
                device.Dispose();
                listener.Dispose();
                clients.ForEach(c => c.Dispose());
                directory.Delete(true);
            },
        };
    }

    /// <summary>A packet between ports that are in use now and then.</summary>
    public static FuzzRequest SocketPacket(Random random, int queue)
    {
        if (queue != 1)
        {
            return new FuzzRequest([], random.Next(30) == 0 ? random.Next(64) : random.Next(44, 4096));
        }

        var message = new byte[44 + (random.Next(3) == 0 ? random.Next(2000) : 0)];
        var p = message.AsSpan();
        BinaryPrimitives.WriteUInt64LittleEndian(p, random.Next(50) == 0 ? (ulong)random.Next(9) : 3);
        BinaryPrimitives.WriteUInt64LittleEndian(p[8..], random.Next(50) == 0 ? (ulong)random.Next(9) : 2);
        BinaryPrimitives.WriteUInt32LittleEndian(p[16..], (uint)random.Next(4));
        BinaryPrimitives.WriteUInt32LittleEndian(p[20..], random.Next(2) == 0 ? (1u << 30) + (uint)random.Next(20) : (uint)random.Next(3));
        BinaryPrimitives.WriteUInt32LittleEndian(p[24..], random.Next(20) == 0 ? (uint)random.Next() : (uint)message.Length - 44);
        BinaryPrimitives.WriteUInt16LittleEndian(p[28..], random.Next(40) == 0 ? (ushort)2 : (ushort)1);
        BinaryPrimitives.WriteUInt16LittleEndian(p[30..], (ushort)random.Next(9));
        BinaryPrimitives.WriteUInt32LittleEndian(p[32..], (uint)random.Next(4));
        BinaryPrimitives.WriteUInt32LittleEndian(p[36..], random.Next(4) == 0 ? (uint)random.NextInt64(1L << 32) : 65536);
        BinaryPrimitives.WriteUInt32LittleEndian(p[40..], random.Next(4) == 0 ? (uint)random.NextInt64(1L << 32) : 0);
        return new FuzzRequest(message, 0);
    }

    private static Socket New() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    private static void Connect(Socket s, string path)
    {
        try
        {
            s.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            // The device does not accept while no driver is there, and its backlog is full.
        }
    }

    /// <summary>Ethernet with IPv4 or IPv6 and TCP or UDP, whole or not.</summary>
    private static byte[] Frame(Random random)
    {
        var frame = FuzzTarget.Noise(random, random.Next(14, random.Next(4) == 0 ? 4000 : 200));
        if (frame.Length >= 60)
        {
            var ip6 = random.Next(2) == 0;
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), ip6 ? (ushort)0x86DD : (ushort)0x800);
            frame[14] = ip6 ? (byte)0x60 : (byte)0x45;
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(ip6 ? 18 : 16), (ushort)(frame.Length - (ip6 ? 54 : 14)));
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(20), (ushort)(ip6 ? 0x640 : 0));
            frame[ip6 ? 20 : 23] = random.Next(2) == 0 ? (byte)6 : (byte)17;
            frame[ip6 ? 66 < frame.Length ? 66 : 20 : 46] = (byte)(random.Next(4, 8) << 4);
        }

        return frame;
    }

    private static NetHeader Header(Random random, int kind) => kind switch
    {
        0 => default,
        1 => new NetHeader
        {
            Flags = 1,
            Type = (byte)(random.Next(2) == 0 ? 0 : new[] { 1, 3, 4, 0x81 }[random.Next(4)]),
            SegmentSize = (ushort)random.Next(8, 1500),
            ChecksumStart = (ushort)(random.Next(2) == 0 ? 34 : 54),
            ChecksumOffset = (ushort)(random.Next(2) == 0 ? 6 : 16),
        },
        _ => new NetHeader
        {
            Flags = (byte)random.Next(256),
            Type = (byte)random.Next(256),
            SegmentSize = (ushort)random.Next(65536),
            ChecksumStart = (ushort)random.Next(65536),
            ChecksumOffset = (ushort)random.Next(65536),
        },
    };

    /// <summary>Gives back what it gets.</summary>
    private sealed class EchoBackend(Clock clock, Action<Action>? post) : LoopBackend("echo", clock, post)
    {
        private const int Longest = 64;
        private readonly Queue<(byte[] Data, NetHeader Header)> waiting = new();
        private readonly NetFrame frame = new();

        public override NetOffload Accepts => NetOffload.Checksum | NetOffload.Tso4;

        public override NetOffload Gives => NetOffload.All;

        public void Deliver(byte[] data, NetHeader header)
        {
            if (header.ChecksumStart + header.ChecksumOffset + 2 > data.Length)
            {
                header = default;
            }

            lock (Gate)
            {
                waiting.Enqueue((data, header));
                while (waiting.Count > Longest)
                {
                    waiting.Dequeue();
                }
            }

            Kick();
        }

        public override void Prepare(PollSet set) { }

        protected override void Carry(PollSet set)
        {
            for (var n = 0; !IsRoundOver(n) && Port.TryTake(frame); n++)
            {
                waiting.Enqueue((frame.Data.ToArray(), frame.Header));
                if (waiting.Count > Longest)
                {
                    waiting.Dequeue();
                }
            }

            while (waiting.TryPeek(out var next))
            {
                frame.Set(next.Data);
                frame.Header = next.Header;
                if (!Port.TryDeliver(frame))
                {
                    return;
                }

                waiting.Dequeue();
            }
        }

        protected override void Close() { }
    }
}
