// What micro-op Call runs for the regular shapes: an operation over one lane or a vector of lanes.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Fp;

/// <summary>
/// Helpers for micro-ops. Operands are V slots; Aux bits 0 to 7 are the number of lanes, the bits above the operation's argument
/// (<see cref="FpArgument"/>, or <see cref="ByElement"/>). All lanes are computed before the destination is written, whose remaining bits become zero.
/// </summary>
public static unsafe partial class FpHelpers
{
    /// <summary>Aux: the argument starts here.</summary>
    public const int ArgumentShift = 8;

    /// <summary>Argument of vector operations on two sources: the second is one element, for all lanes.</summary>
    public const uint ByElement = 1;

    /// <summary>D = op(A), one lane.</summary>
    public static void Scalar1<TOp, T>(CpuState* s, MicroOp* op)
        where TOp : struct, IFpUnary
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var r = TOp.Apply<T>(ref c, Load<T>((byte*)s + op->A));
        *(Vector128<ulong>*)((byte*)s + op->D) = Vector128.CreateScalar(r);
        End(s, in c);
    }

    /// <summary>D = op(A, B), one lane.</summary>
    public static void Scalar2<TOp, T>(CpuState* s, MicroOp* op)
        where TOp : struct, IFpBinary
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var r = TOp.Apply<T>(ref c, Load<T>((byte*)s + op->A), Load<T>((byte*)s + op->B));
        *(Vector128<ulong>*)((byte*)s + op->D) = Vector128.CreateScalar(r);
        End(s, in c);
    }

    /// <summary>D = op(C, A, B), one lane, C being the addend.</summary>
    public static void Scalar3<TOp, T>(CpuState* s, MicroOp* op)
        where TOp : struct, IFpTernary
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var r = TOp.Apply<T>(ref c, Load<T>((byte*)s + op->C), Load<T>((byte*)s + op->A), Load<T>((byte*)s + op->B));
        *(Vector128<ulong>*)((byte*)s + op->D) = Vector128.CreateScalar(r);
        End(s, in c);
    }

    /// <summary>D = op(A), lane by lane.</summary>
    public static void Vector1<TOp, T>(CpuState* s, MicroOp* op)
        where TOp : struct, IFpUnary
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var result = Vector128<byte>.Zero;
        var lanes = (int)(op->Aux & 0xff);
        var a = (byte*)s + op->A;
        for (var i = 0; i < lanes; i++)
        {
            Store<T>((byte*)&result, i, TOp.Apply<T>(ref c, Load<T>(a, i)));
        }

        *(Vector128<byte>*)((byte*)s + op->D) = result;
        End(s, in c);
    }

    /// <summary>D = op(A, B), lane by lane or <see cref="ByElement"/>.</summary>
    public static void Vector2<TOp, T>(CpuState* s, MicroOp* op)
        where TOp : struct, IFpBinary
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var result = Vector128<byte>.Zero;
        var lanes = (int)(op->Aux & 0xff);
        var a = (byte*)s + op->A;
        var b = (byte*)s + op->B;
        var step = (c.Argument & ByElement) != 0 ? 0 : 1;
        for (var i = 0; i < lanes; i++)
        {
            Store<T>((byte*)&result, i, TOp.Apply<T>(ref c, Load<T>(a, i), Load<T>(b, i * step)));
        }

        *(Vector128<byte>*)((byte*)s + op->D) = result;
        End(s, in c);
    }

    /// <summary>D = op(D, A, B), lane by lane or <see cref="ByElement"/>, D being the addend.</summary>
    public static void Vector3<TOp, T>(CpuState* s, MicroOp* op)
        where TOp : struct, IFpTernary
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var result = Vector128<byte>.Zero;
        var lanes = (int)(op->Aux & 0xff);
        var d = (byte*)s + op->D;
        var a = (byte*)s + op->A;
        var b = (byte*)s + op->B;
        var step = (c.Argument & ByElement) != 0 ? 0 : 1;
        for (var i = 0; i < lanes; i++)
        {
            Store<T>((byte*)&result, i, TOp.Apply<T>(ref c, Load<T>(d, i), Load<T>(a, i), Load<T>(b, i * step)));
        }

        *(Vector128<byte>*)d = result;
        End(s, in c);
    }

    /// <summary>D = op of neighbouring lanes of A, then of B.</summary>
    public static void Pairwise<TOp, T>(CpuState* s, MicroOp* op)
        where TOp : struct, IFpBinary
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var result = Vector128<byte>.Zero;
        var half = (int)(op->Aux & 0xff) / 2;
        for (var part = 0; part < 2; part++)
        {
            var source = (byte*)s + (part == 0 ? op->A : op->B);
            for (var i = 0; i < half; i++)
            {
                Store<T>((byte*)&result, (part * half) + i, TOp.Apply<T>(ref c, Load<T>(source, 2 * i), Load<T>(source, (2 * i) + 1)));
            }
        }

        *(Vector128<byte>*)((byte*)s + op->D) = result;
        End(s, in c);
    }

    /// <summary>D = all lanes of A reduced to one, as the manual's Reduce pairs them: lower half with upper half, recursively.</summary>
    public static void Across<TOp, T>(CpuState* s, MicroOp* op)
        where TOp : struct, IFpBinary
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var values = *(Vector128<byte>*)((byte*)s + op->A);
        var p = (byte*)&values;
        for (var lanes = (int)(op->Aux & 0xff); lanes > 1; lanes /= 2)
        {
            for (var i = 0; i < lanes / 2; i++)
            {
                Store<T>(p, i, TOp.Apply<T>(ref c, Load<T>(p, 2 * i), Load<T>(p, (2 * i) + 1)));
            }
        }

        *(Vector128<ulong>*)((byte*)s + op->D) = Vector128.CreateScalar(Load<T>(p));
        End(s, in c);
    }

    /// <summary>The environment of a helper: FPCR, FPSR, the argument.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static FpContext Begin(CpuState* s, MicroOp* op) =>
        new((uint)((Arm64State*)s)->Fpcr, (uint)((Arm64State*)s)->Fpsr, op->Aux >> ArgumentShift);

    /// <summary>Writes FPSR back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void End(CpuState* s, in FpContext c) => ((Arm64State*)s)->Fpsr = c.Status;

    /// <summary>A lane of a slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Load<T>(byte* p, int lane = 0)
        where T : struct, IFpFormat =>
        FpFormat<T>.Bits == 64 ? ((ulong*)p)[lane] : FpFormat<T>.Bits == 32 ? ((uint*)p)[lane] : ((ushort*)p)[lane];

    /// <summary>Writes a lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store<T>(byte* p, int lane, ulong value)
        where T : struct, IFpFormat
    {
        if (FpFormat<T>.Bits == 64)
        {
            ((ulong*)p)[lane] = value;
        }
        else if (FpFormat<T>.Bits == 32)
        {
            ((uint*)p)[lane] = (uint)value;
        }
        else
        {
            ((ushort*)p)[lane] = (ushort)value;
        }
    }
}
