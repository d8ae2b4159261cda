// Add, subtract, multiply, divide, square root on unpacked numbers.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

/// <summary>
/// The operations of the Arm ARM's shared floating-point pseudocode, to the bit and the flag, in any format. An operation unpacks, computes the exact
/// result (or one with a sticky last bit far below the rounding position) and rounds once.
/// </summary>
public static partial class SoftFloat
{
    /// <summary>FPAdd.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Add<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => AddOrSubtract<T>(ref c, op1, op2, false);

    /// <summary>FPSub.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Subtract<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => AddOrSubtract<T>(ref c, op1, op2, true);

    /// <summary>FPMul; <paramref name="extended"/>: FPMulX, infinity times zero is two.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Multiply<T>(ref FpContext c, ulong op1, ulong op2, bool extended = false)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op1);
        var y = FpNumber.Unpack<T>(ref c, op2);
        if (x.IsNaN || y.IsNaN)
        {
            return FpNaN.Process<T>(ref c, x.Class, op1, y.Class, op2);
        }

        var sign = x.Sign ^ y.Sign;
        if ((x.IsInfinity && y.IsZero) || (x.IsZero && y.IsInfinity))
        {
            return extended ? FpFormat<T>.PowerOfTwo(sign, 1) : FpNaN.Invalid<T>(ref c);
        }

        if (x.IsInfinity || y.IsInfinity)
        {
            return FpFormat<T>.Infinity(sign);
        }

        if (x.IsZero || y.IsZero)
        {
            return FpFormat<T>.Zero(sign);
        }

        return FpRounder.Round<T>(ref c, sign, x.Exponent + y.Exponent, (UInt128)x.Significand * y.Significand);
    }

    /// <summary>FPDiv.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Divide<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op1);
        var y = FpNumber.Unpack<T>(ref c, op2);
        if (x.IsNaN || y.IsNaN)
        {
            return FpNaN.Process<T>(ref c, x.Class, op1, y.Class, op2);
        }

        var sign = x.Sign ^ y.Sign;
        if ((x.IsInfinity && y.IsInfinity) || (x.IsZero && y.IsZero))
        {
            return FpNaN.Invalid<T>(ref c);
        }

        if (x.IsInfinity || y.IsZero)
        {
            if (!x.IsInfinity)
            {
                c.Raise(FpStatus.DivideByZero);
            }

            return FpFormat<T>.Infinity(sign);
        }

        if (x.IsZero || y.IsInfinity)
        {
            return FpFormat<T>.Zero(sign);
        }

        // x/y is in (1/2, 2): a quotient of 63 or 64 bits.
        var dividend = (UInt128)x.Significand << 63;
        var quotient = dividend / y.Significand;
        var sticky = quotient * y.Significand != dividend ? UInt128.One : UInt128.Zero;
        return FpRounder.Round<T>(ref c, sign, x.Exponent - y.Exponent, (quotient << 63) | sticky);
    }

    /// <summary>FPSqrt.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong SquareRoot<T>(ref FpContext c, ulong op)
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

        if (x.Sign)
        {
            return FpNaN.Invalid<T>(ref c);
        }

        if (x.IsInfinity)
        {
            return FpFormat<T>.Infinity(false);
        }

        // The radicand scaled by 2^126, or 2^127 for an odd exponent, so that the root has its leading bit at bit 63.
        var odd = x.Exponent & 1;
        var radicand = (UInt128)x.Significand << (63 + odd);
        var root = IntegerSquareRoot(radicand, out var exact);
        return FpRounder.Round<T>(ref c, false, (x.Exponent - odd) / 2, root | (exact ? 0UL : 1));
    }

    private static ulong IntegerSquareRoot(UInt128 n, out bool exact)
    {
        // A Newton step from an estimate that is good to about 50 bits, then corrected to the floor.
        var estimate = (UInt128)Math.Sqrt((double)n);
        var root = (estimate + (n / estimate)) >> 1;
        if (root > ulong.MaxValue)
        {
            root = ulong.MaxValue;
        }

        while (root * root > n)
        {
            root--;
        }

        while (n - (root * root) > root << 1)
        {
            root++;
        }

        exact = root * root == n;
        return (ulong)root;
    }

    private static ulong AddOrSubtract<T>(ref FpContext c, ulong op1, ulong op2, bool subtract)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op1);
        var y = FpNumber.Unpack<T>(ref c, op2);
        if (x.IsNaN || y.IsNaN)
        {
            return FpNaN.Process<T>(ref c, x.Class, op1, y.Class, op2);
        }

        y.Sign ^= subtract;
        if (x.IsInfinity && y.IsInfinity && x.Sign != y.Sign)
        {
            return FpNaN.Invalid<T>(ref c);
        }

        if (x.IsInfinity || y.IsInfinity)
        {
            return FpFormat<T>.Infinity(x.IsInfinity ? x.Sign : y.Sign);
        }

        if (x.IsZero && y.IsZero)
        {
            return FpFormat<T>.Zero(x.Sign == y.Sign ? x.Sign : c.Rounding == FpRounding.MinusInfinity);
        }

        return Sum<T>(ref c, x.Sign, x.Exponent, (UInt128)x.Significand << 63, y.Sign, y.Exponent, (UInt128)y.Significand << 63, 0);
    }

    /// <summary>
    /// Rounds the sum of two numbers significand/2^126 * 2^exponent (bit 127 clear; at most one is zero), scaled by 2^scale. Low bits must be zero
    /// for at least as many places as cancellation can uncover: 20 are left below the 106 bits of a product.
    /// </summary>
    private static ulong Sum<T>(ref FpContext c, bool sign1, int exponent1, UInt128 significand1, bool sign2, int exponent2, UInt128 significand2, int scale)
        where T : struct, IFpFormat
    {
        if (significand1 == UInt128.Zero)
        {
            return FpRounder.Round<T>(ref c, sign2, exponent2 + scale, significand2);
        }

        if (significand2 == UInt128.Zero)
        {
            return FpRounder.Round<T>(ref c, sign1, exponent1 + scale, significand1);
        }

        if (exponent1 < exponent2)
        {
            (sign1, sign2) = (sign2, sign1);
            (exponent1, exponent2) = (exponent2, exponent1);
            (significand1, significand2) = (significand2, significand1);
        }

        significand2 = FpRounder.ShiftRightSticky(significand2, exponent1 - exponent2);
        if (sign1 == sign2)
        {
            return FpRounder.Round<T>(ref c, sign1, exponent1 + scale, significand1 + significand2);
        }

        if (significand1 == significand2)
        {
            return FpFormat<T>.Zero(c.Rounding == FpRounding.MinusInfinity);
        }

        return significand1 > significand2
            ? FpRounder.Round<T>(ref c, sign1, exponent1 + scale, significand1 - significand2)
            : FpRounder.Round<T>(ref c, sign2, exponent1 + scale, significand2 - significand1);
    }
}
