// The guest debian-arm64 for tests: its files from the project's script, and the command line that makes it run a command.
using System.Text;

namespace Emu.Cli.Tests;

/// <summary>Debian's arm64 kernel and the busybox initramfs.</summary>
public static class DebianGuest
{
    private static readonly Lazy<(string Kernel, string Initramfs)> Files = new(Provide);

    /// <summary>The project's top directory.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The kernel file.</summary>
    public static string Kernel => Files.Value.Kernel;

    /// <summary>The initramfs file.</summary>
    public static string Initramfs => Files.Value.Initramfs;

    /// <summary>A kernel command line that runs a shell command between two markers and powers off.</summary>
    public static string CommandLine(string command) =>
        $"console=ttyAMA0 panic=-1 emu.exec={Convert.ToBase64String(Encoding.UTF8.GetBytes(command))}";

    /// <summary>emu run with the guest and a shell command.</summary>
    public static EmuResult Run(string command, params string[] options) =>
        EmuProcess.Run(Root, ["run", "--kernel", Kernel, "--initramfs", Initramfs, "--cmdline", CommandLine(command), .. options]);

    /// <summary>emu boot debian-arm64.</summary>
    public static EmuResult Boot(params string[] options) => EmuProcess.Run(Root, ["boot", "debian-arm64", .. options]);

    private static (string Kernel, string Initramfs) Provide()
    {
        var result = EmuProcess.Execute(Path.Combine(Root, "testroms", "guests", "debian-arm64"), ["--print-paths"], []);
        Assert.True(result.Status == 0, $"the guest debian-arm64 could not be provided: {result.Error}");
        string Value(string key) => result.Output.Split('\n').First(l => l.StartsWith(key, StringComparison.Ordinal))[key.Length..];
        return (Value("kernel="), Value("initramfs="));
    }

    private static string FindRoot()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Emu.sln")))
            {
                return at.FullName;
            }
        }

        throw new InvalidOperationException("the tests do not lie in the project's directory");
    }
}
