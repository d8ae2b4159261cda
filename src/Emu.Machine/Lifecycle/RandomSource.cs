// Random numbers for the guest's seeds: the host's, or a reproducible sequence in deterministic mode.
using System.Runtime.InteropServices;
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>A source of 64-bit numbers.</summary>
public sealed class RandomSource
{
    private const string HostDevice = "/dev/urandom";

    private readonly bool fromHost;
    private ulong state;

    /// <summary>Creates a source.</summary>
    /// <param name="seed">Seed of a reproducible sequence, or null for the host's randomness.</param>
    public RandomSource(ulong? seed)
    {
        fromHost = seed is null;
        state = seed ?? 0;
    }

    /// <summary>The next number.</summary>
    public ulong Next()
    {
        if (fromHost)
        {
            ulong value = 0;
            using var device = File.OpenRead(HostDevice);
            device.ReadExactly(MemoryMarshal.AsBytes(new Span<ulong>(ref value)));
            return value;
        }

        // SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
        state += 0x9E37_79B9_7F4A_7C15;
        var z = state;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }

    /// <summary>Writes where the sequence is.</summary>
    public void Save(SnapshotWriter writer) => writer.U64(state);

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public void Restore(SnapshotReader reader) => state = reader.U64();

    /// <summary>Random bytes.</summary>
    /// <param name="count">How many, a multiple of 8.</param>
    public byte[] Bytes(int count)
    {
        var words = new ulong[count / sizeof(ulong)];
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = Next();
        }

        return MemoryMarshal.AsBytes(words.AsSpan()).ToArray();
    }
}
