// Walks a list of memory segments while a transfer is cut into extents of the image.
namespace Emu.Devices.Storage;

/// <summary>A position in a list of segments.</summary>
/// <param name="segments">The memory of the whole transfer.</param>
internal unsafe ref struct SegmentCursor(ReadOnlySpan<DiskSegment> segments)
{
    /// <summary>Pieces handed to one host call at most.</summary>
    public const int BatchPieces = 64;

    private readonly ReadOnlySpan<DiskSegment> segments = segments;
    private int index;
    private uint offset;

    /// <summary>Bytes in a list of segments.</summary>
    public static ulong Total(ReadOnlySpan<DiskSegment> segments)
    {
        ulong total = 0;
        foreach (ref readonly var segment in segments)
        {
            total += segment.Length;
        }

        return total;
    }

    /// <summary>Takes the next pieces, as many as <paramref name="pieces"/> holds and no more than <paramref name="length"/> bytes.</summary>
    /// <returns>The bytes taken.</returns>
    public ulong Take(ulong length, Span<DiskSegment> pieces, out int count)
    {
        ulong taken = 0;
        count = 0;
        while (taken < length && index < segments.Length && count < pieces.Length)
        {
            ref readonly var segment = ref segments[index];
            var part = (uint)Math.Min(segment.Length - offset, length - taken);
            if (part != 0)
            {
                pieces[count++] = new DiskSegment(segment.Pointer + offset, part);
            }

            Advance(segment.Length, part);
            taken += part;
        }

        return taken;
    }

    /// <summary>Copies the next bytes of the segments into a buffer.</summary>
    public void CopyTo(Span<byte> buffer)
    {
        while (!buffer.IsEmpty && Next((uint)buffer.Length, out var pointer, out var length))
        {
            new ReadOnlySpan<byte>(pointer, (int)length).CopyTo(buffer);
            buffer = buffer[(int)length..];
        }
    }

    /// <summary>Copies a buffer into the next bytes of the segments.</summary>
    public void CopyFrom(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty && Next((uint)buffer.Length, out var pointer, out var length))
        {
            buffer[..(int)length].CopyTo(new Span<byte>(pointer, (int)length));
            buffer = buffer[(int)length..];
        }
    }

    /// <summary>Clears the next bytes of the segments.</summary>
    public void Clear(ulong length)
    {
        while (length != 0 && Next((uint)Math.Min(length, 1u << 30), out var pointer, out var part))
        {
            new Span<byte>(pointer, (int)part).Clear();
            length -= part;
        }
    }

    private bool Next(uint maximum, out byte* pointer, out uint length)
    {
        while (index < segments.Length)
        {
            ref readonly var segment = ref segments[index];
            length = Math.Min(Math.Min(segment.Length - offset, maximum), 1u << 30);
            pointer = segment.Pointer + offset;
            Advance(segment.Length, length);
            if (length != 0)
            {
                return true;
            }
        }

        pointer = null;
        length = 0;
        return false;
    }

    private void Advance(uint segmentLength, uint part)
    {
        offset += part;
        if (offset == segmentLength)
        {
            index++;
            offset = 0;
        }
    }
}
