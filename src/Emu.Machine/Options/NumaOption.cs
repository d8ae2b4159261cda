// --numa guest_numa_id=N,cpus=[..],distances=[..],memory_zones=[..],pci_segments=[..],device_id=ID: one NUMA node of the guest.
using Emu.Core;
using Emu.Machine.Boards;

namespace Emu.Machine.Options;

/// <summary>One NUMA node as it was asked for.</summary>
/// <param name="Text">What the user wrote, for messages.</param>
/// <param name="Id">The guest's number of the node.</param>
/// <param name="Cpus">Its vCPUs.</param>
/// <param name="Distances">Distances to other nodes.</param>
/// <param name="MemoryZones">Ids of its memory zones.</param>
/// <param name="PciSegments">Its PCI segments.</param>
/// <param name="DeviceId">Id of a device that belongs to it as a generic initiator, or null.</param>
public sealed record NumaOption(
    string Text, uint Id, IReadOnlyList<int> Cpus, IReadOnlyDictionary<uint, byte> Distances, IReadOnlyList<string> MemoryZones, IReadOnlyList<int> PciSegments, string? DeviceId)
{
    /// <summary>Most nodes: what Linux on arm64 is built for (NODES_SHIFT 4).</summary>
    public const int MaximumNodes = 16;

    /// <summary>Parses one --numa.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static NumaOption Parse(string text)
    {
        var option = OptionString.Parse("--numa", text, "guest_numa_id", "cpus", "distances", "memory_zones", "pci_segments", "device_id");
        var id = OptionString.ParseInteger("--numa guest_numa_id", option.Required("guest_numa_id", "guest_numa_id=0,cpus=[0-1],memory_zones=[mem0]"), 0, MaximumNodes - 1);
        var distances = new Dictionary<uint, byte>();
        foreach (var part in option.List("distances"))
        {
            var sides = part.Split('@');
            if (sides.Length != 2)
            {
                throw new EmuException($"{option.Text}: distance '{part}' is not NODE@DISTANCE; expected distances=[1@20,2@30]");
            }

            var node = (uint)OptionString.ParseInteger("--numa distances", sides[0], 0, MaximumNodes - 1);
            var distance = (byte)OptionString.ParseInteger("--numa distances", sides[1], NumaNode.LocalDistance, NumaNode.LargestDistance);
            if (node == id && distance != NumaNode.LocalDistance)
            {
                throw new EmuException($"{option.Text}: the distance of a node from itself is {NumaNode.LocalDistance}; leave {part} out");
            }

            if (!distances.TryAdd(node, distance))
            {
                throw new EmuException($"{option.Text}: the distance to node {node} is given twice");
            }
        }

        return new NumaOption(
            option.Text, (uint)id, option.Numbers("cpus", Arm64Layout.MaximumVcpus - 1), distances, option.List("memory_zones"),
            option.Numbers("pci_segments", Arm64Layout.MaximumPciSegments - 1), option["device_id"]);
    }

    /// <summary>The nodes of a machine, by number; none where none were asked for.</summary>
    /// <param name="options">Every --numa.</param>
    /// <param name="memory">RAM and its zones.</param>
    /// <param name="cpus">The vCPUs.</param>
    /// <param name="segments">PCI segments of the machine.</param>
    /// <exception cref="EmuException">They contradict each other or the rest of the machine.</exception>
    public static IReadOnlyList<NumaNode> Nodes(IReadOnlyList<NumaOption> options, MemoryOption memory, CpusOption cpus, int segments)
    {
        if (options.Count == 0)
        {
            return [];
        }

        Distinct<uint>(options, o => [o.Id], id => $"node {id} is described twice");
        Distinct(options, o => o.Cpus, c => $"vCPU {c} is in two nodes");
        Distinct(options, o => o.MemoryZones, z => $"memory zone {z} is in two nodes");
        Distinct(options, o => o.PciSegments, s => $"PCI segment {s} is in two nodes");
        foreach (var option in options)
        {
            Check(option, option.Id < options.Count, $"nodes are numbered without gaps: {options.Count} of them are 0 to {options.Count - 1}");
            Check(option, option.Distances.Keys.All(n => n < options.Count), "a distance is given to a node that is not described; describe it with another --numa");
            foreach (var cpu in option.Cpus)
            {
                Check(option, cpu < cpus.Maximum, $"there is no vCPU {cpu}; give --cpus boot={cpu + 1} or more");
            }

            foreach (var zone in option.MemoryZones)
            {
                Check(option, memory.Zones.Any(z => z.Id == zone), $"there is no memory zone {zone}; give --memory-zone id={zone},size=SIZE");
            }

            foreach (var segment in option.PciSegments)
            {
                Check(option, segment < segments, $"there is no PCI segment {segment}; give --platform num_pci_segments={segment + 1} or more");
            }
        }

        if (memory.Zones.FirstOrDefault(z => !options.Any(o => o.MemoryZones.Contains(z.Id))) is { } stray)
        {
            throw new EmuException($"--memory-zone id={stray.Id} is in no node; name it in memory_zones=[{stray.Id}] of a --numa");
        }

        if (memory.Zones.Count == 0)
        {
            throw new EmuException($"{options[0].Text}: nodes are made of memory zones; give --memory-zone id=mem0,size=SIZE for each, and memory_zones=[mem0]");
        }

        return
        [
            .. options.OrderBy(o => o.Id).Select(o => new NumaNode(o.Id)
            {
                Cpus = [.. o.Cpus.Where(c => c < cpus.Boot)],
                Memory = [.. o.MemoryZones.SelectMany(memory.RangesOf)],
                PciSegments = o.PciSegments,
                Distances = o.Distances,
                DeviceId = o.DeviceId,
            }),
        ];
    }

    private static void Check(NumaOption option, bool holds, string complaint)
    {
        if (!holds)
        {
            throw new EmuException($"{option.Text}: {complaint}");
        }
    }

    private static void Distinct<T>(IReadOnlyList<NumaOption> options, Func<NumaOption, IEnumerable<T>> values, Func<T, string> complaint)
    {
        var seen = new HashSet<T>();
        foreach (var option in options)
        {
            foreach (var value in values(option))
            {
                Check(option, seen.Add(value), complaint(value));
            }
        }
    }
}
