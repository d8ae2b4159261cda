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

    /// <summary>Blocks that the returns of a region go on to, at most: each return compares with all of them.</summary>
    public const int MaximumReturnPoints = 4;

    /// <summary>The region entered at a block.</summary>
    /// <param name="cache">Where the blocks behind calls are looked for.</param>
    /// <param name="entry">Its first block.</param>
    /// <param name="warm">Entries by the interpreter that a further block must have had, out of <see cref="CodeCache.InitialHeat"/>.</param>
    /// <param name="regionAt">The region that begins at a block, if there is one already; null: as if there were none.</param>
    public static Region Build(CodeCache cache, Block* entry, int warm = 0, Func<nint, Region?>? regionAt = null)
    {
        var region = new Region();
        var builder = new Builder(cache, region, entry, warm, regionAt);
        builder.Add(entry);
        var followed = 0;
        do
        {
            for (; followed < region.Blocks.Count; followed++)
            {
                var b = region.Blocks[followed];
                b.Next0 = builder.Follow(b.Block->Next0);
                b.Next1 = builder.Follow(b.Block->Next1);
            }

            builder.FollowReturns();
        }
        while (followed < region.Blocks.Count);
        return region;
    }

    /// <summary>A block alone.</summary>
    /// <param name="cache">Where the block behind a call is looked for.</param>
    /// <param name="block">The block.</param>
    /// <param name="tier">How much is made of it.</param>
    public static Region BuildAlone(CodeCache cache, Block* block, CompileTier tier)
    {
        var region = new Region { Tier = tier };
        new Builder(cache, region, block, 0, null).Add(block);
        return region;
    }

    private readonly struct Builder(CodeCache cache, Region region, Block* entry, int warm, Func<nint, Region?>? regionAt)
    {
        /// <summary>The index of a block that comes next, which joins if it can; -1 if not.</summary>
        public int Follow(Block* next)
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

            // What has a region of its own is chained to: to compile it again for each way there would be a third of the compiler's work.
            var apart = regionAt?.Invoke((nint)next) is { } other && !LeadsBack(other);
            var warmEnough = next->CompileState != (int)CompileState.None || cache.InitialHeat - next->Heat >= warm;
            if (apart || !warmEnough || region.Blocks.Count >= MaximumBlocks || region.Instructions + next->Count > MaximumInstructions)
            {
                return -1;
            }

            return Add(next);
        }

        /// <summary>A region at the block goes on to one of this region: a loop, which is best run in one piece.</summary>
        private bool LeadsBack(Region other)
        {
            foreach (var there in other.Blocks)
            {
                foreach (var here in region.Blocks)
                {
                    if (there.Block->Next0 == here.Block || there.Block->Next1 == here.Block)
                    {
                        return true;
                    }
                }
            }

            return false;
        }

        /// <summary>Where a function of the region returns, the blocks behind the region's calls follow.</summary>
        public void FollowReturns()
        {
            if (!region.Blocks.Exists(b => b.IsReturn))
            {
                return;
            }

            for (var i = 0; i < region.Blocks.Count && region.ReturnPoints.Count < MaximumReturnPoints; i++)
            {
                var b = region.Blocks[i];
                if (b.IsCall && b.Next0 >= 0 && b.Return < 0)
                {
                    b.Return = Follow((Block*)b.ReturnHandle);
                    if (b.Return >= 0 && !region.ReturnPoints.Contains(b.Return))
                    {
                        region.ReturnPoints.Add(b.Return);
                    }
                }
            }
        }

        public int Add(Block* block)
        {
            // Within the page: what lies in the next one may be anything by the time of the return.
            var behind = block->Physical + (ulong)block->Length;
            region.Blocks.Add(new RegionBlock
            {
                Handle = (nint)block,
                Delta = (long)(block->Physical - entry->Physical),
                ReturnHandle = (behind & 0xFFF) == 0 ? 0 : (nint)cache.Find(behind, block->Key),
            });
            region.Instructions += block->Count;
            return region.Blocks.Count - 1;
        }
    }
}
