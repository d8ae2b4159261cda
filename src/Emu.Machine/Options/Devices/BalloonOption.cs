// --balloon size=SIZE,...: the device that takes RAM from the guest and gives it back to the host.
using Emu.Core;

namespace Emu.Machine.Options;

/// <summary>The balloon.</summary>
/// <param name="Size">Bytes it asks the guest for at first.</param>
/// <param name="DeflateOnOutOfMemory">The guest may take pages back when it has none left.</param>
/// <param name="FreePageReporting">The guest names pages it does not use.</param>
/// <param name="Place">Where the device sits.</param>
public sealed record BalloonOption(ulong Size, bool DeflateOnOutOfMemory, bool FreePageReporting, PciPlacement Place)
{
    /// <summary>Parses the option's value.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static BalloonOption Parse(string text)
    {
        var option = OptionString.Parse("--balloon", text, ["size", "deflate_on_oom", "free_page_reporting", .. PciPlacement.Keys]);
        var size = option.Required("size", "size=SIZE") == "0" ? 0 : option.Size("size")!.Value;
        return new BalloonOption(size, option.Toggle("deflate_on_oom", false), option.Toggle("free_page_reporting", false), PciPlacement.Parse(option));
    }
}
