// What the ACPI tables of the arm64 machine are made from.
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>What varies from one arm64 machine to the next.</summary>
public sealed record Arm64AcpiOptions
{
    /// <summary>vCPUs present.</summary>
    public required int VcpuCount { get; init; }

    /// <summary>vCPUs the interrupt controller has room for; the addresses of its parts follow.</summary>
    public required int MaximumVcpus { get; init; }

    /// <summary>The PCI segments.</summary>
    public required IReadOnlyList<PciSegmentLayout> PciSegments { get; init; }

    /// <summary>Whether the machine has the PL011.</summary>
    public bool HasSerial { get; init; } = true;

    /// <summary>Whether the CPUs have the performance monitors.</summary>
    public bool HasPmu { get; init; }

    /// <summary>Whether the machine has fw_cfg.</summary>
    public bool HasFwCfg { get; init; }

    /// <summary>NUMA nodes; empty for a machine that says nothing of them.</summary>
    public IReadOnlyList<NumaNode> Numa { get; init; } = [];

    /// <summary>The flash of firmware of the QEMU kind, or null.</summary>
    public MemoryRange? Flash { get; init; }

    /// <summary>The IOMMU, or null.</summary>
    public IommuLayout? Iommu { get; init; }

    /// <summary>PCI devices that belong to a node by themselves.</summary>
    public IReadOnlyList<NumaInitiator> Initiators { get; init; } = [];
}
