// Which TLB table an access uses: one for EL1, one for each recent address space at EL0, one for the time between two address spaces.
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <remarks>
/// A write to TTBR0_EL1 or to the ASID takes effect at the next context synchronization event, as the architecture allows. Until EL0 is entered,
/// unprivileged accesses of EL1 (LDTR, STTR) go through the transit table, so that the intermediate pairs of ASID and TTBR0 that an operating
/// system passes through on a switch cost no table.
/// </remarks>
public sealed unsafe partial class Arm64Vcpu
{
    private const uint RegimePrivileged = 1;
    private const uint RegimeTransit = 2;
    private const uint RegimeUser = 3;
    private const ulong RootMask = 0x0000_FFFF_FFFF_FFFE;
    private static readonly TlbContext PrivilegedContext = new(RegimePrivileged, 0, 0);
    private static readonly TlbContext TransitContext = new(RegimeTransit, 0, 0);

    private readonly ulong[] largeCode = new ulong[64];
    private TlbTable privilegedTable = null!;
    private TlbTable transitTable = null!;
    private TlbTable userTable = null!;
    private ulong userTag;
    private bool userResolved;
    private bool contextStale;
    private bool lookupsChanged;
    private bool lowCodeAtEl1;
    private uint currentAsid;
    private ulong currentRoot;

    private void InitializeTables()
    {
        privilegedTable = Tlb.Select(PrivilegedContext, out _);
        transitTable = Tlb.Select(TransitContext, out _);
        userTable = transitTable;
    }

    /// <summary>TTBR0_EL1, TTBR1_EL1 or TCR_EL1 was written.</summary>
    internal void ContextChanged() => contextStale = true;

    private void ForgetContext()
    {
        ReadContext(out currentAsid, out currentRoot);
        contextStale = false;
        userResolved = false;
    }

    private void ReadContext(out uint asid, out ulong root)
    {
        ref var el1 = ref a->System.El1;
        asid = (uint)((regime.AsidInTtbr1 ? el1.Ttbr1 : el1.Ttbr0) >> 48) & (regime.LargeAsid ? 0xFFFFu : 0xFFu);
        root = el1.Ttbr0 & RootMask;
    }

    /// <summary>A context synchronization event (ISB). True when something changed that the rest of the block must not assume.</summary>
    internal bool Synchronize()
    {
        var changed = lookupsChanged;
        lookupsChanged = false;
        if (contextStale)
        {
            SynchronizeContext();
            SelectTables();
            return true;
        }

        return changed;
    }

    private void SynchronizeContext()
    {
        contextStale = false;
        ReadContext(out var asid, out var root);
        if (asid == currentAsid && root == currentRoot)
        {
            return;
        }

        currentAsid = asid;
        currentRoot = root;
        userResolved = false;
        privilegedTable.FlushWhere(TlbInfo.NonGlobal);
        if (transitTable.Used)
        {
            transitTable.Flush();
        }

        if (lowCodeAtEl1)
        {
            FlushCodeLookups();
        }
    }

    /// <summary>Points the state at the tables of the current exception level.</summary>
    private void SelectTables()
    {
        var s = State;
        if (contextStale)
        {
            SynchronizeContext();
        }

        if (a->System.CurrentEl == 0)
        {
            if (!userResolved)
            {
                ResolveUserTable();
            }

            s->Tlb = userTable.Pointer;
            s->TlbUnprivileged = userTable.Pointer;
            s->PcTag = userTag;
        }
        else
        {
            s->Tlb = privilegedTable.Pointer;
            s->TlbUnprivileged = a->System.Uao != 0 ? privilegedTable.Pointer : userResolved ? userTable.Pointer : transitTable.Pointer;
            s->PcTag = 0;
        }
    }

    /// <summary>MSR UAO.</summary>
    internal void SetUao(ulong value)
    {
        a->System.Uao = value;
        SelectTables();
    }

    private void ResolveUserTable()
    {
        // Keeps the two fixed tables from becoming the least recently used.
        Tlb.Select(PrivilegedContext, out _);
        Tlb.Select(TransitContext, out _);
        userTable = Tlb.Select(new TlbContext(RegimeUser, currentAsid, currentRoot), out var recycled);
        userTag = (ulong)(userTable.Index + 1) << 56;
        userResolved = true;
        if (recycled)
        {
            FlushCodeLookups();
        }
        else
        {
            // A return to an address with a wrong top byte must not find another address space's entry.
            ForgetReturns();
        }
    }

    private void DropUserPagesOfPrivilegedTable() => privilegedTable.FlushWhere(TlbInfo.UserAccessible);

    /// <summary>Notes an instruction fetch: what TLB maintenance must drop with it.</summary>
    /// <param name="va">Address.</param>
    /// <param name="reach">Bytes of the block or contiguous run that it came from, or 0 for a plain page.</param>
    private void CodeFetched(ulong va, ulong reach)
    {
        if (ExceptionLevel != 0 && ((va >> 55) & 1) == 0)
        {
            lowCodeAtEl1 = true;
        }

        if (reach == 0)
        {
            return;
        }

        // A bit for each 2 MiB, modulo 8 GiB.
        const ulong Granule = 2UL << 20;
        if (reach > 64 * Granule)
        {
            Array.Fill(largeCode, ulong.MaxValue);
            return;
        }

        reach = Math.Max(reach, Granule);
        var first = (va & ~(reach - 1)) >> 21;
        for (ulong i = 0; i < reach / Granule; i++)
        {
            largeCode[((first + i) >> 6) & 63] |= 1UL << (int)((first + i) & 63);
        }
    }

    private bool MayBeLargeCode(ulong va) => ((largeCode[(va >> 27) & 63] >> (int)((va >> 21) & 63)) & 1) != 0;

    /// <summary>Drops every way from a PC to a block.</summary>
    private void FlushCodeLookups()
    {
        FlushJumpCache();
        Array.Clear(largeCode);
        lowCodeAtEl1 = false;
        lookupsChanged = true;
    }
}
