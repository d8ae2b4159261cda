// Whether a program listens at the path of a Unix socket yet, found out without connecting.
namespace Emu.Tests;

/// <summary>The file is there from bind() on, some time before listen(); and a program that takes one connection must not be tried.</summary>
internal static class UnixListener
{
    private const string Sockets = "/proc/net/unix";

    /// <summary>The column Flags of a socket that listens: __SO_ACCEPTCON.</summary>
    private const string AcceptsConnections = " 00010000 ";

    /// <summary>A process listens at the path.</summary>
    public static bool IsAt(string path) => File.ReadLines(Sockets).Any(line =>
        line.EndsWith(" " + path, StringComparison.Ordinal) && line.Contains(AcceptsConnections, StringComparison.Ordinal));
}
