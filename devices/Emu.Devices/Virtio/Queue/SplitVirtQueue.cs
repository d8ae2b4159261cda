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

    private readonly VirtqDescriptor* table;
    private readonly ushort* available;
    private readonly ushort* used;
    private readonly ulong descriptorAddress;
    private readonly ulong availableAddress;
    private readonly ulong usedAddress;
    private ushort nextAvailable;
    private ushort nextUsed;
    private ushort usedSinceSignal;
    private bool notificationsOff;

    private SplitVirtQueue(
        IVirtioTransport transport, PhysicalAddressSpace memory, int index, in VirtQueueState state, ulong features, VirtqDescriptor* table, ushort* available, ushort* used)
        : base(transport, memory, index, state, features)
    {
        this.table = table;
        this.available = available;
        this.used = used;
        descriptorAddress = state.DescriptorArea;
        availableAddress = state.DriverArea;
        usedAddress = state.DeviceArea;
        nextAvailable = state.NextAvailable;
        nextUsed = state.NextUsed;
        usedSinceSignal = state.UsedSinceSignal;
        notificationsOff = state.NotificationsOff;
    }

    public static new SplitVirtQueue? TryCreate(
        IVirtioTransport transport, PhysicalAddressSpace memory, int index, in VirtQueueState state, ulong features, out string reason)
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

        // Both rings have an event index behind their entries; a driver without the feature need not have room for it.
        var tail = (features & VirtioFeature.EventIdx) != 0 ? 2u : 0;
        var table = memory.TryGetPointer(state.DescriptorArea, state.Size * VirtqDescriptor.Bytes, forWrite: false);
        var available = memory.TryGetPointer(state.DriverArea, RingHeaderBytes + (state.Size * 2u) + tail, forWrite: false);
        var used = memory.TryGetPointer(state.DeviceArea, RingHeaderBytes + (state.Size * UsedEntryBytes) + tail, forWrite: true);
        if (table == null || available == null || used == null)
        {
            reason = "a ring is not wholly in RAM";
            return null;
        }

        return new SplitVirtQueue(transport, memory, index, state, features, (VirtqDescriptor*)table, (ushort*)available, (ushort*)used);
    }

    public override bool HasAvailable => !Broken && Volatile.Read(ref available[RingIndex]) != nextAvailable;

    public override bool TryPop(DescriptorChain chain)
    {
        if (Broken)
        {
            return false;
        }

        var waiting = (ushort)(Volatile.Read(ref available[RingIndex]) - nextAvailable);
        if (waiting == 0)
        {
            return false;
        }

        if (waiting > Size)
        {
            return Break($"the available index is {waiting} ahead in a ring of {Size}");
        }

        var head = available[RingEntries + (nextAvailable & (Size - 1))];
        if (head >= Size)
        {
            return Break($"the available ring names descriptor {head} of {Size}");
        }

        chain.Begin(Memory, head);
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

    public override void Push(DescriptorChain chain, uint written)
    {
        if (Broken)
        {
            return;
        }

        var slot = (uint)(nextUsed & (Size - 1));
        var entry = (uint*)(used + RingEntries) + (slot * 2);
        entry[0] = chain.Id;
        entry[1] = written;
        nextUsed++;
        usedSinceSignal = (ushort)Math.Min(usedSinceSignal + 1, ushort.MaxValue);
        Volatile.Write(ref used[RingIndex], nextUsed);
        Memory.NotifyWritten(usedAddress + RingHeaderBytes + (slot * UsedEntryBytes), UsedEntryBytes);
        Memory.NotifyWritten(usedAddress, RingHeaderBytes);
        GiveBack(chain.RingEntries);
    }

    public override void Signal()
    {
        if (usedSinceSignal == 0 || Broken)
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
            var e = Volatile.Read(ref available[RingEntries + Size]);
            wanted = count == ushort.MaxValue || (ushort)(nextUsed - e - 1) < count;
        }
        else
        {
            wanted = (Volatile.Read(ref available[0]) & NoInterrupt) == 0;
        }

        if (wanted)
        {
            Interrupt();
        }
    }

    public override void DisableNotifications()
    {
        if (!notificationsOff && !Broken)
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
        if (Broken)
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
            var d = table[i];
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
        Volatile.Write(ref used[word], value);
        Memory.NotifyWritten(usedAddress + ((ulong)word * 2), 2);
    }
}
