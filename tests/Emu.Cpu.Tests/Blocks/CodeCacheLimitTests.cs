// The block cache and the compiled code at their limits: flushes, evictions, and when compiled code is freed.
using System.Runtime.CompilerServices;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Blocks;

public sealed unsafe class CodeCacheLimitTests
{
    private const int Functions = 300;

    /// <summary>Calls many functions in turn, X2 times; X3 sums.</summary>
    private static void AssembleManyFunctions(ToyMachine m, ulong main)
    {
        var words = new List<uint>();
        for (var i = 0; i < Functions; i++)
        {
            var at = main + ((ulong)words.Count * 4);
            var function = 0x10000UL + ((ulong)i * 0x240);
            m.Assemble(function, Asm.AddI(3, 3, 1), Asm.BranchNotZero(3, 2), Asm.Halt(), Asm.AddI(3, 3, i & 63), Asm.JumpReg(30));
            words.Add((uint)ToyOp.Call | ((uint)((long)(function - at) / 4) << 8));
        }

        words.Add(Asm.SubSI(2, 2, 1));
        words.Add(Asm.BranchNotZero(2, -Functions - 1));
        words.Add(Asm.Halt());
        m.Assemble(main, [.. words]);
    }

    private static readonly ulong Sum = (ulong)Enumerable.Range(0, Functions).Sum(i => 1 + (i & 63));

    [Theory]
    [InlineData(Engine.Interpreter, CodeLimit, long.MaxValue / 2)]
    [InlineData(Engine.Jit, CodeLimit, long.MaxValue / 2)]
    [InlineData(Engine.Jit, 96UL << 20, 60_000L)]
    [InlineData(Engine.Jit, CodeLimit, 20_000L)]
    public void FullCaches_AreEmptiedUnderRunningVcpus_AndResultsStayRight(Engine engine, ulong codeLimit, long compiledLimit)
    {
        using var m = new ToyMachine(vcpus: 3, engine: engine, codeLimit: codeLimit, compiledLimit: compiledLimit);
        AssembleManyFunctions(m, 0x1000);
        AssembleManyFunctions(m, 0x2000);
        AssembleManyFunctions(m, 0x3000);
        for (var round = 0; round < 3 || (compiledLimit < 1_000_000 && m.Compiler.Evictions == 0); round++)
        {
            Assert.True(round < 100, "the compiled code was never too much");
            var threads = new List<VcpuThread>();
            for (var i = 0; i < 3; i++)
            {
                var c = m.Cpus[i];
                c.State->Halted = 0;
                c.Pc = 0x1000UL * (ulong)(i + 1);
                c[2] = 200;
                c[3] = 0;
                threads.Add(new VcpuThread(c));
            }

            Assert.All(threads, t => Assert.True(t.WaitForHalt()));
            threads.ForEach(t => t.Dispose());
            Assert.All(m.Cpus, c => Assert.Equal(200 * Sum, c[3]));
            if (engine == Engine.Jit)
            {
                // However little the compiler's thread ran beside the others, the next round meets its code.
                m.Compiler.Drain();
            }
        }

        if (codeLimit == CodeLimit)
        {
            Assert.True(m.Code.BlocksTranslated > 2000, $"{m.Code.BlocksTranslated} blocks: the cache was never full");
        }
    }

    private const ulong CodeLimit = 160 * 1024;

    [Fact]
    public void Flush_WaitsForTheBackEnd_AndItsCodeIsNotPublished()
    {
        using var compiling = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        using var m = new ToyMachine(engine: Engine.Jit);
        m.BackEnd.BeforeCompile = () =>
        {
            compiling.Set();
            go.Wait(Patience.Limit);
        };
        m.Assemble(0x1000, Asm.AddI(1, 1, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -2), Asm.Halt());
        m.Cpu[2] = 100;
        m.Cpu.Pc = 0x1000;
        Assert.Equal(Core.VcpuExit.Halted, m.Cpu.Run(ulong.MaxValue));
        Patience.For(compiling, "nothing is compiled");
        var flushing = false;
        var flush = new Thread(() => m.Shared.Gate.Run(() =>
        {
            Volatile.Write(ref flushing, true);
            m.Code.Flush();
        }))
        { IsBackground = true };
        flush.Start();
        Patience.Until(() => Volatile.Read(ref flushing) && (flush.ThreadState & ThreadState.WaitSleepJoin) != 0, "the flush does not wait");
        Assert.False(flush.Join(50));
        go.Set();
        Patience.Join(flush, "the flush does not end");
        m.Compiler.Drain();
        Assert.Equal(0, m.Compiler.RegionsCompiled);
        m.BackEnd.BeforeCompile = null;
        for (var i = 0; i < 3; i++)
        {
            m.Cpu[1] = 0;
            m.Cpu[2] = 100;
            m.RunToHalt(0x1000);
            Assert.Equal(100UL, m.Cpu[1]);
        }

        Assert.True(m.Compiler.RegionsCompiled > 0);
    }

    [Fact]
    public void Flush_UnderARunningLoop_LosesNothing()
    {
        using var m = new ToyMachine(vcpus: 2, engine: Engine.Jit);
        m.Assemble(0x1000, Asm.AddI(1, 1, 1), Asm.Jump(1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -3), Asm.Halt());
        foreach (var c in m.Cpus)
        {
            c[2] = 30_000_000;
            c.Pc = 0x1000;
        }

        using (var a = new VcpuThread(m.Cpu))
        using (var b = new VcpuThread(m.Cpus[1]))
        {
            for (var i = 0; i < 100; i++)
            {
                m.Shared.Gate.Run(m.Code.Flush);
                Thread.Sleep(1);
            }

            Assert.True(a.WaitForHalt());
            Assert.True(b.WaitForHalt());
        }

        Assert.All(m.Cpus, c => Assert.Equal(30_000_000UL, c[1]));
    }

    [Fact]
    public void RetiredCode_IsFreed_OnceEveryVcpuHasLeft()
    {
        using var m = new ToyMachine(engine: Engine.Jit);
        m.Assemble(0x1000, Asm.AddI(1, 1, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -2), Asm.Halt());
        m.Assemble(0x2000, Asm.AddI(1, 1, 1), Asm.Jump(-1));
        Warm(m);
        var made = m.BackEnd.Made.ToArray();
        Assert.NotEmpty(made);
        Collect();
        Assert.Contains(made, w => w.IsAlive);

        // Invalidated while the vCPU runs elsewhere in compiled code: kept. Freed after it was outside, at the latest with the next code retired.
        m.Code.Invalidate(0x1000, 16);
        Assert.All(made, AssertCollected);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Warm(ToyMachine m)
        {
            for (var i = 0; i < 3; i++)
            {
                m.Cpu[2] = 100;
                m.RunToHalt(0x1000);
            }
        }

        static void AssertCollected(WeakReference w)
        {
            Patience.Until(
                () =>
                {
                    Collect();
                    return !w.IsAlive;
                },
                "the code is kept");
        }
    }

    [Fact]
    public void EvictedCode_IsFreed_AndTheSizeStaysBelowTheLimit()
    {
        const long Limit = 60_000;
        using var m = new ToyMachine(engine: Engine.Jit, compiledLimit: Limit);
        AssembleManyFunctions(m, 0x1000);
        for (var round = 0; round < 5; round++)
        {
            m.Cpu[2] = 20;
            m.Cpu[3] = 0;
            m.RunToHalt(0x1000);
            Assert.Equal(20 * Sum, m.Cpu[3]);
            Assert.InRange(m.Compiler.Size, 1, Limit);
        }

        Assert.True(m.Compiler.Evictions > 5);
        var live = m.Compiler.RegionsCompiled - m.Compiler.RegionsEvicted;
        Assert.InRange(live, 1, m.Compiler.RegionsCompiled / 4);
        Patience.Until(
            () =>
            {
                Collect();
                return m.BackEnd.Made.Count(w => w.IsAlive) <= live + 1;
            },
            "evicted code is kept");
    }

    [Fact]
    public void RetiredCode_IsKept_WhileAVcpuMayStillRunIt()
    {
        using var m = new ToyMachine(vcpus: 2, engine: Engine.Jit);
        m.Assemble(0x1000, Asm.AddI(1, 1, 1), Asm.Jump(-1));
        var c = m.Cpus[1];
        c.Pc = 0x1000;
        for (var i = 0; i < 50; i++)
        {
            // The loop is invalidated, recompiled and collected under the running vCPU.
            using var run = new VcpuThread(c);
            run.WaitForProgress(5000);
            m.Code.Invalidate(0x1000, 4);
            Collect();
            m.Compiler.Drain();
        }
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }
}
