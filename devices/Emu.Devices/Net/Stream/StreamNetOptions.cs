// Options of back ends on a Unix stream socket.
namespace Emu.Devices.Net.Stream;

/// <summary>A cable to another machine: one end listens, the other connects. Each frame is its length in 4 bytes, big-endian, and its bytes.</summary>
/// <param name="Path">Path of the socket.</param>
/// <param name="Listen">This end listens.</param>
public sealed record SocketNetOptions(string Path, bool Listen) : NetBackendOptions;

/// <summary>A running <c>passt</c>: NAT, like user mode, by a program of its own. Its framing is that of <see cref="SocketNetOptions"/>.</summary>
/// <param name="Path">Path of its socket (<c>passt --socket PATH</c>).</param>
public sealed record PasstNetOptions(string Path) : NetBackendOptions;
