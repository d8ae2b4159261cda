// A metadata cluster held in memory (an L2 table or a refcount block), and the cache of clean ones.
using System.Buffers.Binary;

namespace Emu.Devices.Storage.Qcow2;

/// <summary>A table of one cluster.</summary>
/// <param name="index">Its number: the entry of the L1 table or refcount table that points to it.</param>
/// <param name="location">Where it is in the file; 0 if it has no place yet.</param>
/// <param name="bytes">Its content.</param>
internal sealed class Qcow2Table(ulong index, ulong location, byte[] bytes)
{
    /// <summary>The entry of the table above that points here.</summary>
    public ulong Index { get; } = index;

    /// <summary>Offset in the file, 0 if it has no place yet.</summary>
    public ulong Location { get; set; } = location;

    /// <summary>The content, as in the file.</summary>
    public byte[] Bytes { get; } = bytes;

    /// <summary>Differs from the file; dirty tables stay in memory until the next commit.</summary>
    public bool IsDirty { get; set; }

    /// <summary>When it was last used, in uses of the cache.</summary>
    public long LastUse { get; set; }

    /// <summary>A 64-bit entry.</summary>
    public ulong this[int entry]
    {
        get => BinaryPrimitives.ReadUInt64BigEndian(Bytes.AsSpan(entry * 8));
        set
        {
            BinaryPrimitives.WriteUInt64BigEndian(Bytes.AsSpan(entry * 8), value);
            IsDirty = true;
        }
    }
}

/// <summary>Tables by index. Not thread-safe.</summary>
/// <param name="tableBytes">Size of a table.</param>
/// <param name="cacheBytes">Clean tables kept, in bytes; at least eight.</param>
internal sealed class Qcow2TableCache(uint tableBytes, uint cacheBytes)
{
    private readonly int maximum = (int)Math.Max(8, cacheBytes / tableBytes);
    private readonly Dictionary<ulong, Qcow2Table> tables = [];
    private long uses;

    /// <summary>Every table in memory.</summary>
    public IEnumerable<Qcow2Table> All => tables.Values;

    /// <summary>Whether so much is dirty that it should be written.</summary>
    public bool IsFull => tables.Count > maximum && tables.Values.Count(t => t.IsDirty) > maximum;

    /// <summary>The table, if it is in memory.</summary>
    public Qcow2Table? Find(ulong index)
    {
        if (!tables.TryGetValue(index, out var table))
        {
            return null;
        }

        table.LastUse = ++uses;
        return table;
    }

    /// <summary>Adds a table, making room by dropping the clean ones that were not used for longest.</summary>
    public void Add(Qcow2Table table)
    {
        if (tables.Count >= maximum)
        {
            var clean = tables.Values.Where(t => !t.IsDirty).OrderBy(t => t.LastUse).ToList();
            foreach (var old in clean.Take((clean.Count + 3) / 4))
            {
                tables.Remove(old.Index);
            }
        }

        table.LastUse = ++uses;
        tables[table.Index] = table;
    }
}
