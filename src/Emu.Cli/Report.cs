// One-line messages on standard error, and lines of results on standard output.
using System.Text;

namespace Emu.Cli;

/// <summary>Writes for the user.</summary>
internal static class Report
{
    /// <summary>Writes "emu: message" on standard error.</summary>
    /// <returns><paramref name="status"/>.</returns>
    public static int Error(string message, int status)
    {
        Line($"emu: {message}");
        return status;
    }

    /// <summary>Writes a line on standard error.</summary>
    public static void Line(string text) => Write(Console.OpenStandardError(), text);

    /// <summary>Writes a line on standard output.</summary>
    public static void Result(string text) => Write(Console.OpenStandardOutput(), text);

    private static void Write(Stream stream, string text)
    {
        try
        {
            stream.Write(Encoding.UTF8.GetBytes(text + "\n"));
        }
        catch (IOException)
        {
            // Nobody reads it any more; the exit status still tells.
        }
    }
}
