// NaN propagation: FPProcessNaN, FPProcessNaNs, FPProcessNaNs3 and FPConvertNaN.
namespace Emu.Cpu.Arm64.Fp;

/// <summary>Which NaN an operation returns.</summary>
public static class FpNaN
{
    /// <summary>FPDefaultNaN together with an invalid operation.</summary>
    public static ulong Invalid<T>(ref FpContext c)
        where T : struct, IFpFormat
    {
        c.Raise(FpStatus.InvalidOperation);
        return FpFormat<T>.DefaultNaN;
    }

    /// <summary>FPProcessNaN: a NaN operand as a result.</summary>
    public static ulong Process<T>(ref FpContext c, FpClass type, ulong bits)
        where T : struct, IFpFormat
    {
        if (type == FpClass.SignallingNaN)
        {
            c.Raise(FpStatus.InvalidOperation);
        }

        return (c.Control & FpControl.DefaultNaN) != 0 ? FpFormat<T>.DefaultNaN : bits | FpFormat<T>.QuietBit;
    }

    /// <summary>FPProcessNaNs: signalling before quiet, first before second. One of the two is a NaN.</summary>
    public static ulong Process<T>(ref FpContext c, FpClass type1, ulong op1, FpClass type2, ulong op2)
        where T : struct, IFpFormat =>
        type1 == FpClass.SignallingNaN ? Process<T>(ref c, type1, op1)
        : type2 == FpClass.SignallingNaN ? Process<T>(ref c, type2, op2)
        : type1 == FpClass.QuietNaN ? Process<T>(ref c, type1, op1)
        : Process<T>(ref c, type2, op2);

    /// <summary>FPProcessNaNs3. One of the three is a NaN.</summary>
    public static ulong Process<T>(ref FpContext c, FpClass type1, ulong op1, FpClass type2, ulong op2, FpClass type3, ulong op3)
        where T : struct, IFpFormat =>
        type1 == FpClass.SignallingNaN ? Process<T>(ref c, type1, op1)
        : type2 == FpClass.SignallingNaN ? Process<T>(ref c, type2, op2)
        : type3 == FpClass.SignallingNaN ? Process<T>(ref c, type3, op3)
        : type1 == FpClass.QuietNaN ? Process<T>(ref c, type1, op1)
        : type2 == FpClass.QuietNaN ? Process<T>(ref c, type2, op2)
        : Process<T>(ref c, type3, op3);

    /// <summary>FPConvertNaN: quiet, sign and the upper payload bits kept.</summary>
    public static ulong Convert<TFrom, TTo>(ulong bits)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        var fraction = (bits & FpFormat<TFrom>.FractionMask) << (63 - TFrom.FractionBits) >> (63 - TTo.FractionBits);
        return FpFormat<TTo>.DefaultNaN | fraction | FpFormat<TTo>.Zero((bits & FpFormat<TFrom>.SignBit) != 0);
    }
}
