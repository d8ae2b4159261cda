// Runs the built emu command as a user does: a process with its own standard streams.
using System.Diagnostics;

namespace Emu.Cli.Tests;

/// <summary>What a run of the command gave.</summary>
/// <param name="Status">Exit status.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
public sealed record EmuResult(int Status, string Output, string Error);

/// <summary>Starts the command.</summary>
public static class EmuProcess
{
    private const int TimeoutMilliseconds = 1_800_000;

    /// <summary>The built program, for the dotnet command.</summary>
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "emu.dll");

    /// <summary>Runs it to its end, with nothing on standard input.</summary>
    /// <param name="root">Value of EMU_ROOT, or null for none.</param>
    /// <param name="arguments">The command line.</param>
    public static EmuResult Run(string? root, params string[] arguments) =>
        Execute("dotnet", [Program, .. arguments], new() { ["EMU_ROOT"] = root ?? "" });

    /// <summary>Runs any program to its end, with nothing on standard input.</summary>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables to set.</param>
    public static EmuResult Execute(string program, string[] arguments, Dictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.Environment.Remove("EMU_DEBUG");
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeoutMilliseconds))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end; it said: {error.Result}");
        }

        return new EmuResult(process.ExitCode, output.Result, error.Result);
    }
}
