// Makes the PCI devices that the options ask for, and puts them into their slots.
using Emu.Core;
using Emu.Devices.Net;
using Emu.Devices.Pci;
using Emu.Devices.Serial;
using Emu.Devices.Storage;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Balloon;
using Emu.Devices.Virtio.Block;
using Emu.Devices.Virtio.Console;
using Emu.Devices.Virtio.Fs;
using Emu.Devices.Virtio.Iommu;
using Emu.Devices.Virtio.Net;
using Emu.Devices.Virtio.Pmem;
using Emu.Devices.Virtio.Rng;
using Emu.Devices.Virtio.Rtc;
using Emu.Devices.Virtio.VhostUser;
using Emu.Devices.Virtio.Vsock;
using Emu.Devices.Virtio.Watchdog;
using Emu.Machine.Options;

namespace Emu.Machine.Boards;

/// <summary>Builds the devices of one machine in a fixed order: slots and random numbers follow from the options alone.</summary>
/// <param name="pci">Where the devices go.</param>
/// <param name="msi">Where their interrupts go.</param>
/// <param name="platform">Which of them are behind the IOMMU.</param>
/// <param name="messages">The window of MSIs, which the IOMMU lets pass.</param>
/// <param name="services">What they are made with.</param>
public sealed class DeviceBuilder(PciComplex pci, IMsiSink msi, PlatformOption platform, MemoryRange messages, DeviceServices services)
{
    private readonly List<Placed> devices = [];
    private readonly Dictionary<PciDevice, IDmaTranslation> endpoints = [];
    private VirtioPciTransport? iommuDevice;

    /// <summary>Makes and places everything.</summary>
    /// <param name="options">The devices.</param>
    /// <param name="console">Host end of the virtio console, when there is one.</param>
    /// <exception cref="EmuException">The host does not have what a device needs, or two devices want one slot.</exception>
    public void Build(DeviceOptions options, ICharBackend? console)
    {
        if (platform.IommuSegments.Length > 0 || options.NeedIommu)
        {
            // In front of the devices behind it: a guest that probes in order has it when it needs it.
            Iommu = new IommuTable(platform.IommuAddressBits);
            iommuDevice = new VirtioPciTransport(
                new VirtioIommu("iommu", Iommu, messages.Start, messages.End - 1), services.Memory, msi, services.Log, new VirtioPciOptions(false, VirtioFeature.DefaultRing));
            devices.Add(new Placed(iommuDevice, default));
        }

        if (console is not null)
        {
            Console = new VirtioConsole(new VirtioConsoleOptions(options.Console.Place.Id ?? "console"), console, services.CreateInputGate());
            Add(Console, options.Console.Place);
        }

        for (var i = 0; i < options.Disks.Count; i++)
        {
            Disk(options.Disks[i], $"disk{i}");
        }

        for (var i = 0; i < options.Nets.Count; i++)
        {
            Net(options.Nets[i], $"net{i}");
        }

        Add(new VirtioRng(options.Rng.Place.Id ?? "rng", services.Clock, services.Post is null ? null : services.Random()), options.Rng.Place);
        for (var i = 0; i < options.Pmems.Count; i++)
        {
            Pmem(options.Pmems[i], $"pmem{i}");
        }

        if (options.Vsock is { } vsock)
        {
            var choices = new VsockOptions(vsock.Place.Id ?? "vsock", vsock.ContextId, vsock.Socket);
            Add(new VsockDevice(choices, services.Clock, services.Post, services.Log), vsock.Place);
        }

        for (var i = 0; i < options.FileSystems.Count; i++)
        {
            var fs = options.FileSystems[i];
            var choices = new FsOptions(fs.Place.Id ?? $"fs{i}", fs.Tag, fs.Socket, fs.Queues, (ushort)fs.QueueSize);
            Add(FsDevice.Create(choices, services.Memory, services.Clock, services.Post, services.Log), fs.Place);
        }

        if (options.Balloon is { } balloon)
        {
            var choices = new VirtioBalloonOptions(balloon.Place.Id ?? "balloon", balloon.Size, balloon.DeflateOnOutOfMemory, balloon.FreePageReporting);
            Add(new VirtioBalloon(choices, services.Memory, services.Discard, services.Clock), balloon.Place);
        }

        if (options.Watchdog)
        {
            Add(new VirtioWatchdog("watchdog", services.Clock, services.Control, services.Log), default);
        }

        if (options.Rtc)
        {
            Add(new VirtioRtc("rtc", services.Clock), default);
        }

        if (options.Pvpanic)
        {
            devices.Add(new Placed(new Pvpanic(services.Control, services.Log), default));
        }

        // A device with a slot of its own is not to find it taken by one that has none.
        foreach (var (device, place) in devices.Where(d => d.Place.Slot is not null).Concat(devices.Where(d => d.Place.Slot is null)))
        {
            var slot = pci.Segments[place.Segment].Add(device, place.Slot);
            if (endpoints.TryGetValue(device, out var endpoint))
            {
                Iommu!.Place(endpoint, IommuLayout.Endpoint(place.Segment, slot));
            }
        }
    }

    /// <summary>Makes a disk for a machine that runs already.</summary>
    /// <param name="option">The disk.</param>
    /// <param name="name">Its name.</param>
    /// <returns>The disk, in no slot yet, and its image, to be closed when the disk is gone.</returns>
    /// <exception cref="EmuException">The image cannot be opened.</exception>
    public (PciDevice Disk, IDisposable Image) CreateDisk(DiskOption option, string name)
    {
        var image = DiskImage.Open(option.Path, option.Image with { Log = services.Log });
        var disk = new VirtioBlock(option.Device with { Name = name }, image, services.Clock, services.Log);
        return (new VirtioPciTransport(disk, services.Memory, msi, services.Log, VirtioPciOptions.For(disk, option.Place.Segment, atBoot: false)), image);
    }

    /// <summary>What the IOMMU's driver sets up, once built, or null for a machine without one.</summary>
    public IommuTable? Iommu { get; private set; }

    /// <summary>The IOMMU as firmware tells of it, once built, or null.</summary>
    public IommuLayout? IommuLayout => iommuDevice is null ? null : new IommuLayout(iommuDevice.Slot, [.. Iommu!.Endpoints]);

    /// <summary>The virtio console, once built, or null.</summary>
    public VirtioConsole? Console { get; private set; }

    private void Add(VirtioDevice device, PciPlacement place)
    {
        if (device is IDisposable disposable)
        {
            pci.Own(disposable);
        }

        var options = VirtioPciOptions.For(device, place.Segment, atBoot: true);
        if (place.Iommu || platform.HasIommu(place.Segment))
        {
            if (device is VirtioBalloon or VhostUserDevice)
            {
                throw new EmuException($"{device.Name}: this device takes guest-physical addresses and cannot be behind the IOMMU; give it another pci_segment=, or leave iommu=on out");
            }

            options = options with { Dma = Iommu!.CreateEndpoint() };
        }

        var transport = new VirtioPciTransport(device, services.Memory, msi, services.Log, options);
        devices.Add(new Placed(transport, place));
        if (options.Dma is { } endpoint)
        {
            endpoints.Add(transport, endpoint);
        }
    }

    private void Disk(DiskOption option, string name)
    {
        var image = DiskImage.Open(option.Path, option.Image with { Log = services.Log });
        pci.Own(image);
        Add(new VirtioBlock(option.Device with { Name = option.Place.Id ?? name }, image, services.Clock, services.Log), option.Place);
    }

    private void Net(NetOption option, string name)
    {
        var device = option.Device with { Name = option.Place.Id ?? name, Mac = option.Mac ?? MacAddress.FromRandom(services.Random()) };
        var backend = NetBackends.Create(device.Name, option.Backend, services.Clock, services.Post, services.Log);
        Add(new NetDevice(device, backend, services.Log), option.Place);
    }

    private unsafe void Pmem(PmemOption option, string name)
    {
        var file = new PmemFile(option.Path, option.Size, option.DiscardWrites);
        pci.Own(file);
        var device = option.Place.Id ?? name;
        var start = pci.ReserveMemory64(option.Place.Segment, file.Length, PmemFile.Granularity);
        services.Memory.AddRam(device, start, file.Length, file.Pointer);
        Add(new VirtioPmem(device, file, start, services.Clock, services.Log), option.Place);
    }

    /// <summary>A device and where it goes. A class, for which generic collections need no compiler at start-up.</summary>
    private sealed record Placed(PciDevice Device, PciPlacement Place);
}
