// Requests, events and configuration of the virtio IOMMU (virtio 1.2, 5.13).
namespace Emu.Devices.Virtio.Iommu;

/// <summary>Feature bits (5.13.3).</summary>
internal static class IommuFeature
{
    /// <summary>VIRTIO_IOMMU_F_INPUT_RANGE: <see cref="IommuConfig.InputStart"/> and its end hold.</summary>
    public const ulong InputRange = 1UL << 0;

    /// <summary>VIRTIO_IOMMU_F_MAP_UNMAP: domains have mappings.</summary>
    public const ulong MapUnmap = 1UL << 2;

    /// <summary>VIRTIO_IOMMU_F_PROBE: endpoints have properties.</summary>
    public const ulong Probe = 1UL << 4;

    /// <summary>VIRTIO_IOMMU_F_BYPASS_CONFIG: the driver chooses what becomes of endpoints in no domain, and whole domains may be passed by.</summary>
    public const ulong BypassConfig = 1UL << 6;
}

/// <summary>Offsets in struct virtio_iommu_config (5.13.4).</summary>
internal static class IommuConfig
{
    public const int PageSizeMask = 0;
    public const int InputStart = 8;
    public const int InputEnd = 16;
    public const int DomainStart = 24;
    public const int DomainEnd = 28;
    public const int ProbeSize = 32;
    public const int Bypass = 36;
    public const int Bytes = 40;
}

/// <summary>Types of requests (5.13.6).</summary>
internal enum IommuRequestType : byte
{
    Attach = 1,
    Detach = 2,
    Map = 3,
    Unmap = 4,
    Probe = 5,
}

/// <summary>Status in a request's tail (5.13.6.2).</summary>
public enum IommuStatus : byte
{
    /// <summary>Carried out.</summary>
    Ok = 0,

    /// <summary>There is no such request.</summary>
    Unsupported = 2,

    /// <summary>Something in it is wrong.</summary>
    Invalid = 4,

    /// <summary>An address is misaligned or out of range, or a mapping would be cut.</summary>
    Range = 5,

    /// <summary>There is no such endpoint or domain.</summary>
    NoEntry = 6,

    /// <summary>The domain is full.</summary>
    NoMemory = 8,
}

/// <summary>Layouts of requests and events, in bytes.</summary>
internal static class IommuMessage
{
    /// <summary>Of head and tail each.</summary>
    public const int HeadBytes = 4;
    public const int TailBytes = 4;

    // Readable part of each request, head included, and the fields in it.
    public const int AttachBytes = 20;
    public const int DetachBytes = 20;
    public const int MapBytes = 36;
    public const int UnmapBytes = 28;
    public const int ProbeBytes = 72;
    public const int Domain = 4;
    public const int Endpoint = 8;
    public const int AttachFlags = 12;
    public const int AttachReserved = 16;
    public const int DetachReserved = 12;
    public const int VirtualStart = 8;
    public const int VirtualEnd = 16;
    public const int PhysicalStart = 24;
    public const int MapFlags = 32;
    public const int ProbeEndpoint = 4;

    /// <summary>ATTACH flag: the domain passes everything by untranslated.</summary>
    public const uint AttachBypass = 1;

    /// <summary>Room for the properties of an endpoint.</summary>
    public const int ProbeSize = 64;

    // struct virtio_iommu_probe_resv_mem (5.13.6.7.1).
    public const ushort ReservedMemoryType = 1;
    public const ushort ReservedMemoryLength = 20;
    public const byte ReservedForMsi = 1;

    // struct virtio_iommu_fault (5.13.6.9).
    public const int FaultBytes = 24;
    public const byte FaultOfDomain = 1;
    public const byte FaultOfMapping = 2;
    public const int FaultFlags = 4;
    public const int FaultEndpoint = 8;
    public const int FaultAddress = 16;
    public const uint FaultRead = 1 << 0;
    public const uint FaultWrite = 1 << 1;
    public const uint FaultHasAddress = 1 << 8;
}

/// <summary>What a mapping allows (5.13.6.5). No MMIO: the feature is not offered.</summary>
[Flags]
public enum IommuAccess : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The device may read.</summary>
    Read = 1,

    /// <summary>The device may write.</summary>
    Write = 2,

    /// <summary>Both.</summary>
    All = Read | Write,
}
