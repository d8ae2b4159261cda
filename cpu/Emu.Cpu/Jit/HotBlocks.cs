// Where the interpreter reports a block that has been entered often.
using Emu.Cpu.Blocks;

namespace Emu.Cpu.Jit;

/// <summary>The interpreter's way to the compiler.</summary>
public static unsafe class HotBlocks
{
    /// <summary>A block's entry counter ran out.</summary>
    public static void Report(CpuState* s, Block* block)
    {
        block->Heat = int.MaxValue;
        CpuState.OwnerOf(s).Shared.Compiler?.Request(block);
    }
}
