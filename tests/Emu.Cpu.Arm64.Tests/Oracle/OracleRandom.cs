// The seeded generator of test cases, and the values that find bugs.
using System.Numerics;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>xoshiro256**, seeded through splitmix64: the same cases from the same seed everywhere.</summary>
public sealed class OracleRandom
{
    private ulong s0;
    private ulong s1;
    private ulong s2;
    private ulong s3;

    /// <summary>Starts a stream.</summary>
    /// <param name="seed">Any value.</param>
    /// <param name="stream">Number of the stream under the seed.</param>
    public OracleRandom(ulong seed, ulong stream)
    {
        var x = seed ^ (stream * 0xD134_2543_DE82_EF95);
        s0 = SplitMix(ref x);
        s1 = SplitMix(ref x);
        s2 = SplitMix(ref x);
        s3 = SplitMix(ref x);
    }

    /// <summary>64 random bits.</summary>
    public ulong Next()
    {
        var result = BitOperations.RotateLeft(s1 * 5, 7) * 9;
        var t = s1 << 17;
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = BitOperations.RotateLeft(s3, 45);
        return result;
    }

    /// <summary>0 to below - 1.</summary>
    public int Next(int below) => (int)(((Next() >> 32) * (ulong)below) >> 32);

    /// <summary>True once in n times.</summary>
    public bool OneIn(int n) => Next(n) == 0;

    /// <summary>A 64-bit integer: edges, powers of two and neighbours, small, sparse, random.</summary>
    public ulong Integer()
    {
        switch (Next(8))
        {
            case 0:
                return Edges[Next(Edges.Length)];
            case 1:
                return (1UL << Next(64)) + (ulong)Next(3) - 1;
            case 2:
                return (ulong)Next(256) - 128;
            case 3:
                return (uint)Next();
            case 4:
                return ~0UL << Next(64);
            case 5:
                return (ulong)(byte)Next() * 0x0101_0101_0101_0101;
            default:
                return Next();
        }
    }

    /// <summary>Half a vector register, as lanes of a random type.</summary>
    public ulong Vector()
    {
        ulong value = 0;
        switch (Next(10))
        {
            case 0 or 1 or 2:
                return Float(11, 52);
            case 3 or 4 or 5:
                return Float(8, 23) | (Float(8, 23) << 32);
            case 6 or 7:
                for (var i = 0; i < 64; i += 16)
                {
                    value |= Float(OneIn(6) ? 8 : 5, OneIn(6) ? 7 : 10) << i;
                }

                return value;
            case 8:
                for (var i = 0; i < 64; i += 8)
                {
                    value |= (ulong)ByteEdges[Next(ByteEdges.Length)] << i;
                }

                return value;
            default:
                return Integer();
        }
    }

    /// <summary>A floating-point number of a format, every class of them often.</summary>
    /// <param name="exponentBits">Bits of the exponent.</param>
    /// <param name="fractionBits">Bits of the fraction.</param>
    private ulong Float(int exponentBits, int fractionBits)
    {
        if (exponentBits + fractionBits + 1 is not (16 or 32 or 64))
        {
            fractionBits = 15 - exponentBits;
        }

        var maximum = (1UL << exponentBits) - 1;
        var bias = maximum >> 1;
        var fractionMask = (1UL << fractionBits) - 1;
        ulong exponent, fraction;
        switch (Next(16))
        {
            case 0: // zero, and the smallest denormal
                exponent = 0;
                fraction = OneIn(3) ? 1UL : 0;
                break;
            case 1: // denormals
                exponent = 0;
                fraction = Fraction(fractionBits);
                break;
            case 2: // around the smallest normal
                exponent = (ulong)Next(3);
                fraction = Fraction(fractionBits);
                break;
            case 3: // the largest
                exponent = maximum - 1 - (ulong)Next(3);
                fraction = Fraction(fractionBits);
                break;
            case 4: // infinity
                exponent = maximum;
                fraction = 0;
                break;
            case 5: // quiet NaN
                exponent = maximum;
                fraction = (1UL << (fractionBits - 1)) | (OneIn(2) ? 0 : Next() & fractionMask);
                break;
            case 6: // signalling NaN
                exponent = maximum;
                fraction = ((Next() & fractionMask) | 1) & ~(1UL << (fractionBits - 1));
                break;
            case 7 or 8: // near one: sums cancel, products stay in range
                exponent = bias + (ulong)Next(4) - 2;
                fraction = Fraction(fractionBits);
                break;
            case 9 or 10: // where integers and halves are
                exponent = bias + (ulong)Next(Math.Min(66, (int)bias));
                fraction = Fraction(fractionBits);
                break;
            case 11: // products underflow
                exponent = (bias >> 1) + (ulong)Next(8) - 4;
                fraction = Fraction(fractionBits);
                break;
            default:
                exponent = Next() & maximum;
                fraction = Fraction(fractionBits);
                break;
        }

        return ((Next() & 1) << (exponentBits + fractionBits)) | (exponent << fractionBits) | fraction;
    }

    private ulong Fraction(int bits)
    {
        var mask = (1UL << bits) - 1;
        return Next(6) switch
        {
            0 => 0,
            1 => mask,
            2 => 1UL << Next(bits),
            3 => mask & ~(1UL << Next(bits)),
            4 => mask & (~0UL << Next(bits)),
            _ => Next() & mask,
        };
    }

    private static ulong SplitMix(ref ulong x)
    {
        x += 0x9E37_79B9_7F4A_7C15;
        var z = (x ^ (x >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }

    private static readonly byte[] ByteEdges = [0, 1, 2, 7, 8, 0x10, 0x40, 0x7E, 0x7F, 0x80, 0x81, 0xC0, 0xF8, 0xFE, 0xFF, 0x55];

    private static readonly ulong[] Edges =
    [
        0, 1, 2, 3, ulong.MaxValue, ulong.MaxValue - 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF,
        0x8000_0000_0000_0000, 0x8000_0000_0000_0001, 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_7FFF_FFFF, 0x5555_5555_5555_5555,
        0xAAAA_AAAA_AAAA_AAAA, 63, 64, 31, 32, 0x0123_4567_89AB_CDEF,
    ];
}
