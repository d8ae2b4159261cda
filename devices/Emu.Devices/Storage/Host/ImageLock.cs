// The advisory lock on an image: one writer or several readers, among Emu processes and QEMU's.
using System.Runtime.InteropServices;
using Emu.Core;
using static Emu.Devices.Storage.Host.FileCalls;

namespace Emu.Devices.Storage.Host;

/// <summary>
/// Open-file-description locks on the bytes that QEMU uses too: byte 100 + n is held by who has permission n
/// (0 read, 1 write, 3 resize), byte 200 + n by who denies it to others. A writer here holds all of them exclusively.
/// </summary>
internal static unsafe class ImageLock
{
    private const long PermissionBase = 100;
    private const long DenialBase = 200;
    private const long Bits = 4;
    private const long Read = 0;
    private const long Write = 1;
    private const long Resize = 3;

    /// <summary>Locks the file until it is closed.</summary>
    /// <exception cref="EmuException">Another process holds it.</exception>
    public static void Take(int descriptor, string path, bool readOnly, Log log, string what)
    {
        var free = readOnly
            ? Set(descriptor, F_RDLCK, PermissionBase + Read, 1, path, log, what)
                && Set(descriptor, F_RDLCK, DenialBase + Write, 1, path, log, what)
                && Set(descriptor, F_RDLCK, DenialBase + Resize, 1, path, log, what)
                && NobodyHolds(descriptor, PermissionBase + Write)
                && NobodyHolds(descriptor, PermissionBase + Resize)
            : Set(descriptor, F_WRLCK, PermissionBase, Bits, path, log, what) && Set(descriptor, F_WRLCK, DenialBase, Bits, path, log, what);
        if (!free)
        {
            throw new EmuException(readOnly
                ? $"{what} '{path}' is being written by another process: end that one first, or use a copy"
                : $"{what} '{path}' is in use by another process: end that one first, or use a copy{(what == LinuxFile.DiskImage ? ", or open it with readonly=on in both" : "")}");
        }
    }

    /// <summary>Gives the lock up. Closing alone would not, while a process that another thread is just starting still has a copy of the descriptor.</summary>
    public static void Release(int descriptor)
    {
        var request = new Flock { Type = F_UNLCK };
        _ = fcntl(descriptor, F_OFD_SETLK, &request);
    }

    private static bool Set(int descriptor, short type, long start, long length, string path, Log log, string what)
    {
        var request = new Flock { Type = type, Start = start, Length = length };
        if (fcntl(descriptor, F_OFD_SETLK, &request) == 0)
        {
            return true;
        }

        var error = Marshal.GetLastPInvokeError();
        if (error is EAGAIN or EACCES)
        {
            return false;
        }

        log.Once($"{path}:lock", LogLevel.Warning, $"{what} '{path}' cannot be locked ({Marshal.GetPInvokeErrorMessage(error)}): nothing keeps another process from writing to it");
        return true;
    }

    private static bool NobodyHolds(int descriptor, long start)
    {
        var request = new Flock { Type = F_WRLCK, Start = start, Length = 1 };
        return fcntl(descriptor, F_OFD_GETLK, &request) != 0 || request.Type == F_UNLCK;
    }
}
