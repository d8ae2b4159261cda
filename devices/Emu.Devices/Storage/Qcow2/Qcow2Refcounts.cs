// Refcounts and the allocation of clusters, in such a way that the state in the file stays whole until the next commit.
using System.Buffers.Binary;
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Qcow2.Qcow2Format;

namespace Emu.Devices.Storage.Qcow2;

/// <summary>
/// The refcounts as they will be after the next commit. A cluster that the state in the file uses is never handed out, and never
/// written to as a table, before a commit has made it free: <see cref="IsFresh"/> tells which clusters that state does not know.
/// </summary>
internal sealed class Qcow2Refcounts
{
    /// <summary>Clusters whose change waits for a commit, at most: bounds the memory of the sets below.</summary>
    private const int MaximumPending = 1 << 18;
    private const uint CacheBytes = 4 << 20;

    private readonly IImageFile file;
    private readonly int clusterBits;
    private readonly int refcountOrder;
    private readonly int blockShift;
    private readonly Qcow2TableCache blocks;
    private readonly HashSet<ulong> fresh = [];
    private readonly HashSet<ulong> pendingFree = [];
    private readonly HashSet<ulong> metadata = [];

    /// <summary>Blocks found without a free cluster, so that a search passes them at once.</summary>
    private readonly HashSet<ulong> fullBlocks = [];
    private ulong[] table;
    private ulong searchFrom;
    private ulong lowestFreed = ulong.MaxValue;
    private bool isTableDirty;

    private Qcow2Refcounts(IImageFile file, Qcow2Header header, ulong[] table)
    {
        this.file = file;
        this.table = table;
        clusterBits = header.ClusterBits;
        refcountOrder = header.RefcountOrder;
        blockShift = clusterBits + 3 - refcountOrder;
        TableOffset = header.RefcountOffset;
        TableClusters = header.RefcountClusters;
        blocks = new Qcow2TableCache(header.ClusterBytes, CacheBytes);
        metadata.Add(0);
        AddMetadata(TableOffset, TableClusters);
        foreach (var entry in table)
        {
            if (entry != 0)
            {
                metadata.Add(entry >> clusterBits);
            }
        }
    }

    /// <summary>Where the refcount table is, or will be after the commit.</summary>
    public ulong TableOffset { get; private set; }

    /// <summary>Clusters of the refcount table.</summary>
    public uint TableClusters { get; private set; }

    /// <summary>Whether there is something to commit.</summary>
    public bool IsDirty => fresh.Count != 0 || pendingFree.Count != 0 || isTableDirty;

    /// <summary>Whether a commit is due to bound memory.</summary>
    public bool IsFull => fresh.Count > MaximumPending || pendingFree.Count > MaximumPending || blocks.IsFull;

    private ulong ClusterBytes => 1UL << clusterBits;

    private ulong MaximumRefcount => refcountOrder == 6 ? ulong.MaxValue : (1UL << (1 << refcountOrder)) - 1;

    /// <summary>Reads the refcount table.</summary>
    /// <exception cref="Core.EmuException">It cannot be read or is damaged.</exception>
    public static Qcow2Refcounts Load(IImageFile file, Qcow2Header header)
    {
        var bytes = new byte[(ulong)header.RefcountClusters << header.ClusterBits];
        DiskImage.ReadOrThrow(file, header.RefcountOffset, bytes);
        var table = new ulong[bytes.Length / EntryBytes];
        for (var i = 0; i < table.Length; i++)
        {
            table[i] = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(i * EntryBytes));
            if ((table[i] & (header.ClusterBytes - 1)) != 0 || table[i] >= file.Length + (table[i] == 0 ? 1UL : 0))
            {
                throw new Core.EmuException($"disk image '{file.Path}' is damaged: entry {i} of its refcount table points to {table[i]}; qemu-img check -r all may repair it");
            }
        }

        return new Qcow2Refcounts(file, header, table);
    }

    /// <summary>Whether a cluster was allocated since the last commit, so that the state in the file does not use it.</summary>
    public bool IsFresh(ulong offset) => fresh.Contains(offset >> clusterBits);

    /// <summary>Whether a cluster holds the header or a table: guest data must never go there, whatever a damaged image says.</summary>
    public bool IsMetadata(ulong offset) => metadata.Contains(offset >> clusterBits);

    /// <summary>Declares clusters as holding tables.</summary>
    public void AddMetadata(ulong offset, ulong clusters)
    {
        for (ulong i = 0; i < clusters; i++)
        {
            metadata.Add((offset >> clusterBits) + i);
        }
    }

    /// <summary>Allocates up to <paramref name="wanted"/> clusters in a row, at least one.</summary>
    /// <param name="wanted">Clusters.</param>
    /// <param name="offset">The first one's offset in the file.</param>
    /// <param name="got">How many there are.</param>
    public DiskStatus AllocateSome(ulong wanted, out ulong offset, out ulong got) => Allocate(1, wanted, out offset, out got);

    /// <summary>Allocates clusters in a row for tables.</summary>
    public DiskStatus AllocateMetadata(ulong clusters, out ulong offset)
    {
        var status = Allocate(clusters, clusters, out offset, out _);
        if (status == DiskStatus.Ok)
        {
            AddMetadata(offset, clusters);
        }

        return status;
    }

    /// <summary>Gives up clusters that held tables.</summary>
    public DiskStatus ReleaseMetadata(ulong offset, ulong clusters)
    {
        for (ulong i = 0; i < clusters; i++)
        {
            metadata.Remove((offset >> clusterBits) + i);
            if (Release(offset + (i << clusterBits)) is var status and not DiskStatus.Ok)
            {
                return status;
            }
        }

        return DiskStatus.Ok;
    }

    /// <summary>Takes one reference from a cluster; with the last one it becomes free, at once or after the next commit.</summary>
    /// <returns>IoError if it had none: the image is damaged.</returns>
    public DiskStatus Release(ulong offset)
    {
        var cluster = offset >> clusterBits;
        var status = Get(cluster, out var count);
        if (status != DiskStatus.Ok || count == 0)
        {
            return DiskStatus.IoError;
        }

        status = Set(cluster, count - 1);
        if (status != DiskStatus.Ok || count != 1)
        {
            return status;
        }

        if (fresh.Remove(cluster))
        {
            searchFrom = Math.Min(searchFrom, cluster);
            fullBlocks.Remove(cluster >> blockShift);
        }
        else
        {
            pendingFree.Add(cluster);
            lowestFreed = Math.Min(lowestFreed, cluster);
        }

        return DiskStatus.Ok;
    }

    /// <summary>Whether a cluster has no reference.</summary>
    public bool IsFree(ulong offset) => Get(offset >> clusterBits, out var count) == DiskStatus.Ok && count == 0;

    /// <summary>Whether a cluster becomes free with the next commit.</summary>
    public bool IsPendingFree(ulong offset) => pendingFree.Contains(offset >> clusterBits);

    /// <summary>Gives every changed block and the table a place that the state in the file does not use, and writes them there.</summary>
    public DiskStatus WriteTables()
    {
        for (var moved = true; moved;)
        {
            moved = false;

            // Moving a block changes refcounts, perhaps in another block: until nothing moves. Each block moves once per commit.
            foreach (var block in blocks.All.Where(b => b.IsDirty && !(b.Location != 0 && IsFresh(b.Location))).OrderBy(b => b.Index).ToArray())
            {
                moved = true;
                if (Move(block) is var status and not DiskStatus.Ok)
                {
                    return status;
                }
            }

            if (isTableDirty && (!IsFresh(TableOffset) || TableClusters != NeededTableClusters))
            {
                moved = true;
                if (MoveTable() is var status and not DiskStatus.Ok)
                {
                    return status;
                }
            }
        }

        foreach (var block in blocks.All.Where(b => b.IsDirty).OrderBy(b => b.Location))
        {
            if (Qcow2Image.WriteTable(file, block.Location, block.Bytes) is var status and not DiskStatus.Ok)
            {
                return status;
            }
        }

        if (!isTableDirty)
        {
            return DiskStatus.Ok;
        }

        var bytes = new byte[(ulong)TableClusters << clusterBits];
        for (var i = 0; i < table.Length; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * EntryBytes), table[i]);
        }

        return Qcow2Image.WriteTable(file, TableOffset, bytes);
    }

    /// <summary>The commit is durable: what it freed may be used again.</summary>
    public void Committed()
    {
        foreach (var block in blocks.All)
        {
            block.IsDirty = false;
        }

        isTableDirty = false;
        fresh.Clear();
        foreach (var cluster in pendingFree)
        {
            fullBlocks.Remove(cluster >> blockShift);
        }

        pendingFree.Clear();
        searchFrom = Math.Min(searchFrom, lowestFreed);
        lowestFreed = ulong.MaxValue;
    }

    /// <summary>It is not known whether the commit reached the disk: both states are kept whole, the next commit goes elsewhere.</summary>
    public void CommitUncertain()
    {
        fresh.Clear();
        isTableDirty = true;
    }

    private uint NeededTableClusters => (uint)(((ulong)table.Length * EntryBytes + ClusterBytes - 1) >> clusterBits);

    private DiskStatus Move(Qcow2Table block)
    {
        var status = AllocateMetadata(1, out var location);
        if (status != DiskStatus.Ok)
        {
            return status;
        }

        var old = block.Location;
        block.Location = location;
        table[block.Index] = location;
        isTableDirty = true;
        return old == 0 ? DiskStatus.Ok : ReleaseMetadata(old, 1);
    }

    private DiskStatus MoveTable()
    {
        // The allocation may make the table longer still; then the caller comes here again.
        var clusters = NeededTableClusters;
        var status = AllocateMetadata(clusters, out var location);
        if (status != DiskStatus.Ok)
        {
            return status;
        }

        var (oldOffset, oldClusters) = (TableOffset, TableClusters);
        TableOffset = location;
        TableClusters = clusters;
        return ReleaseMetadata(oldOffset, oldClusters);
    }

    private DiskStatus Allocate(ulong atLeast, ulong wanted, out ulong offset, out ulong got)
    {
        offset = 0;
        got = 0;
        var limit = (1UL << 56) >> clusterBits;
        ulong start = searchFrom, run = 0;
        var isFirstFree = true;
        var blockIsFull = false;
        for (var cluster = searchFrom; run < wanted; cluster++)
        {
            if (cluster >= limit)
            {
                return DiskStatus.NoSpace;
            }

            var isFree = false;
            var atBlockStart = (cluster & ((1UL << blockShift) - 1)) == 0;
            if (atBlockStart)
            {
                if (blockIsFull)
                {
                    fullBlocks.Add((cluster >> blockShift) - 1);
                }

                blockIsFull = true;
            }

            if (atBlockStart && fullBlocks.Contains(cluster >> blockShift))
            {
                cluster += (1UL << blockShift) - 1;
            }
            else
            {
                var status = Get(cluster, out var count);
                if (status != DiskStatus.Ok)
                {
                    return status;
                }

                isFree = count == 0 && !pendingFree.Contains(cluster);
            }

            if (isFree)
            {
                if (metadata.Contains(cluster))
                {
                    // A table with no refcount: the image is damaged.
                    return DiskStatus.IoError;
                }

                blockIsFull = false;
                if (run++ == 0)
                {
                    start = cluster;
                }

                continue;
            }

            if (run >= atLeast)
            {
                break;
            }

            if (run != 0)
            {
                isFirstFree = false;
                run = 0;
            }
        }

        var end = (start + run) << clusterBits;
        if (end > file.Length && file.SetLength(end) is var grown and not DiskStatus.Ok)
        {
            return grown;
        }

        for (ulong i = 0; i < run; i++)
        {
            if (Set(start + i, 1) is var status and not DiskStatus.Ok)
            {
                for (; i > 0; i--)
                {
                    _ = Set(start + i - 1, 0);
                    fresh.Remove(start + i - 1);
                    fullBlocks.Remove((start + i - 1) >> blockShift);
                }

                return status;
            }

            fresh.Add(start + i);
        }

        if (isFirstFree)
        {
            searchFrom = start + run;
        }

        offset = start << clusterBits;
        got = run;
        return DiskStatus.Ok;
    }

    private DiskStatus Get(ulong cluster, out ulong count)
    {
        count = 0;
        var status = Block(cluster >> blockShift, create: false, out var block);
        if (block is null)
        {
            return status;
        }

        var i = (int)(cluster & ((1UL << blockShift) - 1));
        var bytes = block.Bytes.AsSpan();
        count = refcountOrder switch
        {
            3 => bytes[i],
            4 => BinaryPrimitives.ReadUInt16BigEndian(bytes[(i * 2)..]),
            5 => BinaryPrimitives.ReadUInt32BigEndian(bytes[(i * 4)..]),
            6 => BinaryPrimitives.ReadUInt64BigEndian(bytes[(i * 8)..]),
            _ => (ulong)(bytes[i >> (3 - refcountOrder)] >> ((i << refcountOrder) & 7)) & MaximumRefcount,
        };
        return DiskStatus.Ok;
    }

    private DiskStatus Set(ulong cluster, ulong count)
    {
        if (count > MaximumRefcount)
        {
            return DiskStatus.Unsupported;
        }

        var status = Block(cluster >> blockShift, create: true, out var block);
        if (block is null)
        {
            return status;
        }

        var i = (int)(cluster & ((1UL << blockShift) - 1));
        var bytes = block.Bytes.AsSpan();
        switch (refcountOrder)
        {
            case 3:
                bytes[i] = (byte)count;
                break;
            case 4:
                BinaryPrimitives.WriteUInt16BigEndian(bytes[(i * 2)..], (ushort)count);
                break;
            case 5:
                BinaryPrimitives.WriteUInt32BigEndian(bytes[(i * 4)..], (uint)count);
                break;
            case 6:
                BinaryPrimitives.WriteUInt64BigEndian(bytes[(i * 8)..], count);
                break;
            default:
                ref var b = ref bytes[i >> (3 - refcountOrder)];
                var shift = (i << refcountOrder) & 7;
                b = (byte)((b & ~((int)MaximumRefcount << shift)) | ((int)count << shift));
                break;
        }

        block.IsDirty = true;
        return DiskStatus.Ok;
    }

    /// <summary>The block with this number; null with Ok where there is none, which means that nothing there is in use.</summary>
    private DiskStatus Block(ulong index, bool create, out Qcow2Table? block)
    {
        block = blocks.Find(index);
        if (block is not null)
        {
            return DiskStatus.Ok;
        }

        var location = index < (ulong)table.Length ? table[index] : 0;
        if (location == 0)
        {
            return create ? Create(index, out block) : DiskStatus.Ok;
        }

        var bytes = new byte[ClusterBytes];
        var status = file.Read(location, bytes);
        if (status == DiskStatus.Ok)
        {
            block = new Qcow2Table(index, location, bytes);
            blocks.Add(block);
        }

        return status;
    }

    private DiskStatus Create(ulong index, out Qcow2Table? block)
    {
        block = null;
        if (index >= (ulong)table.Length)
        {
            // Whole clusters, and a half more than now, so that the table seldom moves for growing.
            var entries = (Math.Max(index + 1, (ulong)table.Length * 3 / 2) * EntryBytes + ClusterBytes - 1) / ClusterBytes * ClusterBytes / EntryBytes;
            entries = Math.Min(entries, MaximumRefcountTableBytes / EntryBytes);
            if (index >= entries)
            {
                return DiskStatus.NoSpace;
            }

            Array.Resize(ref table, (int)entries);
            isTableDirty = true;
        }

        block = new Qcow2Table(index, 0, new byte[ClusterBytes]) { IsDirty = true };
        blocks.Add(block);
        return DiskStatus.Ok;
    }
}
