// The CRC32 and CRC32C instructions' helpers.
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>CRC32 of 1 to 8 bytes, bit-reflected, without inversions (Arm ARM C6.2, CRC32B and the rest). Aux = log2 of the bytes.</summary>
public static unsafe class Crc32
{
    private const uint IeeePolynomial = 0xEDB8_8320;
    private const uint CastagnoliPolynomial = 0x82F6_3B78;

    private static readonly uint[] IeeeTable = BuildTable(IeeePolynomial);
    private static readonly uint[] CastagnoliTable = BuildTable(CastagnoliPolynomial);

    /// <summary>D = CRC-32 of accumulator A and the low bytes of B.</summary>
    public static void Crc32Ieee(CpuState* s, MicroOp* op) => Run(s, op, IeeeTable);

    /// <summary>D = CRC-32C of accumulator A and the low bytes of B.</summary>
    public static void Crc32C(CpuState* s, MicroOp* op)
    {
        if (System.Runtime.Intrinsics.X86.Sse42.X64.IsSupported)
        {
            var crc = *(uint*)((byte*)s + op->A);
            var value = *(ulong*)((byte*)s + op->B);
            *(ulong*)((byte*)s + op->D) = op->Aux switch
            {
                0 => System.Runtime.Intrinsics.X86.Sse42.Crc32(crc, (byte)value),
                1 => System.Runtime.Intrinsics.X86.Sse42.Crc32(crc, (ushort)value),
                2 => System.Runtime.Intrinsics.X86.Sse42.Crc32(crc, (uint)value),
                _ => (uint)System.Runtime.Intrinsics.X86.Sse42.X64.Crc32(crc, value),
            };
            return;
        }

        Run(s, op, CastagnoliTable);
    }

    private static void Run(CpuState* s, MicroOp* op, uint[] table)
    {
        var crc = *(uint*)((byte*)s + op->A);
        var value = *(ulong*)((byte*)s + op->B);
        for (var i = 1 << (int)op->Aux; i != 0; i--, value >>= 8)
        {
            crc = (crc >> 8) ^ table[(byte)(crc ^ (uint)value)];
        }

        *(ulong*)((byte*)s + op->D) = crc;
    }

    private static uint[] BuildTable(uint polynomial)
    {
        var table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            var x = i;
            for (var bit = 0; bit < 8; bit++)
            {
                x = (x >> 1) ^ ((x & 1) != 0 ? polynomial : 0);
            }

            table[i] = x;
        }

        return table;
    }
}
