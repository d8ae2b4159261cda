// The choice of network back ends, and their making.
using Emu.Core;
using Emu.Devices.Net.Stream;
using Emu.Devices.Net.Tap;
using Emu.Devices.Net.User;

namespace Emu.Devices.Net;

/// <summary>Configuration of a back end: one record type each.</summary>
public abstract record NetBackendOptions;

/// <summary>Makes back ends.</summary>
public static class NetBackends
{
    /// <summary>Makes the back end of a card; what it needs of the host (library, ports, sockets, interface) is taken now.</summary>
    /// <param name="name">Name of the card for threads and messages, such as "net0".</param>
    /// <param name="options">Which back end, and its configuration.</param>
    /// <param name="clock">Machine time.</param>
    /// <param name="post">Deterministic mode: runs an action on the machine's thread between two turns (<c>HostInputQueue.Post</c>). Null in host time.</param>
    /// <param name="log">Messages.</param>
    /// <exception cref="EmuException">The host does not have what the back end needs.</exception>
    public static INetBackend Create(string name, NetBackendOptions options, Clock clock, Action<Action>? post, Log log) => options switch
    {
        UserNetOptions user => new UserBackend(name, user, clock, post, log),
        SocketNetOptions socket => StreamBackend.Create(name, socket, clock, post, log),
        PasstNetOptions passt => StreamBackend.Create(name, passt, clock, post, log),
        TapNetOptions tap => new TapBackend(name, tap, clock, post, log),
        _ => throw new EmuException($"{name}: there is no network back end for {options.GetType().Name}"),
    };
}
