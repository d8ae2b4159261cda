// The SMBIOS tables (DMTF DSP0134 3.0): what machine this is, for firmware to publish.
using System.Buffers.Binary;
using System.Text;

namespace Emu.Machine.Firmware.Smbios;

/// <summary>Builds the structures and the entry point in front of them, as Cloud Hypervisor has them; the one about firmware is the firmware's own.</summary>
public static class SmbiosTables
{
    /// <summary>File of fw_cfg that holds the entry point.</summary>
    public const string AnchorFile = "etc/smbios/smbios-anchor";

    /// <summary>File of fw_cfg that holds the structures.</summary>
    public const string TablesFile = "etc/smbios/smbios-tables";

    private const string Manufacturer = "Cloud Hypervisor";
    private const string Product = "cloud-hypervisor";

    private const byte MajorVersion = 3;
    private const byte EntryRevision = 1;

    // Types of structures (7.1 and on).
    private const byte SystemInformation = 1;
    private const byte OemStrings = 11;
    private const byte EndOfTable = 127;

    // The 64-bit entry point (5.2.2).
    private const int EntryBytes = 24;
    private const int EntryChecksum = 5;
    private const int EntryLength = 6;
    private const int EntryMajorVersion = 7;
    private const int EntryRevisionAt = 10;
    private const int EntryMaximumSize = 12;

    /// <summary>Wake-up type: power switch (7.2.2).</summary>
    private const byte WakeUpByPowerSwitch = 6;

    /// <summary>The structures, one behind the other.</summary>
    public static byte[] Structures(SmbiosOptions options)
    {
        var table = new List<byte>();
        ushort handle = 0;
        void Add(byte type, ReadOnlySpan<byte> body, IReadOnlyList<string> strings)
        {
            table.AddRange([type, (byte)(4 + body.Length), (byte)handle, (byte)(handle >> 8)]);
            handle++;
            table.AddRange(body);
            foreach (var text in strings)
            {
                table.AddRange([.. Encoding.UTF8.GetBytes(text), 0]);
            }

            table.AddRange(strings.Count == 0 ? [0, 0] : [0]);
        }

        // Manufacturer, product, version, serial number, UUID (its first fields little-endian), wake-up type, SKU, family; strings by number, from 1.
        var serial = options.SerialNumber is { Length: > 0 };
        string[] names = serial ? [Manufacturer, Product, options.SerialNumber!] : [Manufacturer, Product];
        Add(SystemInformation, [1, 2, 0, serial ? (byte)3 : (byte)0, .. options.Uuid.ToByteArray(), WakeUpByPowerSwitch, 0, 0], names);
        if (options.OemStrings.Count > 0)
        {
            Add(OemStrings, [(byte)options.OemStrings.Count], options.OemStrings);
        }

        Add(EndOfTable, [], []);
        return [.. table];
    }

    /// <summary>The entry point. Firmware puts the address in where it puts the structures.</summary>
    public static byte[] EntryPoint(int structureBytes)
    {
        var entry = new byte[EntryBytes];
        "_SM3_"u8.CopyTo(entry);
        entry[EntryLength] = EntryBytes;
        entry[EntryMajorVersion] = MajorVersion;
        entry[EntryRevisionAt] = EntryRevision;
        BinaryPrimitives.WriteInt32LittleEndian(entry.AsSpan(EntryMaximumSize), structureBytes);
        entry[EntryChecksum] = (byte)-entry.Sum(b => b);
        return entry;
    }
}
