// A host file or block device through positioned I/O of the kernel, with an advisory lock while it is open.
using System.Runtime.InteropServices;
using Emu.Core;
using static Emu.Devices.Storage.Host.FileCalls;

namespace Emu.Devices.Storage.Host;

/// <summary>The image file of a real host.</summary>
public sealed unsafe class LinuxFile : IImageFile
{
    /// <summary>What a file is that nobody calls otherwise.</summary>
    internal const string DiskImage = "disk image";

    private readonly Log log;
    private readonly string what;
    private readonly bool isBlockDevice;
    private readonly Lock growth = new();
    private int descriptor;
    private ulong length;

    private LinuxFile(int descriptor, string path, bool readOnly, Log log, string what)
    {
        this.descriptor = descriptor;
        this.log = log;
        this.what = what;
        Path = path;
        IsReadOnly = readOnly;
        if (!Status(descriptor, out var status))
        {
            throw new EmuException($"{what} '{path}' cannot be examined ({LastError()})");
        }

        isBlockDevice = (status.Mode & S_IFMT) == S_IFBLK;
        if (!isBlockDevice && (status.Mode & S_IFMT) != S_IFREG)
        {
            throw new EmuException($"{what} '{path}' is {((status.Mode & S_IFMT) == S_IFDIR ? "a directory" : "not a file")}: give an image file or a block device");
        }

        Identity = (status.Device, status.Inode);
        length = isBlockDevice ? (ulong)Math.Max(0, lseek(descriptor, 0, SEEK_END)) : status.Size;
        BlockSize = 512;
        var size = 0;
        if (isBlockDevice && ioctl(descriptor, BLKSSZGET, &size) == 0 && size is 512 or 4096)
        {
            BlockSize = (uint)size;
        }

        DirectAlignment = status.DirectAlignment is >= 512 and <= 65536 && uint.IsPow2(status.DirectAlignment) ? status.DirectAlignment : 4096;
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public (ulong Device, ulong Inode) Identity { get; }

    /// <inheritdoc/>
    public ulong Length => Volatile.Read(ref length);

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <inheritdoc/>
    public uint BlockSize { get; }

    /// <summary>Alignment in bytes that offsets, lengths and addresses of direct I/O need.</summary>
    internal uint DirectAlignment { get; }

    /// <summary>Opens and locks a file. A writer excludes every other Emu and QEMU; readers share.</summary>
    /// <param name="path">Path.</param>
    /// <param name="readOnly">For reading only.</param>
    /// <param name="direct">Without the host's page cache.</param>
    /// <param name="log">Messages.</param>
    /// <param name="what">What the file is, for messages.</param>
    /// <exception cref="EmuException">It does not exist, may not be opened, or is in use.</exception>
    public static IImageFile Open(string path, bool readOnly, bool direct, Log log, string what = DiskImage)
    {
        var flags = (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC | (direct ? O_DIRECT : 0);
        int descriptor;
        do
        {
            descriptor = open(path, flags, 0);
        }
        while (descriptor < 0 && Marshal.GetLastPInvokeError() == EINTR);

        if (descriptor < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            throw new EmuException(direct && error == EINVAL
                ? $"{what} '{path}' is on a file system without direct I/O: open it with direct=off"
                : $"{what} '{path}' cannot be opened for {(readOnly ? "reading" : "writing")} ({Marshal.GetPInvokeErrorMessage(error)})");
        }

        LinuxFile? file = null;
        try
        {
            file = new LinuxFile(descriptor, path, readOnly, log, what);
            ImageLock.Take(descriptor, path, readOnly, log, what);
            return direct ? new DirectFile(file, file.DirectAlignment) : file;
        }
        catch
        {
            if (file is null)
            {
                _ = close(descriptor);
            }

            file?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public DiskStatus Read(ulong offset, ReadOnlySpan<DiskSegment> segments) => Transfer(write: false, offset, segments);

    /// <inheritdoc/>
    public DiskStatus Write(ulong offset, ReadOnlySpan<DiskSegment> segments) => Transfer(write: true, offset, segments);

    /// <inheritdoc/>
    public DiskStatus Flush()
    {
        while (fdatasync(descriptor) != 0)
        {
            if (Marshal.GetLastPInvokeError() != EINTR)
            {
                return Failed("flush");
            }
        }

        return DiskStatus.Ok;
    }

    /// <inheritdoc/>
    public DiskStatus PunchHole(ulong offset, ulong length) => Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, "discard", offset, length);

    /// <inheritdoc/>
    public DiskStatus ZeroRange(ulong offset, ulong length) => Allocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, "zero", offset, length);

    /// <inheritdoc/>
    public DiskStatus SetLength(ulong length)
    {
        lock (growth)
        {
            if (isBlockDevice)
            {
                return length <= this.length ? DiskStatus.Ok : DiskStatus.NoSpace;
            }

            if (length > long.MaxValue)
            {
                return DiskStatus.NoSpace;
            }

            while (ftruncate(descriptor, (long)length) != 0)
            {
                if (Marshal.GetLastPInvokeError() != EINTR)
                {
                    return Failed("extend");
                }
            }

            Volatile.Write(ref this.length, length);
            return DiskStatus.Ok;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        var old = Interlocked.Exchange(ref descriptor, -1);
        if (old >= 0)
        {
            ImageLock.Release(old);
            _ = close(old);
        }
    }

    private static string LastError() => Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());

    private DiskStatus Transfer(bool write, ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        var vector = stackalloc DiskVector[SegmentCursor.BatchPieces];
        var index = 0;
        uint skip = 0;
        while (index < segments.Length)
        {
            var count = 0;
            ulong wanted = 0;
            for (var i = index; i < segments.Length && count < SegmentCursor.BatchPieces; i++)
            {
                var from = i == index ? skip : 0;
                vector[count++] = new DiskVector { Base = segments[i].Pointer + from, Length = segments[i].Length - from };
                wanted += segments[i].Length - from;
            }

            if (offset + wanted < offset || offset + wanted > long.MaxValue)
            {
                return DiskStatus.IoError;
            }

            if (wanted == 0)
            {
                index += count;
                skip = 0;
                continue;
            }

            if (!write && offset >= Length)
            {
                // Past the end. Asked before the call: direct I/O from an odd end of file would be refused.
                for (var i = 0; i < count; i++)
                {
                    Clear(vector[i]);
                }

                index += count;
                skip = 0;
                offset += wanted;
                continue;
            }

            var done = write ? pwritev(descriptor, vector, count, (long)offset) : preadv(descriptor, vector, count, (long)offset);
            if (done < 0)
            {
                if (Marshal.GetLastPInvokeError() == EINTR)
                {
                    continue;
                }

                return Failed(write ? "write" : "read");
            }

            if (done == 0)
            {
                // Nothing written, or the file was cut behind our back.
                return DiskStatus.IoError;
            }

            offset += (ulong)done;
            if (write)
            {
                Grown(offset);
            }

            var left = (ulong)done + skip;
            while (index < segments.Length && left >= segments[index].Length)
            {
                left -= segments[index++].Length;
            }

            skip = (uint)left;
        }

        return DiskStatus.Ok;
    }

    private static void Clear(in DiskVector piece)
    {
        for (nuint done = 0; done < piece.Length;)
        {
            var part = (int)Math.Min(piece.Length - done, 1 << 30);
            new Span<byte>(piece.Base + done, part).Clear();
            done += (nuint)part;
        }
    }

    private void Grown(ulong end)
    {
        if (end > Volatile.Read(ref length))
        {
            lock (growth)
            {
                Volatile.Write(ref length, Math.Max(length, end));
            }
        }
    }

    private DiskStatus Allocate(int mode, string operation, ulong offset, ulong length)
    {
        if (length == 0)
        {
            return DiskStatus.Ok;
        }

        if (offset > long.MaxValue || length > long.MaxValue - offset)
        {
            return DiskStatus.IoError;
        }

        while (fallocate(descriptor, mode, (long)offset, (long)length) != 0)
        {
            switch (Marshal.GetLastPInvokeError())
            {
                case EINTR:
                    continue;
                case EOPNOTSUPP or ENOSYS or EINVAL:
                    return DiskStatus.Unsupported;
                default:
                    return Failed(operation);
            }
        }

        return DiskStatus.Ok;
    }

    private DiskStatus Failed(string operation)
    {
        var error = Marshal.GetLastPInvokeError();
        log.Once($"{Path}:{operation}:{error}", LogLevel.Error, $"{what} '{Path}': {operation} failed ({Marshal.GetPInvokeErrorMessage(error)}); the guest sees an I/O error");
        return error is ENOSPC or EDQUOT or EFBIG ? DiskStatus.NoSpace : DiskStatus.IoError;
    }
}
