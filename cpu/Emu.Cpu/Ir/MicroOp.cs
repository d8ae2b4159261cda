// One micro-op: what the interpreter runs and every compiler back end takes.
using System.Runtime.InteropServices;

namespace Emu.Cpu.Ir;

/// <summary>
/// A micro-op, 24 bytes. D, A, B and C are byte offsets into <see cref="CpuState"/>; which of them a kind reads and writes,
/// and what Imm and Aux mean to it, is in its row of <see cref="MicroOpTable"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct MicroOp
{
    /// <summary>The operation.</summary>
    public MicroOpKind Kind;

    /// <summary>Destination slot (for stores: the data slot).</summary>
    public ushort D;

    /// <summary>First source slot (memory: base).</summary>
    public ushort A;

    /// <summary>Second source slot (memory: index, or second data slot of a pair).</summary>
    public ushort B;

    /// <summary>Immediate, displacement, branch offset or helper address.</summary>
    public long Imm;

    /// <summary>Second immediate: masks, shift amounts, condition masks, a helper's argument.</summary>
    public uint Aux;

    /// <summary>Third source slot, or a small immediate.</summary>
    public ushort C;

    /// <summary>Instructions of the block from this one to the end, this one included; the block's count minus the instruction's index.</summary>
    public ushort Left;
}

/// <summary>What a block's last jump does: <see cref="MicroOp.Aux"/> of <see cref="MicroOpKind.Jump"/>, <see cref="MicroOp.Imm"/> of <see cref="MicroOpKind.JumpReg"/>.</summary>
public static class BranchHint
{
    /// <summary>Nothing but jump.</summary>
    public const uint Jump = 0;

    /// <summary>Calls a function, which will return behind the block.</summary>
    public const uint Call = 1;

    /// <summary>Returns from a function.</summary>
    public const uint Return = 2;
}

/// <summary>What a helper or a slow path tells the engine that called it.</summary>
public static class Status
{
    /// <summary>Go on.</summary>
    public const int Continue = 0;

    /// <summary>The instruction faulted: an exception is recorded in the vCPU; the instruction is not retired, PC becomes its address.</summary>
    public const int Fault = 1;

    /// <summary>Finish this instruction, then leave the block; PC becomes the next instruction.</summary>
    public const int ExitNext = 2;

    /// <summary>Leave the block now; the helper set PC, the instruction is retired. Only from a block's last instruction.</summary>
    public const int ExitPc = 3;
}
