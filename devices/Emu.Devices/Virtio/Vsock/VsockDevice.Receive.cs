// Packets to the guest (virtio 1.2, 5.10.6): what the host's sockets send, and what the guest has to know.
using System.Globalization;
using System.Runtime.InteropServices;
using Emu.Devices.Host;

namespace Emu.Devices.Virtio.Vsock;

public sealed partial class VsockDevice
{
    private static readonly (VsockNews News, VsockOperation Operation)[] Urgency =
    [
        (VsockNews.Reset, VsockOperation.Reset),
        (VsockNews.Request, VsockOperation.Request),
        (VsockNews.Response, VsockOperation.Response),
        (VsockNews.Credit, VsockOperation.CreditUpdate),
        (VsockNews.CreditRequest, VsockOperation.CreditRequest),
        (VsockNews.Shutdown, VsockOperation.Shutdown),
    ];

    /// <summary>Takes new connections, writes what waited, reads commands, and notes who has data.</summary>
    private void LookAtSockets(PollSet set)
    {
        // Connections that come now have no result yet.
        var known = connections.Count;
        if (set.Result(listenerIndex) != 0)
        {
            while (connections.Count < MaximumConnections && UnixSockets.TryAccept(listener) is { } socket)
            {
                connections.Add(new VsockConnection(socket) { AwaitsCommand = true });
            }
        }

        for (var i = 0; i < known; i++)
        {
            var c = connections[i];
            var result = set.Result(c.PollIndex);
            c.PollIndex = -1;
            if (result == 0 || c.Finished)
            {
                continue;
            }

            if (c.AwaitsCommand)
            {
                ReadCommand(c);
                continue;
            }

            if (c.Waiting > 0)
            {
                c.Flush();
                TellRoom(c);
                if (!c.Orphan)
                {
                    EndIfBothSidesDid(c);
                }

                c.Finished |= c.Orphan && c.Waiting == 0;
            }

            c.HungUp |= (result & PollSet.Hangup) != 0;
            c.Readable |= (result & (PollSet.In | PollSet.Hangup | PollSet.Error)) != 0;
        }
    }

    private void ReadCommand(VsockConnection c)
    {
        if (c.ReadCommand() is not { } line)
        {
            return;
        }

        var words = line.Split(' ');
        if (words.Length != 2 || !words[0].Equals("connect", StringComparison.OrdinalIgnoreCase)
            || !uint.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            c.Finished = true;
            return;
        }

        c.AwaitsCommand = false;
        c.GuestPort = port;
        do
        {
            c.HostPort = nextHostPort;
            nextHostPort = nextHostPort == uint.MaxValue ? FirstHostPort : nextHostPort + 1;
        }
        while (byPorts.ContainsKey(c.Key));

        c.News = VsockNews.Request;
        Add(c);
    }

    /// <summary>Fills the guest's buffers with what there is; whether some is left for the next round.</summary>
    private bool Receive()
    {
        if (queues[ReceiveQueue] is not { } queue)
        {
            return false;
        }

        var packets = 0;
        while (replies.TryPeek(out var reply))
        {
            if (!TryPopReceive(queue))
            {
                return false;
            }

            replies.Dequeue();
            PushPacket(queue, reply, 0);
            packets++;
        }

        // One packet for each connection in turn, so that none keeps the others waiting.
        for (var idle = 0; idle < connections.Count;)
        {
            if (packets >= PacketsPerRound && !loop.IsDeterministic)
            {
                return true;
            }

            turn = (turn + 1) % connections.Count;
            var c = connections[turn];
            if (!HasPacket(c))
            {
                idle++;
                continue;
            }

            if (!TryPopReceive(queue))
            {
                return false;
            }

            if (!FillPacket(queue, c))
            {
                queue.Unpop(chain);
                idle++;
                continue;
            }

            packets++;
            idle = 0;
        }

        // Answers made room for, and packets of the guest that waited for it.
        return packets > 0 && queues[TransmitQueue] is { HasAvailable: true };
    }

    private static bool HasPacket(VsockConnection c) => !c.Finished && !c.AwaitsCommand && !c.Orphan && (c.News != VsockNews.None || (c.Readable && c.WantsRead));

    /// <summary>Takes a buffer that holds at least a header; smaller ones go back empty.</summary>
    private bool TryPopReceive(VirtQueue queue)
    {
        while (queue.TryPop(chain))
        {
            if (chain.WritableLength >= VsockHeader.Bytes)
            {
                return true;
            }

            Complain($"a receive buffer of {chain.WritableLength} bytes");
            queue.Push(chain, 0);
        }

        return false;
    }

    /// <summary>Makes the next packet of a connection; false when there is none after all.</summary>
    private bool FillPacket(VirtQueue queue, VsockConnection c)
    {
        if (NextNews(c) is { } operation)
        {
            PushPacket(queue, Header(c, operation), 0);
            if (operation == VsockOperation.Reset)
            {
                c.Finished = true;
            }

            return true;
        }

        var room = Math.Min(c.Credit, chain.WritableLength - VsockHeader.Bytes);
        var data = scratch.AsSpan(0, (int)Math.Min(room, MaximumPacket));
        if (data.IsEmpty)
        {
            // A buffer with room for a header alone is of no use for data.
            return false;
        }

        var n = c.Read(data);
        if (n > 0)
        {
            chain.Write(VsockHeader.Bytes, data[..n]);
            c.Sent += (uint)n;
            var h = Header(c, VsockOperation.ReadWrite);
            h.Length = (uint)n;
            PushPacket(queue, h, n);
            c.News |= c.Credit == 0 ? VsockNews.CreditRequest : VsockNews.None;
            return true;
        }

        if (c.HostEnded)
        {
            c.HostShutdown |= c.HungUp ? VsockHeader.ShutdownBoth : VsockHeader.ShutdownSend;
            c.News |= VsockNews.Shutdown;
            PushPacket(queue, Header(c, NextNews(c)!.Value), 0);
            return true;
        }

        return false;
    }

    /// <summary>The most urgent news, taken off the list.</summary>
    private static VsockOperation? NextNews(VsockConnection c)
    {
        foreach (var (news, operation) in Urgency)
        {
            if ((c.News & news) != 0)
            {
                c.News &= ~news;
                return operation;
            }
        }

        return null;
    }

    private VsockHeader Header(VsockConnection c, VsockOperation operation)
    {
        c.ForwardedTold = c.Forwarded;
        return new VsockHeader
        {
            SourceCid = VsockHeader.HostCid,
            DestinationCid = options.GuestCid,
            SourcePort = c.HostPort,
            DestinationPort = c.GuestPort,
            Type = VsockHeader.TypeStream,
            Operation = operation,
            Flags = operation == VsockOperation.Shutdown ? c.HostShutdown : 0,
            BufferSize = VsockConnection.BufferSize,
            Forwarded = c.Forwarded,
        };
    }

    /// <summary>Writes the header before data that is there already, and returns the buffer.</summary>
    private void PushPacket(VirtQueue queue, VsockHeader header, int data)
    {
        chain.Write(0, MemoryMarshal.AsBytes(new ReadOnlySpan<VsockHeader>(in header)));
        queue.Push(chain, (uint)(VsockHeader.Bytes + data));
    }
}
