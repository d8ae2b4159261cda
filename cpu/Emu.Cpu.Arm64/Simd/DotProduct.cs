// Integer dot products (FEAT_DotProd) and 8-bit matrix multiplication (FEAT_I8MM).
using System.Numerics;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Helpers generic over the element types of A and B.</summary>
internal static unsafe class DotProduct
{
    /// <summary>SDOT, UDOT, USDOT, SUDOT: each word of D gains the products of four bytes.</summary>
    public static void Dot<TA, TB>(CpuState* s, MicroOp* op)
        where TA : unmanaged, IBinaryInteger<TA> where TB : unmanaged, IBinaryInteger<TB>
    {
        var d = (int*)((byte*)s + op->D);
        var a = (TA*)((byte*)s + op->A);
        var b = (TB*)((byte*)s + op->B);
        for (var i = 0; i < op->C / 4; i++)
        {
            // Word i of the result depends on word i of the sources only: in place is safe.
            var k = i * 4;
            d[i] += (int.CreateTruncating(a[k]) * int.CreateTruncating(b[k]))
                + (int.CreateTruncating(a[k + 1]) * int.CreateTruncating(b[k + 1]))
                + (int.CreateTruncating(a[k + 2]) * int.CreateTruncating(b[k + 2]))
                + (int.CreateTruncating(a[k + 3]) * int.CreateTruncating(b[k + 3]));
        }

        Slots.ClearRest(s, op);
    }

    /// <summary>SMMLA, UMMLA, USMMLA: D (2x2 words) += A (2x8 bytes) times the transpose of B (2x8 bytes).</summary>
    public static void MatrixMultiply<TA, TB>(CpuState* s, MicroOp* op)
        where TA : unmanaged, IBinaryInteger<TA> where TB : unmanaged, IBinaryInteger<TB>
    {
        var result = Slots.Load<int>(s, op->D);
        var a = (TA*)((byte*)s + op->A);
        var b = (TB*)((byte*)s + op->B);
        for (var row = 0; row < 2; row++)
        {
            for (var column = 0; column < 2; column++)
            {
                var sum = result.GetElement((row * 2) + column);
                for (var k = 0; k < 8; k++)
                {
                    sum += int.CreateTruncating(a[(row * 8) + k]) * int.CreateTruncating(b[(column * 8) + k]);
                }

                result = result.WithElement((row * 2) + column, sum);
            }
        }

        *(Vector128<int>*)((byte*)s + op->D) = result;
    }
}
