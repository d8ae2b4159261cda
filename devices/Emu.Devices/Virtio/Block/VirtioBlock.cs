// The virtio block device (virtio 1.2, 5.2): features, configuration and queues; requests are carried out in BlockRequestHandler.cs.
using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Emu.Core;
using Emu.Devices.Storage;

namespace Emu.Devices.Virtio.Block;

/// <summary>
/// A disk on an image. Each queue has a thread of its own, so that queues work side by side and no vCPU waits; in deterministic mode requests
/// complete 20 µs after their notification, at 2 GB/s.
/// </summary>
/// <remarks>
/// Wiring: <c>new VirtioPciTransport(new VirtioBlock(options, DiskImage.Open(path, imageOptions), clock, log), memory, msi, log,
/// VirtioPciOptions.For(device, segment, atBoot))</c>. The image is the caller's: reset or remove the device (which waits for its
/// threads), then dispose of the image, which commits what is pending.
/// </remarks>
public sealed class VirtioBlock : VirtioDevice
{
    private const byte SnapshotVersion = 1;
    private static readonly ServiceModel Model = new(LatencyNanoseconds: 20_000, BytesPerMicrosecond: 2_000);

    private readonly IDiskImage image;
    private readonly Log log;
    private readonly QueueWorkers workers;
    private readonly byte[] config = new byte[BlockConfig.Size];
    private readonly ulong features;
    private ulong negotiated;
    private volatile bool writeBack = true;

    /// <summary>Creates a disk.</summary>
    /// <param name="options">Name, queues and serial number.</param>
    /// <param name="image">The bytes of the disk.</param>
    /// <param name="clock">Machine time; a <see cref="DeterministicClock"/> selects deterministic mode.</param>
    /// <param name="log">Receives what the host refuses.</param>
    /// <exception cref="EmuException">An option is out of range.</exception>
    public VirtioBlock(VirtioBlockOptions options, IDiskImage image, Clock clock, Log log)
        : base(options.Checked().Name, VirtioDeviceType.Block, [.. Enumerable.Repeat((ushort)options.QueueSize, options.Queues)])
    {
        this.image = image;
        this.log = log;
        features = BlockFeature.SegMax | BlockFeature.BlockSize | BlockFeature.Topology | BlockFeature.Flush | BlockFeature.ConfigWce
            | (options.Queues > 1 ? BlockFeature.MultiQueue : 0)
            | (image.IsReadOnly ? BlockFeature.ReadOnly : BlockFeature.WriteZeroes)
            | (image.SupportsDiscard && !image.IsReadOnly ? BlockFeature.Discard : 0);
        FillConfig(options);
        var id = new byte[BlockLimit.IdBytes];
        Encoding.UTF8.GetBytes(options.Serial, id);
        var each = new QueueWorker[options.Queues];
        for (var i = 0; i < each.Length; i++)
        {
            each[i] = new QueueWorker($"{Name} queue {i}", clock, new BlockRequestHandler(this, image, id), Model);
        }

        workers = new QueueWorkers(each);
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => features;

    /// <summary>Whether a write is durable only after a flush; if not, every write is flushed before it completes.</summary>
    internal bool IsWriteBack => writeBack;

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> data)
    {
        for (var i = 0; i < data.Length && offset + i < config.Length; i++)
        {
            data[i] = offset + i == BlockConfig.WriteBack ? (byte)(writeBack ? 1 : 0) : config[offset + i];
        }
    }

    /// <inheritdoc/>
    public override void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
        var at = BlockConfig.WriteBack - offset;
        if ((Volatile.Read(ref negotiated) & BlockFeature.ConfigWce) == 0 || (uint)at >= (uint)data.Length)
        {
            return;
        }

        var before = writeBack;
        writeBack = data[at] != 0;
        if (before && data[at] == 0)
        {
            // From here on, what was completed is durable (5.2.5.2).
            Report(image.Flush(), "flush");
        }
    }

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features)
    {
        Volatile.Write(ref negotiated, features);

        // Without FLUSH the driver cannot make anything durable, so that everything is at once (5.2.5.2, 5.2.6.2).
        writeBack = (features & BlockFeature.Flush) != 0;
        workers.Start(queues);
    }

    /// <inheritdoc/>
    public override void Notify(int queue) => workers.Kick(queue);

    /// <inheritdoc/>
    public override void Reset()
    {
        workers.Stop();

        Volatile.Write(ref negotiated, 0);
        writeBack = true;
    }

    /// <inheritdoc/>
    public override void Pause() => workers.Pause();

    /// <inheritdoc/>
    public override void Resume() => workers.Resume();

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        writer.U8(SnapshotVersion);
        writer.U64(image.Capacity);
        writer.Bool(writeBack);
        workers.Save(writer);
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        var version = reader.U8();
        var capacity = reader.U64();
        if (version != SnapshotVersion || capacity != image.Capacity)
        {
            throw new InvalidDataException($"snapshot: {Name}: version {version} of a disk of {capacity} bytes, expected {SnapshotVersion} and {image.Capacity}");
        }

        writeBack = reader.Bool();
        workers.Restore(reader);
    }

    /// <summary>Turns the end of an image operation into a status; what the host refused is logged once a kind.</summary>
    internal BlockStatus Report(DiskStatus status, string operation)
    {
        switch (status)
        {
            case DiskStatus.Ok:
                return BlockStatus.Ok;
            case DiskStatus.Unsupported:
                return BlockStatus.Unsupported;
            default:
                var why = status == DiskStatus.NoSpace ? "the host has no space left" : "the host or the image reports an I/O error";
                log.Once($"virtio-blk {Name} {operation} {status}", LogLevel.Error, $"{Name}: {operation} failed: {why}; the guest gets an I/O error");
                return BlockStatus.IoError;
        }
    }

    private void FillConfig(VirtioBlockOptions options)
    {
        var block = image.LogicalBlockSize;
        var physical = Math.Max(block, BlockLimit.PhysicalBlockBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(config.AsSpan(BlockConfig.Capacity), image.Capacity / BlockLimit.SectorBytes);

        // Header and status take two descriptors of a ring without indirect ones.
        Put(BlockConfig.SegMax, (uint)Math.Max(options.QueueSize - 2, 1));
        Put(BlockConfig.BlockSize, block);
        config[BlockConfig.PhysicalBlockExponent] = (byte)BitOperations.Log2(physical / block);
        BinaryPrimitives.WriteUInt16LittleEndian(config.AsSpan(BlockConfig.MinimumIo), (ushort)(physical / block));
        Put(BlockConfig.OptimalIo, Math.Max(image.DiscardGranularity, physical) / block);
        BinaryPrimitives.WriteUInt16LittleEndian(config.AsSpan(BlockConfig.QueueCount), (ushort)options.Queues);
        if ((features & BlockFeature.Discard) != 0)
        {
            Put(BlockConfig.MaxDiscardSectors, BlockLimit.MaximumDiscardSectors);
            Put(BlockConfig.MaxDiscardSegments, BlockLimit.MaximumDiscardRanges);
            Put(BlockConfig.DiscardAlignment, Math.Max(image.DiscardGranularity, block) / BlockLimit.SectorBytes);
        }

        if ((features & BlockFeature.WriteZeroes) != 0)
        {
            Put(BlockConfig.MaxWriteZeroesSectors, BlockLimit.MaximumZeroSectors);
            Put(BlockConfig.MaxWriteZeroesSegments, 1);
            config[BlockConfig.WriteZeroesMayUnmap] = image.SupportsDiscard ? (byte)1 : (byte)0;
        }
    }

    private void Put(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(offset), value);
}
