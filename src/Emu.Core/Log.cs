// Diagnostics for people: leveled one-line messages on standard error or in a file, with a once-only form for guest-triggered ones.
namespace Emu.Core;

/// <summary>Severity of a message.</summary>
public enum LogLevel
{
    /// <summary>Something failed.</summary>
    Error,

    /// <summary>Something is odd and the guest or user should know.</summary>
    Warning,

    /// <summary>Progress (-v).</summary>
    Info,

    /// <summary>Detail (-vv).</summary>
    Debug,
}

/// <summary>Where messages go. Thread-safe. A guest cannot flood it: guest-triggered messages go through <see cref="Once"/>.</summary>
public sealed class Log
{
    private const int MaximumOnceKeys = 4096;
    private readonly HashSet<string> seen = [];
    private readonly TextWriter writer;

    /// <summary>Logs to <paramref name="writer"/>.</summary>
    /// <param name="writer">Receives whole lines.</param>
    /// <param name="level">Messages above this level are dropped.</param>
    public Log(TextWriter writer, LogLevel level = LogLevel.Warning)
    {
        this.writer = TextWriter.Synchronized(writer);
        Level = level;
    }

    /// <summary>A log that drops everything.</summary>
    public static Log Null { get; } = new(TextWriter.Null, LogLevel.Error);

    /// <summary>The most detailed level written.</summary>
    public LogLevel Level { get; set; }

    /// <summary>Line ending: a raw terminal needs "\r\n".</summary>
    public string NewLine { get; set; } = "\n";

    /// <summary>Writes a message.</summary>
    public void Write(LogLevel level, string message)
    {
        if (level <= Level)
        {
            writer.Write($"emu: {message}{NewLine}");
            writer.Flush();
        }
    }

    /// <summary>Writes a message the first time <paramref name="key"/> is seen.</summary>
    public void Once(string key, LogLevel level, string message)
    {
        bool first;
        lock (seen)
        {
            first = seen.Count < MaximumOnceKeys && seen.Add(key);
        }

        if (first)
        {
            Write(level, message);
        }
    }
}
