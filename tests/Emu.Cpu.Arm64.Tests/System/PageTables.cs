// Builds translation tables of any granule in a test machine's RAM.
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

internal sealed class PageTables
{
    public const ulong User = 1UL << 6;
    public const ulong ReadOnly = 1UL << 7;
    public const ulong Accessed = 1UL << 10;
    public const ulong NonGlobal = 1UL << 11;
    public const ulong DirtyModifier = 1UL << 51;
    public const ulong Guarded = 1UL << 50;
    public const ulong Contiguous = 1UL << 52;
    public const ulong Pxn = 1UL << 53;
    public const ulong Uxn = 1UL << 54;
    public const ulong TableNoUser = 1UL << 61;
    public const ulong TableReadOnly = 1UL << 62;
    public const ulong Device = 1UL << 2;
    public const ulong Page = 3 | Accessed;
    private const ulong AddressMask = 0x0000_FFFF_FFFF_F000;
    private const int MaximumLevels = 4;

    private readonly TestMachine machine;
    private readonly int granuleShift;
    private readonly int inputSize;
    private readonly bool ds;
    private ulong next;

    /// <summary>Makes an empty root table and the TCR_EL1 for it: the same in both halves. <see cref="Enable"/> makes them current.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="granuleShift">12, 14 or 16.</param>
    /// <param name="inputSize">Bits of a virtual address.</param>
    /// <param name="ds">TCR_EL1.DS.</param>
    public PageTables(TestMachine machine, int granuleShift = 12, int inputSize = 48, bool ds = false)
    {
        this.machine = machine;
        this.granuleShift = granuleShift;
        this.inputSize = inputSize;
        this.ds = ds;
        next = TestMachine.Ram + 0x40_0000;
        Root = NewTable();
        var tg0 = granuleShift switch { 12 => 0UL, 14 => 2UL, _ => 1UL };
        var tg1 = granuleShift switch { 12 => 2UL, 14 => 1UL, _ => 3UL };
        var size = 64 - (ulong)inputSize;
        var output = ds || inputSize > 48 ? 6UL : 5;
        Tcr = size | (size << 16) | (tg0 << 14) | (tg1 << 30) | (output << 32) | (1UL << 36) | (ds ? 1UL << 59 : 0);
        machine.Registers.El1.Mair = 0x00FF;
    }

    public ulong Root { get; }

    public ulong Tcr { get; set; }

    /// <summary>Level of the root table.</summary>
    public int StartLevel => 4 - (((inputSize - granuleShift) + (granuleShift - 3) - 1) / (granuleShift - 3));

    /// <summary>Turns the MMU on through MSRs, so that everything cached is dropped.</summary>
    public void Enable(ulong sctlr = Sctlr.M)
    {
        machine.Cpu.X(1) = Tcr;
        machine.Cpu.X(2) = Root;
        machine.Cpu.X(3) = Sctlr.Res1 | Sctlr.SPAN | sctlr;
        machine.Execute(
            A64.Msr(A64.Register(3, 0, 2, 0, 2), 1), A64.Msr(A64.Register(3, 0, 2, 0, 0), 2), A64.Msr(A64.Register(3, 0, 2, 0, 1), 2),
            A64.Msr(A64.Register(3, 0, 1, 0, 0), 3), A64.Isb);
    }

    /// <summary>Maps one page (level 3) or block.</summary>
    public void Map(ulong va, ulong pa, ulong attributes = Page, int level = 3, ulong tableAttributes = 0) =>
        machine.Word(Entry(va, level, tableAttributes)) = level == 3 ? Encode(pa) | attributes : (Encode(pa) | attributes) & ~2UL;

    /// <summary>An output address as descriptors of the format hold it.</summary>
    public ulong Encode(ulong pa)
    {
        if (ds)
        {
            return (pa & 0x0003_FFFF_FFFF_FFFF) | ((pa >> 50) << 8);
        }

        return granuleShift == 16 ? (pa & 0x0000_FFFF_FFFF_FFFF) | ((pa >> 48) << 12) : pa;
    }

    /// <summary>Maps the RAM of the machine at its own address, for code: one 16 MiB run.</summary>
    public void MapRam()
    {
        for (ulong offset = 0; offset < TestMachine.RamSize; offset += 1UL << granuleShift)
        {
            Map(TestMachine.Ram + offset, TestMachine.Ram + offset, Page);
        }
    }

    /// <summary>Physical address of the descriptor of an address at a level; makes the tables above it.</summary>
    public ulong Entry(ulong va, int level, ulong tableAttributes = 0)
    {
        var table = Root;
        for (var l = StartLevel; ; l++)
        {
            var shift = granuleShift + ((3 - l) * (granuleShift - 3));
            var bits = l == StartLevel ? inputSize - shift : granuleShift - 3;
            var entry = table + (((va >> shift) & ((1UL << bits) - 1)) * 8);
            if (l == level)
            {
                return entry;
            }

            if ((machine.Word(entry) & 1) == 0)
            {
                machine.Word(entry) = NewTable() | 3 | tableAttributes;
            }

            table = machine.Word(entry) & AddressMask & ~((1UL << granuleShift) - 1);
            Assert.True(l < MaximumLevels);
        }
    }

    private ulong NewTable()
    {
        var table = next;
        next += 1UL << granuleShift;
        return table;
    }
}
