// The ACPI tables of the arm64 machine, in the order they lie in RAM: root pointer, DSDT, the others, XSDT.
using System.Buffers.Binary;
using System.Text;
using Emu.Core;
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>Builds all tables.</summary>
public static class Arm64AcpiTables
{
    /// <summary>Bytes of the root pointer (ACPI 6.3, 5.2.5.3); the first part has a checksum of its own.</summary>
    internal const int RootPointerLength = 36;
    internal const int RootPointerFirstPartLength = 20;
    internal const int RootPointerChecksumOffset = 8;
    internal const int RootPointerXsdtOffset = 24;
    internal const int RootPointerExtendedChecksumOffset = 32;
    private const byte RootPointerRevision = 2;

    /// <summary>The tables as they lie in RAM from <see cref="Arm64Layout.AcpiBase"/> on, root pointer first.</summary>
    /// <exception cref="EmuException">They do not fit the room the map keeps for them.</exception>
    public static byte[] Build(Arm64AcpiOptions options)
    {
        const ulong Base = Arm64Layout.AcpiBase + RootPointerLength;
        var set = Place(options, Base);
        byte[] result = [.. RootPointer(Base + (ulong)set.Root), .. set.Image];
        return (ulong)result.Length <= Arm64Layout.AcpiMaximumSize
            ? result
            : throw new EmuException($"the ACPI tables are {result.Length} bytes long, at most {Arm64Layout.AcpiMaximumSize} fit; use fewer PCI segments");
    }

    /// <summary>The tables without the root pointer, one behind the other.</summary>
    /// <param name="options">What they are made from.</param>
    /// <param name="start">Where they will lie.</param>
    public static AcpiTableSet Place(Arm64AcpiOptions options, ulong start)
    {
        var image = new List<byte>();
        var parts = new List<(int Offset, int Length)>();
        var pointers = new List<int>();
        ulong Append(byte[] table)
        {
            parts.Add((image.Count, table.Length));
            image.AddRange(table);
            return start + (ulong)parts[^1].Offset;
        }

        var tables = Tables(options);
        var addresses = new List<ulong> { Append(Arm64FixedTables.FixedDescription(Append(tables[0]))) };
        pointers.Add(parts[^1].Offset + Arm64FixedTables.FadtXDsdtOffset);
        foreach (var table in tables.Skip(1))
        {
            addresses.Add(Append(table));
        }

        var root = new AcpiTable("XSDT", 1);
        foreach (var address in addresses)
        {
            pointers.Add(image.Count + root.Length);
            root.U64(address);
        }

        Append(root.Build());
        return new AcpiTableSet([.. image], parts, pointers);
    }

    /// <summary>The root pointer.</summary>
    /// <param name="xsdt">Where the XSDT lies.</param>
    public static byte[] RootPointer(ulong xsdt)
    {
        var bytes = new byte[RootPointerLength];
        Encoding.ASCII.GetBytes("RSD PTR ").CopyTo(bytes, 0);
        Encoding.ASCII.GetBytes(AcpiTable.OemId).CopyTo(bytes, 9);
        bytes[15] = RootPointerRevision;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), RootPointerLength);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(RootPointerXsdtOffset), xsdt);
        bytes[RootPointerChecksumOffset] = AcpiTable.Checksum(bytes.AsSpan(0, RootPointerFirstPartLength));
        bytes[RootPointerExtendedChecksumOffset] = AcpiTable.Checksum(bytes);
        return bytes;
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
            tables.Add(NumaTables.Affinity(options.Numa, options.Initiators, options.Flash));
            tables.Add(NumaTables.Distances(options.Numa));
        }

        tables.Add(Arm64InterruptTables.IoRemapping(options.PciSegments));
        if (options.Iommu is { } iommu)
        {
            tables.Add(ViotTable.Build(iommu));
        }

        return tables;
    }
}

/// <summary>ACPI tables one behind the other.</summary>
/// <param name="Image">Their bytes.</param>
/// <param name="Tables">Where each lies; the XSDT last.</param>
/// <param name="Pointers">Where 64-bit addresses of other tables lie.</param>
public sealed record AcpiTableSet(byte[] Image, IReadOnlyList<(int Offset, int Length)> Tables, IReadOnlyList<int> Pointers)
{
    /// <summary>Where the XSDT lies.</summary>
    public int Root => Tables[^1].Offset;
}
