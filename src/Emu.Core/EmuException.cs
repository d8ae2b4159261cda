// The exceptions a user sees: one line that names what was wrong and what would be right, never a stack trace.
namespace Emu.Core;

/// <summary>Bad usage or bad input (exit status 2). The message is one line that says what was wrong and what would be right.</summary>
public sealed class EmuException : Exception
{
    /// <summary>Creates the error.</summary>
    public EmuException(string message)
        : base(message) { }

    /// <summary>Creates the error with the failure below it.</summary>
    public EmuException(string message, Exception inner)
        : base(message, inner) { }

    /// <summary>Creates an empty error.</summary>
    public EmuException() { }
}
