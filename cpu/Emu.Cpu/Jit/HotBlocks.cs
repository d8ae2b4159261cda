// Where the interpreter reports a block that has been entered often.
using Emu.Cpu.Blocks;

namespace Emu.Cpu.Jit;

/// <summary>The interpreter's way to the compiler.</summary>
public static unsafe class HotBlocks
{
    /// <summary>Entries until the interpreter looks again for code that is being compiled.</summary>
    internal const int LookAgain = 256;

    /// <summary>
    /// A block's entry counter ran out. It is counted without a lock, so a count in progress may overwrite the zero that publishing code sets:
    /// the interpreter looks again instead of relying on it.
    /// </summary>
    public static void Report(CpuState* s, Block* block)
    {
        var compiler = CpuState.OwnerOf(s).Shared.Compiler;
        block->Heat = compiler == null || block->CompileState == (int)CompileState.Refused ? int.MaxValue : LookAgain;
        block->Looks++;
        compiler?.Request(block);
    }

    /// <summary>The counter of a block's quick code ran out.</summary>
    public static void Promote(CpuState* s, Block* block)
    {
        block->EntriesLeft = block->CompileState == (int)CompileState.Refused ? int.MaxValue : LookAgain;
        block->Looks++;
        CpuState.OwnerOf(s).Shared.Compiler?.Request(block);
    }
}
