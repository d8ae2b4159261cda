// The named vector operations, one lane at a time.
using System.Numerics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Tests.Toy;

/// <summary>What <see cref="VectorOperation"/> says, in numbers without a width.</summary>
internal static class VectorLanes
{
    /// <summary>The operations that have a name.</summary>
    public static readonly VectorOperation[] Names =
        [.. Enum.GetValues<VectorOperation>().Where(o => o is not (VectorOperation.None or VectorOperation.Size or VectorOperation.Signed))];

    /// <summary>The result of a CallVector; nothing else is changed.</summary>
    public static void Compute(in MicroOp op, ReadOnlySpan<byte> d, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, Span<byte> result)
    {
        var operation = (VectorOperation)(op.C >> 8);
        var bytes = 1 << (int)(operation & VectorOperation.Size);
        var unsigned = (operation & VectorOperation.Signed) == 0;
        result.Clear();
        for (var at = 0; at < (op.C & 0xFF); at += bytes)
        {
            var value = Lane(
                operation & ~(VectorOperation.Size | VectorOperation.Signed),
                new BigInteger(d.Slice(at, bytes), unsigned),
                new BigInteger(a.Slice(at, bytes), unsigned),
                new BigInteger(b.Slice(at, bytes), unsigned),
                bytes * 8,
                (int)op.Aux);
            for (var i = 0; i < bytes; i++)
            {
                result[at + i] = (byte)((value >> (8 * i)) & 0xFF);
            }
        }
    }

    private static BigInteger Lane(VectorOperation operation, BigInteger d, BigInteger a, BigInteger b, int bits, int amount)
    {
        var low = (BigInteger.One << amount) - 1;
        var high = ((BigInteger.One << bits) - 1) ^ ((BigInteger.One << Math.Max(bits - amount, 0)) - 1);
        var bitsOfA = a & ((BigInteger.One << bits) - 1);
        return operation switch
        {
            VectorOperation.ShiftLeft => a << amount,
            VectorOperation.ShiftRight => a >> amount,
            VectorOperation.ShiftRightAccumulate => d + (a >> amount),
            VectorOperation.ShiftLeftInsert => (a << amount) | (d & low),
            VectorOperation.ShiftRightInsert => (bitsOfA >> amount) | (d & high),
            VectorOperation.Multiply => a * b,
            VectorOperation.MultiplyAdd => d + (a * b),
            VectorOperation.MultiplySubtract => d - (a * b),
            VectorOperation.Maximum => BigInteger.Max(a, b),
            VectorOperation.Minimum => BigInteger.Min(a, b),
            VectorOperation.Greater => a > b ? -1 : 0,
            VectorOperation.GreaterOrEqual => a >= b ? -1 : 0,
            VectorOperation.Test => (a & b) != 0 ? -1 : 0,
            VectorOperation.Select => (a & d) | (b & ~d),
            VectorOperation.InsertIfTrue => (a & b) | (d & ~b),
            VectorOperation.InsertIfFalse => (d & b) | (a & ~b),
            VectorOperation.Not => -a - 1,
            VectorOperation.Negate => -a,
            VectorOperation.EqualZero => a.IsZero ? -1 : 0,
            _ => throw new ArgumentOutOfRangeException(nameof(operation)),
        };
    }
}
