// virtio-vsock against a mock driver and real Unix sockets: both directions of opening, data, credit, ends, hostile packets, snapshots.
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Emu.Core;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Vsock;
using static Emu.Devices.Tests.Virtio.Vsock.MockVsockGuest;

namespace Emu.Devices.Tests.Virtio.Vsock;

/// <summary>One machine with a vsock device.</summary>
internal sealed class VsockMachine : IDisposable
{
    private readonly ConcurrentQueue<Action> posted = new();
    private readonly Clock clock;
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-vsock");

    public VsockMachine(bool deterministic, int buffers = 16, ulong features = VirtioFeature.DefaultRing)
    {
        clock = deterministic ? new DeterministicClock(0) : new HostClock();
        Path = System.IO.Path.Combine(directory.FullName, "v");
        Device = new VsockDevice(new VsockOptions("vsock0", 3, Path), clock, deterministic ? posted.Enqueue : null, new Log(Harness.LogText));
        Slot = Harness.Segment.Add(new VirtioPciTransport(Device, Harness.Memory, Harness.Msi, new Log(Harness.LogText), new VirtioPciOptions(false, VirtioFeature.DefaultRing | VirtioFeature.RingPacked)));
        Guest = new MockVsockGuest(Harness, Slot, Pump, buffers, features);
    }

    public PciHarness Harness { get; } = new();

    public VsockDevice Device { get; }

    public int Slot { get; }

    public string Path { get; }

    public MockVsockGuest Guest { get; }

    public Socket Connect()
    {
        var s = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = (int)Patience.Limit.TotalMilliseconds, SendTimeout = (int)Patience.Limit.TotalMilliseconds };
        s.Connect(new UnixDomainSocketEndPoint(Path));
        return s;
    }

    public Socket Listen(uint port)
    {
        var s = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        s.Bind(new UnixDomainSocketEndPoint($"{Path}_{port}"));
        s.Listen(4);
        return s;
    }

    public void Pump()
    {
        while (posted.TryDequeue(out var action))
        {
            action();
        }
    }

    /// <summary>Reads with the machine running meanwhile.</summary>
    public byte[] Read(Socket s, int count)
    {
        var data = new byte[count];
        var got = 0;
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    Pump();
                    Guest.Poll();
                    if (s.Available > 0)
                    {
                        got += s.Receive(data.AsSpan(got));
                    }

                    return got == count;
                },
                Patience.Limit),
            $"{got} of {count} bytes came");
        return data;
    }

    /// <summary>The other end was closed or reset, perhaps behind data.</summary>
    public void AssertEnds(Socket s)
    {
        var rest = new byte[65536];
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    Pump();
                    Guest.Poll();
                    return s.Poll(0, SelectMode.SelectRead) && (s.Receive(rest, SocketFlags.None, out var error) == 0 || error != SocketError.Success);
                },
                Patience.Limit),
            "the socket stays open");
    }

    /// <summary>A connection that a program of the host opened and the guest accepted.</summary>
    public (Socket Socket, uint HostPort) Open(uint port)
    {
        var s = Connect();
        s.Send(Encoding.ASCII.GetBytes($"CONNECT {port}\n"));
        var request = Guest.Expect(Request).Header;
        Assert.Equal((3u, port), ((uint)request.DestinationCid, request.DestinationPort));
        Guest.Send(Response, port, request.SourcePort);
        var answer = Encoding.ASCII.GetBytes($"OK {request.SourcePort}\n");
        Assert.Equal(answer, Read(s, answer.Length));
        return (s, request.SourcePort);
    }

    public void Dispose()
    {
        Device.Dispose();
        (clock as IDisposable)?.Dispose();
        Harness.Dispose();
        directory.Delete(true);
    }
}

public class VsockTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HostConnects_AndDataGoesBothWays(bool deterministic)
    {
        using var m = new VsockMachine(deterministic);
        Assert.Equal([3, 0, 0, 0, 0, 0, 0, 0], m.Guest.Driver.ReadDeviceConfig(0, 8));
        var (s, port) = m.Open(1234);
        using (s)
        {
            for (var i = 1; i < 20; i++)
            {
                var ping = Encoding.ASCII.GetBytes($"ping {i}");
                s.Send(ping);
                var got = m.Guest.Expect(ReadWrite);
                Assert.Equal(ping, got.Data);
                Assert.Equal((port, 1234u), (got.Header.SourcePort, got.Header.DestinationPort));
                m.Guest.Forwarded += (uint)ping.Length;
                m.Guest.Send(ReadWrite, 1234, port, "pong"u8);
                Assert.Equal("pong"u8.ToArray(), m.Read(s, 4));
            }
        }

        var end = m.Guest.Expect(Shutdown);
        Assert.Equal(3u, end.Header.Flags);
        m.Guest.Send(Reset, 1234, port);
        m.Guest.Send(ReadWrite, 1234, port, [1]);
        m.Guest.Expect(Reset);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GuestConnects_ToWhoeverListens_AndIsRefusedWhereNobodyDoes(bool deterministic)
    {
        using var m = new VsockMachine(deterministic);
        using var listener = m.Listen(77);
        m.Guest.Send(Request, 5000, 78);
        m.Guest.Expect(Reset);
        m.Guest.Send(Request, 5000, 77);
        m.Guest.Expect(Response);
        using var s = listener.Accept();
        m.Guest.Send(ReadWrite, 5000, 77, "from the guest"u8);
        Assert.Equal("from the guest"u8.ToArray(), m.Read(s, 14));
        s.Send("from the host"u8);
        Assert.Equal("from the host"u8.ToArray(), m.Guest.Expect(ReadWrite).Data);

        // Half closed: the guest sends no more, and still receives.
        m.Guest.Send(Shutdown, 5000, 77, default, 2);
        m.AssertEnds(s);
        s.Send("more"u8);
        Assert.Equal("more"u8.ToArray(), m.Guest.Expect(ReadWrite).Data);
        m.Guest.Send(Shutdown, 5000, 77, default, 3);
        m.Guest.Expect(Reset);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HostSends_NoMoreThanTheGuestHasRoomFor_AndNothingIsLost(bool deterministic)
    {
        using var m = new VsockMachine(deterministic);
        m.Guest.BufferSize = 10_000;
        var (s, port) = m.Open(9);
        var data = new byte[150_000];
        new Random(1).NextBytes(data);
        var sent = new Background(() => Assert.Equal(data.Length, s.Send(data)));
        List<byte> got = [];
        while (got.Count < data.Length)
        {
            var piece = m.Guest.Expect(ReadWrite);
            got.AddRange(piece.Data);
            Assert.True(got.Count - (int)m.Guest.Forwarded <= 10_000, "more came than there is room for");
            if (got.Count - (int)m.Guest.Forwarded == 10_000 || got.Count == data.Length)
            {
                m.Pump();
                m.Guest.Poll();
                Assert.DoesNotContain(m.Guest.Inbox, p => p.Header.Operation == ReadWrite);
                m.Guest.Forwarded = (uint)got.Count;
                m.Guest.Send(CreditUpdate, 9, port);
            }
        }

        Assert.Equal(data, got);
        sent.Join();
        s.Dispose();
        m.Guest.Expect(Shutdown);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GuestSends_ToASlowReader_WithinItsCredit_AndNothingIsLost_EvenAfterItsReset(bool deterministic)
    {
        using var m = new VsockMachine(deterministic);
        var (s, port) = m.Open(9);
        var data = new byte[1_500_000];
        new Random(2).NextBytes(data);
        uint forwarded = 0, room = 0;
        m.Guest.Send(CreditRequest, 9, port);
        var update = m.Guest.Expect(CreditUpdate).Header;
        (forwarded, room) = (update.Forwarded, update.BufferSize);
        Assert.InRange(room, 65536u, 1u << 20);
        List<byte> got = [];
        for (var at = 0; at < data.Length;)
        {
            var n = (int)Math.Min(Math.Min(room - ((uint)at - forwarded), 65536), (uint)(data.Length - at));
            if (n > 0)
            {
                m.Guest.Send(ReadWrite, 9, port, data.AsSpan(at, n));
                at += n;
                continue;
            }

            // Out of credit: the reader takes some, and the device says so by itself.
            got.AddRange(m.Read(s, 100_000));
            Assert.True(
                SpinWait.SpinUntil(
                    () =>
                    {
                        m.Pump();
                        m.Guest.Poll();
                        while (m.Guest.Inbox.TryDequeue(out var p))
                        {
                            forwarded = p.Header.Forwarded;
                        }

                        if (room == (uint)at - forwarded && s.Available > 0)
                        {
                            got.AddRange(m.Read(s, s.Available));
                        }

                        return room > (uint)at - forwarded;
                    },
                    Patience.Limit),
                "no credit came");
        }

        m.Guest.Send(Reset, 9, port);
        got.AddRange(m.Read(s, data.Length - got.Count));
        Assert.Equal(data, got);
        m.AssertEnds(s);
        s.Dispose();
    }

    [Fact]
    public void PacketsBeyondTheCredit_EndTheConnection()
    {
        using var m = new VsockMachine(true);
        var (s, port) = m.Open(9);
        using (s)
        {
            for (var i = 0; i < 40; i++)
            {
                m.Guest.Send(ReadWrite, 9, port, new byte[65536]);
            }

            m.Guest.Expect(Reset);
            m.AssertEnds(s);
        }
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\n")]
    [InlineData("CONNECT\n")]
    [InlineData("CONNECT -1\n")]
    [InlineData("CONNECT 4294967296\n")]
    [InlineData("CONNECT 1 2\n")]
    [InlineData("a line without an end that is longer than any command")]
    public void CommandsThatAreNone_EndTheConnection(string command)
    {
        using var m = new VsockMachine(true);
        using var s = m.Connect();
        s.Send(Encoding.ASCII.GetBytes(command));
        m.AssertEnds(s);
        Assert.Empty(m.Guest.Inbox);
    }

    [Fact]
    public void CommandInPieces_AndDataRightBehindIt_AreUnderstood()
    {
        using var m = new VsockMachine(false);
        using var s = m.Connect();
        s.Send("CONN"u8);
        Thread.Sleep(20);
        s.Send("ECT 5\nhello"u8);
        var request = m.Guest.Expect(Request).Header;
        m.Guest.Send(Response, 5, request.SourcePort);
        Assert.Equal("hello"u8.ToArray(), m.Guest.Expect(ReadWrite).Data);
    }

    [Fact]
    public void GuestThatRefuses_ClosesTheHostsSocket()
    {
        using var m = new VsockMachine(true);
        using var s = m.Connect();
        s.Send("CONNECT 5\n"u8);
        var request = m.Guest.Expect(Request).Header;
        m.Guest.Send(Reset, 5, request.SourcePort);
        m.AssertEnds(s);
    }

    [Theory]
    [InlineData(4, 2, 1)]
    [InlineData(3, 7, 1)]
    [InlineData(3, 2, 9)]
    public void PacketsFromOrToSomebodyElse_AreRefused(ulong source, ulong destination, ushort type)
    {
        using var m = new VsockMachine(true);
        m.Guest.SendRaw(m.Guest.Header(Request, 1, 2) with { SourceCid = source, DestinationCid = destination, Type = type });
        m.Guest.Poll();
        if (source != 3)
        {
            Assert.Empty(m.Guest.Inbox);
        }
        else
        {
            var (h, _) = m.Guest.Expect(Reset);
            Assert.Equal((destination, source, type), (h.SourceCid, h.DestinationCid, h.Type));
        }
    }

    [Fact]
    public void Answers_WaitForRoom_AndThenThePacketsWait_AndAllAreAnsweredInTheEnd()
    {
        using var m = new VsockMachine(true, buffers: 0);
        var at = m.Guest.Driver.Allocate(44);
        Assert.True(m.Harness.Memory.TryWriteRam(at, System.Runtime.InteropServices.MemoryMarshal.AsBytes<Packet>(new[] { m.Guest.Header(Request, 1, 2) })));
        var q = m.Guest.Driver.Queues[1];
        var taken = 0;
        for (var i = 0; i < 300; i++)
        {
            q.Add(new MockBuffer(at, 44, false));
            q.Notify();
            if (q.TakeUsed() is null)
            {
                break;
            }

            taken++;
        }

        Assert.Equal(256, taken);
        m.Guest.Post(16);
        for (var i = 0; i < 257; i++)
        {
            m.Guest.Expect(Reset);
        }
    }

    [Fact]
    public void Reset_ClosesConnections_AndTheDeviceWorksAgain()
    {
        using var m = new VsockMachine(false);
        var (s, _) = m.Open(9);
        m.Guest.Driver.Set(MockVirtioDriver.Status, 1, 0);
        m.AssertEnds(s);
        s.Dispose();
    }

    [Fact]
    public void Restore_TellsTheGuest_ThatItsConnectionsAreGone()
    {
        using var m = new VsockMachine(true);
        var state = PciHarness.Save(m.Harness.Segment);
        PciHarness.Restore(m.Harness.Segment, state);
        Assert.Equal(state, PciHarness.Save(m.Harness.Segment));
        var q = m.Guest.Driver.Queues[2];
        var at = m.Guest.Driver.Allocate(8);
        q.Add(new MockBuffer(at, 8, true));
        q.Notify();
        Assert.Null(q.TakeUsed());
        var (s, port) = m.Open(9);
        state = PciHarness.Save(m.Harness.Segment);
        PciHarness.Restore(m.Harness.Segment, state);
        m.AssertEnds(s);
        s.Dispose();
        q.Notify();
        Assert.Equal(4u, q.TakeUsed()!.Value.Written);
        Assert.Equal([0, 0, 0, 0], m.Guest.Driver.Fetch(at, 4));
        m.Guest.Send(ReadWrite, 9, port, [1]);
        m.Guest.Expect(Reset);
        m.Open(9).Socket.Dispose();
    }

    [Theory]
    [InlineData(2ul, "v", "context ID 2")]
    [InlineData(3ul, "", "must be 1 to 107 bytes")]
    [InlineData(3ul, "/dev/null", "a file that is no socket has the name")]
    [InlineData(3ul, "/nowhere/v", "cannot be created")]
    public void OptionsThatCannotBe_AreRefused(ulong cid, string path, string message)
    {
        var e = Assert.Throws<EmuException>(() => new VsockDevice(new VsockOptions("vsock0", cid, path), new DeterministicClock(0), a => a(), Log.Null));
        Assert.Contains(message, e.Message);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void RandomPackets_AreSurvived(int seed, bool packed)
    {
        const int Operations = 20_000;
        using var m = new VsockMachine(true, 16, VirtioFeature.DefaultRing | (packed ? VirtioFeature.RingPacked : 0));
        using var listener = m.Listen(1);
        var random = new Random(seed);
        List<Socket> clients = [];
        for (var i = 0; i < Operations; i++)
        {
            var h = m.Guest.Header((ushort)random.Next(9), (uint)random.Next(4), random.Next(3) == 0 ? (1u << 30) + (uint)random.Next(8) : (uint)random.Next(3), 0, (uint)random.Next(4));
            var data = new byte[random.Next(4) == 0 ? random.Next(1, 3000) : 0];
            h.Length = random.Next(20) == 0 ? (uint)random.Next() : (uint)data.Length;
            h.Type = (ushort)(random.Next(30) == 0 ? random.Next(4) : 1);
            h.SourceCid = random.Next(50) == 0 ? (ulong)random.NextInt64() : 3;
            h.BufferSize = random.Next(4) == 0 ? (uint)random.NextInt64(1L << 32) : 65536;
            h.Forwarded = random.Next(4) == 0 ? (uint)random.NextInt64(1L << 32) : 0;
            m.Guest.Poll();
            m.Guest.SendRaw(h, data);
            if (random.Next(20) == 0 && clients.Count < 50)
            {
                var s = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
                try
                {
                    s.Connect(new UnixDomainSocketEndPoint(m.Path));
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
                {
                    // The device's thread is late, and its backlog full: whoever waited for it here would wait for himself, for this thread takes its news.
                }

                s.Send(Encoding.ASCII.GetBytes($"CONNECT {random.Next(4)}\n{new string('x', random.Next(2000))}"), SocketFlags.None, out _);
                clients.Add(s);
            }
            else if (clients.Count > 0 && random.Next(30) == 0)
            {
                var at = random.Next(clients.Count);
                clients[at].Dispose();
                clients.RemoveAt(at);
            }

            if (random.Next(10) == 0)
            {
                m.Pump();
            }

            m.Guest.Inbox.Clear();
        }

        Assert.Equal(15, m.Guest.Driver.DeviceStatus);
        m.Harness.AssertGuardsIntact();
        clients.ForEach(c => c.Dispose());
    }
}
