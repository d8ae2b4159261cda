// Fast paths: host arithmetic where its result and the flags it would raise are provably those of the guest.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using ArmSimd = System.Runtime.Intrinsics.Arm.AdvSimd;

namespace Emu.Cpu.Arm64.Fp;

/// <summary>
/// Each method returns false when the soft path must decide. They apply under round to nearest without flushing. The result's exponent tells that no
/// operand was a NaN or an infinity and that nothing overflowed or was tiny before rounding; what is left is inexact, which is already set in FPSR in nearly
/// every program, and is otherwise found by an error-free transformation (the rounding error of +, *, / and the square root is itself computable).
/// </summary>
public static partial class HostFloat
{
    /// <summary>Fused multiply-add is a host instruction; elsewhere the runtime's is not trusted to round once.</summary>
    private static readonly bool Fused = Fma.IsSupported || ArmSimd.Arm64.IsSupported;

    private const int Field64 = 0x7ff;
    private const int Field32 = 0xff;

    /// <summary>Exponent field from which on a double's rounding error is itself no denormal.</summary>
    private const int ErrorSafe64 = 128;

    /// <summary>double op1 + op2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Add64(ref FpContext c, ulong op1, ulong op2, out ulong result)
    {
        var x = BitConverter.UInt64BitsToDouble(op1);
        var y = BitConverter.UInt64BitsToDouble(op2);
        var r = x + y;
        result = BitConverter.DoubleToUInt64Bits(r);

        // A sum in the denormal range is exact; near overflow TwoSum's own steps might overflow.
        if ((c.Control & FpControl.NotHost) != 0 || Exponent64(result) > Field64 - 3)
        {
            return false;
        }

        if ((c.Status & FpStatus.Inexact) == 0)
        {
            var z = r - x;
            if ((x - (r - z)) + (y - z) != 0)
            {
                c.Status |= FpStatus.Inexact;
            }
        }

        return true;
    }

    /// <summary>float op1 + op2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Add32(ref FpContext c, ulong op1, ulong op2, out ulong result)
    {
        var x = BitConverter.UInt32BitsToSingle((uint)op1);
        var y = BitConverter.UInt32BitsToSingle((uint)op2);
        var r = x + y;
        result = BitConverter.SingleToUInt32Bits(r);
        if ((c.Control & FpControl.NotHost) != 0 || Exponent32(result) > Field32 - 3)
        {
            return false;
        }

        if ((c.Status & FpStatus.Inexact) == 0)
        {
            var z = r - x;
            if ((x - (r - z)) + (y - z) != 0)
            {
                c.Status |= FpStatus.Inexact;
            }
        }

        return true;
    }

    /// <summary>double op1 * op2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Multiply64(ref FpContext c, ulong op1, ulong op2, out ulong result)
    {
        var x = BitConverter.UInt64BitsToDouble(op1);
        var y = BitConverter.UInt64BitsToDouble(op2);
        var r = x * y;
        result = BitConverter.DoubleToUInt64Bits(r);
        if ((c.Control & FpControl.NotHost) != 0)
        {
            return false;
        }

        var field = Exponent64(result);
        if ((c.Status & FpStatus.Inexact) != 0)
        {
            return Safe64(field) || (r == 0 && (x == 0 || y == 0));
        }

        if (field < ErrorSafe64 || field == Field64 || !Fused)
        {
            return r == 0 && (x == 0 || y == 0);
        }

        if (Math.FusedMultiplyAdd(x, y, -r) != 0)
        {
            c.Status |= FpStatus.Inexact;
        }

        return true;
    }

    /// <summary>float op1 * op2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Multiply32(ref FpContext c, ulong op1, ulong op2, out ulong result)
    {
        // The product of two floats is exact in double.
        var exact = (double)BitConverter.UInt32BitsToSingle((uint)op1) * BitConverter.UInt32BitsToSingle((uint)op2);
        var r = (float)exact;
        result = BitConverter.SingleToUInt32Bits(r);
        return Finish32(ref c, result, r != exact) || (exact == 0 && (c.Control & FpControl.NotHost) == 0);
    }

    /// <summary>double op1 / op2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Divide64(ref FpContext c, ulong op1, ulong op2, out ulong result)
    {
        var x = BitConverter.UInt64BitsToDouble(op1);
        var y = BitConverter.UInt64BitsToDouble(op2);
        var r = x / y;
        result = BitConverter.DoubleToUInt64Bits(r);
        if ((c.Control & FpControl.NotHost) != 0 || !Safe64(Exponent64(result)) || Exponent64(op2) == Field64)
        {
            return false;
        }

        if ((c.Status & FpStatus.Inexact) == 0)
        {
            if (Exponent64(op1) < ErrorSafe64 || !Fused)
            {
                return false;
            }

            if (Math.FusedMultiplyAdd(-r, y, x) != 0)
            {
                c.Status |= FpStatus.Inexact;
            }
        }

        return true;
    }

    /// <summary>float op1 / op2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Divide32(ref FpContext c, ulong op1, ulong op2, out ulong result)
    {
        var x = BitConverter.UInt32BitsToSingle((uint)op1);
        var y = BitConverter.UInt32BitsToSingle((uint)op2);
        var r = x / y;
        result = BitConverter.SingleToUInt32Bits(r);
        return Finish32(ref c, result, (double)r * y != x);
    }

    /// <summary>Square root of a double.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool SquareRoot64(ref FpContext c, ulong op, out ulong result)
    {
        var x = BitConverter.UInt64BitsToDouble(op);
        var r = Math.Sqrt(x);
        result = BitConverter.DoubleToUInt64Bits(r);
        if ((c.Control & FpControl.NotHost) != 0 || !Safe64(Exponent64(result)))
        {
            return false;
        }

        if ((c.Status & FpStatus.Inexact) == 0)
        {
            if (Exponent64(op) < ErrorSafe64 || !Fused)
            {
                return false;
            }

            if (Math.FusedMultiplyAdd(-r, r, x) != 0)
            {
                c.Status |= FpStatus.Inexact;
            }
        }

        return true;
    }

    /// <summary>Square root of a float.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool SquareRoot32(ref FpContext c, ulong op, out ulong result)
    {
        var x = BitConverter.UInt32BitsToSingle((uint)op);
        var r = MathF.Sqrt(x);
        result = BitConverter.SingleToUInt32Bits(r);
        return Finish32(ref c, result, (double)r * r != x);
    }

    /// <summary>double addend + op1 * op2, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplyAdd64(ref FpContext c, ulong addend, ulong op1, ulong op2, out ulong result)
    {
        var a = BitConverter.UInt64BitsToDouble(addend);
        var x = BitConverter.UInt64BitsToDouble(op1);
        var y = BitConverter.UInt64BitsToDouble(op2);
        var r = Fused ? Math.FusedMultiplyAdd(x, y, a) : double.NaN;
        result = BitConverter.DoubleToUInt64Bits(r);
        if ((c.Control & FpControl.NotHost) != 0 || !Safe64(Exponent64(result)))
        {
            return false;
        }

        if ((c.Status & FpStatus.Inexact) != 0)
        {
            return true;
        }

        // Exact when the product and then the sum are.
        var p = x * y;
        var field = Exponent64(BitConverter.DoubleToUInt64Bits(p));
        var z = r - p;
        return field is >= ErrorSafe64 and < Field64 - 2 && Math.FusedMultiplyAdd(x, y, -p) == 0 && (p - (r - z)) + (a - z) == 0;
    }

    /// <summary>float addend + op1 * op2, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplyAdd32(ref FpContext c, ulong addend, ulong op1, ulong op2, out ulong result)
    {
        var a = BitConverter.UInt32BitsToSingle((uint)addend);
        var x = BitConverter.UInt32BitsToSingle((uint)op1);
        var y = BitConverter.UInt32BitsToSingle((uint)op2);
        var r = Fused ? MathF.FusedMultiplyAdd(x, y, a) : float.NaN;
        result = BitConverter.SingleToUInt32Bits(r);
        if ((c.Control & FpControl.NotHost) != 0 || !Safe32(Exponent32(result)))
        {
            return false;
        }

        if ((c.Status & FpStatus.Inexact) == 0)
        {
            // In double the product is exact and the sum's error is computable.
            var p = (double)x * y;
            var sum = p + a;
            var z = sum - p;
            if (sum != r || (p - (sum - z)) + (a - z) != 0)
            {
                c.Status |= FpStatus.Inexact;
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Finish32(ref FpContext c, ulong result, bool inexact)
    {
        if ((c.Control & FpControl.NotHost) != 0 || !Safe32(Exponent32(result)))
        {
            return false;
        }

        if (inexact)
        {
            c.Status |= FpStatus.Inexact;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Exponent64(ulong bits) => (int)(bits >> 52) & Field64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Exponent32(ulong bits) => (int)(bits >> 23) & Field32;

    /// <summary>Normal, and not the smallest normal binade, into which a tiny result may have been rounded up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Safe64(int field) => (uint)(field - 2) < Field64 - 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Safe32(int field) => (uint)(field - 2) < Field32 - 2;
}
