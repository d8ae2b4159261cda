// What --stats and --stats-json report of a run.
using Emu.Machine.Engines;

namespace Emu.Machine.Lifecycle;

/// <summary>Figures of a run.</summary>
/// <param name="Instructions">Retired over all vCPUs.</param>
/// <param name="WallSeconds">Host time from power-on to the end.</param>
/// <param name="BlocksTranslated">By the engine.</param>
/// <param name="PeakRssBytes">Largest resident size of the process.</param>
/// <param name="Counters">The engine's own counters.</param>
public sealed record RunStatistics(
    ulong Instructions, double WallSeconds, ulong BlocksTranslated, ulong PeakRssBytes, IReadOnlyList<(string Name, double Value)> Counters)
{
    private const string PeakField = "VmHWM:";

    /// <summary>Millions of instructions a second of host time.</summary>
    public double Mips => WallSeconds > 0 ? Instructions / WallSeconds / 1e6 : 0;

    /// <summary>Collects the figures.</summary>
    public static RunStatistics Collect(ulong instructions, TimeSpan wall, IEngineStatistics engine) =>
        new(instructions, wall.TotalSeconds, engine.BlocksTranslated, PeakRss(), [.. engine.Counters]);

    /// <summary>Largest resident size of this process in bytes, from /proc/self/status; 0 when the host does not tell.</summary>
    public static ulong PeakRss()
    {
        try
        {
            foreach (var line in File.ReadLines("/proc/self/status"))
            {
                if (line.StartsWith(PeakField, StringComparison.Ordinal))
                {
                    var text = line.AsSpan(PeakField.Length).Trim();
                    var space = text.IndexOf(' ');
                    return ulong.TryParse(space < 0 ? text : text[..space], out var kilobytes) ? kilobytes << 10 : 0;
                }
            }
        }
        catch (IOException)
        {
            // A host without /proc: the figure is left at 0.
        }

        return 0;
    }
}
