// The arm64 machine's devices: made, given their interrupts, and mapped where the layout says.
using Emu.Core;
using Emu.Devices.Acpi;
using Emu.Devices.Gpio;
using Emu.Devices.Irq;
using Emu.Devices.Pci;
using Emu.Devices.Rtc;
using Emu.Devices.Serial;
using Emu.Devices.Virtio.Console;
using Emu.Devices.Virtio.Iommu;
using Emu.Machine.Options;

namespace Emu.Machine.Boards;

/// <summary>The devices of one machine.</summary>
public sealed class Arm64Board : IDisposable
{
    private readonly ICharBackend? backend;
    private readonly ICharBackend? consoleBackend;
    private readonly Pl011? uart;
    private readonly VirtioConsole? virtioConsole;
    private readonly Pl031 rtc;
    private readonly Pl061 gpio;
    private readonly PowerButton powerButton;
    private readonly GenericEventDevice events;
    private readonly IommuTable? iommu;
    private readonly FirmwareDevices? firmware;
    private readonly DeviceBuilder builder;
    private readonly Dictionary<PciDevice, IDisposable> hotImages = [];

    /// <summary>Makes and maps the devices.</summary>
    /// <param name="options">vCPU counts and devices.</param>
    /// <param name="services">What they are made with.</param>
    /// <param name="backend">Host end of the serial port, or null for a machine without one.</param>
    /// <param name="console">Host end of the virtio console, or null for a machine without one.</param>
    /// <param name="firmware">The devices of its firmware, or null.</param>
    /// <exception cref="EmuException">The host does not have what a device needs.</exception>
    public Arm64Board(MachineOptions options, DeviceServices services, ICharBackend? backend, ICharBackend? console, FirmwareDevices? firmware)
    {
        this.firmware = firmware;
        var (memory, clock, log) = (services.Memory, services.Clock, services.Log);
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
            uart = new Pl011(Gic.Spi(Arm64Layout.SerialInterrupt), backend, services.CreateInputGate());
            memory.AddMmio("pl011", Arm64Layout.Pl011Base, Arm64Layout.PrimeCellSize, uart);
        }

        rtc = new Pl031(clock, Gic.Spi(Arm64Layout.RtcInterrupt));
        memory.AddMmio("pl031", Arm64Layout.Pl031Base, Arm64Layout.PrimeCellSize, rtc);
        gpio = new Pl061(Gic.Spi(Arm64Layout.GpioInterrupt));
        memory.AddMmio("pl061", Arm64Layout.Pl061Base, Arm64Layout.PrimeCellSize, gpio);
        powerButton = new PowerButton(clock, gpio);
        events = new GenericEventDevice(Gic.Spi(Arm64Layout.GenericEventInterrupt));
        memory.AddMmio("ged", Arm64Layout.GenericEventBase, Arm64Layout.PlatformPageSize, events);
        Pci = new PciComplex(PciLayout.Create(options.Platform.ApertureWeights, options.Memory.Size), memory, log);
        PciHotplug = new PciHotplugController(Pci.Segments, events);
        memory.AddMmio("pci hotplug", Arm64Layout.PciHotplugBase, Arm64Layout.PlatformPageSize, PciHotplug);
        consoleBackend = console;
        try
        {
            var messages = new MemoryRange(itsBase + Arm64Layout.GicItsTranslationOffset, Arm64Layout.GicItsSize - Arm64Layout.GicItsTranslationOffset);
            builder = new DeviceBuilder(Pci, Gic.Msi!, options.Platform, messages, services);
            builder.Build(options.Devices, console);
            virtioConsole = builder.Console;
            iommu = builder.Iommu;
            Iommu = builder.IommuLayout;
            Initiators = [.. options.NumaNodes.Where(n => n.DeviceId is not null).Select(Initiator)];
        }
        catch
        {
            Pci.Dispose();
            throw;
        }

        PciHotplug.Ejected += Release;
        Sections = [Gic, .. uart is null ? (ISnapshotable[])[] : [uart], rtc, gpio, powerButton, events, PciHotplug, .. iommu is null ? (ISnapshotable[])[] : [iommu], .. Pci.Segments, .. firmware?.Sections ?? []];
    }

    /// <summary>The interrupt controller.</summary>
    public Gic Gic { get; }

    /// <summary>The PCI segments.</summary>
    public PciComplex Pci { get; }

    /// <summary>Adds and removes PCI devices of a running machine, where the guest knows ACPI.</summary>
    public PciHotplugController PciHotplug { get; }

    /// <summary>The IOMMU, or null.</summary>
    public IommuLayout? Iommu { get; }

    /// <summary>The devices that belong to a NUMA node by themselves.</summary>
    public IReadOnlyList<NumaInitiator> Initiators { get; }

    /// <summary>Every device with state, in a fixed order.</summary>
    public IReadOnlyList<ISnapshotable> Sections { get; }

    /// <summary>
    /// Presses the power button once: the GPIO line that the device tree names, and the event that the ACPI tables name. The guest knows one of
    /// them and does not hear the other.
    /// </summary>
    public void PressPowerButton()
    {
        powerButton.Press();
        events.Raise(GenericEvent.PowerButton);
    }

    /// <summary>Devices came or went since power-on: the options do not describe the machine any more.</summary>
    public bool SlotsChanged { get; private set; }

    /// <summary>Puts a disk into the running machine. Not in deterministic mode.</summary>
    /// <returns>Its name.</returns>
    /// <exception cref="EmuException">The image cannot be opened, or there is no place for the disk.</exception>
    public string AddDisk(DiskOption option)
    {
        if (option.Place.Segment >= Pci.Segments.Count)
        {
            throw new EmuException($"pci_segment={option.Place.Segment}: there is no such segment; the machine has {Pci.Segments.Count}");
        }

        if (option.Place.Iommu)
        {
            throw new EmuException("iommu=on: what is behind the IOMMU is fixed at power-on; leave it out");
        }

        var number = 0;
        while (option.Place.Id is null && Pci.Find($"disk{number}") is not null)
        {
            number++;
        }

        var name = option.Place.Id ?? $"disk{number}";
        if (Pci.Find(name) is not null)
        {
            throw new EmuException($"id={name}: another device has this id; give the disk its own");
        }

        var (disk, image) = builder.CreateDisk(option, name);
        lock (hotImages)
        {
            hotImages.Add(disk, image);
        }

        try
        {
            PciHotplug.Add(disk, option.Place.Segment, option.Place.Slot);
            SlotsChanged = true;
            return name;
        }
        catch
        {
            Release(disk);
            throw;
        }
    }

    /// <summary>Asks the guest to give a device up. Not in deterministic mode.</summary>
    /// <exception cref="EmuException">There is none of this name.</exception>
    public void RemoveDevice(string name)
    {
        var device = Pci.Find(name) ?? throw new EmuException($"there is no device {name}");
        PciHotplug.RequestRemoval(device.Segment!.Number, device.Slot);
    }

    /// <summary>A device of this name is in its slot, or the image of one that the guest has just ejected is not closed yet. Any thread.</summary>
    public bool HasDevice(string name)
    {
        if (Pci.Find(name) is not null)
        {
            return true;
        }

        lock (hotImages)
        {
            return hotImages.Keys.Any(d => d.Name == name);
        }
    }

    /// <summary>Begins to read input of the serial port and of the virtio console.</summary>
    public void StartConsoles()
    {
        if (uart is not null)
        {
            backend!.Start(uart.Input);
        }

        if (virtioConsole is not null)
        {
            consoleBackend!.Start(virtioConsole.Input);
        }
    }

    /// <summary>Power-on reset of every device; their wires follow.</summary>
    public void Reset()
    {
        Pci.Reset();
        iommu?.Reset();
        uart?.Reset();
        rtc.Reset();
        gpio.Reset();
        events.Reset();
        PciHotplug.Reset();
        firmware?.Reset();
        Gic.Reset();
    }

    private NumaInitiator Initiator(NumaNode node) =>
        Pci.Find(node.DeviceId!) is { } device
            ? new NumaInitiator(node.Id, device.Segment!.Number, device.Slot)
            : throw new EmuException($"--numa guest_numa_id={node.Id},device_id={node.DeviceId}: there is no device of this id; give one id={node.DeviceId}");

    /// <summary>Closes what a device that is gone needed of the host. What was there at power-on stays open to the end.</summary>
    private void Release(PciDevice device)
    {
        SlotsChanged = true;
        IDisposable? image;
        lock (hotImages)
        {
            hotImages.TryGetValue(device, out image);
        }

        image?.Dispose();
        lock (hotImages)
        {
            hotImages.Remove(device);
        }
    }

    /// <summary>Stops the devices and closes what they need of the host.</summary>
    public void Dispose()
    {
        Pci.Dispose();
        foreach (var image in hotImages.Values)
        {
            image.Dispose();
        }
    }
}
