// An unpacked floating-point number, and FPUnpack.
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

/// <summary>FPType.</summary>
public enum FpClass
{
    /// <summary>Zero.</summary>
    Zero,

    /// <summary>Finite and not zero; denormals included.</summary>
    Nonzero,

    /// <summary>Infinity.</summary>
    Infinity,

    /// <summary>Quiet NaN.</summary>
    QuietNaN,

    /// <summary>Signalling NaN.</summary>
    SignallingNaN,
}

/// <summary>A number as its parts: (-1)^Sign * Significand/2^63 * 2^Exponent, with bit 63 of the significand set when finite and not zero.</summary>
public struct FpNumber
{
    /// <summary>What it is.</summary>
    public FpClass Class;

    /// <summary>Negative.</summary>
    public bool Sign;

    /// <summary>Exponent of the leading bit.</summary>
    public int Exponent;

    /// <summary>Significand, normalised to bit 63.</summary>
    public ulong Significand;

    /// <summary>A NaN of either kind.</summary>
    public readonly bool IsNaN => Class >= FpClass.QuietNaN;

    /// <summary>An infinity.</summary>
    public readonly bool IsInfinity => Class == FpClass.Infinity;

    /// <summary>A zero.</summary>
    public readonly bool IsZero => Class == FpClass.Zero;

    /// <summary>FPUnpack: splits a number, flushing denormals as FPCR says.</summary>
    public static FpNumber Unpack<T>(ref FpContext c, ulong bits)
        where T : struct, IFpFormat => Unpack<T>(ref c, bits, c.Flushes<T>(), false);

    /// <summary>FPUnpackCV: for conversions between formats; FZ16 does not apply and half precision may be the alternative format.</summary>
    public static FpNumber UnpackForConversion<T>(ref FpContext c, ulong bits)
        where T : struct, IFpFormat =>
        typeof(T) == typeof(Binary16)
            ? Unpack<T>(ref c, bits, false, (c.Control & FpControl.AlternativeHalf) != 0)
            : Unpack<T>(ref c, bits, c.Flushes<T>(), false);

    private static FpNumber Unpack<T>(ref FpContext c, ulong bits, bool flush, bool alternativeHalf)
        where T : struct, IFpFormat
    {
        var fraction = bits & FpFormat<T>.FractionMask;
        var exponent = (int)(bits >> T.FractionBits) & FpFormat<T>.ExponentMaximum;
        FpNumber n;
        n.Sign = (bits & FpFormat<T>.SignBit) != 0;
        n.Significand = 0;
        n.Exponent = 0;
        if (exponent == 0)
        {
            if (fraction == 0)
            {
                n.Class = FpClass.Zero;
            }
            else if (flush)
            {
                // FZ16 raises nothing on input.
                n.Class = FpClass.Zero;
                if (typeof(T) != typeof(Binary16))
                {
                    c.Raise(FpStatus.InputDenormal);
                }
            }
            else
            {
                var zeros = BitOperations.LeadingZeroCount(fraction);
                n.Class = FpClass.Nonzero;
                n.Significand = fraction << zeros;
                n.Exponent = FpFormat<T>.MinimumExponent - (zeros - (63 - T.FractionBits));
            }
        }
        else if (exponent == FpFormat<T>.ExponentMaximum && !alternativeHalf)
        {
            n.Class = fraction == 0 ? FpClass.Infinity : (fraction & FpFormat<T>.QuietBit) != 0 ? FpClass.QuietNaN : FpClass.SignallingNaN;
        }
        else
        {
            n.Class = FpClass.Nonzero;
            n.Significand = (fraction << (63 - T.FractionBits)) | (1UL << 63);
            n.Exponent = exponent - 1 + FpFormat<T>.MinimumExponent;
        }

        return n;
    }
}
