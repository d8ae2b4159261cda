// Fast paths of comparisons, minima and maxima, and conversions.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

public static partial class HostFloat
{
    /// <summary>NZCV of double op1 against op2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare64(ref FpContext c, ulong op1, ulong op2, out uint flags)
    {
        var x = BitConverter.UInt64BitsToDouble(op1);
        var y = BitConverter.UInt64BitsToDouble(op2);
        flags = x == y ? SoftFloat.FlagsEqual : x < y ? SoftFloat.FlagsLess : SoftFloat.FlagsGreater;
        return (c.Control & FpControl.Fz) == 0 && !double.IsNaN(x) && !double.IsNaN(y);
    }

    /// <summary>NZCV of float op1 against op2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare32(ref FpContext c, ulong op1, ulong op2, out uint flags)
    {
        var x = BitConverter.UInt32BitsToSingle((uint)op1);
        var y = BitConverter.UInt32BitsToSingle((uint)op2);
        flags = x == y ? SoftFloat.FlagsEqual : x < y ? SoftFloat.FlagsLess : SoftFloat.FlagsGreater;
        return (c.Control & FpControl.Fz) == 0 && !float.IsNaN(x) && !float.IsNaN(y);
    }

    /// <summary>float to double: exact for every number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Widen(ref FpContext c, ulong op, out ulong result)
    {
        var x = BitConverter.UInt32BitsToSingle((uint)op);
        result = BitConverter.DoubleToUInt64Bits(x);
        return (c.Control & FpControl.Fz) == 0 && !float.IsNaN(x);
    }

    /// <summary>double to float.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Narrow(ref FpContext c, ulong op, out ulong result)
    {
        var x = BitConverter.UInt64BitsToDouble(op);
        var r = (float)x;
        result = BitConverter.SingleToUInt32Bits(r);
        return Finish32(ref c, result, r != x) || (x == 0 && (c.Control & FpControl.NotHost) == 0);
    }

    /// <summary>Integer to double.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FromInteger64(ref FpContext c, long value, out ulong result)
    {
        result = BitConverter.DoubleToUInt64Bits(value);
        return value is >= -(1L << 53) and <= 1L << 53 || ((c.Control & FpControl.NotHost) == 0 && (c.Status & FpStatus.Inexact) != 0);
    }

    /// <summary>Integer to float.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FromInteger32(ref FpContext c, long value, out ulong result)
    {
        result = BitConverter.SingleToUInt32Bits(value);
        return value is >= -(1L << 24) and <= 1L << 24 || ((c.Control & FpControl.NotHost) == 0 && (c.Status & FpStatus.Inexact) != 0);
    }

    /// <summary>float or double to an integer of 32 or 64 bits, towards zero, when it fits and is below 2^62.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ToInteger<T>(ref FpContext c, ulong op, bool unsigned, int bits, out ulong result)
        where T : struct, IFpFormat
    {
        result = 0;
        var x = ToDouble<T>(op);
        if ((c.Control & FpControl.Fz) != 0
            || (bits == 32 ? !(x > -2147483649.0 && x < 2147483648.0) : !(Math.Abs(x) < 1L << 62))
            || (unsigned && x <= -1))
        {
            return false;
        }

        var integer = (long)x;
        if (integer != x)
        {
            c.Status |= FpStatus.Inexact;
        }

        result = bits == 32 ? (uint)integer : (ulong)integer;
        return true;
    }

    /// <summary>float or double to an integral value of the same format, in the rounding modes the host has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool RoundToIntegral<T>(ref FpContext c, ulong op, FpRounding mode, bool exact, out ulong result)
        where T : struct, IFpFormat
    {
        result = 0;
        var x = ToDouble<T>(op);
        if ((c.Control & FpControl.Fz) != 0 || mode > FpRounding.Zero || !(Math.Abs(x) < 1L << 62))
        {
            return false;
        }

        var r = mode switch
        {
            FpRounding.TiesToEven => Math.Round(x),
            FpRounding.PlusInfinity => Math.Ceiling(x),
            FpRounding.MinusInfinity => Math.Floor(x),
            _ => Math.Truncate(x),
        };
        if (exact && r != x)
        {
            c.Status |= FpStatus.Inexact;
        }

        result = typeof(T) == typeof(Binary64) ? BitConverter.DoubleToUInt64Bits(r) : BitConverter.SingleToUInt32Bits((float)r);
        return true;
    }

    /// <summary>The greater or lesser of two floats or doubles that differ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Extremum<T>(ref FpContext c, ulong op1, ulong op2, bool maximum, out ulong result)
        where T : struct, IFpFormat
    {
        var x = ToDouble<T>(op1);
        var y = ToDouble<T>(op2);
        result = x > y == maximum ? op1 : op2;
        return (c.Control & FpControl.Fz) == 0 && (x > y || x < y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double ToDouble<T>(ulong bits)
        where T : struct, IFpFormat =>
        typeof(T) == typeof(Binary64) ? BitConverter.UInt64BitsToDouble(bits) : BitConverter.UInt32BitsToSingle((uint)bits);
}
