// --console off|null|tty|file=PATH|socket=PATH: a virtio console, and where its bytes go.
using Emu.Core;

namespace Emu.Machine.Options;

/// <summary>The virtio console.</summary>
/// <param name="Target">Its host end; <see cref="SerialMode.Off"/> for a machine without one.</param>
/// <param name="Place">Where the device sits.</param>
public readonly record struct ConsoleOption(SerialOption Target, PciPlacement Place)
{
    /// <summary>No virtio console: the serial port is the console.</summary>
    public static readonly ConsoleOption Default = new(new SerialOption(SerialMode.Off), default);

    /// <summary>Parses the option's value: what the serial port takes, too, and the keys of a PCI device behind it.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static ConsoleOption Parse(string text)
    {
        var comma = text.IndexOf(',');
        var target = SerialOption.Parse("--console", comma < 0 ? text : text[..comma]);
        var place = comma < 0 ? default : PciPlacement.Parse(OptionString.Parse("--console", text[(comma + 1)..], PciPlacement.Keys));
        return new ConsoleOption(target, place);
    }
}
