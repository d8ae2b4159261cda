// A file mapped into memory, as the backing of a pmem device.
using System.Runtime.InteropServices;
using Emu.Core;
using Microsoft.Win32.SafeHandles;

namespace Emu.Devices.Virtio.Pmem;

/// <summary>Persistent memory in a file.</summary>
public sealed unsafe partial class PmemFile : IDisposable
{
    /// <summary>The size is a multiple of this many bytes, and the guest-physical address should be: 2 MiB, what Linux maps in one piece.</summary>
    public const ulong Granularity = 2 << 20;

    private const int ProtRead = 1;
    private const int ProtWrite = 2;
    private const int MapShared = 1;
    private const int MapPrivate = 2;

    private readonly SafeFileHandle file;
    private readonly bool discardWrites;
    private nint address;

    /// <summary>Opens and maps a file.</summary>
    /// <param name="path">The file (file=).</param>
    /// <param name="size">Bytes (size=); null for the file's. A file that is shorter grows.</param>
    /// <param name="discardWrites">The file stays as it is, whatever the guest writes (discard_writes=).</param>
    /// <exception cref="EmuException">The file cannot be used, or the size is not possible.</exception>
    public PmemFile(string path, ulong? size = null, bool discardWrites = false)
    {
        this.discardWrites = discardWrites;
        try
        {
            file = File.OpenHandle(path, FileMode.Open, discardWrites ? FileAccess.Read : FileAccess.ReadWrite, discardWrites ? FileShare.Read : FileShare.None);
            var length = (ulong)RandomAccess.GetLength(file);
            Length = size ?? length;
            if (Length == 0 || Length % Granularity != 0 || Length > long.MaxValue)
            {
                throw new EmuException($"pmem file '{path}': a size of {Length} bytes is not possible: give a multiple of 2 MiB");
            }

            if (length < Length)
            {
                if (discardWrites)
                {
                    throw new EmuException($"pmem file '{path}' has {length} bytes: size={Length} is more, and it must not grow with discard_writes=on");
                }

                RandomAccess.SetLength(file, (long)Length);
            }

            address = Mmap(0, (nuint)Length, ProtRead | ProtWrite, discardWrites ? MapPrivate : MapShared, file, 0);
            if (address == -1)
            {
                throw new EmuException($"pmem file '{path}': the host cannot map {Length >> 20} MiB of it: {Marshal.GetLastPInvokeErrorMessage()}");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EmuException or ArgumentException)
        {
            file?.Dispose();
            throw e as EmuException ?? new EmuException($"pmem file '{path}' cannot be used: {e.Message}");
        }
    }

    /// <summary>First byte of the mapping.</summary>
    public byte* Pointer => (byte*)address;

    /// <summary>Bytes, a multiple of <see cref="Granularity"/>.</summary>
    public ulong Length { get; }

    /// <summary>Makes everything written durable; false when the host reports an error.</summary>
    public bool Flush() => discardWrites || Fsync(file) == 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        var mapped = Interlocked.Exchange(ref address, 0);
        if (mapped != 0)
        {
            _ = Munmap(mapped, (nuint)Length);
            file.Dispose();
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Mmap(nint address, nuint length, int protection, int flags, SafeFileHandle file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Munmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle file);
}
