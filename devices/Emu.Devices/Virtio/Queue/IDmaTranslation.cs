// What stands between the addresses a device uses and guest memory, where the machine has an IOMMU.
namespace Emu.Devices.Virtio;

/// <summary>One device's view of guest memory. Thread-safe; takes no lock that is held while a device is called.</summary>
public interface IDmaTranslation
{
    /// <summary>
    /// Changes whenever an address that was translated may no longer lead to the same place. Read before translating, and compared with before a
    /// place found earlier is used again.
    /// </summary>
    int Generation { get; }

    /// <summary>Translates an address. What is not mapped is reported to the driver of the IOMMU.</summary>
    /// <param name="address">What the device uses.</param>
    /// <param name="forWrite">The device writes.</param>
    /// <param name="physical">Guest-physical address; nothing says that memory is there.</param>
    /// <param name="length">Bytes from there on that the same translation holds for, at least 1.</param>
    /// <returns>Whether the device may go there.</returns>
    bool TryTranslate(ulong address, bool forWrite, out ulong physical, out ulong length);
}
