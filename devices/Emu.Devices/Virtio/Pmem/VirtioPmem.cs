// The virtio persistent memory device (virtio 1.2, 5.19): tells the guest where a range of memory lies, and makes it durable on request.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Virtio.Pmem;

/// <summary>Persistent memory. The range itself is RAM of the guest-physical map; the device has its address and one queue of flushes.</summary>
/// <remarks>
/// Wiring: <c>var file = new PmemFile(path, size, discardWrites)</c>, a place of <c>file.Length</c> bytes, 2 MiB aligned, in the 64-bit window;
/// <c>memory.AddRam(name, start, file.Length, file.Pointer)</c>; <c>new VirtioPmem(name, file, start, clock, log)</c> behind a
/// <see cref="VirtioPciTransport"/>. The file is the caller's: dispose of it after the memory map.
/// </remarks>
public sealed class VirtioPmem : VirtioDevice, IRequestHandler
{
    /// <summary>Device type.</summary>
    public const ushort DeviceType = 27;

    // Configuration (5.19.4).
    private const int StartOffset = 0;
    private const int SizeOffset = 8;
    private const int ConfigSize = 16;

    /// <summary>type of a request: flush (5.19.6).</summary>
    private const uint FlushRequest = 0;

    /// <summary>ret of a response: failed.</summary>
    private const uint Failed = uint.MaxValue;

    private const ushort QueueSize = 256;
    private const byte SnapshotVersion = 1;
    private static readonly ServiceModel Model = new(LatencyNanoseconds: 100_000, BytesPerMicrosecond: 1_000);

    private readonly PmemFile file;
    private readonly ulong start;
    private readonly Log log;
    private readonly QueueWorker worker;

    /// <summary>Creates the device.</summary>
    /// <param name="name">Name for messages and snapshots.</param>
    /// <param name="file">The backing.</param>
    /// <param name="start">Guest-physical address of the range.</param>
    /// <param name="clock">Machine time; a <see cref="DeterministicClock"/> selects deterministic mode.</param>
    /// <param name="log">Receives what the host refuses.</param>
    public VirtioPmem(string name, PmemFile file, ulong start, Clock clock, Log log)
        : base(name, DeviceType, QueueSize)
    {
        this.file = file;
        this.start = start;
        this.log = log;
        worker = new QueueWorker($"{name} flush", clock, this, Model);
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => 0;

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[ConfigSize];
        BinaryPrimitives.WriteUInt64LittleEndian(config[StartOffset..], start);
        BinaryPrimitives.WriteUInt64LittleEndian(config[SizeOffset..], file.Length);
        if (offset < ConfigSize)
        {
            config[offset..Math.Min(ConfigSize, offset + data.Length)].CopyTo(data);
        }
    }

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features) => worker.Start(queues[0]);

    /// <inheritdoc/>
    public override void Notify(int queue) => worker.Kick();

    /// <inheritdoc/>
    public override void Reset() => worker.Stop();

    /// <inheritdoc/>
    public override void Pause() => worker.Pause();

    /// <inheritdoc/>
    public override void Resume() => worker.Resume();

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        writer.U8(SnapshotVersion);
        writer.U64(start);
        writer.U64(file.Length);
        worker.Save(writer);
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        var version = reader.U8();
        var address = reader.U64();
        var length = reader.U64();
        if (version != SnapshotVersion || address != start || length != file.Length)
        {
            throw new InvalidDataException($"snapshot: {Name}: version {version}, 0x{address:x}+0x{length:x}, expected {SnapshotVersion}, 0x{start:x}+0x{file.Length:x}");
        }

        worker.Restore(reader);
    }

    uint IRequestHandler.Handle(DescriptorChain chain)
    {
        Span<byte> word = stackalloc byte[sizeof(uint)];
        if (chain.WritableLength < sizeof(uint))
        {
            return 0;
        }

        var known = chain.Read(0, word) == sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(word) == FlushRequest;
        var done = known && file.Flush();
        if (known && !done)
        {
            log.Once($"virtio-pmem {Name}", LogLevel.Error, $"{Name}: the host reports an I/O error at a flush: the guest gets it");
        }

        BinaryPrimitives.WriteUInt32LittleEndian(word, done ? 0 : Failed);
        return (uint)chain.Write(0, word);
    }
}
