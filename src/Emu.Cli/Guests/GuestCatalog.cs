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

    /// <summary>A guest of such a name is a disk that firmware boots from.</summary>
    private const string DiskSuffix = "-disk";

    private static readonly string ScriptsPath = Path.Combine("testroms", "guests");
    private static readonly string FirmwareScript = Path.Combine("..", "firmware", "cloudhv");

    /// <summary>Whether a guest boots from a disk.</summary>
    public static bool IsDisk(string name) => name.EndsWith(DiskSuffix, StringComparison.Ordinal);

    /// <summary>Provides a guest; its script reports progress, and what went wrong, on standard error.</summary>
    /// <param name="name">The guest.</param>
    /// <param name="files">Its files.</param>
    /// <returns>0, or the exit status of a script that has already told the user why there is no guest.</returns>
    /// <exception cref="EmuException">There is no such guest, or its script is broken.</exception>
    public static int Provide(string name, out GuestFiles files)
    {
        files = new GuestFiles(null, null, null);
        var directory = ScriptsDirectory();
        var names = Names(directory);
        if (Array.IndexOf(names, name) < 0)
        {
            throw new EmuException($"there is no guest '{name}'; there is {(names.Length == 0 ? "none" : string.Join(", ", names))}");
        }

        var what = $"guest '{name}'";
        var key = IsDisk(name) ? "disk" : "kernel";
        var status = Ask(what, Path.Combine(directory, name), key, out var answers);
        files = new GuestFiles(answers.GetValueOrDefault("kernel"), answers.GetValueOrDefault("initramfs"), answers.GetValueOrDefault("disk"));
        return status;
    }

    /// <summary>Provides the firmware that guests on disks boot by.</summary>
    /// <param name="path">The firmware's file.</param>
    /// <returns>As <see cref="Provide"/>.</returns>
    /// <exception cref="EmuException">Its script is broken.</exception>
    public static int ProvideFirmware(out string path)
    {
        const string Key = "firmware";
        var status = Ask("the firmware", Path.GetFullPath(Path.Combine(ScriptsDirectory(), FirmwareScript)), Key, out var answers);
        path = answers.GetValueOrDefault(Key, "");
        return status;
    }

    /// <summary>Runs a script and reads its lines KEY=PATH.</summary>
    private static int Ask(string what, string script, string key, out Dictionary<string, string> answers)
    {
        answers = [];
        var status = Run(script, what, out var output);
        if (status != ExitStatus.Success)
        {
            return status is ExitStatus.BadUsage or ExitStatus.InternalError || status > ExitStatus.SignalBase
                ? status
                : throw new EmuException($"{what} could not be provided: {script} ended with status {status}");
        }

        foreach (var line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split('=', 2);
            answers[parts[0]] = parts[^1];
        }

        return answers.ContainsKey(key) ? status : throw new EmuException($"the script of {what} named no {key}; run {script} --print-paths to see why");
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

    private static int Run(string script, string what, out string output)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(script, "--print-paths") { RedirectStandardOutput = true })!;
            output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (Win32Exception e)
        {
            throw new EmuException($"{what}: its script {script} cannot be run", e);
        }
    }
}
