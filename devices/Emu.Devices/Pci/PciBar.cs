// A base address register of a PCI function: its size, what lies behind it, and where it is mapped now.
using Emu.Core;

namespace Emu.Devices.Pci;

/// <summary>A base address register. Guarded by the lock of the segment its device sits in.</summary>
public sealed class PciBar
{
    internal PciBar(int index, PciBarKind kind, ulong size, ulong alignment, IMmioDevice window)
    {
        Index = index;
        Kind = kind;
        Size = size;
        Alignment = alignment;
        Window = window;
    }

    /// <summary>Number of the (first) register, 0 to 5.</summary>
    public int Index { get; }

    /// <summary>What the register describes.</summary>
    public PciBarKind Kind { get; }

    /// <summary>Bytes, a power of two.</summary>
    public ulong Size { get; }

    /// <summary>Alignment in bytes of the address given at power-on: at least <see cref="Size"/>.</summary>
    public ulong Alignment { get; }

    /// <summary>What lies behind the window.</summary>
    public IMmioDevice Window { get; }

    /// <summary>The guest-physical address of the window, or null while it is not mapped.</summary>
    public ulong? MappedAt => Region?.Start;

    internal MmioRegion? Region { get; set; }

    internal int Register => PciRegister.Bar0 + (Index * 4);
}
