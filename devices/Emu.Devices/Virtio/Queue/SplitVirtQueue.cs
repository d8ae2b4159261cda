// The split virtqueue layout (virtio 1.2, 2.7): descriptor table, available ring, used ring.
using Emu.Core;

namespace Emu.Devices.Virtio;

/// <summary>A queue in the split layout.</summary>
internal sealed unsafe class SplitVirtQueue : VirtQueue
{
    private const int RingIndex = 1;
    private const int RingEntries = 2;
    private const ushort NoInterrupt = 1;
    private const ushort NoNotify = 1;
    private const uint RingHeaderBytes = 4;
    private const uint UsedEntryBytes = 8;
    private const uint UsedLengthOffset = 4;

    private RingArea table;
    private RingArea available;
    private RingArea used;
    private int generation;
    private readonly ulong descriptorAddress;
    private readonly ulong availableAddress;
    private readonly ulong usedAddress;
    private ushort nextAvailable;
    private ushort nextUsed;
    private ushort usedSinceSignal;
    private bool notificationsOff;

    private SplitVirtQueue(
        IVirtioTransport transport, PhysicalAddressSpace memory, IDmaTranslation? dma, int index, in VirtQueueState state, ulong features, in Rings rings)
        : base(transport, memory, dma, index, state, features)
    {
        (table, available, used, generation) = rings;
        descriptorAddress = state.DescriptorArea;
        availableAddress = state.DriverArea;
        usedAddress = state.DeviceArea;
        nextAvailable = state.NextAvailable;
        nextUsed = state.NextUsed;
        usedSinceSignal = state.UsedSinceSignal;
        notificationsOff = state.NotificationsOff;
    }

    public static SplitVirtQueue? TryCreate(
        IVirtioTransport transport, PhysicalAddressSpace memory, IDmaTranslation? dma, int index, in VirtQueueState state, ulong features, bool restored, out string reason)
    {
        reason = "";
        if (state.Size is 0 or > MaximumSize || !System.Numerics.BitOperations.IsPow2(state.Size))
        {
            reason = $"a split ring of {state.Size} entries: a power of two is needed";
            return null;
        }

        if ((state.DescriptorArea & 15) != 0 || (state.DriverArea & 1) != 0 || (state.DeviceArea & 3) != 0)
        {
            reason = "a ring address is misaligned";
            return null;
        }

        // A restored queue behind an IOMMU looks for its rings when they are used, as the one that was saved would have.
        var later = restored && dma is not null ? Rings.NotFoundYet(dma.Generation) : (Rings?)null;
        if ((later ?? Find(memory, dma, state, features)) is not { } rings)
        {
            reason = "a ring is not wholly in RAM";
            return null;
        }

        return new SplitVirtQueue(transport, memory, dma, index, state, features, rings);
    }

    public override bool HasAvailable => !Broken && IsCurrent() && Volatile.Read(ref *Available(RingIndex)) != nextAvailable;

    public override bool TryPop(DescriptorChain chain)
    {
        if (Broken || !IsCurrent())
        {
            return false;
        }

        var waiting = (ushort)(Volatile.Read(ref *Available(RingIndex)) - nextAvailable);
        if (waiting == 0)
        {
            return false;
        }

        if (waiting > Size)
        {
            return Break($"the available index is {waiting} ahead in a ring of {Size}");
        }

        var head = *Available(RingEntries + (nextAvailable & (Size - 1)));
        if (head >= Size)
        {
            return Break($"the available ring names descriptor {head} of {Size}");
        }

        chain.Begin(Memory, Dma, head);
        if (Walk(chain, head) is { } wrong)
        {
            return Break(wrong);
        }

        if (!TryTake(1))
        {
            return false;
        }

        nextAvailable++;
        if (HasEventIdx && !notificationsOff)
        {
            WriteUsed(RingEntries + (Size * 4), nextAvailable);
        }

        return true;
    }

    public override void Unpop(DescriptorChain chain)
    {
        nextAvailable--;
        GiveBack(chain.RingEntries);
    }

    public override void Push(DescriptorChain chain, uint written, bool more = false)
    {
        if (Broken || !IsCurrent())
        {
            return;
        }

        // The halves of an entry may lie in two pages.
        var entry = RingHeaderBytes + ((uint)(nextUsed & (Size - 1)) * UsedEntryBytes);
        *(uint*)used.At(entry) = chain.Id;
        *(uint*)used.At(entry + UsedLengthOffset) = written;
        nextUsed++;
        usedSinceSignal = (ushort)Math.Min(usedSinceSignal + 1, ushort.MaxValue);
        if (!more)
        {
            Volatile.Write(ref *(ushort*)used.At(RingIndex * sizeof(ushort)), nextUsed);
        }

        used.NotifyWritten(Memory, entry, UsedLengthOffset);
        used.NotifyWritten(Memory, entry + UsedLengthOffset, UsedLengthOffset);
        used.NotifyWritten(Memory, 0, RingHeaderBytes);
        GiveBack(chain.RingEntries);
    }

    public override void Signal()
    {
        if (usedSinceSignal == 0 || Broken || !IsCurrent())
        {
            return;
        }

        // The used index is visible before the driver's wish is read (virtio 1.2, 2.7.7.2).
        Interlocked.MemoryBarrier();
        var count = usedSinceSignal;
        usedSinceSignal = 0;
        bool wanted;
        if (HasEventIdx)
        {
            // Interrupt when the index the driver named was passed: event in [old, new).
            var e = Volatile.Read(ref *Available(RingEntries + Size));
            wanted = count == ushort.MaxValue || (ushort)(nextUsed - e - 1) < count;
        }
        else
        {
            wanted = (Volatile.Read(ref *Available(0)) & NoInterrupt) == 0;
        }

        if (wanted)
        {
            Interrupt();
        }
    }

    public override void DisableNotifications()
    {
        if (!notificationsOff && !Broken && IsCurrent())
        {
            notificationsOff = true;
            if (!HasEventIdx)
            {
                WriteUsed(0, NoNotify);
            }
        }
    }

    public override bool EnableNotifications()
    {
        if (Broken || !IsCurrent())
        {
            return false;
        }

        notificationsOff = false;
        if (HasEventIdx)
        {
            WriteUsed(RingEntries + (Size * 4), nextAvailable);
        }
        else
        {
            WriteUsed(0, 0);
        }

        Interlocked.MemoryBarrier();
        return HasAvailable;
    }

    public override VirtQueueState Capture() => new()
    {
        Size = Size,
        DescriptorArea = descriptorAddress,
        DriverArea = availableAddress,
        DeviceArea = usedAddress,
        NextAvailable = nextAvailable,
        NextUsed = nextUsed,
        UsedSinceSignal = usedSinceSignal,
        NotificationsOff = notificationsOff,
        Outstanding = (ushort)Outstanding,
    };

    /// <summary>Collects the buffers of a chain; null when all is well, or what is wrong.</summary>
    private string? Walk(DescriptorChain chain, ushort head)
    {
        var i = head;
        for (int left = Size; left > 0; left--)
        {
            // Copied first: the driver may change the entry while it is checked.
            var d = *(VirtqDescriptor*)table.At(i * VirtqDescriptor.Bytes);
            if ((d.SplitFlags & VirtqDescriptor.Indirect) != 0)
            {
                return (d.SplitFlags & VirtqDescriptor.Next) != 0
                    ? "an indirect descriptor that is not the last of its chain"
                    : AddIndirect(chain, d.Address, d.Length, linked: true);
            }

            if (chain.Add(d.Address, d.Length, (d.SplitFlags & VirtqDescriptor.Write) != 0) is { } wrong)
            {
                return wrong;
            }

            if ((d.SplitFlags & VirtqDescriptor.Next) == 0)
            {
                return null;
            }

            if (d.SplitNext >= Size)
            {
                return $"a descriptor names descriptor {d.SplitNext} of {Size}";
            }

            i = d.SplitNext;
        }

        return "a loop of descriptors";
    }

    private void WriteUsed(int word, ushort value)
    {
        var offset = (uint)word * sizeof(ushort);
        Volatile.Write(ref *(ushort*)used.At(offset), value);
        used.NotifyWritten(Memory, offset, sizeof(ushort));
    }

    private ushort* Available(int word) => (ushort*)available.At((uint)word * sizeof(ushort));

    /// <summary>Behind an IOMMU: looks for the rings again where a mapping was taken away since they were found; breaks the queue where they are gone.</summary>
    private bool IsCurrent() => Dma is null || Dma.Generation == Volatile.Read(ref generation) || FindAgain();

    private bool FindAgain()
    {
        var state = new VirtQueueState { Size = Size, DescriptorArea = descriptorAddress, DriverArea = availableAddress, DeviceArea = usedAddress };
        if (Find(Memory, Dma, state, HasEventIdx ? VirtioFeature.EventIdx : 0) is not { } rings)
        {
            return Break("a ring is not mapped any more");
        }

        (table, available, used, var found) = rings;
        Volatile.Write(ref generation, found);
        return true;
    }

    private static Rings? Find(PhysicalAddressSpace memory, IDmaTranslation? dma, in VirtQueueState state, ulong features)
    {
        // Both rings have an event index behind their entries; a driver without the feature need not have room for it.
        var tail = (features & VirtioFeature.EventIdx) != 0 ? 2u : 0;
        var generation = dma?.Generation ?? 0;
        return RingArea.TryCreate(memory, dma, state.DescriptorArea, state.Size * VirtqDescriptor.Bytes, forWrite: false) is { } table
            && RingArea.TryCreate(memory, dma, state.DriverArea, RingHeaderBytes + (state.Size * 2u) + tail, forWrite: false) is { } available
            && RingArea.TryCreate(memory, dma, state.DeviceArea, RingHeaderBytes + (state.Size * UsedEntryBytes) + tail, forWrite: true) is { } used
            ? new Rings(table, available, used, generation)
            : null;
    }

    /// <summary>The rings, and the state of the IOMMU they were found in.</summary>
    private readonly record struct Rings(RingArea Table, RingArea Available, RingArea Used, int Generation)
    {
        public static Rings NotFoundYet(int generation) => new(RingArea.None, RingArea.None, RingArea.None, generation - 1);
    }
}
