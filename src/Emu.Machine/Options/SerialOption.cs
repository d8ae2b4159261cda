// --serial tty|file=PATH|null|off|socket=PATH: where the serial port's bytes go.
using Emu.Core;

namespace Emu.Machine.Options;

/// <summary>What is behind the serial port.</summary>
public enum SerialMode
{
    /// <summary>The terminal: standard input and output.</summary>
    Tty,

    /// <summary>Output goes to a file; no input.</summary>
    File,

    /// <summary>Output is dropped; no input.</summary>
    Null,

    /// <summary>The machine has no serial port.</summary>
    Off,

    /// <summary>A listening Unix socket, one client at a time.</summary>
    Socket,
}

/// <summary>The serial port's back end.</summary>
/// <param name="Mode">Kind.</param>
/// <param name="Path">File or socket path.</param>
public readonly record struct SerialOption(SerialMode Mode, string? Path = null)
{
    /// <summary>The terminal.</summary>
    public static readonly SerialOption Default = new(SerialMode.Tty);

    /// <summary>Parses the option's value. A path is everything after the first "=", commas included.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static SerialOption Parse(string text) => Parse("--serial", text);

    /// <summary>Parses the value of another option of the same form.</summary>
    /// <param name="option">The option's name, for messages.</param>
    /// <param name="text">Its value.</param>
    /// <exception cref="EmuException">Malformed.</exception>
    internal static SerialOption Parse(string option, string text)
    {
        var equals = text.IndexOf('=');
        var kind = equals < 0 ? text : text[..equals];
        var path = equals < 0 ? null : text[(equals + 1)..];
        SerialMode mode;
        switch (kind)
        {
            case "tty": mode = SerialMode.Tty; break;
            case "null": mode = SerialMode.Null; break;
            case "off": mode = SerialMode.Off; break;
            case "file": mode = SerialMode.File; break;
            case "socket": mode = SerialMode.Socket; break;
            default:
                throw new EmuException($"{option} '{text}' is unknown; expected tty, file=PATH, null, off or socket=PATH");
        }

        var wantsPath = mode is SerialMode.File or SerialMode.Socket;
        if (wantsPath && string.IsNullOrEmpty(path))
        {
            throw new EmuException($"{option} {text}: the path is missing; expected {kind}=PATH");
        }

        if (!wantsPath && path is not null)
        {
            throw new EmuException($"{option} {text}: '{kind}' takes no value");
        }

        return new SerialOption(mode, path);
    }
}
