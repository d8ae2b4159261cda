// Shifts by an immediate that work on whole vectors: right, left, rounding, accumulating, inserting.
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>result = f(d, a, shift). Right shifts are 1 to the element's bits, left shifts 0 to bits - 1.</summary>
internal interface IShiftOp
{
    /// <summary>The name it has for engines, without the element type.</summary>
    static virtual VectorOperation Known => VectorOperation.None;

    static abstract Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, int shift) where T : unmanaged;
}

/// <summary>SHL.</summary>
internal readonly struct ShiftLeft : IShiftOp
{
    public static VectorOperation Known => VectorOperation.ShiftLeft;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, int shift) where T : unmanaged => a << shift;
}

/// <summary>SLI: the bits below the shift keep the destination's.</summary>
internal readonly struct ShiftLeftInsert : IShiftOp
{
    public static VectorOperation Known => VectorOperation.ShiftLeftInsert;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, int shift) where T : unmanaged =>
        (a << shift) | (d & ~(Vector128<T>.AllBitsSet << shift));
}

/// <summary>SRI: the bits above keep the destination's.</summary>
internal readonly unsafe struct ShiftRightInsert : IShiftOp
{
    public static VectorOperation Known => VectorOperation.ShiftRightInsert;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, int shift) where T : unmanaged =>
        shift == sizeof(T) * 8 ? d : (a >>> shift) | (d & ~(Vector128<T>.AllBitsSet >>> shift));
}

/// <summary>SSHR, USHR: arithmetic for signed element types.</summary>
internal readonly unsafe struct ShiftRight : IShiftOp
{
    public static VectorOperation Known => VectorOperation.ShiftRight;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, int shift) where T : unmanaged =>
        shift == sizeof(T) * 8 ? (a >> (shift - 1)) >> 1 : a >> shift;
}

/// <summary>SSRA, USRA.</summary>
internal readonly struct ShiftRightAccumulate : IShiftOp
{
    public static VectorOperation Known => VectorOperation.ShiftRightAccumulate;

    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, int shift) where T : unmanaged => d + ShiftRight.Apply(d, a, shift);
}

/// <summary>SRSHR, URSHR: (a >> n) + bit n - 1 of a.</summary>
internal readonly struct RoundingShiftRight : IShiftOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, int shift) where T : unmanaged =>
        ShiftRight.Apply(d, a, shift) + ((a >> (shift - 1)) & Vector128<T>.One);
}

/// <summary>SRSRA, URSRA.</summary>
internal readonly struct RoundingShiftRightAccumulate : IShiftOp
{
    public static Vector128<T> Apply<T>(Vector128<T> d, Vector128<T> a, int shift) where T : unmanaged => d + RoundingShiftRight.Apply(d, a, shift);
}

/// <summary>The helper of shifts by an immediate.</summary>
internal static unsafe class ShiftRunner
{
    /// <summary>D = f(D, A, Aux).</summary>
    public static void Immediate<T, TOp>(CpuState* s, MicroOp* op) where T : unmanaged where TOp : struct, IShiftOp =>
        Slots.Put(s, op, TOp.Apply(Slots.Load<T>(s, op->D), Slots.Load<T>(s, op->A), (int)op->Aux));
}
