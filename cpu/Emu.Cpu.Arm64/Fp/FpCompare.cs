// Comparison to flags: fast path, then soft path.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

/// <summary>FPCompare, host first.</summary>
public static class FpCompare
{
    /// <summary>NZCV of op1 against op2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Flags<T>(ref FpContext c, ulong op1, ulong op2, bool signalling)
        where T : struct, IFpFormat
    {
        if (typeof(T) == typeof(Binary64) && HostFloat.Compare64(ref c, op1, op2, out var flags64))
        {
            return flags64;
        }

        if (typeof(T) == typeof(Binary32) && HostFloat.Compare32(ref c, op1, op2, out var flags32))
        {
            return flags32;
        }

        return SoftFloat.Compare<T>(ref c, op1, op2, signalling);
    }
}
