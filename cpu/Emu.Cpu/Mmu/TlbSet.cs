// A vCPU's TLB tables: one for each recent address space and privilege, so that switching address spaces flushes nothing.
using Emu.Core;

namespace Emu.Cpu.Mmu;

/// <summary>Names an address space as seen at one privilege; the guest ISA gives the fields their meaning.</summary>
/// <param name="Regime">Translation regime and privilege (A64: EL1, EL0 of the EL1&amp;0 regime, EL2, …; MMU on or off).</param>
/// <param name="Asid">Address-space tag.</param>
/// <param name="Root">Root of the tables, so that a reused tag with another table never hits.</param>
public readonly record struct TlbContext(uint Regime, uint Asid, ulong Root);

/// <summary>One direct-mapped table.</summary>
public sealed unsafe class TlbTable
{
    internal TlbTable(byte* pointer, int index)
    {
        Pointer = pointer;
        Index = index;
        Flush();
    }

    /// <summary>Pages of a range that are looked up one by one; a longer one is searched for in the whole table.</summary>
    private const ulong SmallRange = 256;

    /// <summary>Log2 of the blocks of addresses that <see cref="blocksWithLarge"/> has bits for: what nearly all large translations are at most.</summary>
    private const int BlockShift = 21;

    private const int LargeShift = 30;

    private readonly ulong[] blocksWithLarge = new ulong[64];
    private readonly ulong[] largeGibibytes = new ulong[8];
    private int largeCount;

    /// <summary>The entries, <see cref="TlbEntry.TableBytes"/> bytes.</summary>
    public byte* Pointer { get; }

    /// <summary>Number of the table in its set.</summary>
    public int Index { get; }

    /// <summary>The address space it holds.</summary>
    public TlbContext Context { get; internal set; }

    /// <summary>OR of the <see cref="TlbEntry.Info"/> flags of everything filled since the last flush.</summary>
    public TlbInfo Seen { get; private set; }

    /// <summary>Something was filled since the last flush.</summary>
    public bool Used { get; private set; }

    internal ulong LastUse { get; set; }

    /// <summary>The entry for a virtual address.</summary>
    public TlbEntry* Entry(ulong va) => (TlbEntry*)(Pointer + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));

    /// <summary>Empties the table.</summary>
    public void Flush()
    {
        // Not Span.Fill: that is compiled at start-up, for it uses Vector, whose size no precompiled code knows.
        var empty = TlbEntry.None;
        for (var entry = (TlbEntry*)Pointer; entry < (TlbEntry*)(Pointer + TlbEntry.TableBytes); entry++)
        {
            *entry = empty;
        }

        Seen = TlbInfo.None;
        Used = false;
        largeCount = 0;
        Array.Clear(blocksWithLarge);
    }

    /// <summary>Drops the translation of one 4 KiB page (and, when large translations are present, everything within <paramref name="largeMask"/>).</summary>
    /// <param name="va">Address in the page.</param>
    /// <param name="vaMask">Bits of the address that take part in the comparison (top bytes may be ignored).</param>
    /// <param name="largeMask">~(size - 1) of the largest page or block a translation may come from.</param>
    public void FlushPage(ulong va, ulong vaMask = ulong.MaxValue, ulong largeMask = ~0x3FFF_FFFFUL)
    {
        if (!Used)
        {
            return;
        }

        if (NearLarge(va, va, vaMask, largeMask))
        {
            FlushWhere(TlbInfo.Large, va, vaMask & largeMask);
        }

        var e = Entry(va);
        if (e->Info != TlbEntry.Empty && ((TagOf(e) ^ va) & vaMask & TlbEntry.PageMask) == 0)
        {
            Clear(e);
        }
    }

    /// <summary>Drops the entries that have a flag and agree with <paramref name="va"/> in the bits of <paramref name="mask"/>.</summary>
    public void FlushWhere(TlbInfo flag, ulong va = 0, ulong mask = 0)
    {
        if ((Seen & flag) == 0)
        {
            return;
        }

        for (var e = (TlbEntry*)Pointer; e < (TlbEntry*)(Pointer + TlbEntry.TableBytes); e++)
        {
            if (e->Info != TlbEntry.Empty && ((TlbInfo)e->Info & flag) != 0 && ((TagOf(e) ^ va) & mask & TlbEntry.PageMask) == 0)
            {
                Clear(e);
            }
        }

        if (mask == 0)
        {
            Seen &= ~flag;
        }
    }

    /// <summary>Drops the translations of a run of addresses, and large ones anywhere near it.</summary>
    /// <param name="va">First address.</param>
    /// <param name="last">Last address.</param>
    /// <param name="vaMask">Bits of the addresses that take part in the comparison.</param>
    /// <param name="largeMask">~(size - 1) of the largest page or block a translation may come from.</param>
    public void FlushRange(ulong va, ulong last, ulong vaMask = ulong.MaxValue, ulong largeMask = ~0x3FFF_FFFFUL)
    {
        if (!Used)
        {
            return;
        }

        if (((last - va) >> 12) < SmallRange && !NearLarge(va, last, vaMask, largeMask))
        {
            // Counted: the range may end with the last page there is.
            for (var pages = (last >> 12) - (va >> 12) + 1; pages > 0; pages--, va += 0x1000)
            {
                FlushPage(va, vaMask, largeMask);
            }

            return;
        }

        ulong first = va & vaMask & TlbEntry.PageMask, end = last & vaMask, firstLarge = first & largeMask, endLarge = end | ~largeMask;
        for (var e = (TlbEntry*)Pointer; e < (TlbEntry*)(Pointer + TlbEntry.TableBytes); e++)
        {
            if (e->Info == TlbEntry.Empty)
            {
                continue;
            }

            var page = TagOf(e) & vaMask & TlbEntry.PageMask;
            if (((TlbInfo)e->Info & TlbInfo.Large) != 0 ? page >= firstLarge && page <= endLarge : page >= first && page <= end)
            {
                Clear(e);
            }
        }
    }

    internal void Filled(TlbInfo info, ulong va, ulong largeSize)
    {
        Seen |= info;
        Used = true;
        if ((info & TlbInfo.Large) == 0)
        {
            return;
        }

        if (largeSize - 1 < 1UL << BlockShift)
        {
            blocksWithLarge[(va >> (BlockShift + 6)) & 63] |= 1UL << (int)((va >> BlockShift) & 63);
        }
        else
        {
            AddLarge(va >> LargeShift);
        }
    }

    private void AddLarge(ulong gibibyte)
    {
        for (var i = 0; i < largeCount && i < largeGibibytes.Length; i++)
        {
            if (largeGibibytes[i] == gibibyte)
            {
                return;
            }
        }

        if (largeCount < largeGibibytes.Length)
        {
            largeGibibytes[largeCount] = gibibyte;
        }

        largeCount++;
    }

    /// <summary>
    /// Whether a large translation may have been filled near a range: in its blocks, or for greater ones its gibibytes. Kernels unmap small pages
    /// all the time, and have large ones elsewhere.
    /// </summary>
    private bool NearLarge(ulong first, ulong last, ulong vaMask, ulong largeMask)
    {
        if ((Seen & TlbInfo.Large) == 0)
        {
            return false;
        }

        // Beyond a gibibyte a translation reaches further than what is noted of it.
        first &= vaMask;
        last &= vaMask;
        if (~largeMask >> LargeShift != 0 || largeCount > largeGibibytes.Length || last - first >= 64UL << BlockShift)
        {
            return true;
        }

        for (var block = first >> BlockShift; block <= last >> BlockShift; block++)
        {
            if ((blocksWithLarge[(block >> 6) & 63] & (1UL << (int)(block & 63))) != 0)
            {
                return true;
            }
        }

        for (var i = 0; i < largeCount; i++)
        {
            var gibibyte = largeGibibytes[i] & (vaMask >> LargeShift);
            if (gibibyte >= first >> LargeShift && gibibyte <= last >> LargeShift)
            {
                return true;
            }
        }

        return false;
    }

    private static ulong TagOf(TlbEntry* e) => e->ReadTag != TlbEntry.Empty ? e->ReadTag : e->WriteTag;

    private static void Clear(TlbEntry* e)
    {
        e->ReadTag = TlbEntry.Empty;
        e->WriteTag = TlbEntry.Empty;
        e->Info = TlbEntry.Empty;
    }
}

/// <summary>The tables of one vCPU, least recently used replaced.</summary>
public sealed unsafe class TlbSet : IDisposable
{
    /// <summary>Tables a vCPU has.</summary>
    public const int TableCount = 8;

    private readonly HostMemory memory = new((ulong)TlbEntry.TableBytes * TableCount);
    private readonly TlbTable[] tables = new TlbTable[TableCount];
    private ulong uses;

    /// <summary>Creates empty tables.</summary>
    public TlbSet()
    {
        for (var i = 0; i < TableCount; i++)
        {
            tables[i] = new TlbTable(memory.Pointer + (i * TlbEntry.TableBytes), i);
        }
    }

    /// <summary>All tables.</summary>
    public ReadOnlySpan<TlbTable> Tables => tables;

    /// <summary>The table of an address space: the one it has, or the least recently used one, flushed.</summary>
    /// <param name="context">The address space.</param>
    /// <param name="recycled">True when the table held another address space (its index is reused).</param>
    public TlbTable Select(in TlbContext context, out bool recycled)
    {
        var oldest = tables[0];
        foreach (var t in tables)
        {
            if (t.LastUse != 0 && t.Context == context)
            {
                t.LastUse = ++uses;
                recycled = false;
                return t;
            }

            if (t.LastUse < oldest.LastUse)
            {
                oldest = t;
            }
        }

        recycled = oldest.LastUse != 0;
        if (oldest.Used)
        {
            oldest.Flush();
        }

        oldest.Context = context;
        oldest.LastUse = ++uses;
        return oldest;
    }

    /// <summary>The table whose entries start at a pointer.</summary>
    public TlbTable FromPointer(byte* pointer) => tables[(int)((pointer - memory.Pointer) / TlbEntry.TableBytes)];

    /// <summary>Empties every table.</summary>
    public void FlushAll()
    {
        foreach (var t in tables)
        {
            if (t.Used)
            {
                t.Flush();
            }
        }
    }

    /// <summary>Marks a physical page as holding code in every table: its write tags stop matching. Any thread, under the code cache's lock.</summary>
    /// <param name="physicalPage">Guest-physical page address.</param>
    public void ProtectCode(ulong physicalPage)
    {
        for (var e = (TlbEntry*)memory.Pointer; e < (TlbEntry*)(memory.Pointer + ((long)TlbEntry.TableBytes * TableCount)); e++)
        {
            if ((e->Info & TlbEntry.PageMask) == physicalPage && e->Info != TlbEntry.Empty && e->WriteTag != TlbEntry.Empty)
            {
                Interlocked.Or(ref e->WriteTag, TlbEntry.Code);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();
}
