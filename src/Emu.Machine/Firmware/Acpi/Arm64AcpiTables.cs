// The ACPI tables of the arm64 machine, in the order they lie in RAM: root pointer, DSDT, the others, XSDT.
using System.Buffers.Binary;
using System.Text;
using Emu.Core;
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>Builds all tables.</summary>
public static class Arm64AcpiTables
{
    private const int RootPointerLength = 36;
    private const int RootPointerFirstPartLength = 20;
    private const int RootPointerChecksumOffset = 8;
    private const int RootPointerExtendedChecksumOffset = 32;
    private const byte RootPointerRevision = 2;

    /// <summary>The tables as they lie in RAM from <see cref="Arm64Layout.AcpiBase"/> on, root pointer first.</summary>
    /// <exception cref="EmuException">They do not fit the room the map keeps for them.</exception>
    public static byte[] Build(Arm64AcpiOptions options)
    {
        var image = new List<byte>(new byte[RootPointerLength]);
        var addresses = new List<ulong>();
        ulong Append(byte[] table)
        {
            var address = Arm64Layout.AcpiBase + (ulong)image.Count;
            image.AddRange(table);
            return address;
        }

        var tables = Tables(options);
        var dsdt = Append(tables[0]);
        addresses.Add(Append(Arm64FixedTables.FixedDescription(dsdt)));
        foreach (var table in tables.Skip(1))
        {
            addresses.Add(Append(table));
        }

        var root = new AcpiTable("XSDT", 1);
        foreach (var address in addresses)
        {
            root.U64(address);
        }

        var pointer = RootPointer(Append(root.Build()));
        var result = image.ToArray();
        pointer.CopyTo(result, 0);
        return (ulong)result.Length <= Arm64Layout.AcpiMaximumSize
            ? result
            : throw new EmuException($"the ACPI tables are {result.Length} bytes long, at most {Arm64Layout.AcpiMaximumSize} fit; use fewer PCI segments");
    }

    /// <summary>Every table but the FADT, which names the DSDT's address; the DSDT first.</summary>
    private static List<byte[]> Tables(Arm64AcpiOptions options)
    {
        var tables = new List<byte[]>
        {
            Arm64Dsdt.Build(options),
            Arm64InterruptTables.MultipleApicDescription(options),
            Arm64FixedTables.ProcessorTopology(options.VcpuCount),
            Arm64FixedTables.GenericTimers(),
            Arm64FixedTables.PciConfiguration(options.PciSegments),
        };
        if (options.HasSerial)
        {
            tables.Add(Arm64FixedTables.SerialConsole());
            tables.Add(Arm64FixedTables.DebugPort());
        }

        if (options.Numa.Count > 0)
        {
            tables.Add(NumaTables.Affinity(options.Numa, options.Initiators));
            tables.Add(NumaTables.Distances(options.Numa));
        }

        tables.Add(Arm64InterruptTables.IoRemapping(options.PciSegments));
        if (options.Iommu is { } iommu)
        {
            tables.Add(ViotTable.Build(iommu));
        }

        return tables;
    }

    private static byte[] RootPointer(ulong xsdt)
    {
        var bytes = new byte[RootPointerLength];
        Encoding.ASCII.GetBytes("RSD PTR ").CopyTo(bytes, 0);
        Encoding.ASCII.GetBytes(AcpiTable.OemId).CopyTo(bytes, 9);
        bytes[15] = RootPointerRevision;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), RootPointerLength);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), xsdt);
        bytes[RootPointerChecksumOffset] = AcpiTable.Checksum(bytes.AsSpan(0, RootPointerFirstPartLength));
        bytes[RootPointerExtendedChecksumOffset] = AcpiTable.Checksum(bytes);
        return bytes;
    }
}
