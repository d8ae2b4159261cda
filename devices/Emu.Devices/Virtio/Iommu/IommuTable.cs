// What the IOMMU's driver set up: which endpoint is in which domain, and the mappings of each. Every endpoint's view of memory comes from here.
using Emu.Core;

namespace Emu.Devices.Virtio.Iommu;

/// <summary>An access that was not allowed.</summary>
/// <param name="Endpoint">The device.</param>
/// <param name="HasDomain">It is in a domain, which lacks a mapping.</param>
/// <param name="ForWrite">It wanted to write.</param>
/// <param name="Address">Where.</param>
public readonly record struct IommuFault(uint Endpoint, bool HasDomain, bool ForWrite, ulong Address);

/// <summary>
/// Domains and endpoints. A section of its own in snapshots, in front of the devices: they need their view of memory to be restored.
/// </summary>
/// <param name="addressBits">Bits of a device's address.</param>
public sealed class IommuTable(int addressBits) : ISnapshotable
{
    /// <summary>Log2 of the smallest page.</summary>
    public const int PageShift = 12;

    private const byte SnapshotVersion = 1;
    private const uint NoDomain = uint.MaxValue;

    private readonly Lock gate = new();
    private readonly SortedDictionary<uint, Endpoint> endpoints = [];
    private readonly SortedDictionary<uint, Domain> domains = [];
    private bool bypass = true;
    private int generation;

    /// <inheritdoc/>
    public string SnapshotName => "iommu";

    /// <summary>Last address that can be mapped.</summary>
    public ulong LastAddress { get; } = addressBits == 64 ? ulong.MaxValue : (1UL << addressBits) - 1;

    /// <summary>Endpoints in no domain see guest-physical memory.</summary>
    public bool Bypass
    {
        get
        {
            lock (gate)
            {
                return bypass;
            }
        }

        set
        {
            lock (gate)
            {
                bypass = value;
                generation++;
            }
        }
    }

    /// <summary>Called, on any thread, for each access that was not allowed.</summary>
    public Action<IommuFault>? Faulted { get; set; }

    /// <summary>The endpoints' numbers.</summary>
    public IReadOnlyCollection<uint> Endpoints => endpoints.Keys;

    /// <summary>Makes the view of a device whose place, and with it its number, is given by <see cref="Place"/>.</summary>
    public IDmaTranslation CreateEndpoint() => new Endpoint(this);

    /// <summary>Gives an endpoint its number: segment, bus, device and function as the machine's tables name it.</summary>
    public void Place(IDmaTranslation endpoint, uint id)
    {
        var e = (Endpoint)endpoint;
        e.Id = id;
        endpoints.Add(id, e);
    }

    /// <summary>Back to power-on: no domains, everything passes.</summary>
    public void Reset()
    {
        lock (gate)
        {
            foreach (var e in endpoints.Values)
            {
                e.Domain = NoDomain;
            }

            domains.Clear();
            bypass = true;
            generation++;
        }
    }

    /// <summary>Forgets every domain; the bypass choice stays (virtio 1.2, 5.13.5.2).</summary>
    public void Detach()
    {
        var keep = Bypass;
        Reset();
        Bypass = keep;
    }

    /// <summary>Whether a device of a number is behind the IOMMU.</summary>
    public bool Exists(uint endpoint) => endpoints.ContainsKey(endpoint);

    /// <summary>Puts an endpoint into a domain, which begins to exist with its first one (virtio 1.2, 5.13.6.3).</summary>
    public IommuStatus Attach(uint domain, uint endpoint, bool bypassDomain)
    {
        lock (gate)
        {
            if (!endpoints.TryGetValue(endpoint, out var e))
            {
                return IommuStatus.NoEntry;
            }

            if (domain == NoDomain || (domains.TryGetValue(domain, out var d) && d.Bypass != bypassDomain))
            {
                return IommuStatus.Invalid;
            }

            if (e.Domain == domain)
            {
                return IommuStatus.Ok;
            }

            Leave(e);
            if (!domains.TryGetValue(domain, out d))
            {
                domains.Add(domain, d = new Domain(bypassDomain));
            }

            d.Endpoints++;
            e.Domain = domain;
            generation++;
            return IommuStatus.Ok;
        }
    }

    /// <summary>Takes an endpoint out of its domain, whose mappings go with its last one (5.13.6.4).</summary>
    public IommuStatus Detach(uint domain, uint endpoint)
    {
        lock (gate)
        {
            if (!endpoints.TryGetValue(endpoint, out var e))
            {
                return IommuStatus.NoEntry;
            }

            if (e.Domain != domain || domain == NoDomain)
            {
                return IommuStatus.Invalid;
            }

            Leave(e);
            generation++;
            return IommuStatus.Ok;
        }
    }

    /// <summary>Adds a mapping of whole pages (5.13.6.5).</summary>
    public IommuStatus Map(uint domain, IommuMapping mapping)
    {
        const ulong PageMask = (1 << PageShift) - 1;
        if (((mapping.Start | mapping.Physical | (mapping.End + 1)) & PageMask) != 0 || mapping.End > LastAddress
            || mapping.End < mapping.Start || mapping.Physical > ulong.MaxValue - (mapping.End - mapping.Start))
        {
            return IommuStatus.Range;
        }

        lock (gate)
        {
            return !domains.TryGetValue(domain, out var d) ? IommuStatus.NoEntry : d.Bypass ? IommuStatus.Invalid : d.Mappings.Add(mapping);
        }
    }

    /// <summary>Removes every mapping inside a range, or none where one would be cut (5.13.6.6).</summary>
    public IommuStatus Unmap(uint domain, ulong start, ulong end)
    {
        lock (gate)
        {
            if (!domains.TryGetValue(domain, out var d))
            {
                return IommuStatus.NoEntry;
            }

            if (d.Bypass || end < start)
            {
                return IommuStatus.Invalid;
            }

            var status = d.Mappings.Remove(start, end, out var removed);
            generation += removed ? 1 : 0;
            return status;
        }
    }

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U8(SnapshotVersion);
            writer.Bool(bypass);
            writer.U32((uint)domains.Count);
            foreach (var (id, domain) in domains)
            {
                writer.U32(id);
                writer.Bool(domain.Bypass);
                domain.Mappings.Save(writer);
            }

            writer.U32((uint)endpoints.Count);
            foreach (var (id, endpoint) in endpoints)
            {
                writer.U32(id);
                writer.U32(endpoint.Domain);
            }
        }
    }

    /// <inheritdoc/>
    public void Restore(SnapshotReader reader)
    {
        Reset();
        lock (gate)
        {
            if (reader.U8() is var version && version != SnapshotVersion)
            {
                throw new InvalidDataException($"snapshot: iommu: version {version}, expected {SnapshotVersion}");
            }

            bypass = reader.Bool();
            for (var count = reader.U32(); count > 0; count--)
            {
                var id = reader.U32();
                var domain = new Domain(reader.Bool());
                domain.Mappings.Restore(reader);
                if (id == NoDomain || !domains.TryAdd(id, domain))
                {
                    throw new InvalidDataException($"snapshot: iommu: domain {id} is there twice");
                }
            }

            if (reader.U32() is var number && number != endpoints.Count)
            {
                throw new InvalidDataException($"snapshot: iommu: {number} endpoints, expected {endpoints.Count}");
            }

            foreach (var (id, endpoint) in endpoints)
            {
                var saved = reader.U32();
                var domain = reader.U32();
                if (saved != id || (domain != NoDomain && !domains.ContainsKey(domain)))
                {
                    throw new InvalidDataException($"snapshot: iommu: endpoint 0x{saved:x} of domain {domain}, expected endpoint 0x{id:x}");
                }

                endpoint.Domain = domain;
                if (domain != NoDomain)
                {
                    domains[domain].Endpoints++;
                }
            }

            if (domains.Values.Any(d => d.Endpoints == 0))
            {
                throw new InvalidDataException("snapshot: iommu: a domain without endpoints");
            }
        }
    }

    /// <summary>A domain lives as long as an endpoint is in it (virtio 1.2, 5.13.6.4).</summary>
    private void Leave(Endpoint e)
    {
        if (e.Domain != NoDomain)
        {
            if (--domains[e.Domain].Endpoints == 0)
            {
                domains.Remove(e.Domain);
            }

            e.Domain = NoDomain;
        }
    }

    private bool TryTranslate(Endpoint endpoint, ulong address, bool forWrite, out ulong physical, out ulong length)
    {
        bool inDomain;
        lock (gate)
        {
            inDomain = endpoint.Domain != NoDomain;
            if (inDomain ? domains[endpoint.Domain].Bypass : bypass)
            {
                physical = address;
                length = ulong.MaxValue - address;
                return length != 0;
            }

            if (inDomain && domains[endpoint.Domain].Mappings.Find(address) is { } m && (m.Access & (forWrite ? IommuAccess.Write : IommuAccess.Read)) != 0)
            {
                physical = m.Physical + (address - m.Start);

                // One less than all there is keeps the length of a mapping of everything in 64 bits.
                length = Math.Min(m.End - address, ulong.MaxValue - 1) + 1;
                return true;
            }
        }

        Faulted?.Invoke(new IommuFault(endpoint.Id, inDomain, forWrite, address));
        (physical, length) = (0, 0);
        return false;
    }

    private sealed class Domain(bool bypass)
    {
        public bool Bypass { get; } = bypass;

        public IommuMappings Mappings { get; } = new();

        public int Endpoints { get; set; }
    }

    private sealed class Endpoint(IommuTable table) : IDmaTranslation
    {
        public uint Id { get; set; }

        public uint Domain { get; set; } = NoDomain;

        public int Generation => Volatile.Read(ref table.generation);

        public bool TryTranslate(ulong address, bool forWrite, out ulong physical, out ulong length) =>
            table.TryTranslate(this, address, forWrite, out physical, out length);
    }
}
