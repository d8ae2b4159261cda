// The operations as types, so that the lane helpers are compiled for each operation and format: fast path, then soft path.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

/// <summary>An operation on one operand.</summary>
public interface IFpUnary
{
    /// <summary>The result, in the format's low bits.</summary>
    static abstract ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat;
}

/// <summary>An operation on two operands.</summary>
public interface IFpBinary
{
    /// <summary>The result, in the format's low bits.</summary>
    static abstract ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat;
}

/// <summary>An operation on an addend and two factors.</summary>
public interface IFpTernary
{
    /// <summary>The result, in the format's low bits.</summary>
    static abstract ulong Apply<T>(ref FpContext c, ulong addend, ulong op1, ulong op2)
        where T : struct, IFpFormat;
}

/// <summary>FPAdd.</summary>
public readonly struct FAdd : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat
    {
        if (typeof(T) == typeof(Binary64) && HostFloat.Add64(ref c, op1, op2, out var r64))
        {
            return r64;
        }

        if (typeof(T) == typeof(Binary32) && HostFloat.Add32(ref c, op1, op2, out var r32))
        {
            return r32;
        }

        return SoftFloat.Add<T>(ref c, op1, op2);
    }
}

/// <summary>FPSub.</summary>
public readonly struct FSub : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat
    {
        if (typeof(T) == typeof(Binary64) && HostFloat.Add64(ref c, op1, op2 ^ FpFormat<T>.SignBit, out var r64))
        {
            return r64;
        }

        if (typeof(T) == typeof(Binary32) && HostFloat.Add32(ref c, op1, op2 ^ FpFormat<T>.SignBit, out var r32))
        {
            return r32;
        }

        return SoftFloat.Subtract<T>(ref c, op1, op2);
    }
}

/// <summary>FPMul.</summary>
public readonly struct FMul : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat
    {
        if (typeof(T) == typeof(Binary64) && HostFloat.Multiply64(ref c, op1, op2, out var r64))
        {
            return r64;
        }

        if (typeof(T) == typeof(Binary32) && HostFloat.Multiply32(ref c, op1, op2, out var r32))
        {
            return r32;
        }

        return SoftFloat.Multiply<T>(ref c, op1, op2);
    }
}

/// <summary>FPDiv.</summary>
public readonly struct FDiv : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat
    {
        if (typeof(T) == typeof(Binary64) && HostFloat.Divide64(ref c, op1, op2, out var r64))
        {
            return r64;
        }

        if (typeof(T) == typeof(Binary32) && HostFloat.Divide32(ref c, op1, op2, out var r32))
        {
            return r32;
        }

        return SoftFloat.Divide<T>(ref c, op1, op2);
    }
}

/// <summary>FPMulX.</summary>
public readonly struct FMulX : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat
    {
        if (typeof(T) == typeof(Binary64) && HostFloat.Multiply64(ref c, op1, op2, out var r64))
        {
            return r64;
        }

        if (typeof(T) == typeof(Binary32) && HostFloat.Multiply32(ref c, op1, op2, out var r32))
        {
            return r32;
        }

        return SoftFloat.Multiply<T>(ref c, op1, op2, true);
    }
}

/// <summary>FPMul, negated.</summary>
public readonly struct FNMul : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => FMul.Apply<T>(ref c, op1, op2) ^ FpFormat<T>.SignBit;
}

/// <summary>Absolute difference.</summary>
public readonly struct FAbd : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => FSub.Apply<T>(ref c, op1, op2) & ~FpFormat<T>.SignBit;
}

/// <summary>FPMax.</summary>
public readonly struct FMax : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat =>
        typeof(T) != typeof(Binary16) && HostFloat.Extremum<T>(ref c, op1, op2, true, out var r)
            ? r
            : SoftFloat.Extremum<T>(ref c, op1, op2, true);
}

/// <summary>FPMin.</summary>
public readonly struct FMin : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat =>
        typeof(T) != typeof(Binary16) && HostFloat.Extremum<T>(ref c, op1, op2, false, out var r)
            ? r
            : SoftFloat.Extremum<T>(ref c, op1, op2, false);
}

/// <summary>FPMaxNum.</summary>
public readonly struct FMaxNm : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat =>
        typeof(T) != typeof(Binary16) && HostFloat.Extremum<T>(ref c, op1, op2, true, out var r)
            ? r
            : SoftFloat.ExtremumNumber<T>(ref c, op1, op2, true);
}

/// <summary>FPMinNum.</summary>
public readonly struct FMinNm : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat =>
        typeof(T) != typeof(Binary16) && HostFloat.Extremum<T>(ref c, op1, op2, false, out var r)
            ? r
            : SoftFloat.ExtremumNumber<T>(ref c, op1, op2, false);
}

/// <summary>FPRecipStepFused.</summary>
public readonly struct FRecpS : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => SoftFloat.ReciprocalStep<T>(ref c, op1, op2);
}

/// <summary>FPRSqrtStepFused.</summary>
public readonly struct FRSqrtS : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => SoftFloat.ReciprocalSquareRootStep<T>(ref c, op1, op2);
}

/// <summary>FPCompareEQ as a mask; quiet.</summary>
public readonly struct FCmEq : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => FpCompare.Flags<T>(ref c, op1, op2, false) == SoftFloat.FlagsEqual ? FpFormat<T>.Mask : 0;
}

/// <summary>FPCompareGE as a mask; signalling.</summary>
public readonly struct FCmGe : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat =>
        FpCompare.Flags<T>(ref c, op1, op2, true) is SoftFloat.FlagsEqual or SoftFloat.FlagsGreater ? FpFormat<T>.Mask : 0;
}

/// <summary>FPCompareGT as a mask; signalling.</summary>
public readonly struct FCmGt : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => FpCompare.Flags<T>(ref c, op1, op2, true) == SoftFloat.FlagsGreater ? FpFormat<T>.Mask : 0;
}

/// <summary>Absolute values compared as FPCompareGE.</summary>
public readonly struct FAcGe : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => FCmGe.Apply<T>(ref c, op1 & ~FpFormat<T>.SignBit, op2 & ~FpFormat<T>.SignBit);
}

/// <summary>Absolute values compared as FPCompareGT.</summary>
public readonly struct FAcGt : IFpBinary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op1, ulong op2)
        where T : struct, IFpFormat => FCmGt.Apply<T>(ref c, op1 & ~FpFormat<T>.SignBit, op2 & ~FpFormat<T>.SignBit);
}

/// <summary>FPSqrt.</summary>
public readonly struct FSqrt : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat
    {
        if (typeof(T) == typeof(Binary64) && HostFloat.SquareRoot64(ref c, op, out var r64))
        {
            return r64;
        }

        if (typeof(T) == typeof(Binary32) && HostFloat.SquareRoot32(ref c, op, out var r32))
        {
            return r32;
        }

        return SoftFloat.SquareRoot<T>(ref c, op);
    }
}

/// <summary>FPRecipEstimate.</summary>
public readonly struct FRecpE : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => SoftFloat.ReciprocalEstimate<T>(ref c, op);
}

/// <summary>FPRSqrtEstimate.</summary>
public readonly struct FRSqrtE : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => SoftFloat.ReciprocalSquareRootEstimate<T>(ref c, op);
}

/// <summary>FPRecpX.</summary>
public readonly struct FRecpX : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => SoftFloat.ReciprocalExponent<T>(ref c, op);
}

/// <summary>UnsignedRecipEstimate.</summary>
public readonly struct URecpE : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => SoftFloat.UnsignedReciprocalEstimate((uint)op);
}

/// <summary>UnsignedRSqrtEstimate.</summary>
public readonly struct URSqrtE : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => SoftFloat.UnsignedReciprocalSquareRootEstimate((uint)op);
}

/// <summary>FPRoundInt; argument: rounding, <see cref="FpArgument.Exact"/>.</summary>
public readonly struct FRInt : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat
    {
        var mode = c.ArgumentRounding;
        var exact = (c.Argument & FpArgument.Exact) != 0;
        return typeof(T) != typeof(Binary16) && HostFloat.RoundToIntegral<T>(ref c, op, mode, exact, out var r)
            ? r
            : SoftFloat.RoundToIntegral<T>(ref c, op, mode, exact);
    }
}

/// <summary>FPRoundIntN; argument: rounding, <see cref="FpArgument.Is64"/>.</summary>
public readonly struct FRIntSized : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat =>
        SoftFloat.RoundToSizedIntegral<T>(ref c, op, c.ArgumentRounding, (c.Argument & FpArgument.Is64) != 0 ? 64 : 32);
}

/// <summary>FPToFixed to the operand's width; argument: rounding, <see cref="FpArgument.Unsigned"/>, fraction bits.</summary>
public readonly struct FToFixed : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat =>
        FpFixed.To<T>(ref c, op, (int)(c.Argument >> FpArgument.FractionShift), (c.Argument & FpArgument.Unsigned) != 0, c.ArgumentRounding, FpFormat<T>.Bits);
}

/// <summary>FixedToFP from the result's width; argument: <see cref="FpArgument.Unsigned"/>, fraction bits.</summary>
public readonly struct FFromFixed : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat
    {
        var unsigned = (c.Argument & FpArgument.Unsigned) != 0;
        var value = unsigned ? op : (ulong)((long)(op << (64 - FpFormat<T>.Bits)) >> (64 - FpFormat<T>.Bits));
        return FpFixed.From<T>(ref c, value, unsigned, (int)(c.Argument >> FpArgument.FractionShift));
    }

}

/// <summary><see cref="FCmEq"/> against zero.</summary>
public readonly struct FCmEq0 : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => FCmEq.Apply<T>(ref c, op, 0);
}

/// <summary><see cref="FCmGe"/> against zero.</summary>
public readonly struct FCmGe0 : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => FCmGe.Apply<T>(ref c, op, 0);
}

/// <summary><see cref="FCmGt"/> against zero.</summary>
public readonly struct FCmGt0 : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => FCmGt.Apply<T>(ref c, op, 0);
}

/// <summary><see cref="FCmGe"/> of zero against the operand.</summary>
public readonly struct FCmLe0 : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => FCmGe.Apply<T>(ref c, 0, op);
}

/// <summary><see cref="FCmGt"/> of zero against the operand.</summary>
public readonly struct FCmLt0 : IFpUnary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong op)
        where T : struct, IFpFormat => FCmGt.Apply<T>(ref c, 0, op);
}

/// <summary>FPMulAdd.</summary>
public readonly struct FMAdd : IFpTernary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong addend, ulong op1, ulong op2)
        where T : struct, IFpFormat
    {
        if (typeof(T) == typeof(Binary64) && HostFloat.MultiplyAdd64(ref c, addend, op1, op2, out var r64))
        {
            return r64;
        }

        if (typeof(T) == typeof(Binary32) && HostFloat.MultiplyAdd32(ref c, addend, op1, op2, out var r32))
        {
            return r32;
        }

        return SoftFloat.MultiplyAdd<T>(ref c, addend, op1, op2);
    }
}

/// <summary>FPMulAdd with the product negated.</summary>
public readonly struct FMSub : IFpTernary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong addend, ulong op1, ulong op2)
        where T : struct, IFpFormat => FMAdd.Apply<T>(ref c, addend, op1 ^ FpFormat<T>.SignBit, op2);
}

/// <summary>FPMulAdd with product and addend negated.</summary>
public readonly struct FNMAdd : IFpTernary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong addend, ulong op1, ulong op2)
        where T : struct, IFpFormat => FMAdd.Apply<T>(ref c, addend ^ FpFormat<T>.SignBit, op1 ^ FpFormat<T>.SignBit, op2);
}

/// <summary>FPMulAdd with the addend negated.</summary>
public readonly struct FNMSub : IFpTernary
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Apply<T>(ref FpContext c, ulong addend, ulong op1, ulong op2)
        where T : struct, IFpFormat => FMAdd.Apply<T>(ref c, addend ^ FpFormat<T>.SignBit, op1, op2);
}
