// MADT and IORT of the arm64 machine: the GICv3, and how MSIs of PCI functions reach its ITS.
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>Writes the tables about interrupts.</summary>
public static class Arm64InterruptTables
{
    private const byte MadtRevision = 5;
    private const byte GiccType = 0xB;
    private const byte GiccLength = 80;
    private const uint GiccEnabled = 1;
    private const byte GicdType = 0xC;
    private const byte GicdLength = 24;
    private const byte GicVersion3 = 3;
    private const byte GicrType = 0xE;
    private const byte GicrLength = 16;
    private const byte GicItsType = 0xF;
    private const byte GicItsLength = 20;

    /// <summary>Number of the one ITS in MADT, IORT and SRAT.</summary>
    public const uint ItsId = 0;

    // Arm DEN0049 (IORT), issue D.
    private const byte IortRevision = 0;
    private const byte IortItsGroupType = 0;
    private const int IortItsGroupLength = 24;
    private const byte IortRootComplexType = 2;
    private const byte IortRootComplexRevision = 1;
    private const int IortRootComplexLength = 36;
    private const int IortMappingLength = 20;

    /// <summary>Memory access flags of a root complex: coherent path to memory, device attributes cacheable and shareable.</summary>
    private const byte IortCoherent = 3;
    private const byte IortAddressBits = 64;
    private const uint RequesterIdsPerSegment = 0x100;

    /// <summary>The MADT.</summary>
    public static byte[] MultipleApicDescription(Arm64AcpiOptions options)
    {
        // Local interrupt controller address and flags mean nothing on Arm.
        var table = new AcpiTable("APIC", MadtRevision).U32(0).U32(0);
        for (var i = 0; i < options.VcpuCount; i++)
        {
            Gicc(table, i, options.HasPmu);
        }

        table.U8(GicdType).U8(GicdLength).U16(0).U32(0).U64(Arm64Layout.GicDistributorBase).U32(0).U8(GicVersion3).Zeroes(3);
        table.U8(GicrType).U8(GicrLength).U16(0).U64(Arm64Layout.GicRedistributorBase(options.MaximumVcpus))
            .U32((uint)options.VcpuCount * (uint)Arm64Layout.GicRedistributorSize);
        table.U8(GicItsType).U8(GicItsLength).U16(0).U32(ItsId).U64(Arm64Layout.GicItsBase(options.MaximumVcpus)).U32(0);
        return table.Build();
    }

    /// <summary>The IORT: every segment's requester IDs become DeviceIDs of the one ITS, 256 a segment.</summary>
    public static byte[] IoRemapping(IReadOnlyList<PciSegmentLayout> segments)
    {
        const int FirstNode = AcpiTable.HeaderLength + 12;
        var table = new AcpiTable("IORT", IortRevision).U32((uint)segments.Count + 1).U32(FirstNode).U32(0);
        table.U8(IortItsGroupType).U16(IortItsGroupLength).U8(0).U32(0).U32(0).U32(0).U32(1).U32(ItsId);
        foreach (var segment in segments)
        {
            table.U8(IortRootComplexType).U16(IortRootComplexLength + IortMappingLength).U8(IortRootComplexRevision).U32(0)
                .U32(1).U32(IortRootComplexLength)
                .U32(1).U8(0).U16(0).U8(IortCoherent)
                .U32(0).U32((uint)segment.Number).U8(IortAddressBits).Zeroes(3);
            table.U32(0).U32(RequesterIdsPerSegment - 1).U32((uint)segment.Number * RequesterIdsPerSegment).U32(FirstNode).U32(0);
        }

        return table.Build();
    }

    /// <summary>A CPU's interface to the GIC. Its redistributor is found through the GICR structure.</summary>
    private static void Gicc(AcpiTable table, int index, bool hasPmu) =>
        table.U8(GiccType).U8(GiccLength).U16(0)
            .U32((uint)index).U32((uint)index).U32(GiccEnabled).U32(0).U32(hasPmu ? Arm64Layout.PmuInterrupt : 0u)
            .U64(0).U64(0).U64(0).U64(0).U32(Arm64Layout.MaintenanceInterrupt).U64(0)
            .U64(Arm64Layout.Affinity(index)).U8(0).U8(0).U16(0);
}
