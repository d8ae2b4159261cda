// --rng src=FILE: the entropy device.
using Emu.Core;

namespace Emu.Machine.Options;

/// <summary>The entropy device, fed by the host's generator or, in deterministic mode, by the machine's seed.</summary>
/// <param name="Place">Where the device sits.</param>
public sealed record RngOption(PciPlacement Place)
{
    /// <summary>In the lowest free slot.</summary>
    public static readonly RngOption Default = new(default(PciPlacement));

    /// <summary>Parses the option's value.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static RngOption Parse(string text)
    {
        var option = OptionString.Parse("--rng", text, ["src", .. PciPlacement.Keys]);
        if (option["src"] is { } source && source is not ("/dev/urandom" or "/dev/random"))
        {
            throw new EmuException($"{option.Text}: the device is fed by the host's generator; expected src=/dev/urandom, or nothing");
        }

        return new RngOption(PciPlacement.Parse(option));
    }
}
