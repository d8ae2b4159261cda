// SRAT and SLIT: which vCPUs and RAM belong to which NUMA node, and how far the nodes are from each other.
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>Writes the NUMA tables.</summary>
public static class NumaTables
{
    private const byte SratRevision = 3;
    private const byte SratMemoryType = 1;
    private const byte SratMemoryLength = 40;
    private const byte SratGiccType = 3;
    private const byte SratGiccLength = 18;
    private const byte SratItsType = 4;
    private const byte SratItsLength = 12;
    private const byte SratInitiatorType = 5;
    private const byte SratInitiatorLength = 32;
    private const byte SratPciHandle = 1;
    private const uint SratEnabled = 1;
    private const byte SlitRevision = 1;

    /// <summary>The SRAT. The one ITS belongs to the first node.</summary>
    /// <param name="nodes">The nodes.</param>
    /// <param name="initiators">Devices that belong to one by themselves.</param>
    /// <param name="flash">Firmware's flash, or null. EDK2's memory map calls it write-combining, which Linux takes for RAM: RAM of no node, and it
    /// gives up all nodes. So the flash is the first one's.</param>
    public static byte[] Affinity(IReadOnlyList<NumaNode> nodes, IReadOnlyList<NumaInitiator> initiators, MemoryRange? flash = null)
    {
        var table = new AcpiTable("SRAT", SratRevision).U32(1).U64(0);
        if (flash is { } bank)
        {
            Memory(table, nodes[0], bank);
        }

        foreach (var node in nodes)
        {
            foreach (var range in node.Memory)
            {
                Memory(table, node, range);
            }

            foreach (var cpu in node.Cpus)
            {
                table.U8(SratGiccType).U8(SratGiccLength).U32(node.Id).U32((uint)cpu).U32(SratEnabled).U32(0);
            }
        }

        table.U8(SratItsType).U8(SratItsLength).U32(nodes[0].Id).U16(0).U32(Arm64InterruptTables.ItsId);
        foreach (var device in initiators)
        {
            // The handle of a PCI device: segment, then bus, device and function as a configuration address has them.
            table.U8(SratInitiatorType).U8(SratInitiatorLength).U8(0).U8(SratPciHandle).U32(device.Node)
                .U16(device.Segment).U16(device.Slot << 3).Zeroes(12).U32(SratEnabled).U32(0);
        }

        return table.Build();
    }

    private static void Memory(AcpiTable table, NumaNode node, MemoryRange range) =>
        table.U8(SratMemoryType).U8(SratMemoryLength).U32(node.Id).U16(0).U64(range.Start).U64(range.Length).U32(0).U32(SratEnabled).U64(0);

    /// <summary>The SLIT. Rows and columns are proximity domains, so nodes are numbered from 0 without gaps.</summary>
    public static byte[] Distances(IReadOnlyList<NumaNode> nodes)
    {
        var table = new AcpiTable("SLIT", SlitRevision).U64((ulong)nodes.Count);
        foreach (var from in nodes)
        {
            foreach (var to in nodes)
            {
                table.U8(from.DistanceTo(to));
            }
        }

        return table.Build();
    }
}
