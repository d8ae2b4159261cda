// virtio-balloon: pages given back are exactly those of the requests that are RAM; sizes, reporting, snapshots.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Balloon;

namespace Emu.Devices.Tests;

public class VirtioBalloonTests
{
    private const uint FirstPage = (uint)(PciHarness.RamBase >> 12), PageCount = (uint)(PciHarness.RamSize >> 12);
    private readonly List<(ulong Address, ulong Length)> discarded = [];
    private readonly List<(ulong Address, ulong Length)> written = [];

    public static TheoryData<ulong> Layouts => VirtioBench.Layouts;

    private VirtioBench Make(VirtioBalloonOptions? options = null) => new(b =>
    {
        b.Harness.Memory.CodeWritten += (address, length) => written.Add((address, length));
        return new VirtioBalloon(options ?? new VirtioBalloonOptions("balloon"), b.Harness.Memory, (region, offset, length) => discarded.Add((region.Start + offset, length)), b.Clock);
    });

    private static void Inflate(VirtioBench bench, params ReadOnlySpan<uint> pages)
    {
        var list = bench.Driver.Put(MemoryMarshal.AsBytes(pages));
        Assert.Equal(0u, bench.Do(0, new MockBuffer(list, (uint)pages.Length * 4, false)));
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Inflation_GivesRamBack_NeighboursTogether_AndTellsTheCpus(ulong features)
    {
        using var bench = Make();
        bench.Driver.Start(features);
        unsafe
        {
            bench.Harness.Memory.Ram[0].PageFlags[2] = RamPageFlags.Code;
        }

        Inflate(bench, FirstPage + 1, FirstPage + 2, FirstPage + 3, FirstPage + 9, FirstPage + 8, FirstPage + PageCount - 1, FirstPage + PageCount, 0, 1, uint.MaxValue, uint.MaxValue);
        Assert.Equal([
            (PciHarness.RamBase + 0x1000, 0x3000), (PciHarness.RamBase + 0x9000, 0x1000), (PciHarness.RamBase + 0x8000, 0x1000),
            (PciHarness.RamBase + PciHarness.RamSize - 0x1000, 0x1000ul),
        ], discarded);
        Assert.Equal([(PciHarness.RamBase + 0x1000, 0x3000ul)], written);
        discarded.Clear();
        var list = bench.Driver.Put(new byte[1024]);
        bench.Do(1, new MockBuffer(list, 1024, false));
        Assert.Empty(discarded);
    }

    [Fact]
    public void RomIsLeftAlone_AndSoIsWhatIsNoPageNumber()
    {
        using var bench = Make();
        unsafe
        {
            using var rom = new HostMemory(0x2000);
            bench.Harness.Memory.AddRam("rom", 0x2000, 0x2000, rom.Pointer, readOnly: true);
            bench.Driver.Start();
            Inflate(bench, 2, 3);
            bench.Do(0, new MockBuffer(bench.Driver.Put([1, 2, 3]), 3, false));
            bench.Do(0, new MockBuffer(PciHarness.RamBase + (4 << 20), 8 << 20, true));
        }

        Assert.Empty(discarded);
    }

    [Fact]
    public void Reporting_GivesTheBuffersBack_WholePagesOnly()
    {
        using var bench = Make(new VirtioBalloonOptions("balloon", FreePageReporting: true, DeflateOnOom: true));
        Assert.Equal((1u << 2) | (1u << 5), bench.Driver.Offered() & 0xFFFFFF);
        Assert.Equal(3u, bench.Driver.Get(MockVirtioDriver.QueueCount, 2));
        bench.Driver.Start(1 << 5);
        const ulong At = PciHarness.RamBase + (8 << 20);
        bench.Do(2, new MockBuffer(At, 0x20_0000, true), new MockBuffer(At + 0x40_0800, 0x2000, true), new MockBuffer(At + 0x50_0001, 0xFFE, true));
        Assert.Equal([(At, 0x20_0000ul), (At + 0x40_1000, 0x1000)], discarded);
    }

    [Fact]
    public void Resize_TellsTheDriver_WhoSaysHowFarItGot_AndASnapshotKeepsBoth()
    {
        using var bench = Make(new VirtioBalloonOptions("balloon", Size: 3 << 20));
        var device = (VirtioBalloon)bench.Device;
        Assert.Equal(0u, bench.Driver.Offered() & 0xFFFFFF);
        bench.Driver.Start();
        Assert.Equal(768u, BinaryPrimitives.ReadUInt32LittleEndian(bench.Driver.ReadDeviceConfig(0, 4)));
        device.Resize(1 << 20);
        Assert.Equal(1, bench.Harness.Msi.Count(100));
        device.Resize(1 << 20);
        Assert.Equal(1, bench.Harness.Msi.Count(100));
        Assert.Equal(256u, BinaryPrimitives.ReadUInt32LittleEndian(bench.Driver.ReadDeviceConfig(0, 4)));
        bench.Driver.Set(0x4004, 4, 200);
        bench.Driver.Set(0x4000, 4, 99);
        Assert.Equal(200u * 4096, device.ActualBytes);
        Assert.Equal(1u << 20, device.TargetBytes);
        var state = bench.Save();
        bench.Harness.Segment.Reset();
        Assert.Equal(0u, device.ActualBytes);
        bench.Restore(state);
        Assert.Equal(200u * 4096, device.ActualBytes);
        Assert.Equal(state, bench.Save());
        Assert.Contains("16 TiB", Assert.Throws<EmuException>(() => device.Resize(1UL << 60)).Message, StringComparison.Ordinal);
    }
}
