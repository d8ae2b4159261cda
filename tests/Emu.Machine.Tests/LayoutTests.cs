// The physical map: no two windows overlap, and computed addresses follow the vCPU count and RAM size.
using Emu.Machine.Boards;

namespace Emu.Machine.Tests;

public class LayoutTests
{
    [Theory]
    [InlineData(1, 0x08FD_0000)]
    [InlineData(4, 0x08F7_0000)]
    [InlineData(32, 0x08BF_0000)]
    public void Redistributors_GrowDownwardFromTheDistributor(int vcpus, ulong expected)
    {
        Assert.Equal(expected, Arm64Layout.GicRedistributorBase(vcpus));
        Assert.Equal(Arm64Layout.GicDistributorBase, expected + ((ulong)vcpus * Arm64Layout.GicRedistributorSize));
    }

    [Fact]
    public void Ram_UpToTheHole_IsOneRange()
    {
        Assert.Equal([new MemoryRange(0x4000_0000, 3008UL << 20)], Arm64Layout.RamRanges(3008UL << 20));
        Assert.Equal([new MemoryRange(0x4000_0000, 512UL << 20)], Arm64Layout.RamRanges(512UL << 20));
    }

    [Fact]
    public void Ram_BeyondTheHole_GoesOnAtFourGigabytes() => Assert.Equal(
        [new MemoryRange(0x4000_0000, 3008UL << 20), new MemoryRange(0x1_0000_0000, (4096UL - 3008) << 20)],
        Arm64Layout.RamRanges(4UL << 30));

    [Theory]
    [InlineData(0, 0x8000_0000, 0x0)]
    [InlineData(15, 0x8000_000F, 0xF)]
    [InlineData(16, 0x8000_0100, 0x100)]
    [InlineData(31, 0x8000_010F, 0x10F)]
    public void Mpidr_PutsSixteenVcpusInAnAffinityOneGroup(int index, ulong mpidr, uint affinity)
    {
        Assert.Equal(mpidr, Arm64Layout.Mpidr(index));
        Assert.Equal(affinity, Arm64Layout.Affinity(index));
    }

    [Fact]
    public void Windows_DoNotOverlap()
    {
        (ulong Start, ulong Length)[] windows =
        [
            (Arm64Layout.GicItsBase(Arm64Layout.MaximumVcpus), Arm64Layout.GicItsSize),
            (Arm64Layout.GicRedistributorBase(Arm64Layout.MaximumVcpus), Arm64Layout.MaximumVcpus * Arm64Layout.GicRedistributorSize),
            (Arm64Layout.GicDistributorBase, Arm64Layout.GicDistributorSize),
            (Arm64Layout.Pl011Base, Arm64Layout.PrimeCellSize),
            (Arm64Layout.Pl031Base, Arm64Layout.PrimeCellSize),
            (Arm64Layout.Pl061Base, Arm64Layout.PrimeCellSize),
            (Arm64Layout.PciIoBase, Arm64Layout.PciIoSize),
            (Arm64Layout.PciMemory32Base, Arm64Layout.PciMemory32Size),
            (Arm64Layout.PciEcamBase, Arm64Layout.PciEcamSize),
            (Arm64Layout.FdtBase, Arm64Layout.FdtMaximumSize),
            (Arm64Layout.AcpiBase, Arm64Layout.AcpiMaximumSize),
            (Arm64Layout.KernelBase, 1),
            (Arm64Layout.LowRamEnd, 0),
            (Arm64Layout.PciMemory64Minimum, Arm64Layout.PciMemory64(Arm64Layout.MinimumRam).Length),
            (Arm64Layout.GenericEventBase, Arm64Layout.PlatformPageSize),
            (Arm64Layout.PciHotplugBase, Arm64Layout.PlatformPageSize),
            (Arm64Layout.MapEnd, 0),
        ];
        for (var i = 1; i < windows.Length; i++)
        {
            Assert.True(windows[i - 1].Start + windows[i - 1].Length <= windows[i].Start, $"window {i} overlaps the one below it");
        }
    }

    [Fact]
    public void PlatformControllers_AreGivenOutFromTheTopOfTheMap()
    {
        Assert.Equal(0xFF_FFFE_F000UL, Arm64Layout.PciHotplugBase);
        Assert.Equal(0xFF_FFFE_E000UL, Arm64Layout.GenericEventBase);
    }

    [Theory]
    [InlineData(512UL << 20, 0x2_0000_0000)]
    [InlineData(6UL << 30, 0x2_0000_0000)]
    [InlineData(16UL << 30, 0x4_4400_0000)]
    public void Memory64Window_ReachesFromTheEndOfRamToThePlatformControllers(ulong ram, ulong start)
    {
        var window = Arm64Layout.PciMemory64(ram);
        Assert.Equal(start, window.Start);
        Assert.Equal(0xFF_FFEF_0000UL, window.End);
    }

    [Fact]
    public void PciWindows_OfOneSegment_AreWhole()
    {
        var segment = Assert.Single(PciLayout.Create([PciApertureWeights.Equal], 512UL << 20));
        Assert.Equal(new MemoryRange(0x3000_0000, 0x10_0000), segment.Ecam);
        Assert.Equal(new MemoryRange(0x1000_0000, 0x2000_0000), segment.Memory32);
        Assert.Equal(new MemoryRange(0x2_0000_0000, 0xFF_FFEF_0000 - 0x2_0000_0000), segment.Memory64);
    }

    [Fact]
    public void PciWindows_AreSharedByWeight_AndTheLastSegmentTakesTheRest()
    {
        var segments = PciLayout.Create([new(2, 1), new(1, 1), new(1, 3)], 512UL << 20);
        Assert.Equal([0x1000_0000UL, 0x2000_0000, 0x2800_0000], segments.Select(s => s.Memory32.Start));
        Assert.Equal(0x3000_0000UL, segments[2].Memory32.End);
        Assert.Equal(0xFF_FFEF_0000UL, segments[2].Memory64.End);
        Assert.Equal(segments[0].Memory64.Length, segments[1].Memory64.Length);
        Assert.Equal(0UL, segments[0].Memory64.Length % (4UL << 30));
        Assert.Equal([0x3000_0000UL, 0x3010_0000, 0x3020_0000], segments.Select(s => s.Ecam.Start));
    }

    [Fact]
    public void PciWindows_OfEverySegment_HoldSomething()
    {
        var segments = PciLayout.Create(Enumerable.Repeat(PciApertureWeights.Equal, Arm64Layout.MaximumPciSegments).ToArray(), Arm64Layout.MaximumRam);
        Assert.All(segments, s => Assert.True(s.Memory32.Length >= 4096 && s.Memory64.Length >= 4UL << 30));
        Assert.True(segments[^1].Ecam.End <= Arm64Layout.PciEcamBase + Arm64Layout.PciEcamSize);
    }
}
