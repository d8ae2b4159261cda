// The exit statuses of the emu command.
namespace Emu.Cli;

/// <summary>What the shell gets.</summary>
internal static class ExitStatus
{
    /// <summary>The guest powered off, the instruction limit was reached, or the user quit at the console.</summary>
    public const int Success = 0;

    /// <summary>emu bisect found a difference.</summary>
    public const int Different = 1;

    /// <summary>Bad usage or bad input.</summary>
    public const int BadUsage = 2;

    /// <summary>The emulator failed, or a guest ended without giving the status it was run for.</summary>
    public const int InternalError = 3;

    /// <summary>The guest reset under --no-reboot.</summary>
    public const int GuestReset = 10;

    /// <summary>The guest panicked.</summary>
    public const int GuestPanic = 11;

    /// <summary>The time limit passed (the status of timeout(1)).</summary>
    public const int TimeLimit = 124;

    /// <summary>Added to a signal's number, as shells do.</summary>
    public const int SignalBase = 128;
}
