// The size of the user's terminal window, told to an interactive guest, whose serial port cannot.
using System.Runtime.InteropServices;

namespace Emu.Cli.Host;

/// <summary>Asks the terminal of standard output.</summary>
internal static partial class TerminalSize
{
    /// <summary>ioctl TIOCGWINSZ (Linux asm-generic/ioctls.h).</summary>
    private const nuint GetWindowSize = 0x5413;

    private const int StandardOutput = 1;

    /// <summary>Rows and columns, or null when standard output is no terminal or has no size.</summary>
    public static (int Rows, int Columns)? TryGet() =>
        Ioctl(StandardOutput, GetWindowSize, out var size) == 0 && size is { Rows: > 0, Columns: > 0 } ? (size.Rows, size.Columns) : null;

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Ioctl(int descriptor, nuint request, out WindowSize size);

    /// <summary>struct winsize.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort PixelsX;
        public ushort PixelsY;
    }
}
