// Packets from the guest (virtio 1.2, 5.10.6): connections opened and ended, data written to the host's sockets.
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Virtio.Vsock;

public sealed partial class VsockDevice
{
    /// <summary>Works on the guest's packets; whether some are left for the next round.</summary>
    private bool Transmit()
    {
        if (queues[TransmitQueue] is not { } queue)
        {
            return false;
        }

        queue.DisableNotifications();
        for (var left = loop.IsDeterministic ? int.MaxValue : PacketsPerRound; left > 0; left--)
        {
            if (replies.Count >= MaximumReplies)
            {
                // The guest gives no room for answers: its packets wait until it does, and then it kicks.
                return false;
            }

            if (!queue.TryPop(chain))
            {
                if (queue.EnableNotifications())
                {
                    queue.DisableNotifications();
                    continue;
                }

                return false;
            }

            Take();
            queue.Push(chain, 0);
        }

        return true;
    }

    private void Take()
    {
        Span<byte> wire = stackalloc byte[VsockHeader.Bytes];
        if (chain.Read(0, wire) < wire.Length)
        {
            Complain("a packet without a whole header");
            return;
        }

        var h = MemoryMarshal.Read<VsockHeader>(wire);
        if (h.SourceCid != options.GuestCid)
        {
            Complain($"a packet from context ID {h.SourceCid}");
            return;
        }

        if (h.DestinationCid != VsockHeader.HostCid || h.Type != VsockHeader.TypeStream)
        {
            Refuse(h);
            return;
        }

        if (h.Operation == VsockOperation.ReadWrite && h.Length > chain.ReadableLength - VsockHeader.Bytes)
        {
            Complain($"a packet of {h.Length} bytes in a buffer of {chain.ReadableLength}");
            return;
        }

        byPorts.TryGetValue(((ulong)h.DestinationPort << 32) | h.SourcePort, out var c);
        if (c is null)
        {
            if (h.Operation == VsockOperation.Request)
            {
                Open(h);
            }
            else
            {
                Refuse(h);
            }

            return;
        }

        c.GuestBuffer = h.BufferSize;
        c.GuestForwarded = h.Forwarded;
        Handle(c, h);
    }

    private void Handle(VsockConnection c, in VsockHeader h)
    {
        switch (h.Operation)
        {
            case VsockOperation.Response when !c.Established:
                c.Established = true;
                c.WriteLine(System.Text.Encoding.ASCII.GetBytes($"OK {c.HostPort}\n"));
                break;
            case VsockOperation.ReadWrite when c.Established && (c.GuestShutdown & VsockHeader.ShutdownSend) == 0 && h.Length <= c.Room:
                WriteData(c, (int)h.Length);
                break;
            case VsockOperation.CreditUpdate when c.Established:
                break;
            case VsockOperation.CreditRequest when c.Established:
                c.News |= VsockNews.Credit;
                break;
            case VsockOperation.Shutdown when c.Established:
                c.GuestShutdown |= h.Flags & VsockHeader.ShutdownBoth;
                c.Flush();
                EndIfBothSidesDid(c);
                break;
            case VsockOperation.Reset:
                // What the guest sent before still reaches the host.
                Forget(c);
                c.Orphan = true;
                c.News = VsockNews.None;
                c.Finished = c.Waiting == 0;
                break;
            default:
                // Out of turn, or more than the room it was promised.
                Complain($"operation {(int)h.Operation} of {h.Length} bytes, which the state of its connection does not allow");
                Drop(c);
                break;
        }
    }

    private void WriteData(VsockConnection c, int length)
    {
        ulong at = VsockHeader.Bytes;
        while (length > 0)
        {
            var piece = scratch.AsSpan(0, Math.Min(length, scratch.Length));
            chain.Read(at, piece);
            c.Write(piece);
            at += (ulong)piece.Length;
            length -= piece.Length;
        }

        TellRoom(c);
    }

    /// <summary>A credit update, once the guest believes that less than half of the room is left and there is more.</summary>
    private static void TellRoom(VsockConnection c)
    {
        if (c.Forwarded != c.ForwardedTold && VsockConnection.BufferSize - (c.Received - c.ForwardedTold) < VsockConnection.BufferSize / 2)
        {
            c.News |= VsockNews.Credit;
        }
    }

    /// <summary>The guest ended both directions, and everything is written: the reset confirms that (5.10.6.6).</summary>
    private static void EndIfBothSidesDid(VsockConnection c)
    {
        if (c.GuestShutdown == VsockHeader.ShutdownBoth && c.Waiting == 0)
        {
            c.News = VsockNews.Reset;
        }
    }

    private void Open(in VsockHeader h)
    {
        if (connections.Count >= MaximumConnections)
        {
            log.Once($"vsock {Name} full", LogLevel.Warning, $"{Name}: {MaximumConnections} connections are open: more are refused");
            Refuse(h);
            return;
        }

        var socket = UnixSockets.TryConnect($"{options.SocketPath}_{h.DestinationPort}", out _);
        if (socket is null)
        {
            Refuse(h);
            return;
        }

        Add(new VsockConnection(socket)
        {
            GuestPort = h.SourcePort,
            HostPort = h.DestinationPort,
            Established = true,
            GuestBuffer = h.BufferSize,
            GuestForwarded = h.Forwarded,
            News = VsockNews.Response,
        });
    }

    private void Add(VsockConnection c)
    {
        if (!connections.Contains(c))
        {
            connections.Add(c);
        }

        byPorts[c.Key] = c;
    }

    /// <summary>Ends a connection from the host's side at once.</summary>
    private static void Drop(VsockConnection c)
    {
        c.News = VsockNews.Reset;
        c.Established = false;
    }

    /// <summary>Answers a packet that belongs nowhere; a reset is never answered.</summary>
    private void Refuse(in VsockHeader h)
    {
        if (h.Operation != VsockOperation.Reset)
        {
            replies.Enqueue(new VsockHeader
            {
                SourceCid = h.DestinationCid,
                DestinationCid = h.SourceCid,
                SourcePort = h.DestinationPort,
                DestinationPort = h.SourcePort,
                Type = h.Type,
                Operation = VsockOperation.Reset,
            });
        }
    }

    private void Complain(string what) =>
        log.Once($"vsock {Name}", LogLevel.Warning, $"{Name}: the driver sent {what}: refused, and so are others like it");
}
