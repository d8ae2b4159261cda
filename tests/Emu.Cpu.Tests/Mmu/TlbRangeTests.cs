// Ranges of addresses dropped from a TLB table, the last page of the address space among them.
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Mmu;

public sealed unsafe class TlbRangeTests
{
    private const ulong LastPage = 0xFFFF_FFFF_FFFF_F000;

    [Theory]
    [InlineData(LastPage - 0x20000, ulong.MaxValue, ulong.MaxValue)]
    [InlineData(LastPage - 0x20000, ulong.MaxValue, 0x00FF_FFFF_FFFF_FFFFUL)]
    [InlineData(LastPage, ulong.MaxValue, ulong.MaxValue)]
    [InlineData(LastPage - 0x200000, ulong.MaxValue, ulong.MaxValue)]
    public void RangeThatEndsWithTheLastPage_IsDropped_AndEnds(ulong first, ulong last, ulong mask)
    {
        using var m = new ToyMachine();
        var table = m.Cpu.Tlb.FromPointer(m.Cpu.State->Tlb);
        foreach (var va in (ulong[])[first, LastPage, 0x5000])
        {
            m.Cpu.Map[(0, va >> 12)] = new ToyMapping(0x8000);
            MicroOp op = default;
            ulong value;
            Assert.Equal(Status.Continue, MemoryAccess.Load(m.Cpu.State, &op, va, sizeof(ulong), &value));
            Assert.Equal(va, table.Entry(va)->ReadTag);
        }

        var flush = new Thread(() => table.FlushRange(first, last, mask)) { IsBackground = true };
        flush.Start();
        Patience.Join(flush, "the flush does not end");
        Assert.Equal(TlbEntry.Empty, table.Entry(LastPage)->ReadTag);
        Assert.Equal(TlbEntry.Empty, table.Entry(first)->ReadTag);
        Assert.Equal(0x5000UL, table.Entry(0x5000)->ReadTag);
    }
}
