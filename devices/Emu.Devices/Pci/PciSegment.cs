// A PCI segment: one bus of 32 devices, its ECAM window, its slots, and where the devices' BARs are mapped.
using Emu.Core;

namespace Emu.Devices.Pci;

/// <summary>
/// A PCI Express segment with bus 0 alone. As a device it is the segment's ECAM window (PCI Express Base 7.2.2): 1 MiB, 4 KiB a function.
/// Only function 0 of a device exists. Configuration accesses of any size and alignment are taken byte by byte.
/// </summary>
public sealed class PciSegment : IMmioDevice, ISnapshotable
{
    /// <summary>Bytes of a segment's ECAM window.</summary>
    public const ulong EcamSize = 1 << 20;

    /// <summary>Devices of a segment.</summary>
    public const int SlotCount = 32;

    private const byte SnapshotVersion = 1;

    private readonly Lock gate = new();
    private readonly PhysicalAddressSpace memory;
    private readonly PciWindow io;
    private readonly PciWindow memory32;
    private readonly PciWindow memory64;
    private readonly Log log;
    private readonly PciDevice?[] slots = new PciDevice?[SlotCount];

    /// <summary>Creates a segment; segment 0 holds the host bridge at 00:00.0.</summary>
    /// <param name="number">Segment number, 0 to 255.</param>
    /// <param name="memory">Where BARs are mapped.</param>
    /// <param name="io">Window of I/O BARs.</param>
    /// <param name="memory32">Window of memory below 4 GiB.</param>
    /// <param name="memory64">Window of memory above.</param>
    /// <param name="log">Receives what goes wrong with the placing of BARs.</param>
    public PciSegment(int number, PhysicalAddressSpace memory, PciWindow io, PciWindow memory32, PciWindow memory64, Log log)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, 255);
        Number = number;
        this.memory = memory;
        this.io = io;
        this.memory32 = memory32;
        this.memory64 = memory64;
        this.log = log;
        if (number == 0)
        {
            Add(new PciHostBridge(), 0);
        }
    }

    /// <summary>Segment number.</summary>
    public int Number { get; }

    /// <inheritdoc/>
    public string SnapshotName => $"pci{Number}";

    /// <summary>The device in a slot, or null.</summary>
    public PciDevice? this[int slot] => slots[slot];

    /// <summary>The lowest free slot, or -1.</summary>
    public int FindFreeSlot()
    {
        lock (gate)
        {
            return Array.IndexOf(slots, null);
        }
    }

    /// <summary>Puts a device into a slot and gives its BARs addresses; it decodes once software enables it.</summary>
    /// <param name="device">A device that sits in no segment.</param>
    /// <param name="slot">0 to 31, or null for the lowest free one.</param>
    /// <returns>The slot.</returns>
    /// <exception cref="EmuException">The slot is taken, or the segment is full.</exception>
    public int Add(PciDevice device, int? slot = null)
    {
        lock (gate)
        {
            if (device.Segment is not null)
            {
                throw new ArgumentException($"{device.Name} already sits in a PCI segment", nameof(device));
            }

            var s = slot ?? Array.IndexOf(slots, null);
            if (s is < 0 or >= SlotCount)
            {
                throw new EmuException(slot is null
                    ? $"{device.Name}: PCI segment {Number} is full: it holds {SlotCount} devices"
                    : $"{device.Name}: PCI slot {slot} does not exist: slots are 0 to {SlotCount - 1}");
            }

            if (slots[s] is { } other)
            {
                throw new EmuException($"{device.Name}: PCI slot {Number:x4}:00:{s:x2}.0 is taken by {other.Name}");
            }

            device.Attach(this, s);
            slots[s] = device;
            foreach (var bar in device.Bars)
            {
                Assign(device, bar);
            }

            device.KeepAsPowerOn();
            return s;
        }
    }

    /// <summary>Takes the device out of a slot: its windows disappear and it stops. Returns it, or null for an empty slot.</summary>
    public PciDevice? Remove(int slot)
    {
        lock (gate)
        {
            if ((uint)slot >= SlotCount || slots[slot] is not { } device)
            {
                return null;
            }

            Unmap(device);
            slots[slot] = null;
            device.Detach();
            MapWaiting();
            return device;
        }
    }

    /// <summary>Power-on reset of every device; BARs return to the addresses they were given.</summary>
    public void Reset()
    {
        lock (gate)
        {
            foreach (var device in Devices())
            {
                Unmap(device);
                device.ResetConfig();
            }
        }
    }

    /// <summary>Pauses every device: no thread of theirs touches guest memory or device state afterwards.</summary>
    public void Pause()
    {
        foreach (var device in Devices())
        {
            device.Pause();
        }
    }

    /// <summary>Ends a pause.</summary>
    public void Resume()
    {
        foreach (var device in Devices())
        {
            device.Resume();
        }
    }

    /// <summary>Reads the ECAM window.</summary>
    public ulong Read(ulong offset, int size) =>
        offset < EcamSize ? ReadConfig((int)(offset >> 12), (int)(offset & 0xFFF), size) : ulong.MaxValue;

    /// <summary>Writes the ECAM window.</summary>
    public void Write(ulong offset, int size, ulong value)
    {
        if (offset < EcamSize)
        {
            WriteConfig((int)(offset >> 12), (int)(offset & 0xFFF), size, value);
        }
    }

    /// <summary>Reads configuration space; all-ones where no function is, and behind its 4 KiB.</summary>
    /// <param name="devfn">Device number &lt;&lt; 3 | function, 0 to 255.</param>
    /// <param name="offset">0 to 4095.</param>
    /// <param name="size">1 to 8 bytes; other sizes read as all-ones.</param>
    public ulong ReadConfig(int devfn, int offset, int size)
    {
        if (size is < 1 or > 8)
        {
            return ulong.MaxValue;
        }

        lock (gate)
        {
            return Find(devfn) is { } device ? device.ReadConfig(offset, size) : ulong.MaxValue >> (64 - (size * 8));
        }
    }

    /// <summary>Writes configuration space; dropped where no function is.</summary>
    public void WriteConfig(int devfn, int offset, int size, ulong value)
    {
        if (size is < 1 or > 8)
        {
            return;
        }

        lock (gate)
        {
            if (Find(devfn) is not { } device)
            {
                return;
            }

            if (device.WriteConfig(offset, size, value))
            {
                DecodingChanged(device);
            }

            device.ConfigWritten(offset, size);
        }
    }

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U8(SnapshotVersion);
            writer.U32(Occupied());
            foreach (var device in Devices())
            {
                device.Save(writer);
            }
        }
    }

    /// <inheritdoc/>
    public void Restore(SnapshotReader reader)
    {
        lock (gate)
        {
            var version = reader.U8();
            var occupied = reader.U32();
            if (version != SnapshotVersion || occupied != Occupied())
            {
                throw new InvalidDataException($"snapshot: pci{Number}: version {version} with slots 0x{occupied:x8}, expected {SnapshotVersion} with 0x{Occupied():x8}");
            }

            var mapped = new uint[SlotCount];
            foreach (var device in Devices())
            {
                Unmap(device);
                mapped[device.Slot] = device.Restore(reader);
            }

            // Which of two overlapping BARs is mapped depends on which came first: what was mapped comes first again.
            foreach (var device in Devices())
            {
                for (var i = 0; i < device.Bars.Count; i++)
                {
                    if ((mapped[device.Slot] >> i & 1) != 0)
                    {
                        TryMap(device, device.Bars[i]);
                    }
                }
            }
        }
    }

    private PciDevice? Find(int devfn) => (devfn & 7) == 0 && (uint)devfn < SlotCount * 8 ? slots[devfn >> 3] : null;

    private IEnumerable<PciDevice> Devices() => slots.OfType<PciDevice>();

    private uint Occupied()
    {
        uint mask = 0;
        for (var i = 0; i < SlotCount; i++)
        {
            mask |= slots[i] is null ? 0 : 1u << i;
        }

        return mask;
    }

    private void DecodingChanged(PciDevice device)
    {
        foreach (var bar in device.Bars)
        {
            if (bar.Region is { } region && (!TryPlace(device, bar, out var physical) || physical != region.Start))
            {
                memory.Remove(region);
                bar.Region = null;
            }
        }

        MapWaiting();
    }

    /// <summary>Maps every BAR that decodes and is not mapped: the one just written, or one that waited for another to go away.</summary>
    private void MapWaiting()
    {
        foreach (var device in Devices())
        {
            foreach (var bar in device.Bars)
            {
                if (bar.Region is null)
                {
                    TryMap(device, bar);
                }
            }
        }
    }

    private void TryMap(PciDevice device, PciBar bar)
    {
        if (!TryPlace(device, bar, out var physical))
        {
            return;
        }

        if (!memory.IsFree(physical, bar.Size))
        {
            log.Once($"pci {Number} {device.Slot} {bar.Index}", LogLevel.Warning,
                $"pci: {Number:x4}:00:{device.Slot:x2}.0 {device.Name}: BAR {bar.Index} at 0x{physical:x} lies over something else: not mapped");
            return;
        }

        try
        {
            bar.Region = memory.AddMmio($"{device.Name} BAR {bar.Index}", physical, bar.Size, bar.Window);
        }
        catch (EmuException e)
        {
            // Another segment took the addresses between the look and the mapping.
            log.Once($"pci {Number} {device.Slot} {bar.Index}", LogLevel.Warning, $"pci: {e.Message}: not mapped");
        }
    }

    /// <summary>Where a BAR should be mapped. False when it does not decode, has no address, or lies outside the windows.</summary>
    private bool TryPlace(PciDevice device, PciBar bar, out ulong physical)
    {
        physical = 0;
        var address = device.BarAddress(bar);
        return address != 0 && device.Decodes(bar) && (bar.Kind == PciBarKind.Io
            ? io.TryTranslate(address, bar.Size, out physical)
            : memory32.TryTranslate(address, bar.Size, out physical) || memory64.TryTranslate(address, bar.Size, out physical));
    }

    private void Unmap(PciDevice device)
    {
        foreach (var bar in device.Bars)
        {
            if (bar.Region is { } region)
            {
                memory.Remove(region);
                bar.Region = null;
            }
        }
    }

    private void Assign(PciDevice device, PciBar bar)
    {
        var window = bar.Kind switch { PciBarKind.Io => io, PciBarKind.Memory64 when memory64.Size != 0 => memory64, _ => memory32 };
        var candidate = window.PciBase == 0 ? bar.Alignment : AlignUp(window.PciBase, bar.Alignment);
        while (window.TryTranslate(candidate, bar.Size, out _))
        {
            if (FindOverlap(bar, candidate) is not { } end)
            {
                device.SetBarAddress(bar, candidate);
                return;
            }

            candidate = AlignUp(end, bar.Alignment);
        }

        log.Write(LogLevel.Warning, $"pci: {device.Name}: no room for BAR {bar.Index} of 0x{bar.Size:x} bytes in segment {Number}: it has no address until the guest gives it one");
    }

    /// <summary>The end of an assigned BAR that overlaps a run of bus addresses, or null.</summary>
    private ulong? FindOverlap(PciBar bar, ulong start)
    {
        foreach (var device in Devices())
        {
            foreach (var other in device.Bars)
            {
                var address = device.BarAddress(other);
                if (other != bar && address != 0 && other.Kind == PciBarKind.Io == (bar.Kind == PciBarKind.Io)
                    && start <= address + (other.Size - 1) && address <= start + (bar.Size - 1))
                {
                    return address + other.Size;
                }
            }
        }

        return null;
    }

    // 0 on overflow, which no window of memory contains.
    private static ulong AlignUp(ulong value, ulong alignment) => (value + (alignment - 1)) & ~(alignment - 1);
}
