// Long guest work holds the host's memory flat: processes and modules come and go, their code is translated, compiled, dropped and freed.
using System.Globalization;
using Emu.Core;
using Emu.Devices.Serial;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;
using Xunit.Abstractions;

namespace Emu.Machine.Tests;

/// <summary>Tests that measure the whole process: no other test runs in it meanwhile.</summary>
[CollectionDefinition(nameof(AloneInTheProcess), DisableParallelization = true)]
public sealed class AloneInTheProcess;

[Collection(nameof(AloneInTheProcess))]
public sealed class GrowthTests(ITestOutputHelper output)
{
    private const int WarmUpSeconds = 150;
    private const int Seconds = 600;
    private const int SampleSeconds = 10;

    /// <summary>Of the resident size after the warm-up: what a sample may be above it, for the collector's and the guest's own ups and downs.</summary>
    private const double Tolerance = 1.06;

    /// <summary>Fork and exec of many programs, and modules loaded at ever new addresses and removed again.</summary>
    private const string Work =
        "while :; do for m in md4 xxhash_generic rmd160 twofish_generic camellia_generic; do modprobe $m; rmmod $m; done;"
        + " ls -l /bin | md5sum; (busybox true; echo $$); seq 1 200 | sort -r | sha256sum; done >/dev/null 2>&1";

    [Theory]
    [Trait("Category", "Nightly")]
    [InlineData(EngineKind.Jit, 160)]
    [InlineData(EngineKind.Jit, 8)]
    [InlineData(EngineKind.Interpreter, 160)]
    public void ForkExecAndModules_HoldTheResidentSizeFlat(EngineKind engine, int codeCacheMebibytes)
    {
        var options = TestGuest.Debian("debian-arm64-full", Work) with
        {
            Engine = engine,
            CodeCacheBytes = (ulong)codeCacheMebibytes << 20,
            Memory = new MemoryOption(256 << 20),
            TimeLimit = TimeSpan.FromSeconds(Seconds + 30),
        };
        using var machine = new VirtualMachine(options, new MachineHost { Log = Log.Null, CreateSerial = () => new NullBackend() });
        var run = new Thread(() => machine.Run()) { IsBackground = true };
        run.Start();
        var samples = new List<double>();
        for (var second = SampleSeconds; second <= Seconds && run.IsAlive; second += SampleSeconds)
        {
            Thread.Sleep(TimeSpan.FromSeconds(SampleSeconds));
            var resident = ResidentMebibytes();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{second} s: {resident:F1} MiB"));
            if (second >= WarmUpSeconds)
            {
                samples.Add(resident);
            }
        }

        Assert.True(run.IsAlive, "the guest ended early");
        var statistics = machine.Statistics();
        output.WriteLine(string.Join(' ', statistics.Counters.Select(c => $"{c.Name}={c.Value}")));
        machine.Control.Stop(new RunOutcome(RunEnd.Quit));
        run.Join();
        var tenth = Math.Max(samples.Count / 10, 1);
        double first = samples.Take(tenth * 2).Max(), last = samples.TakeLast(tenth * 2).Max();
        Assert.True(last <= first * Tolerance, $"{first:F1} MiB after the warm-up, {last:F1} MiB at the end");
    }

    private static double ResidentMebibytes()
    {
        const string Field = "VmRSS:";
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(Field, StringComparison.Ordinal));
        return double.Parse(line[Field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1024;
    }
}
