// The bounded comparison with qemu-user, and the replay of what it ever found.
using Emu.Cpu.Arm64.Decode;
using Xunit.Abstractions;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>A fact that needs the installed reference, or the newer one too.</summary>
public sealed class ReferenceFactAttribute : FactAttribute
{
    /// <summary>Skips with the reason when the reference cannot run here.</summary>
    public ReferenceFactAttribute(bool newer = false) => Skip = RunnerBuild.Missing(newer ? Reference.Newer : Reference.Installed);
}

/// <summary>See the file's first line.</summary>
public sealed class OracleTests(ITestOutputHelper log)
{
    private const ulong DefaultSeed = 20_260_101;

    // What the newer reference alone can answer.
    private const string NewerRows = "FEAT_MOPS|FEAT_PAuth|FEAT_WFxT|FEAT_JSCVT|FCVTZS (scalar SIMD, fixed-point, half)";

    [ReferenceFact]
    public void RandomInstructions_LeaveTheStateTheReferenceLeaves() =>
        Compare(new OracleOptions { Instructions = 2_000_000 });

    [ReferenceFact(newer: true)]
    public void RandomInstructions_LeaveTheStateTheNewerReferenceLeaves() =>
        Compare(new OracleOptions { Reference = Reference.Newer, Instructions = 500_000 });

    [ReferenceFact(newer: true)]
    public void InstructionsOfTheNewerReference_LeaveTheStateItLeaves() =>
        Compare(new OracleOptions { Reference = Reference.Newer, Instructions = 300_000, Rows = NewerRows });

    [ReferenceFact]
    public void FloatingPointSweep_LeavesTheStateTheReferenceLeaves() =>
        Compare(new OracleOptions { Sweep = true, States = 128, Instructions = 300_000 });

    [ReferenceFact(newer: true)]
    public void KeysOfTheNewerReference_AreTheRecordedOnes() =>
        Assert.Equal(ReferenceKeys.Recorded, ReferenceKeys.Find(Reference.Newer));

    private void Compare(OracleOptions wanted)
    {
        var seed = ulong.TryParse(Environment.GetEnvironmentVariable("EMU_ORACLE_SEED"), out var given) ? given : DefaultSeed;
        var line = $"EMU_ORACLE_SEED={seed}";
        Say($"{wanted.Reference.Name}, {line}");
        using var session = new OracleSession(wanted with { Seed = seed });
        var rows = session.Rows.ToArray();
        session.Run();
        Say($"{session.Instructions} instructions ({session.CompiledInstructions} on compiled code too) in {session.Cases} cases");
        foreach (var text in session.Coverage.Describe(wanted.Reference, rows).Take(wanted.Rows.Length == 0 && !wanted.Sweep ? int.MaxValue : 1))
        {
            Say(text);
        }

        Assert.True(session.Findings.Count == 0, $"{line}: {session.Mismatches} differences:\n" + string.Join("\n", session.Findings.Select(f => f.Report + "\n  " + f.Regression)));
        Assert.True(session.Instructions >= wanted.Instructions);
        Assert.True(session.CompiledInstructions > 0);
        Assert.DoesNotContain(rows, r => session.Coverage[r] == 0);
    }

    // ./test shows these lines.
    private void Say(string text)
    {
        log.WriteLine(text);
        Console.WriteLine($"random-instruction comparison: {text}");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Regressions_LeaveTheStateTheyListed(bool compile)
    {
        using var machine = new OracleMachine(compile);
        var failures = new List<string>();
        foreach (var line in File.ReadLines(Path.Combine(RunnerBuild.Root(), "tests", "Emu.Cpu.Arm64.Tests", "Oracle", "regressions.txt")))
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            var regression = Regression.Parse(line);
            for (var pass = 0; pass < (compile ? 2 : 1); pass++)
            {
                if (regression.Replay(machine) is { } failure)
                {
                    failures.Add(failure);
                }

                machine.Shared.Compiler?.Drain();
            }
        }

        Assert.True(failures.Count == 0, string.Join("\n", failures));
    }

    [Fact]
    public void Regression_ReportsEveryKindOfDifference()
    {
        using var machine = new OracleMachine(compile: false);

        // ADD X0, X1, X2 then the branch to the exit.
        const string Code = "x | 8b020020 14013ffe | X1=1 X2=2 |";
        Assert.Null(Regression.Parse($"{Code} X0=3 | 0").Replay(machine));
        Assert.Contains("X0=3, expected 4", Regression.Parse($"{Code} X0=4 | 0").Replay(machine));
        Assert.Contains("X5=0, expected 1", Regression.Parse($"{Code} X0=3 X5=1 | 0").Replay(machine));
        Assert.Contains("M8=00, expected 7f", Regression.Parse($"{Code} X0=3 M8=7f00000000000000 | 0").Replay(machine));
        Assert.Contains("expected UNDEFINED", Regression.Parse($"{Code} X0=3 | 4@0").Replay(machine));
    }

    [Fact]
    public void SameSeed_GivesTheSameWords()
    {
        Assert.Equal(Words(5), Words(5));
        Assert.NotEqual(Words(5), Words(6));
    }

    private static List<uint> Words(ulong seed)
    {
        using var generator = new InstructionGenerator(Reference.Installed);
        var random = new OracleRandom(seed, 0);
        var words = new List<uint>();
        for (var i = 0; i < 200; i++)
        {
            words.AddRange(generator.Draw(random, out _)?.Words ?? []);
        }

        return words;
    }

    [Fact]
    public void UnpredictableFilter_KnowsTheManualsCases()
    {
        Assert.True(UnpredictableFilter.IsUnpredictable(0xF8408C00)); // LDR X0, [X0, #8]!
        Assert.False(UnpredictableFilter.IsUnpredictable(0xF8408C01)); // LDR X1, [X0, #8]!
        Assert.False(UnpredictableFilter.IsUnpredictable(0x3C408C00)); // LDR B0, [X0, #8]!
        Assert.True(UnpredictableFilter.IsUnpredictable(0xA9400400 | 1)); // LDP X1, X1, [X0]
        Assert.True(UnpredictableFilter.IsUnpredictable(0xA8810800)); // STP X0, X2, [X0], #16
        Assert.False(UnpredictableFilter.IsUnpredictable(0xA8810801)); // STP X1, X2, [X0], #16
        Assert.False(UnpredictableFilter.IsUnpredictable(0xA9000401)); // STP X1, X1, [X0]
        Assert.True(UnpredictableFilter.IsUnpredictable(0xC8017C01)); // STXR W1, X1, [X0]
        Assert.False(UnpredictableFilter.IsUnpredictable(0xC8027C01)); // STXR W2, X1, [X0]
    }
}
