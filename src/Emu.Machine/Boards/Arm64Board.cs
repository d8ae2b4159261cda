// The arm64 machine's devices: made, given their interrupts, and mapped where the layout says.
using Emu.Core;
using Emu.Devices.Gpio;
using Emu.Devices.Irq;
using Emu.Devices.Rtc;
using Emu.Devices.Serial;
using Emu.Machine.Options;

namespace Emu.Machine.Boards;

/// <summary>The devices of one machine.</summary>
public sealed class Arm64Board
{
    private readonly ICharBackend? backend;
    private readonly Pl011? uart;
    private readonly Pl031 rtc;
    private readonly Pl061 gpio;

    /// <summary>Makes and maps the devices.</summary>
    /// <param name="options">vCPU counts.</param>
    /// <param name="memory">Where the devices are mapped.</param>
    /// <param name="clock">Time for those that have any.</param>
    /// <param name="log">Messages.</param>
    /// <param name="backend">Host end of the serial port, or null for a machine without one.</param>
    /// <param name="gate">Holds serial input back in deterministic mode.</param>
    public Arm64Board(MachineOptions options, PhysicalAddressSpace memory, Clock clock, Log log, ICharBackend? backend, ICharInputGate? gate)
    {
        var affinities = new ulong[options.Cpus.Boot];
        for (var i = 0; i < affinities.Length; i++)
        {
            affinities[i] = Arm64Layout.Mpidr(i);
        }

        var itsBase = Arm64Layout.GicItsBase(options.Cpus.Maximum);
        Gic = new Gic(affinities, Arm64Layout.SpiCount, log, new ItsOptions(memory, itsBase));
        memory.AddMmio("gic its", itsBase, Gic.ItsFramesLength, Gic.ItsFrames!);
        memory.AddMmio("gic redistributors", Arm64Layout.GicRedistributorBase(options.Cpus.Maximum), Gic.RedistributorFramesLength, Gic.RedistributorFrames);
        memory.AddMmio("gic distributor", Arm64Layout.GicDistributorBase, Gic.DistributorFrameLength, Gic.DistributorFrame);

        this.backend = backend;
        if (backend is not null)
        {
            uart = new Pl011(Gic.Spi(Arm64Layout.SerialInterrupt), backend, gate);
            memory.AddMmio("pl011", Arm64Layout.Pl011Base, Arm64Layout.PrimeCellSize, uart);
        }

        rtc = new Pl031(clock, Gic.Spi(Arm64Layout.RtcInterrupt));
        memory.AddMmio("pl031", Arm64Layout.Pl031Base, Arm64Layout.PrimeCellSize, rtc);
        gpio = new Pl061(Gic.Spi(Arm64Layout.GpioInterrupt));
        memory.AddMmio("pl061", Arm64Layout.Pl061Base, Arm64Layout.PrimeCellSize, gpio);
        PowerButton = new PowerButton(clock, gpio);
        Pci = new PciComplex(PciLayout.Create(options.Platform.ApertureWeights, options.Memory.Size), memory, log);
        Sections = [Gic, .. uart is null ? (ISnapshotable[])[] : [uart], rtc, gpio, PowerButton, .. Pci.Segments];
    }

    /// <summary>The interrupt controller.</summary>
    public Gic Gic { get; }

    /// <summary>The PCI segments.</summary>
    public PciComplex Pci { get; }

    /// <summary>The power button.</summary>
    public PowerButton PowerButton { get; }

    /// <summary>Every device with state, in a fixed order.</summary>
    public IReadOnlyList<ISnapshotable> Sections { get; }

    /// <summary>Begins to read serial input.</summary>
    public void StartSerial()
    {
        if (uart is not null)
        {
            backend!.Start(uart.Input);
        }
    }

    /// <summary>Power-on reset of every device; their wires follow.</summary>
    public void Reset()
    {
        Pci.Reset();
        uart?.Reset();
        rtc.Reset();
        gpio.Reset();
        Gic.Reset();
    }
}
