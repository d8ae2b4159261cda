// What is reported when a machine has ended: --stats, --stats-json, --state-hash.
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Emu.Core;
using Emu.Machine;
using Emu.Machine.Lifecycle;

namespace Emu.Cli.Reports;

/// <summary>The reports asked for.</summary>
internal sealed class ExitReport : IDisposable
{
    private readonly FileStream? json;
    private readonly bool stats;

    /// <summary>Creates the JSON file, so that one that cannot be written is known before the machine runs.</summary>
    /// <exception cref="EmuException">The file cannot be written.</exception>
    public ExitReport(bool stats, bool stateHash, string? jsonPath)
    {
        this.stats = stats;
        StateHash = stateHash;
        if (jsonPath is null)
        {
            return;
        }

        try
        {
            json = new FileStream(jsonPath, FileMode.Create, FileAccess.Write);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EmuException($"--stats-json '{jsonPath}' cannot be written; give a file in a directory you may write to", e);
        }
    }

    /// <summary>Whether the state hash is wanted.</summary>
    public bool StateHash { get; }

    /// <summary>Reports on a machine that has ended.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="atLineStart">Whether standard output stands at the start of a line.</param>
    /// <exception cref="EmuException">The JSON file cannot be written.</exception>
    public void Write(VirtualMachine machine, bool atLineStart)
    {
        var statistics = stats || json is not null ? machine.Statistics() : null;
        if (StateHash)
        {
            Report.Result($"{(atLineStart ? "" : "\n")}state-hash={machine.StateHash()} instructions={machine.Instructions}");
        }

        if (statistics is null)
        {
            return;
        }

        if (stats)
        {
            Report.Line(string.Create(CultureInfo.InvariantCulture, $"{Format(statistics)} startup_ms={StartupMilliseconds(machine):F1}"));
        }

        if (json is not null)
        {
            WriteJson(json, statistics, StartupMilliseconds(machine));
        }
    }

    /// <summary>From the program's first own instruction to the guest's.</summary>
    private static double StartupMilliseconds(VirtualMachine machine) => Stopwatch.GetElapsedTime(Program.Started, machine.Started).TotalMilliseconds;

    /// <summary>The line of --stats.</summary>
    public static string Format(RunStatistics statistics)
    {
        var line = new StringBuilder();
        line.Append(
            CultureInfo.InvariantCulture,
            $"instructions={statistics.Instructions} wall_seconds={statistics.WallSeconds:F3} mips={statistics.Mips:F1} blocks_translated={statistics.BlocksTranslated} peak_rss_mib={statistics.PeakRssBytes / 1048576.0:F1}");
        foreach (var (name, value) in statistics.Counters)
        {
            line.Append(CultureInfo.InvariantCulture, $" {name}={value}");
        }

        return line.ToString();
    }

    /// <inheritdoc/>
    public void Dispose() => json?.Dispose();

    private static void WriteJson(FileStream file, RunStatistics statistics, double startupMilliseconds)
    {
        try
        {
            using (var writer = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true }))
            {
                writer.WriteStartObject();
                writer.WriteNumber("instructions", statistics.Instructions);
                writer.WriteNumber("wall_seconds", Math.Round(statistics.WallSeconds, 6));
                writer.WriteNumber("mips", Math.Round(statistics.Mips, 3));
                writer.WriteNumber("blocks_translated", statistics.BlocksTranslated);
                writer.WriteNumber("peak_rss_bytes", statistics.PeakRssBytes);
                writer.WriteNumber("startup_ms", Math.Round(startupMilliseconds, 3));
                foreach (var (name, value) in statistics.Counters)
                {
                    writer.WriteNumber(name, value);
                }

                writer.WriteEndObject();
            }

            file.Write("\n"u8);
            file.Flush();
        }
        catch (IOException e)
        {
            throw new EmuException($"--stats-json '{file.Name}' could not be written to the end; look for room on the disk", e);
        }
    }
}
