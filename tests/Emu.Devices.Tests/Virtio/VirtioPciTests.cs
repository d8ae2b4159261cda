// virtio-pci: the layout the machine promises, feature negotiation, status, queues in both layouts, interrupts, resets and snapshots.
using System.Text;
using Emu.Devices.Virtio;
using static Emu.Devices.Tests.MockVirtioDriver;

namespace Emu.Devices.Tests;

public class VirtioPciTests
{
    private const ulong AllRing = VirtioFeature.DefaultRing | VirtioFeature.RingPacked | VirtioFeature.RingReset;

    public static TheoryData<ulong> Layouts => new(
        0,
        VirtioFeature.DefaultRing,
        VirtioFeature.RingPacked,
        VirtioFeature.RingPacked | VirtioFeature.DefaultRing);

    private static (MockVirtioDriver Driver, EchoDevice Device) Make(PciHarness h, EchoDevice? device = null, ulong ring = AllRing, bool bar32 = false)
    {
        var d = device ?? new EchoDevice();
        var slot = h.Segment.Add(new VirtioPciTransport(d, h.Memory, h.Msi, new Emu.Core.Log(h.LogText), new VirtioPciOptions(bar32, ring)));
        return (new MockVirtioDriver(h, slot), d);
    }

    [Fact]
    public void Identity_Bar_AndCapabilities_AreTheSheets()
    {
        using var h = new PciHarness();
        var (m, d) = Make(h, new EchoDevice(type: VirtioDeviceType.Block), VirtioFeature.DefaultRing);
        var s = m.Slot;
        Assert.Equal(0x1042_1AF4u, h.Cfg(s, 0));
        Assert.Equal(0x0180_0001u, h.Cfg(s, 8));
        Assert.Equal(0x1042_1AF4u, h.Cfg(s, 0x2C));
        Assert.Equal(0u, m.Bar & 0x7F_FFFF);
        h.SetCfg(s, 0x10, 0xFFFF_FFFF);
        Assert.Equal(0xFFF8_0004u, h.Cfg(s, 0x10));
        List<(uint Type, uint Offset, uint Length)> found = [];
        int at;
        for (at = (int)h.Cfg(s, 0x34, 1); h.Cfg(s, at, 1) == 9; at = (int)h.Cfg(s, at + 1, 1))
        {
            found.Add(((uint)h.Cfg(s, at + 3, 1), (uint)h.Cfg(s, at + 8), (uint)h.Cfg(s, at + 12)));
        }

        Assert.Equal([(1u, 0u, 56u), (3u, 0x2000u, 1u), (4u, 0x4000u, 0x1000u), (2u, 0x6000u, 0x1000u), (5u, 0u, 0u)], found);
        Assert.Equal(0x11u, h.Cfg(s, at, 1));
        Assert.Equal(0u, h.Cfg(s, at + 1, 1));
        Assert.Equal(2u, h.Cfg(s, at + 2, 2));
        Assert.Equal(0x8000u, h.Cfg(s, at + 4));
        Assert.Equal(0x4_8000u, h.Cfg(s, at + 8));
        Assert.Equal(4u, h.Cfg(s, h.FindCapability(s, 9, c => h.Cfg(s, c + 3, 1) == 2) + 16));
        Assert.Equal(new VirtioPciOptions(true, VirtioFeature.DefaultRing), VirtioPciOptions.For(d, 0, atBoot: true));
        Assert.False(VirtioPciOptions.For(d, 1, atBoot: true).Bar32);
        var (n, _) = Make(h, new EchoDevice(type: VirtioDeviceType.Net), bar32: true);
        Assert.Equal(0x0200_0001u, h.Cfg(n.Slot, 8));
        Assert.InRange(n.Bar, PciHarness.Memory32, 0x2FFF_FFFFu);
        Assert.Equal(60u, h.Cfg(n.Slot, h.FindCapability(n.Slot, 9, c => h.Cfg(n.Slot, c + 3, 1) == 1) + 12));
        Assert.Equal(0xFFFF_0001u, h.Cfg(Make(h).Driver.Slot, 8));
    }

    [Fact]
    public void FeaturesOk_IsRefused_WithoutVersion1_AndForBitsNotOffered()
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        Assert.Equal(0b101 | VirtioFeature.Version1 | AllRing, m.Offered());
        Assert.False(m.Negotiate(1));
        Assert.False(m.Negotiate(VirtioFeature.Version1 | 2));
        Assert.True(m.Negotiate(VirtioFeature.Version1 | 1));
        m.Set(DriverFeatureSelect, 4, 0);
        m.Set(DriverFeature, 4, 4);
        Assert.Equal(1u, m.Get(DriverFeature, 4));
        m.Set(Status, 1, 0);
        m.Set(Status, 1, 7);
        Assert.False(d.Active);
        Assert.Equal(3, m.DeviceStatus);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Requests_ComeBackWithData_AndAnInterrupt_OverManyWraps(ulong features)
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        m.Start(features, 8);
        var q = m.Queues[1];
        var text = m.Put("hello, "u8);
        var more = m.Put("ring"u8);
        var reply = m.Allocate(64);
        for (var i = 0; i < 50; i++)
        {
            q.WantInterrupt(true);
            var buffers = new MockBuffer[] { new(text, 7, false), new(more, 4, false), new(reply, 4, true), new(reply + 4, 60, true) };
            if ((features & VirtioFeature.IndirectDescriptors) != 0 && i % 2 == 0)
            {
                q.AddIndirect(buffers);
            }
            else
            {
                q.Add(buffers);
            }

            Assert.True(q.DeviceWantsNotification || buffers.Length > 1);
            q.Notify();
            Assert.Equal(11u, q.TakeUsed()!.Value.Written);
            Assert.Equal("HELLO, RING", Encoding.ASCII.GetString(m.Fetch(reply, 11)));
            Assert.Equal(i + 1, m.Interrupts(1));
            h.Memory.Write(reply, 8, 0);
        }

        Assert.Equal(50, d.Served);
        Assert.Null(q.TakeUsed());
        Assert.Equal(0, d.Queue(1)!.Outstanding);
        Assert.Equal(0, m.Interrupts(0));
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Interrupts_AreHeldBack_WhenTheDriverWantsNone(ulong features)
    {
        using var h = new PciHarness();
        var (m, _) = Make(h);
        m.Start(features, 8);
        var q = m.Queues[0];
        var b = m.Allocate(16);
        q.WantInterrupt(false);
        for (var i = 0; i < 5; i++)
        {
            q.Do(new MockBuffer(b, 16, true));
        }

        Assert.Equal(0, m.Interrupts(0));
        if ((features & VirtioFeature.EventIdx) == 0)
        {
            return;
        }

        // With an event index: none for the next three, one at the fourth; the ring of 8 wraps meanwhile.
        q.WantInterrupt(true, after: 3);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(0, m.Interrupts(0));
            q.Do(new MockBuffer(b, 16, true));
        }

        Assert.Equal(1, m.Interrupts(0));
        q.Do(new MockBuffer(b, 16, true));
        Assert.Equal(1, m.Interrupts(0));
    }

    [Fact]
    public void WithoutMsix_TheIsrSaysSo_AndReadingClearsIt()
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        m.Start();
        h.SetCfg(m.Slot, h.FindCapability(m.Slot, 0x11) + 2, 0, 2);
        m.Queues[0].Do(new MockBuffer(m.Allocate(16), 16, true));
        Assert.Equal(1u, m.Get(0x2000, 1));
        Assert.Equal(0u, m.Get(0x2000, 1));
        var before = m.Get(Generation, 1);
        d.Change();
        Assert.Equal(2u, m.Get(0x2000, 1));
        Assert.Equal(before + 1, m.Get(Generation, 1));
        Assert.Empty(h.Msi.Sent);
    }

    [Fact]
    public void ConfigChange_InterruptsOnTheConfigVector_AndVectorsThatDoNotExistReadBackAsNone()
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        m.Start();
        d.Change();
        Assert.Equal(1, h.Msi.Count(100));
        m.Set(ConfigVector, 2, 3);
        Assert.Equal(0xFFFFu, m.Get(ConfigVector, 2));
        d.Change();
        Assert.Single(h.Msi.Sent);
    }

    [Fact]
    public void DeviceConfig_IsReadAndWritten_AlsoThroughTheConfigurationAccessCapability()
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        Assert.Equal(0x1122_3344u, m.Get(0x4000, 4));
        Assert.Equal(0x11u, m.Get(0x4003, 2));
        m.Set(0x4000, 4, 0xCAFE_F00D);
        Assert.Equal([0x0D, 0xF0, 0xFE, 0xCA, 0, 0], m.ReadDeviceConfig(0, 6));
        var cap = h.FindCapability(m.Slot, 9, c => h.Cfg(m.Slot, c + 3, 1) == 5);
        h.SetCfg(m.Slot, cap + 8, 0x4000);
        h.SetCfg(m.Slot, cap + 12, 4);
        Assert.Equal(0xCAFE_F00Du, h.Cfg(m.Slot, cap + 16));
        h.SetCfg(m.Slot, cap + 16, 7);
        Assert.Equal(7u, d.Register);
        h.SetCfg(m.Slot, cap + 12, 3);
        h.SetCfg(m.Slot, cap + 16, 8);
        Assert.Equal(7u, d.Register);
    }

    [Fact]
    public void Reset_StopsTheDevice_AndNotificationsAreIgnoredUntilItStartsAgain()
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        m.Start();
        m.Queues[0].Add(new MockBuffer(m.Allocate(16), 16, true));
        m.Set(Status, 1, 0);
        Assert.False(d.Active);
        m.Notify(0);
        Assert.Equal(0, d.Served);
        Assert.Equal(0u, m.Get(QueueEnable, 2));
        Assert.Equal(256u, m.Get(QueueSize, 2));
        m.Start(VirtioFeature.RingPacked);
        m.Queues[0].Do(new MockBuffer(m.Allocate(16), 16, true));
        Assert.Equal(1, d.Served);
    }

    [Fact]
    public void RingReset_TakesOneQueueDown_AndUpAgain()
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        m.Start(VirtioFeature.RingReset);
        var b = m.Allocate(16);
        m.Queues[0].Do(new MockBuffer(b, 16, true));
        m.Set(QueueSelect, 2, 0);
        m.Set(QueueReset, 2, 1);
        Assert.Equal(0u, m.Get(QueueReset, 2));
        Assert.Equal(0u, m.Get(QueueEnable, 2));
        Assert.Null(d.Queue(0));
        m.Queues[1].Do(new MockBuffer(b, 16, true));
        m.SetUpQueue(0, 16).Do(new MockBuffer(b, 16, true));
        Assert.Equal(3, d.Served);
    }

    [Theory]
    [InlineData("loop")]
    [InlineData("next out of range")]
    [InlineData("head out of range")]
    [InlineData("index jump")]
    [InlineData("outside RAM")]
    [InlineData("over the end of RAM")]
    [InlineData("length overflow")]
    [InlineData("write before read")]
    [InlineData("nested indirect")]
    [InlineData("indirect loop")]
    [InlineData("indirect odd length")]
    [InlineData("indirect oversized")]
    [InlineData("indirect and next")]
    [InlineData("the same request over and over")]
    public void HostileSplitRing_MarksTheDeviceNeedsReset_AndIsLoggedOnce(string what)
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        m.Start(VirtioFeature.DefaultRing, 16);
        var q = (MockSplitQueue)m.Queues[0];
        var b = m.Allocate(4096);
        var end = PciHarness.RamBase + PciHarness.RamSize;
        ushort head = 0;
        switch (what)
        {
            case "loop": Put(0, b, 16, 1, 1); Put(1, b, 16, 1, 0); break;
            case "next out of range": Put(0, b, 16, 1, 16); break;
            case "head out of range": head = 16; break;
            case "index jump": q.SetAvailableIndex(17); break;
            case "outside RAM": Put(0, 0x1000, 16, 0, 0); break;
            case "over the end of RAM": Put(0, end - 8, 16, 2, 0); break;
            case "length overflow": Put(0, ulong.MaxValue - 3, 0xFFFF_FFFF, 2, 0); break;
            case "write before read": Put(0, b, 16, 3, 1); Put(1, b, 16, 0, 0); break;
            case "nested indirect": Put(0, b, 16, 4, 0); q.WriteDescriptor(b, b, 16, 4, 0); break;
            case "indirect loop": Put(0, b, 32, 4, 0); q.WriteDescriptor(b, b, 16, 1, 1); q.WriteDescriptor(b + 16, b, 16, 1, 0); break;
            case "indirect odd length": Put(0, b, 17, 4, 0); break;
            case "indirect oversized": Put(0, b, 1025 * 16, 4, 0); break;
            case "indirect and next": Put(0, b, 16, 5, 1); break;
            default:
                Put(0, b, 16, 2, 0);
                var chain = new DescriptorChain();
                for (var i = 0; i < 16; i++)
                {
                    q.OfferHead(0);
                    Assert.True(d.Queue(0)!.TryPop(chain));
                }

                break;
        }

        if (what != "index jump")
        {
            q.OfferHead(head);
        }

        m.Notify(0);
        m.Notify(0);
        Assert.Equal(0x4F, m.DeviceStatus);
        Assert.Equal(1, h.Msi.Count(100));
        Assert.Single(h.LogText.ToString().Split('\n'), l => l.Contains("broke the device"));
        Assert.Equal(0, d.Served);
        m.Start();
        m.Queues[0].Do(new MockBuffer(b, 16, true));
        h.AssertGuardsIntact();

        void Put(int i, ulong address, uint length, int flags, int next) =>
            q.WriteDescriptor(q.Desc + ((ulong)i * 16), address, length, (ushort)flags, (ushort)next);
    }

    [Theory]
    [InlineData("endless chain")]
    [InlineData("outside RAM")]
    [InlineData("nested indirect")]
    [InlineData("indirect in a chain")]
    public void HostilePackedRing_MarksTheDeviceNeedsReset(string what)
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        m.Start(VirtioFeature.DefaultRing | VirtioFeature.RingPacked, 16);
        var q = m.Queues[0];
        var b = m.Allocate(4096);
        const ushort Avail = 1 << 7;
        switch (what)
        {
            case "endless chain":
                for (ulong i = 0; i < 16; i++)
                {
                    q.WriteDescriptor(q.Desc + (i * 16), b, 16, 0, Avail | 1);
                }

                break;
            case "outside RAM": q.WriteDescriptor(q.Desc, 0x1000, 16, 0, Avail); break;
            case "nested indirect":
                q.WriteDescriptor(q.Desc, b, 16, 0, Avail | 4);
                q.WriteDescriptor(b, b, 16, 0, 4);
                break;
            default:
                q.WriteDescriptor(q.Desc, b, 16, 0, Avail | 1);
                q.WriteDescriptor(q.Desc + 16, b, 16, 0, Avail | 4);
                break;
        }

        m.Notify(0);
        Assert.Equal(0x4F, m.DeviceStatus);
        Assert.Equal(0, d.Served);
    }

    [Fact]
    public void RingsOutsideRam_OrMisaligned_NeedReset_InsteadOfActivation()
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        Assert.True(m.Negotiate(VirtioFeature.Version1));
        m.SetUpQueue(0, 16);
        m.SetUpQueue(1, 16);
        m.Set(Status, 1, 0);
        foreach (var bad in new[] { 0ul, PciHarness.RamBase + 8, PciHarness.RamBase + PciHarness.RamSize - 16, ulong.MaxValue & ~15ul })
        {
            Assert.True(m.Negotiate(VirtioFeature.Version1));
            m.Set(QueueSelect, 2, 0);
            m.Set(QueueDesc, 8, bad);
            m.Set(QueueDriver, 8, bad);
            m.Set(QueueDevice, 8, bad);
            m.Set(QueueEnable, 2, 1);
            m.Set(Status, 1, 15);
            Assert.Equal(0x4F, m.DeviceStatus);
            Assert.False(d.Active);
        }
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Snapshot_ContinuesInTheMiddleOfTheRing(ulong features)
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        m.Start(features, 8);
        var b = m.Allocate(16);
        for (var i = 0; i < 11; i++)
        {
            m.Queues[0].WantInterrupt(true);
            m.Queues[0].Do(new MockBuffer(b, 16, true));
        }

        m.Set(0x4000, 4, 99);
        m.Queues[0].Add(new MockBuffer(b, 16, true));
        var state = PciHarness.Save(h.Segment);
        h.Segment.Reset();
        Assert.False(d.Active);
        PciHarness.Restore(h.Segment, state);
        Assert.Equal(state, PciHarness.Save(h.Segment));
        Assert.Equal(99u, d.Register);
        m.Queues[0].WantInterrupt(true);
        m.Queues[0].Notify();
        Assert.NotNull(m.Queues[0].TakeUsed());
        Assert.Equal(12, m.Interrupts(0));
        for (var i = 0; i < 20; i++)
        {
            m.Queues[0].Do(new MockBuffer(b, 16, true));
        }

        Assert.Equal(15, m.DeviceStatus);
    }

    [Fact]
    public void Removal_ResetsTheDevice()
    {
        using var h = new PciHarness();
        var (m, d) = Make(h);
        m.Start();
        h.Segment.Remove(m.Slot);
        Assert.False(d.Active);
        Assert.Equal(ulong.MaxValue >> 32, h.Memory.Read(m.Bar, 4));
    }
}
