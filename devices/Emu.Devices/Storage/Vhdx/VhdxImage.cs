// VHDX images, fixed and dynamic: blocks found through the block table, new ones at the end of the file, table changes through the log.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Vhdx.VhdxFormat;

namespace Emu.Devices.Storage.Vhdx;

/// <summary>
/// A VHDX image. A flush makes data durable, then writes the changed sectors of the block table to the log, then to the table; so whoever
/// opens the file after a crash replays the log and finds everything flushed.
/// </summary>
public sealed class VhdxImage : IDiskImage
{
    private readonly IImageFile file;
    private readonly DiskImageOptions options;
    private readonly VhdxHeader header;
    private readonly VhdxLayout layout;
    private readonly VhdxLog log;
    private readonly ulong[] bat;
    private readonly SortedSet<int> dirtySectors = [];
    private readonly ReaderWriterLockSlim structure = new();
    private ulong endOfBlocks;
    private Guid logGuid;
    private bool hasBegunWriting;
    private bool isDisposed;

    private VhdxImage(IImageFile file, DiskImageOptions options, VhdxHeader header, VhdxLog log)
    {
        this.file = file;
        this.options = options;
        this.header = header;
        this.log = log;
        layout = new VhdxLayout(file, header);
        bat = ReadBat();
        endOfBlocks = (file.Length + Megabyte - 1) / Megabyte * Megabyte;
    }

    /// <inheritdoc/>
    public string Format => "vhdx";

    /// <inheritdoc/>
    public ulong Capacity => layout.DiskBytes;

    /// <inheritdoc/>
    public uint LogicalBlockSize => layout.LogicalSectorBytes;

    /// <inheritdoc/>
    public bool IsReadOnly => options.ReadOnly;

    /// <inheritdoc/>
    public bool SupportsDiscard => options.Sparse && !IsReadOnly;

    /// <inheritdoc/>
    public uint DiscardGranularity => 4096;

    /// <summary>Opens an image, replaying its log if it was not closed.</summary>
    /// <exception cref="EmuException">It is damaged or needs something that is refused.</exception>
    internal static VhdxImage Open(IImageFile file, DiskImageOptions options)
    {
        Span<byte> signature = stackalloc byte[8];
        DiskImage.ReadOrThrow(file, 0, signature);
        if (!signature.SequenceEqual(FileSignature))
        {
            throw new EmuException($"disk image '{file.Path}' is not a VHDX image: its first bytes are not 'vhdxfile'");
        }

        var header = new VhdxHeader(file);
        var log = new VhdxLog(file, header);
        if (header.LogGuid != Guid.Empty)
        {
            if (options.ReadOnly)
            {
                throw new EmuException($"disk image '{file.Path}' was not closed and has a log to replay: open it once without readonly=on, or run qemu-img check -r all");
            }

            log.Replay();
            if (header.Update(file, Guid.Empty, isFirstWrite: true) != DiskStatus.Ok)
            {
                throw new EmuException($"disk image '{file.Path}': its header cannot be written, the host reports an I/O error");
            }
        }

        return new VhdxImage(file, options, header, log);
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
            var status = isDisposed ? DiskStatus.IoError : DiskStatus.Ok;
            while (length != 0 && status == DiskStatus.Ok)
            {
                var part = InBlock(offset, length);
                if (IsPresent(offset, out var host))
                {
                    status = file.Transfer(write: false, host, part, ref cursor);
                }
                else
                {
                    cursor.Clear(part);
                }

                offset += part;
                length -= part;
            }

            return status;
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
        if (IsReadOnly || !DiskImage.InRange(Capacity, offset, length))
        {
            return DiskStatus.IoError;
        }

        var status = Prepare(offset, length);
        if (status != DiskStatus.Ok)
        {
            return status;
        }

        var cursor = new SegmentCursor(segments);
        structure.EnterReadLock();
        try
        {
            status = isDisposed ? DiskStatus.IoError : DiskStatus.Ok;
            while (length != 0 && status == DiskStatus.Ok)
            {
                var part = InBlock(offset, length);
                status = IsPresent(offset, out var host) ? file.Transfer(write: true, host, part, ref cursor) : DiskStatus.IoError;
                offset += part;
                length -= part;
            }

            return status;
        }
        finally
        {
            structure.ExitReadLock();
        }
    }

    /// <inheritdoc/>
    public DiskStatus Flush()
    {
        if (IsReadOnly)
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

            // Data first: the table must not point to what is not there yet.
            var status = file.Flush();
            if (status != DiskStatus.Ok || dirtySectors.Count == 0)
            {
                return status;
            }

            structure.EnterWriteLock();
            try
            {
                return WriteBat();
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
        if (IsReadOnly || !DiskImage.InRange(Capacity, offset, length))
        {
            return DiskStatus.IoError;
        }

        if (!options.Sparse)
        {
            return DiskStatus.Unsupported;
        }

        var start = (offset + DiscardGranularity - 1) & ~(ulong)(DiscardGranularity - 1);
        var end = offset + length == Capacity ? Capacity : (offset + length) & ~(ulong)(DiscardGranularity - 1);
        return start >= end ? DiskStatus.Ok : Zero(start, end - start, punch: true, orNothing: true);
    }

    /// <inheritdoc/>
    public DiskStatus WriteZeroes(ulong offset, ulong length, bool mayUnmap) =>
        IsReadOnly || !DiskImage.InRange(Capacity, offset, length) ? DiskStatus.IoError : Zero(offset, length, mayUnmap && options.Sparse, orNothing: false);

    /// <summary>Writes what is pending and closes the file; a closed file has no log to replay.</summary>
    public void Dispose()
    {
        structure.EnterWriteLock();
        try
        {
            if (isDisposed)
            {
                return;
            }

            if (hasBegunWriting)
            {
                var status = file.Flush();
                status = status == DiskStatus.Ok ? WriteBat() : status;
                status = status == DiskStatus.Ok ? header.Update(file, Guid.Empty, isFirstWrite: false) : status;
                if (status != DiskStatus.Ok)
                {
                    options.Log.Write(LogLevel.Error, $"disk image '{file.Path}': the last changes could not be written; the image is as it was at the last flush");
                }
            }

            isDisposed = true;
            file.Dispose();
        }
        finally
        {
            structure.ExitWriteLock();
        }
    }

    private ulong InBlock(ulong offset, ulong length) => Math.Min(length, layout.BlockBytes - (offset & (layout.BlockBytes - 1)));

    /// <summary>Index in the table of the block that holds an offset: after every chunk comes an entry for a sector bitmap (2.5).</summary>
    private int BatIndex(ulong offset)
    {
        var block = offset / layout.BlockBytes;
        return (int)(block + block / layout.ChunkRatio);
    }

    private bool IsPresent(ulong offset, out ulong host)
    {
        var entry = bat[BatIndex(offset)];
        host = (entry & BatOffsetMask) + (offset & (layout.BlockBytes - 1));
        return (entry & BatStateMask) == BlockFullyPresent;
    }

    private ulong[] ReadBat()
    {
        var bytes = new byte[layout.BatEntries * 8];
        DiskImage.ReadOrThrow(file, layout.BatOffset, bytes);
        var entries = new ulong[layout.BatEntries];
        for (var i = 0; i < entries.Length; i++)
        {
            var entry = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i * 8));
            entries[i] = entry;
            var isBitmap = ((ulong)i + 1) % (layout.ChunkRatio + 1) == 0;
            var state = entry & BatStateMask;
            if (isBitmap ? state != 0 : state is not (BlockNotPresent or BlockUndefined or BlockZero or BlockUnmapped or BlockFullyPresent))
            {
                throw new EmuException($"disk image '{file.Path}' is damaged: entry {i} of its block table is 0x{entry:x}");
            }

            // The last block may be cut by the end of the file, which then reads as zero.
            var start = entry & BatOffsetMask;
            if (state == BlockFullyPresent && (start >= file.Length || layout.OverlapsRegion(start, layout.BlockBytes)))
            {
                throw new EmuException($"disk image '{file.Path}' is damaged: entry {i} of its block table points to {start}");
            }
        }

        return entries;
    }

    /// <summary>Before a write: makes every block of the range present.</summary>
    private DiskStatus Prepare(ulong offset, ulong length)
    {
        structure.EnterUpgradeableReadLock();
        try
        {
            if (isDisposed)
            {
                return DiskStatus.IoError;
            }

            var status = BeginWriting();
            for (var at = offset; at < offset + length && status == DiskStatus.Ok; at += InBlock(at, offset + length - at))
            {
                if (!IsPresent(at, out _))
                {
                    structure.EnterWriteLock();
                    status = AddBlock(BatIndex(at));
                    structure.ExitWriteLock();
                }
            }

            return status;
        }
        finally
        {
            structure.ExitUpgradeableReadLock();
        }
    }

    private DiskStatus BeginWriting()
    {
        if (hasBegunWriting)
        {
            return DiskStatus.Ok;
        }

        var guid = Guid.NewGuid();

        // An entry before the header that names it: a log in use always holds a complete one.
        var status = WriteLogOfNothing(guid);
        if (status == DiskStatus.Ok)
        {
            status = header.Update(file, guid, isFirstWrite: true);
        }

        if (status == DiskStatus.Ok)
        {
            logGuid = guid;
            hasBegunWriting = true;
        }

        return status;
    }

    private DiskStatus WriteLogOfNothing(Guid guid) => log.Append(guid, [(layout.BatOffset, SectorOfBat(0))]);

    /// <summary>Gives a block a place at the end of the file, where everything is zero.</summary>
    private DiskStatus AddBlock(int index)
    {
        var start = endOfBlocks;
        var status = file.SetLength(start + layout.BlockBytes);
        if (status == DiskStatus.Ok)
        {
            endOfBlocks = start + layout.BlockBytes;
            bat[index] = start | BlockFullyPresent;
            dirtySectors.Add(index * 8 / LogSectorBytes);
        }

        return status;
    }

    private byte[] SectorOfBat(int sector)
    {
        var bytes = new byte[LogSectorBytes];
        var first = sector * (LogSectorBytes / 8);
        for (var i = 0; i < LogSectorBytes / 8 && first + i < bat.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * 8), bat[first + i]);
        }

        return bytes;
    }

    /// <summary>Changed sectors of the table: to the log, then in place; both durable before the next entry replaces the first.</summary>
    private DiskStatus WriteBat()
    {
        while (dirtySectors.Count != 0)
        {
            var group = dirtySectors.Take(log.MaximumSectors).ToArray();
            var sectors = group.Select(s => (layout.BatOffset + (ulong)s * LogSectorBytes, SectorOfBat(s))).ToArray();
            var status = log.Append(logGuid, sectors);
            foreach (var (offset, bytes) in sectors)
            {
                status = status == DiskStatus.Ok ? file.Write(offset, bytes) : status;
            }

            status = status == DiskStatus.Ok ? file.Flush() : status;
            if (status != DiskStatus.Ok)
            {
                return status;
            }

            dirtySectors.ExceptWith(group);
        }

        return DiskStatus.Ok;
    }

    /// <summary>Makes a range zero: blocks that are not there are zero already, the others are zeroed where they are.</summary>
    private DiskStatus Zero(ulong offset, ulong length, bool punch, bool orNothing)
    {
        structure.EnterUpgradeableReadLock();
        try
        {
            var status = isDisposed ? DiskStatus.IoError : BeginWriting();
            while (length != 0 && status == DiskStatus.Ok)
            {
                var part = InBlock(offset, length);
                if (IsPresent(offset, out var host))
                {
                    status = orNothing ? file.PunchHole(host, part) : file.Zero(host, part, punch);
                }

                offset += part;
                length -= part;
            }

            return status;
        }
        finally
        {
            structure.ExitUpgradeableReadLock();
        }
    }
}
