// Finds the two markers around a command's output in the guest's console stream, byte by byte.
namespace Emu.Cli.Exec;

/// <summary>The state machine: before, inside and after the command's output.</summary>
internal sealed class ExecMarkers
{
    /// <summary>Longest marker: the end with a status of three digits, CR and LF.</summary>
    public const int MaximumLength = 19;

    private const byte RecordSeparator = 0x1E;
    private const int MaximumDigits = 3;

    private readonly byte[] held = new byte[MaximumLength + 1];
    private int heldLength;
    private bool inside;

    private enum Match
    {
        No,
        Partly,
        Whole,
    }

    private static ReadOnlySpan<byte> Begin => "\u001eEMU-EXEC-BEGIN"u8;

    private static ReadOnlySpan<byte> End => "\u001eEMU-EXEC-END "u8;

    /// <summary>The command's status, once the end marker came.</summary>
    public int? ExitStatus { get; private set; }

    /// <summary>Takes the console's next byte.</summary>
    /// <param name="value">The byte.</param>
    /// <param name="output">Gets the command's output that is certain now: at least <see cref="MaximumLength"/> + 1 bytes long.</param>
    /// <returns>How many bytes that is.</returns>
    public int Next(byte value, Span<byte> output)
    {
        if (heldLength == 0 && value != RecordSeparator)
        {
            return Pass(value, output, 0);
        }

        held[heldLength++] = value;
        var count = 0;
        while (heldLength > 0)
        {
            switch (Examine())
            {
                case Match.Whole:
                    heldLength = 0;
                    return count;
                case Match.Partly:
                    return count;
                default:
                    // Not a marker: its first byte is output, and the rest may begin one.
                    count = Pass(held[0], output, count);
                    held.AsSpan(1, --heldLength).CopyTo(held);
                    break;
            }
        }

        return count;
    }

    private int Pass(byte value, Span<byte> output, int count)
    {
        if (inside)
        {
            output[count++] = value;
        }

        return count;
    }

    private Match Examine()
    {
        ReadOnlySpan<byte> text = held.AsSpan(0, heldLength);
        if (text[0] != RecordSeparator)
        {
            return Match.No;
        }

        var marker = inside ? End : Begin;
        if (text.Length <= marker.Length)
        {
            return marker.StartsWith(text) ? Match.Partly : Match.No;
        }

        return text.StartsWith(marker) ? ExamineRest(text[marker.Length..]) : Match.No;
    }

    /// <summary>What follows the fixed part: digits at the end marker, then an optional CR, then LF.</summary>
    private Match ExamineRest(ReadOnlySpan<byte> rest)
    {
        var digits = 0;
        var status = 0;
        while (inside && digits < rest.Length && digits < MaximumDigits && rest[digits] is >= (byte)'0' and <= (byte)'9')
        {
            status = (status * 10) + (rest[digits++] - '0');
        }

        var tail = rest[digits..];
        if (tail.IsEmpty)
        {
            return Match.Partly;
        }

        if (inside && digits == 0)
        {
            return Match.No;
        }

        if (tail[0] == (byte)'\r')
        {
            tail = tail[1..];
            if (tail.IsEmpty)
            {
                return Match.Partly;
            }
        }

        if (tail is not [(byte)'\n'])
        {
            return Match.No;
        }

        if (inside)
        {
            ExitStatus = Math.Min(status, 255);
        }

        inside = !inside && ExitStatus is null;
        return Match.Whole;
    }
}
