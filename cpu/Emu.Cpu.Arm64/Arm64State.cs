// The A64 part of a vCPU's state: vector registers and FP control here, PSTATE and system registers in Arm64State.System.cs.
using Emu.Cpu.Jit;
using System.Runtime.InteropServices;

namespace Emu.Cpu.Arm64;

/// <summary>
/// A64 state; starts with <see cref="CpuState"/> (X0 to X30 are registers 0 to 30, register 31 is the current SP, Flags is NZCV).
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public unsafe partial struct Arm64State
{
    /// <summary>Bytes.</summary>
    public const int Size = 16384;

    /// <summary>Offset of V0; Vn is at n * 16 (the layout SVE needs later, 256 bytes a register, replaces this).</summary>
    public const ushort VectorsOffset = 1024;

    /// <summary>Offset of FPCR.</summary>
    public const ushort FpcrOffset = 1536;

    /// <summary>Offset of FPSR.</summary>
    public const ushort FpsrOffset = 1544;

    /// <summary>First 16-byte vector temporary; there are <see cref="VectorTemporaryCount"/>.</summary>
    public const ushort VectorTemporaries = 1552;

    /// <summary>Number of vector temporaries.</summary>
    public const int VectorTemporaryCount = 8;

    /// <summary>First byte of the PSTATE and system-register area, up to <see cref="Size"/>.</summary>
    public const int SystemOffset = 2048;

    /// <summary>The common head.</summary>
    [FieldOffset(0)]
    public CpuState Head;

    /// <summary>FPCR (Arm ARM C5.2.8).</summary>
    [FieldOffset(FpcrOffset)]
    public ulong Fpcr;

    /// <summary>FPSR (Arm ARM C5.2.10).</summary>
    [FieldOffset(FpsrOffset)]
    public ulong Fpsr;

    /// <summary>Derived from TCR_EL1, for pointer authentication: the masks of the code for instruction addresses low and high, then data addresses.</summary>
    [FieldOffset(1680)]
    internal fixed ulong PointerMasks[4];

    /// <summary>The TCR_EL1 that <see cref="PointerMasks"/> was made from.</summary>
    [FieldOffset(1712)]
    internal ulong PointerMasksTcr;

    /// <summary>Where compiled code finds FPCR and FPSR, and when host arithmetic may stand for the guest's.</summary>
    public static FloatEnvironment Floats { get; } = new(FpcrOffset, Fp.FpControl.NotHost, FpsrOffset, Fp.FpStatus.Inexact);

    /// <summary>Offset of Vn.</summary>
    public static ushort V(int n) => (ushort)(VectorsOffset + (n * 16));
}
