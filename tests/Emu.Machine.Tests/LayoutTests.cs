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
            (Arm64Layout.GicRedistributorBase(Arm64Layout.MaximumVcpus), Arm64Layout.MaximumVcpus * Arm64Layout.GicRedistributorSize),
            (Arm64Layout.GicDistributorBase, Arm64Layout.GicDistributorSize),
            (Arm64Layout.Pl011Base, Arm64Layout.PrimeCellSize),
            (Arm64Layout.Pl031Base, Arm64Layout.PrimeCellSize),
            (Arm64Layout.Pl061Base, Arm64Layout.PrimeCellSize),
            (Arm64Layout.FdtBase, Arm64Layout.FdtMaximumSize),
            (Arm64Layout.KernelBase, 1),
            (Arm64Layout.LowRamEnd, 0),
        ];
        for (var i = 1; i < windows.Length; i++)
        {
            Assert.True(windows[i - 1].Start + windows[i - 1].Length <= windows[i].Start, $"window {i} overlaps the one below it");
        }
    }
}
