// VIOT: which PCI devices are behind the virtio IOMMU.
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>Writes the table (ACPI 6.5, 5.2.34).</summary>
public static class ViotTable
{
    private const byte Revision = 0;
    private const int FirstNode = AcpiTable.HeaderLength + 12;
    private const byte PciRangeType = 1;
    private const int PciRangeLength = 24;
    private const byte VirtioPciType = 3;
    private const int VirtioPciLength = 16;

    /// <summary>The IOMMU's node, and a range of one function for each device behind it.</summary>
    public static byte[] Build(IommuLayout iommu)
    {
        var table = new AcpiTable("VIOT", Revision).U16(1 + iommu.Endpoints.Count).U16(FirstNode).U64(0);
        table.U8(VirtioPciType).U8(0).U16(VirtioPciLength).U16(0).U16(iommu.Slot << 3).U64(0);
        foreach (var endpoint in iommu.Endpoints)
        {
            var segment = IommuLayout.Segment(endpoint);
            var function = (int)IommuLayout.RequesterId(endpoint);
            table.U8(PciRangeType).U8(0).U16(PciRangeLength).U32(endpoint).U16(segment).U16(segment).U16(function).U16(function).U16(FirstNode).Zeroes(6);
        }

        return table.Build();
    }
}
