// Raw images: the file's bytes are the disk's. Discarding punches holes.
using Emu.Core;
using Emu.Devices.Storage.Host;
using Emu.Devices.Storage.Qcow2;
using Emu.Devices.Storage.Vhd;
using Emu.Devices.Storage.Vhdx;

namespace Emu.Devices.Storage;

/// <summary>A raw image or a block device.</summary>
public sealed class RawImage : IDiskImage
{
    private const int MagicBytes = 8;
    private const uint HoleBytes = 4096;
    private readonly IImageFile file;
    private readonly DiskImageOptions options;
    private readonly bool wasDetected;

    /// <summary>Takes over an open file.</summary>
    /// <param name="file">The file; owned from here on.</param>
    /// <param name="options">How to open it.</param>
    /// <param name="wasDetected">The format was not given but found: the guest must not be able to change what is found next time.</param>
    /// <exception cref="EmuException">The file is empty.</exception>
    public RawImage(IImageFile file, DiskImageOptions options, bool wasDetected)
    {
        this.file = file;
        this.options = options;
        this.wasDetected = wasDetected;
        LogicalBlockSize = file.BlockSize;
        Capacity = (file.Length + LogicalBlockSize - 1) / LogicalBlockSize * LogicalBlockSize;
        if (Capacity == 0)
        {
            throw new EmuException($"disk image '{file.Path}' is empty: give it a size first, as with truncate -s 10G");
        }
    }

    /// <inheritdoc/>
    public string Format => "raw";

    /// <inheritdoc/>
    public ulong Capacity { get; }

    /// <inheritdoc/>
    public uint LogicalBlockSize { get; }

    /// <inheritdoc/>
    public bool IsReadOnly => options.ReadOnly;

    /// <inheritdoc/>
    public bool SupportsDiscard => options.Sparse && !IsReadOnly;

    /// <inheritdoc/>
    public uint DiscardGranularity => HoleBytes;

    /// <inheritdoc/>
    public DiskStatus Read(ulong offset, ReadOnlySpan<DiskSegment> segments) =>
        DiskImage.InRange(Capacity, offset, SegmentCursor.Total(segments)) ? file.Read(offset, segments) : DiskStatus.IoError;

    /// <inheritdoc/>
    public DiskStatus Write(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        var length = SegmentCursor.Total(segments);
        if (IsReadOnly || !DiskImage.InRange(Capacity, offset, length))
        {
            return DiskStatus.IoError;
        }

        return wasDetected && Disguises(offset, length, segments) ? DiskStatus.IoError : file.Write(offset, segments);
    }

    /// <inheritdoc/>
    public DiskStatus Flush() => IsReadOnly ? DiskStatus.Ok : file.Flush();

    /// <inheritdoc/>
    public DiskStatus Discard(ulong offset, ulong length)
    {
        if (IsReadOnly || !DiskImage.InRange(Capacity, offset, length))
        {
            return DiskStatus.IoError;
        }

        if (!options.Sparse)
        {
            return DiskStatus.Unsupported;
        }

        // Whole pages only: what is kept of a page would have to be written again by the host.
        var start = (offset + HoleBytes - 1) & ~(ulong)(HoleBytes - 1);
        var end = offset + length == Capacity ? Capacity : (offset + length) & ~(ulong)(HoleBytes - 1);
        return start >= end ? DiskStatus.Ok : file.PunchHole(start, end - start);
    }

    /// <inheritdoc/>
    public DiskStatus WriteZeroes(ulong offset, ulong length, bool mayUnmap) =>
        IsReadOnly || !DiskImage.InRange(Capacity, offset, length) ? DiskStatus.IoError : file.Zero(offset, length, mayUnmap && options.Sparse);

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    /// <summary>Whether a write would make the disk look like another format, whose header could name other files of the host.</summary>
    private bool Disguises(ulong offset, ulong length, ReadOnlySpan<DiskSegment> segments)
    {
        var footer = Capacity - VhdFixedImage.FooterBytes;
        if (length == 0 || (offset >= MagicBytes && (offset + length <= footer || offset >= footer + MagicBytes)))
        {
            return false;
        }

        Span<byte> magic = stackalloc byte[MagicBytes];
        var looks = (offset < MagicBytes && Result(0, magic, offset, length, segments) && (magic[..4].SequenceEqual(Qcow2Format.Magic)
                || magic.SequenceEqual(VhdxFormat.FileSignature) || magic.SequenceEqual(VhdFixedImage.Cookie)))
            || (offset + length > footer && offset < footer + MagicBytes && Result(footer, magic, offset, length, segments) && magic.SequenceEqual(VhdFixedImage.Cookie));
        if (looks)
        {
            options.Log.Once($"{file.Path}:disguise", LogLevel.Error,
                $"disk image '{file.Path}': the guest writes the header of another image format; open the disk with image_type=raw to let it");
        }

        return looks;
    }

    /// <summary>The bytes at a place of the disk as they would be after the write.</summary>
    private bool Result(ulong place, Span<byte> bytes, ulong offset, ulong length, ReadOnlySpan<DiskSegment> segments)
    {
        if (file.Read(place, bytes) != DiskStatus.Ok)
        {
            return false;
        }

        for (var i = 0; i < bytes.Length; i++)
        {
            var at = place + (uint)i;
            if (at >= offset && at - offset < length)
            {
                bytes[i] = ByteAt(segments, at - offset);
            }
        }

        return true;
    }

    private static unsafe byte ByteAt(ReadOnlySpan<DiskSegment> segments, ulong index)
    {
        foreach (ref readonly var segment in segments)
        {
            if (index < segment.Length)
            {
                return segment.Pointer[index];
            }

            index -= segment.Length;
        }

        return 0;
    }
}
