// Element operations that go lane by lane: saturating arithmetic, shifts by a register, leading-bit counts.
using System.Numerics;
using System.Runtime.CompilerServices;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>An operation on one lane: result = f(d, a, b); sets <c>qc</c> when it saturates.</summary>
internal interface ILaneOp
{
    /// <summary>Element sizes the vector form has: bit log2(bytes).</summary>
    static virtual uint Sizes => 0b1111;

    /// <summary>Element sizes the scalar form has.</summary>
    static virtual uint ScalarSizes => 0b1111;

    static abstract T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;
}

/// <summary>A shift of one lane by an immediate.</summary>
internal interface ILaneShiftOp
{
    static abstract T Apply<T>(T a, int shift, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;
}

/// <summary>The helpers that run them.</summary>
internal static unsafe class LaneRunner
{
    /// <summary>D = f(D, A, B).</summary>
    public static void Same<T, TOp>(CpuState* s, MicroOp* op)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> where TOp : struct, ILaneOp
    {
        var d = (T*)((byte*)s + op->D);
        var a = (T*)((byte*)s + op->A);
        var b = (T*)((byte*)s + op->B);
        var qc = false;
        for (var i = 0; i < op->C / sizeof(T); i++)
        {
            d[i] = TOp.Apply(d[i], a[i], b[i], ref qc);
        }

        Slots.ClearRest(s, op);
        Slots.Saturated(s, qc);
    }

    /// <summary>D = f(A, Aux).</summary>
    public static void Shift<T, TOp>(CpuState* s, MicroOp* op)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> where TOp : struct, ILaneShiftOp
    {
        var d = (T*)((byte*)s + op->D);
        var a = (T*)((byte*)s + op->A);
        var qc = false;
        for (var i = 0; i < op->C / sizeof(T); i++)
        {
            d[i] = TOp.Apply(a[i], (int)op->Aux, ref qc);
        }

        Slots.ClearRest(s, op);
        Slots.Saturated(s, qc);
    }

    /// <summary>D (wide) = f(D, widened A, widened B), 8 bytes of A and B.</summary>
    public static void Long<TNarrow, TWide, TOp>(CpuState* s, MicroOp* op)
        where TNarrow : unmanaged, IBinaryInteger<TNarrow>
        where TWide : unmanaged, IBinaryInteger<TWide>, IMinMaxValue<TWide>
        where TOp : struct, ILaneOp
    {
        // Copies: the wide destination may overlap the narrow sources.
        var aBytes = *(ulong*)((byte*)s + op->A);
        var bBytes = *(ulong*)((byte*)s + op->B);
        var a = (TNarrow*)&aBytes;
        var b = (TNarrow*)&bBytes;
        var d = (TWide*)((byte*)s + op->D);
        var qc = false;
        for (var i = 0; i < op->C / sizeof(TWide); i++)
        {
            d[i] = TOp.Apply(d[i], TWide.CreateTruncating(a[i]), TWide.CreateTruncating(b[i]), ref qc);
        }

        Slots.ClearRest(s, op);
        Slots.Saturated(s, qc);
    }
}

/// <summary>The formulas several lane operations share.</summary>
internal static unsafe class Lane
{
    public static int BitsOf<T>() where T : unmanaged => sizeof(T) * 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SignedAdd<T>(T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var sum = unchecked(a + b);
        if (T.IsNegative((a ^ sum) & (b ^ sum)))
        {
            qc = true;
            return T.IsNegative(a) ? T.MinValue : T.MaxValue;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SignedSub<T>(T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var difference = unchecked(a - b);
        if (T.IsNegative((a ^ b) & (a ^ difference)))
        {
            qc = true;
            return T.IsNegative(a) ? T.MinValue : T.MaxValue;
        }

        return difference;
    }

    /// <summary>a &lt;&lt; shift for shift >= 0, saturating to the type's range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SaturatingLeft<T>(T a, int shift, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (T.IsZero(a))
        {
            return a;
        }

        if (shift < BitsOf<T>())
        {
            var result = a << shift;
            if (result >> shift == a)
            {
                return result;
            }
        }

        qc = true;
        return T.IsNegative(a) ? T.MinValue : T.MaxValue;
    }

    /// <summary>a >> shift for shift >= 1, of any size: arithmetic for signed types.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Right<T>(T a, int shift) where T : unmanaged, IBinaryInteger<T> =>
        shift < BitsOf<T>() ? a >> shift : (a >> (BitsOf<T>() - 1)) >> 1;

    /// <summary>(a + (1 &lt;&lt; (shift - 1))) >> shift for shift >= 1, of any size.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T RoundingRight<T>(T a, int shift) where T : unmanaged, IBinaryInteger<T> =>
        shift > BitsOf<T>() ? T.Zero : Right(a, shift) + ((a >> (shift - 1)) & T.One);
}

/// <summary>SUQADD (signed types): d + a with a unsigned.</summary>
internal readonly struct SignedPlusUnsigned : ILaneOp
{
    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var unsigned = Int128.CreateTruncating(a) & ((Int128.One << Lane.BitsOf<T>()) - 1);
        var sum = Int128.CreateTruncating(d) + unsigned;
        if (sum > Int128.CreateTruncating(T.MaxValue))
        {
            qc = true;
            return T.MaxValue;
        }

        return T.CreateTruncating(sum);
    }
}

/// <summary>USQADD (unsigned types): d + a with a signed.</summary>
internal readonly struct UnsignedPlusSigned : ILaneOp
{
    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var shift = 128 - Lane.BitsOf<T>();
        var sum = Int128.CreateTruncating(d) + ((Int128.CreateTruncating(a) << shift) >> shift);
        if (sum < 0)
        {
            qc = true;
            return T.Zero;
        }

        if (sum > Int128.CreateTruncating(T.MaxValue))
        {
            qc = true;
            return T.MaxValue;
        }

        return T.CreateTruncating(sum);
    }
}

/// <summary>SQABS.</summary>
internal readonly struct SaturatingAbsolute : ILaneOp
{
    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.IsNegative(a) ? Lane.SignedSub(T.Zero, a, ref qc) : a;
}

/// <summary>SQNEG.</summary>
internal readonly struct SaturatingNegate : ILaneOp
{
    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => Lane.SignedSub(T.Zero, a, ref qc);
}

/// <summary>SSHL, USHL: the signed low byte of b shifts left, negative right.</summary>
internal readonly struct ShiftByRegister : ILaneOp
{
    public static uint ScalarSizes => 0b1000;

    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var shift = (int)sbyte.CreateTruncating(b);
        return shift < 0 ? Lane.Right(a, -shift) : shift < Lane.BitsOf<T>() ? a << shift : T.Zero;
    }
}

/// <summary>SRSHL, URSHL.</summary>
internal readonly struct RoundingShiftByRegister : ILaneOp
{
    public static uint ScalarSizes => 0b1000;

    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var shift = (int)sbyte.CreateTruncating(b);
        return shift < 0 ? Lane.RoundingRight(a, -shift) : shift < Lane.BitsOf<T>() ? a << shift : T.Zero;
    }
}

/// <summary>SQSHL, UQSHL (register).</summary>
internal readonly struct SaturatingShiftByRegister : ILaneOp
{
    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var shift = (int)sbyte.CreateTruncating(b);
        return shift < 0 ? Lane.Right(a, -shift) : Lane.SaturatingLeft(a, shift, ref qc);
    }
}

/// <summary>SQRSHL, UQRSHL.</summary>
internal readonly struct SaturatingRoundingShiftByRegister : ILaneOp
{
    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var shift = (int)sbyte.CreateTruncating(b);
        return shift < 0 ? Lane.RoundingRight(a, -shift) : Lane.SaturatingLeft(a, shift, ref qc);
    }
}

/// <summary>SQSHL, UQSHL (immediate).</summary>
internal readonly struct SaturatingShiftLeft : ILaneShiftOp
{
    public static T Apply<T>(T a, int shift, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => Lane.SaturatingLeft(a, shift, ref qc);
}

/// <summary>SQSHLU: T is the unsigned type; a is read as signed, negative saturates to 0.</summary>
internal readonly struct SaturatingShiftLeftUnsigned : ILaneShiftOp
{
    public static T Apply<T>(T a, int shift, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if ((a >> (Lane.BitsOf<T>() - 1)) != T.Zero)
        {
            qc = true;
            return T.Zero;
        }

        return Lane.SaturatingLeft(a, shift, ref qc);
    }
}

/// <summary>CLZ.</summary>
internal readonly struct LeadingZeros : ILaneOp
{
    public static uint Sizes => 0b0111;

    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.LeadingZeroCount(a);
}

/// <summary>CLS (signed types).</summary>
internal readonly struct LeadingSigns : ILaneOp
{
    public static uint Sizes => 0b0111;

    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.LeadingZeroCount(a ^ (a >> 1)) - T.One;
}
