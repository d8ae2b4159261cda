// Conversions between floating-point and integers or fixed point: fast path, then soft path.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

/// <summary>FPToFixed and FixedToFP, host first.</summary>
public static class FpFixed
{
    /// <summary>A number as an integer of 16, 32 or 64 bits, see <see cref="SoftFloat.ToFixed{T}"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong To<T>(ref FpContext c, ulong op, int fractionBits, bool unsigned, FpRounding mode, int bits)
        where T : struct, IFpFormat =>
        typeof(T) != typeof(Binary16) && fractionBits == 0 && mode == FpRounding.Zero && HostFloat.ToInteger<T>(ref c, op, unsigned, bits, out var result)
            ? result
            : SoftFloat.ToFixed<T>(ref c, op, fractionBits, unsigned, mode, bits);

    /// <summary>An integer, extended to 64 bits by its own signedness, as a number; FPCR's rounding mode.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong From<T>(ref FpContext c, ulong value, bool unsigned, int fractionBits)
        where T : struct, IFpFormat
    {
        var negative = (long)value < 0;
        if (fractionBits == 0 && !(unsigned && negative))
        {
            if (typeof(T) == typeof(Binary64) && HostFloat.FromInteger64(ref c, (long)value, out var r64))
            {
                return r64;
            }

            if (typeof(T) == typeof(Binary32) && HostFloat.FromInteger32(ref c, (long)value, out var r32))
            {
                return r32;
            }
        }

        var sign = negative && !unsigned;
        return SoftFloat.FromFixed<T>(ref c, sign, sign ? 0 - value : value, fractionBits, c.Rounding);
    }
}
