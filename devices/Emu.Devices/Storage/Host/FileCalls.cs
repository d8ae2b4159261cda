// The C library calls that image files need: positioned I/O, allocation, locks, file identity. Linux, 64-bit.
using System.Runtime.InteropServices;

namespace Emu.Devices.Storage.Host;

/// <summary>Calls and constants of the Linux C library.</summary>
internal static unsafe partial class FileCalls
{
    public const int O_RDONLY = 0;
    public const int O_RDWR = 2;
    public const int O_CLOEXEC = 0x80000;

    public const int EINTR = 4;
    public const int EAGAIN = 11;
    public const int EACCES = 13;
    public const int EINVAL = 22;
    public const int EFBIG = 27;
    public const int ENOSPC = 28;
    public const int ENOSYS = 38;
    public const int EOPNOTSUPP = 95;
    public const int EDQUOT = 122;

    public const int FALLOC_FL_KEEP_SIZE = 1;
    public const int FALLOC_FL_PUNCH_HOLE = 2;
    public const int FALLOC_FL_ZERO_RANGE = 0x10;

    /// <summary>Locks of the open file description: not lost when another descriptor of the process closes.</summary>
    public const int F_OFD_GETLK = 36;
    public const int F_OFD_SETLK = 37;
    public const short F_RDLCK = 0;
    public const short F_WRLCK = 1;
    public const short F_UNLCK = 2;

    public const int S_IFMT = 0xF000;
    public const int S_IFREG = 0x8000;
    public const int S_IFBLK = 0x6000;
    public const int S_IFDIR = 0x4000;

    /// <summary>Logical block size of a block device.</summary>
    public const nuint BLKSSZGET = 0x1268;
    public const int SEEK_END = 2;

    private const int AT_EMPTY_PATH = 0x1000;
    private const uint STATX_BASIC_STATS = 0x7FF;
    private const uint STATX_DIOALIGN = 0x2000;
    private const int SIGXFSZ = 25;

    static FileCalls()
    {
        // Beyond the file size limit a write shall fail with EFBIG; the signal would end the process.
        _ = signal(SIGXFSZ, 1);
    }

    /// <summary>O_DIRECT, the one open flag whose value depends on the architecture.</summary>
    public static int O_DIRECT => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    [StructLayout(LayoutKind.Sequential)]
    public struct Flock
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }

    /// <summary>What statx says of a file.</summary>
    public struct FileStatus
    {
        public int Mode;
        public ulong Size;
        public ulong Device;
        public ulong Inode;

        /// <summary>Alignment of direct I/O in bytes, 0 if the kernel does not say.</summary>
        public uint DirectAlignment;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags, int mode);

    [LibraryImport("libc")]
    public static partial int close(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint preadv(int descriptor, DiskVector* vector, int count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwritev(int descriptor, DiskVector* vector, int count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fdatasync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fallocate(int descriptor, int mode, long offset, long length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ftruncate(int descriptor, long length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial long lseek(int descriptor, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fcntl(int descriptor, int command, Flock* argument);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ioctl(int descriptor, nuint request, int* argument);

    [LibraryImport("libc")]
    private static partial nint signal(int number, nint handler);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int directory, string path, int flags, uint mask, byte* result);

    /// <summary>Type, size and identity of an open file; false leaves the reason in the last error.</summary>
    public static bool Status(int descriptor, out FileStatus status)
    {
        // struct statx is 256 bytes with the same layout on every architecture (statx(2)).
        var buffer = stackalloc byte[256];
        status = default;
        if (statx(descriptor, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_DIOALIGN, buffer) != 0)
        {
            return false;
        }

        status.Mode = *(ushort*)(buffer + 28);
        status.Inode = *(ulong*)(buffer + 32);
        status.Size = *(ulong*)(buffer + 40);
        status.Device = ((ulong)*(uint*)(buffer + 136) << 32) | *(uint*)(buffer + 140);
        status.DirectAlignment = (*(uint*)buffer & STATX_DIOALIGN) != 0 ? *(uint*)(buffer + 156) : 0;
        return true;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct DiskVector
    {
        public byte* Base;
        public nuint Length;
    }
}
