// The virtio memory balloon (virtio 1.2, 5.5): queues and configuration; what a request gives back is in BalloonPages.cs.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Virtio.Balloon;

/// <summary>Choices of a balloon.</summary>
/// <param name="Name">Name for messages and snapshots.</param>
/// <param name="Size">Bytes the balloon is to hold from the start (size=).</param>
/// <param name="DeflateOnOom">The guest may take pages back when it runs out of memory (deflate_on_oom=).</param>
/// <param name="FreePageReporting">The guest reports free pages, which go back to the host (free_page_reporting=).</param>
public sealed record VirtioBalloonOptions(string Name, ulong Size = 0, bool DeflateOnOom = false, bool FreePageReporting = false);

/// <summary>Gives whole pages of RAM back to the host; they read as zero afterwards. Regions that are not plain RAM are left alone. Any thread.</summary>
/// <param name="region">The region.</param>
/// <param name="offset">Bytes from its start, a multiple of 4 KiB.</param>
/// <param name="length">Bytes, a multiple of 4 KiB.</param>
public delegate void DiscardPages(RamRegion region, ulong offset, ulong length);

/// <summary>
/// A balloon. Pages that the guest puts into it, or reports as free, are given back to the host at once; they come back as zeroes when the guest
/// touches them, so that taking a page out of the balloon is no work.
/// </summary>
/// <remarks>
/// Wiring: <c>new VirtioBalloon(options, memory, (region, offset, length) => hostOf(region)?.Discard(offset, length), clock)</c> behind a
/// <see cref="VirtioPciTransport"/>; the delegate does nothing for ROM, flash and pmem, and makes pages that are mapped from a file zero.
/// <see cref="Resize"/> changes the size, in deterministic mode through the machine's input queue.
/// </remarks>
public sealed class VirtioBalloon : VirtioDevice
{
    /// <summary>Device type.</summary>
    public const ushort DeviceType = 5;

    // Features (5.5.3).
    private const ulong DeflateOnOom = 1UL << 2;
    private const ulong PageReporting = 1UL << 5;

    // Configuration (5.5.4).
    private const int PagesOffset = 0;
    private const int ActualOffset = 4;
    private const int ConfigSize = 16;

    private const int InflateQueue = 0;
    private const int DeflateQueue = 1;

    // With neither statistics nor hints there is no queue 2 to 3: the queues that exist are numbered without gaps, as Linux does.
    private const int ReportingQueue = 2;
    private const ushort QueueSize = 128;
    private const ushort ReportingQueueSize = 32;
    private const byte SnapshotVersion = 1;
    private static readonly ServiceModel Model = new(LatencyNanoseconds: 5_000, BytesPerMicrosecond: 1_000);

    private readonly Lock gate = new();
    private readonly QueueWorkers workers;
    private readonly ulong features;
    private uint pages;
    private uint actual;

    /// <summary>Creates a balloon.</summary>
    /// <param name="options">Name, size and features.</param>
    /// <param name="memory">Guest memory.</param>
    /// <param name="discard">Gives pages back to the host.</param>
    /// <param name="clock">Machine time; a <see cref="DeterministicClock"/> selects deterministic mode.</param>
    /// <exception cref="EmuException">The size is too large.</exception>
    public VirtioBalloon(VirtioBalloonOptions options, PhysicalAddressSpace memory, DiscardPages discard, Clock clock)
        : base(options.Name, DeviceType, options.FreePageReporting ? [QueueSize, QueueSize, ReportingQueueSize] : [QueueSize, QueueSize])
    {
        features = (options.DeflateOnOom ? DeflateOnOom : 0) | (options.FreePageReporting ? PageReporting : 0);
        pages = ToPages(options.Size);
        var inflate = new BalloonPages(memory, discard);
        var each = new QueueWorker[QueueSizes.Length];
        each[InflateQueue] = new QueueWorker($"{Name} inflate", clock, new BalloonInflation(inflate), Model);
        each[DeflateQueue] = new QueueWorker($"{Name} deflate", clock, new BalloonDeflation(), Model);
        if (options.FreePageReporting)
        {
            each[ReportingQueue] = new QueueWorker($"{Name} reporting", clock, new BalloonReporting(inflate), Model);
        }

        workers = new QueueWorkers(each);
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => features;

    /// <summary>Bytes the balloon is to hold.</summary>
    public ulong TargetBytes => (ulong)Volatile.Read(ref pages) * BalloonPages.PageBytes;

    /// <summary>Bytes the balloon holds, as the driver says.</summary>
    public ulong ActualBytes => (ulong)Volatile.Read(ref actual) * BalloonPages.PageBytes;

    /// <summary>Asks the guest to bring the balloon to a size.</summary>
    /// <param name="bytes">Rounded down to whole pages.</param>
    /// <exception cref="EmuException">The size is too large.</exception>
    public void Resize(ulong bytes)
    {
        var wanted = ToPages(bytes);
        if (Interlocked.Exchange(ref pages, wanted) != wanted)
        {
            Transport.ConfigChanged();
        }
    }

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[ConfigSize];
        config.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(config[PagesOffset..], Volatile.Read(ref pages));
        BinaryPrimitives.WriteUInt32LittleEndian(config[ActualOffset..], Volatile.Read(ref actual));
        if (offset < ConfigSize)
        {
            config[offset..Math.Min(ConfigSize, offset + data.Length)].CopyTo(data);
        }
    }

    /// <inheritdoc/>
    public override void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
        lock (gate)
        {
            for (var i = 0; i < data.Length; i++)
            {
                var at = (uint)(offset + i - ActualOffset);
                if (at < sizeof(uint))
                {
                    var shift = (int)at * 8;
                    Volatile.Write(ref actual, (actual & ~(0xFFu << shift)) | ((uint)data[i] << shift));
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features) => workers.Start(queues);

    /// <inheritdoc/>
    public override void Notify(int queue) => workers.Kick(queue);

    /// <inheritdoc/>
    public override void Reset()
    {
        workers.Stop();

        // A driver that starts again finds its balloon empty.
        Volatile.Write(ref actual, 0);
    }

    /// <inheritdoc/>
    public override void Pause() => workers.Pause();

    /// <inheritdoc/>
    public override void Resume() => workers.Resume();

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        writer.U8(SnapshotVersion);
        writer.U32(Volatile.Read(ref pages));
        writer.U32(Volatile.Read(ref actual));
        workers.Save(writer);
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        reader.Version(SnapshotVersion, Name);
        Volatile.Write(ref pages, reader.U32());
        Volatile.Write(ref actual, reader.U32());
        workers.Restore(reader);
    }

    private uint ToPages(ulong bytes) => bytes / BalloonPages.PageBytes is var count && count <= uint.MaxValue
        ? (uint)count
        : throw new EmuException($"{Name}: a balloon of {bytes} bytes is not possible: it holds 16 TiB at most");
}
