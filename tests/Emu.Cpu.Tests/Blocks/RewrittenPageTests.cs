// Pages that are rewritten again and again: blocks come back with their bytes, then the page is not cached, then it is again.
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Blocks;

public sealed unsafe class RewrittenPageTests
{
    private const ulong Main = 0x1000;
    private const ulong Function = 0x3000;

    /// <summary>More rewrites than a page may see before it is not cached.</summary>
    private const int Many = 80;

    /// <summary>More entries than a page stays uncached for the first time.</summary>
    private const int Plenty = 3000;

    /// <summary>Calls the function X2 times; X3 sums what it returned in X1.</summary>
    private static void Assemble(ToyMachine m)
    {
        m.Assemble(Main, Call(Main, Function), Asm.Add(3, 3, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -3), Asm.Halt());
        m.Assemble(Function, Asm.MovI(1, 1), Asm.JumpReg(30));
        m.Assemble(0x5000, Asm.Store32(5, 6), Asm.Halt());
    }

    private static uint Call(ulong from, ulong to) => (uint)ToyOp.Call | ((uint)((long)(to - from) / 4) << 8);

    private static ulong Run(ToyMachine m, int calls, ulong main = Main)
    {
        m.Cpu[2] = (ulong)calls;
        m.Cpu[3] = 0;
        m.RunToHalt(main);
        return m.Cpu[3];
    }

    /// <summary>Patches the function by a store of the guest.</summary>
    private static void Patch(ToyMachine m, int value)
    {
        m.Cpu[5] = Asm.MovI(1, value);
        m.Cpu[6] = Function;
        m.RunToHalt(0x5000);
    }

    [Theory]
    [InlineData(Engine.Interpreter, false)]
    [InlineData(Engine.Jit, false)]
    [InlineData(Engine.Jit, true)]
    public void BytesSeenBefore_BringTheirBlockBack(Engine engine, bool variableLength)
    {
        using var m = new ToyMachine(engine: engine) { VariableLength = variableLength };
        Assemble(m);
        for (var round = 0; round < 200; round++)
        {
            var value = (round % 3) + 1;
            Patch(m, value);
            Assert.Equal(40UL * (ulong)value, Run(m, 40));
            Assert.True(m.Code.Find(Function, 0) != null);
        }

        // Three versions, each translated twice at most (the first time nothing of the page was kept).
        Assert.InRange(m.Code.BlocksRevived, 190, 200);
        Assert.Equal(0, m.Code.PagesUncached);
        Assert.InRange(m.Code.BlocksTranslated, 5, 20);
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void RevivedBlock_IsCompiledAgain_AndItsOldCodeIsNotEntered(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        Assemble(m);
        for (var round = 0; round < 30; round++)
        {
            Patch(m, (round % 2) + 1);
            Assert.Equal(100UL * (ulong)((round % 2) + 1), Run(m, 100));
            var entries = m.Cpu.CompiledEntries;
            Assert.Equal(100UL * (ulong)((round % 2) + 1), Run(m, 100));
            if (engine == Engine.Jit)
            {
                Assert.True(m.Code.Find(Function, 0)->Code != null);
                Assert.True(m.Cpu.CompiledEntries > entries);
            }
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void PageRewrittenAfterEachRun_IsNotCached_AndTakesNoRoom(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        Assemble(m);
        ulong used = 0;
        var invalidated = 0L;
        for (var round = 1; round <= Many; round++)
        {
            Patch(m, round);
            Assert.Equal((ulong)round, Run(m, 1));
            if (m.Code.PagesUncached == 1 && used == 0)
            {
                used = m.Code.BytesUsed;
                invalidated = m.Code.BlocksInvalidated;
            }
        }

        Assert.Equal(1, m.Code.PagesUncached);
        Assert.Equal((used, invalidated), (m.Code.BytesUsed, m.Code.BlocksInvalidated));
        Assert.True(m.Code.Find(Function, 0) == null);
        Assert.True(m.Code.UncachedEntries > 20);
        Assert.True(m.Code.Find(Main, 0) != null);
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void UncachedPage_IsCachedAndCompiledAgain_WhenTheRewritingEnds(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        Assemble(m);
        for (var round = 1; round <= Many; round++)
        {
            Patch(m, round);
            Run(m, 1);
        }

        Assert.Equal((ulong)Plenty * Many, Run(m, Plenty));
        Assert.True(m.Code.Find(Function, 0) != null);
        var uncached = m.Code.UncachedEntries;
        Assert.Equal((ulong)Plenty * Many, Run(m, Plenty));
        Assert.Equal(uncached, m.Code.UncachedEntries);
        if (engine == Engine.Jit)
        {
            Assert.True(m.Code.Find(Function, 0)->Code != null);
        }

        // A store is seen as ever.
        Patch(m, 7);
        Assert.Equal(700UL, Run(m, 100));
    }

    [Fact]
    public void PageThatIsRewrittenAgainSoon_StaysUncachedTwiceAsLong()
    {
        using var m = new ToyMachine();
        Assemble(m);
        var lengths = new List<long>();
        for (var time = 0; time < 3; time++)
        {
            for (var round = 1; m.Code.PagesUncached == time; round++)
            {
                Patch(m, round);
                Run(m, 1);
            }

            var before = m.Code.UncachedEntries;
            while (m.Code.Find(Function, 0) == null)
            {
                Run(m, 1);
            }

            lengths.Add(m.Code.UncachedEntries - before);
        }

        Assert.InRange(lengths[1], (lengths[0] * 2) - 8, (lengths[0] * 2) + 8);
        Assert.InRange(lengths[2], (lengths[0] * 4) - 8, (lengths[0] * 4) + 8);
    }

    /// <summary>Code that is used a lot between two rewrites is worth its translation however often it is rewritten.</summary>
    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void RewrittenCodeThatRunsALot_StaysCached(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        Assemble(m);
        for (var round = 1; round <= Many; round++)
        {
            Patch(m, round);
            Assert.Equal((ulong)round * 50, Run(m, 50));
        }

        Assert.Equal(0, m.Code.PagesUncached);
    }

    [Theory]
    [InlineData(false, 21)]
    [InlineData(true, 30)]
    public void StoreIntoTheRunningBlock_OfAnUncachedPage_ActsAsInACachedOne(bool atOnce, int expected)
    {
        using var m = new ToyMachine { CodeWriteEndsBlock = atOnce };
        m.Assemble(Function, Asm.Store32(5, 6), Asm.MovI(1, 1), Asm.Add(3, 3, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -4), Asm.Halt());
        for (var round = 1; round <= Many; round++)
        {
            // Each run patches its own block.
            m.Cpu[5] = Asm.MovI(1, round);
            m.Cpu[6] = Function + 4;
            Run(m, 1, Function);
        }

        Assert.Equal(1, m.Code.PagesUncached);
        m.Memory.TryWriteRam(Function + 4, BitConverter.GetBytes(Asm.MovI(1, 1)));
        m.Cpu[5] = Asm.MovI(1, 10);
        Assert.Equal((ulong)expected, Run(m, 3, Function));
        Assert.True(m.Code.Find(Function, 0) == null);
    }

    /// <summary>Another vCPU's store lands between the translation of a block and the end of its making: the block is not taken for the new bytes'.</summary>
    [Fact]
    public void StoreDuringTheTranslation_IsNotTakenForWhatWasTranslated()
    {
        using var m = new ToyMachine();
        Assemble(m);
        Run(m, 1);
        Patch(m, 2);
        m.OnTranslated = () => *(uint*)(m.Ram + Function) = Asm.MovI(1, 3);
        Run(m, 1);
        m.OnTranslated = null;
        m.Memory.NotifyWritten(Function, 4);
        Assert.Equal(3UL, Run(m, 1));
        Patch(m, 2);
        Assert.Equal(2UL, Run(m, 1));
        Patch(m, 3);
        Assert.Equal(3UL, Run(m, 1));
    }

    [Fact]
    public void DeviceAccess_FromAnUncachedPage_KnowsItsInstruction()
    {
        using var m = new ToyMachine();
        m.Assemble(Function, Asm.MovI(1, 1), Asm.Add(3, 3, 1), Asm.Store(3, 6), Asm.Halt());
        m.Cpu[6] = ToyMachine.DeviceBase;
        var pcs = new HashSet<ulong>();
        m.Device.OnWrite = (_, _) => pcs.Add(m.Cpu.CurrentPc());
        for (var round = 1; round <= Many; round++)
        {
            m.Memory.TryWriteRam(Function, BitConverter.GetBytes(Asm.MovI(1, round)));
            m.RunToHalt(Function);
        }

        Assert.Equal(1, m.Code.PagesUncached);
        Assert.Equal([Function + 8], pcs);
    }

    [Fact]
    public void InvalidationOfEverything_IsNoRewriting()
    {
        using var m = new ToyMachine();
        Assemble(m);
        for (var round = 1; round <= Many; round++)
        {
            Assert.Equal(1UL, Run(m, 1));
            m.Code.InvalidateAll();
        }

        Assert.Equal(0, m.Code.PagesUncached);
    }

    [Fact]
    public void Flush_ForgetsWhatWasKept()
    {
        using var m = new ToyMachine();
        Assemble(m);
        for (var round = 0; round < 10; round++)
        {
            Patch(m, (round % 2) + 1);
            Run(m, 40);
        }

        Assert.True(m.Code.BlocksRevived > 0);
        var revived = m.Code.BlocksRevived;
        m.Shared.Gate.Run(m.Code.Flush);
        Patch(m, 1);
        Assert.Equal(40UL, Run(m, 40));
        Assert.Equal(revived, m.Code.BlocksRevived);
        Assert.Equal(1, m.Code.Flushes);
    }
}
