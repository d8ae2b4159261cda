// How firmware of the QEMU kind gets the ACPI tables: three files of fw_cfg, one of them a script that says how to put the other two into RAM.
using System.Buffers.Binary;
using System.Text;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>
/// The files. Firmware chooses the addresses, so every address in the tables is an offset into its file at first; the script (QEMU
/// hw/acpi/bios-linker-loader.c) has it allocate the files, add their addresses, and then make the checksums.
/// </summary>
public sealed class AcpiTableLoader
{
    /// <summary>File of the script.</summary>
    public const string ScriptFile = "etc/table-loader";

    /// <summary>File of the root pointer.</summary>
    public const string RootPointerFile = "etc/acpi/rsdp";

    /// <summary>File of the tables.</summary>
    public const string TablesFile = "etc/acpi/tables";

    private const int EntryLength = 128;
    private const int NameLength = 56;
    private const int CommandLength = 4;
    private const uint TableAlignment = 64;
    private const uint RootPointerAlignment = 16;
    private const byte PointerSize = sizeof(ulong);

    private readonly List<byte> script = [];

    private enum Command : uint
    {
        /// <summary>File, alignment, zone.</summary>
        Allocate = 1,

        /// <summary>File with the pointer, file it points into, offset of the pointer, its size.</summary>
        AddPointer = 2,

        /// <summary>File, offset of the checksum, first byte and length of what it covers.</summary>
        AddChecksum = 3,
    }

    private enum Zone : byte
    {
        /// <summary>Anywhere below 4 GiB.</summary>
        High = 1,

        /// <summary>Where PCs look for the root pointer; firmware of Arm machines takes it as anywhere.</summary>
        FSegment = 2,
    }

    /// <summary>Makes the files of a machine.</summary>
    public AcpiTableLoader(Arm64AcpiOptions options)
    {
        var set = Arm64AcpiTables.Place(options, 0);
        RootPointer = Arm64AcpiTables.RootPointer((ulong)set.Root);
        Tables = set.Image;
        Allocate(RootPointerFile, RootPointerAlignment, Zone.FSegment);
        Allocate(TablesFile, TableAlignment, Zone.High);
        AddPointer(RootPointerFile, Arm64AcpiTables.RootPointerXsdtOffset);
        foreach (var offset in set.Pointers)
        {
            AddPointer(TablesFile, offset);
        }

        AddChecksum(RootPointerFile, RootPointer, Arm64AcpiTables.RootPointerChecksumOffset, 0, Arm64AcpiTables.RootPointerFirstPartLength);
        AddChecksum(RootPointerFile, RootPointer, Arm64AcpiTables.RootPointerExtendedChecksumOffset, 0, RootPointer.Length);
        foreach (var (offset, length) in set.Tables)
        {
            AddChecksum(TablesFile, Tables, offset + AcpiTable.ChecksumOffset, offset, length);
        }
    }

    /// <summary>The script.</summary>
    public byte[] Script => [.. script];

    /// <summary>The root pointer, without its checksums.</summary>
    public byte[] RootPointer { get; }

    /// <summary>The tables, without their checksums.</summary>
    public byte[] Tables { get; }

    private void Allocate(string file, uint alignment, Zone zone)
    {
        var entry = Entry(Command.Allocate, file);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(CommandLength + NameLength), alignment);
        entry[CommandLength + NameLength + 4] = (byte)zone;
        script.AddRange(entry);
    }

    private void AddPointer(string file, int offset)
    {
        const int Fields = CommandLength + (2 * NameLength);
        var entry = Entry(Command.AddPointer, file);
        Encoding.ASCII.GetBytes(TablesFile, entry.AsSpan(CommandLength + NameLength));
        BinaryPrimitives.WriteInt32LittleEndian(entry.AsSpan(Fields), offset);
        entry[Fields + 4] = PointerSize;
        script.AddRange(entry);
    }

    private void AddChecksum(string file, byte[] contents, int result, int start, int length)
    {
        contents[result] = 0;
        var entry = Entry(Command.AddChecksum, file);
        var fields = entry.AsSpan(CommandLength + NameLength);
        BinaryPrimitives.WriteInt32LittleEndian(fields, result);
        BinaryPrimitives.WriteInt32LittleEndian(fields[4..], start);
        BinaryPrimitives.WriteInt32LittleEndian(fields[8..], length);
        script.AddRange(entry);
    }

    private static byte[] Entry(Command command, string file)
    {
        var entry = new byte[EntryLength];
        BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)command);
        Encoding.ASCII.GetBytes(file, entry.AsSpan(CommandLength));
        return entry;
    }
}
