// The serial console of "emu boot --exec": passes on what the guest prints between two markers, and learns the command's status.
using System.Text;
using Emu.Devices.Serial;

namespace Emu.Cli.Exec;

/// <summary>
/// The guest's init prints RS "EMU-EXEC-BEGIN" before the command's output and RS "EMU-EXEC-END status" after it, each ended by a line feed.
/// What comes before is kept for the message of a guest that dies early.
/// </summary>
internal sealed class ExecConsole : ICharBackend
{
    /// <summary>Most console output kept for <see cref="LastLines"/>, in bytes.</summary>
    private const int KeptLength = 1024;

    private const int LinesShown = 4;

    private readonly ExecMarkers markers = new();
    private readonly Queue<byte> kept = new();
    private readonly OutputWriter writer;
    private readonly byte[] passed = new byte[ExecMarkers.MaximumLength + 1];

    /// <summary>Writes to standard output.</summary>
    public ExecConsole()
    {
        var output = Console.OpenStandardOutput();
        writer = new OutputWriter("command output", data =>
        {
            try
            {
                output.Write(data);
                return true;
            }
            catch (IOException)
            {
                return false;
            }
        });
    }

    /// <summary>The command's status, once it ended.</summary>
    public int? ExitStatus => markers.ExitStatus;

    /// <summary>Whether the command's output so far ends with a line feed, or is empty.</summary>
    public bool AtLineStart { get; private set; } = true;

    /// <summary>The last lines of the console, on one line.</summary>
    public string LastLines()
    {
        var text = new StringBuilder();
        foreach (var c in Encoding.UTF8.GetString(kept.ToArray()))
        {
            text.Append(c == '\n' || !char.IsControl(c) ? c : ' ');
        }

        var lines = text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return string.Join(" | ", lines.AsSpan(Math.Max(0, lines.Length - LinesShown))!);
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> data)
    {
        foreach (var value in data)
        {
            if (kept.Count == KeptLength)
            {
                kept.Dequeue();
            }

            kept.Enqueue(value);
            var count = markers.Next(value, passed);
            if (count > 0)
            {
                writer.Write(passed.AsSpan(0, count));
                AtLineStart = passed[count - 1] == (byte)'\n';
            }
        }
    }

    /// <inheritdoc/>
    public void Start(ICharSink sink) { }

    /// <inheritdoc/>
    public void Resume() { }

    /// <inheritdoc/>
    public void Flush() => writer.Flush();

    /// <inheritdoc/>
    public void CancelWaits() => writer.CancelWaits();

    /// <inheritdoc/>
    public void Dispose() => writer.Dispose();
}
