// The integer, load/store and atomic chapters against a table of recorded states.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Tests.Support;

namespace Emu.Cpu.Arm64.Tests.Integer;

public class IntegerCaseTests
{
    [Fact]
    public void EveryLineOfTheTable_GivesTheRecordedState()
    {
        var failures = CaseTable.Run("IntegerCases.txt", out var count);
        Assert.True(count > 1000, $"only {count} cases were found");
        Assert.True(failures.Count == 0, $"{failures.Count} of {count} cases differ:\n{string.Join('\n', failures.Take(25))}");
    }

    [Fact]
    public void RowsOfEqualSpecificity_DoNotOverlap()
    {
        var rows = A64Decoder.Rows;
        var clashes = new List<string>();
        for (var i = 0; i < rows.Count; i++)
        {
            for (var j = i + 1; j < rows.Count; j++)
            {
                var common = rows[i].Mask & rows[j].Mask;
                if ((rows[i].Value & common) == (rows[j].Value & common)
                    && System.Numerics.BitOperations.PopCount(rows[i].Mask) == System.Numerics.BitOperations.PopCount(rows[j].Mask))
                {
                    clashes.Add($"{rows[i].Name} and {rows[j].Name}");
                }
            }
        }

        Assert.True(clashes.Count == 0, string.Join('\n', clashes));
    }
}
