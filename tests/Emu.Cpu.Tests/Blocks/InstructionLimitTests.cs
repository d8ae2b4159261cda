// Run(limit) stops at the exact instruction, wherever in a block that is.
using Emu.Core;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Blocks;

public sealed class InstructionLimitTests
{
    private static void Assemble(ToyMachine m) => m.Assemble(
        0x1000,
        Asm.MovI(2, 6),
        Asm.AddI(1, 1, 1),                                // 1: outer
        Asm.MovI(4, 3),
        Asm.AddI(1, 1, 1),                                // 3: inner
        Asm.SubSI(4, 4, 1),
        Asm.BranchNotZero(4, -2),
        (uint)ToyOp.Call | ((0x2000u - 0x1018) / 4 << 8), // 6
        Asm.SubSI(2, 2, 1),
        Asm.BranchIf(1, -7),                              // 8: while not zero
        Asm.Jump(-9));

    /// <summary>The program, instruction by instruction, in plain C#: PC and X1 after each count.</summary>
    private static IEnumerable<(ulong Pc, ulong X1)> Expected()
    {
        ulong x1 = 0;
        while (true)
        {
            yield return (0x1000, x1);
            for (var outer = 6; outer > 0; outer--)
            {
                yield return (0x1004, x1++);
                yield return (0x1008, x1);
                for (var inner = 3; inner > 0; inner--)
                {
                    yield return (0x100C, x1++);
                    yield return (0x1010, x1);
                    yield return (0x1014, x1);
                }

                yield return (0x1018, x1);
                yield return (0x2000, x1++);
                yield return (0x2004, x1);
                yield return (0x101C, x1);
                yield return (0x1020, x1);
            }

            yield return (0x1024, x1);
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter, false)]
    [InlineData(Engine.Jit, false)]
    [InlineData(Engine.Interpreter, true)]
    [InlineData(Engine.Jit, true)]
    public void Run_StopsAtEveryLimitExactly(Engine engine, bool variableLength)
    {
        using var m = new ToyMachine(engine: engine) { VariableLength = variableLength };
        Assemble(m);
        m.Assemble(0x2000, Asm.AddI(1, 1, 1), Asm.JumpReg(30));
        m.Cpu.Pc = 0x1000;
        m.Cpu.Run(3000);
        m.Shared.Compiler?.Drain();
        var all = Expected().Take(400).ToArray();
        for (var limit = 0; limit < 400; limit++)
        {
            Restart(m);
            Assert.Equal(VcpuExit.LimitReached, m.Cpu.Run((ulong)limit));
            Assert.Equal((ulong)limit, m.Cpu.Retired);
            Assert.True(all[limit] == (m.Cpu.Pc, m.Cpu[1]), $"limit {limit}: {m.Cpu.Pc:x} {m.Cpu[1]}, expected {all[limit]}");
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void StepsAndUnevenTurns_GoThroughEveryState(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        Assemble(m);
        m.Assemble(0x2000, Asm.AddI(1, 1, 1), Asm.JumpReg(30));
        m.Cpu.Pc = 0x1000;
        m.Cpu.Run(3000);
        m.Shared.Compiler?.Drain();
        var all = Expected().Take(3000).ToArray();
        Restart(m);
        for (var i = 0; i < 500; i++)
        {
            Assert.Equal(all[i], (m.Cpu.Pc, m.Cpu[1]));
            Assert.Equal(VcpuExit.LimitReached, m.Cpu.Step());
        }

        const int Seed = 7;
        var random = new Random(Seed);
        for (var i = 0; i < 200 && m.Cpu.Retired < 2900; i++)
        {
            m.Cpu.Run(m.Cpu.Retired + (ulong)random.Next(25));
            Assert.True(all[(int)m.Cpu.Retired] == (m.Cpu.Pc, m.Cpu[1]), $"seed {Seed} retired {m.Cpu.Retired}");
        }
    }

    private static unsafe void Restart(ToyMachine m)
    {
        m.Cpu.State->Retired = 0;
        m.Cpu.Pc = 0x1000;
        m.Cpu[1] = 0;
    }
}
