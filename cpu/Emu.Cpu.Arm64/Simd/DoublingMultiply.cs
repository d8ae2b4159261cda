// Saturating doubling multiplies: SQDMULH, SQRDMULH, SQRDMLAH, SQRDMLSH, SQDMULL, SQDMLAL, SQDMLSL. Signed types only.
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>SQDMULH: (2 * a * b) >> bits.</summary>
internal readonly struct DoublingMultiplyHigh : ILaneOp
{
    public static uint Sizes => 0b0110;

    public static uint ScalarSizes => 0b0110;

    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Doubling.Saturate<T>((long.CreateTruncating(a) * long.CreateTruncating(b)) >> (Lane.BitsOf<T>() - 1), ref qc);
}

/// <summary>SQRDMULH: (2 * a * b + (1 &lt;&lt; (bits - 1))) >> bits.</summary>
internal readonly struct RoundingDoublingMultiplyHigh : ILaneOp
{
    public static uint Sizes => 0b0110;

    public static uint ScalarSizes => 0b0110;

    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Doubling.HighRounded<T>(long.CreateTruncating(a) * long.CreateTruncating(b), ref qc);
}

/// <summary>SQRDMLAH: ((d &lt;&lt; bits) + 2 * a * b + (1 &lt;&lt; (bits - 1))) >> bits.</summary>
internal readonly struct RoundingDoublingMultiplyAddHigh : ILaneOp
{
    public static uint Sizes => 0b0110;

    public static uint ScalarSizes => 0b0110;

    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Doubling.HighRounded<T>((long.CreateTruncating(d) << (Lane.BitsOf<T>() - 1)) + (long.CreateTruncating(a) * long.CreateTruncating(b)), ref qc);
}

/// <summary>SQRDMLSH: ((d &lt;&lt; bits) - 2 * a * b + (1 &lt;&lt; (bits - 1))) >> bits.</summary>
internal readonly struct RoundingDoublingMultiplySubHigh : ILaneOp
{
    public static uint Sizes => 0b0110;

    public static uint ScalarSizes => 0b0110;

    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Doubling.HighRounded<T>((long.CreateTruncating(d) << (Lane.BitsOf<T>() - 1)) - (long.CreateTruncating(a) * long.CreateTruncating(b)), ref qc);
}

/// <summary>SQDMULL on widened operands: 2 * a * b.</summary>
internal readonly struct DoublingMultiplyLong : ILaneOp
{
    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => Doubling.Product(a, b, ref qc);
}

/// <summary>SQDMLAL on widened operands: d + 2 * a * b, saturating twice.</summary>
internal readonly struct DoublingMultiplyAddLong : ILaneOp
{
    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => Lane.SignedAdd(d, Doubling.Product(a, b, ref qc), ref qc);
}

/// <summary>SQDMLSL on widened operands: d - 2 * a * b, saturating twice.</summary>
internal readonly struct DoublingMultiplySubLong : ILaneOp
{
    public static T Apply<T>(T d, T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => Lane.SignedSub(d, Doubling.Product(a, b, ref qc), ref qc);
}

/// <summary>The formulas they share.</summary>
internal static class Doubling
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Saturate<T>(long value, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (value > long.CreateTruncating(T.MaxValue))
        {
            qc = true;
            return T.MaxValue;
        }

        if (value < long.CreateTruncating(T.MinValue))
        {
            qc = true;
            return T.MinValue;
        }

        return T.CreateTruncating(value);
    }

    /// <summary>High part of twice a sum, rounded: the sum fits 64 bits for elements up to 32 bits, its double might not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T HighRounded<T>(long half, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Saturate<T>((half + (1L << (Lane.BitsOf<T>() - 2))) >> (Lane.BitsOf<T>() - 1), ref qc);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Product<T>(T a, T b, ref bool qc) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var product = a * b;
        return Lane.SignedAdd(product, product, ref qc);
    }
}
