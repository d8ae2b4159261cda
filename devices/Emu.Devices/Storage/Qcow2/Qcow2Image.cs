// qcow2 images, versions 2 and 3: what the block device calls, and how the state in the file changes as a whole.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Qcow2.Qcow2Format;

namespace Emu.Devices.Storage.Qcow2;

/// <summary>
/// A qcow2 image. The tables that the header points to are never changed in place: changed L2 tables, the L1 table, refcount blocks and
/// the refcount table are written to free clusters, and one write of the header's sector makes the file use all of them at once. So the
/// image is whole at every moment, without leaked clusters, wherever the process or the host dies; what it then holds is the last commit,
/// and a flush is a commit. Guest data goes in place where its cluster is its own, and to a free cluster otherwise.
/// </summary>
public sealed partial class Qcow2Image : IDiskImage
{
    private const uint L2CacheBytes = 16 << 20;
    private const int LargeTableBytes = 64 << 10;
    private const int PageBytes = 4096;

    private readonly IImageFile file;
    private readonly DiskImageOptions options;
    private readonly Qcow2Header header;
    private readonly Qcow2Refcounts? refcounts;
    private readonly IDiskImage? backing;
    private readonly ulong[] l1;
    private readonly Qcow2TableCache l2Tables;
    private readonly Lock l2Lock = new();
    private readonly ReaderWriterLockSlim structure = new();
    private readonly int clusterBits;
    private readonly ulong clusterBytes;
    private readonly int l2Bits;
    private readonly bool isReadOnly;
    private readonly List<(ulong Offset, ulong Length)> discarded = [];
    private ulong l1Offset;
    private bool isL1Dirty;
    private bool isAnyL2Dirty;
    private bool hasBegunWriting;
    private bool isDamaged;
    private bool isDisposed;

    private Qcow2Image(IImageFile file, Qcow2Header header, DiskImageOptions options, ulong[] l1, Qcow2Refcounts? refcounts, IDiskImage? backing)
    {
        this.file = file;
        this.header = header;
        this.options = options;
        this.l1 = l1;
        this.refcounts = refcounts;
        this.backing = backing;
        clusterBits = header.ClusterBits;
        clusterBytes = header.ClusterBytes;
        l2Bits = clusterBits - 3;
        l1Offset = header.L1Offset;
        isReadOnly = refcounts is null;
        l2Tables = new Qcow2TableCache(header.ClusterBytes, L2CacheBytes);
        clusterBuffer = isReadOnly ? [] : new byte[clusterBytes];
        if (refcounts is not null)
        {
            refcounts.AddMetadata(l1Offset, L1Clusters);
            foreach (var entry in l1)
            {
                if ((entry & EntryOffsetMask) != 0)
                {
                    refcounts.AddMetadata(entry & EntryOffsetMask, 1);
                }
            }
        }
    }

    /// <inheritdoc/>
    public string Format => "qcow2";

    /// <inheritdoc/>
    public ulong Capacity => header.Size;

    /// <inheritdoc/>
    public uint LogicalBlockSize => 512;

    /// <inheritdoc/>
    public bool IsReadOnly => isReadOnly;

    /// <inheritdoc/>
    public bool SupportsDiscard => options.Sparse && !isReadOnly;

    /// <inheritdoc/>
    public uint DiscardGranularity => header.ClusterBytes;

    private ulong L1Clusters => ((ulong)l1.Length * EntryBytes + clusterBytes - 1) >> clusterBits;

    /// <summary>Opens an image; the file is the image's only when this succeeds.</summary>
    /// <exception cref="EmuException">It is damaged or needs something that is refused.</exception>
    internal static Qcow2Image Open(IImageFile file, DiskImageOptions options, IReadOnlyList<(ulong, ulong)> chain)
    {
        var header = new Qcow2Header(file);
        var readOnly = options.ReadOnly;
        if (!readOnly && header.IsCorrupt)
        {
            throw new EmuException($"disk image '{file.Path}' is marked as corrupt: repair it with qemu-img check -r all, or open it with readonly=on");
        }

        if (!readOnly && header.IsDirty)
        {
            throw new EmuException($"disk image '{file.Path}' was not closed cleanly and its refcounts are stale: repair it with qemu-img check -r all, or open it with readonly=on");
        }

        if (!readOnly && header.HasBitmaps)
        {
            throw new EmuException($"disk image '{file.Path}' holds dirty bitmaps, which a write would make stale: remove them with qemu-img bitmap --remove, or open it with readonly=on");
        }

        if (header.IsZstd && !Qcow2Compression.IsZstdAvailable)
        {
            throw new EmuException($"disk image '{file.Path}' is compressed with zstd, and the library for it is missing: install the package libzstd1");
        }

        var bytes = new byte[(int)header.L1Entries * EntryBytes];
        DiskImage.ReadOrThrow(file, header.L1Offset, bytes);
        var l1 = new ulong[header.L1Entries];
        for (var i = 0; i < l1.Length; i++)
        {
            l1[i] = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(i * EntryBytes));
        }

        var refcounts = readOnly ? null : Qcow2Refcounts.Load(file, header);
        var backing = header.BackingFile is { } name ? DiskImage.OpenBacking(file, name, header.BackingFormat, options, chain) : null;
        if (backing is not null && header.BackingFormat is null)
        {
            options.Log.Once($"{file.Path}:format", LogLevel.Warning,
                $"disk image '{file.Path}' does not say which format its backing file has; found {backing.Format}");
        }

        return new Qcow2Image(file, header, options, l1, refcounts, backing);
    }

    /// <inheritdoc/>
    public DiskStatus Read(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        var length = SegmentCursor.Total(segments);
        if (!DiskImage.InRange(Capacity, offset, length))
        {
            return DiskStatus.IoError;
        }

        var cursor = new SegmentCursor(segments);
        structure.EnterReadLock();
        try
        {
            return isDisposed ? DiskStatus.IoError : ReadLocked(offset, length, ref cursor);
        }
        finally
        {
            structure.ExitReadLock();
        }
    }

    /// <inheritdoc/>
    public DiskStatus Write(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        var length = SegmentCursor.Total(segments);
        if (isReadOnly || !DiskImage.InRange(Capacity, offset, length))
        {
            return DiskStatus.IoError;
        }

        structure.EnterReadLock();
        try
        {
            // Clusters of their own need no change of any table: writers go side by side.
            if (!isDisposed && !isDamaged && hasBegunWriting && WriteInPlace(offset, length, segments, out var status))
            {
                return status;
            }
        }
        finally
        {
            structure.ExitReadLock();
        }

        structure.EnterWriteLock();
        try
        {
            var cursor = new SegmentCursor(segments);
            var status = BeginWriting();
            return status == DiskStatus.Ok ? WriteLocked(offset, length, ref cursor) : status;
        }
        finally
        {
            structure.ExitWriteLock();
        }
    }

    /// <inheritdoc/>
    public DiskStatus Flush()
    {
        if (isReadOnly)
        {
            return DiskStatus.Ok;
        }

        structure.EnterUpgradeableReadLock();
        try
        {
            if (isDisposed)
            {
                return DiskStatus.IoError;
            }

            if (!IsMetadataDirty)
            {
                return file.Flush();
            }

            structure.EnterWriteLock();
            try
            {
                return Commit();
            }
            finally
            {
                structure.ExitWriteLock();
            }
        }
        finally
        {
            structure.ExitUpgradeableReadLock();
        }
    }

    /// <inheritdoc/>
    public DiskStatus Discard(ulong offset, ulong length)
    {
        if (isReadOnly || !DiskImage.InRange(Capacity, offset, length))
        {
            return DiskStatus.IoError;
        }

        return options.Sparse ? Exclusive(() => DiscardLocked(offset, length)) : DiskStatus.Unsupported;
    }

    /// <inheritdoc/>
    public DiskStatus WriteZeroes(ulong offset, ulong length, bool mayUnmap) =>
        isReadOnly || !DiskImage.InRange(Capacity, offset, length) ? DiskStatus.IoError
            : Exclusive(() => WriteZeroesLocked(offset, length, mayUnmap && options.Sparse));

    /// <summary>Commits what is pending, then closes the file and its backing files.</summary>
    public void Dispose()
    {
        structure.EnterWriteLock();
        try
        {
            if (isDisposed)
            {
                return;
            }

            if (!isReadOnly && IsMetadataDirty && Commit() != DiskStatus.Ok)
            {
                options.Log.Write(LogLevel.Error, $"disk image '{file.Path}': the last changes could not be written; the image is as it was at the last flush");
            }

            isDisposed = true;
            file.Dispose();
            backing?.Dispose();
        }
        finally
        {
            structure.ExitWriteLock();
        }
    }

    /// <summary>Writes a table to clusters that nothing uses; zero pages of a large one become a hole, so that big clusters cost what they hold.</summary>
    internal static DiskStatus WriteTable(IImageFile file, ulong offset, byte[] bytes)
    {
        if (bytes.Length <= LargeTableBytes || file.PunchHole(offset, (ulong)bytes.Length) != DiskStatus.Ok)
        {
            return file.Write(offset, bytes);
        }

        for (var at = 0; at < bytes.Length;)
        {
            var end = at;
            while (end < bytes.Length && bytes.AsSpan(end, PageBytes).ContainsAnyExcept((byte)0))
            {
                end += PageBytes;
            }

            if (end > at && file.Write(offset + (uint)at, bytes.AsSpan(at, end - at)) is var status and not DiskStatus.Ok)
            {
                return status;
            }

            at = end + PageBytes;
        }

        return DiskStatus.Ok;
    }

    private DiskStatus Exclusive(Func<DiskStatus> operation)
    {
        structure.EnterWriteLock();
        try
        {
            var status = BeginWriting();
            return status == DiskStatus.Ok ? operation() : status;
        }
        finally
        {
            structure.ExitWriteLock();
        }
    }

    /// <summary>Before the first write: features that only a writer who knows them can keep up to date are switched off for good.</summary>
    private DiskStatus BeginWriting()
    {
        if (isDisposed || isDamaged)
        {
            return DiskStatus.IoError;
        }

        if (!hasBegunWriting && header.HasAutoclearFeatures)
        {
            var status = header.ClearAutoclearFeatures(file);
            if (status == DiskStatus.Ok)
            {
                status = file.Flush();
            }

            if (status != DiskStatus.Ok)
            {
                return status;
            }
        }

        hasBegunWriting = true;
        return DiskStatus.Ok;
    }

    /// <summary>Reports damage; from here on the image is only read.</summary>
    private DiskStatus Damaged(string what)
    {
        isDamaged = true;
        options.Log.Once($"{file.Path}:damaged:{what}", LogLevel.Error,
            $"disk image '{file.Path}' is damaged: {what}; the guest sees an I/O error, and nothing more is written (qemu-img check -r all may repair it)");
        return DiskStatus.IoError;
    }
}
