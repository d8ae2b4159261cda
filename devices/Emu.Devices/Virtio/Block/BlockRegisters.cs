// Numbers of the virtio block device (virtio 1.2, 5.2): features, configuration layout, request types and status.
namespace Emu.Devices.Virtio.Block;

/// <summary>Feature bits (5.2.3).</summary>
internal static class BlockFeature
{
    /// <summary>seg_max is valid: most data buffers of a request.</summary>
    public const ulong SegMax = 1UL << 2;

    /// <summary>Writes fail.</summary>
    public const ulong ReadOnly = 1UL << 5;

    /// <summary>blk_size is valid: the logical block size.</summary>
    public const ulong BlockSize = 1UL << 6;

    /// <summary>The FLUSH request exists.</summary>
    public const ulong Flush = 1UL << 9;

    /// <summary>topology is valid: what transfers should be aligned to.</summary>
    public const ulong Topology = 1UL << 10;

    /// <summary>The driver may switch between write-back and write-through.</summary>
    public const ulong ConfigWce = 1UL << 11;

    /// <summary>num_queues is valid.</summary>
    public const ulong MultiQueue = 1UL << 12;

    /// <summary>The DISCARD request exists.</summary>
    public const ulong Discard = 1UL << 13;

    /// <summary>The WRITE_ZEROES request exists.</summary>
    public const ulong WriteZeroes = 1UL << 14;
}

/// <summary>Offsets in the configuration space (5.2.4).</summary>
internal static class BlockConfig
{
    public const int Capacity = 0;
    public const int SegMax = 12;
    public const int BlockSize = 20;
    public const int PhysicalBlockExponent = 24;
    public const int MinimumIo = 26;
    public const int OptimalIo = 28;
    public const int WriteBack = 32;
    public const int QueueCount = 34;
    public const int MaxDiscardSectors = 36;
    public const int MaxDiscardSegments = 40;
    public const int DiscardAlignment = 44;
    public const int MaxWriteZeroesSectors = 48;
    public const int MaxWriteZeroesSegments = 52;
    public const int WriteZeroesMayUnmap = 56;
    public const int Size = 60;
}

/// <summary>type of a request (5.2.6).</summary>
internal enum BlockRequestType : uint
{
    In = 0,
    Out = 1,
    Flush = 4,
    GetId = 8,
    Discard = 11,
    WriteZeroes = 13,
}

/// <summary>status of a request (5.2.6).</summary>
internal enum BlockStatus : byte
{
    Ok = 0,
    IoError = 1,
    Unsupported = 2,
}

/// <summary>Sizes and limits of requests.</summary>
internal static class BlockLimit
{
    /// <summary>Bytes of a sector, the unit of every position whatever the block size.</summary>
    public const uint SectorBytes = 512;

    /// <summary>Bytes of the request header: type, reserved, sector.</summary>
    public const int HeaderBytes = 16;

    /// <summary>Bytes that GET_ID returns.</summary>
    public const int IdBytes = 20;

    /// <summary>Bytes of an element of DISCARD and WRITE_ZEROES: sector, num_sectors, flags.</summary>
    public const int RangeBytes = 16;

    /// <summary>flags of such an element: the space may be given up (WRITE_ZEROES).</summary>
    public const uint Unmap = 1;

    /// <summary>Bytes of the largest transfer: far above what drivers send (Linux: 1.25 MiB), and short enough for a pause to wait for.</summary>
    public const ulong MaximumTransfer = 256 << 20;

    /// <summary>Sectors of the largest range to discard: 2 GiB.</summary>
    public const uint MaximumDiscardSectors = 1 << 22;

    /// <summary>Ranges of a DISCARD request.</summary>
    public const uint MaximumDiscardRanges = 32;

    /// <summary>Sectors of the largest range of zeroes, which the host may have to write: 256 MiB.</summary>
    public const uint MaximumZeroSectors = 1 << 19;

    /// <summary>Bytes of a host page: what an image takes best.</summary>
    public const uint PhysicalBlockBytes = 4096;
}
