// A virtio device in deterministic mode between a mock driver and a clock that the test moves.
using Emu.Core;
using Emu.Devices.Virtio;

namespace Emu.Devices.Tests;

/// <summary>A machine with one virtio device.</summary>
internal sealed class VirtioBench : IDisposable
{
    public const ulong AllRing = VirtioFeature.DefaultRing | VirtioFeature.RingPacked | VirtioFeature.RingReset;

    /// <param name="make">Makes the device.</param>
    /// <param name="threaded">On host time, where devices use threads.</param>
    /// <param name="dma">An IOMMU in front of it.</param>
    public VirtioBench(Func<VirtioBench, VirtioDevice> make, bool threaded = false, IDmaTranslation? dma = null)
    {
        Clock = threaded ? new HostClock() : new DeterministicClock(DeterministicClock.DefaultEpochSeconds);
        Log = new Log(Harness.LogText);
        Device = make(this);
        Slot = Harness.Segment.Add(new VirtioPciTransport(Device, Harness.Memory, Harness.Msi, Log, new VirtioPciOptions(false, AllRing) { Dma = dma }));
        Driver = new MockVirtioDriver(Harness, Slot);
    }

    /// <summary>Ring features to run a test with.</summary>
    public static TheoryData<ulong> Layouts => new(
        0,
        VirtioFeature.DefaultRing,
        VirtioFeature.RingPacked,
        VirtioFeature.RingPacked | VirtioFeature.DefaultRing);

    public PciHarness Harness { get; } = new();

    public Clock Clock { get; }

    public Log Log { get; }

    public VirtioDevice Device { get; }

    public int Slot { get; }

    public MockVirtioDriver Driver { get; }

    /// <summary>Moves deterministic time.</summary>
    public void Advance(ulong nanoseconds)
    {
        var clock = (DeterministicClock)Clock;
        var end = clock.Now + nanoseconds;
        while (clock.NextDeadline <= end)
        {
            clock.Set(clock.NextDeadline);
            clock.RunDueTimers();
        }

        clock.Set(end);
    }

    /// <summary>Waits for the next returned request.</summary>
    public (ushort Id, uint Written) Await(int queue)
    {
        if (Clock is DeterministicClock)
        {
            Advance(1_000_000_000);
            return Driver.Queues[queue].TakeUsed() ?? throw new InvalidOperationException("the device returned nothing");
        }

        (ushort, uint)? used = null;
        Assert.True(SpinWait.SpinUntil(() => (used = Driver.Queues[queue].TakeUsed()) is not null, Patience.Limit), "the device returned nothing");
        return used!.Value;
    }

    /// <summary>Adds a request, notifies, and waits for it. Through an indirect table where that was negotiated.</summary>
    /// <returns>Bytes written.</returns>
    public uint Do(int queue, params ReadOnlySpan<MockBuffer> buffers)
    {
        var q = Driver.Queues[queue];
        q.WantInterrupt(true);
        var id = (Driver.Features & VirtioFeature.IndirectDescriptors) != 0 ? q.AddIndirect(buffers) : q.Add(buffers);
        q.Notify();
        var used = Await(queue);
        Assert.Equal(id, used.Id);
        return used.Written;
    }

    public byte[] Save() => PciHarness.Save(Harness.Segment);

    public void Restore(byte[] state) => PciHarness.Restore(Harness.Segment, state);

    public void Dispose()
    {
        Harness.Segment.Remove(Slot);
        (Clock as IDisposable)?.Dispose();
        Harness.AssertGuardsIntact();
        Harness.Dispose();
    }
}
