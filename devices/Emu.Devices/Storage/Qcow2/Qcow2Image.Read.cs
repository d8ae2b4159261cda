// Reading: data clusters, zeroes, compressed clusters, the backing file.
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Qcow2.Qcow2Format;

namespace Emu.Devices.Storage.Qcow2;

public sealed unsafe partial class Qcow2Image
{
    /// <summary>Decompressed clusters kept: a guest reads a cluster in many small pieces.</summary>
    private const int DecompressedClusters = 4;

    private readonly Lock decompressedLock = new();
    private readonly (ulong Entry, byte[] Bytes)[] decompressed = new (ulong, byte[])[DecompressedClusters];
    private int nextDecompressed;

    private DiskStatus ReadLocked(ulong offset, ulong length, ref SegmentCursor cursor)
    {
        while (length != 0)
        {
            var status = Map(offset, length, out var extent);
            if (status == DiskStatus.Ok)
            {
                status = extent.Kind switch
                {
                    ClusterKind.Data => file.Transfer(write: false, extent.HostOffset, extent.Length, ref cursor),
                    ClusterKind.Compressed => ReadCompressed(offset, extent, ref cursor),
                    ClusterKind.Unallocated when backing is not null => ReadBacking(offset, extent.Length, ref cursor),
                    _ => ReadZeroes(extent.Length, ref cursor),
                };
            }

            if (status != DiskStatus.Ok)
            {
                return status;
            }

            offset += extent.Length;
            length -= extent.Length;
        }

        return DiskStatus.Ok;
    }

    private static DiskStatus ReadZeroes(ulong length, ref SegmentCursor cursor)
    {
        cursor.Clear(length);
        return DiskStatus.Ok;
    }

    private DiskStatus ReadBacking(ulong offset, ulong length, ref SegmentCursor cursor)
    {
        var inside = offset < backing!.Capacity ? Math.Min(length, backing.Capacity - offset) : 0;
        var pieces = stackalloc DiskSegment[SegmentCursor.BatchPieces];
        for (ulong done = 0; done < inside;)
        {
            var part = cursor.Take(inside - done, new Span<DiskSegment>(pieces, SegmentCursor.BatchPieces), out var count);
            var status = part == 0 ? DiskStatus.IoError : backing.Read(offset + done, new ReadOnlySpan<DiskSegment>(pieces, count));
            if (status != DiskStatus.Ok)
            {
                return status;
            }

            done += part;
        }

        return ReadZeroes(length - inside, ref cursor);
    }

    private DiskStatus ReadCompressed(ulong offset, in Extent extent, ref SegmentCursor cursor)
    {
        var status = Decompress(extent.Entry, out var bytes);
        if (status == DiskStatus.Ok)
        {
            cursor.CopyFrom(bytes.AsSpan((int)(offset & (clusterBytes - 1)), (int)extent.Length));
        }

        return status;
    }

    private DiskStatus Decompress(ulong entry, out byte[] bytes)
    {
        lock (decompressedLock)
        {
            foreach (var (cached, content) in decompressed)
            {
                if (cached == entry && content is not null)
                {
                    bytes = content;
                    return DiskStatus.Ok;
                }
            }

            var (start, size) = CompressedRange(entry);
            bytes = [];
            if (start >= file.Length)
            {
                return CannotDecompress(start);
            }

            var packed = new byte[size];
            var status = file.Read(start, packed);
            if (status != DiskStatus.Ok)
            {
                return status;
            }

            var unpacked = new byte[clusterBytes];
            if (!Qcow2Compression.Decompress(packed, unpacked, header.IsZstd))
            {
                return CannotDecompress(start);
            }

            bytes = unpacked;
            decompressed[nextDecompressed] = (entry, unpacked);
            nextDecompressed = (nextDecompressed + 1) % DecompressedClusters;
            return DiskStatus.Ok;
        }
    }

    private DiskStatus CannotDecompress(ulong start)
    {
        options.Log.Once($"{file.Path}:decompress:{start}", Core.LogLevel.Error,
            $"disk image '{file.Path}': the compressed cluster at {start} cannot be read; the guest sees an I/O error");
        return DiskStatus.IoError;
    }

    /// <summary>Where a compressed cluster is: an offset to the byte, and whole sectors from the one that holds it on
    /// (specification, "Standard Cluster Descriptor / Compressed Clusters Descriptor").</summary>
    private (ulong Start, int Bytes) CompressedRange(ulong entry)
    {
        var shift = 62 - (clusterBits - 8);
        var start = entry & ((1UL << shift) - 1);
        var sectors = ((entry & ~(EntryCopied | EntryCompressed)) >> shift) + 1;
        return (start, (int)(sectors * CompressedSectorBytes - (start & (CompressedSectorBytes - 1))));
    }
}
