// Exit statuses, the line of --stats, and how a bare --deterministic is read.
using Emu.Cli.Commands;
using Emu.Cli.Host;
using Emu.Cli.Reports;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Cli.Tests;

public class SessionTests
{
    [Theory]
    [InlineData(RunEnd.PowerOff, 0, 0)]
    [InlineData(RunEnd.InstructionLimit, 0, 0)]
    [InlineData(RunEnd.Quit, 0, 0)]
    [InlineData(RunEnd.Reset, 0, 10)]
    [InlineData(RunEnd.Panic, 0, 11)]
    [InlineData(RunEnd.ExitCode, 42, 42)]
    [InlineData(RunEnd.TimeLimit, 0, 124)]
    [InlineData(RunEnd.Signal, 15, 143)]
    [InlineData(RunEnd.Signal, 2, 130)]
    public void End_HasItsExitStatus(RunEnd end, int code, int status)
    {
        using var report = new ExitReport(stats: false, stateHash: false, jsonPath: null);
        var session = new Session(new MachineOptions { Kernel = "k", TimeLimit = TimeSpan.FromSeconds(1) }, report);
        Assert.Equal(status, session.Status(new RunOutcome(end, code)));
    }

    [Fact]
    public void Failure_IsAnInternalError()
    {
        using var report = new ExitReport(stats: false, stateHash: false, jsonPath: null);
        var session = new Session(new MachineOptions { Kernel = "k" }, report);
        Assert.Equal(3, session.Status(new RunOutcome(RunEnd.Failure, 0, new InvalidOperationException("broken"))));
    }

    [Fact]
    public void Stats_AreOneLineOfKeysAndValues()
    {
        var line = ExitReport.Format(new RunStatistics(910_000_000, 6.5, 60_800, 100 << 20, [("tlb_misses", 12), ("ratio", 0.5)]));
        Assert.Equal("instructions=910000000 wall_seconds=6.500 mips=140.0 blocks_translated=60800 peak_rss_mib=100.0 tlb_misses=12 ratio=0.5", line);
    }

    [Fact]
    public void BareDeterministic_DoesNotSwallowTheNextWord()
    {
        Assert.Equal(["boot", "--deterministic=0", "debian-arm64"], RunOptions.Normalize(["boot", "--deterministic", "debian-arm64"]));
        Assert.Equal(["--deterministic=7"], RunOptions.Normalize(["--deterministic=7"]));
        Assert.Equal(["--exec", "--deterministic"], RunOptions.Normalize(["--exec", "--deterministic"]));
    }
}
