// Carry-less multiplication: PMUL, PMULL and PMULL2 of bytes and of doublewords.
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Polynomial multiplication over {0, 1}.</summary>
public static unsafe class Polynomial
{
    /// <summary>PMUL: low 8 bits of the products of bytes.</summary>
    internal static void Multiply(CpuState* s, MicroOp* op)
    {
        var a = Slots.Load<byte>(s, op->A);
        var b = Slots.Load<byte>(s, op->B);
        var result = Vector128<byte>.Zero;
        for (var i = 0; i < 8; i++)
        {
            // All-ones in the lanes whose bit i of b is set.
            var bit = Vector128.LessThan((b << (7 - i)).AsSByte(), Vector128<sbyte>.Zero).AsByte();
            result ^= (a << i) & bit;
        }

        Slots.Put(s, op, result);
    }

    /// <summary>PMULL of 8 bytes at A and at B.</summary>
    internal static void MultiplyLong8(CpuState* s, MicroOp* op)
    {
        var a = Vector128.WidenLower(Vector128.CreateScalar(*(ulong*)((byte*)s + op->A)).AsByte());
        var b = Vector128.WidenLower(Vector128.CreateScalar(*(ulong*)((byte*)s + op->B)).AsByte());
        var result = Vector128<ushort>.Zero;
        for (var i = 0; i < 8; i++)
        {
            var bit = Vector128.LessThan((b << (15 - i)).AsInt16(), Vector128<short>.Zero).AsUInt16();
            result ^= (a << i) & bit;
        }

        Slots.Put(s, op, result);
    }

    /// <summary>PMULL of the doublewords at A and at B.</summary>
    internal static void MultiplyLong64(CpuState* s, MicroOp* op)
    {
        var a = *(ulong*)((byte*)s + op->A);
        var b = *(ulong*)((byte*)s + op->B);
        *(Vector128<ulong>*)((byte*)s + op->D) = Pclmulqdq.IsSupported
            ? Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(a), Vector128.CreateScalar(b), 0)
            : Multiply64(a, b);
    }

    /// <summary>The 128-bit carry-less product, without host instructions for it.</summary>
    public static Vector128<ulong> Multiply64(ulong a, ulong b)
    {
        ulong low = 0, high = 0;
        for (var i = 0; i < 64; i++)
        {
            var mask = 0 - ((b >> i) & 1);
            low ^= (a << i) & mask;
            high ^= (i == 0 ? 0 : a >> (64 - i)) & mask;
        }

        return Vector128.Create(low, high);
    }
}
