// TCP and UDP ports of the host for programs that must be told a number.
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Emu.Tests;

/// <summary>
/// A port that was bound to 0 and closed again is one that the kernel gives away: to any connection that another program or test makes meanwhile.
/// These are below the range that it gives away, and each is named once in a process.
/// </summary>
internal static class HostPort
{
    private const int First = 10_000;
    private const string EphemeralRange = "/proc/sys/net/ipv4/ip_local_port_range";

    private static readonly HashSet<int> Named = [];

    /// <summary>A port that nobody on this host uses, of TCP or UDP, at any address.</summary>
    public static int Free()
    {
        var end = int.Parse(File.ReadAllText(EphemeralRange).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture);
        while (true)
        {
            var port = Random.Shared.Next(First, Math.Max(end, First + 10_000));
            lock (Named)
            {
                if (IsFree(SocketType.Stream, ProtocolType.Tcp, port) && IsFree(SocketType.Dgram, ProtocolType.Udp, port) && Named.Add(port))
                {
                    return port;
                }
            }
        }
    }

    private static bool IsFree(SocketType type, ProtocolType protocol, int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
