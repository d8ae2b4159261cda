// The project's ready-made guests for tests that run a real kernel.
using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Emu.Machine.Options;

namespace Emu.Machine.Tests;

/// <summary>Options of a machine with such a guest.</summary>
internal static class TestGuest
{
    /// <summary>The guest runs a shell command and powers off.</summary>
    /// <param name="name">Its script in testroms/guests, which fetches it where it is missing.</param>
    /// <param name="command">The command.</param>
    public static MachineOptions Debian(string name, string command)
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Emu.sln")))
        {
            directory = directory.Parent;
        }

        Assert.NotNull(directory);
        var script = Path.Combine(directory.FullName, "testroms", "guests", name);
        string text;
        try
        {
            using var process = Process.Start(new ProcessStartInfo(script, "--print-paths") { RedirectStandardOutput = true })!;
            text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"{script} cannot be run", e);
        }

        string Value(string key) => text.Split('\n').First(l => l.StartsWith(key, StringComparison.Ordinal))[key.Length..];
        return new MachineOptions
        {
            Kernel = Value("kernel="),
            Initramfs = Value("initramfs="),
            CommandLine = $"console=ttyAMA0 panic=-1 quiet emu.exec={Convert.ToBase64String(Encoding.UTF8.GetBytes(command))}",
            NoReboot = true,
            TimeLimit = TimeSpan.FromMinutes(30),
        };
    }
}
