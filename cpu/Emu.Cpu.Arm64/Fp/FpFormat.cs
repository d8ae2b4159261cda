// The binary interchange formats: their field widths, and the constants that follow from them.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

// Constants per format are the point of this type: FpFormat<Binary32>.Bits.
#pragma warning disable CA1000

/// <summary>Field widths of a floating-point format. Implemented by empty structs, so that generic code is compiled for each format with constants.</summary>
public interface IFpFormat
{
    /// <summary>Bits of the fraction field.</summary>
    static abstract int FractionBits { get; }

    /// <summary>Bits of the exponent field.</summary>
    static abstract int ExponentBits { get; }
}

/// <summary>IEEE 754 binary16.</summary>
public readonly struct Binary16 : IFpFormat
{
    /// <inheritdoc/>
    public static int FractionBits => 10;

    /// <inheritdoc/>
    public static int ExponentBits => 5;
}

/// <summary>IEEE 754 binary32.</summary>
public readonly struct Binary32 : IFpFormat
{
    /// <inheritdoc/>
    public static int FractionBits => 23;

    /// <inheritdoc/>
    public static int ExponentBits => 8;
}

/// <summary>IEEE 754 binary64.</summary>
public readonly struct Binary64 : IFpFormat
{
    /// <inheritdoc/>
    public static int FractionBits => 52;

    /// <inheritdoc/>
    public static int ExponentBits => 11;
}

/// <summary>BFloat16: the upper half of a binary32.</summary>
public readonly struct BFloat16 : IFpFormat
{
    /// <inheritdoc/>
    public static int FractionBits => 7;

    /// <inheritdoc/>
    public static int ExponentBits => 8;
}

/// <summary>Constants of a format, all of them folded when compiled for it.</summary>
/// <typeparam name="T">The format.</typeparam>
public static class FpFormat<T>
    where T : struct, IFpFormat
{
    /// <summary>Width in bits.</summary>
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1 + T.ExponentBits + T.FractionBits;
    }

    /// <summary>Width in bytes.</summary>
    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Bits / 8;
    }

    /// <summary>The sign bit.</summary>
    public static ulong SignBit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1UL << (Bits - 1);
    }

    /// <summary>All bits of the format.</summary>
    public static ulong Mask
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ulong.MaxValue >> (64 - Bits);
    }

    /// <summary>The fraction field.</summary>
    public static ulong FractionMask
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (1UL << T.FractionBits) - 1;
    }

    /// <summary>Largest exponent field value: infinities and NaNs.</summary>
    public static int ExponentMaximum
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (1 << T.ExponentBits) - 1;
    }

    /// <summary>Exponent of the smallest normal number.</summary>
    public static int MinimumExponent
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 - (1 << (T.ExponentBits - 1));
    }

    /// <summary>The bit that makes a NaN quiet.</summary>
    public static ulong QuietBit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1UL << (T.FractionBits - 1);
    }

    /// <summary>Positive infinity.</summary>
    public static ulong PositiveInfinity
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (ulong)ExponentMaximum << T.FractionBits;
    }

    /// <summary>FPDefaultNaN: positive, quiet, no payload.</summary>
    public static ulong DefaultNaN
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => PositiveInfinity | QuietBit;
    }

    /// <summary>FPZero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Zero(bool sign) => sign ? SignBit : 0;

    /// <summary>FPInfinity.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Infinity(bool sign) => PositiveInfinity | Zero(sign);

    /// <summary>FPMaxNormal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong MaximumNormal(bool sign) => (PositiveInfinity - 1) | Zero(sign);

    /// <summary>The power of two with an exponent in the normal range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong PowerOfTwo(bool sign, int exponent) => ((ulong)(exponent - MinimumExponent + 1) << T.FractionBits) | Zero(sign);
}
