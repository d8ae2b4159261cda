// Numbers of the VHDX format (MS-VHDX, Virtual Hard Disk v2 File Format).
using System.Buffers.Binary;

namespace Emu.Devices.Storage.Vhdx;

/// <summary>Constants of the format; every field is little-endian.</summary>
internal static class VhdxFormat
{
    // 2.1: regions at fixed places.
    public const ulong Header1Offset = 64 << 10;
    public const ulong Header2Offset = 128 << 10;
    public const ulong RegionTable1Offset = 192 << 10;
    public const ulong RegionTable2Offset = 256 << 10;
    public const int HeaderBytes = 4096;
    public const int RegionTableBytes = 64 << 10;
    public const ulong FirstRegionOffset = 1 << 20;
    public const ulong Megabyte = 1 << 20;

    // 2.2.2: the header.
    public const int ChecksumOffset = 4;
    public const int HeaderSequenceOffset = 8;
    public const int HeaderFileWriteGuidOffset = 16;
    public const int HeaderDataWriteGuidOffset = 32;
    public const int HeaderLogGuidOffset = 48;
    public const int HeaderLogVersionOffset = 64;
    public const int HeaderVersionOffset = 66;
    public const int HeaderLogLengthOffset = 68;
    public const int HeaderLogOffsetOffset = 72;

    // 2.2.3: the region table.
    public const int RegionCountOffset = 8;
    public const int RegionEntriesOffset = 16;
    public const int RegionEntryBytes = 32;

    /// <summary>The format allows 2047 regions, and defines two.</summary>
    public const int MaximumRegions = 64;
    public const int MaximumMetadataItems = 2047;

    // 2.3: the log.
    public const int LogSectorBytes = 4096;
    public const int LogEntryHeaderBytes = 64;
    public const int LogDescriptorBytes = 32;
    public const int LogDataBytes = LogSectorBytes - 12;

    // 2.4: BAT entries.
    public const ulong BatStateMask = 7;
    public const ulong BatOffsetMask = ~0xFFFFFUL;
    public const ulong BlockNotPresent = 0;
    public const ulong BlockUndefined = 1;
    public const ulong BlockZero = 2;
    public const ulong BlockUnmapped = 3;
    public const ulong BlockFullyPresent = 6;
    public const ulong BlockPartiallyPresent = 7;

    // 2.6: the metadata table.
    public const int MetadataTableBytes = 64 << 10;
    public const int MetadataCountOffset = 10;
    public const int MetadataEntriesOffset = 32;
    public const int MetadataEntryBytes = 32;
    public const uint MetadataIsRequired = 4;
    public const uint FileHasParent = 2;

    public static readonly Guid BatRegion = new("2DC27766-F623-4200-9D64-115E9BFD4A08");
    public static readonly Guid MetadataRegion = new("8B7CA206-4790-4B9A-B8FE-575F050F886E");
    public static readonly Guid FileParameters = new("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");
    public static readonly Guid VirtualDiskSize = new("2FA54224-CD1B-4876-B211-5DBED83BF4B8");
    public static readonly Guid VirtualDiskId = new("BECA12AB-B2E6-4523-93EF-C309E000C746");
    public static readonly Guid LogicalSectorSize = new("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");
    public static readonly Guid PhysicalSectorSize = new("CDA348C7-445D-4471-9CC9-E9885251C556");
    public static readonly Guid ParentLocator = new("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C");

    /// <summary>CRC-32C, reflected, as a table for one byte at a time.</summary>
    private static readonly uint[] CrcTable = [.. Enumerable.Range(0, 256).Select(i =>
    {
        var c = (uint)i;
        for (var k = 0; k < 8; k++)
        {
            c = (c >> 1) ^ ((c & 1) != 0 ? 0x82F6_3B78 : 0);
        }

        return c;
    })];

    public static ReadOnlySpan<byte> FileSignature => "vhdxfile"u8;

    public static ReadOnlySpan<byte> HeaderSignature => "head"u8;

    public static ReadOnlySpan<byte> RegionSignature => "regi"u8;

    public static ReadOnlySpan<byte> MetadataSignature => "metadata"u8;

    /// <summary>The checksum of a structure whose own checksum field, at byte 4, counts as zero.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var c = uint.MaxValue;
        for (var i = 0; i < bytes.Length; i++)
        {
            var b = i is >= ChecksumOffset and < ChecksumOffset + 4 ? (byte)0 : bytes[i];
            c = CrcTable[(byte)(c ^ b)] ^ (c >> 8);
        }

        return ~c;
    }

    /// <summary>Whether a structure has its signature and a right checksum.</summary>
    public static bool IsValid(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> signature) =>
        bytes[..signature.Length].SequenceEqual(signature) && BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]) == Checksum(bytes);

    /// <summary>Stores the checksum.</summary>
    public static void Seal(Span<byte> bytes) => BinaryPrimitives.WriteUInt32LittleEndian(bytes[ChecksumOffset..], Checksum(bytes));
}
