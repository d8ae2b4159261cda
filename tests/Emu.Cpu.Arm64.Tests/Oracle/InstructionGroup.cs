// The unit a test case is made of: one instruction under test with what must run right before it.
using Emu.Cpu.Arm64.Decode;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>What of a group's last word depends on where it is placed.</summary>
public enum Placement
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>imm26 branches to a later group.</summary>
    Branch26,

    /// <summary>imm19 branches to a later group.</summary>
    Branch19,

    /// <summary>imm14 branches to a later group.</summary>
    Branch14,

    /// <summary>Branches to the address that the group's first two words move into its register.</summary>
    BranchRegister,

    /// <summary>imm19 branches back to the first group.</summary>
    LoopBack,

    /// <summary>imm19 reaches a literal in the window.</summary>
    Literal,
}

/// <summary>A group; immutable, shared by a case and its reductions.</summary>
/// <param name="Words">The words; the last is the instruction under test.</param>
/// <param name="Row">Its row; null for an unallocated encoding.</param>
/// <param name="Placement">What placing it has to do.</param>
/// <param name="Target">Branches: groups to go forward, at least 1. Literals: the address.</param>
/// <param name="UsesMemory">It may access the window.</param>
public sealed record InstructionGroup(uint[] Words, A64Row? Row, Placement Placement, ulong Target, bool UsesMemory)
{
    /// <summary>Times a loop runs its groups, at most.</summary>
    public const int MaximumLoops = 8;

    /// <summary>The instruction under test.</summary>
    public uint Word => Words[^1];

    /// <summary>It may leave its sequence's order.</summary>
    public bool Branches => Placement is not (Placement.None or Placement.Literal or Placement.LoopBack);

    /// <summary>
    /// The end of a loop: TPIDR_EL0, which starts as X0, counts down in its lowest three bits. Ends whatever it starts with.
    /// </summary>
    /// <param name="register">Holds the counter: 0 to 30.</param>
    public static InstructionGroup Loop(uint register) => new(
        [
            0xD53B_D040 | register, // MRS Xr, TPIDR_EL0
            0xD100_0400 | (register << 5) | register, // SUB Xr, Xr, #1
            0x9240_0800 | (register << 5) | register, // AND Xr, Xr, #7
            0xD51B_D040 | register, // MSR TPIDR_EL0, Xr
            0xB500_0000 | register, // CBNZ Xr, the first group
        ],
        LoopRow,
        Placement.LoopBack,
        0,
        false);

    private static readonly A64Row LoopRow = A64Decoder.Decode(0xB500_0000)!;

    /// <summary>It writes the counter of loops.</summary>
    public bool WritesThreadPointer => SpecialGroups.WritesThreadPointer(Word);

    /// <summary>Place of its row in the decode table, -1 for none.</summary>
    public int RowIndex { get; } = OracleCoverage.IndexOf(Row);

    /// <summary>It writes FPCR.</summary>
    public bool WritesFpcr => (Word & 0xFFFF_FFE0) == 0xD51B_4400;

    /// <summary>Name for reports and statistics.</summary>
    public string Name => Row?.Name ?? "unallocated";
}

/// <summary>One code and the states it is run from.</summary>
public sealed class OracleCase
{
    /// <summary>The groups, in order.</summary>
    public required InstructionGroup[] Groups { get; init; }

    /// <summary>Initial states.</summary>
    public required OracleState[] States { get; init; }

    /// <summary>Where in the batch's pool each state's window comes from.</summary>
    public required int[] PoolOffsets { get; init; }

    /// <summary>Slot it is placed in.</summary>
    public int Slot { get; set; }

    /// <summary>Run by compiled code too.</summary>
    public bool Compile { get; init; }

    /// <summary>Any group accesses memory.</summary>
    public bool UsesMemory => Array.Exists(Groups, g => g.UsesMemory);

    /// <summary>Words that only prepare operands.</summary>
    public int PreparingWords { get; init; }

    /// <summary>It has groups that may leave the order.</summary>
    public bool Branches => Array.Exists(Groups, g => g.Branches);

    /// <summary>Times the groups run when nothing branches past the loop's end.</summary>
    public int Loops(int state) => Groups[^1].Placement == Placement.LoopBack ? LoopCount(States[state]) : 1;

    private static unsafe int LoopCount(in OracleState state)
    {
        fixed (ulong* x = state.X)
        {
            return (int)((x[0] - 1) & 7) + 1;
        }
    }

    /// <summary>The words as placed in the slot, ending in a branch to <see cref="OracleLayout.Exit"/>.</summary>
    public uint[] Place() => Place(Groups, OracleLayout.CodeAddress(Slot));

    /// <summary>Places groups at an address.</summary>
    public static uint[] Place(InstructionGroup[] groups, ulong address)
    {
        var starts = new int[groups.Length + 1];
        for (var i = 0; i < groups.Length; i++)
        {
            starts[i + 1] = starts[i] + groups[i].Words.Length;
        }

        var words = new uint[starts[^1] + 1];
        for (var i = 0; i < groups.Length; i++)
        {
            var g = groups[i];
            g.Words.CopyTo(words, starts[i]);
            var at = starts[i + 1] - 1;
            ref var word = ref words[at];
            var offset = starts[Math.Min(groups.Length, i + (int)Math.Min(g.Target, 64))] - at;
            switch (g.Placement)
            {
                case Placement.Branch26:
                    word |= (uint)offset & 0x3FF_FFFF;
                    break;
                case Placement.Branch19:
                    word |= ((uint)offset & 0x7_FFFF) << 5;
                    break;
                case Placement.Branch14:
                    word |= ((uint)offset & 0x3FFF) << 5;
                    break;
                case Placement.BranchRegister:
                    var target = address + ((ulong)(at + offset) * 4);
                    words[starts[i]] |= (uint)(target & 0xFFFF) << 5;
                    words[starts[i] + 1] |= (uint)(target >> 16) << 5;
                    break;
                case Placement.LoopBack:
                    word |= ((uint)-at & 0x7_FFFF) << 5;
                    break;
                case Placement.Literal:
                    var distance = (long)(g.Target - (address + ((ulong)at * 4))) >> 2;
                    word |= ((uint)distance & 0x7_FFFF) << 5;
                    break;
            }
        }

        var last = starts[^1];
        words[last] = 0x1400_0000 | ((uint)((long)(OracleLayout.Exit - (address + ((ulong)last * 4))) >> 2) & 0x3FF_FFFF);
        return words;
    }
}
