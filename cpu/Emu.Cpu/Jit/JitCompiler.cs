// The compiler thread: takes hot blocks, forms regions around them, has the back end compile them, publishes and retires code.
using System.Diagnostics;
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit;

/// <summary>
/// Compiles in the background; vCPUs never wait for it. Publishing sets <see cref="Block.Code"/> of a region's first block under the block
/// cache's lock; invalidating any block of the region takes it away and asks vCPUs out of compiled code.
/// </summary>
public sealed unsafe class JitCompiler : IDisposable
{
    /// <summary>Bytes of compiled code kept by default.</summary>
    public const long DefaultLimit = 64L << 20;

    /// <summary>Entries after which a block is compiled as the head of a region by default.</summary>
    public const int DefaultThreshold = 1500;

    /// <summary>A block of the lower tier has to be this much hotter than the head of a region to be compiled before it.</summary>
    private const float QuickHandicap = 2;

    /// <summary>A neighbour joins a region when it ran at least this fraction of the threshold.</summary>
    private const int WarmFraction = 4;

    /// <summary>When the limit is reached, the oldest regions go until this fraction of it is left.</summary>
    private const double KeptByEviction = 0.5;

    /// <summary>Garbage is collected each time this fraction of the limit was let go of.</summary>
    private const int CollectFraction = 4;

    /// <summary>How often the thread looks whether retired code can be let go of, in milliseconds, while there is some.</summary>
    private const int ReleaseInterval = 20;

    /// <summary>Blocks taken from the queue each time it is gone through.</summary>
    private const int TakenAtOnce = 8;

    /// <summary>What is left of a queued block's looks each time the queue is gone through: some compilations, or milliseconds, later.</summary>
    private const float LooksKept = 0.5f;

    /// <summary>A queued block with fewer looks left is not run at present, and waits until it is.</summary>
    private const float LooksOfRunning = 0.1f;

    /// <summary>
    /// A block is compiled when it is looked for more often than that, in milliseconds: 256 entries a second cost less to interpret in ten minutes
    /// than to compile. Without it an idle guest kept the compiler busier than its vCPU for the first half minute.
    /// </summary>
    private const long SlowestLooks = 1000;

    private readonly List<Wanted> queue = [];
    private readonly List<Wanted> hottest = new(TakenAtOnce);

    /// <summary>Blocks that joined regions since <see cref="hottest"/> was chosen.</summary>
    private readonly HashSet<nint> joined = [];

    private readonly Dictionary<nint, List<Region>> regionsOf = [];
    private readonly Queue<Region> byAge = new();
    private readonly Lock compiling = new();
    private readonly Thread thread;
    private readonly ICompilerBackEnd backEnd;
    private readonly long limit;
    private CodeCache cache = null!;
    private int threshold;
    private int quickThreshold;
    private bool stopping;
    private bool busy;
    private bool draining;
    private volatile bool waitingForLooks;
    private bool releaseWanted;
    private long generation;
    private long size;
    private long collectedAt;
    private long dropped;

    /// <summary>Creates the compiler; <see cref="Start"/> attaches it.</summary>
    /// <param name="backEnd">Turns regions into code.</param>
    /// <param name="limit">Bytes of compiled code kept, at most.</param>
    public JitCompiler(ICompilerBackEnd backEnd, long limit)
    {
        this.backEnd = backEnd;
        this.limit = limit;
        thread = new Thread(CompileLoop) { IsBackground = true, Name = "compiler" };
    }

    /// <summary>
    /// Compiles on the vCPU's thread, at the entry that asks, instead of in the background: what is compiled when is then a function of the
    /// guest's instructions alone, and a run on compiled code can be repeated exactly.
    /// </summary>
    public bool Synchronous { get; init; }

    /// <summary>Compiles what was asked for though it may not be run again, as tests want it whose guests run for a moment.</summary>
    public bool Eager { get; init; }

    /// <summary>Where a limit cuts compiled code, the blocks before it and the cut one are compiled for that run alone (the search for a wrong instruction).</summary>
    public bool CompilesCuts { get; init; }

    /// <summary>Blocks compiled by the lower tier.</summary>
    public long QuickCompiled { get; private set; }

    /// <summary>Time that took, in milliseconds.</summary>
    public double QuickMilliseconds { get; private set; }

    /// <summary>Regions compiled.</summary>
    public long RegionsCompiled { get; private set; }

    /// <summary>Blocks in them.</summary>
    public long BlocksCompiled { get; private set; }

    /// <summary>Guest instructions in them.</summary>
    public long InstructionsCompiled { get; private set; }

    /// <summary>Time the back end took, in milliseconds.</summary>
    public double CompileMilliseconds { get; private set; }

    /// <summary>Times the code of a region was taken away because its guest code was written.</summary>
    public long RegionsInvalidated { get; private set; }

    /// <summary>Regions dropped because the limit was reached.</summary>
    public long RegionsEvicted { get; private set; }

    /// <summary>Times that happened.</summary>
    public long Evictions { get; private set; }

    /// <summary>Bytes of compiled code in use, as the back end counts them.</summary>
    public long Size => Volatile.Read(ref size);

    /// <summary>Attaches to the block cache and starts the thread.</summary>
    /// <param name="codeCache">Whose blocks are compiled.</param>
    /// <param name="regionThreshold">Entries after which a block is compiled as the head of a region.</param>
    /// <param name="blockThreshold">Entries after which the lower tier may compile it alone, fewer than the other; 0 is never.</param>
    public void Start(CodeCache codeCache, int regionThreshold, int blockThreshold = 0)
    {
        cache = codeCache;
        threshold = regionThreshold;
        quickThreshold = Math.Max(blockThreshold == 0 ? threshold : blockThreshold, 1);
        cache.InitialHeat = quickThreshold;
        cache.Invalidated += OnInvalidated;
        cache.Flushed += OnFlushed;
        if (!Synchronous)
        {
            thread.Start();
        }
    }

    /// <summary>Asks for a block to be compiled. Any vCPU thread.</summary>
    public void Request(Block* block)
    {
        if ((CompileState)Volatile.Read(ref block->CompileState) is not (CompileState.None or CompileState.Quick))
        {
            if (waitingForLooks && block->CompileState == (int)CompileState.Queued)
            {
                lock (queue)
                {
                    Monitor.Pulse(queue);
                }
            }

            return;
        }

        if (Synchronous)
        {
            block->CompileState = (int)CompileState.Queued;
            Compile(block, Volatile.Read(ref generation));
            ReleaseRetired();
            return;
        }

        lock (queue)
        {
            if ((CompileState)block->CompileState is CompileState.None or CompileState.Quick)
            {
                block->CompileState = (int)CompileState.Queued;
                queue.Add(new Wanted(block, generation));
                Monitor.Pulse(queue);
            }
        }
    }

    /// <summary>The block is in some region's code.</summary>
    internal bool IsCompiled(Block* block)
    {
        lock (cache.Gate)
        {
            return regionsOf.ContainsKey((nint)block);
        }
    }

    /// <summary>Compiles a block that is not cached, for its vCPU to enter now; null where the back end cannot.</summary>
    internal CompiledCode? CompileAlone(Block* block)
    {
        var region = RegionBuilder.BuildAlone(cache, block, CompileTier.Full);
        lock (compiling)
        {
            return backEnd.Compile(region);
        }
    }

    /// <summary>Waits until everything asked for so far is compiled (tests, benchmarks).</summary>
    public void Drain()
    {
        lock (queue)
        {
            draining = true;
            Monitor.PulseAll(queue);
            while (queue.Count > 0 || hottest.Count > 0 || busy)
            {
                Monitor.Wait(queue, 10);
            }

            draining = false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (queue)
        {
            stopping = true;
            Monitor.PulseAll(queue);
        }

        if (thread.IsAlive)
        {
            thread.Join();
        }
    }

    private void CompileLoop()
    {
        var retiredLeft = false;
        while (true)
        {
            Wanted? taken;
            lock (queue)
            {
                busy = false;
                Monitor.PulseAll(queue);
                taken = TakeHottest();
                if (taken is null && !stopping && !releaseWanted)
                {
                    waitingForLooks = queue.Count != 0;
                    Monitor.Wait(queue, retiredLeft ? ReleaseInterval : Timeout.Infinite);
                    waitingForLooks = false;
                    taken = TakeHottest();
                }

                if (stopping)
                {
                    return;
                }

                releaseWanted = false;
                busy = taken is not null;
            }

            if (taken is not null)
            {
                Compile(taken.Block, taken.Generation);
            }

            retiredLeft = ReleaseRetired();
        }
    }

    /// <summary>Lets go of retired code, and has the host free it now and then: nothing else in a running machine makes garbage.</summary>
    /// <returns>True when some is still waiting for a vCPU.</returns>
    private bool ReleaseRetired()
    {
        bool left;
        bool collect;
        lock (cache.Gate)
        {
            cache.ReleaseRetired();
            left = cache.RetiredBytes != 0;
            collect = cache.Released + dropped - collectedAt >= limit / CollectFraction;
            if (collect)
            {
                collectedAt = cache.Released + dropped;
            }
        }

        if (collect)
        {
            HostAllocator.FreeCollected();
        }

        return left;
    }

    /// <summary>A block in the queue. A class, for which generic collections need no compiler at start-up.</summary>
    private sealed class Wanted(Block* block, long generation)
    {
        public Block* Block { get; } = block;

        public long Generation { get; } = generation;

        /// <summary>How often it had been looked for when the queue was last gone through.</summary>
        public int SeenLooks { get; set; } = block->Looks;

        /// <summary>When that was last found to have grown, in milliseconds of the host's clock.</summary>
        public long SeenAt { get; set; } = Environment.TickCount64;

        /// <summary>Its looks, fading.</summary>
        public float Looks { get; set; }

        /// <summary>How much of it was interpreted of late.</summary>
        public float Heat { get; set; }

        /// <summary>It has moved on to <see cref="hottest"/>.</summary>
        public bool IsTaken { get; set; }
    }

    /// <summary>
    /// Takes the block that runs most at present: the compiler is always behind during a boot, and what was hot when it was asked for may have
    /// ended since. What is not run any more stays in the queue until it is. Under the queue's lock.
    /// </summary>
    private Wanted? TakeHottest()
    {
        while (true)
        {
            if (hottest.Count == 0)
            {
                joined.Clear();
                FindHottest();
            }

            if (hottest.Count == 0)
            {
                return null;
            }

            var taken = hottest[^1];
            hottest.RemoveAt(hottest.Count - 1);
            if (draining || Eager || !joined.Contains((nint)taken.Block))
            {
                return taken;
            }

            // Where it ran so far it now runs as part of another's region: it waits for whether it is interpreted all the same.
            (taken.IsTaken, taken.Looks, taken.SeenLooks) = (false, 0, taken.Block->Looks);
            queue.Add(taken);
        }
    }

    /// <summary>
    /// Moves the few hottest from the queue to <see cref="hottest"/>, the hottest last: to go through all of the queue for each would take a fifth
    /// of the thread's time.
    /// </summary>
    private void FindHottest()
    {
        var now = Environment.TickCount64;
        for (var i = queue.Count - 1; i >= 0; i--)
        {
            var wanted = queue[i];
            var block = wanted.Block;
            var seen = block->Looks;
            var fresh = seen - wanted.SeenLooks;
            if (fresh > 0)
            {
                wanted.Looks = now - wanted.SeenAt <= SlowestLooks * fresh ? (wanted.Looks * LooksKept) + fresh : 0;
                (wanted.SeenLooks, wanted.SeenAt) = (seen, now);
            }
            else
            {
                wanted.Looks *= LooksKept;
                wanted.SeenLooks = seen;
            }

            // Hot is what was interpreted much of late. What cannot be compiled any more goes the same way.
            var gone = block->Key == Block.InvalidKey || block->CompileState != (int)CompileState.Queued;
            wanted.Heat = gone ? float.MaxValue : wanted.Looks * block->Count / (IsForRegion(block) ? 1 : QuickHandicap);
            if (!gone && wanted.Looks < LooksOfRunning && !draining && !Eager)
            {
                continue;
            }

            if (hottest.Count == TakenAtOnce)
            {
                if (wanted.Heat <= hottest[0].Heat)
                {
                    continue;
                }

                hottest.RemoveAt(0);
            }

            var at = hottest.Count;
            while (at > 0 && hottest[at - 1].Heat >= wanted.Heat)
            {
                at--;
            }

            hottest.Insert(at, wanted);
        }

        foreach (var wanted in hottest)
        {
            wanted.IsTaken = true;
        }

        queue.RemoveAll(static w => w.IsTaken);
    }

    /// <summary>
    /// Whether a block that was asked for is compiled as the head of a region: it has run long enough, on its code of the lower tier or waiting
    /// for that.
    /// </summary>
    private bool IsForRegion(Block* block) => block->Code != null || quickThreshold + ((block->Looks - 1) * HotBlocks.LookAgain) >= threshold;

    private void Compile(Block* block, long requested)
    {
        Region? region;
        lock (cache.Gate)
        {
            if (requested != Volatile.Read(ref generation) || block->Key == Block.InvalidKey || block->CompileState != (int)CompileState.Queued)
            {
                return;
            }

            region = IsForRegion(block) ? RegionBuilder.Build(cache, block, threshold / WarmFraction, RegionAt) : RegionBuilder.BuildAlone(cache, block, CompileTier.Quick);
        }

        // The back end reads micro-ops without the lock: Flush, the only one that reuses their memory, waits for it here.
        CompiledCode? code = null;
        var start = Stopwatch.GetTimestamp();
        lock (compiling)
        {
            if (requested == Volatile.Read(ref generation))
            {
                code = backEnd.Compile(region);
            }
        }

        var took = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        if (region.Tier == CompileTier.Quick)
        {
            QuickMilliseconds += took;
        }
        else
        {
            CompileMilliseconds += took;
        }

        lock (cache.Gate)
        {
            if (requested == generation)
            {
                Publish(region, code);
            }
        }
    }

    /// <summary>The region that begins at a block.</summary>
    private Region? RegionAt(nint block) => regionsOf.GetValueOrDefault(block)?.Find(r => r.Tier == CompileTier.Full && r.Blocks[0].Handle == block);

    private void Publish(Region region, CompiledCode? code)
    {
        var entry = region.Blocks[0].Block;
        if (entry->CompileState != (int)CompileState.Queued)
        {
            // Invalidated meanwhile, and its bytes came back: it starts from the beginning.
            return;
        }

        if (code == null || code.Size > limit)
        {
            entry->CompileState = (int)CompileState.Refused;
            return;
        }

        foreach (var b in region.Blocks)
        {
            if (b.Block->Key != entry->Key || b.Block->Key == Block.InvalidKey)
            {
                entry->CompileState = entry->Code == null ? (int)CompileState.None : (int)CompileState.Quick;
                return;
            }
        }

        if (size + code.Size > limit)
        {
            Evict(code.Size);
        }

        region.Code = code;
        byAge.Enqueue(region);
        size += code.Size;
        foreach (var b in region.Blocks)
        {
            if (!regionsOf.TryGetValue(b.Handle, out var list))
            {
                regionsOf[b.Handle] = list = [];
            }

            list.Add(region);
            if (b.Block != entry && !Synchronous)
            {
                joined.Add(b.Handle);
            }
        }

        if (region.Tier == CompileTier.Quick)
        {
            QuickCompiled++;
            entry->EntriesLeft = threshold - quickThreshold;
            entry->CompileState = (int)CompileState.Quick;
        }
        else
        {
            RegionsCompiled++;
            BlocksCompiled += region.Blocks.Count;
            InstructionsCompiled += region.Instructions;
            entry->CompileState = (int)CompileState.Compiled;
        }

        Volatile.Write(ref *(nint*)&entry->Code, code.Entry);
        entry->Heat = 0;
        if (region.Tier == CompileTier.Full)
        {
            LetGoOfQuick(entry);
        }
    }

    /// <summary>Called under the cache's lock for a block that goes.</summary>
    private void OnInvalidated(nint handle)
    {
        if (regionsOf.TryGetValue(handle, out var list))
        {
            foreach (var region in list.ToArray())
            {
                Retire(region);
            }

            RegionsInvalidated++;
            LeaveRetired();
        }
    }

    /// <summary>Asks the vCPUs out of code that was taken away, and the thread to let go of it then.</summary>
    private void LeaveRetired()
    {
        cache.LeaveCompiledCode();
        lock (queue)
        {
            releaseWanted = true;
            Monitor.PulseAll(queue);
        }
    }

    /// <summary>A block that has a region needs its code of the lower tier no more.</summary>
    private void LetGoOfQuick(Block* entry)
    {
        if (regionsOf.TryGetValue((nint)entry, out var list) && list.Find(r => r.Tier == CompileTier.Quick) is { } quick)
        {
            LetGo(quick);
        }
    }

    private void Retire(Region region)
    {
        var entry = region.Blocks[0].Block;
        entry->Code = null;
        entry->CompileState = (int)CompileState.None;
        entry->Heat = entry->Key == Block.InvalidKey ? int.MaxValue : cache.InitialHeat;
        LetGo(region);
    }

    private void LetGo(Region region)
    {
        foreach (var b in region.Blocks)
        {
            if (regionsOf.TryGetValue(b.Handle, out var list))
            {
                list.Remove(region);
                if (list.Count == 0)
                {
                    regionsOf.Remove(b.Handle);
                }
            }
        }

        var code = region.Code!;
        region.Code = null;
        size -= code.Size;
        cache.Retire(code);
        while (byAge.TryPeek(out var oldest) && oldest.Code == null)
        {
            byAge.Dequeue();
        }
    }

    private void Evict(int needed)
    {
        Evictions++;
        while (size > Math.Min(limit * KeptByEviction, limit - needed) && byAge.TryDequeue(out var oldest))
        {
            if (oldest.Code != null)
            {
                Retire(oldest);
                RegionsEvicted++;
            }
        }

        LeaveRetired();
    }

    private void OnFlushed()
    {
        // Every vCPU is outside of guest code. Wait for the back end to let go of the micro-ops.
        lock (compiling)
        {
            generation++;
        }

        lock (queue)
        {
            queue.Clear();
            hottest.Clear();
        }

        regionsOf.Clear();
        byAge.Clear();
        dropped += size;
        size = 0;
    }
}
