// The generic event device: one byte of events that a read takes, and the interrupt that says there are some.
using Emu.Core;

namespace Emu.Devices.Acpi;

/// <summary>What can happen; the bits of the event register.</summary>
[Flags]
public enum GenericEvent : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>A CPU came or is to go.</summary>
    Cpu = 1 << 0,

    /// <summary>Memory came or is to go.</summary>
    Memory = 1 << 1,

    /// <summary>A PCI device came or is to go.</summary>
    Pci = 1 << 2,

    /// <summary>The power button was pressed.</summary>
    PowerButton = 1 << 3,
}

/// <summary>
/// The machine's event register, read by the _EVT method of an ACPI0013 device (ACPI 6.3, 5.6.9). The interrupt is level-sensitive: high
/// while there is an event that was not read.
/// </summary>
/// <param name="irq">The interrupt that _CRS names.</param>
public sealed class GenericEventDevice(IInterruptLine irq) : IMmioDevice, ISnapshotable
{
    /// <summary>Bytes of registers.</summary>
    public const ulong RegistersLength = 1;

    private const byte SnapshotVersion = 1;

    private readonly Lock gate = new();
    private GenericEvent events;

    /// <inheritdoc/>
    public string SnapshotName => "ged";

    /// <summary>Raises events. Any thread; in deterministic mode the machine's own.</summary>
    public void Raise(GenericEvent what)
    {
        lock (gate)
        {
            events |= what;
            irq.Set(events != 0);
        }
    }

    /// <summary>Reads and clears the events; whatever lies behind the register reads as all-ones.</summary>
    public ulong Read(ulong offset, int size)
    {
        if (offset != 0)
        {
            return ulong.MaxValue;
        }

        lock (gate)
        {
            var value = events;
            events = 0;
            irq.Set(false);
            return (ulong)value;
        }
    }

    /// <summary>The register is read-only.</summary>
    public void Write(ulong offset, int size, ulong value) { }

    /// <summary>Forgets every event.</summary>
    public void Reset()
    {
        lock (gate)
        {
            events = 0;
            irq.Set(false);
        }
    }

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U8(SnapshotVersion);
            writer.U8((byte)events);
        }
    }

    /// <inheritdoc/>
    public void Restore(SnapshotReader reader)
    {
        lock (gate)
        {
            reader.Version(SnapshotVersion, SnapshotName);
            events = (GenericEvent)reader.U8();
            irq.Set(events != 0);
        }
    }
}
