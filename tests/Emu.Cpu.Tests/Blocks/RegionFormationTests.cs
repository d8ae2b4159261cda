// What joins a region: the blocks of a loop, and straight code that has no region of its own yet.
using Emu.Cpu.Blocks;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Blocks;

public sealed unsafe class RegionFormationTests
{
    private const ulong Main = 0x1000;
    private const ulong Other = 0x1100;
    private const int Threshold = 12;

    private static uint Jump(ulong from, ulong to) => Asm.Jump((int)((long)(to - from) / 4));

    [Fact]
    public void CodeBehindSeveralBlocks_IsCompiledOnce()
    {
        using var m = new ToyMachine(engine: Engine.Jit, threshold: Threshold, synchronous: true);
        m.Assemble(Main, Asm.AddI(3, 3, 1), Jump(Main + 4, Other));
        m.Assemble(Other, Asm.AddI(3, 3, 2), Asm.Halt());
        RunOften(m, Other);
        Assert.Equal((1, 1), (m.Compiler.RegionsCompiled, m.Compiler.BlocksCompiled));
        RunOften(m, Main);
        Assert.Equal((2, 2), (m.Compiler.RegionsCompiled, m.Compiler.BlocksCompiled));
        var before = (m.Cpu[3], m.Cpu.ChainHits);
        m.RunToHalt(Main);
        Assert.Equal((before.Item1 + 3, before.ChainHits + 1), (m.Cpu[3], m.Cpu.ChainHits));
    }

    [Fact]
    public void Loop_IsOneRegion_ThoughAPartOfItHasOneAlready()
    {
        using var m = new ToyMachine(engine: Engine.Jit, threshold: Threshold, synchronous: true);
        AssembleLoop(m, Main, Other);
        m.Cpu[2] = 1;
        RunOften(m, Other);
        Assert.True(m.Code.Find(Other, 0)->Code != null);
        Assert.True(m.Code.Find(Main, 0) == null);
        m.Cpu[2] = Threshold * 4;
        m.RunToHalt(Main);
        m.Cpu[2] = Threshold * 4;
        m.Cpu[3] = 0;
        var before = m.Cpu.ChainHits;
        m.RunToHalt(Main);
        Assert.Equal((ulong)Threshold * 4, m.Cpu[3]);
        Assert.InRange(m.Cpu.ChainHits - before, 0UL, 2UL);
    }

    /// <summary>Both blocks of a loop ask for the compiler at the same time, and are in one region when the second one's turn comes.</summary>
    [Fact]
    public void BlockThatJoinedARegion_IsNotCompiledAgain_BeforeItIsInterpretedOn()
    {
        const ulong Busy = 0x5000, Last = 0x6000;
        const int Times = 1 << 20;
        using var busy = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        using var m = new ToyMachine(engine: Engine.Jit, threshold: Threshold, eager: false);
        m.BackEnd.BeforeCompile = () =>
        {
            busy.Set();
            go.Wait(Patience.Limit);
        };
        m.Assemble(Busy, Asm.AddI(1, 1, 1), Asm.Jump(-1));
        AssembleLoop(m, Main, Other);
        m.Assemble(Last, Asm.AddI(1, 1, 1), Asm.Jump(-1));
        Run(Busy, Times);
        Patience.For(busy, "what runs is not compiled");
        Run(Main, Times);
        Run(Last, Times / 8);
        go.Set();
        Patience.Until(() => IsCompiled(Last), "what runs is not compiled");
        Assert.True(IsCompiled(Main) != IsCompiled(Other));
        m.Compiler.Drain();
        Assert.True(IsCompiled(Main) && IsCompiled(Other));

        bool IsCompiled(ulong pc) => Volatile.Read(ref *(nint*)&m.Code.Find(pc, 0)->Code) != 0;

        void Run(ulong pc, int instructions)
        {
            m.Cpu[2] = Times;
            m.Cpu.Pc = pc;
            m.Cpu.Run(m.Cpu.Retired + (ulong)instructions);
        }
    }

    /// <summary>X2 times X3 += 1, in two blocks.</summary>
    private static void AssembleLoop(ToyMachine m, ulong first, ulong second)
    {
        m.Assemble(first, Asm.AddI(3, 3, 1), Jump(first + 4, second));
        m.Assemble(second, Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, (int)((long)(first - second - 4) / 4)), Asm.Halt());
    }

    private static void RunOften(ToyMachine m, ulong pc)
    {
        var x2 = m.Cpu[2];
        for (var i = 0; i < Threshold * 2; i++)
        {
            m.Cpu[2] = x2;
            m.RunToHalt(pc);
        }
    }
}
