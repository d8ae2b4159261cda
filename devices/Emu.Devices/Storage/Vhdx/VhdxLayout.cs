// What the region table and the metadata table of a VHDX file say: where the BAT is, how large blocks and disk are (MS-VHDX 2.2.3, 2.6).
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Vhdx.VhdxFormat;

namespace Emu.Devices.Storage.Vhdx;

/// <summary>The fixed facts of an image.</summary>
internal sealed class VhdxLayout
{
    private const uint MinimumBlockBytes = 1 << 20;
    private const uint MaximumBlockBytes = 256 << 20;
    private const ulong MaximumDiskBytes = 64UL << 40;

    /// <summary>BAT entries held in memory at most: 64 TiB in the usual blocks of 32 MiB need 2 Mi.</summary>
    private const ulong MaximumBatEntries = 16 << 20;

    private readonly IImageFile file;
    private readonly List<(ulong Start, ulong Length, string Name)> regions = [];

    /// <summary>Reads both tables.</summary>
    /// <exception cref="EmuException">They are damaged, or ask for something that is not supported.</exception>
    public VhdxLayout(IImageFile file, VhdxHeader header)
    {
        this.file = file;
        Occupy(0, FirstRegionOffset, "header section");
        Occupy(header.LogOffset, header.LogLength, "log");
        var metadata = ReadRegions();
        ReadMetadata(metadata.Offset, metadata.Length);
        BlockCount = (DiskBytes + BlockBytes - 1) / BlockBytes;
        ChunkRatio = (1UL << 23) * LogicalSectorBytes / BlockBytes;
        BatEntries = BlockCount + (BlockCount - 1) / ChunkRatio;
        if (BatEntries > MaximumBatEntries)
        {
            throw new EmuException($"disk image '{file.Path}' has {BlockCount} blocks, and at most {MaximumBatEntries} are supported: convert it with a larger block size");
        }

        if (BatEntries * 8 > BatLength)
        {
            throw Damaged($"its block table has {BatLength} bytes, and the disk needs {BatEntries * 8}");
        }
    }

    /// <summary>Where the block allocation table is.</summary>
    public ulong BatOffset { get; private set; }

    /// <summary>Bytes of the block allocation table's region.</summary>
    public uint BatLength { get; private set; }

    /// <summary>Entries in use, those of sector bitmaps included.</summary>
    public ulong BatEntries { get; }

    /// <summary>Payload blocks of the disk.</summary>
    public ulong BlockCount { get; }

    /// <summary>Payload blocks between two entries of sector bitmaps.</summary>
    public ulong ChunkRatio { get; }

    /// <summary>Size of a block in bytes: a power of two from 1 MiB to 256 MiB.</summary>
    public uint BlockBytes { get; private set; }

    /// <summary>Size of the disk in bytes.</summary>
    public ulong DiskBytes { get; private set; }

    /// <summary>512 or 4096.</summary>
    public uint LogicalSectorBytes { get; private set; }

    /// <summary>Whether a block there would lie over the headers, the log or a table.</summary>
    public bool OverlapsRegion(ulong start, ulong length) =>
        regions.Any(r => start < r.Start + r.Length && r.Start < start + length);

    private void Occupy(ulong start, ulong length, string name)
    {
        foreach (var region in regions)
        {
            if (start < region.Start + region.Length && region.Start < start + length)
            {
                throw Damaged($"its {name} lies over its {region.Name}");
            }
        }

        regions.Add((start, length, name));
    }

    private (ulong Offset, uint Length) ReadRegions()
    {
        var table = new byte[RegionTableBytes];
        DiskImage.ReadOrThrow(file, RegionTable1Offset, table);
        if (!IsValid(table, RegionSignature))
        {
            DiskImage.ReadOrThrow(file, RegionTable2Offset, table);
            if (!IsValid(table, RegionSignature))
            {
                throw Damaged("neither of its two region tables is valid");
            }
        }

        var count = BinaryPrimitives.ReadUInt32LittleEndian(table.AsSpan(RegionCountOffset));
        if (count > MaximumRegions)
        {
            throw Damaged($"its region table has {count} entries");
        }

        (ulong, uint) metadata = default;
        for (var i = 0; i < count; i++)
        {
            var entry = table.AsSpan(RegionEntriesOffset + i * RegionEntryBytes, RegionEntryBytes);
            var id = new Guid(entry[..16]);
            var offset = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]);
            var isRequired = (BinaryPrimitives.ReadUInt32LittleEndian(entry[28..]) & 1) != 0;
            if (offset < FirstRegionOffset || offset % Megabyte != 0 || length == 0 || length % Megabyte != 0 || offset > file.Length || length > file.Length - offset)
            {
                throw Damaged($"region {i} at {offset} is not inside the file");
            }

            Occupy(offset, length, id == BatRegion ? "block table" : id == MetadataRegion ? "metadata" : $"region {i}");
            if (id == BatRegion)
            {
                (BatOffset, BatLength) = (offset, length);
            }
            else if (id == MetadataRegion)
            {
                metadata = (offset, length);
            }
            else if (isRequired)
            {
                throw new EmuException($"disk image '{file.Path}' needs a VHDX region that is not known ({id}): convert it");
            }
        }

        return BatOffset != 0 && metadata != default ? metadata : throw Damaged("its block table or metadata is missing");
    }

    private void ReadMetadata(ulong regionOffset, uint regionLength)
    {
        var table = new byte[MetadataTableBytes];
        DiskImage.ReadOrThrow(file, regionOffset, table);
        var count = BinaryPrimitives.ReadUInt16LittleEndian(table.AsSpan(MetadataCountOffset));
        if (!table.AsSpan(0, 8).SequenceEqual(MetadataSignature) || count > MaximumMetadataItems)
        {
            throw Damaged("its metadata table is not valid");
        }

        Span<byte> item = stackalloc byte[8];
        for (var i = 0; i < count; i++)
        {
            var entry = table.AsSpan(MetadataEntriesOffset + i * MetadataEntryBytes, MetadataEntryBytes);
            var id = new Guid(entry[..16]);
            var offset = BinaryPrimitives.ReadUInt32LittleEndian(entry[16..]);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]);
            var flags = BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]);
            if (length != 0 && (offset < MetadataTableBytes || offset > regionLength || length > regionLength - offset))
            {
                throw Damaged($"metadata item {i} is not inside its region");
            }

            item.Clear();
            if (length != 0)
            {
                DiskImage.ReadOrThrow(file, regionOffset + offset, item[..(int)Math.Min(length, 8)]);
            }

            if (id == FileParameters)
            {
                BlockBytes = BinaryPrimitives.ReadUInt32LittleEndian(item);
                if ((BinaryPrimitives.ReadUInt32LittleEndian(item[4..]) & FileHasParent) != 0)
                {
                    throw new EmuException($"disk image '{file.Path}' is a differencing VHDX: merge it into its parent, or convert it");
                }
            }
            else if (id == VirtualDiskSize)
            {
                DiskBytes = BinaryPrimitives.ReadUInt64LittleEndian(item);
            }
            else if (id == LogicalSectorSize)
            {
                LogicalSectorBytes = BinaryPrimitives.ReadUInt32LittleEndian(item);
            }
            else if (id != PhysicalSectorSize && id != VirtualDiskId && (flags & MetadataIsRequired) != 0)
            {
                throw new EmuException($"disk image '{file.Path}' needs VHDX metadata that is not {(id == ParentLocator ? "supported" : "known")} ({id}): convert it");
            }
        }

        if (BlockBytes is < MinimumBlockBytes or > MaximumBlockBytes || !uint.IsPow2(BlockBytes))
        {
            throw Damaged($"its block size is {BlockBytes} bytes");
        }

        if (LogicalSectorBytes is not (512 or 4096) || DiskBytes == 0 || DiskBytes % LogicalSectorBytes != 0 || DiskBytes > MaximumDiskBytes)
        {
            throw Damaged($"its disk has {DiskBytes} bytes in sectors of {LogicalSectorBytes}");
        }
    }

    private EmuException Damaged(string what) => new($"disk image '{file.Path}' is damaged: {what}");
}
