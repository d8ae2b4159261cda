// --fs tag=TAG,socket=PATH: a directory of the host, served by a vhost-user daemon.
using Emu.Core;

namespace Emu.Machine.Options;

/// <summary>One shared directory.</summary>
/// <param name="Tag">Name the guest mounts it by.</param>
/// <param name="Socket">Unix socket of the daemon.</param>
/// <param name="Queues">Request queues.</param>
/// <param name="QueueSize">Entries of each.</param>
/// <param name="Place">Where the device sits.</param>
public sealed record FsOption(string Tag, string Socket, int Queues, int QueueSize, PciPlacement Place)
{
    private const int MaximumQueues = 64;

    /// <summary>Parses one --fs.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static FsOption Parse(string text)
    {
        var option = OptionString.Parse("--fs", text, ["tag", "socket", "num_queues", "queue_size", .. PciPlacement.Keys]);
        return new FsOption(
            option.Required("tag", "tag=NAME"),
            option.Required("socket", "socket=PATH"),
            option.Integer("num_queues", 1, MaximumQueues) ?? 1,
            option.Integer("queue_size", 2, 32768) ?? 1024,
            PciPlacement.Parse(option));
    }
}
