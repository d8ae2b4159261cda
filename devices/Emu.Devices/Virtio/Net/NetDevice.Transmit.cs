// Frames from the guest (virtio 1.2, 5.1.6.2): taken from the transmit queues, checked, and finished as far as the back end needs it.
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Net;

namespace Emu.Devices.Virtio.Net;

public sealed partial class NetDevice
{
    /// <summary>Most bad frames in a row, so that a driver that sends them without end keeps nobody waiting; more than a ring holds.</summary>
    private const int FramesPerCall = 2 * VirtQueue.MaximumSize;

    private readonly DescriptorChain transmitChain = new();
    private readonly FrameSegmenter transmitSegments = new();
    private int transmitPair;

    /// <inheritdoc/>
    public bool TryTake(NetFrame frame)
    {
        for (var left = FramesPerCall; left > 0; left--)
        {
            if (transmitSegments.TryNext(frame))
            {
                return true;
            }

            if (!TryPopFrame(frame))
            {
                return false;
            }

            if (frame.Length == 0)
            {
                continue;
            }

            var undone = frame.Header.Needed & ~backend.Accepts;
            if ((undone & ~NetOffload.Checksum) != 0)
            {
                if (!transmitSegments.Begin(frame))
                {
                    Complain("a frame that cannot be segmented as its header says");
                }

                continue;
            }

            if (undone != 0)
            {
                InternetChecksum.Complete(frame);
            }

            return true;
        }

        backend.Kick();
        return false;
    }

    /// <summary>Takes a frame from the next queue that has one; of length 0 when it was bad. False when all are empty, and will notify.</summary>
    private bool TryPopFrame(NetFrame frame)
    {
        if (!IsActive)
        {
            return false;
        }

        for (var empty = 0; empty < activePairs;)
        {
            var pair = transmitPair % activePairs;
            if (queues[(pair * 2) + 1] is not { } queue)
            {
                empty++;
                transmitPair++;
                continue;
            }

            queue.DisableNotifications();
            if (!queue.TryPop(transmitChain))
            {
                queue.Signal();
                if (!queue.EnableNotifications())
                {
                    empty++;
                    transmitPair++;
                }

                continue;
            }

            var wrong = ReadFrame(frame);
            queue.Push(transmitChain, 0);
            if (queue.Outstanding == 0 && !queue.HasAvailable)
            {
                // The last for now: a driver that waits for it need not wait for the back end's work on it.
                queue.Signal();
            }

            if (wrong is not null)
            {
                Complain(wrong);
                frame.Length = 0;
                return true;
            }

            frame.Queue = pair;
            if (activePairs > 1)
            {
                flows.Learn(frame.Data, pair);
            }

            return true;
        }

        return false;
    }

    /// <summary>Copies a frame out of guest memory; null when it is sound, or what is wrong.</summary>
    private string? ReadFrame(NetFrame frame)
    {
        var length = transmitChain.ReadableLength;
        if (length is < NetHeader.BytesWithBuffers + NetFrame.EthernetHeader or > NetHeader.BytesWithBuffers + NetFrame.MaximumLength)
        {
            return $"a frame of {length} bytes with its header";
        }

        Span<byte> wire = stackalloc byte[NetHeader.BytesWithBuffers];
        transmitChain.Read(0, wire);
        var h = MemoryMarshal.Read<NetHeader>(wire);
        frame.Length = (int)length - NetHeader.BytesWithBuffers;
        transmitChain.Read(NetHeader.BytesWithBuffers, frame.Data);
        h.Flags &= NetHeader.NeedsChecksum;
        frame.Header = h;
        if ((h.Flags & NetHeader.NeedsChecksum) != 0 && h.ChecksumStart + h.ChecksumOffset + 2 > frame.Length)
        {
            return $"a checksum at {h.ChecksumStart} + {h.ChecksumOffset} of a frame of {frame.Length} bytes";
        }

        var known = h.Segmentation is SegmentationType.None or SegmentationType.Tcp4 or SegmentationType.Tcp6 or SegmentationType.Udp;
        if (!known || (h.Needed & ~hostOffloads) != 0 || (h.Segmentation == SegmentationType.None && (h.Type & NetHeader.EcnBit) != 0))
        {
            return $"offloads 0x{h.Flags:x}, 0x{h.Type:x} that were not negotiated";
        }

        // A segment is checksummed piece by piece: that it needs it goes without saying (5.1.6.2.1).
        return h.Segmentation != SegmentationType.None && (h.SegmentSize == 0 || (h.Flags & NetHeader.NeedsChecksum) == 0)
            ? "a segmented frame without a segment size or a checksum to make"
            : null;
    }

    private void Complain(string what) =>
        log.Once($"net {Name} transmit", LogLevel.Warning, $"{Name}: the driver sent {what}: dropped, and so are others like it");
}
