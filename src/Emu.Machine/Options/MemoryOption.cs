// --memory size=SIZE: how much RAM the machine has.
using Emu.Core;
using Emu.Machine.Boards;

namespace Emu.Machine.Options;

/// <summary>The size of RAM.</summary>
/// <param name="Size">Bytes, a multiple of 4 KiB.</param>
public readonly record struct MemoryOption(ulong Size)
{
    /// <summary>512 MiB.</summary>
    public static readonly MemoryOption Default = new(512UL << 20);

    /// <summary>Parses the option's value.</summary>
    /// <exception cref="EmuException">Malformed or out of range.</exception>
    public static MemoryOption Parse(string text)
    {
        var option = OptionString.Parse("--memory", text, "size");
        var size = option.Size("size") ?? throw new EmuException($"--memory {text}: size= is missing; expected size=512M");
        if (size < Arm64Layout.MinimumRam || size > Arm64Layout.MaximumRam)
        {
            throw new EmuException($"--memory {text}: RAM is from {Arm64Layout.MinimumRam >> 20}M to {Arm64Layout.MaximumRam >> 30}G");
        }

        if ((size & 0xFFF) != 0)
        {
            throw new EmuException($"--memory {text}: RAM is a whole number of 4K pages");
        }

        return new MemoryOption(size);
    }

    /// <summary>The size as a user would write it.</summary>
    public override string ToString() => Format(Size);

    /// <summary>Writes a size with the largest suffix that divides it.</summary>
    public static string Format(ulong size) => (size & 0x3FFF_FFFF) == 0 ? $"{size >> 30}G" : (size & 0xF_FFFF) == 0 ? $"{size >> 20}M" : $"{size >> 10}K";
}
