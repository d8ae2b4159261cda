// Requests of other threads: kicks, wake-ups, queued work and exclusive actions are never lost.
using Emu.Core;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Threads;

public sealed unsafe class KickTests
{
    private const int Rounds = 10_000;

    [Theory]
    [InlineData(Engine.Interpreter, false)]
    [InlineData(Engine.Jit, false)]
    [InlineData(Engine.Jit, true)]
    public void EndlessLoop_ReturnsFromEveryKick(Engine engine, bool acrossPages)
    {
        using var m = new ToyMachine(engine: engine);
        if (acrossPages)
        {
            m.Assemble(0x1000, Asm.Jump(0x400));
            m.Assemble(0x2000, Asm.Jump(-0x400));
        }
        else
        {
            m.Assemble(0x1000, Asm.Jump(0));
        }

        m.Cpu.Pc = 0x1000;
        using var run = new VcpuThread(m.Cpu);
        run.WaitForProgress(100);
        for (var i = 0; i < Rounds; i++)
        {
            var before = run.Kicked;
            m.Cpu.Kick();
            Patience.Until(() => run.Kicked != before, $"kick {i} was lost");
        }

        if (engine == Engine.Jit)
        {
            m.Compiler.Drain();
            Assert.True(m.Compiler.RegionsCompiled > 0);
        }
    }

    [Fact]
    public void SpinOnMemory_InCompiledCode_SeesTheOtherVcpusStore()
    {
        using var m = new ToyMachine(vcpus: 2, engine: Engine.Jit);
        m.Assemble(0x1000, Asm.Load(1, 6), Asm.BranchZero(1, -1), Asm.Halt());
        var c = m.Cpus[1];
        c[6] = 0x9000;
        for (var i = 0; i < 200; i++)
        {
            *(ulong*)(m.Ram + 0x9000) = 0;
            c.State->Halted = 0;
            c.Pc = 0x1000;
            using var run = new VcpuThread(c);
            run.WaitForProgress(500);
            Volatile.Write(ref *(ulong*)(m.Ram + 0x9000), 1);
            Assert.True(run.WaitForHalt(), $"round {i}");
        }
    }

    [Fact]
    public void HotLoop_FindsItsCompiledCode_WhenItsCountdownOverwroteThePublication()
    {
        using var go = new ManualResetEventSlim();
        using var m = new ToyMachine(engine: Engine.Jit, threshold: 1000);
        m.BackEnd.BeforeCompile = () => go.Wait(Patience.Limit);
        m.Assemble(0x1000, Asm.AddI(1, 1, 1), Asm.Jump(-1));
        m.Cpu.Pc = 0x1000;
        m.Cpu.Run(4000);
        var block = m.Code.Find(0x1000, 0);
        var counted = block->Heat;
        go.Set();
        m.Compiler.Drain();
        Assert.True(block->Code != null);

        // The interpreter's decrement is not atomic: it may store what it loaded before the code was published.
        block->Heat = counted;
        m.Cpu.Run(m.Cpu.Retired + 4000);
        Assert.Equal(0, block->Heat);
    }

    [Fact]
    public void GarbageCollection_IsNotHeldUpByAnEndlessCompiledChain()
    {
        using var m = new ToyMachine(engine: Engine.Jit);
        m.Assemble(0x1000, Asm.Jump(0x400));
        m.Assemble(0x2000, Asm.Jump(-0x400));
        m.Assemble(0x3000, Asm.Jump(0));
        for (var pc = 0x1000UL; pc <= 0x3000; pc += 0x2000)
        {
            m.Cpu.Pc = pc;
            using var run = new VcpuThread(m.Cpu);
            run.WaitForProgress(10_000);
            m.Compiler.Drain();
            Thread.Sleep(10);
            var collect = new Thread(GC.Collect) { IsBackground = true };
            collect.Start();
            Patience.Join(collect, $"the collector waits for the chain at 0x{pc:x}");
        }
    }

    [Fact]
    public void Halted_WakesForEveryInterrupt()
    {
        using var m = new ToyMachine();
        m.Assemble(0x1000, Asm.Halt(), Asm.Jump(-1));
        m.Cpu.Pc = 0x1000;
        using var run = new VcpuThread(m.Cpu, sleepWhenHalted: true);
        for (var i = 0; i < Rounds; i++)
        {
            var before = m.Cpu.InterruptsTaken;
            m.Cpu.SetInterrupt(CpuInterrupt.Irq, true);
            Patience.Until(() => m.Cpu.InterruptsTaken != before, $"interrupt {i} woke nobody");
        }
    }

    [Fact]
    public void Halted_WakesForEveryKickAndEveryQueuedAction()
    {
        using var m = new ToyMachine();
        m.Assemble(0x1000, Asm.Halt(), Asm.Jump(-1));
        m.Cpu.Pc = 0x1000;
        using var run = new VcpuThread(m.Cpu, sleepWhenHalted: true);
        var done = 0;
        for (var i = 0; i < Rounds; i++)
        {
            var before = run.Kicked;
            m.Cpu.Kick();
            Patience.Until(() => run.Kicked != before, $"kick {i} was lost");
            m.Cpu.Enqueue(() => done++);
            var expected = i + 1;
            Patience.Until(() => Volatile.Read(ref done) == expected, $"action {i} was lost");
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void QueuedActions_RunInOrder_OnTheVcpusThread(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        m.Assemble(0x1000, Asm.AddI(1, 1, 1), Asm.Jump(-1));
        m.Cpu.Pc = 0x1000;
        var order = new List<int>();
        var threads = new HashSet<int>();
        using (var run = new VcpuThread(m.Cpu))
        {
            for (var i = 0; i < 5000; i++)
            {
                var n = i;
                m.Cpu.Enqueue(() =>
                {
                    order.Add(n);
                    threads.Add(Environment.CurrentManagedThreadId);
                });
            }

            Patience.Until(() => order.Count == 5000, "actions were lost");
        }

        Assert.Equal(Enumerable.Range(0, 5000), order);
        Assert.Single(threads);
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void ExclusiveActions_RunAlone(Engine engine)
    {
        using var m = new ToyMachine(vcpus: 3, engine: engine);
        // Each vCPU counts in memory for ever.
        m.Assemble(0x1000, Asm.AddI(1, 1, 1), Asm.Store(1, 6), Asm.Jump(-2));
        var threads = new List<VcpuThread>();
        for (var i = 0; i < 3; i++)
        {
            m.Cpus[i].Pc = 0x1000;
            m.Cpus[i][6] = 0x9000 + ((ulong)i * 64);
            threads.Add(new VcpuThread(m.Cpus[i]));
        }

        var actions = 0;
        var moved = 0;
        var runners = Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < 300; i++)
            {
                m.Shared.Gate.Run(() =>
                {
                    actions++;
                    var before = (m.Read64(0x9000), m.Read64(0x9040), m.Read64(0x9080));
                    Thread.SpinWait(300);
                    moved += before == (m.Read64(0x9000), m.Read64(0x9040), m.Read64(0x9080)) ? 0 : 1;
                });
            }
        })).ToList();
        runners.ForEach(r => r.Start());
        runners.ForEach(r => Patience.Join(r));
        threads.ForEach(t => t.Dispose());
        Assert.Equal((600, 0), (actions, moved));
    }

    [Fact]
    public void Kick_BeforeRun_IsNotLost()
    {
        using var m = new ToyMachine();
        m.Assemble(0x1000, Asm.Jump(0));
        m.Cpu.Pc = 0x1000;
        m.Cpu.Kick();
        Assert.Equal(VcpuExit.Kicked, m.Cpu.Run(ulong.MaxValue));
        Assert.Equal(VcpuExit.LimitReached, m.Cpu.Run(10));
    }
}
