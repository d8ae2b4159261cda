// Floating-point to integer and back: FPRoundInt, FPRoundIntN, FPToFixed, FPToFixedJS, FixedToFP.
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

public static partial class SoftFloat
{
    /// <summary>FPRoundInt: to an integral value of the same format.</summary>
    /// <param name="c">Environment.</param>
    /// <param name="op">Operand.</param>
    /// <param name="mode">Rounding mode.</param>
    /// <param name="exact">Inexact is raised.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong RoundToIntegral<T>(ref FpContext c, ulong op, FpRounding mode, bool exact)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op);
        if (x.IsNaN)
        {
            return FpNaN.Process<T>(ref c, x.Class, op);
        }

        if (x.IsZero)
        {
            return FpFormat<T>.Zero(x.Sign);
        }

        if (x.IsInfinity || x.Exponent >= T.FractionBits)
        {
            return op;
        }

        var magnitude = (ulong)ToMagnitude(in x, 0, mode, out var inexact);
        if (inexact && exact)
        {
            c.Raise(FpStatus.Inexact);
        }

        return PackInteger<T>(x.Sign, magnitude);
    }

    /// <summary>FPRoundIntN: to an integral value that fits a signed integer; anything else gives the most negative one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong RoundToSizedIntegral<T>(ref FpContext c, ulong op, FpRounding mode, int bits)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op);
        if (x.IsZero)
        {
            return FpFormat<T>.Zero(x.Sign);
        }

        if (x.Class == FpClass.Nonzero && x.Exponent < bits)
        {
            var magnitude = ToMagnitude(in x, 0, mode, out var inexact);
            var limit = UInt128.One << (bits - 1);
            if (magnitude < limit || (magnitude == limit && x.Sign))
            {
                if (inexact)
                {
                    c.Raise(FpStatus.Inexact);
                }

                return PackInteger<T>(x.Sign, (ulong)magnitude);
            }
        }

        c.Raise(FpStatus.InvalidOperation);
        return FpFormat<T>.PowerOfTwo(true, bits - 1);
    }

    /// <summary>FPToFixed: to an integer of a width, saturating; NaNs give zero.</summary>
    /// <param name="c">Environment.</param>
    /// <param name="op">Operand.</param>
    /// <param name="fractionBits">Fraction bits of the fixed-point result.</param>
    /// <param name="unsigned">The result is unsigned.</param>
    /// <param name="mode">Rounding mode.</param>
    /// <param name="bits">Width of the result: 16, 32 or 64; bits above are zero.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong ToFixed<T>(ref FpContext c, ulong op, int fractionBits, bool unsigned, FpRounding mode, int bits)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op);
        if (x.IsZero)
        {
            return 0;
        }

        if (x.IsNaN)
        {
            c.Raise(FpStatus.InvalidOperation);
            return 0;
        }

        // An infinity is beyond every width.
        var inexact = false;
        var magnitude = x.IsInfinity ? UInt128.MaxValue : ToMagnitude(in x, fractionBits, mode, out inexact);
        var limit = unsigned
            ? x.Sign ? UInt128.Zero : (UInt128.One << bits) - UInt128.One
            : (UInt128.One << (bits - 1)) - (x.Sign ? UInt128.Zero : UInt128.One);
        if (magnitude > limit)
        {
            c.Raise(FpStatus.InvalidOperation);
            magnitude = limit;
        }
        else if (inexact)
        {
            c.Raise(FpStatus.Inexact);
        }

        var result = x.Sign ? 0 - (ulong)magnitude : (ulong)magnitude;
        return result & (ulong.MaxValue >> (64 - bits));
    }

    /// <summary>FixedToFP.</summary>
    /// <param name="c">Environment.</param>
    /// <param name="sign">The integer is negative.</param>
    /// <param name="magnitude">Its magnitude.</param>
    /// <param name="fractionBits">How many of its bits are fraction.</param>
    /// <param name="mode">Rounding mode.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong FromFixed<T>(ref FpContext c, bool sign, ulong magnitude, int fractionBits, FpRounding mode)
        where T : struct, IFpFormat
    {
        if (magnitude == 0)
        {
            return 0;
        }

        var zeros = BitOperations.LeadingZeroCount(magnitude);
        return FpRounder.Round<T>(ref c, sign, 63 - zeros - fractionBits, magnitude << zeros, mode, c.Flushes<T>(), false);
    }

    /// <summary>FPToFixedJS: ECMAScript ToInt32.</summary>
    /// <param name="c">Environment.</param>
    /// <param name="op">A double.</param>
    /// <param name="zero">PSTATE.Z: the result is the operand, exactly.</param>
    public static uint ToInt32JavaScript(ref FpContext c, ulong op, out bool zero)
    {
        var x = FpNumber.Unpack<Binary64>(ref c, op);
        zero = false;
        if (x.IsNaN || x.IsInfinity)
        {
            c.Raise(FpStatus.InvalidOperation);
            return 0;
        }

        if (x.IsZero)
        {
            zero = !x.Sign && (op & FpFormat<Binary64>.FractionMask) == 0;
            return 0;
        }

        uint low;
        var inRange = false;
        var inexact = false;
        if (x.Exponent < 64)
        {
            var magnitude = ToMagnitude(in x, 0, FpRounding.Zero, out inexact);
            low = (uint)magnitude;
            inRange = magnitude < 0x8000_0000 || (magnitude == 0x8000_0000 && x.Sign);
        }
        else
        {
            low = x.Exponent - 63 < 32 ? (uint)(x.Significand << (x.Exponent - 63)) : 0;
        }

        if (!inRange)
        {
            c.Raise(FpStatus.InvalidOperation);
        }
        else if (inexact)
        {
            c.Raise(FpStatus.Inexact);
        }
        else
        {
            zero = true;
        }

        return x.Sign ? 0 - low : low;
    }

    /// <summary>The magnitude of a finite, non-zero number times 2^scale as an integer; one beyond 2^100 is cut to that.</summary>
    private static UInt128 ToMagnitude(in FpNumber x, int scale, FpRounding mode, out bool inexact)
    {
        var exponent = x.Exponent + scale;
        if (exponent >= 64)
        {
            inexact = false;
            return exponent > 100 ? UInt128.One << 100 : (UInt128)x.Significand << (exponent - 63);
        }

        var integer = exponent < 0 ? 0 : x.Significand >> (63 - exponent);
        var remainder = exponent switch
        {
            63 => 0UL,
            >= -1 => x.Significand << (exponent + 1),
            _ => 1UL,
        };
        inexact = remainder != 0;
        return (UInt128)integer + (FpRounder.RoundsUp(mode, x.Sign, (integer & 1) != 0, remainder) ? UInt128.One : UInt128.Zero);
    }

    /// <summary>An integer that the format holds exactly.</summary>
    private static ulong PackInteger<T>(bool sign, ulong magnitude)
        where T : struct, IFpFormat
    {
        if (magnitude == 0)
        {
            return FpFormat<T>.Zero(sign);
        }

        var zeros = BitOperations.LeadingZeroCount(magnitude);
        return FpFormat<T>.PowerOfTwo(sign, 63 - zeros) | ((magnitude << zeros >> (63 - T.FractionBits)) & FpFormat<T>.FractionMask);
    }
}
