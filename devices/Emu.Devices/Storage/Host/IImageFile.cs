// The host file under an image, so that formats do not know how the host does its I/O and tests can make it fail.
namespace Emu.Devices.Storage.Host;

/// <summary>A host file or block device. Thread-safe; never throws for what the host's storage does.</summary>
public interface IImageFile : IDisposable
{
    /// <summary>Name for messages, and the base of relative backing file names.</summary>
    string Path { get; }

    /// <summary>What tells this file from every other of the host: device and inode.</summary>
    (ulong Device, ulong Inode) Identity { get; }

    /// <summary>Length in bytes.</summary>
    ulong Length { get; }

    /// <summary>Whether it is open for reading only.</summary>
    bool IsReadOnly { get; }

    /// <summary>Logical block size in bytes: 512 for files, the device's for block devices.</summary>
    uint BlockSize { get; }

    /// <summary>Reads; bytes past the end read as zero.</summary>
    DiskStatus Read(ulong offset, ReadOnlySpan<DiskSegment> segments);

    /// <summary>Writes, extending the file where needed.</summary>
    DiskStatus Write(ulong offset, ReadOnlySpan<DiskSegment> segments);

    /// <summary>Makes what was written durable (fdatasync).</summary>
    DiskStatus Flush();

    /// <summary>Makes a range zero and gives its space back; the length stays.</summary>
    /// <returns><see cref="DiskStatus.Unsupported"/> where the host cannot.</returns>
    DiskStatus PunchHole(ulong offset, ulong length);

    /// <summary>Makes a range zero and keeps its space; the length stays.</summary>
    /// <returns><see cref="DiskStatus.Unsupported"/> where the host cannot.</returns>
    DiskStatus ZeroRange(ulong offset, ulong length);

    /// <summary>Extends the file with zeroes, or cuts it.</summary>
    DiskStatus SetLength(ulong length);
}

/// <summary>Transfers with managed buffers, and zeroing that always works.</summary>
public static unsafe class ImageFileExtensions
{
    private const int ZeroChunk = 256 << 10;
    private static readonly byte[] Zeroes = GC.AllocateArray<byte>(ZeroChunk, pinned: true);

    /// <summary>Reads into a buffer.</summary>
    public static DiskStatus Read(this IImageFile file, ulong offset, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            var segment = new DiskSegment(p, (uint)buffer.Length);
            return file.Read(offset, new ReadOnlySpan<DiskSegment>(ref segment));
        }
    }

    /// <summary>Writes a buffer.</summary>
    public static DiskStatus Write(this IImageFile file, ulong offset, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            var segment = new DiskSegment(p, (uint)buffer.Length);
            return file.Write(offset, new ReadOnlySpan<DiskSegment>(ref segment));
        }
    }

    /// <summary>Makes a range zero by whatever the host offers, and by writing if it offers nothing.</summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="punch">Whether the space may go back to the host.</param>
    public static DiskStatus Zero(this IImageFile file, ulong offset, ulong length, bool punch)
    {
        if (length == 0)
        {
            return DiskStatus.Ok;
        }

        // A range past the end would stay past the end: only writing extends the file.
        var status = offset + length > file.Length ? DiskStatus.Unsupported
            : punch ? file.PunchHole(offset, length) : file.ZeroRange(offset, length);
        if (status != DiskStatus.Unsupported)
        {
            return status;
        }

        while (length != 0)
        {
            var part = (int)Math.Min(length, ZeroChunk);
            status = file.Write(offset, Zeroes.AsSpan(0, part));
            if (status != DiskStatus.Ok)
            {
                return status;
            }

            offset += (uint)part;
            length -= (uint)part;
        }

        return DiskStatus.Ok;
    }

    /// <summary>Transfers <paramref name="length"/> bytes between the file and the next pieces of a cursor.</summary>
    internal static DiskStatus Transfer(this IImageFile file, bool write, ulong offset, ulong length, ref SegmentCursor cursor)
    {
        var pieces = stackalloc DiskSegment[SegmentCursor.BatchPieces];
        while (length != 0)
        {
            var part = cursor.Take(length, new Span<DiskSegment>(pieces, SegmentCursor.BatchPieces), out var count);
            if (part == 0)
            {
                return DiskStatus.IoError;
            }

            var batch = new ReadOnlySpan<DiskSegment>(pieces, count);
            var status = write ? file.Write(offset, batch) : file.Read(offset, batch);
            if (status != DiskStatus.Ok)
            {
                return status;
            }

            offset += part;
            length -= part;
        }

        return DiskStatus.Ok;
    }
}
