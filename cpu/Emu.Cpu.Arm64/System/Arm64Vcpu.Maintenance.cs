// TLB maintenance: on this vCPU, broadcast to the others, and the DSB that waits until they are done.
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <remarks>
/// Each vCPU has a small queue. A broadcaster puts the operation in, sets the request bit and notes a ticket; the target applies the queue before it
/// executes further guest code. DSB waits for tickets of targets that are executing; a target outside of guest code needs no waiting, since it
/// applies its queue first thing when it comes back. A waiting DSB does not block: after a short spin it leaves the block and is executed
/// again, so that the outer loop serves this vCPU's own requests meanwhile. No cycle of waiting vCPUs can form.
/// </remarks>
public sealed unsafe partial class Arm64Vcpu
{
    private const int QueueCapacity = 32;
    private const int SmallRangePages = 16;
    private const int SpinsBeforeRetry = 64;
    private const ulong UntaggedMask = 0x00FF_FFFF_FFFF_FFFF;

    private readonly TlbInvalidation[] queue = new TlbInvalidation[QueueCapacity];
    private readonly Lock queueLock = new();
    private int queued;
    private bool queueOverflow;
    private long posted;
    private long applied;
    private long[] tickets = [];
    private bool ticketsOpen;

    /// <summary>Applies a TLB maintenance operation to this vCPU. On its own thread, or in turns on one thread.</summary>
    internal void Apply(in TlbInvalidation operation)
    {
        ResolveBranchSource();
        lookupsChanged = true;
        switch (operation.Kind)
        {
            case TlbInvalidationKind.All:
                Tlb.FlushAll();
                largestMask = SmallestLargeMask;
                FlushCodeLookups();
                break;
            case TlbInvalidationKind.Asid:
                ApplyAsid(operation.Asid);
                break;
            default:
                ApplyRange(operation.First, operation.Last);
                break;
        }
    }

    private void ApplyAsid(uint asid)
    {
        foreach (var table in Tlb.Tables)
        {
            if (table.Used && (table.Context.Regime != RegimeUser || table.Context.Asid == asid || !regime.LargeAsid))
            {
                table.FlushWhere(TlbInfo.NonGlobal);
            }
        }

        FlushCodeLookups();
    }

    private void ApplyRange(ulong first, ulong last)
    {
        // A granule above 4 KiB: the operation names one page of it, the entries are 4 KiB each.
        var granule = Math.Max(regime.Low.GranuleShift, regime.High.GranuleShift);
        if (granule > 12)
        {
            var page = (1UL << granule) - 1;
            first &= ~page;
            last |= page;
        }

        var pages = ((last - first) >> 12) + 1;
        if (pages > SmallRangePages)
        {
            foreach (var table in Tlb.Tables)
            {
                table.FlushRange(first, last, UntaggedMask, largestMask);
            }

            FlushCodeLookups();
            return;
        }

        for (var va = first; pages > 0; pages--, va += 0x1000)
        {
            foreach (var table in Tlb.Tables)
            {
                table.FlushPage(va, UntaggedMask, largestMask);
            }

            if (MayBeLargeCode(va))
            {
                FlushCodeLookups();
            }
            else
            {
                FlushJumpCachePage(va);
            }
        }
    }

    /// <summary>Applies an operation here and on every other vCPU of the Inner Shareable domain.</summary>
    internal void Broadcast(in TlbInvalidation operation)
    {
        Apply(operation);
        var vcpus = Cluster.Vcpus;
        if (vcpus.Count == 1)
        {
            return;
        }

        if (!Cluster.Parallel)
        {
            foreach (var v in vcpus)
            {
                if (v != this)
                {
                    v.Apply(operation);
                }
            }

            return;
        }

        if (tickets.Length != vcpus.Count)
        {
            tickets = new long[vcpus.Count];
        }

        // The table writes before a TLBI are ordered by the guest's DSB; this one orders them for a guest that broadcasts without.
        Interlocked.MemoryBarrier();
        foreach (var v in vcpus)
        {
            if (v != this)
            {
                tickets[v.Index] = v.Post(operation);
            }
        }

        ticketsOpen = true;
    }

    /// <summary>Number of the last broadcast operation of another vCPU that was applied here.</summary>
    public long MaintenanceApplied => Volatile.Read(ref applied);

    private long Post(in TlbInvalidation operation)
    {
        long ticket;
        lock (queueLock)
        {
            if (queued == QueueCapacity)
            {
                queueOverflow = true;
            }
            else
            {
                queue[queued++] = operation;
            }

            ticket = ++posted;
        }

        RequestWithoutWaking(VcpuRequest.TlbFlush);
        return ticket;
    }

    /// <inheritdoc/>
    protected override void MaintenanceRequested()
    {
        Span<TlbInvalidation> work = stackalloc TlbInvalidation[QueueCapacity];
        int count;
        bool all;
        long ticket;
        lock (queueLock)
        {
            count = queued;
            all = queueOverflow;
            queue.AsSpan(0, count).CopyTo(work);
            queued = 0;
            queueOverflow = false;
            ticket = posted;
        }

        if (all)
        {
            Apply(new TlbInvalidation(TlbInvalidationKind.All));
        }
        else
        {
            foreach (ref readonly var operation in work[..count])
            {
                Apply(operation);
            }
        }

        Volatile.Write(ref applied, ticket);
    }

    /// <summary>DSB: whether the broadcasts of this vCPU are complete; spins for a moment before it says no.</summary>
    internal bool BroadcastsComplete()
    {
        if (!ticketsOpen)
        {
            return true;
        }

        Interlocked.MemoryBarrier();
        for (var i = 0; i < SpinsBeforeRetry; i++)
        {
            if (TicketsClosed())
            {
                ticketsOpen = false;
                return true;
            }

            Thread.SpinWait(20);
        }

        Thread.Yield();
        return false;
    }

    private bool TicketsClosed()
    {
        foreach (var v in Cluster.Vcpus)
        {
            if (v != this && Volatile.Read(ref v.applied) < tickets[v.Index] && v.InGuest)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>IC IALLU: with vCPUs in parallel, a translation may have been made from bytes older than a store before this; drop them all.</summary>
    internal void InvalidateInstructionCache()
    {
        // In turns on one thread every store to translated code has been seen already.
        if (Cluster.Parallel && Code.BlocksMade != blocksAtInvalidate)
        {
            Code.InvalidateAll();
            blocksAtInvalidate = Code.BlocksMade;
        }
    }

    private long blocksAtInvalidate;
}
