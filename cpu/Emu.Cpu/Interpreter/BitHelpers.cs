// Bit and carry operations .NET has no intrinsic for.
using System.Buffers.Binary;

namespace Emu.Cpu.Interpreter;

/// <summary>Bit reversal, wide products, and additions with carry for compiled code.</summary>
public static class BitHelpers
{
    /// <summary>Reverses 64 bits.</summary>
    public static ulong ReverseBits(ulong v)
    {
        v = ((v >> 1) & 0x5555_5555_5555_5555) | ((v & 0x5555_5555_5555_5555) << 1);
        v = ((v >> 2) & 0x3333_3333_3333_3333) | ((v & 0x3333_3333_3333_3333) << 2);
        v = ((v >> 4) & 0x0F0F_0F0F_0F0F_0F0F) | ((v & 0x0F0F_0F0F_0F0F_0F0F) << 4);
        return BinaryPrimitives.ReverseEndianness(v);
    }

    /// <summary>Reverses 32 bits.</summary>
    public static uint ReverseBits(uint v) => (uint)(ReverseBits((ulong)v) >> 32);

    /// <summary>High half of an unsigned product.</summary>
    public static ulong MultiplyHigh(ulong a, ulong b) => Math.BigMul(a, b, out _);

    /// <summary>High half of a signed product.</summary>
    public static long MultiplyHigh(long a, long b) => Math.BigMul(a, b, out _);

    /// <summary>AddWithCarry() that leaves the flags in state: what compiled code calls.</summary>
    public static unsafe ulong AddWithCarry64(nint s, ulong a, ulong b, uint carry) => FlagMath.AddWithCarry64(a, b, carry, out ((CpuState*)s)->Flags);

    /// <summary>32-bit AddWithCarry() that leaves the flags in state.</summary>
    public static unsafe uint AddWithCarry32(nint s, uint a, uint b, uint carry) => FlagMath.AddWithCarry32(a, b, carry, out ((CpuState*)s)->Flags);
}
