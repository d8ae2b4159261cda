// A block goes from the interpreter to the lower tier to a region, each after its number of entries, and back when its code is written.
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Blocks;

public sealed unsafe class TieringTests
{
    private const ulong Main = 0x1000;
    private const int Threshold = 300;

    /// <summary>What <see cref="ToyMachine"/> makes of it for the lower tier.</summary>
    private const int QuickThreshold = Threshold - (Threshold / 6);

    /// <summary>X2 times X3 += X1, one block.</summary>
    private static void AssembleLoop(ToyMachine m) =>
        m.Assemble(Main, Asm.MovI(1, 1), Asm.Load(4, 6), Asm.Add(3, 3, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -4), Asm.Halt());

    private static void Run(ToyMachine m, int times)
    {
        m.Cpu[2] = (ulong)times;
        m.Cpu[3] = 0;
        m.Cpu[6] = 0x9000;
        m.RunToHalt(Main);
        Assert.Equal((ulong)times, m.Cpu[3]);
    }

    [Fact]
    public void Block_IsCompiledAloneFirst_AndAsARegionWhenItRunsOn()
    {
        using var m = new ToyMachine(engine: Engine.Jit, threshold: Threshold);
        AssembleLoop(m);
        Run(m, Threshold / 2);
        Assert.Equal((0, 0), (m.Compiler.QuickCompiled, m.Compiler.RegionsCompiled));

        // The last entry of this run asks for the code: nothing is left that runs beside the compiler, in one tier or the other.
        Run(m, QuickThreshold + 1 - (Threshold / 2));
        Assert.Equal((1, 0), (m.Compiler.QuickCompiled, m.Compiler.RegionsCompiled));
        Assert.Equal(0UL, m.Cpu.CompiledEntries);
        var size = m.Compiler.Size;
        Run(m, Threshold - QuickThreshold);
        Assert.True(m.Cpu.CompiledEntries > 0UL);
        Assert.Equal((1, 0), (m.Compiler.QuickCompiled, m.Compiler.RegionsCompiled));
        Run(m, 1);
        Assert.Equal((1, 1), (m.Compiler.QuickCompiled, m.Compiler.RegionsCompiled));
        Run(m, Threshold * 2);
        Assert.Equal((1, 1), (m.Compiler.QuickCompiled, m.Compiler.RegionsCompiled));

        // The block's own code was let go of.
        Assert.InRange(m.Compiler.Size, 1, size * 2);
    }

    /// <summary>It waited for the compiler so long that the lower tier has nothing to offer it.</summary>
    [Fact]
    public void BlockThatRanLongEnoughWhileQueued_BecomesARegionAtOnce()
    {
        using var busy = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        using var m = new ToyMachine(engine: Engine.Jit, threshold: Threshold);
        AssembleLoop(m);
        m.BackEnd.BeforeCompile = () =>
        {
            busy.Set();
            go.Wait(Patience.Limit);
        };

        // Another block keeps the compiler busy meanwhile.
        m.Assemble(0x5000, Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -1), Asm.Halt());
        m.Cpu[2] = Threshold;
        m.Cpu.Pc = 0x5000;
        m.Cpu.Run(m.Cpu.Retired + (Threshold * 2) - 20);
        Patience.For(busy, "nothing is compiled");
        m.Cpu[2] = Threshold * 3;
        m.Cpu[6] = 0x9000;
        m.Cpu.State->Halted = 0;
        m.Cpu.Pc = Main;
        m.Cpu.Run(m.Cpu.Retired + (Threshold * 12));
        go.Set();
        m.Compiler.Drain();
        Assert.Equal((1, 1), (m.Compiler.QuickCompiled, m.Compiler.RegionsCompiled));
    }

    /// <summary>As in a guest that is idle: what was entered often enough, but is not any more, is not worth a compilation.</summary>
    [Fact]
    public void BlockThatDoesNotRunOn_IsLeftToTheInterpreter()
    {
        const ulong Busy = 0x5000;
        using var m = new ToyMachine(engine: Engine.Jit, threshold: Threshold, eager: false);
        m.Assemble(Main, Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -1), Asm.Halt());
        m.Assemble(Busy, Asm.AddI(1, 1, 1), Asm.Jump(-1));
        m.Cpu[2] = QuickThreshold + 1;
        m.Cpu.Pc = Main;
        Assert.Equal(Core.VcpuExit.Halted, m.Cpu.Run(ulong.MaxValue));
        var idle = m.Code.Find(Main, 0);
        Assert.Equal(1, idle->Looks);

        // The compiler goes through its queue for what runs.
        m.Cpu.State->Halted = 0;
        m.Cpu.Pc = Busy;
        using (new VcpuThread(m.Cpu))
        {
            Patience.Until(() => m.Code.Find(Busy, 0) is var b && b != null && Volatile.Read(ref *(nint*)&b->Code) != 0, "what runs is not compiled");
        }

        Assert.True(idle->Code == null);
        m.Compiler.Drain();
        Assert.True(idle->Code != null);
    }

    [Theory]
    [InlineData(Threshold * 2 / 5)]
    [InlineData(Threshold * 2)]
    public void BlockOfEitherTier_ThatIsRewritten_StartsAnew(int times)
    {
        using var m = new ToyMachine(engine: Engine.Jit, threshold: Threshold);
        AssembleLoop(m);
        Run(m, times);
        Run(m, times);
        Run(m, Threshold / 8);
        Assert.True(m.Compiler.QuickCompiled + m.Compiler.RegionsCompiled > 0);
        m.Memory.TryWriteRam(Main, BitConverter.GetBytes(Asm.MovI(1, 2)));
        m.Assemble(Main + 4, Asm.Load(4, 6));
        var before = m.Cpu.CompiledEntries;
        m.Cpu[2] = 10;
        m.Cpu[3] = 0;
        m.RunToHalt(Main);
        Assert.Equal((20UL, before), (m.Cpu[3], m.Cpu.CompiledEntries));
        Run2(Threshold);
        Run2(Threshold * 2);
        Assert.True(m.Cpu.CompiledEntries > before);

        void Run2(int count)
        {
            m.Cpu[2] = (ulong)count;
            m.Cpu[3] = 0;
            m.RunToHalt(Main);
            Assert.Equal((ulong)count * 2, m.Cpu[3]);
        }
    }
}
