// Helpers that run an IVectorOp: element by element, on widened, narrowed or paired operands.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Each method is a helper of the micro-op Call; see <see cref="Slots"/> for the operands.</summary>
internal static unsafe class VectorRunner
{
    /// <summary>D = f(D, A, B).</summary>
    public static void Same<T, TOp>(CpuState* s, MicroOp* op) where T : unmanaged where TOp : struct, IVectorOp =>
        Slots.Put(s, op, TOp.Apply(Slots.Load<T>(s, op->D), Slots.Load<T>(s, op->A), Slots.Load<T>(s, op->B)));

    /// <summary>D (wide) = f(D, widened 8 bytes at A, widened 8 bytes at B).</summary>
    public static void Long<TNarrow, TWide, TOp>(CpuState* s, MicroOp* op)
        where TNarrow : unmanaged where TWide : unmanaged where TOp : struct, IVectorOp =>
        Slots.Put(s, op, TOp.Apply(Slots.Load<TWide>(s, op->D), WidenAt<TNarrow, TWide>(s, op->A), WidenAt<TNarrow, TWide>(s, op->B)));

    /// <summary>D (wide) = f(D, A, widened 8 bytes at B).</summary>
    public static void Wide<TNarrow, TWide, TOp>(CpuState* s, MicroOp* op)
        where TNarrow : unmanaged where TWide : unmanaged where TOp : struct, IVectorOp =>
        Slots.Put(s, op, TOp.Apply(Slots.Load<TWide>(s, op->D), Slots.Load<TWide>(s, op->A), WidenAt<TNarrow, TWide>(s, op->B)));

    /// <summary>8 bytes of D = high halves of f(A, B); Aux = 1 rounds; C = 0 leaves the other half of the register alone.</summary>
    public static void HighNarrow<TWide, TOp>(CpuState* s, MicroOp* op) where TWide : unmanaged where TOp : struct, IVectorOp
    {
        var a = Slots.Load<TWide>(s, op->A);
        var sum = TOp.Apply(a, a, Slots.Load<TWide>(s, op->B));
        if (op->Aux != 0)
        {
            // 1 << (half - 1), the rounding constant.
            sum += (Vector128<TWide>.One << ((sizeof(TWide) * 4) - 1));
        }

        PutNarrow(s, op, Narrow(sum >>> (sizeof(TWide) * 4)));
    }

    /// <summary>8 bytes of D = low halves of A >> Aux[7:0]; Aux[8] rounds; C = 0 leaves the other half of the register alone.</summary>
    public static void ShiftNarrow<TWide>(CpuState* s, MicroOp* op) where TWide : unmanaged
    {
        var a = Slots.Load<TWide>(s, op->A);
        var shift = (int)(op->Aux & 0xFF);
        if ((op->Aux & 0x100) != 0)
        {
            a += Vector128<TWide>.One << (shift - 1);
        }

        PutNarrow(s, op, Narrow(a >>> shift));
    }

    /// <summary>Narrow D = A >> Aux[7:0], saturated to the narrow type; Aux[8] rounds. C = 0 writes the 8 bytes at D only, else as usual.</summary>
    public static void NarrowSaturate<TWide, TNarrow>(CpuState* s, MicroOp* op)
        where TWide : unmanaged, IBinaryInteger<TWide>
        where TNarrow : unmanaged, IBinaryInteger<TNarrow>, IMinMaxValue<TNarrow>
    {
        var a = Slots.Load<TWide>(s, op->A);
        var shift = (int)(op->Aux & 0xFF);
        var value = a >> shift;
        if ((op->Aux & 0x100) != 0)
        {
            value += (a >> (shift - 1)) & Vector128<TWide>.One;
        }

        var limited = Vector128.Min(value, Vector128.Create(TWide.CreateTruncating(TNarrow.MaxValue)));
        limited = Vector128.Max(limited, Vector128.Create(TWide.CreateTruncating(TNarrow.MinValue)));
        var result = Narrow(limited);
        if (op->C == 0)
        {
            *(ulong*)((byte*)s + op->D) = result;
        }
        else
        {
            Slots.PutLow(s, op, result);
        }

        Slots.Saturated(s, Slots.AnyLive(limited ^ value, op->C == 0 ? 16 : op->C * 2));
    }

    /// <summary>D (wide) = widened 8 bytes at A, shifted left by Aux.</summary>
    public static void ShiftLong<TNarrow, TWide>(CpuState* s, MicroOp* op) where TNarrow : unmanaged where TWide : unmanaged =>
        Slots.Put(s, op, WidenAt<TNarrow, TWide>(s, op->A) << (int)op->Aux);

    /// <summary>D = f of neighbouring elements of B:A.</summary>
    public static void Pairwise<T, TOp>(CpuState* s, MicroOp* op) where T : unmanaged where TOp : struct, IVectorOp
    {
        var a = Slots.Load<T>(s, op->A);
        var b = Slots.Load<T>(s, op->B);
        if (op->C != 16)
        {
            a = b = Vector128.Create(a.AsUInt64().ToScalar(), b.AsUInt64().ToScalar()).As<ulong, T>();
        }

        var even = Permute.UnzipEven(a, b);
        Slots.Put(s, op, TOp.Apply(even, even, Permute.UnzipOdd(a, b)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<TWide> WidenAt<TNarrow, TWide>(CpuState* s, ushort slot) where TNarrow : unmanaged where TWide : unmanaged
    {
        var v = Vector128.CreateScalar(*(ulong*)((byte*)s + slot));
        return typeof(TNarrow) == typeof(sbyte) ? Vector128.WidenLower(v.AsSByte()).As<short, TWide>()
            : typeof(TNarrow) == typeof(byte) ? Vector128.WidenLower(v.AsByte()).As<ushort, TWide>()
            : typeof(TNarrow) == typeof(short) ? Vector128.WidenLower(v.AsInt16()).As<int, TWide>()
            : typeof(TNarrow) == typeof(ushort) ? Vector128.WidenLower(v.AsUInt16()).As<uint, TWide>()
            : typeof(TNarrow) == typeof(int) ? Vector128.WidenLower(v.AsInt32()).As<long, TWide>()
            : Vector128.WidenLower(v.AsUInt32()).As<ulong, TWide>();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Narrow<TWide>(Vector128<TWide> v) where TWide : unmanaged =>
        sizeof(TWide) == 2 ? Vector128.Narrow(v.AsUInt16(), v.AsUInt16()).AsUInt64().ToScalar()
        : sizeof(TWide) == 4 ? Vector128.Narrow(v.AsUInt32(), v.AsUInt32()).AsUInt64().ToScalar()
        : Vector128.Narrow(v.AsUInt64(), v.AsUInt64()).AsUInt64().ToScalar();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutNarrow(CpuState* s, MicroOp* op, ulong value)
    {
        var d = (ulong*)((byte*)s + op->D);
        d[0] = value;
        if (op->C != 0)
        {
            d[1] = 0;
        }
    }
}
