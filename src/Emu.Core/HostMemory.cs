// Host pages for guest RAM and the engines' large tables: mmap'ed, zeroed, committed only when touched.
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Emu.Core;

/// <summary>A page-aligned, zero-filled host mapping.</summary>
public sealed unsafe partial class HostMemory : IDisposable
{
    private const int ProtRead = 1;
    private const int ProtWrite = 2;
    private const int MapShared = 1;
    private const int MapPrivate = 2;
    private const int MapFixed = 0x10;
    private const int MapAnonymous = 0x20;
    private const int MapNoReserve = 0x4000;
    private const int MadvDontNeed = 4;
    private const int MadvRemove = 9;
    private const int MadvMergeable = 12;
    private const int MadvHugePage = 14;
    private const int MadvPopulateWrite = 23;
    private const uint MfdCloexec = 1;
    private const int SeekData = 3;
    private const int SeekHole = 4;

    private nint address;

    /// <summary>Maps <paramref name="length"/> bytes.</summary>
    /// <param name="length">Bytes, rounded up to whole pages by the host.</param>
    /// <param name="shared">Behind a descriptor that another process can map (vhost-user back ends).</param>
    /// <exception cref="EmuException">The host has no room.</exception>
    public HostMemory(ulong length, bool shared = false)
    {
        Length = length;
        if (shared)
        {
            Descriptor = MemfdCreate("emu", MfdCloexec);
            if (Descriptor < 0 || Ftruncate(Descriptor, (long)length) != 0)
            {
                throw new EmuException($"cannot make {length >> 20} MiB of shared memory: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
            }
        }

        address = Mmap(0, (nuint)length, ProtRead | ProtWrite, (shared ? MapShared : MapPrivate | MapAnonymous) | MapNoReserve, Descriptor, 0);
        if (address == -1)
        {
            throw new EmuException($"cannot map {length >> 20} MiB of memory: the host refused it; give a smaller --memory size=");
        }
    }

    /// <summary>Start of the mapping.</summary>
    public byte* Pointer => (byte*)address;

    /// <summary>Length in bytes.</summary>
    public ulong Length { get; }

    /// <summary>The descriptor that shared memory is behind, from its start on; -1 for private memory.</summary>
    public int Descriptor { get; } = -1;

    /// <summary>The contents come from a file, page by page as they are touched (<see cref="MapCopyOnWrite"/>).</summary>
    public bool FileBacked { get; private set; }

    /// <summary>Gives the pages back to the host; they read as zero afterwards.</summary>
    public void Discard(ulong offset, ulong length)
    {
        if (FileBacked)
        {
            // Dropping private pages of a file brings the file's contents back: zero pages are mapped over it instead.
            Remap(offset, length, MapAnonymous | MapNoReserve, -1, 0);
        }
        else
        {
            _ = Madvise(address + (nint)offset, (nuint)length, Descriptor < 0 ? MadvDontNeed : MadvRemove);
        }
    }

    /// <summary>Fills the whole mapping from a file: a page is read when it is first touched, writes stay in this process.</summary>
    /// <param name="file">The file, open for reading; it may be closed afterwards, but not shortened.</param>
    /// <param name="offset">Where in the file the contents begin, a multiple of the page size.</param>
    /// <exception cref="EmuException">The host refused it.</exception>
    public void MapCopyOnWrite(SafeFileHandle file, long offset)
    {
        Remap(0, Length, MapNoReserve, (int)file.DangerousGetHandle(), offset);
        GC.KeepAlive(file);
        FileBacked = true;
    }

    /// <summary>Reads a part of a file into the mapping: what shared memory is filled with, for a private mapping would not be shared any more.</summary>
    /// <param name="file">The file, open for reading.</param>
    /// <param name="fileOffset">Where the part begins in the file.</param>
    /// <param name="offset">Where it goes in the mapping.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="IOException">The file is shorter, or cannot be read.</exception>
    public void Fill(SafeFileHandle file, long fileOffset, ulong offset, int length)
    {
        for (var done = 0; done < length;)
        {
            var read = RandomAccess.Read(file, new Span<byte>(Pointer + offset + (uint)done, length - done), fileOffset + done);
            done += read > 0 ? read : throw new EndOfStreamException("the file ends too early");
        }
    }

    /// <summary>Where in shared memory the first page at or behind an offset is that somebody wrote, this process or another; <see cref="Length"/> for none.</summary>
    public ulong NextData(ulong offset)
    {
        var next = Lseek(Descriptor, (long)offset, SeekData);
        return next >= 0 ? (ulong)next : Length;
    }

    /// <summary>Where in shared memory the run of written pages ends that the offset lies in.</summary>
    public ulong EndOfData(ulong offset)
    {
        var end = Lseek(Descriptor, (long)offset, SeekHole);
        return end >= 0 ? (ulong)end : Length;
    }

    private void Remap(ulong offset, ulong length, int flags, int descriptor, long fileOffset)
    {
        if (Mmap(address + (nint)offset, (nuint)length, ProtRead | ProtWrite, MapPrivate | MapFixed | flags, descriptor, fileOffset) == -1)
        {
            throw new EmuException($"cannot map {length >> 20} MiB of memory: the host refused it (error {Marshal.GetLastPInvokeError()})");
        }
    }

    /// <summary>Asks for 2 MiB host pages: fewer page faults and host TLB misses, at the price of whole pages committed on first touch.
    /// A host that has none ignores it.</summary>
    public void PreferHugePages() => _ = Madvise(address, (nuint)Length, MadvHugePage);

    /// <summary>Lets the host merge equal pages (KSM). A host without it ignores it.</summary>
    public void AllowMerging() => _ = Madvise(address, (nuint)Length, MadvMergeable);

    /// <summary>Commits every page now.</summary>
    /// <exception cref="EmuException">The host has not that much memory.</exception>
    public void Prefault()
    {
        if (Madvise(address, (nuint)Length, MadvPopulateWrite) != 0)
        {
            throw new EmuException($"cannot commit {Length >> 20} MiB of memory: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}; give a smaller --memory size=, or prefault=off");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        var a = Interlocked.Exchange(ref address, 0);
        if (a != 0)
        {
            _ = Munmap(a, (nuint)Length);
            if (Descriptor >= 0)
            {
                _ = Close(Descriptor);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Mmap(nint address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Munmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int Ftruncate(int descriptor, long length);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Lseek(int descriptor, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Madvise(nint address, nuint length, int advice);
}
