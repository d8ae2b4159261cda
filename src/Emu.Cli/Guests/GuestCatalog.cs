// The guests the project provides: one script each under testroms/guests, which fetches, checks and caches the guest's files.
using System.ComponentModel;
using System.Diagnostics;
using Emu.Core;

namespace Emu.Cli.Guests;

/// <summary>Finds and runs the scripts.</summary>
internal static class GuestCatalog
{
    /// <summary>Set by the wrapper script: the project's top directory.</summary>
    private const string RootVariable = "EMU_ROOT";

    private static readonly string ScriptsPath = Path.Combine("testroms", "guests");

    /// <summary>Provides a guest; its script reports progress on standard error.</summary>
    /// <returns>The guest's files.</returns>
    /// <exception cref="EmuException">There is no such guest, or it cannot be had.</exception>
    public static (string Kernel, string? Initramfs) Provide(string name)
    {
        var directory = ScriptsDirectory();
        var names = Names(directory);
        if (Array.IndexOf(names, name) < 0)
        {
            throw new EmuException($"there is no guest '{name}'; there is {(names.Length == 0 ? "none" : string.Join(", ", names))}");
        }

        var output = Run(Path.Combine(directory, name), name);
        string? kernel = null;
        string? initramfs = null;
        foreach (var line in output.Split('\n'))
        {
            if (line.StartsWith("kernel=", StringComparison.Ordinal))
            {
                kernel = line["kernel=".Length..];
            }
            else if (line.StartsWith("initramfs=", StringComparison.Ordinal))
            {
                initramfs = line["initramfs=".Length..];
            }
        }

        return (kernel ?? throw new EmuException($"the script of guest '{name}' named no kernel; run {Path.Combine(directory, name)} --print-paths to see why"), initramfs);
    }

    /// <summary>The guests: executable files of the directory, sorted.</summary>
    private static string[] Names(string directory)
    {
        const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        var names = new List<string>();
        foreach (var path in Directory.GetFiles(directory))
        {
            if (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & Executable) != 0)
            {
                names.Add(Path.GetFileName(path));
            }
        }

        names.Sort(StringComparer.Ordinal);
        return [.. names];
    }

    private static string ScriptsDirectory()
    {
        if (Environment.GetEnvironmentVariable(RootVariable) is { Length: > 0 } root)
        {
            var named = Path.Combine(root, ScriptsPath);
            return Directory.Exists(named) ? named : throw new EmuException($"{RootVariable}={root} has no {ScriptsPath}; set it to the project's top directory");
        }

        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var candidate = Path.Combine(at.FullName, ScriptsPath);
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new EmuException($"the guests' scripts ({ScriptsPath}) were not found; start emu through the project's ./emu, or set {RootVariable}");
    }

    private static string Run(string script, string name)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(script, "--print-paths") { RedirectStandardOutput = true })!;
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? output : throw new EmuException($"guest '{name}' could not be provided: its script ended with status {process.ExitCode}, see above");
        }
        catch (Win32Exception e)
        {
            throw new EmuException($"guest '{name}': its script {script} cannot be run", e);
        }
    }
}
