// The network card against a mock driver: configuration, frames both ways, offloads, commands, hostile input, snapshots.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Net;
using Emu.Devices.Tests.Net;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Net;
using static Emu.Devices.Tests.Virtio.Net.MockNetDriver;

namespace Emu.Devices.Tests.Virtio.Net;

public class NetDeviceTests
{
    private const ulong Ring = VirtioFeature.DefaultRing;
    private const byte NeedsChecksum = NetHeader.NeedsChecksum;

    public static TheoryData<ulong> Rings => [0, Ring, VirtioFeature.RingPacked, Ring | VirtioFeature.RingPacked];

    [Fact]
    public void Configuration_ShowsMacStatusPairsAndMtu()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h, pairs: 4, mtu: 9000);
        var d = new MockVirtioDriver(h, slot).Start(Status | Mac);
        Assert.Equal([2, 0, 0, 0, 0, 0xA, 1, 0, 4, 0, 0x28, 0x23], d.ReadDeviceConfig(0, 12));
        Assert.Equal(9, d.Queues.Count);
        wire.Plug(false);
        Assert.Equal([0, 0], d.ReadDeviceConfig(6, 2));
        Assert.Equal(1, h.Msi.Count(100));
    }

    [Fact]
    public void Offer_FollowsTheOptions_AndWhatTheBackEndGives()
    {
        using var h = new PciHarness();
        var all = new MockVirtioDriver(h, Make(h, gives: NetOffload.All).Slot).Offered();
        Assert.Equal(Csum | GuestCsum | GuestTso4 | GuestTso6 | GuestEcn | GuestUfo | HostTso4 | HostTso6 | HostEcn | HostUfo, all & 0x7FC3);
        var plain = new MockVirtioDriver(h, Make(h).Slot).Offered();
        Assert.Equal(Csum | GuestCsum | HostTso4 | HostTso6 | HostEcn | HostUfo, plain & 0x7FC3);
        var none = new MockVirtioDriver(h, Make(h, gives: NetOffload.All, checksum: false).Slot).Offered();
        Assert.Equal(0u, none & 0x7FC3);
        Assert.Equal(0u, none & MultiQueue);
        Assert.NotEqual(0u, none & Mergeable);
    }

    [Theory]
    [InlineData(GuestTso4)]
    [InlineData(HostTso4)]
    [InlineData(ControlRx)]
    public void Features_ThatLackWhatTheyNeed_AreRefused(ulong feature)
    {
        using var h = new PciHarness();
        var d = new MockVirtioDriver(h, Make(h, gives: NetOffload.All).Slot);
        Assert.False(d.Negotiate(feature | VirtioFeature.Version1));
    }

    [Theory]
    [MemberData(nameof(Rings))]
    public void Frames_PassBothWays(ulong ring)
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h);
        var m = new MockNetDriver(h, slot, ring);
        for (var i = 0; i < 100; i++)
        {
            var frame = Frame(60 + (i * 13));
            m.Send(frame);
            Assert.Equal(frame, wire.Sent[i].Data);
            wire.Deliver(frame);
            m.Poll();
            var got = m.Inbox.Dequeue();
            Assert.Equal(frame, got.Data);
            Assert.Equal(1, got.Buffers);
        }

        Assert.True(m.Driver.Interrupts(0) > 0);
        Assert.Equal(0xF, m.Driver.DeviceStatus);
    }

    [Theory]
    [MemberData(nameof(Rings))]
    public void MergeableBuffers_HoldAFrameTogether_AndNothingIsTouchedUntilThereAreEnough(ulong ring)
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h);
        var m = new MockNetDriver(h, slot, ring | Mergeable, bufferLength: 128, buffers: 4);
        var frame = Frame(1000);
        wire.Deliver(frame);
        Assert.Equal(0, m.Poll());
        Assert.Single(wire.Waiting);
        for (var i = 0; i < 8; i++)
        {
            m.Post(0, m.Driver.Allocate(128));
        }

        m.Driver.Notify(0);
        m.Poll();
        var got = m.Inbox.Dequeue();
        Assert.Equal(frame, got.Data);
        Assert.Equal(8, got.Buffers);
        Assert.Empty(wire.Waiting);
    }

    /// <summary>The driver on another processor looks at any moment: here after every write of the device to the ring.</summary>
    [Theory]
    [MemberData(nameof(Rings))]
    public unsafe void MergeableBuffersOfAFrame_AreSeenTogether(ulong ring)
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h);
        var m = new MockNetDriver(h, slot, ring | Mergeable, bufferLength: 128, buffers: 20);
        var q = m.Driver.Queues[0];
        List<int> seen = [];
        h.Memory.CodeWritten += (_, _) => Look();
        Look();
        wire.Deliver(Frame(1000));
        wire.Deliver(Frame(60));
        wire.Deliver(Frame(500));
        Assert.Equal([8, 1, 4], seen);

        void Look()
        {
            new Span<RamPageFlags>(h.Memory.Ram[0].PageFlags, (int)(PciHarness.RamSize >> 12)).Fill(RamPageFlags.Code);
            var count = 0;
            while (q.TakeUsed() is not null)
            {
                count++;
            }

            if (count != 0)
            {
                seen.Add(count);
            }
        }
    }

    [Fact]
    public void FrameLargerThanTheOnlyBuffer_IsDropped_AndTheNextOneComes()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h);
        var m = new MockNetDriver(h, slot, 0, bufferLength: 128);
        wire.Deliver(Frame(1000));
        var q = m.Driver.Queues[0];
        Assert.Equal(0u, q.TakeUsed()!.Value.Written);
        wire.Deliver(Frame(100));
        Assert.Equal(112u, q.TakeUsed()!.Value.Written);
    }

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    [InlineData(false, false, false)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    public void UnsegmentedFrames_AreCutUp_ForABackEndOrAGuestThatCannotTakeThem(bool ip6, bool udp, bool fromGuest)
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h, gives: fromGuest ? NetOffload.None : NetOffload.All);
        var m = new MockNetDriver(h, slot, Ring | (fromGuest ? Csum | HostTso4 | HostTso6 | HostUfo : Mergeable), buffers: 48);
        var payload = new byte[20_000];
        new Random(1).NextBytes(payload);
        var (a, b) = ip6 ? (Packets.Ip6A, Packets.Ip6B) : (Packets.IpA, Packets.IpB);
        var packet = udp ? Packets.Udp(a, b, 1000, 2000, payload) : Packets.Tcp(a, b, 1000, 2000, 0xFFFF_F000, 7, 0x99, payload);
        var frame = Packets.Ethernet(Packets.MacA, Packets.MacB, ip6 ? (ushort)0x86DD : (ushort)0x800, packet);
        var transport = 14 + (ip6 ? 40 : 20);
        Packets.MakePartial(frame, transport, udp ? 6 : 16, a, b, udp ? (byte)17 : (byte)6);
        var header = new NetHeader
        {
            Flags = NeedsChecksum,
            Type = (byte)(udp ? SegmentationType.Udp : ip6 ? SegmentationType.Tcp6 : SegmentationType.Tcp4),
            SegmentSize = udp ? (ushort)1480 : (ushort)1400,
            ChecksumStart = (ushort)transport,
            ChecksumOffset = udp ? (ushort)6 : (ushort)16,
        };
        List<byte[]> pieces = [];
        if (fromGuest)
        {
            m.Send(frame, header);
            pieces.AddRange(wire.Sent.Select(s => s.Data));
        }
        else
        {
            wire.Deliver(frame, header);
            m.Poll();
            pieces.AddRange(m.Inbox.Select(f => f.Data));
            Assert.All(m.Inbox, f => Assert.Equal(0, f.Header.Type));
        }

        Assert.Equal(udp ? 14 : 15, pieces.Count);
        List<byte> whole = [];
        for (var i = 0; i < pieces.Count; i++)
        {
            var body = Packets.AssertSound(pieces[i]);
            Assert.True(pieces[i].Length <= 1514);
            if (udp)
            {
                whole.AddRange(body);
                Assert.Equal(i * 1480 / 8, BinaryPrimitives.ReadUInt16BigEndian(pieces[i].AsSpan(20)) & 0x1FFF);
                Assert.Equal(i < pieces.Count - 1, (pieces[i][20] & 0x20) != 0);
                continue;
            }

            Assert.Equal(0xFFFF_F000 + (uint)(i * 1400), BinaryPrimitives.ReadUInt32BigEndian(body.AsSpan(4)));
            Assert.Equal((i == 0 ? 0x80 : 0) | 0x10 | (i == pieces.Count - 1 ? 9 : 0), body[13]);
            whole.AddRange(body[20..]);
        }

        if (udp)
        {
            var rebuilt = Packets.Ethernet(Packets.MacA, Packets.MacB, 0x800, Packets.Ip(a, b, 17, [.. whole]));
            Assert.Equal(payload, Packets.AssertSound(rebuilt)[8..]);
        }
        else
        {
            Assert.Equal(payload, whole);
        }
    }

    [Fact]
    public void Udp6_IsFragmentedWithAFragmentHeader()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h);
        var m = new MockNetDriver(h, slot, Csum | HostUfo);
        var payload = new byte[4000];
        var packet = Packets.Udp(Packets.Ip6A, Packets.Ip6B, 1, 2, payload);
        var frame = Packets.Ethernet(Packets.MacA, Packets.MacB, 0x86DD, packet);
        m.Send(frame, new NetHeader { Flags = NeedsChecksum, Type = 3, SegmentSize = 1448, ChecksumStart = 54, ChecksumOffset = 6 });
        Assert.Equal(3, wire.Sent.Count);
        Assert.All(wire.Sent, s => Assert.Equal((44, 17), (s.Data[20], s.Data[54])));
        Assert.Equal([1, 1448 | 1, 2896], wire.Sent.Select(s => (int)BinaryPrimitives.ReadUInt16BigEndian(s.Data.AsSpan(56))));
        Assert.Equal(packet[40..], wire.Sent.SelectMany(s => s.Data[62..]));
    }

    [Fact]
    public void BackEndThatTakesOffloads_GetsFramesAsTheyAre_AndAChecksumIsMadeForOneThatDoesNot()
    {
        using var h = new PciHarness();
        var all = Make(h, accepts: NetOffload.All);
        var none = Make(h);
        var frame = Packets.Ethernet(Packets.MacA, Packets.MacB, 0x800, Packets.Udp(Packets.IpA, Packets.IpB, 1, 2, [1, 2, 3]));
        var partial = frame.ToArray();
        Packets.MakePartial(partial, 34, 6, Packets.IpA, Packets.IpB, 17);
        var header = new NetHeader { Flags = NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 6 };
        new MockNetDriver(h, all.Slot, Csum).Send(partial, header);
        Assert.Equal(partial, all.Wire.Sent[0].Data);
        Assert.Equal(NeedsChecksum, all.Wire.Sent[0].Header.Flags);
        new MockNetDriver(h, none.Slot, Csum, heap: PciHarness.RamBase + 0x80_0000).Send(partial, header);
        Assert.Equal(frame, none.Wire.Sent[0].Data);
        Assert.Equal(0, none.Wire.Sent[0].Header.Flags);
    }

    [Fact]
    public void GuestThatTakesChecksums_GetsThemPartial_AndOneThatDoesNotGetsThemWhole()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h, gives: NetOffload.All);
        var frame = Packets.Ethernet(Packets.MacA, Packets.MacB, 0x800, Packets.Udp(Packets.IpA, Packets.IpB, 1, 2, [1, 2, 3]));
        var partial = frame.ToArray();
        Packets.MakePartial(partial, 34, 6, Packets.IpA, Packets.IpB, 17);
        var header = new NetHeader { Flags = NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 6 };
        var m = new MockNetDriver(h, slot, GuestCsum | GuestOffloadsControl | Control);
        Assert.Equal(NetOffload.Checksum, wire.GuestTakes);
        wire.Deliver(partial, header);
        m.Poll();
        Assert.Equal(partial, m.Inbox.Dequeue().Data);
        Assert.Equal(0, m.Command(5, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal(NetOffload.None, wire.GuestTakes);
        wire.Deliver(partial, header);
        m.Poll();
        Assert.Equal(frame, m.Inbox.Dequeue().Data);
        Assert.Equal(1, m.Command(5, 0, 0x80, 0, 0, 0, 0, 0, 0, 0));
    }

    [Theory]
    [InlineData(0, 0, 0, 0)]
    [InlineData(1, 100, 0, 0)]
    [InlineData(1, 65535, 65535, 0)]
    [InlineData(0, 0, 0, 1)]
    [InlineData(0, 0, 0, 0x7F)]
    [InlineData(0, 0, 0, 0x80)]
    public void HeadersThatMakeNoSense_DropTheFrame_NothingElse(byte flags, ushort start, ushort offset, byte type)
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h, accepts: NetOffload.All);
        var m = new MockNetDriver(h, slot, Csum | HostTso4);
        var frame = Frame(60);
        var sane = flags == 0 && type == 0;
        m.Send(frame, new NetHeader { Flags = flags, ChecksumStart = start, ChecksumOffset = offset, Type = type });
        Assert.Equal(sane ? 1 : 0, wire.Sent.Count);
        m.Send(frame);
        Assert.Equal(sane ? 2 : 1, wire.Sent.Count);
    }

    [Fact]
    public void FramesTooShortOrTooLong_AreDropped()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h);
        var m = new MockNetDriver(h, slot, Ring);
        var at = m.Driver.Allocate(0x1_2000);
        foreach (var length in new uint[] { 1, 11, 12, 25, 12 + NetFrame.MaximumLength + 1, 0x1_2000 })
        {
            m.SendRaw(0, new MockBuffer(at, length, false));
        }

        m.SendRaw(0, new MockBuffer(at, 64, true));
        Assert.Empty(wire.Sent);
        m.SendRaw(0, new MockBuffer(at, 26, false));
        m.SendRaw(0, new MockBuffer(at, 12 + NetFrame.MaximumLength, false));
        Assert.Equal([14, NetFrame.MaximumLength], wire.Sent.Select(s => s.Data.Length));
        Assert.Single(h.LogText.ToString().Split('\n'), l => l.Contains("the driver sent"));
    }

    [Fact]
    public void ReceiveModesAndTables_FilterFrames()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h);
        var m = new MockNetDriver(h, slot, Control | ControlRx | ControlMac);
        byte[] other = [2, 0, 0, 0, 0, 0xC], group = [0x33, 0x33, 0, 0, 0, 1], broadcast = [255, 255, 255, 255, 255, 255];
        Assert.Equal("own other group broadcast", Seen());
        Assert.Equal(0, m.Command(0, 0, 0));
        Assert.Equal("own broadcast", Seen());
        Assert.Equal(0, m.Command(1, 0, [1, 0, 0, 0, .. other, 1, 0, 0, 0, .. group]));
        Assert.Equal("own other group broadcast", Seen());
        Assert.Equal(0, m.Command(0, 5, 1));
        Assert.Equal("own other group", Seen());
        Assert.Equal(1, m.Command(1, 0, [2, 0, 0, 0, .. other, 1, 0, 0, 0, .. group]));
        Assert.Equal("own other group", Seen());
        Assert.Equal(0, m.Command(1, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal(0, m.Command(0, 1, 1));
        Assert.Equal("own group", Seen());
        Assert.Equal(0, m.Command(1, 1, other));
        Assert.Equal("other group", Seen());
        Assert.Equal(other, m.Driver.ReadDeviceConfig(0, 6));
        Assert.Equal(1, m.Command(0, 6, 1));
        Assert.Equal(1, m.Command(9, 0, 1));

        string Seen()
        {
            List<string> seen = [];
            foreach (var (name, to) in new[] { ("own", Packets.MacA), ("other", other), ("group", group), ("broadcast", broadcast) })
            {
                wire.Deliver(Packets.Ethernet(to, Packets.MacB, 0x88B5, new byte[50]));
                m.Poll();
                if (m.Inbox.TryDequeue(out _))
                {
                    seen.Add(name);
                }
            }

            return string.Join(' ', seen);
        }
    }

    [Fact]
    public void Vlans_AreFiltered_WhenTheDriverSaysSo()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h);
        var m = new MockNetDriver(h, slot, Control | ControlVlan);
        var frame = Packets.Ethernet(Packets.MacA, Packets.MacB, 0x8100, [0, 5, 0x88, 0xB5, .. new byte[46]]);
        wire.Deliver(frame);
        Assert.Equal(0, m.Poll());
        Assert.Equal(0, m.Command(2, 0, 5, 0));
        wire.Deliver(frame);
        Assert.Equal(1, m.Poll());
        Assert.Equal(0, m.Command(2, 1, 5, 0));
        wire.Deliver(frame);
        Assert.Equal(0, m.Poll());
        Assert.Equal(1, m.Command(2, 0, 0, 16));
    }

    [Fact]
    public void QueuePairs_AreUsedOnceSet_AndAFlowComesBackWhereItLeft()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h, pairs: 4);
        var m = new MockNetDriver(h, slot, Control | MultiQueue, pairs: 4, size: 32, buffers: 8);
        Assert.Equal(1, m.Command(4, 0, 5, 0));
        Assert.Equal(1, m.Command(4, 0, 0, 0));
        Assert.Equal(0, m.Command(4, 0, 4, 0));
        for (var pair = 0; pair < 4; pair++)
        {
            m.Send(Packets.Ethernet(Packets.MacB, Packets.MacA, 0x800, Packets.Udp(Packets.IpA, Packets.IpB, 100 + (pair * 7), 9, [1])), default, pair);
            wire.Deliver(Packets.Ethernet(Packets.MacA, Packets.MacB, 0x800, Packets.Udp(Packets.IpB, Packets.IpA, 9, 100 + (pair * 7), [1])));
            m.Poll();
            Assert.Equal(pair * 2, m.Inbox.Dequeue().Queue);
        }

        Assert.Equal(4, wire.Sent.Count);
    }

    [Fact]
    public void ControlQueue_IsTheThird_WhenMultiQueueIsNotNegotiated()
    {
        using var h = new PciHarness();
        var (slot, _) = Make(h, pairs: 4);
        var d = new MockVirtioDriver(h, slot).Start(Control | ControlRx);
        var answer = d.Allocate(1);
        d.Queues[2].Do(new MockBuffer(d.Put([0, 0, 1]), 3, false), new MockBuffer(answer, 1, true));
        Assert.Equal([0], d.Fetch(answer, 1));
    }

    [Fact]
    public void Commands_OfAnyShape_AreAnswered_WithoutHarm()
    {
        using var h = new PciHarness();
        var (slot, _) = Make(h, pairs: 2);
        var d = new MockVirtioDriver(h, slot).Start(Control | ControlRx | ControlVlan | MultiQueue | ControlMac | Announce);
        var random = new Random(7);
        var q = d.Queues[^1];
        for (var i = 0; i < 5000; i++)
        {
            var command = new byte[random.Next(1, 40)];
            random.NextBytes(command);
            command[0] = (byte)random.Next(7);
            var at = PciHarness.RamBase + 0x80_0000 + (ulong)random.Next(64);
            Assert.True(d.Memory.TryWriteRam(at, command));
            switch (random.Next(3))
            {
                case 0: q.Do(new MockBuffer(at, (uint)command.Length, false)); break;
                case 1: q.Do(new MockBuffer(at + 100, (uint)random.Next(1, 9), true)); break;
                default: q.Do(new MockBuffer(at, (uint)command.Length, false), new MockBuffer(at + 100, 1, true)); break;
            }
        }

        Assert.Equal(0xF, d.DeviceStatus);
    }

    [Fact]
    public void Announcement_IsAskedForAndAcknowledged()
    {
        using var h = new PciHarness();
        var (slot, _) = Make(h);
        var m = new MockNetDriver(h, slot, Control | Announce | Status);
        ((NetDevice)((VirtioPciTransport)h.Segment[slot]!).Device).Announce();
        Assert.Equal(3, m.Driver.ReadDeviceConfig(6, 1)[0]);
        Assert.Equal(1, h.Msi.Count(100));
        Assert.Equal(0, m.Command(3, 0));
        Assert.Equal(1, m.Driver.ReadDeviceConfig(6, 1)[0]);
    }

    [Fact]
    public void RingReset_TakesAReceiveQueueAway_AndGivesItBack()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h, ring: Ring | VirtioFeature.RingReset);
        var m = new MockNetDriver(h, slot, VirtioFeature.RingReset);
        m.Driver.Set(MockVirtioDriver.QueueSelect, 2, 0);
        m.Driver.Set(MockVirtioDriver.QueueReset, 2, 1);
        wire.Deliver(Frame(60));
        Assert.Empty(wire.Waiting);
        var q = m.Driver.SetUpQueue(0, 16);
        q.Add(new MockBuffer(m.Driver.Allocate(200), 200, true));
        q.Notify();
        wire.Deliver(Frame(60));
        Assert.Equal(72u, q.TakeUsed()!.Value.Written);
    }

    [Fact]
    public void Snapshot_KeepsFilterPairsAddressAndAFrameInPieces()
    {
        using var h = new PciHarness();
        var (slot, wire) = Make(h, pairs: 2, gives: NetOffload.All);
        var m = new MockNetDriver(h, slot, Ring | Control | ControlRx | ControlMac | MultiQueue | GuestCsum, pairs: 2, buffers: 2);
        Assert.Equal(0, m.Command(4, 0, 2, 0));
        Assert.Equal(0, m.Command(0, 0, 0));
        Assert.Equal(0, m.Command(1, 1, 2, 0, 0, 0, 0, 0xD));
        byte[] own = [2, 0, 0, 0, 0, 0xD];
        var payload = Enumerable.Range(0, 6000).Select(i => (byte)i).ToArray();
        var frame = Packets.Ethernet(own, Packets.MacB, 0x800, Packets.Tcp(Packets.IpB, Packets.IpA, 1, 2, 3, 4, 0x10, payload));
        wire.Deliver(frame, new NetHeader { Flags = NeedsChecksum, Type = 1, SegmentSize = 1400, ChecksumStart = 34, ChecksumOffset = 16 });
        var state = PciHarness.Save(h.Segment);
        h.Segment.Reset();
        PciHarness.Restore(h.Segment, state);
        Assert.Equal(state, PciHarness.Save(h.Segment));
        Assert.Equal(own, m.Driver.ReadDeviceConfig(0, 6));
        List<byte> got = [];
        for (var i = 0; i < 5; i++)
        {
            m.Poll();
            while (m.Inbox.TryDequeue(out var piece))
            {
                got.AddRange(Packets.AssertSound(piece.Data)[20..]);
            }
        }

        Assert.Equal(payload, got);
        wire.Deliver(Packets.Ethernet(Packets.MacA, Packets.MacB, 0x88B5, new byte[50]));
        Assert.Equal(0, m.Poll());
    }

    private static byte[] Frame(int length) => Packets.Ethernet(Packets.MacA, Packets.MacB, 0x88B5, [.. Enumerable.Range(0, length - 14).Select(i => (byte)(i * 7))]);

    private static (int Slot, WireBackend Wire) Make(
        PciHarness h, int pairs = 1, int mtu = 1500, NetOffload accepts = NetOffload.None, NetOffload gives = NetOffload.None, bool checksum = true, ulong ring = Ring | VirtioFeature.RingPacked)
    {
        var wire = new WireBackend(accepts, gives);
        var options = new NetOptions { Name = "net0", Mac = MacAddress.Read(Packets.MacA), Mtu = mtu, QueueCount = pairs * 2, QueueSize = 128, OffloadChecksum = checksum };
        var t = new VirtioPciTransport(new NetDevice(options, wire, new Log(h.LogText)), h.Memory, h.Msi, new Log(h.LogText), new VirtioPciOptions(false, ring));
        return (h.Segment.Add(t), wire);
    }
}
