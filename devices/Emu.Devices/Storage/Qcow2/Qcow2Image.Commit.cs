// The commit: changed tables to free clusters, then one sector of the header.
using System.Buffers.Binary;
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Qcow2.Qcow2Format;

namespace Emu.Devices.Storage.Qcow2;

public sealed partial class Qcow2Image
{
    private bool IsMetadataDirty => isL1Dirty || isAnyL2Dirty || refcounts!.IsDirty;

    /// <summary>Commits when so much has changed that memory should be given back.</summary>
    private DiskStatus CommitIfFull() => refcounts!.IsFull || l2Tables.IsFull ? Commit() : DiskStatus.Ok;

    /// <summary>
    /// Makes the state in memory the state in the file. On failure the file keeps its old state, what is in memory stays valid and
    /// dirty, and a later commit tries again.
    /// </summary>
    private DiskStatus Commit()
    {
        if (isDamaged)
        {
            return DiskStatus.IoError;
        }

        var status = WriteL2Tables();
        if (status == DiskStatus.Ok)
        {
            status = WriteL1Table();
        }

        if (status == DiskStatus.Ok)
        {
            status = refcounts!.WriteTables();
        }

        // Guest data and tables first: the header must never point to what is not there yet.
        if (status == DiskStatus.Ok)
        {
            status = file.Flush();
        }

        if (status != DiskStatus.Ok)
        {
            return status;
        }

        status = header.SetTables(file, l1Offset, refcounts!.TableOffset, refcounts.TableClusters);
        if (status == DiskStatus.Ok)
        {
            status = file.Flush();
        }

        if (status != DiskStatus.Ok)
        {
            refcounts.CommitUncertain();
            isL1Dirty = true;
            return status;
        }

        isL1Dirty = false;
        isAnyL2Dirty = false;
        foreach (var table in l2Tables.All)
        {
            table.IsDirty = false;
        }

        refcounts.Committed();
        GiveBackDiscarded();
        return DiskStatus.Ok;
    }

    private DiskStatus WriteL2Tables()
    {
        foreach (var table in l2Tables.All.Where(t => t.IsDirty).OrderBy(t => t.Index).ToArray())
        {
            if (table.Location == 0 || !refcounts!.IsFresh(table.Location))
            {
                var status = refcounts!.AllocateMetadata(1, out var location);
                if (status != DiskStatus.Ok)
                {
                    return status;
                }

                var old = table.Location;
                table.Location = location;
                l1[table.Index] = location | EntryCopied;
                isL1Dirty = true;

                // The old one may live on in a snapshot, with what it points to.
                if (old != 0 && refcounts.ReleaseMetadata(old, 1) != DiskStatus.Ok)
                {
                    return Damaged($"the L2 table at {old} has no reference");
                }
            }

            if (WriteTable(file, table.Location, table.Bytes) is var written and not DiskStatus.Ok)
            {
                return written;
            }
        }

        return DiskStatus.Ok;
    }

    private DiskStatus WriteL1Table()
    {
        if (!isL1Dirty)
        {
            return DiskStatus.Ok;
        }

        if (!refcounts!.IsFresh(l1Offset))
        {
            var status = refcounts.AllocateMetadata(L1Clusters, out var location);
            if (status != DiskStatus.Ok)
            {
                return status;
            }

            var old = l1Offset;
            l1Offset = location;
            if (refcounts.ReleaseMetadata(old, L1Clusters) != DiskStatus.Ok)
            {
                return Damaged($"the L1 table at {old} has no reference");
            }
        }

        var bytes = new byte[L1Clusters << clusterBits];
        for (var i = 0; i < l1.Length; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * EntryBytes), l1[i]);
        }

        return WriteTable(file, l1Offset, bytes);
    }

    /// <summary>Punches out what the guest discarded and nothing uses any more.</summary>
    private void GiveBackDiscarded()
    {
        foreach (var (offset, length) in discarded)
        {
            // Only an optimization: a host that cannot punch holes keeps the space, and the clusters are used again anyway.
            if (file.PunchHole(offset, length) != DiskStatus.Ok)
            {
                break;
            }
        }

        discarded.Clear();
    }

    private void NoteDiscarded(ulong cluster)
    {
        if (discarded.Count != 0 && discarded[^1] is var last && last.Offset + last.Length == cluster)
        {
            discarded[^1] = (last.Offset, last.Length + clusterBytes);
        }
        else
        {
            discarded.Add((cluster, clusterBytes));
        }
    }
}
