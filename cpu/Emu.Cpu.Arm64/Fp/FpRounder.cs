// FPRound: rounds an exact result once, packs it, and raises what that entails.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

/// <summary>Rounding and packing (Arm ARM shared pseudocode, FPRoundBase).</summary>
public static class FpRounder
{
    /// <summary>Half of the last place, in the remainders of <see cref="RoundsUp"/>.</summary>
    public const ulong Half = 1UL << 63;

    /// <summary>A magnitude is incremented.</summary>
    /// <param name="mode">Rounding mode.</param>
    /// <param name="sign">The number is negative.</param>
    /// <param name="odd">The last kept bit is set.</param>
    /// <param name="remainder">What is cut off, as a fraction of the last place in 2^-64; the last bit is sticky.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool RoundsUp(FpRounding mode, bool sign, bool odd, ulong remainder) => mode switch
    {
        FpRounding.TiesToEven => remainder > Half || (remainder == Half && odd),
        FpRounding.PlusInfinity => remainder != 0 && !sign,
        FpRounding.MinusInfinity => remainder != 0 && sign,
        FpRounding.TiesAway => remainder >= Half,
        _ => false,
    };

    /// <summary>FPRound with FPCR's rounding mode.</summary>
    public static ulong Round<T>(ref FpContext c, bool sign, int exponent, ulong significand)
        where T : struct, IFpFormat => Round<T>(ref c, sign, exponent, significand, c.Rounding, c.Flushes<T>(), false);

    /// <summary>FPRound of a wide result: value = significand/2^126 * 2^exponent, not zero.</summary>
    public static ulong Round<T>(ref FpContext c, bool sign, int exponent, UInt128 significand)
        where T : struct, IFpFormat
    {
        var zeros = (int)UInt128.LeadingZeroCount(significand);
        var shifted = significand << zeros;
        var narrow = (ulong)(shifted >> 64) | ((ulong)shifted != 0 ? 1UL : 0);
        return Round<T>(ref c, sign, exponent + 1 - zeros, narrow);
    }

    /// <summary>FPRoundCV: for conversions; FZ16 does not apply and half precision may be the alternative format.</summary>
    public static ulong RoundForConversion<T>(ref FpContext c, bool sign, int exponent, ulong significand, FpRounding mode)
        where T : struct, IFpFormat =>
        typeof(T) == typeof(Binary16)
            ? Round<T>(ref c, sign, exponent, significand, mode, false, (c.Control & FpControl.AlternativeHalf) != 0)
            : Round<T>(ref c, sign, exponent, significand, mode, c.Flushes<T>(), false);

    /// <summary>Rounds (-1)^sign * significand/2^63 * 2^exponent.</summary>
    /// <param name="c">Environment.</param>
    /// <param name="sign">Negative.</param>
    /// <param name="exponent">Exponent of bit 63.</param>
    /// <param name="significand">Bit 63 set; the last bit is sticky.</param>
    /// <param name="mode">Rounding mode.</param>
    /// <param name="flush">A tiny result becomes zero and raises underflow alone.</param>
    /// <param name="alternativeHalf">The format has no infinities and NaNs; overflow is an invalid operation.</param>
    public static ulong Round<T>(ref FpContext c, bool sign, int exponent, ulong significand, FpRounding mode, bool flush, bool alternativeHalf)
        where T : struct, IFpFormat
    {
        var minimum = FpFormat<T>.MinimumExponent;
        if (flush && exponent < minimum)
        {
            c.Raise(FpStatus.Underflow);
            return FpFormat<T>.Zero(sign);
        }

        var biased = 0;
        if (exponent >= minimum)
        {
            biased = exponent - minimum + 1;
        }
        else
        {
            significand = ShiftRightSticky(significand, minimum - exponent);
        }

        var kept = significand >> (63 - T.FractionBits);
        var remainder = significand << (T.FractionBits + 1);
        var inexact = remainder != 0;
        if (biased == 0 && inexact)
        {
            // Tininess is detected before rounding.
            c.Raise(FpStatus.Underflow);
        }

        if (RoundsUp(mode, sign, (kept & 1) != 0, remainder))
        {
            kept++;
            if (kept == 1UL << T.FractionBits)
            {
                biased = 1;
            }
            else if (kept == 1UL << (T.FractionBits + 1))
            {
                biased++;
                kept >>= 1;
            }
        }
        else if (mode == FpRounding.Odd && inexact)
        {
            kept |= 1;
        }

        ulong result;
        if (alternativeHalf)
        {
            if (biased > FpFormat<T>.ExponentMaximum)
            {
                c.Raise(FpStatus.InvalidOperation);
                return FpFormat<T>.Mask >> 1 | FpFormat<T>.Zero(sign);
            }

            result = Pack<T>(sign, biased, kept);
        }
        else if (biased >= FpFormat<T>.ExponentMaximum)
        {
            result = OverflowsToInfinity(mode, sign) ? FpFormat<T>.Infinity(sign) : FpFormat<T>.MaximumNormal(sign);
            c.Raise(FpStatus.Overflow);
            inexact = true;
        }
        else
        {
            result = Pack<T>(sign, biased, kept);
        }

        if (inexact)
        {
            c.Raise(FpStatus.Inexact);
        }

        return result;
    }

    /// <summary>What an overflow in a rounding mode gives.</summary>
    public static bool OverflowsToInfinity(FpRounding mode, bool sign) => mode switch
    {
        FpRounding.PlusInfinity => !sign,
        FpRounding.MinusInfinity => sign,
        FpRounding.Zero or FpRounding.Odd => false,
        _ => true,
    };

    /// <summary>value >> count, the bits shifted out ORed into the last one.</summary>
    public static ulong ShiftRightSticky(ulong value, int count) =>
        count >= 64 ? (value != 0 ? 1UL : 0) : (value >> count) | ((value & ((1UL << count) - 1)) != 0 ? 1UL : 0);

    /// <summary>value >> count, the bits shifted out ORed into the last one.</summary>
    public static UInt128 ShiftRightSticky(UInt128 value, int count) =>
        count >= 128 ? (value != UInt128.Zero ? UInt128.One : UInt128.Zero)
        : (value >> count) | ((value & ((UInt128.One << count) - UInt128.One)) != UInt128.Zero ? UInt128.One : UInt128.Zero);

    private static ulong Pack<T>(bool sign, int biased, ulong significand)
        where T : struct, IFpFormat =>
        FpFormat<T>.Zero(sign) | ((ulong)biased << T.FractionBits) | (significand & FpFormat<T>.FractionMask);
}
