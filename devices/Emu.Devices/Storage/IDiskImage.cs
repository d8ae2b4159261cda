// The contract of a disk image: what a block device needs of its back end, with status codes in place of exceptions.
namespace Emu.Devices.Storage;

/// <summary>How a disk operation ended.</summary>
public enum DiskStatus
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>The host failed, the image is damaged there, or the request is out of range or a write to a read-only image.</summary>
    IoError,

    /// <summary>The host has no room for it (ENOSPC, EDQUOT, EFBIG).</summary>
    NoSpace,

    /// <summary>The image or the host cannot do this operation.</summary>
    Unsupported,
}

/// <summary>A piece of memory that takes part in a transfer, in guest RAM or a pinned host buffer.</summary>
/// <param name="pointer">First byte; valid for the whole call.</param>
/// <param name="length">Bytes.</param>
public readonly unsafe struct DiskSegment(byte* pointer, uint length)
{
    /// <summary>First byte.</summary>
    public readonly byte* Pointer = pointer;

    /// <summary>Length in bytes.</summary>
    public readonly uint Length = length;
}

/// <summary>
/// A disk whose bytes live in an image file or a host block device. Every method may be called from any thread, several at once;
/// none throws for anything that a guest or the host's storage does. Offsets and lengths are bytes and need no alignment.
/// The owner disposes of the image when no call is in progress any more; that commits what is pending and releases the lock.
/// What was written before a successful <see cref="Flush"/> survives the death of the process and of the host.
/// </summary>
public interface IDiskImage : IDisposable
{
    /// <summary>Name of the format: "raw", "qcow2", "vhd" or "vhdx".</summary>
    string Format { get; }

    /// <summary>Size of the disk in bytes, a multiple of <see cref="LogicalBlockSize"/>.</summary>
    ulong Capacity { get; }

    /// <summary>The block size the image was made for, in bytes: 512 or 4096.</summary>
    uint LogicalBlockSize { get; }

    /// <summary>Whether every write is refused.</summary>
    bool IsReadOnly { get; }

    /// <summary>Whether <see cref="Discard"/> gives space back to the host.</summary>
    bool SupportsDiscard { get; }

    /// <summary>The unit in which discarding gives space back, in bytes: a power of two.</summary>
    uint DiscardGranularity { get; }

    /// <summary>Reads into the segments, one after the other.</summary>
    /// <param name="offset">First byte of the disk.</param>
    /// <param name="segments">Where the bytes go.</param>
    DiskStatus Read(ulong offset, ReadOnlySpan<DiskSegment> segments);

    /// <summary>Writes from the segments, one after the other; durable after the next successful <see cref="Flush"/>.</summary>
    DiskStatus Write(ulong offset, ReadOnlySpan<DiskSegment> segments);

    /// <summary>Makes every completed write durable.</summary>
    DiskStatus Flush();

    /// <summary>The guest no longer needs these bytes; whole units of <see cref="DiscardGranularity"/> then read as zero, the rest is unchanged.
    /// Where the format cannot express that, nothing changes.</summary>
    DiskStatus Discard(ulong offset, ulong length);

    /// <summary>Makes the bytes zero.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="mayUnmap">Whether the host may take the space back.</param>
    DiskStatus WriteZeroes(ulong offset, ulong length, bool mayUnmap);
}

/// <summary>Transfers with managed buffers.</summary>
public static unsafe class DiskImageExtensions
{
    /// <summary>Reads into a buffer.</summary>
    public static DiskStatus Read(this IDiskImage image, ulong offset, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            var segment = new DiskSegment(p, (uint)buffer.Length);
            return image.Read(offset, new ReadOnlySpan<DiskSegment>(ref segment));
        }
    }

    /// <summary>Writes a buffer.</summary>
    public static DiskStatus Write(this IDiskImage image, ulong offset, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            var segment = new DiskSegment(p, (uint)buffer.Length);
            return image.Write(offset, new ReadOnlySpan<DiskSegment>(ref segment));
        }
    }
}
