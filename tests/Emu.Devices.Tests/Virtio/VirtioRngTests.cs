// virtio-rng: fills what it is given, from the host or from a sequence that snapshots continue.
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Rng;

namespace Emu.Devices.Tests;

public class VirtioRngTests
{
    public static TheoryData<ulong> Layouts => VirtioBench.Layouts;

    private static byte[] Draw(VirtioBench bench, int length)
    {
        var at = bench.Driver.Allocate((uint)length);
        Assert.Equal((uint)length, bench.Do(0, new MockBuffer(at, (uint)length / 2, true), new MockBuffer(at + (ulong)(length / 2), (uint)(length - (length / 2)), true)));
        return bench.Driver.Fetch(at, length);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Seeded_IsReproducible_AndASnapshotContinuesTheSequence(ulong features)
    {
        using var a = new VirtioBench(b => new VirtioRng("rng", b.Clock, 42));
        using var b = new VirtioBench(b => new VirtioRng("rng", b.Clock, 42));
        using var other = new VirtioBench(b => new VirtioRng("rng", b.Clock, 43));
        a.Driver.Start(features);
        b.Driver.Start(features);
        other.Driver.Start(features);
        var first = Draw(a, 1003);
        Assert.Equal(first, Draw(b, 1003));
        Assert.NotEqual(first, Draw(other, 1003));
        var state = a.Save();
        var next = Draw(a, 64);
        Assert.NotEqual(first.AsSpan(0, 64).ToArray(), next);
        using var c = new VirtioBench(b => new VirtioRng("rng", b.Clock, 7));
        c.Restore(state);
        Assert.Equal(state, c.Save());
        c.Driver.Start(features);
        Assert.Equal(next, Draw(c, 64));
    }

    [Fact]
    public void HostRandomness_DiffersEachTime_AndComesFromAThread()
    {
        using var bench = new VirtioBench(b => new VirtioRng("rng", b.Clock, null), threaded: true);
        bench.Driver.Start(VirtioFeature.DefaultRing);
        var first = Draw(bench, 4096);
        Assert.NotEqual(first, Draw(bench, 4096));
        Assert.InRange(first.Distinct().Count(), 200, 256);
    }

    [Fact]
    public void HugeAndEmptyRequests_AreBounded()
    {
        using var bench = new VirtioBench(b => new VirtioRng("rng", b.Clock, 1));
        bench.Driver.Start();
        Assert.Equal((uint)VirtioRng.MaximumBytes, bench.Do(0, new MockBuffer(PciHarness.RamBase + (8 << 20), 4 << 20, true)));
        Assert.Equal(0u, bench.Do(0, new MockBuffer(PciHarness.RamBase, 16, false)));
        Assert.Equal(15, bench.Driver.DeviceStatus);
    }
}
