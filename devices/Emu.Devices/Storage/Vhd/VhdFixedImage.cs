// VHD images of fixed size: the disk's bytes, then a 512-byte footer (Virtual Hard Disk Image Format Specification 1.0).
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Storage.Host;

namespace Emu.Devices.Storage.Vhd;

/// <summary>A fixed VHD. Dynamic and differencing ones are refused.</summary>
public sealed class VhdFixedImage : IDiskImage
{
    /// <summary>Length of the footer, the last bytes of the file.</summary>
    public const uint FooterBytes = 512;

    // Offsets in the footer, big-endian (section "Hard Disk Footer Format").
    private const int VersionOffset = 12;
    private const int CurrentSizeOffset = 48;
    private const int DiskTypeOffset = 60;
    private const int ChecksumOffset = 64;
    private const uint Version1 = 0x0001_0000;
    private const uint TypeFixed = 2;
    private const uint TypeDynamic = 3;
    private const uint TypeDifferencing = 4;

    private readonly IImageFile file;
    private readonly DiskImageOptions options;

    /// <summary>Takes over an open file.</summary>
    /// <exception cref="EmuException">It is not a fixed VHD, or its footer is damaged.</exception>
    public VhdFixedImage(IImageFile file, DiskImageOptions options)
    {
        this.file = file;
        this.options = options;
        Span<byte> footer = stackalloc byte[(int)FooterBytes];
        var atStart = ReadFooter(file, 0, footer);
        if (!ReadFooter(file, file.Length < FooterBytes ? 0 : file.Length - FooterBytes, footer) && !(atStart && ReadFooter(file, 0, footer)))
        {
            throw Bad("its footer is missing or damaged");
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(footer[VersionOffset..]) != Version1)
        {
            throw Bad("its version is not 1.0");
        }

        switch (BinaryPrimitives.ReadUInt32BigEndian(footer[DiskTypeOffset..]))
        {
            case TypeFixed:
                break;
            case TypeDynamic:
                throw new EmuException($"disk image '{file.Path}' is a dynamic VHD: convert it to a fixed one, to VHDX or to qcow2");
            case TypeDifferencing:
                throw new EmuException($"disk image '{file.Path}' is a differencing VHD: merge it into a fixed one, or convert it to qcow2");
            default:
                throw Bad("its disk type is unknown");
        }

        Capacity = BinaryPrimitives.ReadUInt64BigEndian(footer[CurrentSizeOffset..]);
        if (Capacity == 0 || Capacity % LogicalBlockSize != 0 || Capacity > file.Length - FooterBytes)
        {
            throw Bad($"its footer gives a size of {Capacity} bytes, and the file has room for {file.Length - FooterBytes}");
        }

        EmuException Bad(string what) => new($"disk image '{file.Path}' is not a usable VHD: {what}");
    }

    /// <summary>The first eight bytes of a footer.</summary>
    public static ReadOnlySpan<byte> Cookie => "conectix"u8;

    /// <inheritdoc/>
    public string Format => "vhd";

    /// <inheritdoc/>
    public ulong Capacity { get; }

    /// <inheritdoc/>
    public uint LogicalBlockSize => 512;

    /// <inheritdoc/>
    public bool IsReadOnly => options.ReadOnly;

    /// <inheritdoc/>
    public bool SupportsDiscard => false;

    /// <inheritdoc/>
    public uint DiscardGranularity => 4096;

    /// <summary>Whether a file ends with a valid footer.</summary>
    public static bool HasFooter(IImageFile file)
    {
        Span<byte> footer = stackalloc byte[(int)FooterBytes];
        return file.Length > FooterBytes && file.Length % FooterBytes == 0 && ReadFooter(file, file.Length - FooterBytes, footer);
    }

    /// <inheritdoc/>
    public DiskStatus Read(ulong offset, ReadOnlySpan<DiskSegment> segments) =>
        DiskImage.InRange(Capacity, offset, SegmentCursor.Total(segments)) ? file.Read(offset, segments) : DiskStatus.IoError;

    /// <inheritdoc/>
    public DiskStatus Write(ulong offset, ReadOnlySpan<DiskSegment> segments) =>
        !IsReadOnly && DiskImage.InRange(Capacity, offset, SegmentCursor.Total(segments)) ? file.Write(offset, segments) : DiskStatus.IoError;

    /// <inheritdoc/>
    public DiskStatus Flush() => IsReadOnly ? DiskStatus.Ok : file.Flush();

    /// <inheritdoc/>
    public DiskStatus Discard(ulong offset, ulong length) => DiskStatus.Unsupported;

    /// <inheritdoc/>
    public DiskStatus WriteZeroes(ulong offset, ulong length, bool mayUnmap) =>
        !IsReadOnly && DiskImage.InRange(Capacity, offset, length) ? file.Zero(offset, length, punch: false) : DiskStatus.IoError;

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static bool ReadFooter(IImageFile file, ulong offset, Span<byte> footer)
    {
        if (file.Length < FooterBytes || file.Read(offset, footer) != DiskStatus.Ok || !footer[..Cookie.Length].SequenceEqual(Cookie))
        {
            return false;
        }

        // The one's complement of the sum of all bytes but the checksum's own.
        uint sum = 0;
        for (var i = 0; i < footer.Length; i++)
        {
            sum += i is >= ChecksumOffset and < ChecksumOffset + 4 ? 0u : footer[i];
        }

        return BinaryPrimitives.ReadUInt32BigEndian(footer[ChecksumOffset..]) == ~sum;
    }
}
