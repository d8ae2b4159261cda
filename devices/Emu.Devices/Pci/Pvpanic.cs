// The pvpanic PCI device: the guest's kernel tells the machine that it panicked.
using Emu.Core;

namespace Emu.Devices.Pci;

/// <summary>One register of events: reading gives the supported ones, writing raises one (QEMU, docs/specs/pvpanic).</summary>
/// <remarks>Wiring: <c>segment.Add(new Pvpanic(control, log))</c>. A panic asks for <see cref="MachineStop.Panic"/>.</remarks>
public sealed class Pvpanic : PciDevice, IMmioDevice
{
    /// <summary>Vendor ID (Red Hat, Inc.).</summary>
    public const ushort VendorId = 0x1B36;

    /// <summary>Device ID.</summary>
    public const ushort PciDeviceId = 0x0011;

    /// <summary>Event: the guest panicked and does nothing more.</summary>
    public const byte Panicked = 1;

    /// <summary>Event: the guest panicked and runs its crash kernel now.</summary>
    public const byte CrashLoaded = 2;

    private const uint ClassSystemOther = 0x08_80_00;
    private const ulong BarSize = 16;

    private readonly IMachineControl control;
    private readonly Log log;

    /// <summary>Creates the device.</summary>
    /// <param name="control">Learns of a panic.</param>
    /// <param name="log">Receives what happened.</param>
    /// <param name="name">Name for messages and snapshots.</param>
    public Pvpanic(IMachineControl control, Log log, string name = "pvpanic")
        : base(name, new PciIdentity(VendorId, PciDeviceId, ClassSystemOther, 0, 0, 0))
    {
        this.control = control;
        this.log = log;
        AddBar(0, PciBarKind.Memory32, BarSize, this);
    }

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size) => offset == 0 ? Panicked | CrashLoaded : 0u;

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        if (offset != 0)
        {
            return;
        }

        if ((value & CrashLoaded) != 0)
        {
            log.Once($"pvpanic {Name} crash", LogLevel.Warning, $"{Name}: the guest panicked and runs its crash kernel");
        }

        if ((value & Panicked) != 0)
        {
            log.Once($"pvpanic {Name} panic", LogLevel.Warning, $"{Name}: the guest panicked");
            control.RequestStop(MachineStop.Panic);
        }
    }
}
