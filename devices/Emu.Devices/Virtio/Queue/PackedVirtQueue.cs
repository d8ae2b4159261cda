// The packed virtqueue layout (virtio 1.2, 2.8): one ring of descriptors that driver and device both write, and two event suppression areas.
using Emu.Core;

namespace Emu.Devices.Virtio;

/// <summary>A queue in the packed layout. Positions are kept as a number in 0 to 2*Size-1: below Size the wrap counter is 1.</summary>
internal sealed unsafe class PackedVirtQueue : VirtQueue
{
    /// <summary>The wrap counter in a saved or shared position; the other bits are the offset in the ring.</summary>
    public const ushort WrapBit = 1 << 15;

    private const int EventFlagsWord = 1;
    private const uint EventBytes = 4;
    private const ushort EventEnable = 0;
    private const ushort EventDisable = 1;
    private const ushort EventDescriptor = 2;

    private RingArea ring;
    private RingArea driverEvent;
    private RingArea deviceEvent;
    private int generation;
    private readonly ulong ringAddress;
    private readonly ulong driverAddress;
    private readonly ulong deviceAddress;
    private uint nextAvailable;
    private uint nextUsed;
    private (uint Slot, ushort Flags)? held;
    private ushort usedSinceSignal;
    private bool notificationsOff;

    private PackedVirtQueue(
        IVirtioTransport transport, PhysicalAddressSpace memory, IDmaTranslation? dma, int index, in VirtQueueState state, ulong features, in Rings rings)
        : base(transport, memory, dma, index, state, features)
    {
        (ring, driverEvent, deviceEvent, generation) = rings;
        ringAddress = state.DescriptorArea;
        driverAddress = state.DriverArea;
        deviceAddress = state.DeviceArea;
        nextAvailable = FromShared(state.NextAvailable);
        nextUsed = FromShared(state.NextUsed);
        usedSinceSignal = state.UsedSinceSignal;
        notificationsOff = state.NotificationsOff;
    }

    public static PackedVirtQueue? TryCreate(
        IVirtioTransport transport, PhysicalAddressSpace memory, IDmaTranslation? dma, int index, in VirtQueueState state, ulong features, bool restored, out string reason)
    {
        reason = "";
        if (state.Size is 0 or > MaximumSize || (state.NextAvailable & ~WrapBit) >= state.Size || (state.NextUsed & ~WrapBit) >= state.Size)
        {
            reason = $"a packed ring of {state.Size} entries";
            return null;
        }

        if ((state.DescriptorArea & 15) != 0 || (state.DriverArea & 3) != 0 || (state.DeviceArea & 3) != 0)
        {
            reason = "a ring address is misaligned";
            return null;
        }

        // A restored queue behind an IOMMU looks for its rings when they are used, as the one that was saved would have.
        var later = restored && dma is not null ? Rings.NotFoundYet(dma.Generation) : (Rings?)null;
        if ((later ?? Find(memory, dma, state)) is not { } rings)
        {
            reason = "a ring is not wholly in RAM";
            return null;
        }

        return new PackedVirtQueue(transport, memory, dma, index, state, features, rings);
    }

    public override bool HasAvailable => !Broken && IsCurrent() && IsAvailable();

    public override bool TryPop(DescriptorChain chain)
    {
        if (Broken || !IsCurrent() || !IsAvailable())
        {
            return false;
        }

        chain.Begin(Memory, Dma, 0);
        if (Walk(chain) is { } wrong)
        {
            return Break(wrong);
        }

        if (!TryTake(chain.RingEntries))
        {
            return false;
        }

        nextAvailable = Advance(nextAvailable, chain.RingEntries);
        if (HasEventIdx && !notificationsOff)
        {
            WriteEvent(0, ToShared(nextAvailable));
        }

        return true;
    }

    public override void Unpop(DescriptorChain chain)
    {
        nextAvailable = Advance(nextAvailable, (2u * Size) - chain.RingEntries);
        GiveBack(chain.RingEntries);
    }

    public override void Push(DescriptorChain chain, uint written, bool more = false)
    {
        if (Broken || !IsCurrent())
        {
            return;
        }

        var slot = Slot(nextUsed);
        var d = Descriptor(slot);
        d->Length = written;
        d->Word12 = chain.Id;
        var flags = (Wrap(nextUsed) ? VirtqDescriptor.Available | VirtqDescriptor.Used : 0) | (written != 0 ? VirtqDescriptor.Write : 0);
        if (more && held is null)
        {
            // The driver looks at entries in order: while the first is not marked, it sees none of them.
            held = (slot, (ushort)flags);
        }
        else
        {
            Mark(slot, (ushort)flags);
        }

        if (!more && held is var (first, firstFlags))
        {
            held = null;
            Mark(first, firstFlags);
        }

        nextUsed = Advance(nextUsed, chain.RingEntries);
        usedSinceSignal = (ushort)Math.Min(usedSinceSignal + chain.RingEntries, ushort.MaxValue);
        GiveBack(chain.RingEntries);
    }

    public override void Signal()
    {
        if (usedSinceSignal == 0 || Broken || !IsCurrent())
        {
            return;
        }

        Interlocked.MemoryBarrier();
        uint count = usedSinceSignal;
        usedSinceSignal = 0;
        var wanted = (Volatile.Read(ref DriverEvent(EventFlagsWord)) & 3) switch
        {
            EventDisable => false,
            EventDescriptor when HasEventIdx => Passed(Volatile.Read(ref DriverEvent(0)), count),
            _ => true,
        };
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
            WriteEvent(EventFlagsWord, EventDisable);
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
            WriteEvent(0, ToShared(nextAvailable));
            WriteEvent(EventFlagsWord, EventDescriptor);
        }
        else
        {
            WriteEvent(EventFlagsWord, EventEnable);
        }

        Interlocked.MemoryBarrier();
        return HasAvailable;
    }

    public override VirtQueueState Capture() => new()
    {
        Size = Size,
        DescriptorArea = ringAddress,
        DriverArea = driverAddress,
        DeviceArea = deviceAddress,
        NextAvailable = ToShared(nextAvailable),
        NextUsed = ToShared(nextUsed),
        UsedSinceSignal = usedSinceSignal,
        NotificationsOff = notificationsOff,
        Outstanding = (ushort)Outstanding,
    };

    private void Mark(uint slot, ushort flags)
    {
        Volatile.Write(ref Descriptor(slot)->Word14, flags);
        ring.NotifyWritten(Memory, slot * VirtqDescriptor.Bytes, VirtqDescriptor.Bytes);
    }

    /// <summary>A descriptor is available when AVAIL equals the device's wrap counter and USED does not (virtio 1.2, 2.8.1).</summary>
    private bool IsAvailable()
    {
        var flags = Volatile.Read(ref Descriptor(Slot(nextAvailable))->Word14);
        return (flags & VirtqDescriptor.Available) != 0 == Wrap(nextAvailable) && (flags & VirtqDescriptor.Used) != 0 != Wrap(nextAvailable);
    }

    /// <summary>Collects the buffers of the chain at the next available position; null when all is well, or what is wrong.</summary>
    private string? Walk(DescriptorChain chain)
    {
        var position = nextAvailable;
        for (var taken = 1; taken <= Size; taken++)
        {
            // Copied first: the driver may change the entry while it is checked.
            var d = *Descriptor(Slot(position));
            var flags = d.PackedFlags;
            chain.RingEntries = (ushort)taken;
            if ((flags & VirtqDescriptor.Indirect) != 0)
            {
                chain.SetId(d.PackedId);
                return taken != 1 || (flags & VirtqDescriptor.Next) != 0
                    ? "an indirect descriptor in a chain"
                    : AddIndirect(chain, d.Address, d.Length, linked: false);
            }

            if (chain.Add(d.Address, d.Length, (flags & VirtqDescriptor.Write) != 0) is { } wrong)
            {
                return wrong;
            }

            if ((flags & VirtqDescriptor.Next) == 0)
            {
                // The buffer ID is that of the last descriptor (2.8.6).
                chain.SetId(d.PackedId);
                return null;
            }

            position = Advance(position, 1);
        }

        return "a chain of descriptors longer than the ring";
    }

    /// <summary>Whether a shared position lies among the last <paramref name="count"/> used entries.</summary>
    private bool Passed(ushort shared, uint count)
    {
        var cycle = 2u * Size;
        var e = FromShared(shared) % cycle;
        var start = (nextUsed + cycle - (count % cycle)) % cycle;
        return count >= cycle || (e + cycle - start) % cycle < count;
    }

    private bool Wrap(uint position) => position < Size;

    private uint Slot(uint position) => position < Size ? position : position - Size;

    private uint Advance(uint position, uint entries)
    {
        position += entries;
        return position >= 2u * Size ? position - (2u * Size) : position;
    }

    private ushort ToShared(uint position) => (ushort)(Slot(position) | (Wrap(position) ? WrapBit : 0u));

    private uint FromShared(ushort shared) => (uint)(shared & ~WrapBit) + ((shared & WrapBit) != 0 ? 0u : Size);

    private void WriteEvent(int word, ushort value)
    {
        var offset = (uint)word * sizeof(ushort);
        Volatile.Write(ref *(ushort*)deviceEvent.At(offset), value);
        deviceEvent.NotifyWritten(Memory, offset, sizeof(ushort));
    }

    private VirtqDescriptor* Descriptor(uint slot) => (VirtqDescriptor*)ring.At(slot * VirtqDescriptor.Bytes);

    private ref ushort DriverEvent(int word) => ref *(ushort*)driverEvent.At((uint)word * sizeof(ushort));

    /// <summary>Behind an IOMMU: looks for the rings again where a mapping was taken away since they were found; breaks the queue where they are gone.</summary>
    private bool IsCurrent() => Dma is null || Dma.Generation == Volatile.Read(ref generation) || FindAgain();

    private bool FindAgain()
    {
        var state = new VirtQueueState { Size = Size, DescriptorArea = ringAddress, DriverArea = driverAddress, DeviceArea = deviceAddress };
        if (Find(Memory, Dma, state) is not { } rings)
        {
            return Break("a ring is not mapped any more");
        }

        (ring, driverEvent, deviceEvent, var found) = rings;
        Volatile.Write(ref generation, found);
        return true;
    }

    private static Rings? Find(PhysicalAddressSpace memory, IDmaTranslation? dma, in VirtQueueState state)
    {
        var generation = dma?.Generation ?? 0;
        return RingArea.TryCreate(memory, dma, state.DescriptorArea, state.Size * VirtqDescriptor.Bytes, forWrite: true) is { } ring
            && RingArea.TryCreate(memory, dma, state.DriverArea, EventBytes, forWrite: false) is { } driver
            && RingArea.TryCreate(memory, dma, state.DeviceArea, EventBytes, forWrite: true) is { } device
            ? new Rings(ring, driver, device, generation)
            : null;
    }

    /// <summary>The rings, and the state of the IOMMU they were found in.</summary>
    private readonly record struct Rings(RingArea Ring, RingArea DriverEvent, RingArea DeviceEvent, int Generation)
    {
        public static Rings NotFoundYet(int generation) => new(RingArea.None, RingArea.None, RingArea.None, generation - 1);
    }
}
