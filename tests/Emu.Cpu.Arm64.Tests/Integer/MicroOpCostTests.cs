// Micro-ops per instruction, pinned: a change of cost shows up in review.
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Tests.Integer;

public unsafe class MicroOpCostTests
{
    [Theory]
    [InlineData(1, 0x9100_0421u)] // add x1, x1, #1
    [InlineData(1, 0x8B02_0C20u)] // add x0, x1, x2, lsl #3
    [InlineData(2, 0x8B22_4C20u)] // add x0, x1, w2, uxtw #3
    [InlineData(1, 0xEB02_003Fu)] // cmp x1, x2
    [InlineData(1, 0xAA01_03E0u)] // mov x0, x1
    [InlineData(1, 0x9A82_0420u)] // csinc x0, x1, x2, eq
    [InlineData(1, 0x9000_0000u)] // adrp x0, .
    [InlineData(1, 0xF940_0420u)] // ldr x0, [x1, #8]
    [InlineData(1, 0xF862_7820u)] // ldr x0, [x1, x2, lsl #3]
    [InlineData(2, 0xF862_D820u)] // ldr x0, [x1, w2, sxtw #3]
    [InlineData(2, 0xF840_8420u)] // ldr x0, [x1], #8
    [InlineData(1, 0xA940_0420u)] // ldp x0, x1, [x1]
    [InlineData(2, 0xA9BF_7BFDu)] // stp x29, x30, [sp, #-16]!
    [InlineData(2, 0x5800_0080u)] // ldr x0, .+16
    [InlineData(1, 0x5400_0040u)] // b.eq .+8
    [InlineData(2, 0x9400_0003u)] // bl .+12
    [InlineData(1, 0xD65F_03C0u)] // ret
    [InlineData(1, 0xF821_0002u)] // ldadd x1, x2, [x0]
    [InlineData(3, 0xC89F_FC01u)] // stlr x1, [x0]
    [InlineData(1, 0xD503_305Fu)] // clrex
    public void Instruction_CostsThisManyMicroOps(int expected, uint word)
    {
        using var builder = new BlockBuilder();
        builder.Begin(0);
        new A64Translator().TranslateBlock(builder, (A64Mode)1, (byte*)&word, 4, 1);
        var endsItself = MicroOpTable.Traits(builder.Ops[builder.OpCount - 1].Kind).HasFlag(MicroOpTraits.EndsBlock) && IsBranch(word);
        Assert.Equal(expected, builder.OpCount - (endsItself ? 0 : 1));
    }

    [Fact]
    public void WideMoveSequence_IsOneMicroOpEach()
    {
        // movz x0, #1; movk x0, #2, lsl #16; movk x0, #3, lsl #32; movk x0, #4, lsl #48
        var words = stackalloc uint[] { 0xD280_0020, 0xF2A0_0040, 0xF2C0_0060, 0xF2E0_0080 };
        using var builder = new BlockBuilder();
        builder.Begin(0);
        new A64Translator().TranslateBlock(builder, (A64Mode)1, (byte*)words, 16, 4);
        Assert.Equal(5, builder.OpCount);
        Assert.Equal(MicroOpKind.MovI, builder.Ops[3].Kind);
        Assert.Equal(0x0004_0003_0002_0001L, builder.Ops[3].Imm);
    }

    private static bool IsBranch(uint word) => ((word >> 26) & 7) == 5 && word >> 22 != 0x354;
}
