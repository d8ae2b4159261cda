// Discarding and zeroing: whole clusters change their L2 entry, the rest is written.
using static Emu.Devices.Storage.Qcow2.Qcow2Format;

namespace Emu.Devices.Storage.Qcow2;

public sealed unsafe partial class Qcow2Image
{
    private DiskStatus DiscardLocked(ulong offset, ulong length)
    {
        var start = (offset + clusterBytes - 1) & ~(clusterBytes - 1);
        var end = offset + length;

        // The last cluster of the disk may be cut by the end of the disk; it still goes as a whole.
        end = end == Capacity ? (end + clusterBytes - 1) & ~(clusterBytes - 1) : end & ~(clusterBytes - 1);
        return start >= end ? DiskStatus.Ok : ZeroClusters(start, end, keep: false);
    }

    private DiskStatus WriteZeroesLocked(ulong offset, ulong length, bool mayUnmap)
    {
        var end = offset + length;
        var first = (offset + clusterBytes - 1) & ~(clusterBytes - 1);
        var last = end == Capacity ? (end + clusterBytes - 1) & ~(clusterBytes - 1) : end & ~(clusterBytes - 1);

        // Version 2 cannot say "zero" over a backing file.
        if (first >= last || (header.Version < 3 && backing is not null))
        {
            return WriteZeroBytes(offset, end);
        }

        var status = WriteZeroBytes(offset, first);
        if (status == DiskStatus.Ok)
        {
            status = ZeroClusters(first, last, keep: !mayUnmap);
        }

        return status == DiskStatus.Ok && last < end ? WriteZeroBytes(last, end) : status;
    }

    /// <summary>Writes zeroes to a range of the disk, except where it is zero anyway.</summary>
    private DiskStatus WriteZeroBytes(ulong offset, ulong end)
    {
        var chunk = (int)Math.Min(clusterBytes, 64 << 10);
        var zeroes = new byte[chunk];
        fixed (byte* p = zeroes)
        {
            while (offset < end)
            {
                var status = Map(offset, Math.Min(end - offset, (uint)chunk), out var extent);
                if (status == DiskStatus.Ok && extent.Kind != ClusterKind.Zero && !(extent.Kind == ClusterKind.Unallocated && backing is null))
                {
                    var segment = new DiskSegment(p, (uint)extent.Length);
                    var cursor = new SegmentCursor(new ReadOnlySpan<DiskSegment>(ref segment));
                    status = WriteLocked(offset, extent.Length, ref cursor);
                }

                if (status != DiskStatus.Ok)
                {
                    return status;
                }

                offset += extent.Length;
            }
        }

        return DiskStatus.Ok;
    }

    /// <summary>Makes whole clusters read as zero.</summary>
    /// <param name="offset">First byte, on a cluster boundary.</param>
    /// <param name="end">After the last byte, on a cluster boundary.</param>
    /// <param name="keep">Keep the clusters allocated, where the version can say so.</param>
    private DiskStatus ZeroClusters(ulong offset, ulong end, bool keep)
    {
        while (offset < end)
        {
            var status = CommitIfFull();
            if (status != DiskStatus.Ok)
            {
                return status;
            }

            var tableEnd = Math.Min(end, offset + LeftInTable(offset));
            status = FindL2(offset, out var table);
            if (status == DiskStatus.Ok && table is null && backing is not null && header.Version >= 3 && offset < backing.Capacity)
            {
                status = FindOrCreateL2(offset, out table);
            }

            if (status != DiskStatus.Ok)
            {
                return status;
            }

            for (; table is not null && offset < tableEnd; offset += clusterBytes)
            {
                status = ZeroCluster(table, (int)L2Index(offset), offset, keep);
                if (status != DiskStatus.Ok)
                {
                    return status;
                }
            }

            offset = tableEnd;
        }

        return DiskStatus.Ok;
    }

    private DiskStatus ZeroCluster(Qcow2Table table, int index, ulong offset, bool keep)
    {
        var entry = table[index];
        if (!Classify(entry, out var kind))
        {
            return Damaged($"the L2 entry of byte {offset} of the disk is 0x{entry:x}");
        }

        var zero = backing is null || offset >= backing.Capacity ? 0 : EntryZero;
        if (zero != 0 && header.Version < 3)
        {
            // A discard that version 2 cannot express: the backing file would show through.
            return DiskStatus.Ok;
        }

        if (keep && IsOwn(entry) && header.Version >= 3)
        {
            if (kind != ClusterKind.Zero)
            {
                table[index] = entry | EntryZero;
                isAnyL2Dirty = true;
            }

            return DiskStatus.Ok;
        }

        if (kind == ClusterKind.Zero && (entry & EntryOffsetMask) == 0)
        {
            return DiskStatus.Ok;
        }

        if (entry != zero)
        {
            table[index] = zero;
            isAnyL2Dirty = true;
            return ReleaseEntry(entry, punch: options.Sparse);
        }

        return DiskStatus.Ok;
    }
}
