// --net mode=user|passt|socket|tap,...: a network card, and what its cable leads to.
using Emu.Core;
using Emu.Devices.Net;
using Emu.Devices.Net.Stream;
using Emu.Devices.Net.Tap;
using Emu.Devices.Net.User;
using Emu.Devices.Virtio.Net;

namespace Emu.Machine.Options;

/// <summary>One network card.</summary>
/// <param name="Backend">The host's side.</param>
/// <param name="Mac">Its address, or null for one made up.</param>
/// <param name="Device">What the guest sees; name and address are placeholders until the card is made.</param>
/// <param name="Place">Where the device sits.</param>
public sealed record NetOption(NetBackendOptions Backend, MacAddress? Mac, NetOptions Device, PciPlacement Place)
{
    private const string Modes = "user, passt, socket or tap";

    /// <summary>Parses one --net.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static NetOption Parse(string text)
    {
        var option = OptionString.Parse(
            "--net", text,
            [
                "mode", "hostfwd", "restrict", "hostname", "socket", "listen", "tap", "mac", "mtu", "num_queues", "queue_size",
                "offload_csum", "offload_tso", "offload_ufo", .. PciPlacement.Keys,
            ]);
        MacAddress? mac = option["mac"] is not { } address ? null
            : MacAddress.TryParse(address, out var parsed) ? parsed
            : throw new EmuException($"{option.Text}: '{address}' is not the address of a card; expected six bytes such as 52:54:00:12:34:56, the first one even");
        var device = new NetOptions
        {
            Name = "--net",
            Mac = mac ?? MacAddress.FromRandom(0),
            Mtu = option.Integer("mtu", NetOptions.MinimumMtu, NetOptions.MaximumMtu) ?? NetOptions.DefaultMtu,
            QueueCount = option.Integer("num_queues", 2, 2 * NetOptions.MaximumPairs) ?? 2,
            QueueSize = (ushort)(option.Integer("queue_size", 16, 32768) ?? 256),
            OffloadChecksum = option.Toggle("offload_csum", true),
            OffloadTso = option.Toggle("offload_tso", true),
            OffloadUfo = option.Toggle("offload_ufo", true),
        };
        device.Validate();
        return new NetOption(BackendOf(option, device.QueueCount / 2), mac, device, PciPlacement.Parse(option));
    }

    private static NetBackendOptions BackendOf(OptionString option, int pairs)
    {
        var mode = option["mode"] ?? (option["tap"] is not null ? "tap" : option["socket"] is not null ? "socket" : "user");
        string[] allowed = mode switch
        {
            "user" => ["hostfwd", "restrict", "hostname"],
            "passt" => ["socket"],
            "socket" => ["socket", "listen"],
            "tap" => ["tap"],
            _ => throw new EmuException($"{option.Text}: mode '{mode}' is unknown; expected {Modes}"),
        };
        foreach (var key in (ReadOnlySpan<string>)["hostfwd", "restrict", "hostname", "socket", "listen", "tap"])
        {
            if (option[key] is not null && !allowed.Contains(key))
            {
                throw new EmuException($"{option.Text}: {key}= has no meaning with mode={mode}; leave it out");
            }
        }

        return mode switch
        {
            "user" => new UserNetOptions
            {
                Forwards = [.. option.List("hostfwd").Select(HostForward.Parse)],
                Restricted = option.Toggle("restrict", false),
                HostName = option["hostname"],
            },
            "passt" => new PasstNetOptions(option.Required("socket", "mode=passt,socket=PATH")),
            "socket" => new SocketNetOptions(option.Required("socket", "mode=socket,socket=PATH"), option.Toggle("listen", false)),
            _ => new TapNetOptions(option.Required("tap", "tap=NAME"), pairs),
        };
    }
}
