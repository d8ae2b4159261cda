// --vsock cid=N,socket=PATH: sockets between guest and host.
using Emu.Core;
using Emu.Devices.Virtio.Vsock;

namespace Emu.Machine.Options;

/// <summary>The socket device.</summary>
/// <param name="ContextId">The guest's address, 3 or more.</param>
/// <param name="Socket">Unix socket that the host side connects through.</param>
/// <param name="Place">Where the device sits.</param>
public sealed record VsockOption(uint ContextId, string Socket, PciPlacement Place)
{
    /// <summary>Parses the option's value.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static VsockOption Parse(string text)
    {
        var option = OptionString.Parse("--vsock", text, ["cid", "socket", .. PciPlacement.Keys]);
        var id = OptionString.ParseInteger($"--vsock cid={option["cid"]}", option.Required("cid", "cid=3"), VsockOptions.MinimumCid, VsockOptions.MaximumCid);
        return new VsockOption((uint)id, option.Required("socket", "socket=PATH"), PciPlacement.Parse(option));
    }
}
