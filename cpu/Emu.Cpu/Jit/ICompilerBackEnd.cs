// The contract of a compiler back end: a region of micro-ops in, a code handle out.
using Emu.Cpu.Blocks;

namespace Emu.Cpu.Jit;

/// <summary>Compiles regions. Used by one thread at a time.</summary>
public interface ICompilerBackEnd
{
    /// <summary>Name for statistics.</summary>
    string Name { get; }

    /// <summary>Compiles a region, or returns null when it cannot (the region stays interpreted).</summary>
    CompiledCode? Compile(Region region);
}

/// <summary>Compiled code; alive as long as it may be entered.</summary>
/// <param name="entry">Address of a CompiledExit(CpuState*) that enters the region's first block with PC set.</param>
/// <param name="owner">Keeps the code alive.</param>
/// <param name="size">Bytes charged to the code cache.</param>
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

    /// <summary>The block.</summary>
    public Block* Block => (Block*)Handle;
}

/// <summary>What is compiled at once: blocks of one page connected by links, entered at the first.</summary>
public sealed class Region
{
    /// <summary>The blocks, the entry first.</summary>
    public List<RegionBlock> Blocks { get; } = [];

    /// <summary>Guest instructions.</summary>
    public int Instructions { get; set; }

    /// <summary>The region's code, once published.</summary>
    public CompiledCode? Code { get; set; }
}
