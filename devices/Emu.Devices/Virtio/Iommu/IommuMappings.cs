// The mappings of one domain, sorted by address: what is asked for on every access of a device.
using Emu.Core;

namespace Emu.Devices.Virtio.Iommu;

/// <summary>One mapping: whole pages of the device's addresses.</summary>
/// <param name="Start">First address.</param>
/// <param name="End">Last address.</param>
/// <param name="Physical">Guest-physical address of the first one.</param>
/// <param name="Access">What it allows.</param>
public readonly record struct IommuMapping(ulong Start, ulong End, ulong Physical, IommuAccess Access);

/// <summary>A sorted list without overlaps. The caller holds the lock.</summary>
internal sealed class IommuMappings
{
    /// <summary>Most mappings of a domain: 256 MiB of single pages, some thousand times what Linux has at once.</summary>
    public const int Maximum = 65536;

    private readonly List<IommuMapping> list = [];

    /// <summary>Number of mappings.</summary>
    public int Count => list.Count;

    /// <summary>The mapping that holds an address, or null.</summary>
    public IommuMapping? Find(ulong address)
    {
        var i = After(address) - 1;
        return i >= 0 && address <= list[i].End ? list[i] : null;
    }

    /// <summary>Adds one.</summary>
    public IommuStatus Add(IommuMapping mapping)
    {
        var i = After(mapping.End);
        if (i > 0 && list[i - 1].End >= mapping.Start)
        {
            return IommuStatus.Invalid;
        }

        if (list.Count == Maximum)
        {
            return IommuStatus.NoMemory;
        }

        list.Insert(i, mapping);
        return IommuStatus.Ok;
    }

    /// <summary>Removes every mapping inside a range; none when one would be cut.</summary>
    public IommuStatus Remove(ulong start, ulong end, out bool removed)
    {
        removed = false;
        var first = After(start) - 1;
        if (first >= 0 && list[first].Start < start && list[first].End >= start)
        {
            return IommuStatus.Range;
        }

        if (first < 0 || list[first].Start < start)
        {
            first++;
        }

        var last = After(end);
        if (last > first && list[last - 1].End > end)
        {
            return IommuStatus.Range;
        }

        removed = last > first;
        list.RemoveRange(first, last - first);
        return IommuStatus.Ok;
    }

    /// <summary>Writes all of them.</summary>
    public void Save(SnapshotWriter writer)
    {
        writer.U32((uint)list.Count);
        foreach (var m in list)
        {
            writer.U64(m.Start);
            writer.U64(m.End);
            writer.U64(m.Physical);
            writer.U8((byte)m.Access);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">They overlap, are empty, or are too many.</exception>
    public void Restore(SnapshotReader reader)
    {
        for (var count = reader.U32(); count > 0; count--)
        {
            var m = new IommuMapping(reader.U64(), reader.U64(), reader.U64(), (IommuAccess)reader.U8());
            if (m.End < m.Start || Add(m) != IommuStatus.Ok)
            {
                throw new InvalidDataException($"snapshot: iommu: the mapping of 0x{m.Start:x} to 0x{m.End:x} is impossible");
            }
        }
    }

    /// <summary>Index of the first mapping that starts behind an address.</summary>
    private int After(ulong address)
    {
        int low = 0, high = list.Count;
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (list[middle].Start <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
