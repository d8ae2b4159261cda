// Access to vector slots and FPSR.QC, shared by every vector helper.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>
/// Conventions of the vector helpers: D, A and B are vector slots (an element or an upper half is the slot plus its byte offset),
/// C's low byte is the number of live result bytes (16 or 8 for vectors, the element size for scalars; the rest of the register becomes zero); helpers
/// whose operation has a name for the engines see that above, and finish with <see cref="Put"/>;
/// Aux is an immediate.
/// </summary>
internal static unsafe class Slots
{
    /// <summary>FPSR.QC, the cumulative saturation bit (Arm ARM C5.2.10).</summary>
    public const ulong FpsrQc = 1UL << 27;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Load<T>(CpuState* s, ushort slot) where T : unmanaged => *(Vector128<T>*)((byte*)s + slot);

    /// <summary>Writes the live bytes of a result and clears the rest of the register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<T>(CpuState* s, MicroOp* op, Vector128<T> value) where T : unmanaged
    {
        if ((byte)op->C == 16)
        {
            *(Vector128<T>*)((byte*)s + op->D) = value;
        }
        else
        {
            PutLow(s, op, value.AsUInt64().ToScalar());
        }
    }

    /// <summary>Writes up to 8 live bytes and clears the rest of the register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PutLow(CpuState* s, MicroOp* op, ulong value)
    {
        var bytes = (byte)op->C;
        if (bytes < 8)
        {
            value &= (1UL << (bytes * 8)) - 1;
        }

        *(Vector128<ulong>*)((byte*)s + op->D) = Vector128.CreateScalar(value);
    }

    /// <summary>Clears what lies above the live bytes of a register that was written in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ClearRest(CpuState* s, MicroOp* op)
    {
        if (op->C != 16)
        {
            PutLow(s, op, *(ulong*)((byte*)s + op->D));
        }
    }

    /// <summary>Whether any of the first bytes of a vector (1, 2, 4, 8 or 16) is not zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AnyLive<T>(Vector128<T> v, int bytes) where T : unmanaged =>
        bytes == 16 ? v != Vector128<T>.Zero : v.AsUInt64().ToScalar() << (64 - (bytes * 8)) != 0;

    /// <summary>Accumulates saturation into FPSR.QC.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Saturated(CpuState* s, bool saturated)
    {
        if (saturated)
        {
            *(ulong*)((byte*)s + Arm64State.FpsrOffset) |= FpsrQc;
        }
    }
}
