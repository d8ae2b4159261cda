// Help and version: every command explains itself on standard output, with every option it has.
namespace Emu.Cli.Tests;

public class HelpTests
{
    private static readonly string[] MachineOptionNames =
    [
        "--kernel", "--initramfs", "--cmdline", "--cpus", "--memory", "--serial", "--arch", "--engine", "--deterministic", "--time-limit",
        "--no-reboot", "--semihosting", "--stop-at", "--state-hash", "--stats", "--stats-json", "--cpu", "--trace", "--trace-from", "--trace-count",
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
        Assert.All(["run", "boot <NAME>", "isa <ARCH>", "version"], name => Assert.Contains($"  {name} ", result.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void Version_NamesTheBuild()
    {
        var result = EmuProcess.Run(null, "version");
        Assert.Equal(0, result.Status);
        Assert.Matches(@"^emu \d+\.\d+\.\d+ \(.+, \.NET .+\)\n$", result.Output);
    }

    [Fact]
    public void Isa_ListsRowsAndCounts()
    {
        var all = EmuProcess.Run(null, "isa", "arm64");
        Assert.Equal(0, all.Status);
        Assert.Contains("\nz0001011hh0mmmmmiiiiiinnnnnddddd  implemented  ADD (shifted register)\n", all.Output, StringComparison.Ordinal);
        Assert.Matches(@"\nTotal +\d+ +\d+ +\d+ +\d+\n$", all.Output);
        var some = EmuProcess.Run(null, "isa", "arm64", "--status", "not-yet", "--filter", "irg");
        Assert.Contains("not-yet      IRG (FEAT_MTE)\n", some.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("ADD (shifted register)", some.Output, StringComparison.Ordinal);
        Assert.StartsWith("group ", EmuProcess.Run(null, "isa", "arm64", "--summary").Output, StringComparison.Ordinal);
        Assert.Contains("lse\n", EmuProcess.Run(null, "isa", "arm64", "--features").Output, StringComparison.Ordinal);
    }
}
