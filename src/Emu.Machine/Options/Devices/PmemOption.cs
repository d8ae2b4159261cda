// --pmem file=FILE,size=SIZE,...: a file of the host that the guest sees as persistent memory.
using Emu.Core;

namespace Emu.Machine.Options;

/// <summary>One persistent memory.</summary>
/// <param name="Path">File of the host.</param>
/// <param name="Size">Bytes, or null for the file's.</param>
/// <param name="DiscardWrites">What the guest writes never reaches the file.</param>
/// <param name="Place">Where the device sits.</param>
public sealed record PmemOption(string Path, ulong? Size, bool DiscardWrites, PciPlacement Place)
{
    /// <summary>Parses one --pmem.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static PmemOption Parse(string text)
    {
        var option = OptionString.Parse("--pmem", text, ["file", "size", "discard_writes", .. PciPlacement.Keys]);
        return new PmemOption(option.Required("file", "file=FILE"), option.Size("size"), option.Toggle("discard_writes", false), PciPlacement.Parse(option));
    }
}
