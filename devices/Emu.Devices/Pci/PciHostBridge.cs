// The host bridge at 0000:00:00.0, by whose identity firmware knows the platform.
namespace Emu.Devices.Pci;

/// <summary>The host bridge: identification and nothing else.</summary>
public sealed class PciHostBridge : PciDevice
{
    /// <summary>Vendor and device ID the firmware looks for.</summary>
    public const ushort VendorId = 0x8086;

    /// <summary>Device ID.</summary>
    public const ushort DeviceId = 0x0D57;

    private const uint HostBridgeClass = 0x06_00_00;

    /// <summary>Creates the bridge.</summary>
    public PciHostBridge()
        : base("host bridge", new PciIdentity(VendorId, DeviceId, HostBridgeClass)) { }
}
