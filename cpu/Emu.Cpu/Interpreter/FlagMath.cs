// Condition-flag arithmetic that is too rare to be spelled out in the interpreter's switch.
namespace Emu.Cpu.Interpreter;

/// <summary>NZCV of additions and subtractions, packed as in <see cref="CpuState.Flags"/> (Arm ARM, AddWithCarry()).</summary>
public static class FlagMath
{
    /// <summary>64-bit AddWithCarry.</summary>
    public static ulong AddWithCarry64(ulong a, ulong b, uint carry, out ulong flags)
    {
        var x = a + b + carry;
        var c = x < a || (carry != 0 && x == a) ? 2u : 0u;
        flags = ((x >> 63) << 3) | (x == 0 ? 4u : 0u) | c | (((a ^ x) & (b ^ x)) >> 63);
        return x;
    }

    /// <summary>32-bit AddWithCarry.</summary>
    public static uint AddWithCarry32(uint a, uint b, uint carry, out ulong flags)
    {
        var x = a + b + carry;
        var c = x < a || (carry != 0 && x == a) ? 2u : 0u;
        flags = ((x >> 31) << 3) | (x == 0 ? 4u : 0u) | c | (((a ^ x) & (b ^ x)) >> 31);
        return x;
    }

    /// <summary>Flags of a - b, 64 bits.</summary>
    public static ulong Sub64(ulong a, ulong b)
    {
        var x = a - b;
        return ((x >> 63) << 3) | (x == 0 ? 4u : 0u) | (a >= b ? 2u : 0u) | (((a ^ b) & (a ^ x)) >> 63);
    }

    /// <summary>Flags of a - b, 32 bits.</summary>
    public static ulong Sub32(uint a, uint b)
    {
        var x = a - b;
        return ((x >> 31) << 3) | (x == 0 ? 4u : 0u) | (a >= b ? 2u : 0u) | (((a ^ b) & (a ^ x)) >> 31);
    }

    /// <summary>Flags of a + b, 64 bits.</summary>
    public static ulong Add64(ulong a, ulong b)
    {
        var x = a + b;
        return ((x >> 63) << 3) | (x == 0 ? 4u : 0u) | (x < a ? 2u : 0u) | (((a ^ x) & (b ^ x)) >> 63);
    }

    /// <summary>Flags of a + b, 32 bits.</summary>
    public static ulong Add32(uint a, uint b)
    {
        var x = a + b;
        return ((x >> 31) << 3) | (x == 0 ? 4u : 0u) | (x < a ? 2u : 0u) | (((a ^ x) & (b ^ x)) >> 31);
    }
}
