// Direct I/O: aligned requests go straight to the host file, others through an aligned buffer.
using System.Runtime.InteropServices;

namespace Emu.Devices.Storage.Host;

/// <summary>
/// A file opened with O_DIRECT. Writes that do not cover whole blocks read the block first, under a lock that orders them
/// with every other write through the buffer.
/// </summary>
/// <param name="file">The file, opened with O_DIRECT.</param>
/// <param name="alignment">Bytes that offsets, lengths and addresses must be a multiple of.</param>
internal sealed unsafe class DirectFile(LinuxFile file, uint alignment) : IImageFile
{
    private const uint BufferBytes = 1 << 20;
    private readonly ReaderWriterLockSlim writers = new();

    /// <inheritdoc/>
    public string Path => file.Path;

    /// <inheritdoc/>
    public (ulong Device, ulong Inode) Identity => file.Identity;

    /// <inheritdoc/>
    public ulong Length => file.Length;

    /// <inheritdoc/>
    public bool IsReadOnly => file.IsReadOnly;

    /// <inheritdoc/>
    public uint BlockSize => file.BlockSize;

    /// <inheritdoc/>
    public DiskStatus Read(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        if (IsAligned(offset, segments))
        {
            return file.Read(offset, segments);
        }

        var buffer = (byte*)NativeMemory.AlignedAlloc(BufferBytes, alignment);
        try
        {
            var cursor = new SegmentCursor(segments);
            var left = SegmentCursor.Total(segments);
            while (left != 0)
            {
                var (start, skip, part, span) = Window(offset, left);
                var piece = new DiskSegment(buffer, span);
                var status = file.Read(start, new ReadOnlySpan<DiskSegment>(ref piece));
                if (status != DiskStatus.Ok)
                {
                    return status;
                }

                cursor.CopyFrom(new ReadOnlySpan<byte>(buffer + skip, (int)part));
                offset += part;
                left -= part;
            }

            return DiskStatus.Ok;
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
        }
    }

    /// <inheritdoc/>
    public DiskStatus Write(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        if (IsAligned(offset, segments))
        {
            writers.EnterReadLock();
            try
            {
                return file.Write(offset, segments);
            }
            finally
            {
                writers.ExitReadLock();
            }
        }

        writers.EnterWriteLock();
        var buffer = (byte*)NativeMemory.AlignedAlloc(BufferBytes, alignment);
        try
        {
            var cursor = new SegmentCursor(segments);
            var left = SegmentCursor.Total(segments);
            while (left != 0)
            {
                var (start, skip, part, span) = Window(offset, left);
                var piece = new DiskSegment(buffer, span);
                var status = skip != 0 || skip + part != span ? file.Read(start, new ReadOnlySpan<DiskSegment>(ref piece)) : DiskStatus.Ok;
                if (status != DiskStatus.Ok)
                {
                    return status;
                }

                cursor.CopyTo(new Span<byte>(buffer + skip, (int)part));
                var end = Math.Max(file.Length, offset + part);
                status = file.Write(start, new ReadOnlySpan<DiskSegment>(ref piece));

                // A block past the end made the file longer than what was asked for.
                if (status == DiskStatus.Ok && file.Length > end)
                {
                    status = file.SetLength(end);
                }

                if (status != DiskStatus.Ok)
                {
                    return status;
                }

                offset += part;
                left -= part;
            }

            return DiskStatus.Ok;
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
            writers.ExitWriteLock();
        }
    }

    /// <inheritdoc/>
    public DiskStatus Flush() => file.Flush();

    /// <inheritdoc/>
    public DiskStatus PunchHole(ulong offset, ulong length) => Locked(() => file.PunchHole(offset, length));

    /// <inheritdoc/>
    public DiskStatus ZeroRange(ulong offset, ulong length) => Locked(() => file.ZeroRange(offset, length));

    /// <inheritdoc/>
    public DiskStatus SetLength(ulong length) => Locked(() => file.SetLength(length));

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private DiskStatus Locked(Func<DiskStatus> operation)
    {
        writers.EnterWriteLock();
        try
        {
            return operation();
        }
        finally
        {
            writers.ExitWriteLock();
        }
    }

    /// <summary>The aligned window of the buffer that holds the next bytes: its start, what to skip in it, the bytes wanted, its length.</summary>
    private (ulong Start, uint Skip, uint Part, uint Span) Window(ulong offset, ulong left)
    {
        var skip = (uint)(offset & (alignment - 1));
        var part = (uint)Math.Min(left, BufferBytes - skip);
        return (offset - skip, skip, part, (skip + part + alignment - 1) & ~(alignment - 1));
    }

    private bool IsAligned(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        var bits = offset;
        foreach (ref readonly var segment in segments)
        {
            bits |= (ulong)segment.Pointer | segment.Length;
        }

        return (bits & (alignment - 1)) == 0 && offset + SegmentCursor.Total(segments) <= file.Length;
    }
}
