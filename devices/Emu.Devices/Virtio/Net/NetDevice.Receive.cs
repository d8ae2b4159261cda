// Frames to the guest (virtio 1.2, 5.1.6.4): filtered, steered to a queue, put into one buffer or several.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Net;

namespace Emu.Devices.Virtio.Net;

public sealed partial class NetDevice
{
    /// <summary>Most buffers that one frame is spread over.</summary>
    private const int MaximumBuffers = 1024;

    private readonly FrameSegmenter receiveSegments = new();
    private readonly NetFrame receivePiece = new();
    private readonly List<DescriptorChain> receiveChains = [];

    /// <inheritdoc/>
    public void BeginService()
    {
        if (IsActive)
        {
            ServiceControl();
            _ = DeliverPieces();
        }
    }

    /// <inheritdoc/>
    public bool TryDeliver(NetFrame frame)
    {
        if (!IsActive || frame.Length < NetFrame.EthernetHeader || !filter.Passes(frame.Data, new MacAddress(mac)))
        {
            return true;
        }

        if (!DeliverPieces())
        {
            return false;
        }

        var missing = frame.Header.Needed & ~guestOffloads;
        if ((missing & ~NetOffload.Checksum) != 0)
        {
            if (receiveSegments.Begin(frame))
            {
                _ = DeliverPieces();
            }

            return true;
        }

        if (missing != 0)
        {
            InternetChecksum.Complete(frame);
        }

        if ((guestOffloads & NetOffload.Checksum) == 0)
        {
            frame.Header.Flags = 0;
        }

        return TryPlace(frame);
    }

    /// <inheritdoc/>
    public void EndService()
    {
        for (var i = 0; i < queues.Length; i++)
        {
            queues[i]?.Signal();
        }
    }

    /// <summary>Delivers what is left of a frame that had to be cut up; false when there is no room for all of it.</summary>
    private bool DeliverPieces()
    {
        while (receiveSegments.TryNext(receivePiece))
        {
            if (!TryPlace(receivePiece))
            {
                receiveSegments.Undo();
                return false;
            }
        }

        return true;
    }

    /// <summary>Puts a frame into guest buffers. False, with nothing done, when there are too few. A frame that no buffers could hold is dropped.</summary>
    private bool TryPlace(NetFrame frame)
    {
        // A back end with queues of its own has steered already.
        var pair = activePairs > 1 ? (frame.Queue >= 0 ? frame.Queue : flows.Find(frame.Data)) % activePairs : 0;
        if (queues[pair * 2] is not { Broken: false } queue)
        {
            return true;
        }

        var mergeable = Has(VirtioNetFeature.MergeableBuffers);
        var needed = (ulong)(NetHeader.BytesWithBuffers + frame.Length);
        ulong room = 0;
        var count = 0;
        queue.DisableNotifications();
        while (room < needed && count < MaximumBuffers && (mergeable || count == 0))
        {
            var chain = Chain(count);
            if (!queue.TryPop(chain))
            {
                if (queue.EnableNotifications())
                {
                    queue.DisableNotifications();
                    continue;
                }

                Unpop(queue, count);
                return queue.Broken;
            }

            room += chain.WritableLength;
            count++;
        }

        if (room < needed || receiveChains[0].WritableLength < NetHeader.BytesWithBuffers)
        {
            // Given back used with nothing in it: the driver would offer the same buffers for ever.
            log.Once($"net {Name} receive", LogLevel.Warning, $"{Name}: the driver's receive buffers hold {room} bytes, a frame needs {needed}: dropped, and so are others like it");
            for (var i = 0; i < count; i++)
            {
                queue.Push(receiveChains[i], 0);
            }

            return true;
        }

        Fill(queue, frame, count);
        return true;
    }

    private void Fill(VirtQueue queue, NetFrame frame, int count)
    {
        Span<byte> wire = stackalloc byte[NetHeader.BytesWithBuffers];
        MemoryMarshal.Write(wire, in frame.Header);
        BinaryPrimitives.WriteUInt16LittleEndian(wire[NetHeader.Bytes..], (ushort)count);
        receiveChains[0].Write(0, wire);
        var done = receiveChains[0].Write(NetHeader.BytesWithBuffers, frame.Data);

        // All of them are seen as used together (5.1.6.4.1): a driver that finds one and not the next drops the frame, and takes the rest for others.
        queue.Push(receiveChains[0], (uint)(NetHeader.BytesWithBuffers + done), more: count > 1);
        for (var i = 1; i < count; i++)
        {
            var n = receiveChains[i].Write(0, frame.Data[done..]);
            queue.Push(receiveChains[i], (uint)n, more: i < count - 1);
            done += n;
        }
    }

    private void Unpop(VirtQueue queue, int count)
    {
        for (var i = count - 1; i >= 0; i--)
        {
            queue.Unpop(receiveChains[i]);
        }
    }

    private DescriptorChain Chain(int index)
    {
        while (receiveChains.Count <= index)
        {
            receiveChains.Add(new DescriptorChain());
        }

        return receiveChains[index];
    }
}
