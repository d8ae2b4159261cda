// The contents of a flash bank: host memory that the guest reads, and the file that keeps every write of it.
using Emu.Core;
using Emu.Devices.Storage;
using Emu.Devices.Storage.Host;

namespace Emu.Devices.Firmware;

/// <summary>Bytes of flash, in memory and, where the user gave one, in a file.</summary>
public sealed unsafe class FlashStore : IDisposable
{
    private const int PageSize = 4096;

    private readonly HostMemory memory;
    private readonly IImageFile? file;
    private readonly Timer? later;
    private readonly TimeSpan delay;
    private int waiting;

    /// <summary>Pages that may hold something else than zero.</summary>
    private readonly bool[] touched;

    /// <summary>Contents that are gone with the machine.</summary>
    /// <param name="length">Bytes, a multiple of 4 KiB.</param>
    /// <param name="initial">The first bytes; the others are zero.</param>
    public FlashStore(uint length, ReadOnlySpan<byte> initial)
    {
        memory = new HostMemory(length);
        Length = length;
        touched = new bool[length / PageSize];
        Fill(initial, 0);
    }

    /// <summary>Contents that a file keeps.</summary>
    /// <param name="file">Open for writing; the store closes it. Its length is the store's.</param>
    /// <param name="delay">
    /// How long after a write the file is made to survive the host, too, beside the guest; null for not before <see cref="Flush"/>. Firmware has no
    /// command for it, and writes a variable in many small pieces.
    /// </param>
    /// <exception cref="EmuException">It cannot be read.</exception>
    public FlashStore(IImageFile file, TimeSpan? delay = null)
        : this((uint)file.Length, [])
    {
        this.file = file;
        if (delay is { } time)
        {
            this.delay = time;
            later = new Timer(_ => FlushLater());
        }

        var part = new byte[1 << 20];
        for (uint offset = 0; offset < Length; offset += (uint)part.Length)
        {
            var bytes = part.AsSpan(0, (int)Math.Min((uint)part.Length, Length - offset));
            if (file.Read(offset, bytes) != DiskStatus.Ok)
            {
                Dispose();
                throw new EmuException($"{file.Path} cannot be read");
            }

            Fill(bytes, offset);
        }
    }

    /// <summary>Bytes.</summary>
    public uint Length { get; }

    /// <summary>The contents, for reading.</summary>
    public byte* Pointer => memory.Pointer;

    /// <summary>Writes, first to the file: what the guest reads back is kept, whatever happens to this process.</summary>
    /// <param name="offset">First byte; offset and length lie inside.</param>
    /// <param name="bytes">What to write.</param>
    /// <returns>False, with nothing changed in memory, when the host's storage failed.</returns>
    public bool Write(uint offset, ReadOnlySpan<byte> bytes)
    {
        if (file is not null && file.Write(offset, bytes) != DiskStatus.Ok)
        {
            return false;
        }

        bytes.CopyTo(new Span<byte>(memory.Pointer + offset, bytes.Length));
        for (var page = offset / PageSize; page <= (offset + (uint)bytes.Length - 1) / PageSize; page++)
        {
            touched[page] = true;
        }

        if (later is not null && Interlocked.Exchange(ref waiting, 1) == 0)
        {
            later.Change(delay, Timeout.InfiniteTimeSpan);
        }

        return true;
    }

    /// <summary>Makes the file survive the host, too.</summary>
    public void Flush() => file?.Flush();

    /// <summary>Writes every page that is not zero, behind its number; the end is marked.</summary>
    public void Save(SnapshotWriter writer)
    {
        writer.U32(Length);
        for (var page = 0; page < touched.Length; page++)
        {
            var bytes = new ReadOnlySpan<byte>(memory.Pointer + ((nint)page * PageSize), PageSize);
            if (touched[page] && bytes.ContainsAnyExcept((byte)0))
            {
                writer.U32((uint)page);
                writer.Bytes(bytes);
            }
        }

        writer.U32(uint.MaxValue);
    }

    /// <summary>Reads the contents back; the file holds them, too, from then on.</summary>
    /// <exception cref="InvalidDataException">They are not of such a store, or the file cannot be written.</exception>
    public void Restore(SnapshotReader reader)
    {
        if (reader.U32() is var length && length != Length)
        {
            throw new InvalidDataException($"flash of {length >> 10}K, {Length >> 10}K expected");
        }

        var next = reader.U32();
        for (uint page = 0; page < touched.Length; page++)
        {
            var bytes = new byte[PageSize];
            if (page == next)
            {
                bytes = reader.Bytes(PageSize);
                next = reader.U32();
                if (bytes.Length != PageSize || (next <= page && next != uint.MaxValue))
                {
                    throw new InvalidDataException("flash: a page is damaged");
                }
            }

            if ((touched[page] || bytes.AsSpan().ContainsAnyExcept((byte)0))
                && !bytes.AsSpan().SequenceEqual(new ReadOnlySpan<byte>(memory.Pointer + ((nint)page * PageSize), PageSize))
                && !Write(page * PageSize, bytes))
            {
                throw new InvalidDataException($"{file!.Path} cannot be written");
            }
        }

        if (next != uint.MaxValue)
        {
            throw new InvalidDataException("flash: a page lies outside");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (later is not null)
        {
            using var ended = new ManualResetEvent(false);
            if (later.Dispose(ended))
            {
                ended.WaitOne();
            }
        }

        Flush();
        file?.Dispose();
        memory.Dispose();
    }

    private void FlushLater()
    {
        Volatile.Write(ref waiting, 0);
        Flush();
    }

    /// <summary>Fills memory alone, leaving pages of zeroes untouched.</summary>
    private void Fill(ReadOnlySpan<byte> bytes, uint offset)
    {
        for (var at = 0; at < bytes.Length; at += PageSize)
        {
            var page = bytes.Slice(at, Math.Min(PageSize, bytes.Length - at));
            if (page.ContainsAnyExcept((byte)0))
            {
                page.CopyTo(new Span<byte>(memory.Pointer + offset + at, page.Length));
                touched[(offset + (uint)at) / PageSize] = true;
            }
        }
    }
}
