// virtio-watchdog: when it watches, when it bites, and that a pause or a snapshot is no lost time.
using Emu.Core;
using Emu.Devices.Virtio.Watchdog;

namespace Emu.Devices.Tests;

public class VirtioWatchdogTests
{
    private const ulong Second = 1_000_000_000;

    private readonly RecordingControl control = new();

    public static TheoryData<ulong> Layouts => VirtioBench.Layouts;

    private VirtioBench Make() => new(b => new VirtioWatchdog("watchdog", b.Clock, control, b.Log));

    private static void Ping(VirtioBench bench)
    {
        var at = bench.Driver.Put([0]);
        var q = bench.Driver.Queues[0];
        q.Add(new MockBuffer(at, 1, true));
        q.Notify();
        Assert.Equal(1u, q.TakeUsed()!.Value.Written);
        Assert.Equal([1], bench.Driver.Fetch(at, 1));
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void FirstPingStartsTheWatch_AndTwentySecondsWithoutAnotherResetTheMachine(ulong features)
    {
        using var bench = Make();
        bench.Driver.Start(features);
        bench.Advance(100 * Second);
        for (var i = 0; i < 10; i++)
        {
            Ping(bench);
            bench.Advance(15 * Second);
        }

        bench.Advance((5 * Second) - 1);
        Assert.Empty(control.Stops);
        bench.Advance(1);
        Assert.Equal([MachineStop.Reset], control.Stops);
        Assert.Contains("watchdog", bench.Harness.LogText.ToString(), StringComparison.Ordinal);
        bench.Advance(100 * Second);
        Assert.Single(control.Stops);
    }

    [Fact]
    public void BufferWithoutAWritableByte_IsNoPing()
    {
        using var bench = Make();
        bench.Driver.Start();
        Assert.Equal(0u, bench.Do(0, new MockBuffer(PciHarness.RamBase, 8, false)));
        bench.Advance(100 * Second);
        Assert.Empty(control.Stops);
    }

    [Fact]
    public void Reset_EndsTheWatch()
    {
        using var bench = Make();
        bench.Driver.Start();
        Ping(bench);
        bench.Driver.Set(MockVirtioDriver.Status, 1, 0);
        bench.Advance(100 * Second);
        Assert.Empty(control.Stops);
    }

    [Fact]
    public void PauseAndSnapshot_KeepTheTimeThatIsLeft()
    {
        using var bench = Make();
        bench.Driver.Start();
        Ping(bench);
        bench.Advance(12 * Second);
        bench.Harness.Segment.Pause();
        var state = bench.Save();
        bench.Advance(50 * Second);
        Assert.Equal(state, bench.Save());
        bench.Harness.Segment.Reset();
        bench.Restore(state);
        Assert.Equal(state, bench.Save());
        bench.Harness.Segment.Resume();
        bench.Advance((8 * Second) - 1);
        Assert.Empty(control.Stops);
        bench.Advance(1);
        Assert.Single(control.Stops);
    }
}
