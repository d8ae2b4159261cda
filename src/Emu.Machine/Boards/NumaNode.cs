// One NUMA node: which vCPUs, RAM and PCI segments lie close to each other, and how far the other nodes are.
namespace Emu.Machine.Boards;

/// <summary>A PCI device that belongs to a node by itself: a generic initiator (ACPI 6.3, 5.2.16.6).</summary>
/// <param name="Node">The node.</param>
/// <param name="Segment">PCI segment of the device.</param>
/// <param name="Slot">Its slot.</param>
public sealed record NumaInitiator(uint Node, int Segment, int Slot);

/// <summary>A NUMA node.</summary>
/// <param name="Id">The guest's number of the node.</param>
public sealed record NumaNode(uint Id)
{
    /// <summary>Distance of a node from itself (ACPI 6.3, 5.2.17).</summary>
    public const byte LocalDistance = 10;

    /// <summary>Distance of two nodes of which nothing else is said.</summary>
    public const byte RemoteDistance = 20;

    /// <summary>Largest distance that can be told: 255 stands for no way at all.</summary>
    public const byte LargestDistance = 254;

    /// <summary>Indices of its vCPUs.</summary>
    public IReadOnlyList<int> Cpus { get; init; } = [];

    /// <summary>Its RAM.</summary>
    public IReadOnlyList<MemoryRange> Memory { get; init; } = [];

    /// <summary>Its PCI segments.</summary>
    public IReadOnlyList<int> PciSegments { get; init; } = [];

    /// <summary>Id of a PCI device that belongs to it as a generic initiator, or null.</summary>
    public string? DeviceId { get; init; }

    /// <summary>Distances to other nodes by id, <see cref="LocalDistance"/> or more.</summary>
    public IReadOnlyDictionary<uint, byte> Distances { get; init; } = new Dictionary<uint, byte>();

    /// <summary>The distance to another node: what was given, from either side.</summary>
    public byte DistanceTo(NumaNode other) =>
        other.Id == Id ? LocalDistance
        : Distances.TryGetValue(other.Id, out var there) ? there
        : other.Distances.TryGetValue(Id, out var back) ? back
        : RemoteDistance;
}
