// Fused multiply-add and the steps built on it: FPMulAdd, FPMulAddH, FPRecipStepFused, FPRSqrtStepFused.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

public static partial class SoftFloat
{
    /// <summary>FPMulAdd: addend + op1 * op2, rounded once.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong MultiplyAdd<T>(ref FpContext c, ulong addend, ulong op1, ulong op2)
        where T : struct, IFpFormat
    {
        var a = FpNumber.Unpack<T>(ref c, addend);
        var x = FpNumber.Unpack<T>(ref c, op1);
        var y = FpNumber.Unpack<T>(ref c, op2);
        var invalid = (x.IsInfinity && y.IsZero) || (x.IsZero && y.IsInfinity);
        if (a.IsNaN || x.IsNaN || y.IsNaN)
        {
            var nan = FpNaN.Process<T>(ref c, a.Class, addend, x.Class, op1, y.Class, op2);
            return a.Class == FpClass.QuietNaN && invalid ? FpNaN.Invalid<T>(ref c) : nan;
        }

        return FusedFinite<T>(ref c, in a, in x, in y);
    }

    /// <summary>FPMulAddH: a single-precision addend and half-precision factors.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong MultiplyAddHalf(ref FpContext c, ulong addend, ulong op1, ulong op2)
    {
        var a = FpNumber.Unpack<Binary32>(ref c, addend);
        var x = FpNumber.Unpack<Binary16>(ref c, op1);
        var y = FpNumber.Unpack<Binary16>(ref c, op2);
        var invalid = (x.IsInfinity && y.IsZero) || (x.IsZero && y.IsInfinity);
        if (a.IsNaN || x.IsNaN || y.IsNaN)
        {
            // The conversion quiets; the class still says whether it was signalling.
            var nan = FpNaN.Process<Binary32>(
                ref c, a.Class, addend, x.Class, FpNaN.Convert<Binary16, Binary32>(op1), y.Class, FpNaN.Convert<Binary16, Binary32>(op2));
            return a.Class == FpClass.QuietNaN && invalid ? FpNaN.Invalid<Binary32>(ref c) : nan;
        }

        return FusedFinite<Binary32>(ref c, in a, in x, in y);
    }

    /// <summary>FPRecipStepFused: 2 - op1 * op2.</summary>
    public static ulong ReciprocalStep<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => Step<T>(ref c, op1, op2, 1, 1UL << 63, 0, FpFormat<T>.PowerOfTwo(false, 1));

    /// <summary>FPRSqrtStepFused: (3 - op1 * op2) / 2.</summary>
    public static ulong ReciprocalSquareRootStep<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat =>
        Step<T>(ref c, op1, op2, 1, 3UL << 62, -1, FpFormat<T>.PowerOfTwo(false, 0) | FpFormat<T>.QuietBit);

    private static ulong Step<T>(ref FpContext c, ulong op1, ulong op2, int exponent, ulong significand, int scale, ulong infinityTimesZero)
        where T : struct, IFpFormat
    {
        op1 ^= FpFormat<T>.SignBit;
        var x = FpNumber.Unpack<T>(ref c, op1);
        var y = FpNumber.Unpack<T>(ref c, op2);
        if (x.IsNaN || y.IsNaN)
        {
            return FpNaN.Process<T>(ref c, x.Class, op1, y.Class, op2);
        }

        if ((x.IsInfinity && y.IsZero) || (x.IsZero && y.IsInfinity))
        {
            return infinityTimesZero;
        }

        if (x.IsInfinity || y.IsInfinity)
        {
            return FpFormat<T>.Infinity(x.Sign ^ y.Sign);
        }

        Product(in x, in y, out var productExponent, out var product);
        return Sum<T>(ref c, false, exponent, (UInt128)significand << 63, x.Sign ^ y.Sign, productExponent, product, scale);
    }

    private static ulong FusedFinite<T>(ref FpContext c, in FpNumber a, in FpNumber x, in FpNumber y)
        where T : struct, IFpFormat
    {
        var sign = x.Sign ^ y.Sign;
        var infinite = x.IsInfinity || y.IsInfinity;
        var zero = x.IsZero || y.IsZero;
        if ((infinite && zero) || (a.IsInfinity && infinite && a.Sign != sign))
        {
            return FpNaN.Invalid<T>(ref c);
        }

        if (a.IsInfinity || infinite)
        {
            return FpFormat<T>.Infinity(a.IsInfinity ? a.Sign : sign);
        }

        if (a.IsZero && zero)
        {
            return FpFormat<T>.Zero(a.Sign == sign ? sign : c.Rounding == FpRounding.MinusInfinity);
        }

        Product(in x, in y, out var exponent, out var product);
        return Sum<T>(ref c, a.Sign, a.Exponent, (UInt128)a.Significand << 63, sign, exponent, product, 0);
    }

    private static void Product(in FpNumber x, in FpNumber y, out int exponent, out UInt128 significand)
    {
        exponent = x.Exponent + y.Exponent;
        significand = (UInt128)x.Significand * y.Significand;
        if (significand >> 127 != UInt128.Zero)
        {
            // Exact: both factors have at least 11 low zeros.
            significand >>= 1;
            exponent++;
        }
    }
}
