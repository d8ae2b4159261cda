// One machine with one network card on a back end, for tests against real back ends.
using System.Collections.Concurrent;
using System.Diagnostics;
using Emu.Core;
using Emu.Devices.Net;
using Emu.Devices.Tests.Virtio.Net;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Net;

namespace Emu.Devices.Tests.Net;

/// <summary>The machine, its driver and the guest's stack.</summary>
internal sealed class NetMachine : IDisposable
{
    public const ulong Offloads = MockNetDriver.Csum | MockNetDriver.GuestCsum | MockNetDriver.HostTso4 | MockNetDriver.GuestTso4 | MockNetDriver.Mergeable;

    private readonly ConcurrentQueue<Action> posted = new();
    private readonly Stopwatch watch = Stopwatch.StartNew();
    private readonly Clock clock;
    private readonly NetDevice card;

    public NetMachine(bool deterministic, NetBackendOptions options, ulong features = 0, ulong mac = 0x5254_0012_3456, int pairs = 1)
    {
        clock = deterministic ? new DeterministicClock(0) : new HostClock();
        var backend = NetBackends.Create("net0", options, clock, deterministic ? posted.Enqueue : null, new Log(Harness.LogText));
        card = new NetDevice(new NetOptions { Name = "net0", Mac = new MacAddress(mac), QueueCount = 2 * pairs }, backend, new Log(Harness.LogText));
        var slot = Harness.Segment.Add(new VirtioPciTransport(card, Harness.Memory, Harness.Msi, new Log(Harness.LogText), new VirtioPciOptions(false, VirtioFeature.DefaultRing)));
        Driver = new MockNetDriver(Harness, slot, VirtioFeature.DefaultRing | features, pairs, size: 128, buffers: 100);
        Stack = new GuestStack(Driver, Pump);
    }

    public PciHarness Harness { get; } = new();

    public MockNetDriver Driver { get; }

    public GuestStack Stack { get; }

    /// <summary>A deterministic machine takes input, and its time goes on with the host's: the other end has timers, too.</summary>
    public void Pump()
    {
        while (posted.TryDequeue(out var action))
        {
            action();
        }

        if (clock is DeterministicClock c)
        {
            c.Set((ulong)watch.Elapsed.TotalNanoseconds);
            c.RunDueTimers();
        }
    }

    public void Dispose()
    {
        card.Dispose();
        (clock as IDisposable)?.Dispose();
        Harness.Dispose();
    }
}
