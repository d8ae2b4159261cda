// Options of user-mode networking: forwarded ports, and the texts that describe them.
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Emu.Core;

namespace Emu.Devices.Net.User;

/// <summary>A port of the host that leads to a port of the guest.</summary>
/// <param name="Udp">UDP; else TCP.</param>
/// <param name="HostAddress">IPv4 address of the host to listen on; 0.0.0.0 for all.</param>
/// <param name="HostPort">Port of the host.</param>
/// <param name="GuestAddress">IPv4 address of the guest; 0.0.0.0 for the first that DHCP gives.</param>
/// <param name="GuestPort">Port of the guest.</param>
public sealed record HostForward(bool Udp, IPAddress HostAddress, int HostPort, IPAddress GuestAddress, int GuestPort)
{
    private const string Form = "give tcp:[ADDRESS]:PORT-[ADDRESS]:PORT, such as tcp::2222-:22";

    /// <summary>Reads <c>tcp:[HOSTADDRESS]:HOSTPORT-[GUESTADDRESS]:GUESTPORT</c>, or the same with <c>udp</c>.</summary>
    /// <exception cref="EmuException">It is something else.</exception>
    public static HostForward Parse(string text)
    {
        var ends = text.Split('-');
        var host = ends[0].Split(':');
        var guest = ends.Length == 2 ? ends[1].Split(':') : [];
        if (host.Length != 3 || guest.Length != 2 || host[0] is not ("tcp" or "udp"))
        {
            throw new EmuException($"hostfwd={text} is no forwarded port: {Form}");
        }

        return new HostForward(host[0] == "udp", Address(text, host[1]), Port(text, host[2]), Address(text, guest[0]), Port(text, guest[1]));
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        return $"{(Udp ? "udp" : "tcp")}:{Show(HostAddress)}:{HostPort}-{Show(GuestAddress)}:{GuestPort}";

        static string Show(IPAddress address) => address.Equals(IPAddress.Any) ? "" : address.ToString();
    }

    private static IPAddress Address(string text, string part)
    {
        if (part.Length == 0)
        {
            return IPAddress.Any;
        }

        return part.Count(c => c == '.') == 3 && IPAddress.TryParse(part, out var address) && address.AddressFamily == AddressFamily.InterNetwork
            ? address
            : throw new EmuException($"hostfwd={text}: '{part}' is no IPv4 address: {Form}");
    }

    private static int Port(string text, string part) =>
        int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535
            ? port
            : throw new EmuException($"hostfwd={text}: '{part}' is no port from 1 to 65535: {Form}");
}

/// <summary>Configuration of a <see cref="UserBackend"/>.</summary>
public sealed record UserNetOptions : NetBackendOptions
{
    /// <summary>Forwarded ports.</summary>
    public IReadOnlyList<HostForward> Forwards { get; init; } = [];

    /// <summary>The guest reaches nothing but forwarded ports.</summary>
    public bool Restricted { get; init; }

    /// <summary>Host name that DHCP gives the guest; null for none.</summary>
    public string? HostName { get; init; }
}
