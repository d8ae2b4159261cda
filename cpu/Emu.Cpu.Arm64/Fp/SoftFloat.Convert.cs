// Conversions between formats: FPConvert, FPConvertBF.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

public static partial class SoftFloat
{
    /// <summary>FPConvert.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Convert<TFrom, TTo>(ref FpContext c, ulong op, FpRounding mode)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        var x = FpNumber.UnpackForConversion<TFrom>(ref c, op);
        var alternative = typeof(TTo) == typeof(Binary16) && (c.Control & FpControl.AlternativeHalf) != 0;
        if (x.IsNaN)
        {
            if (x.Class == FpClass.SignallingNaN || alternative)
            {
                c.Raise(FpStatus.InvalidOperation);
            }

            return alternative ? FpFormat<TTo>.Zero(x.Sign)
                : (c.Control & FpControl.DefaultNaN) != 0 ? FpFormat<TTo>.DefaultNaN
                : FpNaN.Convert<TFrom, TTo>(op);
        }

        if (x.IsInfinity)
        {
            if (alternative)
            {
                c.Raise(FpStatus.InvalidOperation);
                return (FpFormat<TTo>.Mask >> 1) | FpFormat<TTo>.Zero(x.Sign);
            }

            return FpFormat<TTo>.Infinity(x.Sign);
        }

        return x.IsZero
            ? FpFormat<TTo>.Zero(x.Sign)
            : FpRounder.RoundForConversion<TTo>(ref c, x.Sign, x.Exponent, x.Significand, mode);
    }
}
