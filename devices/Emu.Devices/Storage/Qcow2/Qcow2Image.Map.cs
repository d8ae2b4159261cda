// From an offset of the disk to where it is stored: L1 and L2 lookups.
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Qcow2.Qcow2Format;

namespace Emu.Devices.Storage.Qcow2;

public sealed partial class Qcow2Image
{
    /// <summary>A stretch of the disk that is stored in one way.</summary>
    private struct Extent
    {
        public ClusterKind Kind;

        /// <summary>Data: where the first byte is in the file.</summary>
        public ulong HostOffset;

        /// <summary>The L2 entry of the first cluster.</summary>
        public ulong Entry;

        /// <summary>Bytes, at least one.</summary>
        public ulong Length;
    }

    private ulong L2Index(ulong offset) => (offset >> clusterBits) & ((1UL << l2Bits) - 1);

    /// <summary>Bytes from an offset to the end of what its L2 table covers.</summary>
    private ulong LeftInTable(ulong offset) => (1UL << (l2Bits + clusterBits)) - (offset & ((1UL << (l2Bits + clusterBits)) - 1));

    /// <summary>What an L2 entry says; false if it can only be damage.</summary>
    private bool Classify(ulong entry, out ClusterKind kind)
    {
        kind = ClusterKind.Unallocated;
        if ((entry & EntryCompressed) != 0)
        {
            kind = ClusterKind.Compressed;
            return true;
        }

        var offset = entry & EntryOffsetMask;
        if ((offset & (clusterBytes - 1)) != 0)
        {
            return false;
        }

        if ((entry & EntryZero) != 0)
        {
            kind = ClusterKind.Zero;
            return header.Version >= 3;
        }

        kind = offset != 0 ? ClusterKind.Data : ClusterKind.Unallocated;
        return true;
    }

    /// <summary>Whether an entry's cluster belongs to it alone, so that it can be written in place.</summary>
    private static bool IsOwn(ulong entry) => (entry & EntryCopied) != 0 && (entry & EntryCompressed) == 0 && (entry & EntryOffsetMask) != 0;

    /// <summary>Finds how a stretch of the disk that starts at <paramref name="offset"/> is stored.</summary>
    /// <param name="offset">First byte of the disk.</param>
    /// <param name="length">Bytes of interest, at least one.</param>
    /// <param name="extent">The result.</param>
    private DiskStatus Map(ulong offset, ulong length, out Extent extent)
    {
        extent = new Extent { Length = Math.Min(length, LeftInTable(offset)) };
        var status = FindL2(offset, out var table);
        if (table is null)
        {
            return status;
        }

        var index = (int)L2Index(offset);
        var entry = table[index];
        if (!Classify(entry, out var kind))
        {
            return Damaged($"the L2 entry of byte {offset} of the disk is 0x{entry:x}");
        }

        var inCluster = offset & (clusterBytes - 1);
        var run = clusterBytes - inCluster;
        extent.Kind = kind;
        extent.Entry = entry;
        extent.HostOffset = (entry & EntryOffsetMask) + inCluster;
        for (var i = 1; kind != ClusterKind.Compressed && run < extent.Length; i++)
        {
            var next = table[index + i];
            if (!Classify(next, out var nextKind) || nextKind != kind || IsOwn(next) != IsOwn(entry)
                || (kind == ClusterKind.Data && (next & EntryOffsetMask) != (entry & EntryOffsetMask) + ((ulong)i << clusterBits)))
            {
                break;
            }

            run += clusterBytes;
        }

        extent.Length = Math.Min(extent.Length, run);
        return DiskStatus.Ok;
    }

    /// <summary>The L2 table that covers an offset; null with Ok where there is none.</summary>
    private DiskStatus FindL2(ulong offset, out Qcow2Table? table)
    {
        table = null;
        var index = offset >> (l2Bits + clusterBits);
        lock (l2Lock)
        {
            table = l2Tables.Find(index);
            if (table is not null)
            {
                return DiskStatus.Ok;
            }

            var location = l1[index] & EntryOffsetMask;
            if (location == 0)
            {
                return DiskStatus.Ok;
            }

            if ((location & (clusterBytes - 1)) != 0 || location >= file.Length)
            {
                return Damaged($"entry {index} of the L1 table is 0x{l1[index]:x}");
            }

            var bytes = new byte[clusterBytes];
            var status = file.Read(location, bytes);
            if (status == DiskStatus.Ok)
            {
                table = new Qcow2Table(index, location, bytes);
                l2Tables.Add(table);
            }

            return status;
        }
    }

    /// <summary>The L2 table that covers an offset, made if there is none; it gets its place in the file at the next commit.</summary>
    private DiskStatus FindOrCreateL2(ulong offset, out Qcow2Table? table)
    {
        var status = FindL2(offset, out table);
        if (status == DiskStatus.Ok && table is null)
        {
            table = new Qcow2Table(offset >> (l2Bits + clusterBits), 0, new byte[clusterBytes]) { IsDirty = true };
            l2Tables.Add(table);
            isAnyL2Dirty = true;
        }

        return status;
    }
}
