// Bit operations .NET has no intrinsic for.
using System.Buffers.Binary;

namespace Emu.Cpu.Interpreter;

/// <summary>Bit reversal.</summary>
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
}
