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

    /// <summary>Entries after which a block is compiled by default.</summary>
    public const int DefaultThreshold = 1500;

    /// <summary>A neighbour joins a region when it ran at least this fraction of the threshold.</summary>
    private const int WarmFraction = 4;

    private readonly List<Wanted> queue = [];
    private readonly Dictionary<nint, List<Region>> regionsOf = [];
    private readonly Thread thread;
    private readonly ICompilerBackEnd backEnd;
    private readonly long limit;
    private CodeCache cache = null!;
    private bool stopping;
    private long generation;
    private long size;

    /// <summary>Creates the compiler; <see cref="Start"/> attaches it.</summary>
    /// <param name="backEnd">Turns regions into code.</param>
    /// <param name="limit">Bytes of compiled code kept, at most.</param>
    public JitCompiler(ICompilerBackEnd backEnd, long limit)
    {
        this.backEnd = backEnd;
        this.limit = limit;
        thread = new Thread(CompileLoop) { IsBackground = true, Name = "compiler" };
    }

    /// <summary>Regions compiled.</summary>
    public long RegionsCompiled { get; private set; }

    /// <summary>Blocks in them.</summary>
    public long BlocksCompiled { get; private set; }

    /// <summary>Guest instructions in them.</summary>
    public long InstructionsCompiled { get; private set; }

    /// <summary>Time the back end took, in milliseconds.</summary>
    public double CompileMilliseconds { get; private set; }

    /// <summary>Times the code of a region was taken away.</summary>
    public long RegionsInvalidated { get; private set; }

    /// <summary>Times all code was dropped because the limit was reached.</summary>
    public long Evictions { get; private set; }

    /// <summary>Attaches to the block cache and starts the thread.</summary>
    /// <param name="codeCache">Whose blocks are compiled.</param>
    /// <param name="threshold">Entries after which a block is compiled.</param>
    public void Start(CodeCache codeCache, int threshold)
    {
        cache = codeCache;
        cache.InitialHeat = threshold;
        cache.Invalidated += OnInvalidated;
        cache.Flushed += OnFlushed;
        thread.Start();
    }

    /// <summary>Asks for a block to be compiled. Any vCPU thread.</summary>
    public void Request(Block* block)
    {
        if (Volatile.Read(ref block->CompileState) != (int)CompileState.None)
        {
            return;
        }

        lock (queue)
        {
            if (block->CompileState == (int)CompileState.None)
            {
                block->CompileState = (int)CompileState.Queued;
                queue.Add(new Wanted((nint)block, generation, 0));
                Monitor.Pulse(queue);
            }
        }
    }

    /// <summary>Waits until everything asked for so far is compiled (tests, benchmarks).</summary>
    public void Drain()
    {
        lock (queue)
        {
            while (queue.Count > 0 || busy)
            {
                Monitor.Wait(queue, 10);
            }
        }
    }

    private bool busy;

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
        while (true)
        {
            nint handle;
            long requested;
            lock (queue)
            {
                busy = false;
                Monitor.PulseAll(queue);
                while (queue.Count == 0 && !stopping)
                {
                    Monitor.Wait(queue);
                }

                if (stopping)
                {
                    return;
                }

                (handle, requested) = TakeHottest();
                busy = true;
            }

            Compile((Block*)handle, requested);
        }
    }

    /// <summary>A block in the queue, and how often it had been looked for when the queue was last gone through.</summary>
    private readonly record struct Wanted(nint Block, long Generation, int SeenLooks);

    /// <summary>
    /// Takes the block that runs most right now: the compiler is always behind during a boot, and what was hot when it was asked for may have
    /// ended since. Hottest is most instructions interpreted since the last time, then since the start. Under the queue's lock.
    /// </summary>
    private (nint Block, long Generation) TakeHottest()
    {
        var best = 0;
        var bestRecent = -1L;
        var bestTotal = -1L;
        for (var i = 0; i < queue.Count; i++)
        {
            var wanted = queue[i];
            var block = (Block*)wanted.Block;
            var looks = block->Looks;
            var recent = (long)(looks - wanted.SeenLooks) * block->Count;
            var total = (long)looks * block->Count;
            if (recent > bestRecent || (recent == bestRecent && total > bestTotal))
            {
                (best, bestRecent, bestTotal) = (i, recent, total);
            }

            queue[i] = wanted with { SeenLooks = looks };
        }

        var taken = queue[best];
        queue[best] = queue[^1];
        queue.RemoveAt(queue.Count - 1);
        return (taken.Block, taken.Generation);
    }

    private void Compile(Block* block, long requested)
    {
        Region? region;
        lock (cache.Gate)
        {
            if (requested != Volatile.Read(ref generation) || block->Key == Block.InvalidKey)
            {
                return;
            }

            region = RegionBuilder.Build(block, cache.InitialHeat / WarmFraction, cache.InitialHeat);
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

        CompileMilliseconds += Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        lock (cache.Gate)
        {
            if (requested == generation)
            {
                Publish(region, code);
            }
        }
    }

    private readonly Lock compiling = new();

    private void Publish(Region region, CompiledCode? code)
    {
        var entry = region.Blocks[0].Block;
        if (code == null)
        {
            entry->CompileState = (int)CompileState.Refused;
            return;
        }

        foreach (var b in region.Blocks)
        {
            if (b.Block->Key != entry->Key || b.Block->Key == Block.InvalidKey)
            {
                entry->CompileState = (int)CompileState.None;
                return;
            }
        }

        if (size + code.Size > limit)
        {
            Evict();
        }

        region.Code = code;
        size += code.Size;
        foreach (var b in region.Blocks)
        {
            if (!regionsOf.TryGetValue(b.Handle, out var list))
            {
                regionsOf[b.Handle] = list = [];
            }

            list.Add(region);
        }

        RegionsCompiled++;
        BlocksCompiled += region.Blocks.Count;
        InstructionsCompiled += region.Instructions;
        entry->CompileState = (int)CompileState.Compiled;
        Volatile.Write(ref *(nint*)&entry->Code, code.Entry);
        entry->Heat = 0;
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
            cache.LeaveCompiledCode();
        }
    }

    private void Retire(Region region)
    {
        var entry = region.Blocks[0].Block;
        entry->Code = null;
        entry->CompileState = (int)CompileState.None;
        entry->Heat = entry->Key == Block.InvalidKey ? int.MaxValue : cache.InitialHeat;
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

        size -= region.Code!.Size;
        cache.Retire(region.Code);
    }

    private void Evict()
    {
        Evictions++;
        foreach (var list in regionsOf.Values.ToArray())
        {
            foreach (var region in list.ToArray())
            {
                Retire(region);
            }
        }

        cache.LeaveCompiledCode();
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
        }

        regionsOf.Clear();
        size = 0;
    }
}
