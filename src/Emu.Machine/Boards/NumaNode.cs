// One NUMA node: which vCPUs, RAM and PCI segments lie close to each other, and how far the other nodes are.
namespace Emu.Machine.Boards;

/// <summary>A NUMA node.</summary>
/// <param name="Id">The guest's number of the node.</param>
public sealed record NumaNode(uint Id)
{
    /// <summary>Distance of a node from itself (ACPI 6.3, 5.2.17).</summary>
    public const byte LocalDistance = 10;

    /// <summary>Distance of two nodes of which nothing else is said.</summary>
    public const byte RemoteDistance = 20;

    /// <summary>Indices of its vCPUs.</summary>
    public IReadOnlyList<int> Cpus { get; init; } = [];

    /// <summary>Its RAM.</summary>
    public IReadOnlyList<MemoryRange> Memory { get; init; } = [];

    /// <summary>Its PCI segments.</summary>
    public IReadOnlyList<int> PciSegments { get; init; } = [];

    /// <summary>Distances to other nodes by id, <see cref="LocalDistance"/> or more.</summary>
    public IReadOnlyDictionary<uint, byte> Distances { get; init; } = new Dictionary<uint, byte>();

    /// <summary>The distance to another node: what was given, from either side.</summary>
    public byte DistanceTo(NumaNode other) =>
        other.Id == Id ? LocalDistance
        : Distances.TryGetValue(other.Id, out var there) ? there
        : other.Distances.TryGetValue(Id, out var back) ? back
        : RemoteDistance;
}
