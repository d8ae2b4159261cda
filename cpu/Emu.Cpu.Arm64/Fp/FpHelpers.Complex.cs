// Helpers of complex arithmetic (FEAT_FCMA), half-precision multiply long (FEAT_FHM) and BFloat16 (FEAT_BF16).
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Fp;

public static unsafe partial class FpHelpers
{
    /// <summary>Argument of FCMLA: the rotation, in quarter turns, 2 bits from here.</summary>
    public const int RotationShift = 1;

    /// <summary>Argument of FMLAL and its kind: the product is subtracted.</summary>
    public const uint Subtract = 2;

    /// <summary>FCADD: D = A + B rotated. Argument bit 0: by 270 degrees, else by 90.</summary>
    public static void ComplexAdd<T>(CpuState* s, MicroOp* op)
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var result = Vector128<byte>.Zero;
        var p = (byte*)&result;
        var lanes = (int)(op->Aux & 0xff);
        byte* a = (byte*)s + op->A, b = (byte*)s + op->B;
        var realSign = (c.Argument & 1) != 0 ? 0 : FpFormat<T>.SignBit;
        var imaginarySign = FpFormat<T>.SignBit ^ realSign;
        for (var i = 0; i < lanes; i += 2)
        {
            Store<T>(p, i, FAdd.Apply<T>(ref c, Load<T>(a, i), Load<T>(b, i + 1) ^ realSign));
            Store<T>(p, i + 1, FAdd.Apply<T>(ref c, Load<T>(a, i + 1), Load<T>(b, i) ^ imaginarySign));
        }

        *(Vector128<byte>*)((byte*)s + op->D) = result;
        End(s, in c);
    }

    /// <summary>FCMLA: D += A * B, the half of the complex product that the rotation selects. <see cref="ByElement"/>: B is one pair.</summary>
    public static void ComplexMultiplyAdd<T>(CpuState* s, MicroOp* op)
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var result = Vector128<byte>.Zero;
        var p = (byte*)&result;
        var lanes = (int)(op->Aux & 0xff);
        byte* d = (byte*)s + op->D, a = (byte*)s + op->A, b = (byte*)s + op->B;
        var step = (c.Argument & ByElement) != 0 ? 0 : 1;
        var rotation = (int)(c.Argument >> RotationShift) & 3;
        var odd = rotation & 1;
        var realSign = rotation is 1 or 2 ? FpFormat<T>.SignBit : 0;
        var imaginarySign = rotation >= 2 ? FpFormat<T>.SignBit : 0;
        for (var i = 0; i < lanes; i += 2)
        {
            var factor = Load<T>(a, i + odd);
            var real = Load<T>(b, (i * step) + odd) ^ realSign;
            var imaginary = Load<T>(b, (i * step) + (1 - odd)) ^ imaginarySign;
            Store<T>(p, i, FMAdd.Apply<T>(ref c, Load<T>(d, i), factor, real));
            Store<T>(p, i + 1, FMAdd.Apply<T>(ref c, Load<T>(d, i + 1), factor, imaginary));
        }

        *(Vector128<byte>*)d = result;
        End(s, in c);
    }

    /// <summary>FMLAL, FMLSL and their second parts: single D += half A * half B; A and B are the slots of the halves that are read.</summary>
    public static void MultiplyAddLong(CpuState* s, MicroOp* op)
    {
        var c = Begin(s, op);
        var result = Vector128<byte>.Zero;
        var lanes = (int)(op->Aux & 0xff);
        byte* d = (byte*)s + op->D, a = (byte*)s + op->A, b = (byte*)s + op->B;
        var step = (c.Argument & ByElement) != 0 ? 0 : 1;
        var sign = (c.Argument & Subtract) != 0 ? FpFormat<Binary16>.SignBit : 0;
        for (var i = 0; i < lanes; i++)
        {
            var r = SoftFloat.MultiplyAddHalf(ref c, Load<Binary32>(d, i), Load<Binary16>(a, i) ^ sign, Load<Binary16>(b, i * step));
            Store<Binary32>((byte*)&result, i, r);
        }

        *(Vector128<byte>*)d = result;
        End(s, in c);
    }

    /// <summary>BFDOT: each single lane of D += dot product of a pair of A and a pair of B.</summary>
    public static void BFloatDot(CpuState* s, MicroOp* op)
    {
        var result = Vector128<uint>.Zero;
        var lanes = (int)(op->Aux & 0xff);
        uint* d = (uint*)((byte*)s + op->D), a = (uint*)((byte*)s + op->A), b = (uint*)((byte*)s + op->B);
        var step = ((op->Aux >> ArgumentShift) & ByElement) != 0 ? 0 : 1;
        for (var i = 0; i < lanes; i++)
        {
            ((uint*)&result)[i] = DotPair(d[i], a[i], b[i * step]);
        }

        *(Vector128<uint>*)d = result;
    }

    /// <summary>BFMMLA: the 2x2 single matrix D += 2x4 matrix A times the transpose of 2x4 matrix B.</summary>
    public static void BFloatMatrix(CpuState* s, MicroOp* op)
    {
        var result = Vector128<uint>.Zero;
        uint* d = (uint*)((byte*)s + op->D), a = (uint*)((byte*)s + op->A), b = (uint*)((byte*)s + op->B);
        for (var i = 0; i < 4; i++)
        {
            var row = a + (i & 2);
            var column = b + ((i & 1) * 2);
            ((uint*)&result)[i] = DotPair(DotPair(d[i], row[0], column[0]), row[1], column[1]);
        }

        *(Vector128<uint>*)d = result;
    }

    /// <summary>BFMLALB, BFMLALT: single D += every second BFloat16 of A times that of B; A and B start at the first element read.</summary>
    public static void BFloatMultiplyAddLong(CpuState* s, MicroOp* op)
    {
        var c = Begin(s, op);
        var result = Vector128<byte>.Zero;
        var lanes = (int)(op->Aux & 0xff);
        var d = (byte*)s + op->D;
        ushort* a = (ushort*)((byte*)s + op->A), b = (ushort*)((byte*)s + op->B);
        var step = (c.Argument & ByElement) != 0 ? 0 : 2;
        for (var i = 0; i < lanes; i++)
        {
            var r = FMAdd.Apply<Binary32>(ref c, Load<Binary32>(d, i), (ulong)a[2 * i] << 16, (ulong)b[i * step] << 16);
            Store<Binary32>((byte*)&result, i, r);
        }

        *(Vector128<byte>*)d = result;
        End(s, in c);
    }

    private static uint DotPair(uint addend, uint a, uint b) => SoftFloat.BFloatDotAdd(addend, a & 0xffff, a >> 16, b & 0xffff, b >> 16);
}
