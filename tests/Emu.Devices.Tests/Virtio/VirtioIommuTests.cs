// The virtio IOMMU: requests as the specification has them, and what they do to a device behind it.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Iommu;
using Emu.Devices.Virtio.Rng;

namespace Emu.Devices.Tests;

public class VirtioIommuTests
{
    private const uint Endpoint = 0x10;
    private const ulong MessageWindow = 0x0804_0000;
    private const byte Ok = 0, Unsupported = 2, Invalid = 4, Range = 5, NoEntry = 6;

    private readonly IommuTable table = new(48);
    private readonly IDmaTranslation view;

    public VirtioIommuTests()
    {
        view = table.CreateEndpoint();
        table.Place(view, Endpoint);
    }

    [Fact]
    public void Config_TellsPagesRangesAndBypass_WhichTheDriverMayWrite()
    {
        using var bench = Bench();
        var config = bench.Driver.ReadDeviceConfig(0, 40);
        Assert.Equal(~0xFFFul, BinaryPrimitives.ReadUInt64LittleEndian(config));
        Assert.Equal((1UL << 48) - 1, BinaryPrimitives.ReadUInt64LittleEndian(config.AsSpan(16)));
        Assert.Equal(64, config[32]);
        Assert.Equal(1, config[36]);
        bench.Driver.Set(0x4024, 1, 0);
        bench.Driver.Set(0x4000, 8, 0);
        Assert.Equal(0, bench.Driver.ReadDeviceConfig(36, 1)[0]);
        Assert.Equal(config[..8], bench.Driver.ReadDeviceConfig(0, 8));
        Assert.False(view.TryTranslate(0x1000, false, out _, out _));

        // A reset of the device leaves the choice alone, one of the machine does not.
        bench.Driver.Start();
        Assert.Equal(0, bench.Driver.ReadDeviceConfig(36, 1)[0]);
        table.Reset();
        Assert.Equal(1, bench.Driver.ReadDeviceConfig(36, 1)[0]);
    }

    [Fact]
    public void Mappings_TranslateWhatTheyHoldAndNothingElse()
    {
        using var bench = Bench();
        Assert.Equal(Ok, Attach(bench, 1, Endpoint));
        Assert.Equal(Ok, Map(bench, 1, 0x10_0000, 0x10_2FFF, 0x4000_5000, 3));
        Assert.Equal(Ok, Map(bench, 1, 0x20_0000, 0x20_0FFF, 0x4000_0000, 1));
        Assert.True(view.TryTranslate(0x10_1010, true, out var physical, out var length));
        Assert.Equal((0x4000_6010ul, 0x1FF0ul), (physical, length));
        Assert.True(view.TryTranslate(0x20_0000, false, out _, out _));
        Assert.False(view.TryTranslate(0x20_0000, true, out _, out _));
        Assert.False(view.TryTranslate(0x10_3000, false, out _, out _));
        Assert.False(view.TryTranslate(0xF_FFFF, false, out _, out _));

        // A mapping is removed whole or not at all.
        Assert.Equal(Range, Unmap(bench, 1, 0x10_0000, 0x10_0FFF));
        Assert.Equal(Range, Unmap(bench, 1, 0x10_1000, 0x20_0FFF));
        Assert.True(view.TryTranslate(0x20_0000, false, out _, out _));
        Assert.Equal(Ok, Unmap(bench, 1, 0x8_0000, 0x10_2FFF));
        Assert.False(view.TryTranslate(0x10_0000, false, out _, out _));
        Assert.Equal(Ok, Unmap(bench, 1, 0, ulong.MaxValue));
        Assert.False(view.TryTranslate(0x20_0000, false, out _, out _));
        Assert.Equal(Ok, Unmap(bench, 1, 0, ulong.MaxValue));
    }

    [Fact]
    public void Requests_ThatAreWrong_AreRefusedAsTheSpecificationSays()
    {
        using var bench = Bench();
        Assert.Equal(NoEntry, Attach(bench, 1, Endpoint + 1));
        Assert.Equal(NoEntry, Map(bench, 1, 0, 0xFFF, 0, 1));
        Assert.Equal(NoEntry, Unmap(bench, 1, 0, 0xFFF));
        Assert.Equal(Invalid, Detach(bench, 1, Endpoint));
        Assert.Equal(Ok, Attach(bench, 1, Endpoint));
        Assert.Equal(Invalid, Attach(bench, 1, Endpoint, bypass: true));
        Assert.Equal(Range, Map(bench, 1, 0x10, 0xFFF, 0, 1));
        Assert.Equal(Range, Map(bench, 1, 0, 0xFFE, 0, 1));
        Assert.Equal(Range, Map(bench, 1, 0, 0xFFF, 0x10, 1));
        Assert.Equal(Range, Map(bench, 1, 0x2000, 0xFFF, 0, 1));
        Assert.Equal(Range, Map(bench, 1, 1UL << 40, (1UL << 48) | 0xFFF, 0, 1));
        Assert.Equal(Range, Map(bench, 1, 0, 0x1FFF, 0xFFFF_FFFF_FFFF_F000, 1));
        Assert.Equal(Invalid, Map(bench, 1, 0, 0xFFF, 0, 4));
        Assert.Equal(Invalid, Map(bench, 1, MessageWindow - 0x1000, MessageWindow + 0xFFF, 0, 1));
        Assert.Equal(Ok, Map(bench, 1, 0x1000, 0x2FFF, 0, 1));
        Assert.Equal(Invalid, Map(bench, 1, 0x2000, 0x2FFF, 0, 1));
        Assert.Equal(Invalid, Map(bench, 1, 0, 0xFFFF, 0, 1));
        Assert.Equal(Unsupported, Request(bench, [9, 0, 0, 0]));
        Assert.Equal(Invalid, Request(bench, [3, 0, 0, 0]));
        Assert.Equal(Invalid, Detach(bench, 2, Endpoint));
        Assert.Equal(Ok, Detach(bench, 1, Endpoint));

        // The domain went with its last endpoint, and its mappings with it.
        Assert.Equal(Ok, Attach(bench, 1, Endpoint));
        Assert.False(view.TryTranslate(0x1000, false, out _, out _));
        Assert.Equal(Ok, Attach(bench, 7, Endpoint, bypass: true));
        Assert.Equal(Invalid, Map(bench, 7, 0, 0xFFF, 0, 1));
        Assert.True(view.TryTranslate(0x1234, true, out var physical, out _));
        Assert.Equal(0x1234ul, physical);
    }

    [Fact]
    public void Probe_NamesTheWindowOfMessages()
    {
        using var bench = Bench();
        var (status, properties) = Probe(bench, Endpoint);
        Assert.Equal(Ok, status);
        Assert.Equal((1, 20, 1), (properties[0], properties[2], properties[4]));
        Assert.Equal((MessageWindow, MessageWindow + 0xFFFF), (BinaryPrimitives.ReadUInt64LittleEndian(properties.AsSpan(8)), BinaryPrimitives.ReadUInt64LittleEndian(properties.AsSpan(16))));
        Assert.All(properties[24..], b => Assert.Equal(0, b));
        Assert.Equal(NoEntry, Probe(bench, 3).Status);
    }

    [Fact]
    public void Fault_IsToldOnTheEventQueue_AndForgottenWithoutABuffer()
    {
        using var bench = Bench();
        Assert.Equal(Ok, Attach(bench, 1, Endpoint));
        Assert.False(view.TryTranslate(0x5678, true, out _, out _));
        var queue = bench.Driver.Queues[1];
        queue.WantInterrupt(true);
        var at = bench.Driver.Allocate(24);
        var id = queue.Add(new MockBuffer(at, 24, true));
        queue.Notify();
        Assert.Null(queue.TakeUsed());
        Assert.False(view.TryTranslate(0x5678, true, out _, out _));
        Assert.Equal((id, 24u), queue.TakeUsed());
        var fault = bench.Driver.Fetch(at, 24);
        Assert.Equal(2, fault[0]);
        Assert.Equal(0x102u, BinaryPrimitives.ReadUInt32LittleEndian(fault.AsSpan(4)));
        Assert.Equal(Endpoint, BinaryPrimitives.ReadUInt32LittleEndian(fault.AsSpan(8)));
        Assert.Equal(0x5678ul, BinaryPrimitives.ReadUInt64LittleEndian(fault.AsSpan(16)));
    }

    [Fact]
    public void Table_ComesBackFromASnapshot_AndABadOneIsRefused()
    {
        using var bench = Bench();
        Attach(bench, 5, Endpoint);
        Map(bench, 5, 0x1000, 0x1FFF, 0x4000_0000, 3);
        using var saved = new MemoryStream();
        table.Save(new SnapshotWriter(saved));
        var other = new IommuTable(48);
        var otherView = other.CreateEndpoint();
        other.Place(otherView, Endpoint);
        other.Restore(new SnapshotReader(new MemoryStream(saved.ToArray())));
        Assert.True(otherView.TryTranslate(0x1FFF, true, out var physical, out var length));
        Assert.Equal((0x4000_0FFFul, 1ul), (physical, length));
        var stranger = new IommuTable(48);
        stranger.Place(stranger.CreateEndpoint(), Endpoint + 8);
        Assert.Throws<InvalidDataException>(() => stranger.Restore(new SnapshotReader(new MemoryStream(saved.ToArray()))));
    }

    public static TheoryData<ulong> Layouts => VirtioBench.Layouts;

    /// <summary>The pages of RAM are swapped in pairs for the device, so that rings and buffers lie in pieces.</summary>
    [Theory]
    [MemberData(nameof(Layouts))]
    public void Device_BehindTheIommu_UsesItsMappingsAndNothingElse(ulong features)
    {
        using var bench = new VirtioBench(b => new VirtioRng("rng", b.Clock, 1), dma: view);
        Assert.Equal(VirtioFeature.AccessPlatform, bench.Driver.Offered() & VirtioFeature.AccessPlatform);
        Assert.False(bench.Driver.Negotiate(features));

        const ulong Heap = PciHarness.RamBase + 0x10_0000, HeapSize = 0x4_0000;
        using var seen = new PhysicalAddressSpace(Log.Null);
        var mock = bench.Driver;
        mock.View = seen;
        table.Attach(1, Endpoint, false);
        for (var at = Heap; at < Heap + HeapSize; at += 0x1000)
        {
            Assert.Equal(IommuStatus.Ok, table.Map(1, new IommuMapping(at, at + 0xFFF, at ^ 0x1000, IommuAccess.All)));
            AddPage(seen, at, bench.Harness.Memory);
        }

        mock.Start(features | VirtioFeature.AccessPlatform, 256);
        var buffer = mock.Allocate(0x3000, 0x1000);
        Assert.Equal(0x2800u, bench.Do(0, new MockBuffer(buffer + 0x400, 0x2800, true)));
        var plain = mock.Fetch(buffer, 0x3000);
        Assert.All(plain[..0x400].Concat(plain[0x2C00..]), b => Assert.Equal(0, b));
        for (var part = 0x400; part < 0x2C00; part += 0x400)
        {
            Assert.InRange(plain.AsSpan(part, 0x400).ToArray().Distinct().Count(), 200, 256);
        }

        // What is taken away is gone, and the device stops.
        table.Unmap(1, buffer, buffer + 0xFFF);
        mock.Queues[0].Add(new MockBuffer(buffer, 64, true));
        mock.Queues[0].Notify();
        bench.Advance(1_000_000_000);
        Assert.Equal(VirtioStatus.NeedsReset, mock.DeviceStatus & VirtioStatus.NeedsReset);
        Assert.Equal(plain[..64], mock.Fetch(buffer, 64));
    }

    [Fact]
    public void Ring_ThatIsUnmapped_IsNotTouchedAnyMore()
    {
        using var bench = new VirtioBench(b => new VirtioRng("rng", b.Clock, 1), dma: view);
        table.Attach(1, Endpoint, false);
        table.Map(1, new IommuMapping(PciHarness.RamBase, PciHarness.RamBase + PciHarness.RamSize - 1, PciHarness.RamBase, IommuAccess.All));
        bench.Driver.Start(VirtioFeature.AccessPlatform);
        bench.Do(0, new MockBuffer(bench.Driver.Allocate(16), 16, true));
        var queue = bench.Driver.Queues[0];
        queue.Add(new MockBuffer(bench.Driver.Allocate(16), 16, true));
        var before = bench.Driver.Fetch(queue.Device, 64);
        table.Unmap(1, 0, ulong.MaxValue);
        queue.Notify();
        bench.Advance(1_000_000_000);
        Assert.Equal(before, bench.Driver.Fetch(queue.Device, 64));
        Assert.Equal(VirtioStatus.NeedsReset, bench.Driver.DeviceStatus & VirtioStatus.NeedsReset);
    }

    private static unsafe void AddPage(PhysicalAddressSpace seen, ulong at, PhysicalAddressSpace memory) =>
        seen.AddRam("page", at, 0x1000, memory.TryGetPointer(at ^ 0x1000, 0x1000, forWrite: true));

    private VirtioBench Bench()
    {
        var bench = new VirtioBench(_ => new VirtioIommu("iommu", table, MessageWindow, MessageWindow + 0xFFFF));
        bench.Driver.Start();
        return bench;
    }

    private static byte Attach(VirtioBench bench, uint domain, uint endpoint, bool bypass = false) =>
        Request(bench, [1, 0, 0, 0, .. U32(domain), .. U32(endpoint), .. U32(bypass ? 1u : 0), .. U32(0)]);

    private static byte Detach(VirtioBench bench, uint domain, uint endpoint) => Request(bench, [2, 0, 0, 0, .. U32(domain), .. U32(endpoint), .. U64(0)]);

    private static byte Map(VirtioBench bench, uint domain, ulong start, ulong end, ulong physical, uint flags) =>
        Request(bench, [3, 0, 0, 0, .. U32(domain), .. U64(start), .. U64(end), .. U64(physical), .. U32(flags)]);

    private static byte Unmap(VirtioBench bench, uint domain, ulong start, ulong end) =>
        Request(bench, [4, 0, 0, 0, .. U32(domain), .. U64(start), .. U64(end), .. U32(0)]);

    private static byte Request(VirtioBench bench, byte[] message)
    {
        var tail = bench.Driver.Put([0xFF, 0xFF, 0xFF, 0xFF]);
        Assert.Equal(4u, bench.Do(0, new MockBuffer(bench.Driver.Put(message), (uint)message.Length, false), new MockBuffer(tail, 4, true)));
        return bench.Driver.Fetch(tail, 4)[0];
    }

    private static (byte Status, byte[] Properties) Probe(VirtioBench bench, uint endpoint)
    {
        byte[] message = [5, 0, 0, 0, .. U32(endpoint), .. new byte[64]];
        var reply = bench.Driver.Allocate(68);
        Assert.Equal(68u, bench.Do(0, new MockBuffer(bench.Driver.Put(message), (uint)message.Length, false), new MockBuffer(reply, 68, true)));
        var bytes = bench.Driver.Fetch(reply, 68);
        return (bytes[64], bytes[..64]);
    }

    private static byte[] U32(uint value) => BitConverter.GetBytes(value);

    private static byte[] U64(ulong value) => BitConverter.GetBytes(value);
}
