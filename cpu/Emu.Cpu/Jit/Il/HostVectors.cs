// Floating-point vectors as compiled code computes them: stored when every lane is provably the guest's result, else refused.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Emu.Cpu.Jit.Il;

/// <summary>
/// Called from compiled code, into which the runtime inlines them. Each computes from the vectors at slots d, a and b of a state, stores the result at
/// d and returns true, or changes nothing and returns false: a lane is not a normal number well inside the range. See <see cref="FloatEnvironment"/>.
/// </summary>
public static unsafe class HostVectors
{
    private const int Shift64 = 53;
    private const int Shift32 = 24;

    // The exponent field without the lowest two and the highest two values, as (field - 2) in unsigned comparison.
    private const ulong Range64 = 0x7FF - 4;
    private const uint Range32 = 0xFF - 4;

    /// <summary>A + B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Add64(nint s, int d, int a, int b) => Finish(s, d, Doubles(s, a) + Doubles(s, b));

    /// <summary>A - B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Subtract64(nint s, int d, int a, int b) => Finish(s, d, Doubles(s, a) - Doubles(s, b));

    /// <summary>A * B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Multiply64(nint s, int d, int a, int b) => Finish(s, d, Doubles(s, a) * Doubles(s, b));

    /// <summary>A times the element B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplyByElement64(nint s, int d, int a, int b) => Finish(s, d, Doubles(s, a) * Vector128.Create(*(double*)(s + b)));

    /// <summary>A / B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Divide64(nint s, int d, int a, int b) => Finish(s, d, Doubles(s, a) / Doubles(s, b));

    /// <summary>D + A * B, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplyAdd64(nint s, int d, int a, int b) =>
        Finish(s, d, Vector128.FusedMultiplyAdd(Doubles(s, a), Doubles(s, b), Doubles(s, d)));

    /// <summary>D + A times the element B, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplyAddByElement64(nint s, int d, int a, int b) =>
        Finish(s, d, Vector128.FusedMultiplyAdd(Doubles(s, a), Vector128.Create(*(double*)(s + b)), Doubles(s, d)));

    /// <summary>D - A * B, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplySubtract64(nint s, int d, int a, int b) =>
        Finish(s, d, Vector128.FusedMultiplyAdd(-Doubles(s, a), Doubles(s, b), Doubles(s, d)));

    /// <summary>As <see cref="Add64"/>, of singles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Add32(nint s, int d, int a, int b) => Finish(s, d, Singles(s, a) + Singles(s, b));

    /// <summary>As <see cref="Subtract64"/>, of singles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Subtract32(nint s, int d, int a, int b) => Finish(s, d, Singles(s, a) - Singles(s, b));

    /// <summary>As <see cref="Multiply64"/>, of singles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Multiply32(nint s, int d, int a, int b) => Finish(s, d, Singles(s, a) * Singles(s, b));

    /// <summary>As <see cref="MultiplyByElement64"/>, of singles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplyByElement32(nint s, int d, int a, int b) => Finish(s, d, Singles(s, a) * Vector128.Create(*(float*)(s + b)));

    /// <summary>As <see cref="Divide64"/>, of singles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Divide32(nint s, int d, int a, int b) => Finish(s, d, Singles(s, a) / Singles(s, b));

    /// <summary>As <see cref="MultiplyAdd64"/>, of singles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplyAdd32(nint s, int d, int a, int b) =>
        Finish(s, d, Vector128.FusedMultiplyAdd(Singles(s, a), Singles(s, b), Singles(s, d)));

    /// <summary>As <see cref="MultiplyAddByElement64"/>, of singles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplyAddByElement32(nint s, int d, int a, int b) =>
        Finish(s, d, Vector128.FusedMultiplyAdd(Singles(s, a), Vector128.Create(*(float*)(s + b)), Singles(s, d)));

    /// <summary>As <see cref="MultiplySubtract64"/>, of singles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MultiplySubtract32(nint s, int d, int a, int b) =>
        Finish(s, d, Vector128.FusedMultiplyAdd(-Singles(s, a), Singles(s, b), Singles(s, d)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<double> Doubles(nint s, int slot) => *(Vector128<double>*)(s + slot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Singles(nint s, int slot) => *(Vector128<float>*)(s + slot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Finish(nint s, int d, Vector128<double> result)
    {
        var fields = ((result.AsUInt64() << 1) >>> Shift64) - Vector128.Create(2UL);
        if (fields.GetElement(0) > Range64 || fields.GetElement(1) > Range64)
        {
            return false;
        }

        *(Vector128<double>*)(s + d) = result;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Finish(nint s, int d, Vector128<float> result)
    {
        var fields = ((result.AsUInt32() << 1) >>> Shift32) - Vector128.Create(2U);
        if (Vector128.GreaterThanAny(fields, Vector128.Create(Range32)))
        {
            return false;
        }

        *(Vector128<float>*)(s + d) = result;
        return true;
    }
}
