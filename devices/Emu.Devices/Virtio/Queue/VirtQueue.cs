// A virtqueue as a device sees it (virtio 1.2, 2.6): take requests, return them, suppress or ask for notifications; split or packed.
using Emu.Core;

namespace Emu.Devices.Virtio;

/// <summary>Where a queue lies and how far it got: what the transport programs and a snapshot keeps.</summary>
public struct VirtQueueState
{
    /// <summary>Entries.</summary>
    public ushort Size;

    /// <summary>Guest-physical address of the descriptor area.</summary>
    public ulong DescriptorArea;

    /// <summary>Guest-physical address of the driver area (split: available ring; packed: driver event suppression).</summary>
    public ulong DriverArea;

    /// <summary>Guest-physical address of the device area (split: used ring; packed: device event suppression).</summary>
    public ulong DeviceArea;

    /// <summary>Next available entry (packed: position [14:0] and wrap counter [15]).</summary>
    public ushort NextAvailable;

    /// <summary>Next used entry (packed: position [14:0] and wrap counter [15]).</summary>
    public ushort NextUsed;

    /// <summary>Used entries since the driver was last considered for an interrupt, saturating.</summary>
    public ushort UsedSinceSignal;

    /// <summary>The driver was asked not to notify.</summary>
    public bool NotificationsOff;

    /// <summary>Ring entries taken and not returned.</summary>
    public ushort Outstanding;
}

/// <summary>
/// One queue. <see cref="TryPop"/> and the notification switches belong to one thread at a time, <see cref="Push"/> and <see cref="Signal"/>
/// to one thread at a time; the two may differ. Whatever the driver wrote, nothing throws: a broken ring stops the queue and marks the device
/// as needing reset.
/// </summary>
/// <remarks>The usual loop: <c>do { q.DisableNotifications(); while (q.TryPop(chain)) { ...; q.Push(chain, written); } q.Signal(); } while (q.EnableNotifications());</c></remarks>
public abstract unsafe class VirtQueue
{
    /// <summary>Largest queue size (virtio 1.2, 2.7: 2^15).</summary>
    public const int MaximumSize = 32768;

    /// <summary>Most buffers in one request, whatever the queue size; Linux uses indirect tables longer than small queues.</summary>
    private const int MaximumBuffers = 1024;

    private readonly IVirtioTransport transport;
    private int outstanding;
    private volatile bool broken;

    private protected VirtQueue(IVirtioTransport transport, PhysicalAddressSpace memory, IDmaTranslation? dma, int index, in VirtQueueState state, ulong features)
    {
        this.transport = transport;
        Memory = memory;
        Dma = dma;
        Index = index;
        Size = state.Size;
        outstanding = state.Outstanding;
        HasEventIdx = (features & VirtioFeature.EventIdx) != 0;
        HasIndirect = (features & VirtioFeature.IndirectDescriptors) != 0;
        ChainLimit = Math.Max(MaximumBuffers, (int)Size);
    }

    /// <summary>Number of the queue in its device.</summary>
    public int Index { get; }

    /// <summary>Entries.</summary>
    public ushort Size { get; }

    /// <summary>The driver broke the ring: nothing can be taken or returned until the device is reset.</summary>
    public bool Broken => broken;

    /// <summary>Ring entries taken and not returned.</summary>
    public int Outstanding => Volatile.Read(ref outstanding);

    private protected PhysicalAddressSpace Memory { get; }

    /// <summary>What the device's addresses go through; null for guest-physical ones.</summary>
    private protected IDmaTranslation? Dma { get; }

    private protected bool HasEventIdx { get; }

    private protected bool HasIndirect { get; }

    private protected int ChainLimit { get; }

    /// <summary>Makes a queue from what the driver programmed. Null, with the reason, when the rings are not wholly in RAM, misaligned or of a bad size.</summary>
    /// <param name="transport">Receives interrupts and complaints.</param>
    /// <param name="memory">Guest memory.</param>
    /// <param name="index">Number of the queue.</param>
    /// <param name="state">Addresses and size; positions when restored.</param>
    /// <param name="features">Negotiated features.</param>
    /// <param name="reason">What is wrong, when null is returned.</param>
    /// <param name="dma">What the device's addresses go through; null for guest-physical ones.</param>
    /// <param name="restored">The queue was in use when it was saved.</param>
    public static VirtQueue? TryCreate(
        IVirtioTransport transport, PhysicalAddressSpace memory, int index, in VirtQueueState state, ulong features, out string reason,
        IDmaTranslation? dma = null, bool restored = false) =>
        (features & VirtioFeature.RingPacked) != 0
            ? PackedVirtQueue.TryCreate(transport, memory, dma, index, state, features, restored, out reason)
            : SplitVirtQueue.TryCreate(transport, memory, dma, index, state, features, restored, out reason);

    /// <summary>The positions of a new queue in the layout that was negotiated.</summary>
    public static VirtQueueState Fresh(VirtQueueState state, ulong features)
    {
        var start = (features & VirtioFeature.RingPacked) != 0 ? PackedVirtQueue.WrapBit : (ushort)0;
        state.NextAvailable = state.NextUsed = start;
        state.UsedSinceSignal = state.Outstanding = 0;
        state.NotificationsOff = false;
        return state;
    }

    /// <summary>Takes the next request. False when there is none or the ring is broken.</summary>
    public abstract bool TryPop(DescriptorChain chain);

    /// <summary>Puts the request taken last back, untouched, as if it had not been taken; several in the reverse order of taking.</summary>
    /// <param name="chain">A request of this queue that was not returned.</param>
    public abstract void Unpop(DescriptorChain chain);

    /// <summary>Whether a request waits, without taking it.</summary>
    public abstract bool HasAvailable { get; }

    /// <summary>Returns a request to the driver; <see cref="Signal"/> afterwards, once for a batch.</summary>
    /// <param name="chain">A request of this queue.</param>
    /// <param name="written">Bytes written to its writable part.</param>
    /// <param name="more">The driver sees it together with the next one that is returned, not before.</param>
    public abstract void Push(DescriptorChain chain, uint written, bool more = false);

    /// <summary>Interrupts the driver if it wants to know about what was returned since the last call.</summary>
    public abstract void Signal();

    /// <summary>Asks the driver not to notify; a hint.</summary>
    public abstract void DisableNotifications();

    /// <summary>Asks the driver to notify again. True when requests came in meanwhile, that it will not notify about.</summary>
    public abstract bool EnableNotifications();

    /// <summary>Positions and addresses for a snapshot.</summary>
    public abstract VirtQueueState Capture();

    /// <summary>Continues a snapshot's broken queue: the device was marked before.</summary>
    internal void RestoreBroken() => broken = true;

    private protected void Interrupt() => transport.QueueInterrupt(Index);

    /// <summary>Stops the queue and asks for a reset.</summary>
    private protected bool Break(string reason)
    {
        if (!broken)
        {
            broken = true;
            transport.NeedsReset($"queue {Index}: {reason}");
        }

        return false;
    }

    /// <summary>Counts ring entries as taken; false when more would be out than the ring has.</summary>
    private protected bool TryTake(int entries) => Interlocked.Add(ref outstanding, entries) <= Size || Break("more requests are available than the ring has entries");

    private protected void GiveBack(int entries) => Interlocked.Add(ref outstanding, -entries);

    /// <summary>Adds the buffers of an indirect table; null when all is well, or what is wrong.</summary>
    /// <param name="chain">Receives the buffers.</param>
    /// <param name="table">Guest-physical address of the table.</param>
    /// <param name="length">Bytes of the table.</param>
    /// <param name="linked">Entries are linked by NEXT (split), or all taken in order (packed).</param>
    private protected string? AddIndirect(DescriptorChain chain, ulong table, uint length, bool linked)
    {
        if (!HasIndirect)
        {
            return "an indirect descriptor without the feature negotiated";
        }

        if (length == 0 || length % VirtqDescriptor.Bytes != 0 || length / VirtqDescriptor.Bytes > (uint)ChainLimit)
        {
            return $"an indirect table of {length} bytes";
        }

        var entries = Dma is null ? (VirtqDescriptor*)Memory.TryGetPointer(table, length, forWrite: false) : null;
        if (entries == null && Dma is null)
        {
            return "an indirect table that is not wholly in RAM";
        }

        var count = (int)(length / VirtqDescriptor.Bytes);
        var i = 0;
        for (var left = count; left > 0; left--)
        {
            // Copied first: the driver may change the entry while it is checked.
            VirtqDescriptor d;
            if (entries != null)
            {
                d = entries[i];
            }
            else if (!TryRead(table + ((ulong)i * VirtqDescriptor.Bytes), &d, VirtqDescriptor.Bytes))
            {
                return "an indirect table that is not wholly mapped";
            }

            var flags = linked ? d.SplitFlags : d.PackedFlags;
            if ((flags & VirtqDescriptor.Indirect) != 0)
            {
                return "an indirect table inside an indirect table";
            }

            if (chain.Add(d.Address, d.Length, (flags & VirtqDescriptor.Write) != 0) is { } wrong)
            {
                return wrong;
            }

            if (!linked)
            {
                i++;
            }
            else if ((flags & VirtqDescriptor.Next) == 0)
            {
                return null;
            }
            else if (d.SplitNext >= count)
            {
                return $"a descriptor names entry {d.SplitNext} of an indirect table of {count}";
            }
            else
            {
                i = d.SplitNext;
            }
        }

        return linked ? "a loop of descriptors in an indirect table" : null;
    }

    /// <summary>Reads through the IOMMU.</summary>
    private bool TryRead(ulong address, void* destination, uint length)
    {
        for (uint done = 0; done < length;)
        {
            if (!Dma!.TryTranslate(address + done, forWrite: false, out var physical, out var run))
            {
                return false;
            }

            var part = (uint)Math.Min(run, length - done);
            if (!Memory.TryReadRam(physical, new Span<byte>((byte*)destination + done, (int)part)))
            {
                return false;
            }

            done += part;
        }

        return true;
    }
}

/// <summary>A descriptor of either layout (virtio 1.2, 2.7.5 and 2.8.13): address, length, then flags and next (split) or buffer ID and flags (packed).</summary>
internal struct VirtqDescriptor
{
    /// <summary>Bytes of a descriptor.</summary>
    public const uint Bytes = 16;

    /// <summary>VIRTQ_DESC_F_NEXT: another descriptor follows.</summary>
    public const ushort Next = 1;

    /// <summary>VIRTQ_DESC_F_WRITE: the device writes the buffer.</summary>
    public const ushort Write = 2;

    /// <summary>VIRTQ_DESC_F_INDIRECT: the buffer is a table of descriptors.</summary>
    public const ushort Indirect = 4;

    /// <summary>VIRTQ_DESC_F_AVAIL of a packed descriptor.</summary>
    public const ushort Available = 1 << 7;

    /// <summary>VIRTQ_DESC_F_USED of a packed descriptor.</summary>
    public const ushort Used = 1 << 15;

    // Filled by the guest.
#pragma warning disable CS0649
    public ulong Address;
    public uint Length;
    public ushort Word12;
    public ushort Word14;
#pragma warning restore CS0649

    public readonly ushort SplitFlags => Word12;

    public readonly ushort SplitNext => Word14;

    public readonly ushort PackedId => Word12;

    public readonly ushort PackedFlags => Word14;
}
