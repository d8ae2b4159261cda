// The strongest test of the compiler: a deterministic Debian boot has the same state hash on both engines at the same instruction counts.
using System.Globalization;
using Emu.Core;
using Emu.Devices.Serial;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;
using Xunit.Abstractions;

namespace Emu.Machine.Tests;

public sealed class EngineEqualityTests(ITestOutputHelper output)
{
    /// <summary>Another seed, or that of a run to repeat.</summary>
    private const string SeedVariable = "EMU_COMPARE_SEED";

    /// <summary>The nightly tests draw one.</summary>
    private const int DefaultSeed = 20_260_101;

    /// <summary>A boot is longer than this: points are drawn below it.</summary>
    private const long Span = 820_000_000;

    /// <summary>Runs fork and exec, the dynamic linker's absence aside everything a shell does, then powers off.</summary>
    private const string Command = "for i in 1 2 3; do ls -l /bin | md5sum; done";

    /// <summary>Rows: vCPUs, points to compare at besides the end, entries before a region is compiled, entries before its block alone is.</summary>
    [Theory]
    [InlineData(1, 12, 1500, 0)]
    [InlineData(2, 8, 1500, 500)]
    [InlineData(4, 6, 1500, 0)]
    public void Boot_HasTheSameStateHashOnBothEngines(int cpus, int points, int threshold, int blockThreshold) =>
        Compare(DefaultSeed, cpus, points, threshold, blockThreshold, synchronous: false);

    [Theory]
    [Trait("Category", "Nightly")]
    [InlineData(1, 100, 1500, 0, false)]
    [InlineData(2, 100, 1500, 0, false)]
    [InlineData(4, 100, 1500, 750, false)]
    [InlineData(1, 100, 200, 100, true)]
    [InlineData(2, 50, 300, 150, true)]
    public void Boot_HasTheSameStateHashOnBothEngines_AtManyPoints(int cpus, int points, int threshold, int blockThreshold, bool synchronous) =>
        Compare(Environment.TickCount & 0xFFFFFF, cpus, points, threshold, blockThreshold, synchronous);

    private void Compare(int defaultSeed, int cpus, int points, int threshold, int blockThreshold, bool synchronous)
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable(SeedVariable), CultureInfo.InvariantCulture, out var given) ? given : defaultSeed;
        output.WriteLine($"engine comparison: {SeedVariable}={seed}");
        var random = new Random(seed);
        using var counts = Enumerable.Range(0, points).Select(_ => (ulong)random.NextInt64(1, Span)).Distinct().Order().ToList().GetEnumerator();
        Assert.True(counts.MoveNext());
        var options = TestGuest.Debian("debian-arm64", Command) with
        {
            DeterministicSeed = 1,
            Cpus = new CpusOption(cpus, cpus),
            CompileThreshold = threshold,
            BlockCompileThreshold = blockThreshold,
            CompileSynchronously = synchronous,
        };
        using var interpreter = Create(options with { Engine = EngineKind.Interpreter });
        using var jit = Create(options with { Engine = EngineKind.Jit });
        var compared = 0;
        var end = new Lockstep(interpreter, jit).Run(counts.Current, count =>
        {
            var (expected, actual) = (interpreter.StateHash(), jit.StateHash());
            output.WriteLine($"{count}: {expected}");
            if (expected != actual)
            {
                output.WriteLine(string.Join('\n', new StateComparison(interpreter, jit).Differences()));
            }

            Assert.True(expected == actual, $"seed {seed}, {cpus} vCPUs: the engines differ after {count} instructions; emu bisect finds where they begin to");
            compared++;
            return counts.MoveNext() ? counts.Current : ulong.MaxValue - 1;
        });
        Assert.Equal(new RunOutcome(RunEnd.PowerOff), end.First);
        Assert.Equal(new RunOutcome(RunEnd.PowerOff), end.Second);
        Assert.Equal(points, compared);
        Assert.Equal(interpreter.Instructions, jit.Instructions);
        Assert.Equal(interpreter.StateHash(), jit.StateHash());
        output.WriteLine($"{interpreter.Instructions}: {interpreter.StateHash()} (end); {compared + 1} hashes compared");
    }

    private static VirtualMachine Create(MachineOptions options) =>
        new(options, new MachineHost { Log = Log.Null, CreateSerial = () => new NullBackend() });
}
