// Returns go where their register says, whatever the predictor remembers of the call: rewritten, unmapped, another address space, deep recursion.
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Blocks;

public sealed unsafe class ReturnPredictorTests
{
    private const ulong Main = 0x1000;

    /// <summary>In another page than <see cref="Main"/>: not in its region, so that returns are predicted.</summary>
    private const ulong Function = 0x3000;

    private const int Calls = 40;

    /// <summary>Entries until a block is compiled: by then its links are there.</summary>
    private const int Threshold = 12;

    private static uint Call(ulong from, ulong to) => (uint)ToyOp.Call | ((uint)((long)(to - from) / 4) << 8);

    /// <summary>Calls the function X2 times; X3 counts the returns.</summary>
    private static void AssembleCaller(ToyMachine m, ulong function = Function) =>
        m.Assemble(Main, Call(Main, function), Asm.AddI(3, 3, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -3), Asm.Halt());

    private static ToyMachine Hot(Action<ToyMachine> assemble, Engine engine = Engine.Jit)
    {
        var m = new ToyMachine(engine: engine, threshold: Threshold, synchronous: true);
        assemble(m);
        for (var i = 0; i < 4; i++)
        {
            m.Cpu[2] = Calls;
            m.RunToHalt(Main);
        }

        m.Cpu[2] = Calls;
        m.Cpu[3] = 0;
        return m;
    }

    [Fact]
    public void ReturnsToAnotherPage_ArePredicted()
    {
        using var m = Hot(m =>
        {
            AssembleCaller(m);
            m.Assemble(Function, Asm.AddI(4, 4, 1), Asm.JumpReg(30));
        });
        var before = m.Cpu.ReturnHits;
        m.RunToHalt(Main);
        Assert.Equal((ulong)Calls, m.Cpu[3]);
        Assert.InRange(m.Cpu.ReturnHits - before, Calls / 2UL, (ulong)Calls);
    }

    /// <summary>A function of the same page is part of the loop's region: nothing is left for a chain to do.</summary>
    [Fact]
    public void CallsWithinAPage_StayInTheRegion()
    {
        using var m = Hot(m =>
        {
            AssembleCaller(m, Main + 0x100);
            m.Assemble(Main + 0x100, Asm.AddI(4, 4, 1), Asm.JumpReg(30));
        });
        var before = m.Cpu.ChainHits;
        m.RunToHalt(Main);
        Assert.Equal((ulong)Calls, m.Cpu[3]);
        Assert.InRange(m.Cpu.ChainHits - before, 0UL, 4UL);
    }

    /// <summary>The function rewrites the instruction it returns to.</summary>
    [Theory]
    [InlineData(Engine.Interpreter, Function)]
    [InlineData(Engine.Jit, Function)]
    [InlineData(Engine.Interpreter, Main + 0x100)]
    [InlineData(Engine.Jit, Main + 0x100)]
    public void ReturnPointRewrittenByTheFunction_IsRunAsWritten(Engine engine, ulong function)
    {
        using var m = Hot(
            m =>
            {
                AssembleCaller(m, function);
                m.Assemble(function, Asm.Store32(5, 6), Asm.JumpReg(30));
                m.Cpu[6] = 0x9000;
            },
            engine);
        for (var step = 2; step < 8; step++)
        {
            m.Cpu[2] = Calls;
            m.Cpu[3] = 0;
            m.Cpu[5] = Asm.AddI(3, 3, step);
            m.Cpu[6] = Main + 4;
            m.RunToHalt(Main);
            Assert.Equal((ulong)(Calls * step), m.Cpu[3]);
        }
    }

    /// <summary>While the function runs, the page it was called from goes, or another one comes in its place, and its translation is dropped.</summary>
    [Theory]
    [InlineData(Engine.Interpreter, false)]
    [InlineData(Engine.Jit, false)]
    [InlineData(Engine.Interpreter, true)]
    [InlineData(Engine.Jit, true)]
    public void PageOfTheCallerRemappedMeanwhile_IsFetchedAnew(Engine engine, bool elsewhere)
    {
        using var m = Hot(
            m =>
            {
                AssembleCaller(m);
                m.Assemble(Function, Asm.Store(5, 6), (uint)ToyOp.FlushPage | (7u << 16) | (7u << 8), Asm.JumpReg(30));
                m.Assemble(0x6004, Asm.AddI(3, 3, 100), Asm.Halt());
                m.Cpu[6] = ToyMachine.DeviceBase;
                m.Cpu[7] = Main;
                m.Cpu[5] = 0;
            },
            engine);
        m.Device.OnWrite = (_, value) =>
        {
            if (value != 0)
            {
                m.Cpu.Map[(0, 1)] = elsewhere ? new ToyMapping(0x6000) : new ToyMapping(Main, Execute: false);
            }
        };
        m.Cpu[5] = 1;
        m.RunToHalt(Main);
        if (elsewhere)
        {
            Assert.Equal(100UL, m.Cpu[3]);
            Assert.Empty(m.Cpu.Faults);
        }
        else
        {
            Assert.Equal(("Execute", Main + 4), (Assert.Single(m.Cpu.Faults).Kind, m.Cpu.Faults[0].Pc));
        }
    }

    /// <summary>The function switches to an address space that has something else where it was called from.</summary>
    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void AddressSpaceSwitchedByTheFunction_IsThatOfTheReturn(Engine engine)
    {
        using var m = Hot(
            m =>
            {
                AssembleCaller(m);
                m.Assemble(Function, Asm.Op(ToyOp.SetContext, 5), Asm.JumpReg(30));
                m.Cpu.Map[(1, 1)] = new ToyMapping(0x6000);
                m.Assemble(0x6004, Asm.AddI(3, 3, 100), Asm.Halt());
                m.Cpu[5] = 0;
            },
            engine);
        m.Cpu[5] = 1;
        m.RunToHalt(Main);
        Assert.Equal(100UL, m.Cpu[3]);
    }

    /// <summary>Two functions call each other deeper than the predictor is: the outer returns are mispredicted, and right.</summary>
    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void CallsDeeperThanThePredictor_ReturnInOrder(Engine engine)
    {
        const int Depth = CpuState.ReturnEntries * 3;
        const ulong Other = 0x4000;
        void AssembleFunction(ToyMachine m, ulong at, ulong calls, int adds) => m.Assemble(
            at,
            Asm.BranchZero(4, 7),
            Asm.SubSI(4, 4, 1),
            Asm.Store(30, 31),
            Asm.AddI(31, 31, 8),
            Call(at + 16, calls),
            Asm.AddI(31, 31, -8),
            Asm.Load(30, 31),
            Asm.AddI(8, 8, adds),
            Asm.JumpReg(30));

        using var m = Hot(
            m =>
            {
                m.Assemble(
                    Main, Asm.MovI(4, Depth), Call(Main + 4, Function), Asm.AddI(3, 3, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -4), Asm.Halt());
                AssembleFunction(m, Function, Other, 1);
                AssembleFunction(m, Other, Function, 3);
                m.Cpu[31] = 0x9000;
            },
            engine);
        m.Cpu[8] = 0;
        m.RunToHalt(Main);
        Assert.Equal((ulong)Calls, m.Cpu[3]);
        Assert.Equal(0x9000UL, m.Cpu[31]);
        Assert.Equal((ulong)(Calls * ((Depth * 2) + 1)), m.Cpu[8]);
    }
}
