// Unix stream sockets of devices: listening at a path, connecting to one, with errors that a user understands.
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Emu.Core;
using Emu.Devices.Serial;

namespace Emu.Devices.Host;

/// <summary>Makes sockets that never block.</summary>
internal static class UnixSockets
{
    /// <summary>Longest path in sockaddr_un, in bytes, without the final zero.</summary>
    public const int MaximumPathBytes = 107;

    /// <summary>Time between two attempts to connect, in milliseconds.</summary>
    private const int RetryInterval = 20;

    /// <summary>Listens at a path. A socket file that nobody listens on any more is replaced.</summary>
    /// <param name="path">Where.</param>
    /// <param name="what">Whose it is, for messages.</param>
    /// <param name="backlog">Connections that may wait.</param>
    /// <exception cref="EmuException">The path is taken, too long, or cannot be created.</exception>
    public static Socket Listen(string path, string what, int backlog)
    {
        Check(path, what);
        RemoveStale(path, what);
        var socket = New();
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            socket.Listen(backlog);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new EmuException($"{what}: the socket '{path}' cannot be created ({e.Message}): give a free path in a directory you may write to", e);
        }
    }

    /// <summary>Connects to a path.</summary>
    /// <exception cref="EmuException">Nobody listens there.</exception>
    public static Socket Connect(string path, string what)
    {
        Check(path, what);
        return TryConnect(path, out var error)
            ?? throw new EmuException($"{what}: cannot connect to the socket '{path}' ({error}): start the program that listens there first, or give its path");
    }

    /// <summary>Connects to a path, and waits for a program that was started just before and does not listen yet.</summary>
    /// <param name="path">Where.</param>
    /// <param name="what">Whose it is, for messages.</param>
    /// <param name="patience">How long to wait, at most.</param>
    /// <param name="log">Is told that something is waited for.</param>
    /// <exception cref="EmuException">Nobody listens there in time.</exception>
    public static Socket Connect(string path, string what, TimeSpan patience, Log log)
    {
        Check(path, what);
        var start = Stopwatch.GetTimestamp();
        var told = false;
        while (Stopwatch.GetElapsedTime(start) < patience)
        {
            if (TryConnect(path, out var error) is { } socket)
            {
                return socket;
            }

            if (!told)
            {
                log.Write(LogLevel.Warning, $"{what}: nobody listens at the socket '{path}' yet ({error}): waiting for up to {patience.TotalSeconds:0} s");
                told = true;
            }

            Thread.Sleep(RetryInterval);
        }

        return Connect(path, what);
    }

    /// <summary>Connects to a path; null, with the reason, when nobody listens there.</summary>
    public static Socket? TryConnect(string path, out string error)
    {
        error = "";
        if (Encoding.UTF8.GetByteCount(path) > MaximumPathBytes)
        {
            error = "the path is too long";
            return null;
        }

        var socket = New();
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            error = e.Message;
            return null;
        }
    }

    /// <summary>Takes a waiting connection; null when there is none.</summary>
    public static Socket? TryAccept(Socket listener)
    {
        try
        {
            var socket = listener.Accept();
            socket.Blocking = false;
            return socket;
        }
        catch (SocketException)
        {
            // None waits any more, or the host is out of descriptors.
            return null;
        }
    }

    /// <summary>The descriptor of an open socket.</summary>
    public static int Descriptor(Socket socket) => (int)socket.Handle;

    private static Socket New() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };

    private static void Check(string path, string what)
    {
        if (path.Length == 0 || Encoding.UTF8.GetByteCount(path) > MaximumPathBytes)
        {
            throw new EmuException($"{what}: the socket path '{path}' must be 1 to {MaximumPathBytes} bytes long");
        }
    }

    private static void RemoveStale(string path, string what)
    {
        switch (Libc.FileType(path))
        {
            case 0:
                return;
            case Libc.S_IFSOCK:
                break;
            default:
                throw new EmuException($"{what}: a file that is no socket has the name '{path}': remove it or give another path");
        }

        using var probe = New();
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException e)
        {
            throw new EmuException($"{what}: the socket '{path}' is there and cannot be examined ({e.Message}): give another path", e);
        }

        throw new EmuException($"{what}: the socket '{path}' is in use by a running process: give another path");
    }
}
