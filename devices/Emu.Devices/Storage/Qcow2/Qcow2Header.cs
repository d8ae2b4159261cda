// The header of a qcow2 image: read, checked, and kept as bytes so that what is not understood is written back as it was.
using System.Buffers.Binary;
using System.Text;
using Emu.Core;
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Qcow2.Qcow2Format;

namespace Emu.Devices.Storage.Qcow2;

/// <summary>A checked header.</summary>
internal sealed class Qcow2Header
{
    private readonly byte[] sector;
    private readonly string path;

    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="EmuException">It is damaged, or asks for a feature that is refused.</exception>
    public Qcow2Header(IImageFile file)
    {
        path = file.Path;
        sector = new byte[HeaderSectorBytes];
        DiskImage.ReadOrThrow(file, 0, sector);
        if (file.Length < HeaderBytesV2 || !sector.AsSpan(0, 4).SequenceEqual(Magic))
        {
            throw new EmuException($"disk image '{path}' is not a qcow2 image: its first bytes are not 'QFI'; give image_type=raw if it is a raw disk");
        }

        Version = (int)Get32(VersionOffset);
        if (Version is not (2 or 3))
        {
            throw new EmuException($"disk image '{path}' is qcow version {(uint)Version}: versions 2 and 3 are supported");
        }

        ClusterBits = Get32(ClusterBitsOffset) is var bits and >= MinimumClusterBits and <= MaximumClusterBits
            ? (int)bits
            : throw Damaged($"its cluster size is 2^{Get32(ClusterBitsOffset)} bytes, and 2^{MinimumClusterBits} to 2^{MaximumClusterBits} are possible");
        if (Get32(CryptMethodOffset) != 0)
        {
            throw new EmuException($"disk image '{path}' is encrypted, which is not supported: decrypt it with qemu-img convert");
        }

        var headerLength = Version == 2 ? HeaderBytesV2 : Get32(HeaderLengthOffset);
        if (Version == 3)
        {
            CheckFeatures(headerLength);
        }

        RefcountOrder = Version == 2 ? 4 : (int)Get32(RefcountOrderOffset);
        if ((uint)RefcountOrder > MaximumRefcountOrder)
        {
            throw Damaged($"its refcount order is {(uint)RefcountOrder}, and at most {MaximumRefcountOrder} is possible");
        }

        CheckTables(file);
        ReadExtensions(file, headerLength);
    }

    /// <summary>2 or 3.</summary>
    public int Version { get; }

    /// <summary>log2 of the cluster size in bytes.</summary>
    public int ClusterBits { get; }

    /// <summary>Cluster size in bytes.</summary>
    public uint ClusterBytes => 1u << ClusterBits;

    /// <summary>log2 of the width of a refcount in bits.</summary>
    public int RefcountOrder { get; }

    /// <summary>Size of the disk in bytes.</summary>
    public ulong Size => Get64(SizeOffset);

    /// <summary>Entries of the L1 table.</summary>
    public uint L1Entries => Get32(L1SizeOffset);

    /// <summary>Where the active L1 table is.</summary>
    public ulong L1Offset => Get64(L1TableOffset);

    /// <summary>Where the refcount table is.</summary>
    public ulong RefcountOffset => Get64(RefcountTableOffset);

    /// <summary>Clusters of the refcount table.</summary>
    public uint RefcountClusters => Get32(RefcountTableClustersOffset);

    /// <summary>Compressed clusters are zstd frames, not raw deflate.</summary>
    public bool IsZstd { get; private set; }

    /// <summary>Name of the backing file, or null.</summary>
    public string? BackingFile { get; private set; }

    /// <summary>Format of the backing file, or null if the image does not say.</summary>
    public string? BackingFormat { get; private set; }

    /// <summary>Whether the image holds persistent dirty bitmaps.</summary>
    public bool HasBitmaps { get; private set; }

    /// <summary>The refcounts may be wrong.</summary>
    public bool IsDirty => (Features & IncompatibleDirty) != 0;

    /// <summary>The tables may be wrong.</summary>
    public bool IsCorrupt => (Features & IncompatibleCorrupt) != 0;

    /// <summary>Whether a feature bit is set that a writer who does not keep the feature up to date has to clear.</summary>
    public bool HasAutoclearFeatures => Version == 3 && Get64(AutoclearFeaturesOffset) != 0;

    private ulong Features => Version == 3 ? Get64(IncompatibleFeaturesOffset) : 0;

    /// <summary>Clears the autoclear feature bits in the file.</summary>
    public DiskStatus ClearAutoclearFeatures(IImageFile file) => Rewrite(file, s => BinaryPrimitives.WriteUInt64BigEndian(s.AsSpan(AutoclearFeaturesOffset), 0));

    /// <summary>Makes the file use another L1 table and refcount table, both at once.</summary>
    public DiskStatus SetTables(IImageFile file, ulong l1Offset, ulong refcountOffset, uint refcountClusters) => Rewrite(file, s =>
    {
        BinaryPrimitives.WriteUInt64BigEndian(s.AsSpan(L1TableOffset), l1Offset);
        BinaryPrimitives.WriteUInt64BigEndian(s.AsSpan(RefcountTableOffset), refcountOffset);
        BinaryPrimitives.WriteUInt32BigEndian(s.AsSpan(RefcountTableClustersOffset), refcountClusters);
    });

    /// <summary>Number of entries the L1 table needs for the disk.</summary>
    public static ulong L1EntriesFor(ulong size, int clusterBits)
    {
        var shift = clusterBits + clusterBits - 3;
        return (size >> shift) + ((size & ((1UL << shift) - 1)) != 0 ? 1UL : 0);
    }

    private DiskStatus Rewrite(IImageFile file, Action<byte[]> change)
    {
        var changed = (byte[])sector.Clone();
        change(changed);
        var status = file.Write(0, changed);
        if (status == DiskStatus.Ok)
        {
            changed.CopyTo(sector, 0);
        }

        return status;
    }

    private void CheckFeatures(uint headerLength)
    {
        if (headerLength < HeaderBytesV3 || headerLength > ClusterBytes || headerLength % 8 != 0)
        {
            throw Damaged($"its header length is {headerLength} bytes");
        }

        if ((Features & ~IncompatibleKnown) != 0)
        {
            throw new EmuException($"disk image '{path}' needs qcow2 features that are not known (0x{Features & ~IncompatibleKnown:x}): convert it with qemu-img convert");
        }

        if ((Features & IncompatibleDataFile) != 0)
        {
            throw new EmuException($"disk image '{path}' keeps its data in another file, which is not supported: convert it with qemu-img convert");
        }

        if ((Features & IncompatibleExtendedL2) != 0)
        {
            throw new EmuException($"disk image '{path}' has extended L2 entries, which are not supported: convert it with qemu-img convert -o extended_l2=off");
        }

        var compression = headerLength > CompressionTypeOffset ? sector[CompressionTypeOffset] : 0;
        if (compression > 1 || compression != 0 != ((Features & IncompatibleCompression) != 0))
        {
            throw Damaged($"its compression type is {compression}");
        }

        IsZstd = compression == 1;
    }

    private void CheckTables(IImageFile file)
    {
        if (Size == 0 || Size % 512 != 0 || Size > long.MaxValue)
        {
            throw new EmuException($"disk image '{path}' has a size of {Size} bytes: a disk has a multiple of 512, and at least one sector");
        }

        var mask = (ulong)ClusterBytes - 1;
        var l1Bytes = (ulong)L1Entries * EntryBytes;
        if (l1Bytes > MaximumL1Bytes || L1Entries < L1EntriesFor(Size, ClusterBits))
        {
            throw Damaged($"its L1 table has {L1Entries} entries, and the disk needs {L1EntriesFor(Size, ClusterBits)}");
        }

        if ((L1Offset & mask) != 0 || L1Offset == 0 || L1Offset > file.Length || l1Bytes > file.Length - L1Offset)
        {
            throw Damaged($"its L1 table at {L1Offset} is not inside the file");
        }

        var refcountBytes = (ulong)RefcountClusters << ClusterBits;
        if (refcountBytes > MaximumRefcountTableBytes || refcountBytes == 0 || (RefcountOffset & mask) != 0 || RefcountOffset == 0
            || RefcountOffset > file.Length || refcountBytes > file.Length - RefcountOffset)
        {
            throw Damaged($"its refcount table at {RefcountOffset} is not inside the file");
        }
    }

    private void ReadExtensions(IImageFile file, uint headerLength)
    {
        var backingOffset = Get64(BackingFileOffset);
        var backingBytes = Get32(BackingFileSizeOffset);
        var end = (ulong)ClusterBytes;
        if (backingOffset != 0)
        {
            if (backingBytes is 0 or > MaximumBackingName || backingOffset < headerLength || backingOffset > ClusterBytes - backingBytes)
            {
                throw Damaged("the name of its backing file is not in its header");
            }

            end = backingOffset;
            var name = new byte[backingBytes];
            DiskImage.ReadOrThrow(file, backingOffset, name);
            BackingFile = Encoding.UTF8.GetString(name);
        }

        Span<byte> head = stackalloc byte[8];
        for (ulong at = headerLength; at + 8 <= end;)
        {
            DiskImage.ReadOrThrow(file, at, head);
            var type = BinaryPrimitives.ReadUInt32BigEndian(head);
            var length = BinaryPrimitives.ReadUInt32BigEndian(head[4..]);
            at += 8;
            if (type == ExtensionEnd)
            {
                return;
            }

            if (length > end - at)
            {
                throw Damaged("a header extension is longer than the header");
            }

            if (type == ExtensionBackingFormat)
            {
                var format = new byte[Math.Min(length, 64)];
                DiskImage.ReadOrThrow(file, at, format);
                BackingFormat = Encoding.UTF8.GetString(format);
            }

            HasBitmaps |= type == ExtensionBitmaps;
            at += ((ulong)length + 7) & ~7UL;
        }
    }

    private EmuException Damaged(string what) => new($"disk image '{path}' is damaged: {what}");

    private uint Get32(int offset) => BinaryPrimitives.ReadUInt32BigEndian(sector.AsSpan(offset));

    private ulong Get64(int offset) => BinaryPrimitives.ReadUInt64BigEndian(sector.AsSpan(offset));
}
