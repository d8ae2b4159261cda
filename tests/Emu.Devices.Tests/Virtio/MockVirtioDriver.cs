// A virtio driver for tests: negotiates with a virtio-pci device through its BAR and builds real split or packed rings in guest RAM.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Virtio;

namespace Emu.Devices.Tests;

/// <summary>A buffer of a request.</summary>
/// <param name="Address">Guest-physical address.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Writable">The device writes it.</param>
internal readonly record struct MockBuffer(ulong Address, uint Length, bool Writable);

/// <summary>The driver of one device: <see cref="Start"/> it, then use its <see cref="Queues"/>.</summary>
internal sealed class MockVirtioDriver
{
    public const uint DeviceFeatureSelect = 0, DeviceFeature = 4, DriverFeatureSelect = 8, DriverFeature = 12, ConfigVector = 16, QueueCount = 18, Status = 20;
    public const uint Generation = 21, QueueSelect = 22, QueueSize = 24, QueueVector = 26, QueueEnable = 28, NotifyOffset = 30;
    public const uint QueueDesc = 32, QueueDriver = 40, QueueDevice = 48, QueueReset = 58;

    private ulong next;

    /// <param name="harness">The machine.</param>
    /// <param name="slot">Slot of the device.</param>
    /// <param name="heap">Where rings and buffers are allocated, upwards.</param>
    public MockVirtioDriver(PciHarness harness, int slot, ulong heap = PciHarness.RamBase + 0x10_0000)
    {
        Harness = harness;
        Slot = slot;
        next = heap;
        Bar = harness.EnableBar0(slot);
    }

    public PciHarness Harness { get; }

    public int Slot { get; }

    public ulong Bar { get; }

    public PhysicalAddressSpace Memory => Harness.Memory;

    /// <summary>Memory as the driver sees it, where that is not as the machine has it: behind an IOMMU, at the addresses the device is given.</summary>
    public PhysicalAddressSpace? View { get; set; }

    public List<MockVirtQueue> Queues { get; } = [];

    public ulong Features { get; private set; }

    public byte DeviceStatus => (byte)Get(Status, 1);

    public ulong Get(uint register, int size) => Memory.Read(Bar + register, size);

    public void Set(uint register, int size, ulong value) => Memory.Write(Bar + register, size, value);

    public ulong Offered()
    {
        Set(DeviceFeatureSelect, 4, 0);
        var low = Get(DeviceFeature, 4);
        Set(DeviceFeatureSelect, 4, 1);
        return low | (Get(DeviceFeature, 4) << 32);
    }

    public ulong Allocate(uint length, uint alignment = 16)
    {
        var at = (next + alignment - 1) & ~(ulong)(alignment - 1);
        next = at + length;
        Assert.True(next < PciHarness.RamBase + PciHarness.RamSize, "the mock driver ran out of RAM");
        return at;
    }

    /// <summary>Reset, ACKNOWLEDGE, DRIVER, features; returns whether FEATURES_OK stuck.</summary>
    public bool Negotiate(ulong wanted)
    {
        Set(Status, 1, 0);
        Assert.Equal(0, DeviceStatus);
        Set(Status, 1, 1);
        Set(Status, 1, 3);
        Features = wanted;
        Set(DriverFeatureSelect, 4, 0);
        Set(DriverFeature, 4, wanted & 0xFFFF_FFFF);
        Set(DriverFeatureSelect, 4, 1);
        Set(DriverFeature, 4, wanted >> 32);
        Set(Status, 1, 11);
        return (DeviceStatus & 8) != 0;
    }

    /// <summary>Brings the device up with MSI-X: vector 0 for configuration, vector n + 1 for queue n; message data is 100 + vector.</summary>
    /// <param name="wanted">Features; VERSION_1 is added.</param>
    /// <param name="size">Queue size, at most the device's.</param>
    public MockVirtioDriver Start(ulong wanted = 0, ushort size = 64)
    {
        Assert.True(Negotiate(wanted | VirtioFeature.Version1), $"features 0x{wanted:x} refused");
        var count = (int)Get(QueueCount, 2);
        Harness.EnableMsix(Slot, Bar + 0x8000, count + 1);
        Set(ConfigVector, 2, 0);
        Queues.Clear();
        for (var i = 0; i < count; i++)
        {
            SetUpQueue(i, size);
        }

        Set(Status, 1, 15);
        Assert.Equal(15, DeviceStatus);
        return this;
    }

    /// <summary>Makes rings for a queue and enables it.</summary>
    public MockVirtQueue SetUpQueue(int index, ushort size)
    {
        Set(QueueSelect, 2, (ulong)index);
        size = (ushort)Math.Min(size, (uint)Get(QueueSize, 2));
        Set(QueueSize, 2, size);
        MockVirtQueue q = (Features & VirtioFeature.RingPacked) != 0 ? new MockPackedQueue(this, index, size) : new MockSplitQueue(this, index, size);
        Set(QueueDesc, 4, q.Desc & 0xFFFF_FFFF);
        Set(QueueDesc + 4, 4, q.Desc >> 32);
        Set(QueueDriver, 8, q.Driver);
        Set(QueueDevice, 4, q.Device & 0xFFFF_FFFF);
        Set(QueueDevice + 4, 4, q.Device >> 32);
        Set(QueueVector, 2, (ulong)index + 1);
        Set(QueueEnable, 2, 1);
        while (Queues.Count <= index)
        {
            Queues.Add(q);
        }

        Queues[index] = q;
        return q;
    }

    public void Notify(int queue)
    {
        Set(QueueSelect, 2, (ulong)queue);
        Memory.Write(Bar + 0x6000 + (Get(NotifyOffset, 2) * 4), 2, (ulong)queue);
    }

    /// <summary>Interrupts received for a queue.</summary>
    public int Interrupts(int queue) => Harness.Msi.Count(101 + (uint)queue);

    public ulong Put(ReadOnlySpan<byte> data)
    {
        var at = Allocate((uint)data.Length);
        Assert.True((View ?? Memory).TryWriteRam(at, data));
        return at;
    }

    public byte[] Fetch(ulong address, int length)
    {
        var data = new byte[length];
        for (var done = 0; done < length;)
        {
            // A page at a time: a view may be made of pages.
            var part = Math.Min(length - done, 0x1000 - (int)((address + (ulong)done) & 0xFFF));
            Assert.True((View ?? Memory).TryReadRam(address + (ulong)done, data.AsSpan(done, part)));
            done += part;
        }

        return data;
    }

    public byte[] ReadDeviceConfig(int offset, int length) =>
        [.. Enumerable.Range(offset, length).Select(i => (byte)Memory.Read(Bar + 0x4000 + (ulong)i, 1))];
}

/// <summary>The driver's side of one queue.</summary>
internal abstract class MockVirtQueue(MockVirtioDriver driver, int index, ushort size)
{
    protected const ushort Next = 1, Write = 2, Indirect = 4;

    public int Index => index;

    public ushort Size => size;

    public ulong Desc { get; protected init; }

    public ulong Driver { get; protected init; }

    public ulong Device { get; protected init; }

    protected PhysicalAddressSpace Memory => driver.View ?? driver.Memory;

    /// <summary>Makes a request available; returns its ID.</summary>
    public abstract ushort Add(params ReadOnlySpan<MockBuffer> buffers);

    /// <summary>Makes a request available through an indirect table.</summary>
    public abstract ushort AddIndirect(params ReadOnlySpan<MockBuffer> buffers);

    /// <summary>Takes the next returned request, or null.</summary>
    public abstract (ushort Id, uint Written)? TakeUsed();

    /// <summary>Asks for an interrupt at the next returned request, at the one <paramref name="after"/> later with EVENT_IDX, or for none.</summary>
    public abstract void WantInterrupt(bool on, int after = 0);

    /// <summary>Whether the device wants to be notified about requests just added.</summary>
    public abstract bool DeviceWantsNotification { get; }

    public void Notify() => driver.Notify(index);

    /// <summary>Adds a request, notifies, and takes what came back.</summary>
    public (ushort Id, uint Written) Do(params ReadOnlySpan<MockBuffer> buffers)
    {
        var id = Add(buffers);
        Notify();
        var used = TakeUsed() ?? throw new InvalidOperationException("the device returned nothing");
        Assert.Equal(id, used.Id);
        return used;
    }

    public void WriteDescriptor(ulong at, ulong address, uint length, ushort word12, ushort word14)
    {
        Span<byte> d = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(d, address);
        BinaryPrimitives.WriteUInt32LittleEndian(d[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(d[12..], word12);
        BinaryPrimitives.WriteUInt16LittleEndian(d[14..], word14);
        Assert.True(Memory.TryWriteRam(at, d));
    }

    protected ulong Allocate(uint length) => driver.Allocate(length);

    protected bool Has(ulong feature) => (driver.Features & feature) != 0;
}

/// <summary>The split layout.</summary>
internal sealed class MockSplitQueue : MockVirtQueue
{
    private readonly Stack<ushort> free = new();
    private readonly Dictionary<ushort, ushort[]> chains = [];
    private ushort available;
    private ushort used;

    public MockSplitQueue(MockVirtioDriver driver, int index, ushort size)
        : base(driver, index, size)
    {
        Desc = driver.Allocate(size * 16u);
        Driver = driver.Allocate(6u + (size * 2u));
        Device = driver.Allocate(6u + (size * 8u));
        for (var i = size - 1; i >= 0; i--)
        {
            free.Push((ushort)i);
        }
    }

    public override bool DeviceWantsNotification => Has(VirtioFeature.EventIdx)
        ? (ushort)(available - Memory.Read(Device + 4 + (Size * 8ul), 2) - 1) < 1
        : (Memory.Read(Device, 2) & 1) == 0;

    public override ushort Add(params ReadOnlySpan<MockBuffer> buffers)
    {
        var ids = new ushort[buffers.Length];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = free.Pop();
        }

        for (var i = 0; i < ids.Length; i++)
        {
            var last = i == ids.Length - 1;
            WriteDescriptor(Desc + (ids[i] * 16ul), buffers[i].Address, buffers[i].Length,
                (ushort)((last ? 0 : Next) | (buffers[i].Writable ? Write : 0)), last ? (ushort)0 : ids[i + 1]);
        }

        return Offer(ids);
    }

    public override ushort AddIndirect(params ReadOnlySpan<MockBuffer> buffers)
    {
        var table = Allocate((uint)buffers.Length * 16);
        for (var i = 0; i < buffers.Length; i++)
        {
            var last = i == buffers.Length - 1;
            WriteDescriptor(table + ((ulong)i * 16), buffers[i].Address, buffers[i].Length,
                (ushort)((last ? 0 : Next) | (buffers[i].Writable ? Write : 0)), (ushort)(i + 1));
        }

        var id = free.Pop();
        WriteDescriptor(Desc + (id * 16ul), table, (uint)buffers.Length * 16, Indirect, 0);
        return Offer([id]);
    }

    /// <summary>Puts any number into the available ring.</summary>
    public void OfferHead(ushort head)
    {
        Memory.Write(Driver + 4 + (ulong)(available % Size * 2), 2, head);
        Memory.Write(Driver + 2, 2, ++available);
    }

    public void SetAvailableIndex(ushort value) => Memory.Write(Driver + 2, 2, value);

    public override (ushort Id, uint Written)? TakeUsed()
    {
        if ((ushort)Memory.Read(Device + 2, 2) == used)
        {
            return null;
        }

        var entry = Device + 4 + (ulong)(used % Size * 8);
        used++;
        var id = (ushort)Memory.Read(entry, 4);
        foreach (var d in chains[id])
        {
            free.Push(d);
        }

        chains.Remove(id);
        return (id, (uint)Memory.Read(entry + 4, 4));
    }

    public override void WantInterrupt(bool on, int after = 0)
    {
        Memory.Write(Driver, 2, on ? 0u : 1u);
        Memory.Write(Driver + 4 + (Size * 2ul), 2, (ushort)(on ? used + after : used - 1));
    }

    private ushort Offer(ushort[] ids)
    {
        chains.Add(ids[0], ids);
        OfferHead(ids[0]);
        return ids[0];
    }
}

/// <summary>The packed layout.</summary>
internal sealed class MockPackedQueue : MockVirtQueue
{
    private const ushort AvailableBit = 1 << 7, UsedBit = 1 << 15;
    private readonly Stack<ushort> ids = new();
    private readonly Dictionary<ushort, int> lengths = [];
    private int available;
    private int used;
    private bool availableWrap = true;
    private bool usedWrap = true;

    public MockPackedQueue(MockVirtioDriver driver, int index, ushort size)
        : base(driver, index, size)
    {
        Desc = driver.Allocate(size * 16u);
        Driver = driver.Allocate(4);
        Device = driver.Allocate(4);
        for (var i = size - 1; i >= 0; i--)
        {
            ids.Push((ushort)i);
        }
    }

    public override bool DeviceWantsNotification => (Memory.Read(Device + 2, 2) & 3) switch
    {
        0 => true,
        1 => false,
        _ => (int)(Memory.Read(Device, 2) & 0x7FFF) == (available + Size - 1) % Size,
    };

    public override ushort Add(params ReadOnlySpan<MockBuffer> buffers) => Offer(buffers, 0);

    public override ushort AddIndirect(params ReadOnlySpan<MockBuffer> buffers)
    {
        var table = Allocate((uint)buffers.Length * 16);
        for (var i = 0; i < buffers.Length; i++)
        {
            WriteDescriptor(table + ((ulong)i * 16), buffers[i].Address, buffers[i].Length, 0, buffers[i].Writable ? Write : (ushort)0);
        }

        return Offer([new MockBuffer(table, (uint)buffers.Length * 16, false)], Indirect);
    }

    public override (ushort Id, uint Written)? TakeUsed()
    {
        var at = Desc + ((ulong)used * 16);
        var flags = (ushort)Memory.Read(at + 14, 2);
        if ((flags & AvailableBit) != 0 != usedWrap || (flags & UsedBit) != 0 != usedWrap)
        {
            return null;
        }

        var id = (ushort)Memory.Read(at + 12, 2);
        used += lengths[id];
        if (used >= Size)
        {
            used -= Size;
            usedWrap = !usedWrap;
        }

        lengths.Remove(id);
        ids.Push(id);
        return (id, (uint)Memory.Read(at + 8, 4));
    }

    public override void WantInterrupt(bool on, int after = 0)
    {
        var at = used + after;
        var wrap = at >= Size ? !usedWrap : usedWrap;
        Memory.Write(Driver, 2, (uint)(at % Size) | (wrap ? 0x8000u : 0));
        Memory.Write(Driver + 2, 2, !on ? 1u : Has(VirtioFeature.EventIdx) ? 2u : 0u);
    }

    private ushort Offer(ReadOnlySpan<MockBuffer> buffers, ushort extra)
    {
        var id = ids.Pop();
        lengths.Add(id, buffers.Length);
        var first = Desc + ((ulong)available * 16);
        ushort firstFlags = 0;
        for (var i = 0; i < buffers.Length; i++)
        {
            var flags = (ushort)(extra | (i == buffers.Length - 1 ? 0 : Next) | (buffers[i].Writable ? Write : 0) | (availableWrap ? AvailableBit : UsedBit));
            firstFlags = i == 0 ? flags : firstFlags;

            // The first descriptor's flags come last.
            var unavailable = (ushort)(availableWrap ? 0 : AvailableBit | UsedBit);
            WriteDescriptor(Desc + ((ulong)available * 16), buffers[i].Address, buffers[i].Length, id, i == 0 ? unavailable : flags);
            if (++available == Size)
            {
                available = 0;
                availableWrap = !availableWrap;
            }
        }

        Memory.Write(first + 14, 2, firstFlags);
        return id;
    }
}
