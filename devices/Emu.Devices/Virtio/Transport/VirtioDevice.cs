// A virtio device apart from any transport: its identity, features, queues, configuration bytes and life.
using Emu.Core;

namespace Emu.Devices.Virtio;

/// <summary>
/// The base of every virtio device. The transport calls <see cref="Activate"/>, <see cref="Reset"/>, <see cref="ResetQueue"/> and
/// <see cref="EnableQueue"/> one at a time; <see cref="Notify"/>, <see cref="ReadConfig"/> and <see cref="WriteConfig"/> come from any vCPU at any
/// time, even beside a reset, and the device guards itself. Nothing a driver does may make a device throw.
/// </summary>
public abstract class VirtioDevice
{
    private readonly ushort[] queueSizes;

    /// <summary>Creates a device.</summary>
    /// <param name="name">Name for messages: the option's name and the device's id.</param>
    /// <param name="type">Device type (virtio 1.2, chapter 5).</param>
    /// <param name="queueSizes">Largest size of each queue: powers of two, at most 32768; 0 to 1024 queues.</param>
    protected VirtioDevice(string name, ushort type, params ushort[] queueSizes)
    {
        Name = name;
        Type = type;
        this.queueSizes = queueSizes;
    }

    /// <summary>Name for messages.</summary>
    public string Name { get; }

    /// <summary>Device type.</summary>
    public ushort Type { get; }

    /// <summary>Largest size of each queue.</summary>
    public ReadOnlySpan<ushort> QueueSizes => queueSizes;

    /// <summary>Feature bits of the device type (0 to 23, 50 to 127 of the first 64) and of the device's own promises (IN_ORDER); the transport adds the ring's.</summary>
    public abstract ulong DeviceFeatures { get; }

    /// <summary>Ring features the device can live with; by default indirect descriptors, event indices and the packed layout.</summary>
    public virtual ulong RingFeatures => VirtioFeature.DefaultRing | VirtioFeature.RingPacked;

    /// <summary>The transport, once the device sits behind one.</summary>
    protected IVirtioTransport Transport { get; private set; } = NoTransport.Instance;

    /// <summary>Whether the device can work with the driver's choice; false refuses FEATURES_OK.</summary>
    /// <param name="features">A subset of what was offered, with VERSION_1.</param>
    public virtual bool AcceptsFeatures(ulong features) => true;

    /// <summary>Reads device configuration. Bytes behind its end stay zero.</summary>
    /// <param name="offset">0 to 4095.</param>
    /// <param name="data">Receives the bytes; zeroed before the call.</param>
    public virtual void ReadConfig(int offset, Span<byte> data) { }

    /// <summary>Writes device configuration; read-only bytes and what lies behind the end are ignored.</summary>
    public virtual void WriteConfig(int offset, ReadOnlySpan<byte> data) { }

    /// <summary>The driver is ready (DRIVER_OK): the device may use its queues from now on.</summary>
    /// <param name="queues">The queues by number; null where the driver enabled none. The array is the device's to keep.</param>
    /// <param name="features">Negotiated features.</param>
    public abstract void Activate(VirtQueue?[] queues, ulong features);

    /// <summary>The driver may have made requests available. Comes only after <see cref="Activate"/>, perhaps beside or after a reset, when it is ignored.</summary>
    public abstract void Notify(int queue);

    /// <summary>Back to the state before <see cref="Activate"/>. On return no thread uses a queue or guest memory.</summary>
    public abstract void Reset();

    /// <summary>Stops using one queue (RING_RESET); only for a device that offers it in <see cref="RingFeatures"/>.</summary>
    public virtual void ResetQueue(int queue) { }

    /// <summary>A queue that was reset is in use again, with new rings.</summary>
    public virtual void EnableQueue(VirtQueue queue) { }

    /// <summary>After it, no thread of the device touches queues, guest memory or device state until <see cref="Resume"/>.</summary>
    public virtual void Pause() { }

    /// <summary>Ends a pause.</summary>
    public virtual void Resume() { }

    /// <summary>Writes the device's own state; the device is paused. Queue positions are the transport's to save.</summary>
    public virtual void Save(SnapshotWriter writer) { }

    /// <summary>Reads what <see cref="Save"/> wrote; the device was activated before, if it was when saved, and is paused.</summary>
    public virtual void Restore(SnapshotReader reader) { }

    internal void Connect(IVirtioTransport transport) => Transport = transport;

    private sealed class NoTransport : IVirtioTransport
    {
        public static readonly NoTransport Instance = new();

        public void QueueInterrupt(int queue) { }

        public void ConfigChanged() { }

        public void NeedsReset(string reason) { }
    }
}
