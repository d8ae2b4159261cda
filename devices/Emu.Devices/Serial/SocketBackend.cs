// Serial backend on a listening Unix socket, one client at a time (--serial socket=PATH).
using System.Net.Sockets;
using System.Text;
using Emu.Core;

namespace Emu.Devices.Serial;

/// <summary>
/// A Unix stream socket that a terminal program connects to. One client at a time, the next one waits in the backlog; a client may leave and
/// come back. Output while nobody is connected is dropped. A connected client that does not read holds up the guest, as a terminal would.
/// </summary>
public sealed class SocketBackend : ICharBackend
{
    private const int ReadBytes = 1024;

    /// <summary>Longest path in sockaddr_un, in bytes, without the final zero.</summary>
    private const int MaximumPathBytes = 107;

    private readonly InputQueue queue = new();
    private readonly OutputWriter writer;
    private readonly Socket listener;
    private readonly string path;
    private volatile Socket? client;
    private volatile bool stopping;
    private Thread? thread;

    /// <summary>Binds and listens; clients are served from <see cref="Start"/> on.</summary>
    /// <param name="path">Path of the socket. A socket file that nobody listens on any more is replaced.</param>
    /// <exception cref="EmuException">The path is taken, too long, or cannot be created.</exception>
    public SocketBackend(string path)
    {
        this.path = path;
        if (path.Length == 0 || Encoding.UTF8.GetByteCount(path) > MaximumPathBytes)
        {
            throw new EmuException($"serial socket '{path}': the path must be 1 to {MaximumPathBytes} bytes long");
        }

        RemoveStale(path);
        listener = NewSocket();
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen(1);
        }
        catch (SocketException e)
        {
            listener.Dispose();
            throw new EmuException($"serial socket '{path}' cannot be created ({e.Message}): give a free path in a directory you may write to", e);
        }

        writer = new OutputWriter("serial socket output", Send);
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> data)
    {
        if (client != null)
        {
            writer.Write(data);
        }
    }

    /// <inheritdoc/>
    public void Start(ICharSink sink)
    {
        queue.Attach(sink);
        thread = new Thread(ServeLoop) { IsBackground = true, Name = "serial socket input" };
        thread.Start();
    }

    /// <inheritdoc/>
    public void Resume() => queue.Resume();

    /// <inheritdoc/>
    public void Flush() => writer.Flush();

    /// <inheritdoc/>
    public void CancelWaits() => writer.CancelWaits();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (stopping)
        {
            return;
        }

        stopping = true;
        queue.Close();

        // A client that does not read gets a second, then it is cut off.
        writer.CancelWaits();
        writer.Dispose();
        Hangup(client);

        // Wakes a blocked accept: on Linux, shutdown of a listening socket makes it fail.
        Hangup(listener);
        listener.Dispose();
        thread?.Join();
        File.Delete(path);
    }

    private static Socket NewSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    private static void RemoveStale(string path)
    {
        switch (Libc.FileType(path))
        {
            case 0:
                return;
            case Libc.S_IFSOCK:
                break;
            default:
                throw new EmuException($"serial socket '{path}': a file that is no socket has this name; remove it or give another path");
        }

        using var probe = NewSocket();
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
            throw new EmuException($"serial socket '{path}' is there and cannot be examined ({e.Message}): give another path", e);
        }

        throw new EmuException($"serial socket '{path}' is in use by a running process: give another path");
    }

    private static void Hangup(Socket? socket)
    {
        try
        {
            socket?.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other end, or its reader, was faster.
        }
    }

    private bool Send(ReadOnlySpan<byte> data)
    {
        var current = client;
        try
        {
            while (current != null && !data.IsEmpty)
            {
                data = data[current.Send(data)..];
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Hangup(current);
        }

        return true;
    }

    private void ServeLoop()
    {
        while (!stopping)
        {
            try
            {
                using var current = listener.Accept();
                client = current;
                Serve(current);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (!stopping)
                {
                    // Out of descriptors, or the client left between connect and accept.
                    Thread.Sleep(10);
                }
            }
            finally
            {
                client = null;
            }
        }
    }

    private void Serve(Socket current)
    {
        Span<byte> buffer = stackalloc byte[ReadBytes];
        while (queue.WaitForRoom(ReadBytes))
        {
            var length = current.Receive(buffer, SocketFlags.None, out var error);
            if (error == SocketError.Interrupted)
            {
                continue;
            }

            if (length <= 0 || error != SocketError.Success)
            {
                return;
            }

            queue.Enqueue(buffer[..length]);
        }
    }
}
