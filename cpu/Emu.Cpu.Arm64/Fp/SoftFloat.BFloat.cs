// BFloat16 dot products: BFMulH, BFAdd, BFDotAdd. They ignore FPCR: round to odd, denormals flushed both ways, default NaN, no flags.
namespace Emu.Cpu.Arm64.Fp;

public static partial class SoftFloat
{
    private const uint BFloatControl = FpControl.Fz | FpControl.DefaultNaN;

    /// <summary>BFDotAdd: addend + (a1 * a2 + b1 * b2), each step rounded to odd in single precision.</summary>
    public static uint BFloatDotAdd(uint addend, uint a1, uint b1, uint a2, uint b2) =>
        BFloatAdd(addend, BFloatAdd(BFloatMultiply(a1 << 16, a2 << 16), BFloatMultiply(b1 << 16, b2 << 16)));

    private static uint BFloatMultiply(uint op1, uint op2)
    {
        var c = new FpContext(BFloatControl, 0);
        var x = FpNumber.Unpack<Binary32>(ref c, op1);
        var y = FpNumber.Unpack<Binary32>(ref c, op2);
        var sign = x.Sign ^ y.Sign;
        if (x.IsNaN || y.IsNaN || (x.IsInfinity && y.IsZero) || (x.IsZero && y.IsInfinity))
        {
            return (uint)FpFormat<Binary32>.DefaultNaN;
        }

        if (x.IsInfinity || y.IsInfinity)
        {
            return (uint)FpFormat<Binary32>.Infinity(sign);
        }

        if (x.IsZero || y.IsZero)
        {
            return (uint)FpFormat<Binary32>.Zero(sign);
        }

        Product(in x, in y, out var exponent, out var product);
        return RoundToOdd(sign, exponent, product);
    }

    private static uint BFloatAdd(uint op1, uint op2)
    {
        var c = new FpContext(BFloatControl, 0);
        var x = FpNumber.Unpack<Binary32>(ref c, op1);
        var y = FpNumber.Unpack<Binary32>(ref c, op2);
        if (x.IsNaN || y.IsNaN || (x.IsInfinity && y.IsInfinity && x.Sign != y.Sign))
        {
            return (uint)FpFormat<Binary32>.DefaultNaN;
        }

        if (x.IsInfinity || y.IsInfinity)
        {
            return (uint)FpFormat<Binary32>.Infinity(x.IsInfinity ? x.Sign : y.Sign);
        }

        if (x.IsZero && y.IsZero)
        {
            return (uint)FpFormat<Binary32>.Zero(x.Sign && y.Sign);
        }

        if (x.IsZero || y.IsZero)
        {
            return x.IsZero ? op2 : op1;
        }

        if (x.Exponent < y.Exponent)
        {
            (x, y) = (y, x);
        }

        var large = (UInt128)x.Significand << 63;
        var small = FpRounder.ShiftRightSticky((UInt128)y.Significand << 63, x.Exponent - y.Exponent);
        if (x.Sign == y.Sign)
        {
            return RoundToOdd(x.Sign, x.Exponent, large + small);
        }

        return large == small ? 0
            : large > small ? RoundToOdd(x.Sign, x.Exponent, large - small)
            : RoundToOdd(y.Sign, x.Exponent, small - large);
    }

    /// <summary>BFRound of significand/2^126 * 2^exponent: overflow gives infinity, a tiny result zero.</summary>
    private static uint RoundToOdd(bool sign, int exponent, UInt128 significand)
    {
        var zeros = (int)UInt128.LeadingZeroCount(significand);
        var shifted = significand << zeros;
        exponent += 1 - zeros;
        var biased = exponent - FpFormat<Binary32>.MinimumExponent + 1;
        if (biased <= 0)
        {
            return (uint)FpFormat<Binary32>.Zero(sign);
        }

        if (biased >= FpFormat<Binary32>.ExponentMaximum)
        {
            return (uint)FpFormat<Binary32>.Infinity(sign);
        }

        var kept = (uint)(shifted >> 104);
        if (shifted << 24 != UInt128.Zero)
        {
            kept |= 1;
        }

        return (uint)FpFormat<Binary32>.Zero(sign) | ((uint)biased << 23) | (kept & 0x7f_ffff);
    }
}
