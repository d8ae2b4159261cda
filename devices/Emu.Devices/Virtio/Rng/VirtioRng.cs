// The virtio entropy device (virtio 1.2, 5.4): fills buffers with the host's random bytes, or with a reproducible sequence.
using System.Buffers.Binary;
using System.Security.Cryptography;
using Emu.Core;

namespace Emu.Devices.Virtio.Rng;

/// <summary>Random bytes. A request gets <see cref="MaximumBytes"/> at most, as the specification allows.</summary>
/// <remarks>
/// Wiring: <c>new VirtioRng("rng", clock, seed)</c> behind a <see cref="VirtioPciTransport"/>; the seed is null but in deterministic mode,
/// where it is one number of the machine's random source. The position in the sequence is part of a snapshot.
/// </remarks>
public sealed class VirtioRng : VirtioDevice, IRequestHandler
{
    /// <summary>Device type.</summary>
    public const ushort DeviceType = 4;

    /// <summary>Bytes given to one request at most.</summary>
    public const int MaximumBytes = 64 * 1024;

    private const byte SnapshotVersion = 1;
    private const ushort QueueSize = 256;
    private static readonly ServiceModel Model = new(LatencyNanoseconds: 5_000, BytesPerMicrosecond: 200);

    private readonly QueueWorker worker;
    private readonly bool seeded;
    private ulong state;

    /// <summary>Creates the device.</summary>
    /// <param name="name">Name for messages and snapshots.</param>
    /// <param name="clock">Machine time; a <see cref="DeterministicClock"/> selects deterministic mode.</param>
    /// <param name="seed">Of a reproducible sequence; null for the host's randomness.</param>
    public VirtioRng(string name, Clock clock, ulong? seed)
        : base(name, DeviceType, QueueSize)
    {
        seeded = seed is not null;
        state = seed ?? 0;
        worker = new QueueWorker($"{name} queue", clock, this, Model);
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => 0;

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
        writer.U64(state);
        worker.Save(writer);
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        reader.Version(SnapshotVersion, Name);
        state = reader.U64();
        worker.Restore(reader);
    }

    uint IRequestHandler.Handle(DescriptorChain chain)
    {
        var length = (int)Math.Min(chain.WritableLength, MaximumBytes);
        Span<byte> bytes = stackalloc byte[1024];
        for (var at = 0; at < length; at += bytes.Length)
        {
            var part = bytes[..Math.Min(bytes.Length, length - at)];
            Fill(part);
            chain.Write((ulong)at, part);
        }

        return (uint)length;
    }

    private void Fill(Span<byte> bytes)
    {
        if (!seeded)
        {
            RandomNumberGenerator.Fill(bytes);
            return;
        }

        Span<byte> word = stackalloc byte[8];
        for (var at = 0; at < bytes.Length; at += word.Length)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(word, Next());
            word[..Math.Min(word.Length, bytes.Length - at)].CopyTo(bytes[at..]);
        }
    }

    /// <summary>SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).</summary>
    private ulong Next()
    {
        state += 0x9E37_79B9_7F4A_7C15;
        var z = state;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }
}
