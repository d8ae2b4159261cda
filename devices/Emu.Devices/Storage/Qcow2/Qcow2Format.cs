// Numbers of the qcow2 format (QEMU docs/interop/qcow2: the specification of versions 2 and 3).
namespace Emu.Devices.Storage.Qcow2;

/// <summary>Constants of the format; every field is big-endian.</summary>
internal static class Qcow2Format
{
    // Offsets of header fields, in bytes.
    public const int VersionOffset = 4;
    public const int BackingFileOffset = 8;
    public const int BackingFileSizeOffset = 16;
    public const int ClusterBitsOffset = 20;
    public const int SizeOffset = 24;
    public const int CryptMethodOffset = 32;
    public const int L1SizeOffset = 36;
    public const int L1TableOffset = 40;
    public const int RefcountTableOffset = 48;
    public const int RefcountTableClustersOffset = 56;
    public const int SnapshotCountOffset = 60;
    public const int IncompatibleFeaturesOffset = 72;
    public const int AutoclearFeaturesOffset = 88;
    public const int RefcountOrderOffset = 96;
    public const int HeaderLengthOffset = 100;
    public const int CompressionTypeOffset = 104;

    public const int HeaderBytesV2 = 72;
    public const int HeaderBytesV3 = 104;

    /// <summary>What is rewritten when the header changes: one sector, which the host writes whole or not at all.</summary>
    public const int HeaderSectorBytes = 512;

    // Incompatible features.
    public const ulong IncompatibleDirty = 1;
    public const ulong IncompatibleCorrupt = 2;
    public const ulong IncompatibleDataFile = 4;
    public const ulong IncompatibleCompression = 8;
    public const ulong IncompatibleExtendedL2 = 16;
    public const ulong IncompatibleKnown = 31;

    // Header extensions.
    public const uint ExtensionEnd = 0;
    public const uint ExtensionBackingFormat = 0xE279_2ACA;
    public const uint ExtensionBitmaps = 0x2385_2875;

    // L1 and L2 entries.
    public const ulong EntryCopied = 1UL << 63;
    public const ulong EntryCompressed = 1UL << 62;
    public const ulong EntryZero = 1;
    public const ulong EntryOffsetMask = 0x00FF_FFFF_FFFF_FE00;
    public const int EntryBytes = 8;

    public const int MinimumClusterBits = 9;
    public const int MaximumClusterBits = 21;
    public const int MaximumRefcountOrder = 6;
    public const int MaximumBackingName = 1023;
    public const uint CompressedSectorBytes = 512;

    /// <summary>Largest L1 table and refcount table, in bytes: QEMU's limits.</summary>
    public const ulong MaximumL1Bytes = 32 << 20;
    public const ulong MaximumRefcountTableBytes = 8 << 20;

    public static ReadOnlySpan<byte> Magic => [(byte)'Q', (byte)'F', (byte)'I', 0xFB];
}

/// <summary>How a cluster of the disk is stored.</summary>
internal enum ClusterKind
{
    /// <summary>Nowhere: the backing file's bytes, or zero.</summary>
    Unallocated,

    /// <summary>Reads as zero, whatever the backing file holds.</summary>
    Zero,

    /// <summary>In a cluster of the image.</summary>
    Data,

    /// <summary>Compressed, in 512-byte sectors of the image.</summary>
    Compressed,
}
