// What holds at the start of each block of a region, whichever way it was reached: the form of the flags, and where the budget is checked.
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit.Il;

/// <summary>The edges inside a region, and what follows from them.</summary>
internal sealed unsafe class RegionFlow
{
    private readonly Region region;
    private readonly int[][] successors;
    private readonly int[] longest;
    private readonly FlagKind[] flagsAtStart;
    private readonly bool[] reached;
    private readonly int[] needed;
    private readonly State[] states;

    private enum State : byte
    {
        New,
        Open,
        Done,
    }

    /// <summary>Works everything out.</summary>
    public RegionFlow(Region region)
    {
        this.region = region;
        var count = region.Blocks.Count;
        flagsAtStart = new FlagKind[count];
        reached = new bool[count];
        needed = new int[count];
        states = new State[count];
        successors = [.. region.Blocks.Select(b => SuccessorsOf(b).Distinct().ToArray())];
        longest = new int[count];
        var checks = new bool[count];
        checks[0] = true;
        FindLoops(0, checks);
        for (var i = 0; i < count; i++)
        {
            if (checks[i])
            {
                needed[i] = LongestFrom(i, checks);
            }
        }

        // The flags come in as the state has them; a block reached with two forms takes the dynamic one.
        Reach(0, FlagKind.Memory);
    }

    /// <summary>Some block of the region goes to another, or to itself.</summary>
    public bool HasInternalEdges { get; private set; }

    /// <summary>How the flags are held where a block starts.</summary>
    public FlagKind FlagsAtStart(int block) => flagsAtStart[block];

    /// <summary>Most instructions from a block's start to the next check or out of the region; 0 where no check is needed.</summary>
    public int InstructionsToNextCheck(int block) => needed[block];

    /// <summary>How the flags are held after a micro-op, when they were held as <paramref name="before"/>.</summary>
    public static FlagKind After(MicroOpKind kind, FlagKind before) => kind switch
    {
        MicroOpKind.AddS64 or MicroOpKind.AddSI64 => FlagKind.Add64,
        MicroOpKind.AddS32 or MicroOpKind.AddSI32 => FlagKind.Add32,
        MicroOpKind.SubS64 or MicroOpKind.SubSI64 => FlagKind.Sub64,
        MicroOpKind.SubS32 or MicroOpKind.SubSI32 => FlagKind.Sub32,
        MicroOpKind.AndS64 or MicroOpKind.AndSI64 or MicroOpKind.AndNotS64 => FlagKind.Logic64,
        MicroOpKind.AndS32 or MicroOpKind.AndSI32 or MicroOpKind.AndNotS32 => FlagKind.Logic32,
        MicroOpKind.SetFlags => FlagKind.Packed,
        >= MicroOpKind.CCmp64 and <= MicroOpKind.CCmnI64 or >= MicroOpKind.CCmp32 and <= MicroOpKind.CCmnI32 => FlagKind.Packed,
        _ => (MicroOpTable.Traits(kind) & MicroOpTraits.WritesFlags) != 0 ? FlagKind.Memory : before,
    };

    private void Reach(int index, FlagKind kind)
    {
        var merged = !reached[index] || flagsAtStart[index] == kind ? kind : FlagKind.Dynamic;
        if (reached[index] && merged == flagsAtStart[index])
        {
            return;
        }

        reached[index] = true;
        flagsAtStart[index] = merged;
        var block = region.Blocks[index].Block;
        var after = merged;
        for (var i = 0; i < block->OpCount; i++)
        {
            after = After(block->Ops[i].Kind, after);
        }

        foreach (var next in successors[index])
        {
            Reach(next, after);
        }
    }

    /// <summary>Marks the blocks that edges lead back to: every loop goes through one.</summary>
    private void FindLoops(int index, bool[] checks)
    {
        states[index] = State.Open;
        foreach (var next in successors[index])
        {
            HasInternalEdges = true;
            if (states[next] == State.Open)
            {
                checks[next] = true;
            }
            else if (states[next] == State.New)
            {
                FindLoops(next, checks);
            }
        }

        states[index] = State.Done;
    }

    private IEnumerable<int> SuccessorsOf(RegionBlock block) =>
        (block.IsReturn ? region.ReturnPoints : []).Append(block.Next0).Append(block.Next1).Where(i => i >= 0);

    private int LongestFrom(int index, bool[] checks)
    {
        var most = 0;
        foreach (var next in successors[index])
        {
            most = Math.Max(most, LongestWay(next, checks));
        }

        return most + region.Blocks[index].Block->Count;
    }

    /// <summary>Every loop has a check, so that the ways between checks form no circle.</summary>
    private int LongestWay(int index, bool[] checks)
    {
        if (checks[index])
        {
            return 0;
        }

        return longest[index] != 0 ? longest[index] : longest[index] = LongestFrom(index, checks);
    }
}
