// Reductions across lanes: ADDV, SADDLV, UADDLV, SMAXV, SMINV, UMAXV, UMINV. Each folds the vector in half until one element is left.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Helpers of the across-lanes instructions: A = source, Aux = its live bytes, C = bytes of the result.</summary>
internal static unsafe class AcrossLanes
{
    /// <summary>ADDV.</summary>
    public static void Sum<T>(CpuState* s, MicroOp* op) where T : unmanaged =>
        Slots.PutLow(s, op, Fold<T, Add>(Source<T>(s, op, Vector128<ulong>.Zero)));

    /// <summary>SADDLV, UADDLV on the wide element type: neighbours first, their sums never overflow it.</summary>
    public static void SumLong<TWide>(CpuState* s, MicroOp* op) where TWide : unmanaged
    {
        var v = Source<TWide>(s, op, Vector128<ulong>.Zero);
        Slots.PutLow(s, op, Fold<TWide, Add>(AddLongPairs.Apply(v, v, v)));
    }

    /// <summary>SMAXV, UMAXV.</summary>
    public static void Max<T>(CpuState* s, MicroOp* op) where T : unmanaged =>
        Slots.PutLow(s, op, Fold<T, Max>(Source<T>(s, op, Slots.Load<ulong>(s, op->A))));

    /// <summary>SMINV, UMINV.</summary>
    public static void Min<T>(CpuState* s, MicroOp* op) where T : unmanaged =>
        Slots.PutLow(s, op, Fold<T, Min>(Source<T>(s, op, Slots.Load<ulong>(s, op->A))));

    /// <summary>The source; of an 8-byte one the upper half is replaced by the filler's lower half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<T> Source<T>(CpuState* s, MicroOp* op, Vector128<ulong> filler) where T : unmanaged
    {
        var v = Slots.Load<ulong>(s, op->A);
        return (op->Aux == 16 ? v : Vector128.Create(v.ToScalar(), filler.ToScalar())).As<ulong, T>();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Fold<T, TOp>(Vector128<T> v) where T : unmanaged where TOp : struct, IVectorOp
    {
        v = TOp.Apply(v, v, Vector128.Shuffle(v.AsUInt64(), Vector128.Create(1UL, 0UL)).As<ulong, T>());
        if (sizeof(T) <= 4)
        {
            v = TOp.Apply(v, v, (v.AsUInt64() >>> 32).As<ulong, T>());
        }

        if (sizeof(T) <= 2)
        {
            v = TOp.Apply(v, v, (v.AsUInt64() >>> 16).As<ulong, T>());
        }

        if (sizeof(T) == 1)
        {
            v = TOp.Apply(v, v, (v.AsUInt64() >>> 8).As<ulong, T>());
        }

        return v.AsUInt64().ToScalar();
    }
}
