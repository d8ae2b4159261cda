// A64 disassembly: Capstone's text, the decode table's name where Capstone has none.
namespace Emu.Debug.Tests;

public sealed class DisassemblerTests
{
    [Theory]
    [InlineData(0x1000UL, 0x8B020020u, "add x0, x1, x2")]
    [InlineData(0x1000UL, 0xD65F03C0u, "ret")]
    [InlineData(0x1000UL, 0x14000002u, "b #0x1008")]
    [InlineData(0xFFFFFFC008000000UL, 0x17FFFFFFu, "b #0xffffffc007fffffc")]
    [InlineData(0x1000UL, 0x4E22D420u, "fadd v0.4s, v1.4s, v2.4s")]
    [InlineData(0x1000UL, 0xD5384100u, "mrs x0, sp_el0")]
    public void Instruction_HasItsText(ulong pc, uint word, string text)
    {
        using var disassembler = new A64Disassembler();
        Assert.Equal(text, disassembler.Disassemble(pc, word));
        Assert.Equal(text, disassembler.Disassemble(pc, word));
    }

    [Theory]
    [InlineData(0x19000441u, ".inst 0x19000441: CPY")]
    [InlineData(0x91C00420u, ".inst 0x91c00420: SMAX (immediate)")]
    [InlineData(0xFFFFFFFFu, ".inst 0xffffffff: ")]
    public void WhatCapstoneDoesNotKnow_HasItsRowsName(uint word, string start)
    {
        using var disassembler = new A64Disassembler();
        Assert.StartsWith(start, disassembler.Disassemble(0x1000, word), StringComparison.Ordinal);
    }
}
