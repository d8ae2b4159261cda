// Compares every floating-point instruction with a table of results from outside, in all modes of FPCR.
using System.Globalization;
using System.Text;

namespace Emu.Cpu.Arm64.Tests.Fp;

public unsafe class FpTableTests
{
    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(64)]
    public void Instruction_GivesTheTablesResultsAndFlags_InEveryMode(int size)
    {
        var operands = FpOperands.FromTable();
        using var machine = new FpMachine();
        var wrong = new StringBuilder();
        var count = 0;
        foreach (var line in FpOperands.TableLines().Where(l => l.StartsWith(size.ToString(CultureInfo.InvariantCulture) + " ", StringComparison.Ordinal)))
        {
            var fields = line.Split(' ');
            var word = (uint)FpOperands.Hex(fields[1]);
            machine.Load(word);
            for (var mode = 0; mode < FpOperands.Modes; mode++)
            {
                count++;
                var hash = Hash(machine, operands, size, word, mode);
                if (hash != FpOperands.Hex(fields[2 + mode]))
                {
                    var row = Decode.A64Decoder.Decode(word)!;
                    wrong.AppendLine(CultureInfo.InvariantCulture, $"{row.Name}: see FpOracle {size} {word:x8} {mode}");
                }
            }
        }

        Assert.True(wrong.Length == 0, wrong.ToString());
        Assert.True(count > 1000);
    }

    private static uint Hash(FpMachine machine, FpOperands operands, int size, uint word, int mode)
    {
        ulong hash = 0;
        operands.Start(word, mode);
        for (var i = 0; i < FpOperands.Tuples; i++)
        {
            operands.Fill(machine, size, mode);
            machine.Run();
            hash = FpOperands.Mix(hash, machine.V(0));
            hash = FpOperands.Mix(hash, machine.V(0, 1));
            hash = FpOperands.Mix(hash, machine.X(0));
            hash = FpOperands.Mix(hash, (machine.State->Head.Flags << 32) | machine.State->Fpsr);
        }

        return (uint)hash;
    }
}
