// Comparisons, minima and maxima.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

public static partial class SoftFloat
{
    /// <summary>NZCV of operands that are equal.</summary>
    public const uint FlagsEqual = 6;

    /// <summary>NZCV when the first operand is less.</summary>
    public const uint FlagsLess = 8;

    /// <summary>NZCV when the first operand is greater.</summary>
    public const uint FlagsGreater = 2;

    /// <summary>NZCV when an operand is a NaN.</summary>
    public const uint FlagsUnordered = 3;

    /// <summary>FPCompare: NZCV of op1 against op2.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Compare<T>(ref FpContext c, ulong op1, ulong op2, bool signalling)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op1);
        var y = FpNumber.Unpack<T>(ref c, op2);
        if (x.IsNaN || y.IsNaN)
        {
            if (signalling || x.Class == FpClass.SignallingNaN || y.Class == FpClass.SignallingNaN)
            {
                c.Raise(FpStatus.InvalidOperation);
            }

            return FlagsUnordered;
        }

        var left = Order<T>(in x, op1);
        var right = Order<T>(in y, op2);
        return left == right ? FlagsEqual : left < right ? FlagsLess : FlagsGreater;
    }

    /// <summary>FPMax or FPMin.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Extremum<T>(ref FpContext c, ulong op1, ulong op2, bool maximum)
        where T : struct, IFpFormat
    {
        var x = FpNumber.Unpack<T>(ref c, op1);
        var y = FpNumber.Unpack<T>(ref c, op2);
        if (x.IsNaN || y.IsNaN)
        {
            return FpNaN.Process<T>(ref c, x.Class, op1, y.Class, op2);
        }

        if (x.IsZero && y.IsZero)
        {
            // Maximum: +0 unless both are negative; minimum: -0 if either is.
            return FpFormat<T>.Zero(maximum ? x.Sign & y.Sign : x.Sign | y.Sign);
        }

        var first = Order<T>(in x, op1) > Order<T>(in y, op2) == maximum;
        return first ? (x.IsZero ? FpFormat<T>.Zero(x.Sign) : op1) : y.IsZero ? FpFormat<T>.Zero(y.Sign) : op2;
    }

    /// <summary>FPMaxNum or FPMinNum: a quiet NaN loses against a number.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong ExtremumNumber<T>(ref FpContext c, ulong op1, ulong op2, bool maximum)
        where T : struct, IFpFormat
    {
        var quiet1 = IsQuietNaN<T>(op1);
        var quiet2 = IsQuietNaN<T>(op2);
        if (quiet1 && !quiet2)
        {
            op1 = FpFormat<T>.Infinity(maximum);
        }
        else if (quiet2 && !quiet1)
        {
            op2 = FpFormat<T>.Infinity(maximum);
        }

        return Extremum<T>(ref c, op1, op2, maximum);
    }

    private static bool IsQuietNaN<T>(ulong bits)
        where T : struct, IFpFormat => (bits & FpFormat<T>.DefaultNaN) == FpFormat<T>.DefaultNaN;

    /// <summary>A key that orders numbers that are no NaNs as their values.</summary>
    private static long Order<T>(in FpNumber n, ulong bits)
        where T : struct, IFpFormat
    {
        if (n.IsZero)
        {
            return 0;
        }

        var magnitude = (long)(bits & ~FpFormat<T>.SignBit);
        return n.Sign ? -magnitude : magnitude;
    }
}
