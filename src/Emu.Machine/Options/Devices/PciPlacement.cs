// The keys that every PCI device's option has: its name, and where it sits.
using Emu.Core;
using Emu.Devices.Pci;
using Emu.Machine.Boards;

namespace Emu.Machine.Options;

/// <summary>Where a device sits.</summary>
/// <param name="Id">Name for messages, snapshots and hotplug; null for one made of the device's kind and number.</param>
/// <param name="Segment">PCI segment.</param>
/// <param name="Slot">PCI slot, or null for the lowest free one.</param>
/// <param name="Iommu">Its addresses go through the virtio IOMMU.</param>
public readonly record struct PciPlacement(string? Id = null, int Segment = 0, int? Slot = null, bool Iommu = false)
{
    /// <summary>The keys, for <see cref="OptionString.Parse"/>.</summary>
    public static readonly string[] Keys = ["id", "pci_segment", "pci_device_id", "iommu"];

    /// <summary>Reads the keys.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static PciPlacement Parse(OptionString option)
    {
        return new PciPlacement(
            option["id"],
            option.Integer("pci_segment", 0, Arm64Layout.MaximumPciSegments - 1) ?? 0,
            option.Integer("pci_device_id", 1, PciSegment.SlotCount - 1),
            option.Toggle("iommu", false));
    }
}
