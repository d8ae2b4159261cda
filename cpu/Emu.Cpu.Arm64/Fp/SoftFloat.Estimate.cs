// Reciprocal and reciprocal square root estimates: FPRecipEstimate, FPRSqrtEstimate, FPRecpX and the unsigned integer forms.
namespace Emu.Cpu.Arm64.Fp;

public static partial class SoftFloat
{
    /// <summary>RecipEstimate for 256 to 511, from 256 up.</summary>
    private static readonly ushort[] ReciprocalTable = BuildReciprocals();

    /// <summary>RecipSqrtEstimate for 128 to 511, from 128 up.</summary>
    private static readonly ushort[] ReciprocalSquareRootTable = BuildReciprocalSquareRoots();

    /// <summary>FPRecipEstimate.</summary>
    public static ulong ReciprocalEstimate<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op);
        if (x.IsNaN)
        {
            return FpNaN.Process<T>(ref c, x.Class, op);
        }

        if (x.IsInfinity)
        {
            return FpFormat<T>.Zero(x.Sign);
        }

        if (x.IsZero)
        {
            c.Raise(FpStatus.DivideByZero);
            return FpFormat<T>.Infinity(x.Sign);
        }

        var minimum = FpFormat<T>.MinimumExponent;
        if (x.Exponent < minimum - 2)
        {
            // The reciprocal is above the largest normal number.
            c.Raise(FpStatus.Overflow | FpStatus.Inexact);
            return FpRounder.OverflowsToInfinity(c.Rounding, x.Sign) ? FpFormat<T>.Infinity(x.Sign) : FpFormat<T>.MaximumNormal(x.Sign);
        }

        if (c.Flushes<T>() && x.Exponent >= -minimum)
        {
            c.Raise(FpStatus.Underflow);
            return FpFormat<T>.Zero(x.Sign);
        }

        var estimate = (ulong)ReciprocalTable[(int)(x.Significand >> 55) - 256] & 0xff;
        var fraction = estimate << (T.FractionBits - 8);
        var biased = -minimum - x.Exponent;
        if (biased <= 0)
        {
            // A denormal result: the leading bit becomes explicit.
            fraction = (fraction | (1UL << T.FractionBits)) >> (1 - biased);
            biased = 0;
        }

        return FpFormat<T>.Zero(x.Sign) | ((ulong)biased << T.FractionBits) | fraction;
    }

    /// <summary>FPRSqrtEstimate.</summary>
    public static ulong ReciprocalSquareRootEstimate<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op);
        if (x.IsNaN)
        {
            return FpNaN.Process<T>(ref c, x.Class, op);
        }

        if (x.IsZero)
        {
            c.Raise(FpStatus.DivideByZero);
            return FpFormat<T>.Infinity(x.Sign);
        }

        if (x.Sign)
        {
            return FpNaN.Invalid<T>(ref c);
        }

        if (x.IsInfinity)
        {
            return FpFormat<T>.Zero(false);
        }

        // An even exponent takes [0.25, 0.5), an odd one [0.5, 1).
        var scaled = (int)(x.Significand >> ((x.Exponent & 1) != 0 ? 55 : 56));
        var estimate = (ulong)ReciprocalSquareRootTable[scaled - 128] & 0xff;
        var bias = 1 - FpFormat<T>.MinimumExponent;
        var biased = ((3 * bias) - 1 - (x.Exponent + bias)) >> 1;
        return ((ulong)biased << T.FractionBits) | (estimate << (T.FractionBits - 8));
    }

    /// <summary>FPRecpX: a power of two near the reciprocal.</summary>
    public static ulong ReciprocalExponent<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op);
        if (x.IsNaN)
        {
            return FpNaN.Process<T>(ref c, x.Class, op);
        }

        var exponent = (op >> T.FractionBits) & (ulong)FpFormat<T>.ExponentMaximum;
        exponent = exponent == 0 ? (ulong)FpFormat<T>.ExponentMaximum - 1 : exponent ^ (ulong)FpFormat<T>.ExponentMaximum;
        return FpFormat<T>.Zero(x.Sign) | (exponent << T.FractionBits);
    }

    /// <summary>UnsignedRecipEstimate.</summary>
    public static uint UnsignedReciprocalEstimate(uint op) =>
        op >> 31 == 0 ? uint.MaxValue : (uint)ReciprocalTable[(op >> 23) - 256] << 23;

    /// <summary>UnsignedRSqrtEstimate.</summary>
    public static uint UnsignedReciprocalSquareRootEstimate(uint op) =>
        op >> 30 == 0 ? uint.MaxValue : (uint)ReciprocalSquareRootTable[(op >> 23) - 128] << 23;

    private static ushort[] BuildReciprocals()
    {
        var table = new ushort[256];
        for (var i = 0; i < table.Length; i++)
        {
            var a = ((i + 256) * 2) + 1;
            table[i] = (ushort)((((1 << 19) / a) + 1) / 2);
        }

        return table;
    }

    private static ushort[] BuildReciprocalSquareRoots()
    {
        var table = new ushort[384];
        for (var i = 0; i < table.Length; i++)
        {
            var a = i + 128;
            a = a < 256 ? (a * 2) + 1 : ((a >> 1 << 1) + 1) * 2;
            var b = 512;
            while (a * (b + 1) * (b + 1) < 1 << 28)
            {
                b++;
            }

            table[i] = (ushort)((b + 1) / 2);
        }

        return table;
    }
}
