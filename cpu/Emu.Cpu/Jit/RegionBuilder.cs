// Chooses what is compiled together: a hot block and the linked blocks around it.
using Emu.Cpu.Blocks;

namespace Emu.Cpu.Jit;

/// <summary>Forms regions along links that were taken, breadth first. Used under the block cache's lock.</summary>
public static unsafe class RegionBuilder
{
    /// <summary>Blocks of a region, at most.</summary>
    public const int MaximumBlocks = 16;

    /// <summary>Guest instructions of a region, at most (compile time grows faster than linearly from about 200 on).</summary>
    public const int MaximumInstructions = 120;

    /// <summary>The region entered at a block.</summary>
    /// <param name="entry">Its first block.</param>
    /// <param name="warm">Entries by the interpreter that a further block must have had, out of <see cref="CodeCache.InitialHeat"/>.</param>
    /// <param name="initialHeat">What the entry counter of a block starts at.</param>
    public static Region Build(Block* entry, int warm = 0, int initialHeat = 0)
    {
        var region = new Region();
        Add(region, entry, entry);
        for (var i = 0; i < region.Blocks.Count; i++)
        {
            var b = region.Blocks[i];
            b.Next0 = Follow(region, entry, b.Block->Next0, warm, initialHeat);
            b.Next1 = Follow(region, entry, b.Block->Next1, warm, initialHeat);
        }

        return region;
    }

    private static int Follow(Region region, Block* entry, Block* next, int warm, int initialHeat)
    {
        if (next == null || next->Key != entry->Key)
        {
            return -1;
        }

        for (var i = 0; i < region.Blocks.Count; i++)
        {
            if (region.Blocks[i].Block == next)
            {
                return i;
            }
        }

        var warmEnough = next->CompileState != (int)CompileState.None || initialHeat - next->Heat >= warm;
        if (!warmEnough || region.Blocks.Count >= MaximumBlocks || region.Instructions + next->Count > MaximumInstructions)
        {
            return -1;
        }

        return Add(region, entry, next);
    }

    private static int Add(Region region, Block* entry, Block* block)
    {
        region.Blocks.Add(new RegionBlock { Handle = (nint)block, Delta = (long)(block->Physical - entry->Physical) });
        region.Instructions += block->Count;
        return region.Blocks.Count - 1;
    }
}
