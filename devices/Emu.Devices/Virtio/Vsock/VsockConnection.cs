// One connection of virtio-vsock: a Unix socket of the host, the credit of both sides (virtio 1.2, 5.10.6.3), and what waits.
using System.Net.Sockets;

namespace Emu.Devices.Virtio.Vsock;

/// <summary>What the device still has to tell the guest about a connection.</summary>
[Flags]
internal enum VsockNews
{
    None = 0,
    Request = 1,
    Response = 2,
    Credit = 4,
    CreditRequest = 8,
    Shutdown = 16,
    Reset = 32,
}

/// <summary>A connection between a port of the guest and a port of the host.</summary>
/// <param name="socket">The host's end, not blocking.</param>
internal sealed class VsockConnection(Socket socket) : IDisposable
{
    /// <summary>Bytes from the guest that wait for a slow reader on the host, at most: the room promised to the guest.</summary>
    public const int BufferSize = 256 * 1024;

    private byte[] waiting = [];
    private int start;
    private int count;
    private bool writeShut;

    /// <summary>Port of the guest.</summary>
    public uint GuestPort { get; set; }

    /// <summary>Port of the host.</summary>
    public uint HostPort { get; set; }

    /// <summary>Key among connections.</summary>
    public ulong Key => ((ulong)HostPort << 32) | GuestPort;

    /// <summary>The host's program has still to say which port it wants.</summary>
    public bool AwaitsCommand { get; set; }

    /// <summary>Both sides agreed: data may flow.</summary>
    public bool Established { get; set; }

    /// <summary>The guest knows nothing of it any more: only what it sent before is still written out.</summary>
    public bool Orphan { get; set; }

    /// <summary>Over and done: to be removed.</summary>
    public bool Finished { get; set; }

    /// <summary>The host's program sends no more.</summary>
    public bool HostEnded { get; set; }

    /// <summary>The host's program closed its socket altogether.</summary>
    public bool HungUp { get; set; }

    /// <summary>What the guest no longer does, in shutdown flags.</summary>
    public uint GuestShutdown { get; set; }

    /// <summary>What the guest was told that the host no longer does.</summary>
    public uint HostShutdown { get; set; }

    /// <summary>What is still to be told to the guest.</summary>
    public VsockNews News { get; set; }

    /// <summary>The socket had data when it was last looked at.</summary>
    public bool Readable { get; set; }

    /// <summary>Index in the poll set, or -1.</summary>
    public int PollIndex { get; set; } = -1;

    /// <summary>Room that the guest has for data.</summary>
    public uint GuestBuffer { get; set; }

    /// <summary>Bytes that the guest has taken out of that room.</summary>
    public uint GuestForwarded { get; set; }

    /// <summary>Bytes sent to the guest.</summary>
    public uint Sent { get; set; }

    /// <summary>Bytes received from the guest.</summary>
    public uint Received { get; set; }

    /// <summary>Of those, bytes that the host's socket has taken.</summary>
    public uint Forwarded { get; private set; }

    /// <summary>The value of <see cref="Forwarded"/> that the guest knows.</summary>
    public uint ForwardedTold { get; set; }

    /// <summary>The host's end.</summary>
    public Socket Socket => socket;

    /// <summary>Bytes that wait for the host's program.</summary>
    public int Waiting => count;

    /// <summary>Bytes that the guest has room for.</summary>
    public uint Credit
    {
        get
        {
            // A guest may shrink its buffer: then there is no room until it has caught up.
            var used = Sent - GuestForwarded;
            return GuestBuffer > used ? GuestBuffer - used : 0;
        }
    }

    /// <summary>Room that the guest may use.</summary>
    public uint Room => BufferSize - (Received - Forwarded);

    /// <summary>Whether data shall be read from the host now.</summary>
    public bool WantsRead => Established && !Orphan && !HostEnded && Credit > 0 && (GuestShutdown & VsockHeader.ShutdownReceive) == 0;

    /// <summary>Writes data of the guest to the host's program, as far as that takes it; the rest waits.</summary>
    public void Write(ReadOnlySpan<byte> data)
    {
        Received += (uint)data.Length;
        if (count == 0)
        {
            var taken = Send(data);
            Forwarded += (uint)taken;
            data = data[taken..];
        }

        Keep(data);
    }

    /// <summary>Writes a line of the device's own, which takes no credit. Only before data.</summary>
    public void WriteLine(ReadOnlySpan<byte> line)
    {
        // A new socket has room for it.
        if (Send(line) < line.Length)
        {
            Finished = true;
        }
    }

    /// <summary>Writes out what waits, and ends the sending direction when the guest has.</summary>
    public void Flush()
    {
        while (count > 0)
        {
            var run = waiting.AsSpan(start, Math.Min(count, waiting.Length - start));
            var taken = Send(run);
            if (taken == 0)
            {
                return;
            }

            start = (start + taken) % waiting.Length;
            count -= taken;
            Forwarded += (uint)taken;
        }

        if ((GuestShutdown & VsockHeader.ShutdownSend) != 0 && !writeShut)
        {
            writeShut = true;
            Shut(SocketShutdown.Send);
        }
    }

    /// <summary>Reads from the host's program. Fewer bytes than asked when there are no more now; 0 with <see cref="HostEnded"/> at the end.</summary>
    public int Read(Span<byte> buffer)
    {
        var n = socket.Receive(buffer, SocketFlags.None, out var error);
        if (error is SocketError.WouldBlock or SocketError.Interrupted)
        {
            Readable = error == SocketError.Interrupted;
            return 0;
        }

        if (n <= 0 || error != SocketError.Success)
        {
            Readable = false;
            HostEnded = true;
            return 0;
        }

        return n;
    }

    /// <summary>Reads the first line that a program of the host sends. Null while it is not whole; empty when it can be none.</summary>
    public string? ReadCommand()
    {
        const int Longest = 32;
        Span<byte> buffer = stackalloc byte[Longest];
        var n = socket.Receive(buffer, SocketFlags.Peek, out var error);
        if (error is SocketError.WouldBlock or SocketError.Interrupted)
        {
            return null;
        }

        if (n <= 0 || error != SocketError.Success)
        {
            return "";
        }

        var end = buffer[..n].IndexOf((byte)'\n');
        if (end < 0)
        {
            return n == Longest ? "" : null;
        }

        // What follows the line is data and stays in the socket.
        n = socket.Receive(buffer[..(end + 1)], SocketFlags.None, out error);
        return n == end + 1 ? System.Text.Encoding.ASCII.GetString(buffer[..end]) : "";
    }

    public void Dispose()
    {
        // A thread that waits for the socket keeps it open: the other end shall know now.
        Shut(SocketShutdown.Both);
        socket.Dispose();
    }

    private void Shut(SocketShutdown how)
    {
        try
        {
            socket.Shutdown(how);
        }
        catch (SocketException)
        {
            // The other end was faster.
        }
    }

    private int Send(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return 0;
        }

        var n = socket.Send(data, SocketFlags.None, out var error);
        switch (error)
        {
            case SocketError.Success:
                return n;
            case SocketError.WouldBlock or SocketError.Interrupted or SocketError.NoBufferSpaceAvailable:
                return 0;
            default:
                // Nobody reads any more: what the guest sends goes nowhere, and it is told so.
                HostEnded = true;
                if (Established)
                {
                    News |= VsockNews.Shutdown;
                    HostShutdown = VsockHeader.ShutdownBoth;
                }

                return data.Length;
        }
    }

    private void Keep(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return;
        }

        if (waiting.Length == 0)
        {
            waiting = new byte[BufferSize];
        }

        var at = (start + count) % waiting.Length;
        var first = Math.Min(data.Length, waiting.Length - at);
        data[..first].CopyTo(waiting.AsSpan(at));
        data[first..].CopyTo(waiting);
        count += data.Length;
    }
}
