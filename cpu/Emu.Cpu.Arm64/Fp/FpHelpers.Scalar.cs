// Helpers of the scalar instructions that are no lane operations: compares and conversions.
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Fp;

public static unsafe partial class FpHelpers
{
    /// <summary>FCMP, FCMPE: flags of A against B. Argument bit 0: any NaN signals. B may be the zero slot.</summary>
    public static void CompareFlags<T>(CpuState* s, MicroOp* op)
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        s->Flags = FpCompare.Flags<T>(ref c, Load<T>((byte*)s + op->A), Load<T>((byte*)s + op->B), (c.Argument & 1) != 0);
        End(s, in c);
    }

    /// <summary>Argument of FCCMP: the condition's mask of flag values, 16 bits from here.</summary>
    public const int ConditionShift = 4;

    /// <summary>Argument of FCCMP: the flags when the condition does not hold, 4 bits from here.</summary>
    public const int ElseFlagsShift = 20;

    /// <summary>FCCMP, FCCMPE: as <see cref="CompareFlags{T}"/> if the condition holds, else the flags of the argument.</summary>
    public static void ConditionalCompareFlags<T>(CpuState* s, MicroOp* op)
        where T : struct, IFpFormat
    {
        var argument = op->Aux >> ArgumentShift;
        if (((argument >> ConditionShift >> (int)s->Flags) & 1) != 0)
        {
            CompareFlags<T>(s, op);
        }
        else
        {
            s->Flags = argument >> ElseFlagsShift;
        }
    }

    /// <summary>FCVT: D = A in another format.</summary>
    public static void ConvertFormat<TFrom, TTo>(CpuState* s, MicroOp* op)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        var c = Begin(s, op);
        *(Vector128<ulong>*)((byte*)s + op->D) = Vector128.CreateScalar(ConvertOne<TFrom, TTo>(ref c, Load<TFrom>((byte*)s + op->A), c.Rounding));
        End(s, in c);
    }

    /// <summary>FCVTxS, FCVTxU, FCVTZS and FCVTZU with fraction bits, to a general register slot.</summary>
    public static void ToGeneral<T>(CpuState* s, MicroOp* op)
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        *(ulong*)((byte*)s + op->D) = FpFixed.To<T>(
            ref c,
            Load<T>((byte*)s + op->A),
            (int)(c.Argument >> FpArgument.FractionShift),
            (c.Argument & FpArgument.Unsigned) != 0,
            c.ArgumentRounding,
            (c.Argument & FpArgument.Is64) != 0 ? 64 : 32);
        End(s, in c);
    }

    /// <summary>SCVTF, UCVTF from a general register slot.</summary>
    public static void FromGeneral<T>(CpuState* s, MicroOp* op)
        where T : struct, IFpFormat
    {
        var c = Begin(s, op);
        var value = *(ulong*)((byte*)s + op->A);
        var unsigned = (c.Argument & FpArgument.Unsigned) != 0;
        if ((c.Argument & FpArgument.Is64) == 0)
        {
            value = unsigned ? (uint)value : (ulong)(int)value;
        }

        var result = FpFixed.From<T>(ref c, value, unsigned, (int)(c.Argument >> FpArgument.FractionShift));
        *(Vector128<ulong>*)((byte*)s + op->D) = Vector128.CreateScalar(result);
        End(s, in c);
    }

    /// <summary>FJCVTZS: D = ToInt32(A); Z tells whether that was exact.</summary>
    public static void ToInt32JavaScript(CpuState* s, MicroOp* op)
    {
        var c = Begin(s, op);
        *(ulong*)((byte*)s + op->D) = SoftFloat.ToInt32JavaScript(ref c, Load<Binary64>((byte*)s + op->A), out var zero);
        s->Flags = zero ? 4u : 0;
        End(s, in c);
    }

    /// <summary>FCVTL, FCVTL2: D = lanes of A in the next wider format; A is the slot of the half that is read.</summary>
    public static void Lengthen<TFrom, TTo>(CpuState* s, MicroOp* op)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        var c = Begin(s, op);
        var result = Vector128<byte>.Zero;
        var lanes = (int)(op->Aux & 0xff);
        for (var i = 0; i < lanes; i++)
        {
            Store<TTo>((byte*)&result, i, ConvertOne<TFrom, TTo>(ref c, Load<TFrom>((byte*)s + op->A, i), c.Rounding));
        }

        *(Vector128<byte>*)((byte*)s + op->D) = result;
        End(s, in c);
    }

    /// <summary>FCVTN, FCVTXN, BFCVTN and their second parts: lanes of A in the next narrower format, into the lower half of D (upper half zero), or, argument bit 3, into its upper half.</summary>
    public static void Narrow<TFrom, TTo>(CpuState* s, MicroOp* op)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        var c = Begin(s, op);
        ulong result = 0;
        var lanes = (int)(op->Aux & 0xff);
        for (var i = 0; i < lanes; i++)
        {
            Store<TTo>((byte*)&result, i, ConvertOne<TFrom, TTo>(ref c, Load<TFrom>((byte*)s + op->A, i), c.ArgumentRounding));
        }

        var d = (ulong*)((byte*)s + op->D);
        if ((c.Argument & SecondPart) != 0)
        {
            d[1] = result;
        }
        else
        {
            d[0] = result;
            d[1] = 0;
        }

        End(s, in c);
    }

    /// <summary>Argument of <see cref="Narrow{TFrom,TTo}"/>: the "2" forms.</summary>
    public const uint SecondPart = 8;

    private static ulong ConvertOne<TFrom, TTo>(ref FpContext c, ulong value, FpRounding mode)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        if (typeof(TFrom) == typeof(Binary32) && typeof(TTo) == typeof(Binary64) && HostFloat.Widen(ref c, value, out var wide))
        {
            return wide;
        }

        if (typeof(TFrom) == typeof(Binary64) && typeof(TTo) == typeof(Binary32) && mode == FpRounding.TiesToEven && HostFloat.Narrow(ref c, value, out var narrow))
        {
            return narrow;
        }

        return SoftFloat.Convert<TFrom, TTo>(ref c, value, mode);
    }
}
