// The contract of a compiler back end: a region of micro-ops in, a code handle out.
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit;

/// <summary>
/// Compiles regions. Used by one thread at a time. All that the rest of the engine knows of a back end is this contract:
/// <list type="bullet">
/// <item>In: a <see cref="Region"/>, its micro-ops readable until <see cref="Compile"/> returns (links and counters of its blocks may change
/// meanwhile). What the code needs later it may read from <see cref="Blocks.Block"/>s by address: they stay in place while it may run.</item>
/// <item>Out: <see cref="CompiledCode"/>. Its entry is called as a managed <c>delegate*&lt;CpuState*, CompiledExit&gt;</c>, by the interpreter and by
/// compiled code of any back end (a chain goes through <see cref="Blocks.Block.Code"/> of the target). Code that the collector cannot stop in or
/// walk through gives a stub that makes the transition as its entry.</item>
/// <item>On entry <see cref="CpuState.Pc"/> is the first block's address and everything is in the state. On each exit everything is there again, in
/// the form that its <see cref="CompiledExit"/> says.</item>
/// <item>Before each block the code adds the block's instructions to <see cref="CpuState.Retired"/> and compares with
/// <see cref="CpuState.Limit"/>, read anew each time: that is how limits, kicks and invalidations reach it. Code that was taken away is kept alive
/// until every vCPU has left; it must not run for ever without that comparison.</item>
/// <item>Links (<see cref="Blocks.Block.Next0"/>, <see cref="Blocks.Block.Next1"/>), jump-cache entries and <see cref="Blocks.Block.Code"/> are taken away by
/// other threads: each is read once for each use, and none is kept over a block's end. Between blocks of one region no link is read: a region is
/// taken away as a whole when one of its blocks is.</item>
/// </list>
/// </summary>
public interface ICompilerBackEnd
{
    /// <summary>Name for statistics.</summary>
    string Name { get; }

    /// <summary>Compiles a region, or returns null when it cannot (the region stays interpreted).</summary>
    CompiledCode? Compile(Region region);
}

/// <summary>Compiled code; alive as long as it may be entered.</summary>
/// <param name="entry">Address of a CompiledExit(CpuState*) that enters the region's first block with PC set.</param>
/// <param name="owner">Keeps the code alive: when nothing refers to it any more, the code's memory goes.</param>
/// <param name="size">Bytes charged to the code cache: about what the host keeps for the code and for <paramref name="owner"/>.</param>
public sealed class CompiledCode(nint entry, object owner, int size)
{
    /// <summary>Entry address.</summary>
    public nint Entry { get; } = entry;

    /// <summary>Keeps the code alive.</summary>
    public object Owner { get; } = owner;

    /// <summary>Bytes charged to the code cache.</summary>
    public int Size { get; } = size;
}

/// <summary>A block of a region.</summary>
public sealed unsafe class RegionBlock
{
    /// <summary>The block; its micro-ops stay where they are while compiled code may refer to them.</summary>
    public required nint Handle { get; init; }

    /// <summary>Offset of its first byte from the region's first block.</summary>
    public required long Delta { get; init; }

    /// <summary>Index in the region of the target of exit 0, or -1 when it leaves the region.</summary>
    public int Next0 { get; set; } = -1;

    /// <summary>Index in the region of the target of exit 1, or -1 when it leaves the region.</summary>
    public int Next1 { get; set; } = -1;

    /// <summary>For a block that calls: the block it is to return to, or 0 when there is none yet. May be invalid by the time the code runs.</summary>
    public nint ReturnHandle { get; init; }

    /// <summary>For a block that calls a block of the region: the index in the region of where it returns to, or -1.</summary>
    public int Return { get; set; } = -1;

    /// <summary>The block.</summary>
    public Block* Block => (Block*)Handle;

    /// <summary>It ends with a call.</summary>
    public bool IsCall => Hint == BranchHint.Call;

    /// <summary>It ends with a return.</summary>
    public bool IsReturn => Hint == BranchHint.Return;

    private uint Hint
    {
        get
        {
            var last = Block->Ops + Block->OpCount - 1;
            return last->Kind switch
            {
                MicroOpKind.Jump => last->Aux,
                MicroOpKind.JumpReg => (uint)last->Imm,
                _ => BranchHint.Jump,
            };
        }
    }
}

/// <summary>How much is made of a region.</summary>
public enum CompileTier
{
    /// <summary>One block, soon: short to compile, its accesses look in the TLB through a helper, and it counts its entries in <see cref="Blocks.Block.EntriesLeft"/>.</summary>
    Quick,

    /// <summary>Everything inline.</summary>
    Full,
}

/// <summary>What is compiled at once: blocks of one page connected by links, entered at the first.</summary>
public sealed class Region
{
    /// <summary>The blocks, the entry first.</summary>
    public List<RegionBlock> Blocks { get; } = [];

    /// <summary>Indices of the blocks that a return of the region may go on to: those behind its calls of its own blocks.</summary>
    public List<int> ReturnPoints { get; } = [];

    /// <summary>How much is made of it.</summary>
    public CompileTier Tier { get; init; } = CompileTier.Full;

    /// <summary>Guest instructions.</summary>
    public int Instructions { get; set; }

    /// <summary>The region's code, once published.</summary>
    public CompiledCode? Code { get; set; }
}
