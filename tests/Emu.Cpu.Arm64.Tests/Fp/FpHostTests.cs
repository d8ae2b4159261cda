// Compares the soft-float core with the host's arithmetic, and the fast paths with the soft-float core.
using System.Runtime.Intrinsics.X86;
using Emu.Cpu.Arm64.Fp;

namespace Emu.Cpu.Arm64.Tests.Fp;

public class FpHostTests
{
    private const int Count = 200_000;

    private delegate bool Fast(ref FpContext c, ulong a, ulong x, ulong y, out ulong result);

    private delegate ulong Soft(ref FpContext c, ulong a, ulong x, ulong y);

    [Fact]
    public void DoubleArithmetic_RoundToNearest_IsTheHosts()
    {
        Compare64((ref c, _, x, y) => SoftFloat.Add<Binary64>(ref c, x, y), (_, x, y) => x + y);
        Compare64((ref c, _, x, y) => SoftFloat.Subtract<Binary64>(ref c, x, y), (_, x, y) => x - y);
        Compare64((ref c, _, x, y) => SoftFloat.Multiply<Binary64>(ref c, x, y), (_, x, y) => x * y);
        Compare64((ref c, _, x, y) => SoftFloat.Divide<Binary64>(ref c, x, y), (_, x, y) => x / y);
        Compare64((ref c, _, x, _) => SoftFloat.SquareRoot<Binary64>(ref c, x), (_, x, _) => Math.Sqrt(x));
        if (Fma.IsSupported)
        {
            Compare64((ref c, a, x, y) => SoftFloat.MultiplyAdd<Binary64>(ref c, a, x, y), (a, x, y) => Math.FusedMultiplyAdd(x, y, a));
        }
    }

    [Fact]
    public void SingleArithmetic_RoundToNearest_IsTheHosts()
    {
        Compare32((ref c, _, x, y) => SoftFloat.Add<Binary32>(ref c, x, y), (_, x, y) => x + y);
        Compare32((ref c, _, x, y) => SoftFloat.Subtract<Binary32>(ref c, x, y), (_, x, y) => x - y);
        Compare32((ref c, _, x, y) => SoftFloat.Multiply<Binary32>(ref c, x, y), (_, x, y) => x * y);
        Compare32((ref c, _, x, y) => SoftFloat.Divide<Binary32>(ref c, x, y), (_, x, y) => x / y);
        Compare32((ref c, _, x, _) => SoftFloat.SquareRoot<Binary32>(ref c, x), (_, x, _) => MathF.Sqrt(x));
        if (Fma.IsSupported)
        {
            Compare32((ref c, a, x, y) => SoftFloat.MultiplyAdd<Binary32>(ref c, a, x, y), (a, x, y) => MathF.FusedMultiplyAdd(x, y, a));
        }
    }

    [Fact]
    public void DoubleFastPath_WhenItAnswers_GivesResultAndFlagsOfTheSoftPath()
    {
        CompareFast(64, (ref c, _, x, y, out r) => HostFloat.Add64(ref c, x, y, out r), (ref c, _, x, y) => SoftFloat.Add<Binary64>(ref c, x, y));
        CompareFast(64, (ref c, _, x, y, out r) => HostFloat.Multiply64(ref c, x, y, out r), (ref c, _, x, y) => SoftFloat.Multiply<Binary64>(ref c, x, y));
        CompareFast(64, (ref c, _, x, y, out r) => HostFloat.Divide64(ref c, x, y, out r), (ref c, _, x, y) => SoftFloat.Divide<Binary64>(ref c, x, y));
        CompareFast(64, (ref c, _, x, _, out r) => HostFloat.SquareRoot64(ref c, x, out r), (ref c, _, x, _) => SoftFloat.SquareRoot<Binary64>(ref c, x));
        CompareFast(64, HostFloat.MultiplyAdd64, SoftFloat.MultiplyAdd<Binary64>);
        CompareFast(
            64,
            (ref c, _, x, _, out r) => HostFloat.Narrow(ref c, x, out r),
            (ref c, _, x, _) => SoftFloat.Convert<Binary64, Binary32>(ref c, x, FpRounding.TiesToEven));
    }

    [Fact]
    public void SingleFastPath_WhenItAnswers_GivesResultAndFlagsOfTheSoftPath()
    {
        CompareFast(32, (ref c, _, x, y, out r) => HostFloat.Add32(ref c, x, y, out r), (ref c, _, x, y) => SoftFloat.Add<Binary32>(ref c, x, y));
        CompareFast(32, (ref c, _, x, y, out r) => HostFloat.Multiply32(ref c, x, y, out r), (ref c, _, x, y) => SoftFloat.Multiply<Binary32>(ref c, x, y));
        CompareFast(32, (ref c, _, x, y, out r) => HostFloat.Divide32(ref c, x, y, out r), (ref c, _, x, y) => SoftFloat.Divide<Binary32>(ref c, x, y));
        CompareFast(32, (ref c, _, x, _, out r) => HostFloat.SquareRoot32(ref c, x, out r), (ref c, _, x, _) => SoftFloat.SquareRoot<Binary32>(ref c, x));
        CompareFast(32, HostFloat.MultiplyAdd32, SoftFloat.MultiplyAdd<Binary32>);
        CompareFast(
            32,
            (ref c, _, x, _, out r) => HostFloat.Widen(ref c, x, out r),
            (ref c, _, x, _) => SoftFloat.Convert<Binary32, Binary64>(ref c, x, FpRounding.TiesToEven));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(FpStatus.Inexact)]
    public void FastPath_TakesOrdinaryNumbers_WhetherOrNotInexactIsSet(uint status)
    {
        var operands = FpOperands.FromTable();
        operands.Start(1, 0);
        for (var i = 0; i < 1000; i++)
        {
            // Integers up to 2^24: in programs that never round, every operation here is exact.
            var x = BitConverter.DoubleToUInt64Bits((operands.Next() >> 40) + 1.0);
            var y = BitConverter.DoubleToUInt64Bits((operands.Next() >> 40) + 1.0);
            var c = new FpContext(0, status);
            Assert.True(HostFloat.Add64(ref c, x, y, out _));
            Assert.True(HostFloat.Multiply64(ref c, x, y, out _));
            Assert.True(HostFloat.MultiplyAdd64(ref c, x, x, y, out _) || !Fma.IsSupported);
            Assert.Equal(status, c.Status);
            Assert.True(HostFloat.Divide64(ref c, x, y, out _) || !Fma.IsSupported);
            Assert.True(HostFloat.SquareRoot64(ref c, x, out _) || !Fma.IsSupported);
        }
    }

    private static void Compare64(Soft soft, Func<double, double, double, double> host)
    {
        var operands = FpOperands.FromTable();
        operands.Start(0, 64);
        for (var i = 0; i < Count; i++)
        {
            ulong a = operands.Lane(64), x = operands.Lane(64), y = operands.Lane(64);
            var c = new FpContext(0, 0);
            var actual = BitConverter.UInt64BitsToDouble(soft(ref c, a, x, y));
            var expected = host(BitConverter.UInt64BitsToDouble(a), BitConverter.UInt64BitsToDouble(x), BitConverter.UInt64BitsToDouble(y));
            if (double.IsNaN(expected) ? !double.IsNaN(actual) : BitConverter.DoubleToUInt64Bits(actual) != BitConverter.DoubleToUInt64Bits(expected))
            {
                Assert.Fail($"{a:x16} {x:x16} {y:x16}: expected {expected:R}, got {actual:R}");
            }
        }
    }

    private static void Compare32(Soft soft, Func<float, float, float, float> host)
    {
        var operands = FpOperands.FromTable();
        operands.Start(0, 32);
        for (var i = 0; i < Count; i++)
        {
            ulong a = operands.Lane(32), x = operands.Lane(32), y = operands.Lane(32);
            var c = new FpContext(0, 0);
            var actual = BitConverter.UInt32BitsToSingle((uint)soft(ref c, a, x, y));
            var expected = host(BitConverter.UInt32BitsToSingle((uint)a), BitConverter.UInt32BitsToSingle((uint)x), BitConverter.UInt32BitsToSingle((uint)y));
            if (float.IsNaN(expected) ? !float.IsNaN(actual) : BitConverter.SingleToUInt32Bits(actual) != BitConverter.SingleToUInt32Bits(expected))
            {
                Assert.Fail($"{a:x8} {x:x8} {y:x8}: expected {expected:R}, got {actual:R}");
            }
        }
    }

    private static void CompareFast(int size, Fast fast, Soft soft)
    {
        var operands = FpOperands.FromTable();
        operands.Start(1, size);
        var answered = 0;
        for (var i = 0; i < Count; i++)
        {
            ulong a = operands.Lane(size), x = operands.Lane(size), y = operands.Lane(size);
            var r = operands.Next();
            var status = (r & 1) != 0 ? FpStatus.Inexact : 0;

            // Mostly modes that allow the fast path, sometimes any.
            var control = (r & 6) != 0 ? (r & 8) != 0 ? FpControl.DefaultNaN : 0 : (uint)(r >> 32) & 0x07c8_0000;
            var c = new FpContext(control, status);
            if (fast(ref c, a, x, y, out var actual))
            {
                answered++;
                var reference = new FpContext(control, status);
                var expected = soft(ref reference, a, x, y);
                if (actual != expected || c.Status != reference.Status)
                {
                    Assert.Fail($"{a:x} {x:x} {y:x} FPCR {control:x} FPSR {status:x}: expected {expected:x} {reference.Status:x}, got {actual:x} {c.Status:x}");
                }
            }
            else if (c.Status != status)
            {
                Assert.Fail($"{a:x} {x:x} {y:x}: no answer, but FPSR changed");
            }
        }

        Assert.True(answered > Count / 10, $"the fast path answered {answered} of {Count}");
    }
}
