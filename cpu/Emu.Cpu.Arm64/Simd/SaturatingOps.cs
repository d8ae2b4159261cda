// Saturating addition and subtraction on whole vectors: SQADD, UQADD, SQSUB, UQSUB.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>result = f(a, b); all-ones in <c>saturated</c> where the lane saturates.</summary>
internal interface ISaturatingOp
{
    static abstract Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b, out Vector128<T> saturated) where T : unmanaged;
}

/// <summary>SQADD (signed types).</summary>
internal readonly struct SignedSaturatingAdd : ISaturatingOp
{
    public static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b, out Vector128<T> saturated) where T : unmanaged
    {
        // Operands of one sign, the sum of the other.
        var sum = a + b;
        saturated = Vector128.LessThan((a ^ sum) & (b ^ sum), Vector128<T>.Zero);
        return SaturatingRunner.Limit(sum, a, saturated);
    }
}

/// <summary>SQSUB (signed types).</summary>
internal readonly struct SignedSaturatingSub : ISaturatingOp
{
    public static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b, out Vector128<T> saturated) where T : unmanaged
    {
        var difference = a - b;
        saturated = Vector128.LessThan((a ^ b) & (a ^ difference), Vector128<T>.Zero);
        return SaturatingRunner.Limit(difference, a, saturated);
    }
}

/// <summary>UQADD (unsigned types).</summary>
internal readonly struct UnsignedSaturatingAdd : ISaturatingOp
{
    public static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b, out Vector128<T> saturated) where T : unmanaged
    {
        var sum = a + b;
        saturated = Vector128.LessThan(sum, a);
        return sum | saturated;
    }
}

/// <summary>UQSUB (unsigned types).</summary>
internal readonly struct UnsignedSaturatingSub : ISaturatingOp
{
    public static Vector128<T> Apply<T>(Vector128<T> a, Vector128<T> b, out Vector128<T> saturated) where T : unmanaged
    {
        saturated = Vector128.LessThan(a, b);
        return (a - b) & ~saturated;
    }
}

/// <summary>The helper that runs them.</summary>
internal static unsafe class SaturatingRunner
{
    /// <summary>D = f(A, B); FPSR.QC when a live lane saturates.</summary>
    public static void Same<T, TOp>(CpuState* s, MicroOp* op) where T : unmanaged where TOp : struct, ISaturatingOp
    {
        var result = TOp.Apply(Slots.Load<T>(s, op->A), Slots.Load<T>(s, op->B), out var saturated);
        Slots.Put(s, op, result);
        Slots.Saturated(s, Slots.AnyLive(saturated, op->C));
    }

    /// <summary>Where saturated, the limit of a's sign: the greatest value, or its complement, the least.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Limit<T>(Vector128<T> value, Vector128<T> a, Vector128<T> saturated) where T : unmanaged
    {
        var limit = (a >> ((sizeof(T) * 8) - 1)) ^ (Vector128<T>.AllBitsSet >>> 1);
        return value ^ ((value ^ limit) & saturated);
    }
}
