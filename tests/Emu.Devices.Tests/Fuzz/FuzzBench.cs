// Guest RAM between guard zones, a PCI segment and a clock, for a device under the hostile driver.
using Emu.Core;
using Emu.Devices.Virtio;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>Counts messages; anything may be in them.</summary>
internal sealed class CountingMsi : IMsiSink
{
    private long count;

    public long Count => Interlocked.Read(ref count);

    public void Send(ulong address, uint data, uint deviceId) => Interlocked.Increment(ref count);
}

/// <summary>A machine for one device.</summary>
internal sealed class FuzzBench : IDisposable
{
    private readonly FuzzSubject subject;

    /// <param name="target">The device.</param>
    /// <param name="threaded">On host time, where devices use threads; else the driver moves the time.</param>
    public FuzzBench(FuzzTarget target, bool threaded)
    {
        Clock = threaded ? new HostClock() : new DeterministicClock(DeterministicClock.DefaultEpochSeconds);
        subject = target.Create(this);
        Slot = Harness.Segment.Add(subject.Device);
    }

    public PciHarness Harness { get; } = new();

    public PhysicalAddressSpace Memory => Harness.Memory;

    public Clock Clock { get; }

    public CountingMsi Msi { get; } = new();

    public RecordingControl Control { get; } = new();

    /// <summary>Keeps nothing: hostile drivers have much to complain about.</summary>
    public Log Log => Log.Null;

    public int Slot { get; }

    public FuzzSubject Subject => subject;

    /// <summary>Puts a virtio device behind PCI, with every ring feature.</summary>
    public FuzzSubject Virtio(VirtioDevice device, IDmaTranslation? dma = null) =>
        new(new VirtioPciTransport(device, Memory, Msi, Log, new VirtioPciOptions(false, VirtioBench.AllRing) { Dma = dma }));

    public void Dispose()
    {
        Harness.Segment.Remove(Slot);
        subject.Release?.Invoke();
        (Clock as IDisposable)?.Dispose();
        Harness.AssertGuardsIntact();
        Harness.Dispose();
    }
}
