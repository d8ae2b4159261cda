// The layout of a virtio-pci device on this machine: BAR 0, capabilities, and the common configuration structure (virtio 1.2, 4.1.4).
namespace Emu.Devices.Virtio;

/// <summary>Offsets in BAR 0 and numbers of the virtio-pci transport.</summary>
public static class VirtioPci
{
    /// <summary>PCI vendor ID of virtio devices.</summary>
    public const ushort VendorId = 0x1AF4;

    /// <summary>PCI device ID of device type 0 of a modern device.</summary>
    public const ushort DeviceIdBase = 0x1040;

    /// <summary>Revision of a modern-only device.</summary>
    public const byte Revision = 1;

    /// <summary>Bytes of BAR 0.</summary>
    public const ulong BarSize = 0x8_0000;

    /// <summary>Alignment of BAR 0 at power-on.</summary>
    public const ulong BarAlignment = 0x80_0000;

    /// <summary>Common configuration.</summary>
    public const uint CommonOffset = 0;

    /// <summary>Interrupt status.</summary>
    public const uint IsrOffset = 0x2000;

    /// <summary>Device configuration.</summary>
    public const uint DeviceOffset = 0x4000;

    /// <summary>Notification: a 32-bit word a queue.</summary>
    public const uint NotifyOffset = 0x6000;

    /// <summary>MSI-X table.</summary>
    public const uint TableOffset = 0x8000;

    /// <summary>MSI-X pending bits.</summary>
    public const uint PbaOffset = 0x4_8000;

    /// <summary>Bytes of the common configuration without queue_notify_data and queue_reset.</summary>
    public const uint CommonSize = 56;

    /// <summary>Bytes of the common configuration with them, when RING_RESET is offered.</summary>
    public const uint CommonSizeWithReset = 60;

    /// <summary>Bytes of the ISR structure.</summary>
    public const uint IsrSize = 1;

    /// <summary>Bytes of the device configuration and of the notification structures.</summary>
    public const uint RegionSize = 0x1000;

    /// <summary>Bytes from one queue's notification word to the next.</summary>
    public const uint NotifyMultiplier = 4;

    /// <summary>Most queues: one notification word each.</summary>
    public const int MaximumQueues = (int)(RegionSize / NotifyMultiplier);

    /// <summary>VIRTIO_MSI_NO_VECTOR.</summary>
    public const ushort NoVector = 0xFFFF;
}

/// <summary>The common configuration structure (virtio 1.2, 4.1.4.3).</summary>
internal static class VirtioCommon
{
    public const uint DeviceFeatureSelect = 0x00;
    public const uint DeviceFeature = 0x04;
    public const uint DriverFeatureSelect = 0x08;
    public const uint DriverFeature = 0x0C;
    public const uint ConfigVector = 0x10;
    public const uint QueueCount = 0x12;
    public const uint Status = 0x14;
    public const uint ConfigGeneration = 0x15;
    public const uint QueueSelect = 0x16;
    public const uint QueueSize = 0x18;
    public const uint QueueVector = 0x1A;
    public const uint QueueEnable = 0x1C;
    public const uint QueueNotifyOffset = 0x1E;
    public const uint QueueDescriptorArea = 0x20;
    public const uint QueueDriverArea = 0x28;
    public const uint QueueDeviceArea = 0x30;
    public const uint QueueNotifyData = 0x38;
    public const uint QueueReset = 0x3A;
    public const int ImageSize = 0x40;

    /// <summary>ISR bit: a queue has news. Only without MSI-X.</summary>
    public const int IsrQueue = 1;

    /// <summary>ISR bit: the configuration changed.</summary>
    public const int IsrConfig = 2;

    /// <summary>cfg_type of the common configuration capability.</summary>
    public const byte CapabilityCommon = 1;

    /// <summary>cfg_type of the notification capability.</summary>
    public const byte CapabilityNotify = 2;

    /// <summary>cfg_type of the ISR capability.</summary>
    public const byte CapabilityIsr = 3;

    /// <summary>cfg_type of the device configuration capability.</summary>
    public const byte CapabilityDevice = 4;

    /// <summary>cfg_type of the configuration access capability: a window on BAR 0 for firmware that cannot map it.</summary>
    public const byte CapabilityPciAccess = 5;
}

/// <summary>Choices of a virtio-pci device.</summary>
/// <param name="Bar32">BAR 0 is a 32-bit one.</param>
/// <param name="RingFeatures">Ring features offered, among INDIRECT_DESC, EVENT_IDX, RING_PACKED and RING_RESET; those the device cannot do are left out.</param>
public readonly record struct VirtioPciOptions(bool Bar32, ulong RingFeatures)
{
    /// <summary>The IOMMU that the device's addresses go through, or null. The driver must know of it: ACCESS_PLATFORM is offered, and needed.</summary>
    public IDmaTranslation? Dma { get; init; }

    /// <summary>The machine's choice: a 32-bit BAR for a block device present at boot on segment 0, where firmware must reach it, else a 64-bit one.</summary>
    public static VirtioPciOptions For(VirtioDevice device, int segment, bool atBoot) =>
        new(atBoot && segment == 0 && device.Type == VirtioDeviceType.Block, VirtioFeature.DefaultRing);
}
