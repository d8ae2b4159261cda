// The PCI hotplug controller: which slots of a segment have something new, which are to be emptied, and the eject register.
using Emu.Core;
using Emu.Devices.Pci;

namespace Emu.Devices.Acpi;

/// <summary>
/// Four 32-bit registers that the DSDT's PCI hotplug methods use; a bit is a slot of the selected segment. Only aligned 4-byte accesses
/// count. Slot 0 of segment 0, the host bridge, cannot be ejected.
/// </summary>
public sealed class PciHotplugController : IMmioDevice, ISnapshotable
{
    /// <summary>Bytes of registers.</summary>
    public const ulong RegistersLength = 16;

    private const byte SnapshotVersion = 1;

    /// <summary>PCIU: slots with a new device; reading clears.</summary>
    private const ulong Added = 0x0;

    /// <summary>PCID: slots whose device is asked to go; reading clears.</summary>
    private const ulong Removing = 0x4;

    /// <summary>B0EJ: writing a bit ejects the slot's device; reads as zero.</summary>
    private const ulong Eject = 0x8;

    /// <summary>PSEG: the segment that the other registers are about.</summary>
    private const ulong SegmentSelect = 0xC;

    private readonly Lock gate = new();
    private readonly IReadOnlyList<PciSegment> segments;
    private readonly GenericEventDevice events;
    private readonly uint[] added;
    private readonly uint[] removing;
    private uint selected;

    /// <summary>Creates the controller.</summary>
    /// <param name="segments">The machine's segments by number.</param>
    /// <param name="events">Tells the guest to look.</param>
    public PciHotplugController(IReadOnlyList<PciSegment> segments, GenericEventDevice events)
    {
        this.segments = segments;
        this.events = events;
        added = new uint[segments.Count];
        removing = new uint[segments.Count];
    }

    /// <summary>Called on the vCPU that ejects, after a device left its slot.</summary>
    public event Action<PciDevice>? Ejected;

    /// <inheritdoc/>
    public string SnapshotName => "pci-hotplug";

    /// <summary>Puts a device into a running machine and tells the guest. Any thread; in deterministic mode the machine's own.</summary>
    /// <param name="device">A device that sits in no segment.</param>
    /// <param name="segment">Segment number.</param>
    /// <param name="slot">Slot, or null for the lowest free one.</param>
    /// <returns>The slot.</returns>
    /// <exception cref="EmuException">The slot is taken, or the segment is full.</exception>
    public int Add(PciDevice device, int segment, int? slot = null)
    {
        int used;
        lock (gate)
        {
            used = segments[segment].Add(device, slot);
            added[segment] |= 1u << used;
        }

        events.Raise(GenericEvent.Pci);
        return used;
    }

    /// <summary>Asks the guest to give a slot's device up; it is gone once the guest ejects it.</summary>
    public void RequestRemoval(int segment, int slot)
    {
        lock (gate)
        {
            removing[segment] |= 1u << slot;
        }

        events.Raise(GenericEvent.Pci);
    }

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size)
    {
        if (size != 4)
        {
            return ulong.MaxValue;
        }

        lock (gate)
        {
            switch (offset)
            {
                case Added:
                    return Take(added);
                case Removing:
                    return Take(removing);
                case Eject:
                    return 0;
                case SegmentSelect:
                    return selected;
                default:
                    return ulong.MaxValue;
            }
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        if (size != 4)
        {
            return;
        }

        switch (offset)
        {
            case Eject:
                EjectSlots((uint)value);
                break;
            case SegmentSelect:
                lock (gate)
                {
                    selected = (uint)value;
                }

                break;
            default:
                break;
        }
    }

    /// <summary>Forgets every request.</summary>
    public void Reset()
    {
        lock (gate)
        {
            Array.Clear(added);
            Array.Clear(removing);
            selected = 0;
        }
    }

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U8(SnapshotVersion);
            writer.U32(selected);
            for (var i = 0; i < added.Length; i++)
            {
                writer.U32(added[i]);
                writer.U32(removing[i]);
            }
        }
    }

    /// <inheritdoc/>
    public void Restore(SnapshotReader reader)
    {
        lock (gate)
        {
            reader.Version(SnapshotVersion, SnapshotName);
            selected = reader.U32();
            for (var i = 0; i < added.Length; i++)
            {
                added[i] = reader.U32();
                removing[i] = reader.U32();
            }
        }
    }

    private uint Take(uint[] slots)
    {
        if (selected >= slots.Length)
        {
            return 0;
        }

        var value = slots[selected];
        slots[selected] = 0;
        return value;
    }

    private void EjectSlots(uint slots)
    {
        for (; slots != 0; slots &= slots - 1)
        {
            PciDevice? device;
            lock (gate)
            {
                var slot = System.Numerics.BitOperations.TrailingZeroCount(slots);
                if (selected >= segments.Count || (selected == 0 && slot == 0))
                {
                    continue;
                }

                added[selected] &= ~(1u << slot);
                removing[selected] &= ~(1u << slot);
                device = segments[(int)selected].Remove(slot);
            }

            if (device is not null)
            {
                Ejected?.Invoke(device);
            }
        }
    }
}
