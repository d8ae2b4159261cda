// A request taken from a virtqueue: the guest buffers of one descriptor chain, readable ones first, then writable ones.
using Emu.Core;

namespace Emu.Devices.Virtio;

/// <summary>
/// One request. The object is the caller's and is used again and again: taking a request fills it without allocating once its arrays have
/// grown. It may travel to another thread and come back to <see cref="VirtQueue.Push"/>.
/// </summary>
public sealed unsafe class DescriptorChain
{
    /// <summary>Most mappings of an IOMMU that a request may go through: 64 MiB of single pages, more than any driver asks for at once.</summary>
    private const int MaximumMappings = 16384;

    private GuestSegment[] segments = new GuestSegment[8];
    private PhysicalAddressSpace? memory;
    private IDmaTranslation? dma;
    private int count;
    private int readableCount;
    private int mappings;

    /// <summary>The driver's name for the request (split: head index; packed: buffer ID).</summary>
    public ushort Id { get; private set; }

    /// <summary>Ring entries the request takes (packed: descriptors; split: 1).</summary>
    internal ushort RingEntries { get; set; }

    /// <summary>Buffers the device reads, in order.</summary>
    public ReadOnlySpan<GuestSegment> Readable => segments.AsSpan(0, readableCount);

    /// <summary>Buffers the device writes, in order. A device that writes through their pointers calls <see cref="NotifyWritten"/>.</summary>
    public ReadOnlySpan<GuestSegment> Writable => segments.AsSpan(readableCount, count - readableCount);

    /// <summary>Bytes of <see cref="Readable"/>.</summary>
    public ulong ReadableLength { get; private set; }

    /// <summary>Bytes of <see cref="Writable"/>.</summary>
    public ulong WritableLength { get; private set; }

    /// <summary>Copies from the readable buffers.</summary>
    /// <param name="offset">Bytes to skip from the start of the readable part.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <returns>Bytes copied; fewer than asked at the end of the buffers.</returns>
    public int Read(ulong offset, Span<byte> destination)
    {
        var done = 0;
        foreach (ref readonly var s in Readable)
        {
            if (offset >= s.Length)
            {
                offset -= s.Length;
                continue;
            }

            if (done == destination.Length)
            {
                break;
            }

            var n = (int)Math.Min(s.Length - offset, (ulong)(destination.Length - done));
            new ReadOnlySpan<byte>(s.Host + offset, n).CopyTo(destination[done..]);
            done += n;
            offset = 0;
        }

        return done;
    }

    /// <summary>Copies into the writable buffers and tells the CPUs.</summary>
    /// <param name="offset">Bytes to skip from the start of the writable part.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>Bytes copied; fewer than given at the end of the buffers.</returns>
    public int Write(ulong offset, ReadOnlySpan<byte> source)
    {
        var done = 0;
        foreach (ref readonly var s in Writable)
        {
            if (offset >= s.Length)
            {
                offset -= s.Length;
                continue;
            }

            if (done == source.Length)
            {
                break;
            }

            var n = (int)Math.Min(s.Length - offset, (ulong)(source.Length - done));
            source.Slice(done, n).CopyTo(new Span<byte>(s.Host + offset, n));
            memory!.NotifyWritten(s.Address + offset, (ulong)n);
            done += n;
            offset = 0;
        }

        return done;
    }

    /// <summary>Tells the CPUs that the first bytes of the writable part were written through pointers.</summary>
    /// <param name="length">Bytes from the start of the writable part.</param>
    public void NotifyWritten(ulong length)
    {
        foreach (ref readonly var s in Writable)
        {
            if (length == 0)
            {
                return;
            }

            var n = Math.Min(length, s.Length);
            memory!.NotifyWritten(s.Address, n);
            length -= n;
        }
    }

    internal void Begin(PhysicalAddressSpace guest, IDmaTranslation? translation, ushort id)
    {
        memory = guest;
        dma = translation;
        Id = id;
        RingEntries = 1;
        count = readableCount = mappings = 0;
        ReadableLength = WritableLength = 0;
    }

    internal void SetId(ushort id) => Id = id;

    /// <summary>Adds a buffer; null when it is fine, or what is wrong with it.</summary>
    internal string? Add(ulong address, uint length, bool writable)
    {
        if (!writable && count != readableCount)
        {
            return "a readable descriptor follows a writable one";
        }

        if (length == 0)
        {
            return null;
        }

        if (dma is not null)
        {
            return AddTranslated(dma, address, length, writable);
        }

        return TryAppend(address, length, writable) ? null : NotInRam(writable);
    }

    /// <summary>Adds the pieces of guest memory that a buffer of the device's view is made of.</summary>
    private string? AddTranslated(IDmaTranslation translation, ulong address, uint length, bool writable)
    {
        ulong start = 0;
        ulong run = 0;
        while (length > 0)
        {
            if (!translation.TryTranslate(address, writable, out var physical, out var mapped))
            {
                return writable ? "a writable descriptor is not wholly mapped" : "a readable descriptor is not wholly mapped";
            }

            var part = (uint)Math.Min(mapped, length);
            if (run != 0 && physical != start + run)
            {
                if (!TryAppend(start, (uint)run, writable))
                {
                    return NotInRam(writable);
                }

                run = 0;
            }

            start = run == 0 ? physical : start;
            run += part;
            address += part;
            length -= part;
            if (++mappings > MaximumMappings)
            {
                return $"a request goes through more than {MaximumMappings} mappings";
            }
        }

        return TryAppend(start, (uint)run, writable) ? null : NotInRam(writable);
    }

    private static string NotInRam(bool writable) => writable ? "a writable descriptor is not wholly in RAM" : "a readable descriptor is not wholly in RAM";

    private bool TryAppend(ulong address, uint length, bool writable)
    {
        var host = memory!.TryGetPointer(address, length, writable);
        if (host == null)
        {
            return false;
        }

        if (count == segments.Length)
        {
            Array.Resize(ref segments, count * 2);
        }

        segments[count++] = new GuestSegment(address, host, length);
        if (writable)
        {
            WritableLength += length;
        }
        else
        {
            readableCount++;
            ReadableLength += length;
        }

        return true;
    }
}
