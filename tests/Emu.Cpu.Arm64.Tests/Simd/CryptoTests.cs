// Cryptographic instructions: published vectors, and the portable fallbacks against the host's instructions.
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Arm64.Tests.Support;
using HostAes = System.Runtime.Intrinsics.X86.Aes;

namespace Emu.Cpu.Arm64.Tests.Simd;

/// <summary>Instruction words are given with their assembly.</summary>
public sealed unsafe class CryptoTests : IDisposable
{
    private const uint Aese = 0x4E284820;      // aese v0.16b, v1.16b
    private const uint Aesmc = 0x4E286800;     // aesmc v0.16b, v0.16b
    private const uint Sha256H = 0x5E024020;   // sha256h q0, q1, v2.4s
    private const uint Sha256H2 = 0x5E025061;  // sha256h2 q1, q3, v2.4s

    private readonly FlatMachine machine = new();
    private readonly SimdVcpu cpu;

    public CryptoTests() => cpu = new SimdVcpu(machine);

    public void Dispose()
    {
        cpu.Dispose();
        machine.Dispose();
    }

    private void Run(uint word) => Assert.True(cpu.Execute(cpu.Place(word)));

    private static UInt128 Bytes(string hex) => System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(Convert.FromHexString(hex));

    [Fact]
    public void AesRound_IsThatOfFips197AppendixB()
    {
        // Input and cipher key; the state at the start of round 2 is their first round without its key.
        cpu.V(0) = Bytes("3243f6a8885a308d313198a2e0370734");
        cpu.V(1) = Bytes("2b7e151628aed2a6abf7158809cf4f3c");
        Run(Aese);
        Assert.Equal(Bytes("d4bf5d30e0b452aeb84111f11e2798e5"), cpu.V(0));
        Run(Aesmc);
        Assert.Equal(Bytes("046681e5e0cb199a48f8d37a2806264c"), cpu.V(0));
    }

    [Fact]
    public void Sha256Instructions_HashTheEmptyMessage()
    {
        // The padded empty message is 0x80000000 and fifteen zero words. The schedule is made here, the rounds run on the vCPU.
        var schedule = new uint[64];
        schedule[0] = 0x80000000;
        for (var i = 16; i < 64; i++)
        {
            var a = schedule[i - 15];
            var b = schedule[i - 2];
            schedule[i] = schedule[i - 16] + schedule[i - 7]
                + (uint.RotateRight(a, 7) ^ uint.RotateRight(a, 18) ^ (a >> 3))
                + (uint.RotateRight(b, 17) ^ uint.RotateRight(b, 19) ^ (b >> 10));
        }

        uint[] start = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
        cpu.V(0) = Words(start, 0);
        cpu.V(1) = Words(start, 4);
        for (var i = 0; i < 64; i += 4)
        {
            cpu.V(2) = Words([.. Enumerable.Range(i, 4).Select(k => schedule[k] + Constant(k))], 0);
            cpu.V(3) = cpu.V(0);
            Run(Sha256H);
            Run(Sha256H2);
        }

        var digest = new byte[32];
        for (var i = 0; i < 8; i++)
        {
            var word = start[i] + (uint)(cpu.V(i / 4) >> (32 * (i % 4)));
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(digest.AsSpan(i * 4), word);
        }

        Assert.Equal(SHA256.HashData([]), digest);
    }

    [Fact]
    public void PortableAes_EqualsHostAes()
    {
        if (!HostAes.IsSupported)
        {
            return;
        }

        ulong seed = 1;
        for (var i = 0; i < 1000; i++)
        {
            var v = Vector128.Create(seed *= 0x9E3779B97F4A7C15, seed *= 0xD1342543DE82EF95).AsByte();
            Assert.Equal(HostAes.EncryptLast(v, Vector128<byte>.Zero), AesRounds.SubBytesShiftRows(v));
            Assert.Equal(HostAes.DecryptLast(v, Vector128<byte>.Zero), AesRounds.InverseSubBytesShiftRows(v));
            Assert.Equal(HostAes.Encrypt(HostAes.DecryptLast(v, Vector128<byte>.Zero), Vector128<byte>.Zero), AesRounds.MixColumns(v));
            Assert.Equal(HostAes.InverseMixColumns(v), AesRounds.InverseMixColumns(v));
        }
    }

    [Fact]
    public void PortableCarrylessMultiply_EqualsHost()
    {
        if (!Pclmulqdq.IsSupported)
        {
            return;
        }

        ulong seed = 1;
        for (var i = 0; i < 1000; i++)
        {
            var a = seed *= 0x9E3779B97F4A7C15;
            var b = seed *= 0xD1342543DE82EF95;
            Assert.Equal(Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(a), Vector128.CreateScalar(b), 0), Polynomial.Multiply64(a, b));
        }
    }

    private static UInt128 Words(uint[] words, int first) =>
        new(((ulong)words[first + 3] << 32) | words[first + 2], ((ulong)words[first + 1] << 32) | words[first]);

    // FIPS 180-4 section 4.2.2: first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static uint Constant(int n)
    {
        var prime = 1;
        for (var found = -1; found < n;)
        {
            prime++;
            found += Enumerable.Range(2, prime - 2).All(d => prime % d != 0) ? 1 : 0;
        }

        // floor(2^32 * cbrt(prime)), by integers.
        UInt128 low = 0, high = (UInt128)8 << 32;
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            if (middle * middle * middle <= (UInt128)(uint)prime << 96)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return (uint)low;
    }
}
