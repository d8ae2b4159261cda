// Carries out block requests (virtio 1.2, 5.2.6): header in the first readable bytes, data, status in the last writable byte.
using System.Buffers.Binary;
using Emu.Devices.Storage;

namespace Emu.Devices.Virtio.Block;

/// <summary>The requests of one queue. Data goes between guest memory and the image without a copy.</summary>
/// <param name="device">The device.</param>
/// <param name="image">The disk.</param>
/// <param name="id">What GET_ID returns: 20 bytes, padded with zeroes.</param>
internal sealed unsafe class BlockRequestHandler(VirtioBlock device, IDiskImage image, byte[] id) : IRequestHandler
{
    private readonly ulong sectors = image.Capacity / BlockLimit.SectorBytes;
    private readonly byte[] ranges = new byte[BlockLimit.MaximumDiscardRanges * BlockLimit.RangeBytes];
    private DiskSegment[] segments = new DiskSegment[16];

    /// <inheritdoc/>
    public uint Handle(DescriptorChain chain)
    {
        if (chain.WritableLength == 0)
        {
            // Nowhere to put a status: the driver gets its buffers back, and nothing is done.
            return 0;
        }

        Span<byte> header = stackalloc byte[BlockLimit.HeaderBytes];
        uint written = 0;
        var status = BlockStatus.IoError;
        if (chain.Read(0, header) == BlockLimit.HeaderBytes)
        {
            var type = (BlockRequestType)BinaryPrimitives.ReadUInt32LittleEndian(header);
            var sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
            status = type switch
            {
                BlockRequestType.In => Read(chain, sector, out written),
                BlockRequestType.Out => Write(chain, sector),
                BlockRequestType.Flush => device.Report(image.Flush(), "flush"),
                BlockRequestType.GetId => GetId(chain, out written),
                BlockRequestType.Discard when (device.DeviceFeatures & BlockFeature.Discard) != 0 => ForRanges(chain, zero: false),
                BlockRequestType.WriteZeroes when (device.DeviceFeatures & BlockFeature.WriteZeroes) != 0 => ForRanges(chain, zero: true),
                _ => BlockStatus.Unsupported,
            };
        }

        chain.Write(chain.WritableLength - 1, [(byte)status]);
        return written + 1;
    }

    private BlockStatus Read(DescriptorChain chain, ulong sector, out uint written)
    {
        written = 0;
        var length = chain.WritableLength - 1;
        if (!InRange(sector, length))
        {
            return BlockStatus.IoError;
        }

        var status = image.Read(sector * BlockLimit.SectorBytes, Segments(chain.Writable, 0, length));

        // A read that failed may have written some of it.
        chain.NotifyWritten(length);
        written = (uint)length;
        return device.Report(status, "read");
    }

    private BlockStatus Write(DescriptorChain chain, ulong sector)
    {
        var length = chain.ReadableLength - BlockLimit.HeaderBytes;
        return image.IsReadOnly || !InRange(sector, length)
            ? BlockStatus.IoError
            : Complete(image.Write(sector * BlockLimit.SectorBytes, Segments(chain.Readable, BlockLimit.HeaderBytes, length)), "write");
    }

    /// <summary>DISCARD and WRITE_ZEROES: the data are ranges of sectors. Nothing is done unless all of them are right.</summary>
    private BlockStatus ForRanges(DescriptorChain chain, bool zero)
    {
        var length = chain.ReadableLength - BlockLimit.HeaderBytes;
        var most = (zero ? 1 : BlockLimit.MaximumDiscardRanges) * BlockLimit.RangeBytes;
        if (length == 0 || length % BlockLimit.RangeBytes != 0 || length > most)
        {
            return BlockStatus.IoError;
        }

        // Copied first: the driver may change them while they are checked.
        var list = ranges.AsSpan(0, (int)length);
        chain.Read(BlockLimit.HeaderBytes, list);
        for (var at = 0; at < list.Length; at += BlockLimit.RangeBytes)
        {
            var (sector, count, flags) = Range(list[at..]);
            if ((flags & ~(zero ? BlockLimit.Unmap : 0)) != 0)
            {
                return BlockStatus.Unsupported;
            }

            if (count > (zero ? BlockLimit.MaximumZeroSectors : BlockLimit.MaximumDiscardSectors) || sector > sectors || count > sectors - sector)
            {
                return BlockStatus.IoError;
            }
        }

        var status = DiskStatus.Ok;
        for (var at = 0; at < list.Length && status == DiskStatus.Ok; at += BlockLimit.RangeBytes)
        {
            var (sector, count, flags) = Range(list[at..]);
            var offset = sector * BlockLimit.SectorBytes;
            var bytes = (ulong)count * BlockLimit.SectorBytes;
            status = zero ? image.WriteZeroes(offset, bytes, (flags & BlockLimit.Unmap) != 0) : image.Discard(offset, bytes);
        }

        return Complete(status, zero ? "write of zeroes" : "discard");
    }

    private BlockStatus GetId(DescriptorChain chain, out uint written)
    {
        written = (uint)Math.Min(chain.WritableLength - 1, BlockLimit.IdBytes);
        chain.Write(0, id.AsSpan(0, (int)written));
        return written == 0 ? BlockStatus.IoError : BlockStatus.Ok;
    }

    /// <summary>The end of a change: without write-back caching it is durable now.</summary>
    private BlockStatus Complete(DiskStatus status, string operation) =>
        device.Report(status == DiskStatus.Ok && !device.IsWriteBack ? image.Flush() : status, operation);

    private bool InRange(ulong sector, ulong length) =>
        length % BlockLimit.SectorBytes == 0 && length <= BlockLimit.MaximumTransfer && sector <= sectors && length / BlockLimit.SectorBytes <= sectors - sector;

    private static (ulong Sector, uint Count, uint Flags) Range(ReadOnlySpan<byte> range) =>
        (BinaryPrimitives.ReadUInt64LittleEndian(range), BinaryPrimitives.ReadUInt32LittleEndian(range[8..]), BinaryPrimitives.ReadUInt32LittleEndian(range[12..]));

    /// <summary>The buffers of a run of bytes of a request.</summary>
    private ReadOnlySpan<DiskSegment> Segments(ReadOnlySpan<GuestSegment> buffers, ulong skip, ulong length)
    {
        if (segments.Length < buffers.Length)
        {
            segments = new DiskSegment[buffers.Length * 2];
        }

        var count = 0;
        foreach (ref readonly var buffer in buffers)
        {
            if (skip >= buffer.Length)
            {
                skip -= buffer.Length;
                continue;
            }

            var part = Math.Min(buffer.Length - skip, length);
            if (part == 0)
            {
                break;
            }

            segments[count++] = new DiskSegment(buffer.Host + skip, (uint)part);
            length -= part;
            skip = 0;
        }

        return segments.AsSpan(0, count);
    }
}
