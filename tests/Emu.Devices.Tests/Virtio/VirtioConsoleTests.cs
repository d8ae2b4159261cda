// virtio-console: output, input into offered buffers, back pressure, resizing, pauses.
using System.Text;
using Emu.Devices.Tests.Serial;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Console;

namespace Emu.Devices.Tests;

public sealed class VirtioConsoleTests : IDisposable
{
    private readonly MemoryBackend backend = new();

    public static TheoryData<ulong> Layouts => VirtioBench.Layouts;

    public void Dispose() => backend.Dispose();

    private (VirtioBench Bench, VirtioConsole Console) Make(ushort columns = 0, ushort rows = 0)
    {
        var console = new VirtioConsole(new VirtioConsoleOptions("console", columns, rows), backend);
        backend.Start(console.Input);
        return (new VirtioBench(_ => console), console);
    }

    private static ulong Offer(VirtioBench bench, uint length)
    {
        var at = bench.Driver.Allocate(length);
        bench.Driver.Queues[0].Add(new MockBuffer(at, length, true));
        if (bench.Driver.Queues[0].DeviceWantsNotification)
        {
            bench.Driver.Queues[0].Notify();
        }

        return at;
    }

    private static string Take(VirtioBench bench, ulong at) =>
        bench.Driver.Queues[0].TakeUsed() is { } used ? Encoding.ASCII.GetString(bench.Driver.Fetch(at, (int)used.Written)) : "nothing";

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Output_GoesToTheBackEnd_InOrder(ulong features)
    {
        var (bench, _) = Make();
        using var _ = bench;
        bench.Driver.Start(features);
        for (var i = 0; i < 100; i++)
        {
            var text = bench.Driver.Put("hello world"u8);
            Assert.Equal(0u, bench.Do(1, new MockBuffer(text, 6, false), new MockBuffer(text + 6, 5, false)));
        }

        Assert.Equal(string.Concat(Enumerable.Repeat("hello world", 100)), Encoding.ASCII.GetString([.. backend.Output]));
        Assert.Equal(100, bench.Driver.Interrupts(1));
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Input_FillsBuffers_AndWaitsForThem(ulong features)
    {
        var (bench, _) = Make();
        using var _ = bench;
        backend.Type("early "u8);
        bench.Driver.Start(features);
        bench.Driver.Queues[0].WantInterrupt(true);
        var a = Offer(bench, 4);
        Assert.Equal("earl", Take(bench, a));
        Assert.Equal(1, bench.Driver.Interrupts(0));
        var b = Offer(bench, 16);
        Assert.Equal("y ", Take(bench, b));
        var c = Offer(bench, 3);
        var d = Offer(bench, 3);
        var e = Offer(bench, 3);
        backend.Type("typing"u8);
        Assert.Equal("typ", Take(bench, c));
        Assert.Equal("ing", Take(bench, d));
        backend.Type("!"u8);
        Assert.Equal("!", Take(bench, e));
        backend.Type("?"u8);
        Assert.Equal("nothing", Take(bench, e));
        Assert.Equal("?", Take(bench, Offer(bench, 1)));
    }

    [Fact]
    public void EmptyAndReadableBuffers_AreReturnedWithNothing()
    {
        var (bench, _) = Make();
        using var _ = bench;
        bench.Driver.Start();
        bench.Driver.Queues[0].Add(new MockBuffer(PciHarness.RamBase, 16, false));
        var at = Offer(bench, 8);
        backend.Type("x"u8);
        Assert.Equal("", Take(bench, at));
        Assert.Equal("x", Take(bench, at));
    }

    [Fact]
    public void Pause_HoldsInputBack_AndSnapshotsRestore()
    {
        var (bench, _) = Make();
        using var _ = bench;
        bench.Driver.Start();
        var at = Offer(bench, 8);
        bench.Harness.Segment.Pause();
        backend.Type("x"u8);
        Assert.Equal("nothing", Take(bench, at));
        var state = bench.Save();
        bench.Harness.Segment.Reset();
        bench.Restore(state);
        Assert.Equal(state, bench.Save());
        bench.Harness.Segment.Resume();
        Assert.Equal("x", Take(bench, at));
    }

    [Fact]
    public void Reset_KeepsInputForTheNextDriver()
    {
        var (bench, _) = Make();
        using var _ = bench;
        bench.Driver.Start();
        Offer(bench, 8);
        bench.Driver.Set(MockVirtioDriver.Status, 1, 0);
        backend.Type("x"u8);
        bench.Driver.Start(VirtioFeature.RingPacked);
        Assert.Equal("x", Take(bench, Offer(bench, 8)));
    }

    [Fact]
    public void Resize_ChangesTheConfiguration_AndInterruptsOnce()
    {
        var (bench, console) = Make(80, 25);
        using var _ = bench;
        Assert.Equal(1u, bench.Driver.Offered() & 0xFFFFFF);
        bench.Driver.Start(1);
        Assert.Equal([80, 0, 25, 0, 0, 0], bench.Driver.ReadDeviceConfig(0, 6));
        console.Resize(0x102, 50);
        console.Resize(0x102, 50);
        Assert.Equal([2, 1, 50, 0], bench.Driver.ReadDeviceConfig(0, 4));
        Assert.Equal(1, bench.Harness.Msi.Count(100));
    }
}
