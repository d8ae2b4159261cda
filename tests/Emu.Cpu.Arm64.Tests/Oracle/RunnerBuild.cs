// Builds the runner with Debian's binutils, and says what is missing when it cannot.
using System.ComponentModel;
using System.Diagnostics;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Where the runner and the other tools are.</summary>
public static class RunnerBuild
{
    private static readonly Lock Gate = new();

    private static string? runner;

    /// <summary>Why the comparison cannot run here, or null.</summary>
    public static string? Missing(Reference reference)
    {
        if (!OperatingSystem.IsLinux())
        {
            return "qemu-user runs on Linux only";
        }

        if (reference.Missing() is { } missing)
        {
            return missing;
        }

        return CanStart("aarch64-linux-gnu-as") && CanStart("aarch64-linux-gnu-ld")
            ? null
            : "aarch64-linux-gnu-as is missing (Debian package binutils-aarch64-linux-gnu)";
    }

    /// <summary>Path of the runner; built when its source is newer.</summary>
    public static string Runner()
    {
        lock (Gate)
        {
            if (runner != null)
            {
                return runner;
            }

            var directory = Path.Combine(Root(), "testroms", "oracle");
            var source = Path.Combine(directory, "runner.s");
            var built = Path.Combine(directory, "obj", "runner");
            if (!File.Exists(built) || File.GetLastWriteTimeUtc(built) < File.GetLastWriteTimeUtc(source))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(built)!);
                var scratch = $"{built}.{Environment.ProcessId}";
                Run("aarch64-linux-gnu-as", source, "-o", scratch + ".o");
                Run("aarch64-linux-gnu-ld", "-Ttext-segment=0x10000000", scratch + ".o", "-o", scratch);
                File.Delete(scratch + ".o");
                File.Move(scratch, built, overwrite: true);
            }

            return runner = built;
        }
    }

    /// <summary>The repository's top directory.</summary>
    public static string Root()
    {
        for (var d = AppContext.BaseDirectory; d != null; d = Path.GetDirectoryName(d))
        {
            if (File.Exists(Path.Combine(d, "Emu.sln")))
            {
                return d;
            }
        }

        throw new InvalidOperationException("Emu.sln is not in a directory above the test program");
    }

    /// <summary>Disassembly of words, one line each; empty lines when objdump is missing.</summary>
    public static string[] Disassemble(ReadOnlySpan<uint> words)
    {
        var lines = new string[words.Length];
        Array.Fill(lines, "");
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, global::System.Runtime.InteropServices.MemoryMarshal.AsBytes(words).ToArray());
            var text = Run("aarch64-linux-gnu-objdump", "-D", "-b", "binary", "-m", "aarch64", file);
            foreach (var line in text.Split('\n'))
            {
                var parts = line.Split('\t', 3);
                if (parts.Length == 3 && int.TryParse(parts[0].TrimEnd(':').Trim(), global::System.Globalization.NumberStyles.HexNumber, null, out var offset))
                {
                    lines[offset / 4] = parts[2].Replace('\t', ' ').Trim();
                }
            }
        }
        catch (Win32Exception)
        {
            // A report without disassembly is still a report.
        }
        finally
        {
            File.Delete(file);
        }

        return lines;
    }

    private static bool CanStart(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d => File.Exists(Path.Combine(d, tool)));

    private static string Run(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo(tool, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? text : throw new InvalidOperationException($"{tool}: {error.Result.Trim()}");
    }
}
