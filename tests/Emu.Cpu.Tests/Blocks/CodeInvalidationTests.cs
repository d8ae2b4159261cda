// Every way translated code goes stale, on the interpreter and on compiled code.
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Blocks;

public sealed unsafe class CodeInvalidationTests
{
    private const ulong Main = 0x1000;
    private const ulong Function = 0x1100;
    private const ulong Scratch = 0x9000;

    private static uint Word(int register, int value) => Asm.MovI(register, value);

    /// <summary>Calls the function 40 times, stores W5 to [X6], calls it once more; X3 sums what it returned.</summary>
    private static void AssembleCaller(ToyMachine m, ulong function = Function)
    {
        var call = (int)((long)(function - Main) / 4);
        m.Assemble(
            Main,
            Asm.MovI(2, 40),
            (uint)ToyOp.Call | ((uint)(call - 1) << 8),
            Asm.SubSI(2, 2, 1),
            Asm.BranchNotZero(2, -2),
            Asm.Store32(5, 6),
            (uint)ToyOp.Call | ((uint)(call - 5) << 8),
            Asm.Halt());
        m.Assemble(function, Word(1, 1), Asm.Add(3, 3, 1), Asm.JumpReg(30));
    }

    private static void Warm(ToyMachine m, Engine engine, ulong pc = Main)
    {
        for (var i = 0; i < 3; i++)
        {
            m.Cpu[6] = Scratch;
            m.RunToHalt(pc);
        }

        if (engine == Engine.Jit)
        {
            Assert.True(m.Compiler.RegionsCompiled > 0);
        }

        m.Cpu[3] = 0;
    }

    [Theory]
    [InlineData(Engine.Interpreter, Function)]
    [InlineData(Engine.Jit, Function)]
    [InlineData(Engine.Interpreter, 0x3100)]
    [InlineData(Engine.Jit, 0x3100)]
    public void StoreToCode_RunsTheNewCode(Engine engine, ulong function)
    {
        using var m = new ToyMachine(engine: engine);
        AssembleCaller(m, function);
        Warm(m, engine);
        for (var value = 7; value < 10; value++)
        {
            // Again and again: the block is translated anew at the same address each time.
            m.Memory.TryWriteRam(function, BitConverter.GetBytes(Word(1, 1)));
            m.Cpu[3] = 0;
            m.Cpu[5] = Word(1, value);
            m.Cpu[6] = function;
            m.RunToHalt(Main);
            Assert.Equal(40UL + (ulong)value, m.Cpu[3]);
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter, false)]
    [InlineData(Engine.Jit, false)]
    [InlineData(Engine.Interpreter, true)]
    [InlineData(Engine.Jit, true)]
    public void StoreIntoTheRunningBlock_TakesEffectAtTheNextBlock_OrAtOnceWhereTheIsaAsks(Engine engine, bool atOnce)
    {
        using var m = new ToyMachine(engine: engine) { CodeWriteEndsBlock = atOnce };
        // loop: store W5 to [X6]; X1 = 1 (patched); X3 += X1; X2 -= 1; loop
        m.Assemble(Main, Asm.Store32(5, 6), Word(1, 1), Asm.Add(3, 3, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -4), Asm.Halt());
        m.Cpu[2] = 50;
        Warm50(m);
        m.Cpu[2] = 3;
        m.Cpu[3] = 0;
        m.Cpu[5] = Word(1, 10);
        m.Cpu[6] = Main + 4;
        m.RunToHalt(Main);
        Assert.Equal(atOnce ? 30UL : 21UL, m.Cpu[3]);

        void Warm50(ToyMachine machine)
        {
            machine.Cpu[6] = Scratch;
            machine.RunToHalt(Main);
            machine.Cpu[2] = 50;
            machine.RunToHalt(Main);
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void StoreToAnotherBlockOfTheLoop_IsSeenInTheSamePass(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        var select = m.Custom(
            new MicroOp { Kind = MicroOpKind.Select64, D = CpuState.Register(6), A = CpuState.Register(7), B = CpuState.Register(8), Aux = Asm.Conditions[0] });
        m.Assemble(
            Main,
            Asm.SubSI(4, 2, 25), // 0: loop
            select,              // 1: X6 = X2 == 25 ? X7 : X8
            Asm.Store32(5, 6),   // 2
            Asm.Jump(2),         // 3: to 5
            Asm.Halt(),          // 4
            Word(1, 1),          // 5: patched
            Asm.Add(3, 3, 1),    // 6
            Asm.SubSI(2, 2, 1),  // 7
            Asm.BranchZero(2, -4), // 8: to 4
            Asm.Jump(-9));       // 9
        m.Cpu[8] = Scratch;
        m.Cpu[7] = Scratch;
        for (var i = 0; i < 2; i++)
        {
            m.Cpu[2] = 60;
            m.RunToHalt(Main);
        }

        m.Cpu[2] = 60;
        m.Cpu[3] = 0;
        m.Cpu[5] = Word(1, 100);
        m.Cpu[7] = Main + (5 * 4);
        m.RunToHalt(Main);
        Assert.Equal(35UL + (25 * 100), m.Cpu[3]);
    }

    [Theory]
    [InlineData(Engine.Interpreter, false)]
    [InlineData(Engine.Jit, false)]
    [InlineData(Engine.Interpreter, true)]
    [InlineData(Engine.Jit, true)]
    public void EndlessLoop_IsLeftWhenItsCodeIsWritten_ByAnotherVcpuOrADevice(Engine engine, bool device)
    {
        using var m = new ToyMachine(vcpus: 2, engine: engine);
        m.Assemble(Main, Asm.AddI(1, 1, 1), Asm.Jump(1), Asm.AddI(1, 1, 1), Asm.Jump(-3));
        m.Assemble(0x5000, Asm.Store32(5, 6), Asm.Halt());
        var looping = m.Cpus[1];
        looping.Pc = Main;
        for (var round = 0; round < 20; round++)
        {
            using var run = new VcpuThread(looping);
            run.WaitForProgress(2000);
            m.Shared.Compiler?.Drain();
            if (device)
            {
                m.Memory.TryWriteRam(Main + 8, BitConverter.GetBytes(Asm.Halt()));
            }
            else
            {
                m.Cpu[5] = Asm.Halt();
                m.Cpu[6] = Main + 8;
                m.RunToHalt(0x5000);
            }

            Assert.True(run.WaitForHalt(), $"round {round}: the loop did not see the store");
            Assert.Equal(Main + 12, looping.Pc);
            m.Memory.TryWriteRam(Main + 8, BitConverter.GetBytes(Asm.AddI(1, 1, 1)));
            looping.State->Halted = 0;
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void RemappedPage_RunsTheOtherPage_AfterTheFlush(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        AssembleCaller(m, 0x3100);
        m.Assemble(0x4100, Word(1, 1000), Asm.Add(3, 3, 1), Asm.JumpReg(30));
        Warm(m, engine);
        m.Cpu.Map[(0, 3)] = new ToyMapping(0x4000);
        m.Cpu.FlushPage(0x3100);
        m.RunToHalt(Main);
        Assert.Equal(41_000UL, m.Cpu[3]);
        m.Cpu.Map.Remove((0, 3));
        m.Cpu.FlushPage(0x3FFF);
        m.Cpu[3] = 0;
        m.RunToHalt(Main);
        Assert.Equal(41UL, m.Cpu[3]);
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void RemappedPage_OfARunningLoop_IsLeftWhenTheFlushIsQueued(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        m.Assemble(0x3000, Asm.AddI(1, 1, 1), Asm.Jump(-1));
        m.Assemble(0x4000, Asm.Halt(), Asm.Halt());
        m.Cpu.Pc = 0x3000;
        using var run = new VcpuThread(m.Cpu);
        run.WaitForProgress(2000);
        m.Cpu.Enqueue(() =>
        {
            m.Cpu.Map[(0, 3)] = new ToyMapping(0x4000);
            m.Cpu.FlushPage(0x3000);
        });
        Assert.True(run.WaitForHalt());
        Assert.Equal(0x3004UL, m.Cpu.Pc & ~4UL | 4);
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void ContextSwitch_DoesNotRunTheOtherAddressSpacesCode(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        m.Cpu.Map[(1, 3)] = new ToyMapping(0x4000);
        m.Cpu.Map[(1, 9)] = new ToyMapping(0xA000);
        // Both spaces run 0x1000; page 3 and page 9 differ.
        m.Assemble(Main, Asm.MovI(2, 40), Asm.Op(ToyOp.SetContext, 7), (uint)ToyOp.Call | ((0x3000u - 0x1008) / 4 << 8), Asm.SubSI(7, 7, 1), Asm.BranchNotZero(7, 2), Asm.MovI(7, 2), Asm.SubSI(7, 7, 0), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -7), Asm.Halt());
        m.Assemble(0x3000, Asm.Load(4, 6), Asm.AddI(3, 3, 1), Asm.JumpReg(30));
        m.Assemble(0x4000, Asm.Load(4, 6), Asm.AddI(8, 8, 1), Asm.Add(9, 9, 4), Asm.JumpReg(30));
        *(ulong*)(m.Ram + 0x9000) = 1;
        *(ulong*)(m.Ram + 0xA000) = 1000;
        m.Cpu.Map[(2, 3)] = new ToyMapping(0x3000);
        m.Cpu.Map[(2, 9)] = new ToyMapping(0x9000);
        m.Cpu[6] = 0x9000;
        for (var i = 0; i < 4; i++)
        {
            m.Cpu[3] = m.Cpu[8] = m.Cpu[9] = 0;
            m.Cpu[7] = 1;
            m.RunToHalt(Main);
            Assert.Equal((20UL, 20UL, 20_000UL), (m.Cpu[3], m.Cpu[8], m.Cpu[9]));
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void ContextSwitchInsideABlock_ChangesTheNextAccess(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        m.Cpu.Map[(1, 9)] = new ToyMapping(0xA000);
        *(ulong*)(m.Ram + 0x9000) = 1;
        *(ulong*)(m.Ram + 0xA000) = 1000;
        m.Assemble(Main, Asm.Load(1, 6), Asm.Op(ToyOp.SetContextInside, 7), Asm.Load(3, 6), Asm.Op(ToyOp.SetContextInside, 8), Asm.Load(4, 6), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -6), Asm.Halt());
        m.Cpu[6] = 0x9000;
        m.Cpu[7] = 1;
        for (var i = 0; i < 4; i++)
        {
            m.Cpu[2] = 20;
            m.RunToHalt(Main);
            Assert.Equal((1UL, 1000UL, 1UL), (m.Cpu[1], m.Cpu[3], m.Cpu[4]));
        }
    }

    [Fact]
    public void InvalidatedBlock_IsUnlinkedAndTranslatedAnew()
    {
        using var m = new ToyMachine();
        m.Assemble(Main, Asm.AddI(1, 1, 1), Asm.Jump(1), Asm.AddI(1, 1, 1), Asm.BranchNotZero(1, 1), Asm.Halt());
        m.RunToHalt(Main);
        m.RunToHalt(Main);
        var first = m.Code.Find(Main, 0);
        var second = m.Code.Find(Main + 8, 0);
        Assert.True(first->Next0 == second);
        Assert.True(m.Code.Invalidate(Main + 8, 4));
        Assert.Equal(Block.InvalidKey, second->Key);
        Assert.True(first->Next0 == null);
        Assert.True(m.Code.Find(Main + 8, 0) == null);
        Assert.True(m.Code.Find(Main, 0) == first);
        m.RunToHalt(Main);
        var again = m.Code.Find(Main + 8, 0);
        Assert.True(again != null && again != second && first->Next0 == again);
    }

    [Fact]
    public void Link_IsRefusedAcrossPages()
    {
        using var m = new ToyMachine();
        m.Assemble(Main, Asm.Jump(2), Asm.Halt(), Asm.Halt());
        m.Assemble(0x2000, Asm.Halt(), Asm.Halt(), Asm.Halt());
        m.RunToHalt(Main);
        m.RunToHalt(0x2008);
        var from = m.Code.Find(Main, 0);
        var to = m.Code.Find(0x2008, 0);
        from->Next0 = null;
        m.Code.Link(from, 0, to);
        Assert.True(from->Next0 == null);
    }

    [Fact]
    public void FetchTranslation_ThatMetNoRam_IsDroppedByAPageFlush()
    {
        using var m = new ToyMachine();
        m.Assemble(0x4000, Asm.Halt());
        m.Cpu.Map[(0, 3)] = new ToyMapping(ToyMachine.DeviceBase);
        m.RunToHalt(0x3000);
        Assert.Equal("abort", Assert.Single(m.Cpu.Faults).Kind);
        m.Cpu.Map[(0, 3)] = new ToyMapping(0x4000);
        m.Cpu.FlushPage(0x3000);
        m.RunToHalt(0x3000);
        Assert.Single(m.Cpu.Faults);
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void DataBesideCode_OnOnePage_InvalidatesNothing(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        AssembleCaller(m);
        m.Cpu[6] = Main + 0x800;
        m.RunToHalt(Main);
        var before = m.Code.BlocksInvalidated;
        for (ulong at = 0x800; at < 0x900; at += 4)
        {
            m.Cpu[6] = Main + at;
            m.Cpu[5] = at;
            m.RunToHalt(Main);
            Assert.Equal((uint)at, m.Read32(Main + at));
        }

        Assert.Equal(before, m.Code.BlocksInvalidated);
    }

    [Fact]
    public void Page_IsProtectedOnEveryVcpu_WhileItHoldsCode_AndFastAgainAfter()
    {
        using var m = new ToyMachine(vcpus: 3);
        m.Assemble(0x3000, Asm.Halt());
        m.Assemble(0x5000, Asm.Store32(5, 6), Asm.Halt());
        foreach (var c in m.Cpus)
        {
            c[6] = 0x3800;
            m.RunToHalt(0x5000, c);
            Assert.Equal(0x3000UL, Tag(c));
        }

        m.RunToHalt(0x3000, m.Cpus[2]);
        Assert.All(m.Cpus, c => Assert.Equal(0x3000UL | TlbEntry.Code, Tag(c)));
        m.Cpu[5] = Asm.Halt();
        m.Cpu[6] = 0x3000;
        m.RunToHalt(0x5000);
        Assert.Equal(0x3000UL, Tag(m.Cpu));
        Assert.Equal(0x3000UL | TlbEntry.Code, Tag(m.Cpus[1]));
        m.Cpus[1][6] = 0x3800;
        m.RunToHalt(0x5000, m.Cpus[1]);
        Assert.Equal(0x3000UL, Tag(m.Cpus[1]));
        Assert.Null(Record.Exception(() => m.RunToHalt(0x3000, m.Cpus[1])));
        Assert.All(m.Cpus, c => Assert.Equal(0x3000UL | TlbEntry.Code, Tag(c)));

        static ulong Tag(ToyVcpu c) => ((TlbEntry*)(c.State->Tlb + ((0x3000UL >> TlbEntry.IndexShift) & TlbEntry.IndexMask)))->WriteTag;
    }

    [Theory]
    [InlineData(Engine.Interpreter, 800)]
    [InlineData(Engine.Jit, 300)]
    public void PatchedFunction_IsSeenByAnotherVcpu_EveryTime(Engine engine, int rounds)
    {
        using var m = new ToyMachine(vcpus: 2, engine: engine);
        // Runs the function for ever and publishes what it returned.
        m.Assemble(Main, (uint)ToyOp.Call | ((0x3000u - 0x1000) / 4 << 8), Asm.Store(1, 6), Asm.Jump(-2));
        m.Assemble(0x3000, Word(1, 0), Asm.JumpReg(30));
        m.Assemble(0x5000, Asm.Store32(5, 6), Asm.Halt());
        var runner = m.Cpus[1];
        runner.Pc = Main;
        runner[6] = Scratch;
        using var run = new VcpuThread(runner);
        for (var i = 1; i <= rounds; i++)
        {
            m.Cpu[5] = Word(1, i);
            m.Cpu[6] = 0x3000;
            m.RunToHalt(0x5000);
            var expected = (ulong)i;
            Patience.Until(() => Volatile.Read(ref *(ulong*)(m.Ram + Scratch)) == expected, $"round {i}: the patch was not seen");
        }
    }
}
