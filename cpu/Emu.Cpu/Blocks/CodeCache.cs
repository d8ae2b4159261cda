// Every translated block of the machine, found by physical address and mode bits; which pages hold code; invalidation.
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Cpu.Ir;
using Emu.Cpu.Jit;

namespace Emu.Cpu.Blocks;

/// <summary>
/// The block cache shared by all vCPUs. Lookups are lock-free; translation, linking and invalidation take the lock. A block's memory is reused
/// only by <see cref="Flush"/>, with every vCPU outside of guest code, so a vCPU may finish a block that was invalidated under it.
/// </summary>
public sealed unsafe class CodeCache : IDisposable
{
    /// <summary>Default limit on block memory in bytes.</summary>
    public const ulong DefaultLimit = 96UL << 20;

    private const int HashBits = 16;

    /// <summary>More than a block, its offsets and its alignment take.</summary>
    private const ulong Reserve = 64 * 1024;

    private readonly Lock gate = new();
    private readonly Dictionary<ulong, CodePage> pages = [];
    private readonly Dictionary<ulong, PageHistory> rewritten = [];
    private readonly List<Vcpu> vcpus = [];
    private readonly PhysicalAddressSpace memory;
    private readonly HostMemory arena;
    private readonly HostMemory hash = new((1UL << HashBits) * 8);
    private readonly HostMemory source = new(0x1000);
    private readonly BlockBuilder builder = new();
    private ulong used;

    private sealed class CodePage
    {
        public Block* First;

        /// <summary>A bit for each 64 bytes that hold code.</summary>
        public ulong Bytes;

        public RamPageFlags* Flags;
    }

    /// <summary>Creates an empty cache.</summary>
    /// <param name="memory">Where code is read from, and whose pages are marked.</param>
    /// <param name="limit">Bytes of block memory, at most.</param>
    public CodeCache(PhysicalAddressSpace memory, ulong limit = DefaultLimit)
    {
        this.memory = memory;
        arena = new HostMemory(Math.Max(limit, 2 * Reserve));
        memory.CodeWritten += (pa, length) => Invalidate(pa, length);
    }

    /// <summary>Entries of a new block before the interpreter reports it as hot.</summary>
    public int InitialHeat { get; set; } = int.MaxValue;

    /// <summary>Taken by who reads or changes what is compiled (see <see cref="Jit.JitCompiler"/>).</summary>
    internal Lock Gate => gate;

    /// <summary>Blocks translated since the start.</summary>
    public long BlocksTranslated { get; private set; }

    /// <summary>Guest instructions translated since the start.</summary>
    public long InstructionsTranslated { get; private set; }

    /// <summary>Micro-ops made from them.</summary>
    public long MicroOpsTranslated { get; private set; }

    /// <summary>Blocks invalidated since the start.</summary>
    public long BlocksInvalidated { get; private set; }

    /// <summary>Blocks translated or brought back since the start: when it has not changed, nothing was made of the bytes in memory since.</summary>
    public long BlocksMade => BlocksTranslated + BlocksRevived;

    /// <summary>Blocks that came back because the bytes they were made from did.</summary>
    public long BlocksRevived { get; private set; }

    /// <summary>Times a page stopped being cached because it was rewritten all the time.</summary>
    public long PagesUncached { get; private set; }

    /// <summary>Block entries in such pages: each translated what was there.</summary>
    public long UncachedEntries { get; private set; }

    /// <summary>Times the cache was full and all blocks were dropped.</summary>
    public long Flushes { get; private set; }

    /// <summary>Bytes of block memory in use.</summary>
    public ulong BytesUsed => used;

    /// <summary>The cache is so full that <see cref="Flush"/> must run before the next translation.</summary>
    public bool NeedsFlush => arena.Length - used < Reserve;

    /// <summary>Raised under the lock for each block that is invalidated: back ends drop what they made of it.</summary>
    public event Action<nint>? Invalidated;

    /// <summary>Raised by <see cref="Flush"/>: every block goes.</summary>
    public event Action? Flushed;

    /// <summary>Registers a vCPU whose TLB must not write to code pages unseen.</summary>
    public void Attach(Vcpu vcpu)
    {
        lock (gate)
        {
            vcpus.Add(vcpu);
        }
    }

    /// <summary>Finds a block. Lock-free.</summary>
    public Block* Find(ulong physical, ulong key)
    {
        for (var b = Volatile.Read(ref *Bucket(physical, key)) is var p ? (Block*)p : null; b != null; b = b->HashNext)
        {
            if (b->Physical == physical && b->Key == key)
            {
                return b;
            }
        }

        return null;
    }

    /// <summary>
    /// Whether the page of a physical address is rewritten so often that its blocks are not cached: the caller translates what is there now with
    /// <see cref="TranslatePrivate"/>, for this entry only. Asked for each such entry: the page is cached again after a number of them.
    /// </summary>
    public bool EnterUncached(ulong physical)
    {
        lock (gate)
        {
            if (!rewritten.TryGetValue(physical & ~0xFFFUL, out var history) || !history.IsUncached)
            {
                return false;
            }

            history.CountEntry();
            UncachedEntries++;
            return true;
        }
    }

    /// <summary>Translates the block at a physical address, or returns the one another vCPU just made; null when <see cref="Flush"/> must run first.</summary>
    /// <param name="vcpu">Whose front end translates.</param>
    /// <param name="physical">Guest-physical address, in RAM.</param>
    /// <param name="key">Mode bits.</param>
    /// <param name="region">The RAM it lies in.</param>
    public Block* Translate(Vcpu vcpu, ulong physical, ulong key, RamRegion region)
    {
        lock (gate)
        {
            var found = Find(physical, key);
            if (found != null)
            {
                return found;
            }

            if (NeedsFlush)
            {
                // Other vCPUs took the room since the caller looked.
                return null;
            }

            // Mark first, read after: a store that comes later is seen, one that came before is read.
            var page = ProtectPage(physical & ~0xFFFUL, region);
            if (rewritten.TryGetValue(physical & ~0xFFFUL, out var history))
            {
                history.Translated();
                var known = history.Take(physical, key, region.Host + (physical - region.Start), (int)(0x1000 - (physical & 0xFFF)));
                if (known != null)
                {
                    Revive(known);
                    Insert(page, known);
                    BlocksRevived++;
                    return known;
                }
            }

            var code = region.Host + (physical - region.Start);
            if (history != null)
            {
                // From a copy, which stays with the block: bytes in memory that change meanwhile must not be taken for those it was made from.
                var length = (long)(0x1000 - (physical & 0xFFF));
                Buffer.MemoryCopy(code, source.Pointer, length, length);
                code = source.Pointer;
            }

            BuildInto(builder, vcpu, physical, code, int.MaxValue);
            var block = (Block*)Allocate(sizeof(Block) + (builder.OpCount * sizeof(MicroOp)));
            Fill(block, (MicroOp*)(block + 1), builder, physical, key);
            block->Heat = InitialHeat;
            block->FirstHeat = InitialHeat;
            if (history != null)
            {
                block->Source = Allocate(block->Length);
                Buffer.MemoryCopy(source.Pointer, block->Source, block->Length, block->Length);
            }

            if (vcpu.VariableLengthInstructions)
            {
                var offsets = (ushort*)Allocate(builder.InstructionCount * 2);
                builder.Offsets.CopyTo(new Span<ushort>(offsets, builder.InstructionCount));
                block->InstructionOffsets = offsets;
            }

            Insert(page, block);
            BlocksTranslated++;
            InstructionsTranslated += block->Count;
            MicroOpsTranslated += block->OpCount;
            return block;
        }
    }

    /// <summary>Translates at most <paramref name="maximum"/> instructions into a private block that is not cached or linked.</summary>
    /// <param name="into">Builder of the vCPU; its micro-ops stay valid until it is used again.</param>
    /// <param name="block">Filled in.</param>
    public static void TranslatePrivate(Vcpu vcpu, BlockBuilder into, Block* block, ulong physical, ulong key, RamRegion region, int maximum)
    {
        BuildInto(into, vcpu, physical, region.Host + (physical - region.Start), maximum);
        *block = default;
        Fill(block, into.Ops, into, physical, key);
        into.Ops[into.OpCount - 1].C = (into.Ops[into.OpCount - 1].Kind is MicroOpKind.CallEnd) ? into.Ops[into.OpCount - 1].C : (ushort)0;
        if (vcpu.VariableLengthInstructions)
        {
            fixed (ushort* o = into.Offsets)
            {
                // The offsets live in the builder's array, pinned only here: private blocks copy them behind the micro-ops.
                var copy = (ushort*)(into.Ops + into.OpCount);
                Buffer.MemoryCopy(o, copy, into.InstructionCount * 2, into.InstructionCount * 2);
                block->InstructionOffsets = copy;
            }
        }
    }

    /// <summary>Links an exit to its target, if both are still valid and in one physical page.</summary>
    public void Link(Block* from, int slot, Block* to)
    {
        lock (gate)
        {
            // Invalidation cuts the links of the page it hits: a link into another page (tables changed without maintenance) would outlive its target.
            if (from->Key == Block.InvalidKey || to->Key != from->Key || ((from->Physical ^ to->Physical) & ~0xFFFUL) != 0)
            {
                return;
            }

            if (slot == 0)
            {
                from->Next0 = to;
            }
            else
            {
                from->Next1 = to;
            }
        }
    }

    /// <summary>Invalidates the blocks that overlap a run of physical memory. Any thread.</summary>
    /// <returns>True when a block was there.</returns>
    public bool Invalidate(ulong physical, ulong length)
    {
        var any = false;
        lock (gate)
        {
            for (var p = physical & ~0xFFFUL; p < physical + length; p += 0x1000)
            {
                if (pages.TryGetValue(p, out var page))
                {
                    var start = Math.Max(p, physical);
                    var end = Math.Min(p + 0x1000, physical + length);
                    if ((page.Bytes & Mask(start, end - start)) != 0)
                    {
                        any |= InvalidateIn(p, page, start, end, written: true);
                    }
                }
            }
        }

        return any;
    }

    /// <summary>Asks every vCPU to look at the block cache again before its next block. Under the lock.</summary>
    internal void LeaveCompiledCode()
    {
        foreach (var v in vcpus)
        {
            v.Request(VcpuRequest.Code);
        }
    }

    /// <summary>Keeps code that was taken away alive until every vCPU has been outside of guest code. Under the lock.</summary>
    internal void Retire(CompiledCode code)
    {
        // The code is not reachable from a block any more before the vCPUs are looked at.
        Interlocked.MemoryBarrier();
        retired.Enqueue(new RetiredCode(code, [.. vcpus.Select(v => v.OuterLoopPasses)]));
        RetiredBytes += code.Size;
        ReleaseRetired();
    }

    /// <summary>Bytes of compiled code that was taken away and is kept only because a vCPU may still be in it.</summary>
    internal long RetiredBytes { get; private set; }

    /// <summary>Lets go of retired code that no vCPU can be in any more. Under the lock.</summary>
    /// <returns>Bytes let go of.</returns>
    internal long ReleaseRetired()
    {
        long released = 0;
        while (retired.TryPeek(out var oldest) && IsUnreachable(oldest))
        {
            released += retired.Dequeue().Code.Size;
        }

        RetiredBytes -= released;
        Released += released;
        return released;
    }

    /// <summary>Bytes of compiled code let go of since the start.</summary>
    internal long Released { get; private set; }

    private sealed record RetiredCode(CompiledCode Code, long[] Passes);

    private readonly Queue<RetiredCode> retired = new();

    /// <summary>Each vCPU is outside, or came in after the code was taken away (and published that before it read any block's code).</summary>
    private bool IsUnreachable(RetiredCode code)
    {
        for (var i = 0; i < code.Passes.Length; i++)
        {
            if (vcpus[i].OuterLoopPasses == code.Passes[i] && vcpus[i].InGuestCode)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Invalidates everything (A64 IC IALLU).</summary>
    public void InvalidateAll()
    {
        lock (gate)
        {
            foreach (var (p, page) in pages.ToArray())
            {
                InvalidateIn(p, page, p, p + 0x1000, written: false);
            }
        }
    }

    /// <summary>Drops every block and reuses their memory. Only while every vCPU is outside of guest code.</summary>
    public void Flush()
    {
        lock (gate)
        {
            foreach (var page in pages.Values)
            {
                *page.Flags &= ~RamPageFlags.Code;
            }

            Flushed?.Invoke();
            Flushes++;
            pages.Clear();
            rewritten.Clear();
            new Span<byte>(hash.Pointer, (int)hash.Length).Clear();
            arena.Discard(0, arena.Length);
            used = 0;
            foreach (var v in vcpus)
            {
                v.FlushJumpCache();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        arena.Dispose();
        hash.Dispose();
        source.Dispose();
        builder.Dispose();
    }

    private static void BuildInto(BlockBuilder b, Vcpu vcpu, ulong physical, byte* code, int maximum)
    {
        b.Begin((int)(physical & 0xFFF));
        vcpu.TranslateBlock(b, code, (int)(0x1000 - (physical & 0xFFF)), maximum);
        if (!b.Ended || b.InstructionCount == 0)
        {
            throw new InvalidOperationException("the translator left a block open");
        }

        b.Finish();
    }

    private static void Fill(Block* block, MicroOp* ops, BlockBuilder b, ulong physical, ulong key)
    {
        *block = default;
        block->Key = key;
        block->Ops = ops;
        block->Count = b.InstructionCount;
        block->OpCount = b.OpCount;
        block->Physical = physical;
        block->Length = b.Offset + b.InstructionLength;
        block->Heat = int.MaxValue;
        if (ops != b.Ops)
        {
            Buffer.MemoryCopy(b.Ops, ops, b.OpCount * sizeof(MicroOp), b.OpCount * sizeof(MicroOp));
        }
    }

    private static ulong Mask(ulong physical, ulong length)
    {
        var first = (int)((physical & 0xFFF) >> 6);
        var last = (int)(((physical & 0xFFF) + length - 1) >> 6);
        var high = last >= 63 ? ulong.MaxValue : (1UL << (last + 1)) - 1;
        return high & (ulong.MaxValue << first);
    }

    private nint* Bucket(ulong physical, ulong key)
    {
        var h = ((physical >> 2) ^ (key << 7)) * 0x9E37_79B9_7F4A_7C15;
        return (nint*)hash.Pointer + (h >> (64 - HashBits));
    }

    private byte* Allocate(int bytes)
    {
        var p = arena.Pointer + used;
        used += ((ulong)bytes + 15) & ~15UL;
        return p;
    }

    private CodePage ProtectPage(ulong physical, RamRegion region)
    {
        if (!pages.TryGetValue(physical, out var page))
        {
            page = new CodePage { Flags = region.PageFlags + ((physical - region.Start) >> 12) };
            pages.Add(physical, page);
        }

        if ((*page.Flags & RamPageFlags.Code) == 0)
        {
            *page.Flags |= RamPageFlags.Code;
            Interlocked.MemoryBarrier();
            foreach (var v in vcpus)
            {
                v.Tlb.ProtectCode(physical);
            }
        }

        return page;
    }

    private void Insert(CodePage page, Block* block)
    {
        page.Bytes |= Mask(block->Physical, (ulong)block->Length);
        block->PageNext = page.First;
        page.First = block;
        var bucket = Bucket(block->Physical, block->Key);
        block->HashNext = (Block*)*bucket;
        Volatile.Write(ref *bucket, (nint)block);
    }

    /// <summary>Makes an invalidated block as good as new. A vCPU that is still in it runs the same instructions.</summary>
    private void Revive(Block* block)
    {
        block->Next0 = null;
        block->Next1 = null;
        block->Looks = 0;
        block->CompileState = (int)CompileState.None;
        block->Heat = InitialHeat;
        block->FirstHeat = InitialHeat;
        block->Key = block->SourceKey;
    }

    private bool InvalidateIn(ulong physical, CodePage page, ulong start, ulong end, bool written)
    {
        var any = false;
        long runs = 0;
        Block* kept = null;
        ulong bytes = 0;
        rewritten.TryGetValue(physical, out var history);
        for (var b = page.First; b != null;)
        {
            var next = b->PageNext;
            if (b->Physical < end && b->Physical + (ulong)b->Length > start)
            {
                runs += b->Code != null || b->Looks != 0 ? PageHistory.RunsWorthTranslating : b->FirstHeat - b->Heat;
                Drop(b);
                if (b->Source != null)
                {
                    history?.Keep(b);
                }

                any = true;
            }
            else
            {
                b->PageNext = kept;
                kept = b;
                bytes |= Mask(b->Physical, (ulong)b->Length);
            }

            b = next;
        }

        page.First = kept;
        page.Bytes = bytes;
        if (any)
        {
            // Links stay within a page, so cutting those of the blocks that remain (and of the dead, in case one is running) is enough.
            for (var b = kept; b != null; b = b->PageNext)
            {
                Cut(b);
            }

            if (written)
            {
                NoteRewrite(physical, page, history, runs);
            }
        }

        if (page.First == null)
        {
            *page.Flags &= ~RamPageFlags.Code;
            pages.Remove(physical);
        }

        return any;
    }

    private void Drop(Block* b)
    {
        Unhash(b);
        b->SourceKey = b->Key;
        b->Key = Block.InvalidKey;
        b->Heat = int.MaxValue;
        Invalidated?.Invoke((nint)b);
        BlocksInvalidated++;
    }

    private void NoteRewrite(ulong physical, CodePage page, PageHistory? history, long runs)
    {
        if (history == null)
        {
            history = new PageHistory();
            rewritten.Add(physical, history);
            history.Translated();
        }

        ulong now = 0;
        foreach (var v in vcpus)
        {
            now += v.Retired;
        }

        if (!history.Rewritten(runs, now))
        {
            return;
        }

        // Nothing of the page stays cached: its stores are plain stores from now on.
        for (var b = page.First; b != null; b = b->PageNext)
        {
            Drop(b);
        }

        page.First = null;
        page.Bytes = 0;
        PagesUncached++;
    }

    private static void Cut(Block* b)
    {
        if (b->Next0 != null && b->Next0->Key == Block.InvalidKey)
        {
            b->Next0 = null;
        }

        if (b->Next1 != null && b->Next1->Key == Block.InvalidKey)
        {
            b->Next1 = null;
        }
    }

    private void Unhash(Block* b)
    {
        b->Next0 = null;
        b->Next1 = null;
        var at = Bucket(b->Physical, b->Key);
        while (*at != 0)
        {
            if ((Block*)*at == b)
            {
                *at = (nint)b->HashNext;
                return;
            }

            at = (nint*)&((Block*)*at)->HashNext;
        }
    }
}
