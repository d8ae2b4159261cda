// The PCI devices a user can ask for, parsed, and what no single option can check.
using Emu.Core;

namespace Emu.Machine.Options;

/// <summary>The devices of a machine.</summary>
public sealed record DeviceOptions
{
    /// <summary>Block devices.</summary>
    public IReadOnlyList<DiskOption> Disks { get; init; } = [];

    /// <summary>Network cards.</summary>
    public IReadOnlyList<NetOption> Nets { get; init; } = [];

    /// <summary>The virtio console.</summary>
    public ConsoleOption Console { get; init; } = ConsoleOption.Default;

    /// <summary>The entropy device.</summary>
    public RngOption Rng { get; init; } = RngOption.Default;

    /// <summary>The balloon, or null.</summary>
    public BalloonOption? Balloon { get; init; }

    /// <summary>Persistent memories.</summary>
    public IReadOnlyList<PmemOption> Pmems { get; init; } = [];

    /// <summary>The socket device, or null.</summary>
    public VsockOption? Vsock { get; init; }

    /// <summary>Directories of the host.</summary>
    public IReadOnlyList<FsOption> FileSystems { get; init; } = [];

    /// <summary>Other programs work on guest RAM: it is to be shared memory.</summary>
    public bool NeedSharedMemory => FileSystems.Count != 0;

    /// <summary>A watchdog that resets the machine.</summary>
    public bool Watchdog { get; init; }

    /// <summary>The device by which a kernel tells that it panicked.</summary>
    public bool Pvpanic { get; init; }

    /// <summary>The virtio real-time clock.</summary>
    public bool Rtc { get; init; }

    /// <summary>Some device is behind the IOMMU by its own choice.</summary>
    public bool NeedIommu => Places().Any(p => p.Place.Iommu);

    /// <summary>Checks places and names.</summary>
    /// <param name="segments">PCI segments of the machine.</param>
    /// <exception cref="EmuException">A segment that is not there, or a name given twice.</exception>
    public void Validate(int segments)
    {
        var names = new HashSet<string>();
        foreach (var (option, place) in Places())
        {
            if (place.Segment >= segments)
            {
                throw new EmuException($"{option} pci_segment={place.Segment}: there is no such segment; give --platform num_pci_segments={place.Segment + 1} or more");
            }

            if (place.Id is { } id && !names.Add(id))
            {
                throw new EmuException($"{option} id={id}: another device has this id; give each its own");
            }
        }
    }

    private IEnumerable<Named> Places()
    {
        foreach (var d in Disks)
        {
            yield return new Named("--disk", d.Place);
        }

        foreach (var n in Nets)
        {
            yield return new Named("--net", n.Place);
        }

        yield return new Named("--console", Console.Place);
        yield return new Named("--rng", Rng.Place);
        if (Balloon is { } balloon)
        {
            yield return new Named("--balloon", balloon.Place);
        }

        foreach (var p in Pmems)
        {
            yield return new Named("--pmem", p.Place);
        }

        foreach (var f in FileSystems)
        {
            yield return new Named("--fs", f.Place);
        }

        if (Vsock is { } vsock)
        {
            yield return new Named("--vsock", vsock.Place);
        }
    }

    /// <summary>A place and the option that gave it. A class, for which generic collections need no compiler at start-up.</summary>
    private sealed record Named(string Option, PciPlacement Place);
}
