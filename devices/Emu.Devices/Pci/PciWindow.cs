// A run of guest-physical addresses that a PCI host bridge forwards to its bus.
namespace Emu.Devices.Pci;

/// <summary>A host bridge window.</summary>
/// <param name="Base">Guest-physical address of the first byte.</param>
/// <param name="Size">Bytes; 0 for no window.</param>
/// <param name="PciBase">Bus address of the first byte: what BARs hold.</param>
public readonly record struct PciWindow(ulong Base, ulong Size, ulong PciBase)
{
    /// <summary>A memory window where bus and guest-physical addresses are the same, as on every board of this machine.</summary>
    public static PciWindow Identity(ulong start, ulong size) => new(start, size, start);

    /// <summary>Translates a run of bus addresses that lies wholly inside. False when it does not.</summary>
    public bool TryTranslate(ulong pci, ulong length, out ulong physical)
    {
        var offset = pci - PciBase;
        physical = Base + offset;
        return pci >= PciBase && offset < Size && length <= Size - offset;
    }
}
