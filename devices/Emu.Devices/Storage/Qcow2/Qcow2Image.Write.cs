// Writing: in place where the cluster is the disk's own, to a new cluster with what is around it otherwise.
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Qcow2.Qcow2Format;

namespace Emu.Devices.Storage.Qcow2;

public sealed unsafe partial class Qcow2Image
{
    private readonly byte[] clusterBuffer;

    /// <summary>Writes if no table has to change; false leaves everything to <see cref="WriteLocked"/>.</summary>
    private bool WriteInPlace(ulong offset, ulong length, ReadOnlySpan<DiskSegment> segments, out DiskStatus status)
    {
        status = DiskStatus.Ok;
        for (ulong done = 0; done < length;)
        {
            if (Map(offset + done, length - done, out var extent) != DiskStatus.Ok || extent.Kind != ClusterKind.Data || !IsOwn(extent.Entry))
            {
                return false;
            }

            done += extent.Length;
        }

        var cursor = new SegmentCursor(segments);
        while (length != 0 && status == DiskStatus.Ok)
        {
            status = Map(offset, length, out var extent);
            if (status == DiskStatus.Ok)
            {
                status = WriteOwn(extent, ref cursor);
            }

            offset += extent.Length;
            length -= extent.Length;
        }

        return true;
    }

    private DiskStatus WriteOwn(in Extent extent, ref SegmentCursor cursor)
    {
        var first = extent.HostOffset & ~(clusterBytes - 1);
        for (var at = first; at < extent.HostOffset + extent.Length; at += clusterBytes)
        {
            if (refcounts!.IsMetadata(at))
            {
                return Damaged($"a cluster of the disk and a table are both at {at}");
            }
        }

        return file.Transfer(write: true, extent.HostOffset, extent.Length, ref cursor);
    }

    private DiskStatus WriteLocked(ulong offset, ulong length, ref SegmentCursor cursor)
    {
        while (length != 0)
        {
            var status = CommitIfFull();
            if (status == DiskStatus.Ok)
            {
                status = Map(offset, length, out var extent);
                if (status != DiskStatus.Ok)
                {
                    return status;
                }

                var done = extent.Length;
                status = extent.Kind == ClusterKind.Data && IsOwn(extent.Entry)
                    ? WriteOwn(extent, ref cursor)
                    : WriteAllocating(offset, Math.Min(length, LeftInTable(offset)), ref cursor, out done);
                offset += done;
                length -= done;
            }

            if (status != DiskStatus.Ok)
            {
                return status;
            }
        }

        return DiskStatus.Ok;
    }

    /// <summary>Writes the first clusters of a stretch that do not have clusters of their own.</summary>
    private DiskStatus WriteAllocating(ulong offset, ulong length, ref SegmentCursor cursor, out ulong done)
    {
        done = 0;
        var status = FindOrCreateL2(offset, out var table);
        if (table is null)
        {
            return status;
        }

        var index = (int)L2Index(offset);
        var end = offset + length;
        var clusterStart = offset & ~(clusterBytes - 1);

        // A part of a cluster is done on its own, with what is around it; whole clusters go together.
        var isPartial = offset != clusterStart || end - clusterStart < clusterBytes;
        var wanted = isPartial ? 1 : length >> clusterBits;
        var reused = IsOwn(table[index]);
        for (ulong i = 1; i < wanted; i++)
        {
            if (reused || IsOwn(table[index + (int)i]))
            {
                wanted = i;
            }
        }

        // A zero cluster that keeps its place takes the data there.
        var oldLength = reused ? ulong.MaxValue : file.Length;
        var host = table[index] & EntryOffsetMask;
        ulong got = 1;
        if (!reused)
        {
            status = refcounts!.AllocateSome(wanted, out host, out got);
        }
        else if (refcounts!.IsMetadata(host))
        {
            status = Damaged($"a cluster of the disk and a table are both at {host}");
        }

        if (status != DiskStatus.Ok)
        {
            return status;
        }

        done = isPartial ? Math.Min(end, clusterStart + clusterBytes) - offset : got << clusterBits;
        status = isPartial
            ? WritePart(offset, done, host, isHole: host >= oldLength, table[index], ref cursor)
            : file.Transfer(write: true, host, done, ref cursor);
        if (status != DiskStatus.Ok)
        {
            for (ulong i = 0; !reused && i < got; i++)
            {
                _ = refcounts!.Release(host + (i << clusterBits));
            }

            done = 0;
            return status;
        }

        isAnyL2Dirty = true;
        for (ulong i = 0; i < got; i++)
        {
            var old = table[index + (int)i];
            table[index + (int)i] = (host + (i << clusterBits)) | EntryCopied;
            if (!reused && ReleaseEntry(old, punch: false) is var released and not DiskStatus.Ok)
            {
                return released;
            }
        }

        return DiskStatus.Ok;
    }

    /// <summary>Fills a new cluster: the guest's bytes, and around them what was there before.</summary>
    private DiskStatus WritePart(ulong offset, ulong length, ulong host, bool isHole, ulong oldEntry, ref SegmentCursor cursor)
    {
        var start = offset & ~(clusterBytes - 1);
        if (!Classify(oldEntry, out var kind))
        {
            return Damaged($"the L2 entry of byte {offset} of the disk is 0x{oldEntry:x}");
        }

        if (kind == ClusterKind.Zero || (kind == ClusterKind.Unallocated && (backing is null || start >= backing.Capacity)))
        {
            var status = isHole ? DiskStatus.Ok : file.Zero(host, clusterBytes, punch: options.Sparse);
            return status == DiskStatus.Ok ? file.Transfer(write: true, host + (offset - start), length, ref cursor) : status;
        }

        var bytes = (int)Math.Min(clusterBytes, Capacity - start);
        fixed (byte* p = clusterBuffer)
        {
            var segment = new DiskSegment(p, (uint)bytes);
            var old = new SegmentCursor(new ReadOnlySpan<DiskSegment>(ref segment));
            var status = ReadLocked(start, (ulong)bytes, ref old);
            if (status != DiskStatus.Ok)
            {
                return status;
            }
        }

        clusterBuffer.AsSpan(bytes).Clear();
        cursor.CopyTo(clusterBuffer.AsSpan((int)(offset - start), (int)length));
        return file.Write(host, clusterBuffer);
    }

    /// <summary>Takes the references of an L2 entry that is no longer in the table.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="punch">Whether the space may go back to the host.</param>
    private DiskStatus ReleaseEntry(ulong entry, bool punch)
    {
        ulong start, end;
        if ((entry & EntryCompressed) != 0)
        {
            var (first, bytes) = CompressedRange(entry);
            start = first & ~(clusterBytes - 1);
            end = first + (ulong)bytes;
            Array.Clear(decompressed);
        }
        else
        {
            start = entry & EntryOffsetMask;
            end = start == 0 ? 0 : start + clusterBytes;
        }

        for (var at = start; at < end; at += clusterBytes)
        {
            if (refcounts!.IsMetadata(at) || refcounts.Release(at) != DiskStatus.Ok)
            {
                return Damaged($"the cluster at {at} is in use without a reference");
            }

            if (!punch || !refcounts.IsFree(at))
            {
                continue;
            }

            // What the state in the file uses goes after the commit; what it never knew may be in use again by then, so it goes now.
            if (refcounts.IsPendingFree(at))
            {
                NoteDiscarded(at);
            }
            else
            {
                _ = file.PunchHole(at, clusterBytes);
            }
        }

        return DiskStatus.Ok;
    }
}
