// Feature bits that belong to virtqueues and transports (virtio 1.2, chapter 6), and the device status bits (2.1).
namespace Emu.Devices.Virtio;

/// <summary>Reserved feature bits: those a transport offers and uses itself.</summary>
public static class VirtioFeature
{
    /// <summary>VIRTIO_F_INDIRECT_DESC: descriptors may name tables of descriptors.</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>VIRTIO_F_EVENT_IDX: used_event and avail_event thin out notifications.</summary>
    public const ulong EventIdx = 1UL << 29;

    /// <summary>VIRTIO_F_VERSION_1: not a legacy device; a driver must accept it.</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>VIRTIO_F_ACCESS_PLATFORM: addresses go through the platform's IOMMU.</summary>
    public const ulong AccessPlatform = 1UL << 33;

    /// <summary>VIRTIO_F_RING_PACKED: the packed layout.</summary>
    public const ulong RingPacked = 1UL << 34;

    /// <summary>VIRTIO_F_IN_ORDER: requests are returned in the order they came; a device that promises it offers it itself.</summary>
    public const ulong InOrder = 1UL << 35;

    /// <summary>VIRTIO_F_RING_RESET: single queues can be reset.</summary>
    public const ulong RingReset = 1UL << 40;

    /// <summary>What a queue offers on this machine: indirect descriptors and event indices.</summary>
    public const ulong DefaultRing = IndirectDescriptors | EventIdx;

    /// <summary>The bits that only the transport may offer.</summary>
    internal const ulong Transport = IndirectDescriptors | EventIdx | Version1 | AccessPlatform | RingPacked | RingReset;
}

/// <summary>Device status bits (virtio 1.2, 2.1).</summary>
public static class VirtioStatus
{
    /// <summary>The guest noticed the device.</summary>
    public const byte Acknowledge = 1;

    /// <summary>The guest has a driver.</summary>
    public const byte Driver = 2;

    /// <summary>The driver is ready: the device is live.</summary>
    public const byte DriverOk = 4;

    /// <summary>Feature negotiation is complete; reads back as zero when the device refuses the choice.</summary>
    public const byte FeaturesOk = 8;

    /// <summary>The device met something it cannot recover from; set by the device alone.</summary>
    public const byte NeedsReset = 0x40;

    /// <summary>The driver gave up.</summary>
    public const byte Failed = 0x80;
}

/// <summary>Device type numbers (virtio 1.2, chapter 5) that the transport looks at.</summary>
public static class VirtioDeviceType
{
    /// <summary>Network card.</summary>
    public const ushort Net = 1;

    /// <summary>Block device.</summary>
    public const ushort Block = 2;
}
