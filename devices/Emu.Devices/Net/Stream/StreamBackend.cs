// Frames over a Unix stream socket, each behind its length: another machine's card, or passt.
using System.Buffers.Binary;
using System.Net.Sockets;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Net.Stream;

/// <summary>
/// One peer at a time. While there is none the link is down and what the guest sends is lost; an end that listens waits for the next peer, one
/// that connects tries again every second.
/// </summary>
public sealed class StreamBackend : LoopBackend
{
    private const int LengthBytes = 4;

    /// <summary>Room for several frames: one system call moves many small ones.</summary>
    private const int BufferBytes = 4 * (LengthBytes + NetFrame.MaximumLength);

    private const int RetryMilliseconds = 1000;
    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private readonly Log log;
    private readonly string path;
    private readonly Socket? listener;
    private readonly NetFrame outgoing = new();
    private readonly NetFrame incoming = new();
    private readonly byte[] output = new byte[BufferBytes];
    private readonly byte[] input = new byte[BufferBytes];
    private Socket? peer;
    private int outputStart;
    private int outputEnd;
    private int inputStart;
    private int inputEnd;
    private bool guestFull;
    private ulong retryAt;
    private int index = -1;

    private StreamBackend(string name, string path, bool listen, Clock clock, Action<Action>? post, Log log)
        : base(name, clock, post)
    {
        this.log = log;
        this.path = path;
        try
        {
            if (listen)
            {
                listener = UnixSockets.Listen(path, name, 1);
                SetLink(false);
            }
            else
            {
                peer = UnixSockets.Connect(path, name);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>One end of a cable between two machines.</summary>
    /// <exception cref="EmuException">The socket cannot be created, or nobody listens.</exception>
    public static StreamBackend Create(string name, SocketNetOptions options, Clock clock, Action<Action>? post, Log log) =>
        new(name, options.Path, options.Listen, clock, post, log);

    /// <summary>A connection to a running passt.</summary>
    /// <exception cref="EmuException">Nobody listens.</exception>
    public static StreamBackend Create(string name, PasstNetOptions options, Clock clock, Action<Action>? post, Log log) =>
        new(name, options.Path, listen: false, clock, post, log);

    /// <inheritdoc/>
    public override void Prepare(PollSet set)
    {
        if (peer is not null)
        {
            // Nothing is read while the guest has no room: the peer's socket fills, and its sender waits.
            var events = (guestFull ? 0 : PollSet.In) | (outputEnd > outputStart ? PollSet.Out : 0);
            index = events == 0 ? -1 : set.Add(UnixSockets.Descriptor(peer), (short)events);
        }
        else if (listener is not null)
        {
            index = set.Add(UnixSockets.Descriptor(listener), PollSet.In);
        }
        else
        {
            index = -1;
            set.Limit(retryAt <= Clock.Now ? 0 : (long)((retryAt - Clock.Now) / NanosecondsPerMillisecond) + 1);
        }
    }

    /// <inheritdoc/>
    protected override void Carry(PollSet set)
    {
        var ready = set.Result(index);
        index = -1;
        if (peer is null)
        {
            FindPeer(ready);
        }
        else
        {
            Receive(ready != 0);
        }

        Send();
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        peer?.Dispose();
        if (listener is not null)
        {
            listener.Dispose();
            File.Delete(path);
        }
    }

    private void FindPeer(short ready)
    {
        if (listener is not null)
        {
            peer = ready != 0 ? UnixSockets.TryAccept(listener) : null;
        }
        else if (Clock.Now >= retryAt)
        {
            peer = UnixSockets.TryConnect(path, out _);
            retryAt = Clock.Now + (RetryMilliseconds * NanosecondsPerMillisecond);
        }

        if (peer is not null)
        {
            SetLink(true);
        }
    }

    private void LosePeer(string reason)
    {
        log.Write(LogLevel.Info, $"{Name}: the other end of '{path}' is gone ({reason}): the link is down until {(listener is null ? "it comes back" : "somebody connects")}");
        peer!.Dispose();
        peer = null;
        outputStart = outputEnd = inputStart = inputEnd = 0;
        guestFull = false;
        retryAt = Clock.Now + (RetryMilliseconds * NanosecondsPerMillisecond);
        SetLink(false);
    }

    private void Receive(bool ready)
    {
        guestFull = !Deliver();
        for (var rounds = 0; ready && !guestFull && peer is not null && !IsRoundOver(rounds); rounds++)
        {
            if (inputStart > 0)
            {
                input.AsSpan(inputStart, inputEnd - inputStart).CopyTo(input);
                (inputStart, inputEnd) = (0, inputEnd - inputStart);
            }

            var n = peer.Receive(input.AsSpan(inputEnd), SocketFlags.None, out var error);
            if (error is SocketError.WouldBlock or SocketError.Interrupted)
            {
                return;
            }

            if (n <= 0 || error != SocketError.Success)
            {
                LosePeer(n == 0 ? "closed" : error.ToString());
                return;
            }

            inputEnd += n;
            guestFull = !Deliver();
        }
    }

    /// <summary>Hands on the frames that are whole; false when the guest has no room.</summary>
    private bool Deliver()
    {
        while (inputEnd - inputStart >= LengthBytes)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(input.AsSpan(inputStart));
            if (length is 0 or > NetFrame.MaximumLength)
            {
                LosePeer($"it sent a frame of {length} bytes");
                return true;
            }

            if (inputEnd - inputStart - LengthBytes < length)
            {
                return true;
            }

            incoming.Set(input.AsSpan(inputStart + LengthBytes, (int)length));
            if (!Port.TryDeliver(incoming))
            {
                return false;
            }

            inputStart += LengthBytes + (int)length;
        }

        return true;
    }

    private void Send()
    {
        for (var frames = 0; !IsRoundOver(frames);)
        {
            while (BufferBytes - outputEnd >= LengthBytes + NetFrame.MaximumLength && Port.TryTake(outgoing))
            {
                frames++;
                if (peer is null)
                {
                    continue;
                }

                BinaryPrimitives.WriteUInt32BigEndian(output.AsSpan(outputEnd), (uint)outgoing.Length);
                outgoing.Data.CopyTo(output.AsSpan(outputEnd + LengthBytes));
                outputEnd += LengthBytes + outgoing.Length;
            }

            if (peer is null || outputEnd == outputStart)
            {
                return;
            }

            var n = peer.Send(output.AsSpan(outputStart, outputEnd - outputStart), SocketFlags.None, out var error);
            if (error is SocketError.WouldBlock or SocketError.Interrupted or SocketError.NoBufferSpaceAvailable)
            {
                return;
            }

            if (error != SocketError.Success)
            {
                LosePeer(error.ToString());
                continue;
            }

            outputStart += n;
            if (outputStart == outputEnd)
            {
                outputStart = outputEnd = 0;
            }
        }
    }
}
