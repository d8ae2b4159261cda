// Help and version: every command explains itself on standard output, with every option it has.
namespace Emu.Cli.Tests;

public class HelpTests
{
    private static readonly string[] MachineOptionNames =
    [
        "--kernel", "--initramfs", "--cmdline", "--cpus", "--memory", "--serial", "--arch", "--engine", "--deterministic", "--time-limit",
        "--no-reboot", "--semihosting", "--stop-at", "--state-hash", "--stats", "--stats-json",
    ];

    [Theory]
    [InlineData("run")]
    [InlineData("boot")]
    public void Help_ListsEveryOption(string command)
    {
        var result = EmuProcess.Run(null, command, "--help");
        Assert.Equal(0, result.Status);
        Assert.Equal("", result.Error);
        Assert.All(MachineOptionNames, name => Assert.Contains($"  {name} ", result.Output, StringComparison.Ordinal));
        Assert.Equal(command == "boot", result.Output.Contains("--exec <CMD>", StringComparison.Ordinal));
    }

    [Fact]
    public void Help_ListsEveryCommand()
    {
        var result = EmuProcess.Run(null, "--help");
        Assert.Equal(0, result.Status);
        Assert.All(["run", "boot <NAME>", "version"], name => Assert.Contains($"  {name} ", result.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void Version_NamesTheBuild()
    {
        var result = EmuProcess.Run(null, "version");
        Assert.Equal(0, result.Status);
        Assert.Matches(@"^emu \d+\.\d+\.\d+ \(.+, \.NET .+\)\n$", result.Output);
    }
}
