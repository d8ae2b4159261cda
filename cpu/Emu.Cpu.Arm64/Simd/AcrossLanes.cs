// Reductions across lanes: ADDV, SADDLV, UADDLV, SMAXV, SMINV, UMAXV, UMINV.
using System.Numerics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Helpers of the across-lanes instructions: A = source, Aux = its live bytes, C = bytes of the result.</summary>
internal static unsafe class AcrossLanes
{
    /// <summary>Sum of the elements in the wide type; ADDV keeps the low element by C.</summary>
    public static void Sum<T, TWide>(CpuState* s, MicroOp* op)
        where T : unmanaged, IBinaryInteger<T> where TWide : unmanaged, IBinaryInteger<TWide>
    {
        var a = (T*)((byte*)s + op->A);
        var sum = TWide.Zero;
        for (var i = 0; i < (int)op->Aux / sizeof(T); i++)
        {
            sum += TWide.CreateTruncating(a[i]);
        }

        Slots.PutLow(s, op, ulong.CreateTruncating(sum));
    }

    /// <summary>Greatest element.</summary>
    public static void Max<T>(CpuState* s, MicroOp* op) where T : unmanaged, IBinaryInteger<T>
    {
        var a = (T*)((byte*)s + op->A);
        var max = a[0];
        for (var i = 1; i < (int)op->Aux / sizeof(T); i++)
        {
            max = T.Max(max, a[i]);
        }

        Slots.PutLow(s, op, ulong.CreateTruncating(max));
    }

    /// <summary>Least element.</summary>
    public static void Min<T>(CpuState* s, MicroOp* op) where T : unmanaged, IBinaryInteger<T>
    {
        var a = (T*)((byte*)s + op->A);
        var min = a[0];
        for (var i = 1; i < (int)op->Aux / sizeof(T); i++)
        {
            min = T.Min(min, a[i]);
        }

        Slots.PutLow(s, op, ulong.CreateTruncating(min));
    }
}
