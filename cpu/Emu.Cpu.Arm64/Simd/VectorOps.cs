// Element operations that work on whole vectors at once, without saturation.
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>An operation on vectors of any element type: result = f(d, a, b), d being the destination's old value.</summary>
internal interface IVectorOp
{
    /// <summary>Element sizes the vector form has: bit log2(bytes).</summary>
    static virtual uint Sizes => 0b1111;

    /// <summary>The name it has for engines, without the element type.</summary>
    static virtual VectorOperation Known => VectorOperation.None;

    static abstract Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged;
}

/// <summary>a + b.</summary>
internal readonly struct Add : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => a + b;
}

/// <summary>a - b.</summary>
internal readonly struct Sub : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => a - b;
}

/// <summary>a * b.</summary>
internal readonly struct Mul : IVectorOp
{
    public static VectorOperation Known => VectorOperation.Multiply;

    public static uint Sizes => 0b0111;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => a * b;
}

/// <summary>d + a * b.</summary>
internal readonly struct Mla : IVectorOp
{
    public static VectorOperation Known => VectorOperation.MultiplyAdd;

    public static uint Sizes => 0b0111;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => d + (a * b);
}

/// <summary>d - a * b.</summary>
internal readonly struct Mls : IVectorOp
{
    public static VectorOperation Known => VectorOperation.MultiplySubtract;

    public static uint Sizes => 0b0111;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => d - (a * b);
}

/// <summary>max(a, b).</summary>
internal readonly struct Max : IVectorOp
{
    public static VectorOperation Known => VectorOperation.Maximum;

    public static uint Sizes => 0b0111;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.Max(a, b);
}

/// <summary>min(a, b).</summary>
internal readonly struct Min : IVectorOp
{
    public static VectorOperation Known => VectorOperation.Minimum;

    public static uint Sizes => 0b0111;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.Min(a, b);
}

/// <summary>|a - b|, exact as an unsigned value.</summary>
internal readonly struct AbsoluteDifference : IVectorOp
{
    public static uint Sizes => 0b0111;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.Max(a, b) - Vector128.Min(a, b);
}

/// <summary>d + |a - b|.</summary>
internal readonly struct AbsoluteDifferenceAccumulate : IVectorOp
{
    public static uint Sizes => 0b0111;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => d + (Vector128.Max(a, b) - Vector128.Min(a, b));
}

/// <summary>(a + b) >> 1 with the carry kept.</summary>
internal readonly struct HalvingAdd : IVectorOp
{
    public static uint Sizes => 0b0111;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => (a & b) + ((a ^ b) >> 1);
}

/// <summary>(a + b + 1) >> 1 with the carry kept.</summary>
internal readonly struct RoundingHalvingAdd : IVectorOp
{
    public static uint Sizes => 0b0111;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => (a | b) - ((a ^ b) >> 1);
}

/// <summary>(a - b) >> 1 with the borrow kept.</summary>
internal readonly struct HalvingSub : IVectorOp
{
    public static uint Sizes => 0b0111;

    // a - b = (a ^ b) - 2 * (~a & b).
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => ((a ^ b) >> 1) - (~a & b);
}

/// <summary>a > b ? all-ones : 0.</summary>
internal readonly struct CompareGreater : IVectorOp
{
    public static VectorOperation Known => VectorOperation.Greater;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.GreaterThan(a, b);
}

/// <summary>a >= b ? all-ones : 0.</summary>
internal readonly struct CompareGreaterEqual : IVectorOp
{
    public static VectorOperation Known => VectorOperation.GreaterOrEqual;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.GreaterThanOrEqual(a, b);
}

/// <summary>(a AND b) != 0 ? all-ones : 0.</summary>
internal readonly struct CompareTest : IVectorOp
{
    public static VectorOperation Known => VectorOperation.Test;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => ~Vector128.Equals(a & b, Vector128<T>.Zero);
}

/// <summary>a == b ? all-ones : 0.</summary>
internal readonly struct CompareEqual : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.Equals(a, b);
}

/// <summary>a > 0 ? all-ones : 0.</summary>
internal readonly struct CompareGreaterZero : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.GreaterThan(a, Vector128<T>.Zero);
}

/// <summary>a >= 0 ? all-ones : 0.</summary>
internal readonly struct CompareGreaterEqualZero : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.GreaterThanOrEqual(a, Vector128<T>.Zero);
}

/// <summary>a == 0 ? all-ones : 0.</summary>
internal readonly struct CompareEqualZero : IVectorOp
{
    public static VectorOperation Known => VectorOperation.EqualZero;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.Equals(a, Vector128<T>.Zero);
}

/// <summary>a &lt;= 0 ? all-ones : 0.</summary>
internal readonly struct CompareLessEqualZero : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.LessThanOrEqual(a, Vector128<T>.Zero);
}

/// <summary>a &lt; 0 ? all-ones : 0.</summary>
internal readonly struct CompareLessZero : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => Vector128.LessThan(a, Vector128<T>.Zero);
}

/// <summary>BSL: the old destination selects.</summary>
internal readonly struct BitwiseSelect : IVectorOp
{
    public static VectorOperation Known => VectorOperation.Select;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => b ^ ((b ^ a) & d);
}

/// <summary>BIT: insert a where b is 1.</summary>
internal readonly struct BitwiseInsertIfTrue : IVectorOp
{
    public static VectorOperation Known => VectorOperation.InsertIfTrue;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => d ^ ((d ^ a) & b);
}

/// <summary>BIF: insert a where b is 0.</summary>
internal readonly struct BitwiseInsertIfFalse : IVectorOp
{
    public static VectorOperation Known => VectorOperation.InsertIfFalse;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => a ^ ((d ^ a) & b);
}

/// <summary>NOT a.</summary>
internal readonly struct Not : IVectorOp
{
    public static VectorOperation Known => VectorOperation.Not;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => ~a;
}

/// <summary>-a.</summary>
internal readonly struct Negate : IVectorOp
{
    public static VectorOperation Known => VectorOperation.Negate;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => -a;
}

/// <summary>|a|, the most negative value unchanged.</summary>
internal readonly struct Absolute : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged
    {
        var sign = Vector128.LessThan(a, Vector128<T>.Zero);
        return (a ^ sign) - sign;
    }
}

/// <summary>SADDLP, UADDLP on the wide element type: low half + high half of each element.</summary>
internal readonly unsafe struct AddLongPairs : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged =>
        ((a << (sizeof(T) * 4)) >> (sizeof(T) * 4)) + (a >> (sizeof(T) * 4));
}

/// <summary>SADALP, UADALP on the wide element type.</summary>
internal readonly struct AddLongPairsAccumulate : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged => d + AddLongPairs.Apply(d, a, b);
}

/// <summary>CNT: set bits of each byte.</summary>
internal readonly struct CountBits : IVectorOp
{
    public static uint Sizes => 0b0001;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged
    {
        var counts = Vector128.Create((byte)0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
        var low = a.AsByte() & Vector128.Create((byte)15);
        var high = a.AsByte() >>> 4;
        return (Vector128.Shuffle(counts, low) + Vector128.Shuffle(counts, high)).As<byte, T>();
    }
}

/// <summary>RBIT: bits of each byte reversed.</summary>
internal readonly struct ReverseBits : IVectorOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) where T : unmanaged
    {
        var reversed = Vector128.Create((byte)0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15);
        var low = a.AsByte() & Vector128.Create((byte)15);
        var high = a.AsByte() >>> 4;
        return ((Vector128.Shuffle(reversed, low) << 4) | Vector128.Shuffle(reversed, high)).As<byte, T>();
    }
}
