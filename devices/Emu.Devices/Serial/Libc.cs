// The few C library calls that serial backends need: descriptors, terminal settings, file types. Linux, 64-bit.
using System.Runtime.InteropServices;

namespace Emu.Devices.Serial;

/// <summary>Calls and constants of the Linux C library; the layouts are the same on x86-64 and arm64, glibc and musl.</summary>
internal static unsafe partial class Libc
{
    public const int EINTR = 4;
    public const int EAGAIN = 11;

    public const short POLLIN = 0x001;
    public const short POLLOUT = 0x004;

    public const int TCSANOW = 0;
    public const int SIGSTOP = 19;

    /// <summary>Larger than struct termios (60 bytes).</summary>
    public const int TermiosBytes = 128;

    public const int AT_FDCWD = -100;
    public const uint STATX_TYPE = 1;
    public const int S_IFMT = 0xF000;
    public const int S_IFSOCK = 0xC000;

    /// <summary>Offset of stx_mode in struct statx, which is 256 bytes on every architecture.</summary>
    private const int StatxMode = 28;

    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int poll(PollDescriptor* descriptors, nuint count, int milliseconds);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc")]
    public static partial int close(int descriptor);

    [LibraryImport("libc")]
    public static partial int isatty(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int tcgetattr(int descriptor, byte* termios);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int tcsetattr(int descriptor, int actions, byte* termios);

    [LibraryImport("libc")]
    public static partial void cfmakeraw(byte* termios);

    [LibraryImport("libc")]
    public static partial int tcgetpgrp(int descriptor);

    [LibraryImport("libc")]
    public static partial int getpgrp();

    [LibraryImport("libc")]
    public static partial int getpid();

    [LibraryImport("libc")]
    public static partial int kill(int process, int signal);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int directory, string path, int flags, uint mask, byte* result);

    /// <summary>The type bits of a path's mode (links followed), or 0 when there is no such file.</summary>
    public static int FileType(string path)
    {
        var result = stackalloc byte[256];
        return statx(AT_FDCWD, path, 0, STATX_TYPE, result) == 0 ? *(ushort*)(result + StatxMode) & S_IFMT : 0;
    }

    /// <summary>Writes everything, through signals and short writes; false when the other end is gone (EPIPE, EIO, EBADF, ENOSPC).</summary>
    public static bool WriteAll(int descriptor, ReadOnlySpan<byte> data)
    {
        fixed (byte* p = data)
        {
            var done = 0;
            while (done < data.Length)
            {
                var n = write(descriptor, p + done, (nuint)(data.Length - done));
                if (n >= 0)
                {
                    done += (int)n;
                    continue;
                }

                switch (Marshal.GetLastPInvokeError())
                {
                    case EINTR:
                        break;
                    case EAGAIN:
                        // Somebody who shares the terminal made it non-blocking.
                        var wait = new PollDescriptor { Descriptor = descriptor, Events = POLLOUT };
                        _ = poll(&wait, 1, 1000);
                        break;
                    default:
                        return false;
                }
            }

            return true;
        }
    }
}
