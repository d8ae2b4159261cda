// Debian's arm64 kernel boots to the shell and powers off: threaded and deterministic, on both engines, with 1, 2 and 4 vCPUs.
using System.Globalization;
using System.Text.RegularExpressions;

namespace Emu.Cli.Tests;

public sealed partial class BootTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-boot-test-");

    public static TheoryData<int, string> Machines => new() { { 1, "jit" }, { 2, "jit" }, { 4, "jit" }, { 1, "interpreter" }, { 2, "interpreter" }, { 4, "interpreter" } };

    public void Dispose() => directory.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Machines))]
    public void Threaded_BootsToTheShell_AndPowersOff(int vcpus, string engine)
    {
        var result = DebianGuest.Boot("--exec", "uname -m; nproc", "--cpus", Cpus(vcpus), "--engine", engine);
        Assert.Equal("", result.Error);
        Assert.Equal($"aarch64\n{vcpus}\n", result.Output);
        Assert.Equal(0, result.Status);
    }

    /// <summary>Run after run and on either engine: the same console, the same instructions, the same state of the whole machine.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Deterministic_RunsAreEqual_OnBothEngines(int vcpus)
    {
        var (firstHash, firstConsole) = RunDeterministic(vcpus, "jit", 1);
        var (secondHash, secondConsole) = RunDeterministic(vcpus, "jit", 2);
        var (interpreterHash, interpreterConsole) = RunDeterministic(vcpus, "interpreter", 3);
        Assert.Contains($"\u001eEMU-EXEC-BEGIN\naarch64\n{vcpus}\n\u001eEMU-EXEC-END 0\n", firstConsole, StringComparison.Ordinal);
        Assert.Equal(firstConsole, secondConsole);
        Assert.Equal(firstHash, secondHash);
        Assert.Equal(firstConsole, interpreterConsole);
        Assert.Equal(firstHash, interpreterHash);
    }

    [Fact]
    public void Seed_ChangesTheRun()
    {
        const string Command = "od -An -tx8 -N16 /dev/urandom";
        var one = DebianGuest.Boot("--exec", Command, "--deterministic=1");
        var again = DebianGuest.Boot("--exec", Command, "--deterministic=1");
        var two = DebianGuest.Boot("--exec", Command, "--deterministic=2");
        Assert.Matches(@"^( [0-9a-f]{16}){2}\n$", one.Output);
        Assert.Equal(one.Output, again.Output);
        Assert.NotEqual(one.Output, two.Output);
    }

    [Fact]
    public void Auto_IsTheJit()
    {
        var result = DebianGuest.Boot("--exec", "true", "--stats");
        Assert.Equal(0, result.Status);
        var share = CompiledShare().Match(result.Error);
        Assert.True(share.Success, result.Error);

        // How much it is depends on how much of the host the compiler's thread gets; the interpreter's is 0.
        Assert.InRange(double.Parse(share.Groups[1].Value, CultureInfo.InvariantCulture), 0.001, 1.0);
    }

    /// <summary>The average A64 instruction of a boot is at most one and a half micro-ops.</summary>
    [Fact]
    public void Stats_TellMicroOpsPerInstruction()
    {
        var json = Path.Combine(directory.FullName, "stats.json");
        var result = DebianGuest.Boot("--exec", "true", "--engine", "interpreter", "--deterministic=1", "--stats-json", json);
        Assert.Equal(0, result.Status);
        using var document = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(json));
        Assert.InRange(document.RootElement.GetProperty("micro_ops_per_instruction").GetDouble(), 1.0, 1.5);
        Assert.InRange(document.RootElement.GetProperty("instructions").GetDouble(), 1e8, 1e10);
        Assert.True(document.RootElement.GetProperty("peak_rss_bytes").GetDouble() > 0);
    }

    private static string Cpus(int vcpus) => string.Create(CultureInfo.InvariantCulture, $"boot={vcpus}");

    private (string Hash, string Console) RunDeterministic(int vcpus, string engine, int run)
    {
        var console = Path.Combine(directory.FullName, $"console{run}");
        var result = DebianGuest.Run(
            "uname -m; nproc", "--cpus", Cpus(vcpus), "--engine", engine, "--deterministic=1", "--state-hash", "--serial", $"file={console}");
        Assert.Equal("", result.Error);
        Assert.Equal(0, result.Status);
        Assert.Matches(@"^state-hash=[0-9a-f]{32} instructions=\d+\n$", result.Output);
        return (result.Output, File.ReadAllText(console));
    }

    [GeneratedRegex(@" compiled_share=([\d.]+)")]
    private static partial Regex CompiledShare();
}
