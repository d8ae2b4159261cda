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
    private const int TimeoutMilliseconds = 60_000;

    /// <summary>Runs it to its end.</summary>
    /// <param name="root">Value of EMU_ROOT, or null for none.</param>
    /// <param name="arguments">The command line.</param>
    public static EmuResult Run(string? root, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "emu.dll"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["EMU_ROOT"] = root ?? "";
        start.Environment.Remove("EMU_DEBUG");
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeoutMilliseconds))
        {
            process.Kill();
            Assert.Fail($"emu {string.Join(' ', arguments)} did not end");
        }

        return new EmuResult(process.ExitCode, output.Result, error.Result);
    }
}
