// Exit statuses seen from outside, on real guests: power-off, reset, time limit, a command's own status, an instruction limit.
namespace Emu.Cli.Tests;

public sealed class ExitStatusTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-exit-test-");

    public void Dispose() => directory.Delete(recursive: true);

    [Fact]
    public void Reset_UnderNoReboot_Is10() => Assert.Equal(10, DebianGuest.Run("reboot -f", "--serial", "null", "--no-reboot", "--time-limit", "1500").Status);

    [Fact]
    public void Reset_WithoutNoReboot_BootsAgain()
    {
        // A run that takes three times the instructions of a boot has booted again.
        var result = DebianGuest.Run("reboot -f", "--serial", "null", "--stop-at", "2500000000", "--state-hash");
        Assert.Equal("", result.Error);
        Assert.Equal(0, result.Status);
        Assert.EndsWith(" instructions=2500000000\n", result.Output, StringComparison.Ordinal);
    }

    /// <summary>What a kernel with the driver does when it panics: bit 0 of the device's register. Debian's kernels for arm64 have none.</summary>
    [Fact]
    public void Panic_ToldByPvpanic_Is11()
    {
        const string TellPanic = "for d in /sys/bus/pci/devices/*; do [ \"$(cat $d/device)\" = 0x0011 ] && p=$d; done; echo 1 >$p/enable; read start rest <$p/resource; devmem $start 8 1; sleep 10000";
        var result = DebianGuest.Boot("--exec", TellPanic, "--pvpanic", "--time-limit", "1500");
        Assert.Equal(11, result.Status);
        Assert.Equal("emu: pvpanic: the guest panicked\n", result.Error);
    }

    /// <summary>Without the device a panic is a reset: panic=-1 is on the command line.</summary>
    [Fact]
    public void Panic_OfWhichNobodyTells_Is3_WithTheConsolesLastLines()
    {
        var result = DebianGuest.Boot("--exec", "echo 9 >/proc/sys/kernel/printk; echo c >/proc/sysrq-trigger", "--time-limit", "1500");
        Assert.Equal(3, result.Status);
        Assert.StartsWith("emu: the guest ended (Reset) before the command did; its last console output: ", result.Error, StringComparison.Ordinal);
        Assert.Contains("Kernel panic", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void TimeLimit_Is124_AndSaysSo()
    {
        var result = DebianGuest.Boot("--exec", "sleep 10000", "--time-limit", "1.5");
        Assert.Equal(124, result.Status);
        Assert.Equal("emu: stopped by --time-limit after 1.5 s\n", result.Error);
        Assert.Equal("", result.Output);
    }

    [Theory]
    [InlineData("exit 7", 7, "")]
    [InlineData("echo out; echo err >&2; false", 1, "out\nerr\n")]
    [InlineData("printf 'no newline'; kill -15 $$", 143, "no newlineTerminated\n")]
    public void Exec_GivesOutputAndStatusOfTheCommand(string command, int status, string output)
    {
        var result = DebianGuest.Boot("--exec", command);
        Assert.Equal(output, result.Output);
        Assert.Equal("", result.Error);
        Assert.Equal(status, result.Status);
    }

    [Fact]
    public void Exec_InAGuestThatEndsFirst_Is3_WithTheConsolesLastLines()
    {
        var result = DebianGuest.Boot("--exec", "echo hello; poweroff -f");
        Assert.Equal(3, result.Status);
        Assert.StartsWith("hello\n", result.Output, StringComparison.Ordinal);
        var line = Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("emu: the guest ended (PowerOff) before the command did; its last console output: ", line, StringComparison.Ordinal);
        Assert.Contains("hello", line, StringComparison.Ordinal);
    }

    /// <summary>The state at an instruction does not depend on the engine that got there.</summary>
    [Fact]
    public void StopAt_StopsAtTheExactInstruction_OnBothEngines()
    {
        EmuResult At(string engine) => DebianGuest.Boot("--exec", "true", "--deterministic=5", "--stop-at", "123456789", "--state-hash", "--engine", engine);
        var jit = At("jit");
        Assert.Equal(0, jit.Status);
        Assert.Matches(@"^state-hash=[0-9a-f]{32} instructions=123456789\n$", jit.Output);
        Assert.Equal(jit.Output, At("interpreter").Output);
    }

    [Fact]
    public void UnhandledAccess_IsLoggedOnce_AndReadsAsOnes()
    {
        var result = DebianGuest.Boot("--exec", "devmem 0x20000 32; devmem 0x20000 32; devmem 0x20000 64");
        Assert.Equal("0xFFFFFFFF\n0xFFFFFFFF\n0xFFFFFFFFFFFFFFFF\n", result.Output);
        Assert.Equal(0, result.Status);
        var line = Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.Matches("0x0*20000", line);
        Assert.Matches("(?i)pc", line);
    }

    [Fact]
    public void SerialOff_AndNull_BootToo()
    {
        Assert.Equal(0, DebianGuest.Run("true", "--serial", "null", "--time-limit", "1500").Status);
        Assert.Equal(0, DebianGuest.Run("true", "--serial", "off", "--time-limit", "1500").Status);
    }
}
