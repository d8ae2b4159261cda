// What makes compiled code stale beyond single stores: the map, permissions, and two vCPUs that rewrite what a third one runs.
using Emu.Cpu.Mmu;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Blocks;

public sealed unsafe class CompiledInvalidationTests
{
    private const ulong Main = 0x1000;

    private static uint Call(ulong from, ulong to) => (uint)ToyOp.Call | ((uint)((long)(to - from) / 4) << 8);

    /// <summary>A device appears under a running loop that reads its address: the loop reads the device from then on.</summary>
    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void DeviceMappedUnderARunningLoop_IsRead(Engine engine)
    {
        const ulong Address = 0x300_0000;
        using var m = new ToyMachine(engine: engine);

        // X1 is all-ones while nothing is there.
        m.Assemble(Main, Asm.Load(1, 6), Asm.AddI(2, 1, 1), Asm.BranchZero(2, -2), Asm.Halt());
        m.Cpu[6] = Address;
        m.Cpu.Pc = Main;
        using var run = new VcpuThread(m.Cpu);
        run.WaitForProgress(2000);
        m.Shared.Compiler?.Drain();
        run.WaitForProgress(2000);
        m.Memory.AddMmio("late", Address, 0x1000, new ToyDevice());
        Assert.True(run.WaitForHalt());
        Assert.NotEqual(ulong.MaxValue, m.Cpu[1]);
    }

    /// <summary>RAM appears where a fetch found none.</summary>
    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void RamMappedWhereAFetchFailed_IsRun(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        using var late = new Core.HostMemory(0x1000);
        m.RunToHalt(0x400_0000);
        Assert.Equal("abort", Assert.Single(m.Cpu.Faults).Kind);
        *(uint*)late.Pointer = Asm.Halt();
        m.Memory.AddRam("late", 0x400_0000, 0x1000, late.Pointer);
        m.RunToHalt(0x400_0000);
        Assert.Single(m.Cpu.Faults);
    }

    /// <summary>The page of a running loop loses its permission, or is not there any more: the fetch of the next block faults.</summary>
    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void RunningLoop_WhosePageMayNotBeFetchedAnyMore_Faults(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        m.Assemble(0x3000, Asm.AddI(1, 1, 1), Asm.Jump(1), Asm.AddI(1, 1, 1), Asm.Jump(-3));
        for (var round = 0; round < 10; round++)
        {
            m.Cpu.State->Halted = 0;
            m.Cpu.Pc = 0x3000;
            using (var run = new VcpuThread(m.Cpu))
            {
                run.WaitForProgress(2000);
                m.Shared.Compiler?.Drain();
                m.Cpu.Enqueue(() =>
                {
                    m.Cpu.Map[(0, 3)] = new ToyMapping(0x3000, Execute: false);
                    m.Cpu.FlushPage(0x3000);
                });
                Assert.True(run.WaitForHalt(), $"round {round}");
            }

            Assert.Equal((round + 1, "Execute"), (m.Cpu.Faults.Count, m.Cpu.Faults[^1].Kind));
            Assert.Equal(0x3000UL, m.Cpu.Faults[^1].Pc & ~8UL);
            m.Cpu.Map.Clear();
            m.Cpu.FlushPage(0x3000);
        }
    }

    /// <summary>One physical page at two virtual addresses: both run the blocks of one, and both see a store through a third.</summary>
    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void PageAtSeveralAddresses_IsInvalidatedAtAll(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        m.Cpu.Map[(0, 0x30)] = new ToyMapping(0x3000);
        m.Cpu.Map[(0, 0x31)] = new ToyMapping(0x3000);
        m.Cpu.Map[(0, 0x32)] = new ToyMapping(0x3000);
        m.Assemble(0x3000, Asm.MovI(1, 1), Asm.Add(3, 3, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -3), Asm.Halt());
        m.Assemble(0x5000, Asm.Store32(5, 6), Asm.Halt());
        for (var value = 2; value < 12; value++)
        {
            foreach (var at in (ulong[])[0x30000, 0x31000])
            {
                m.Cpu[2] = 30;
                m.Cpu[3] = 0;
                m.RunToHalt(at);
                Assert.Equal((ulong)(30 * (value - 1)), m.Cpu[3]);
            }

            m.Cpu[5] = Asm.MovI(1, value);
            m.Cpu[6] = 0x32000;
            m.RunToHalt(0x5000);
        }
    }

    /// <summary>
    /// Two vCPUs rewrite two functions, one word each, while a third calls both for ever. Whatever it runs is a version that was there; when the
    /// writers have ended, it is the last one.
    /// </summary>
    [Theory]
    [InlineData(Engine.Interpreter, 1500)]
    [InlineData(Engine.Jit, 1500)]
    public void CodeRewrittenByTwoVcpus_RunsSoundly_OnAThird(Engine engine, int versions)
    {
        using var m = new ToyMachine(vcpus: 3, engine: engine);
        Stress(m, versions, pause: 0);
    }

    [Theory]
    [Trait("Category", "Nightly")]
    [InlineData(Engine.Interpreter, 0)]
    [InlineData(Engine.Jit, 0)]
    [InlineData(Engine.Interpreter, 400)]
    [InlineData(Engine.Jit, 400)]
    [InlineData(Engine.Jit, 20_000)]
    public void CodeRewrittenByTwoVcpus_RunsSoundly_OnAThird_ForLong(Engine engine, int pause)
    {
        // Small caches: flushes and evictions among it.
        using var m = new ToyMachine(vcpus: 3, engine: engine, codeLimit: 256 * 1024, compiledLimit: 60_000);
        for (var round = 0; round < 10; round++)
        {
            Stress(m, 30_000, pause);
        }
    }

    /// <summary>The functions lie in one page, so that they are in one region with the loop when everything is compiled.</summary>
    private static void Stress(ToyMachine m, int versions, int pause)
    {
        const ulong Loop = 0x3000;
        const ulong First = 0x3100;
        const ulong Second = 0x3180;
        const ulong Seen = 0x9000;

        // X1 = version from the first function, X2 from the second; both are stored.
        m.Assemble(
            Loop,
            Call(Loop, First),
            Asm.Store(1, 6),
            Call(Loop + 8, Second),
            Asm.Store(2, 6, 1),
            Asm.Jump(-4));
        m.Assemble(First, Asm.MovI(1, 0), Asm.Jump(2), Asm.Halt(), Asm.AddI(8, 8, 1), Asm.JumpReg(30));
        m.Assemble(Second, Asm.MovI(2, 0), Asm.Jump(2), Asm.Halt(), Asm.AddI(8, 8, 1), Asm.JumpReg(30));
        *(ulong*)(m.Ram + Seen) = 0;
        *(ulong*)(m.Ram + Seen + 8) = 0;
        m.Memory.NotifyWritten(Loop, 0x200);

        // A writer: stores the word in X5 to [X6], adds one version to it, waits X9 turns, until X2 is zero.
        m.Assemble(
            0x5000,
            Asm.Store32(5, 6),
            Asm.Add(5, 5, 7),
            Asm.Add(4, 9, 10),
            Asm.BranchZero(4, 3),
            Asm.SubSI(4, 4, 1),
            Asm.BranchNotZero(4, -1),
            Asm.SubSI(2, 2, 1),
            Asm.BranchNotZero(2, -7),
            Asm.Halt());
        m.Memory.NotifyWritten(0x5000, 0x40);
        var runner = m.Cpus[2];
        runner.State->Halted = 0;
        runner.Pc = Loop;
        runner[6] = Seen;
        var writers = new List<VcpuThread>();
        using var run = new VcpuThread(runner);
        for (var i = 0; i < 2; i++)
        {
            var c = m.Cpus[i];
            c.State->Halted = 0;
            c.Pc = 0x5000;
            c[2] = (ulong)versions;
            c[5] = Asm.MovI(i + 1, 1);
            c[6] = i == 0 ? First : Second;
            c[7] = 0x10000;
            c[9] = (ulong)pause;
            c[10] = 0;
            writers.Add(new VcpuThread(c));
        }

        ulong before = 0, beforeSecond = 0;
        while (!writers.TrueForAll(w => w.Halts > 0))
        {
            var seen = Volatile.Read(ref *(ulong*)(m.Ram + Seen));
            var seenSecond = Volatile.Read(ref *(ulong*)(m.Ram + Seen + 8));
            Assert.True(seen >= before && seenSecond >= beforeSecond, $"an old version ran: {seen} after {before}, {seenSecond} after {beforeSecond}");
            (before, beforeSecond) = (seen, seenSecond);
            Assert.Null(run.Failure);
            Assert.All(writers, w => Assert.Null(w.Failure));
            Thread.Sleep(0);
        }

        var last = (ulong)versions;
        Assert.True(
            SpinWait.SpinUntil(() => Volatile.Read(ref *(ulong*)(m.Ram + Seen)) == last && Volatile.Read(ref *(ulong*)(m.Ram + Seen + 8)) == last, Patience.Limit),
            $"the last version is not run: {*(ulong*)(m.Ram + Seen)}, {*(ulong*)(m.Ram + Seen + 8)} of {last}");
        Assert.Empty(runner.Faults);
        writers.ForEach(w => w.Dispose());
    }

    /// <summary>A write tag that is Slow or Code never matches, so compiled stores to code pages take the slow path (the property all of this rests on).</summary>
    [Fact]
    public void CodePage_HasNoFastWriteTag_OnAnyVcpu_FromItsFirstTranslationOn()
    {
        using var m = new ToyMachine(vcpus: 2, engine: Engine.Jit);
        m.Assemble(0x5000, Asm.Store(5, 6), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -2), Asm.Halt());
        m.Assemble(0x3000, Asm.Halt());
        m.Cpu[6] = 0x3800;
        m.Cpu[2] = 50;
        m.RunToHalt(0x5000);
        m.RunToHalt(0x3000, m.Cpus[1]);
        var entry = (TlbEntry*)(m.Cpu.State->Tlb + ((0x3000UL >> TlbEntry.IndexShift) & TlbEntry.IndexMask));
        Assert.Equal(0x3000UL | TlbEntry.Code, entry->WriteTag);
        m.Cpu[2] = 50;
        m.RunToHalt(0x5000);
        Assert.Equal(0x3000UL | TlbEntry.Code, entry->WriteTag);
    }
}
