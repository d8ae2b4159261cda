// Serial backend on a listening Unix socket, one client at a time (--serial socket=PATH).
using System.Net.Sockets;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Serial;

/// <summary>
/// A Unix stream socket that a terminal program connects to. One client at a time, the next one waits in the backlog; a client may leave and
/// come back. Output while nobody is connected is dropped. A connected client that does not read holds up the guest, as a terminal would.
/// </summary>
public sealed class SocketBackend : ICharBackend
{
    private const int ReadBytes = 1024;

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
        listener = UnixSockets.Listen(path, "serial socket", 1);
        listener.Blocking = true;
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
