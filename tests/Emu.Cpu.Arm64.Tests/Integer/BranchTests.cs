// Branches and PC-relative addresses: where they go, and that a block's position in its page does not matter.
using Emu.Cpu.Arm64.Tests.Support;

namespace Emu.Cpu.Arm64.Tests.Integer;

public sealed unsafe class BranchTests : IDisposable
{
    private const ulong Code = FlatMachine.RamBase + 0x1000;
    private readonly FlatMachine machine = new();
    private readonly FlatVcpu cpu;

    public BranchTests() => cpu = new FlatVcpu(machine);

    public void Dispose()
    {
        cpu.Dispose();
        machine.Dispose();
    }

    /// <summary>PC after one instruction at an address.</summary>
    private ulong After(ulong pc, uint word)
    {
        machine.Load(pc, word);
        Assert.Equal(FlatFault.None, cpu.Execute(pc, 1));
        return cpu.State->Pc;
    }

    [Theory]
    [InlineData(0x1400_0004u, 16)] // b .+16
    [InlineData(0x17FF_FFFEu, -8)] // b .-8
    [InlineData(0x9400_0003u, 12)] // bl .+12
    public void ImmediateBranch_IsRelativeToItself(uint word, long offset)
    {
        Assert.Equal(Code + 0x40 + (ulong)offset, After(Code + 0x40, word));
    }

    [Fact]
    public void BranchInTheMiddleOfABlock_IsRelativeToItself()
    {
        machine.Load(Code, 0x9100_0421, 0x9100_0421, 0x9400_0003); // add x1, x1, #1 (twice); bl .+12
        cpu.X(1) = 0;
        cpu.Execute(Code, 3);
        Assert.Equal(Code + 8 + 12, cpu.State->Pc);
        Assert.Equal(Code + 12, cpu.X(30));
        Assert.Equal(2ul, cpu.X(1));
    }

    [Fact]
    public void BranchOutOfThePage_Arrives()
    {
        Assert.Equal(Code + 0xFFC + 16, After(Code + 0xFFC, 0x1400_0004));
        Assert.Equal(Code - 8, After(Code, 0x17FF_FFFE));
    }

    [Fact]
    public void BlrX30_ReadsTheTargetBeforeItWritesTheLink()
    {
        cpu.X(30) = Code + 0x200;
        Assert.Equal(Code + 0x200, After(Code, 0xD63F_03C0));
        Assert.Equal(Code + 4, cpu.X(30));
    }

    [Theory]
    [InlineData(0xD61F_0060u)] // br x3
    [InlineData(0xD65F_0060u)] // ret x3
    public void RegisterBranch_GoesToTheRegister(uint word)
    {
        cpu.X(3) = Code + 0x300;
        cpu.X(30) = 5;
        Assert.Equal(Code + 0x300, After(Code, word));
        Assert.Equal(5ul, cpu.X(30));
    }

    [Theory]
    [InlineData(0x3400_0040u, 0xFFFF_FFFF_0000_0000, true)] // cbz w0
    [InlineData(0x3400_0040u, 1ul, false)]
    [InlineData(0xB400_0040u, 0xFFFF_FFFF_0000_0000, false)] // cbz x0
    [InlineData(0xB400_0040u, 0ul, true)]
    [InlineData(0xB500_0040u, 0x8000_0000_0000_0000, true)] // cbnz x0
    [InlineData(0x3500_0040u, 0x8000_0000_0000_0000, false)] // cbnz w0
    [InlineData(0xB608_0040u, 1ul << 33, false)] // tbz x0, #33
    [InlineData(0xB608_0040u, ~(1ul << 33), true)]
    [InlineData(0x3718_0040u, 1ul << 3, true)] // tbnz w0, #3
    [InlineData(0x3718_0040u, ~(1ul << 3), false)]
    public void CompareAndTestBranches(uint word, ulong value, bool taken)
    {
        cpu.X(0) = value;
        Assert.Equal(Code + (taken ? 8ul : 4), After(Code, word));
    }

    [Fact]
    public void ConditionalBranch_AgreesWithConditionHolds_ForEveryConditionAndFlags()
    {
        for (uint condition = 0; condition < 16; condition++)
        {
            for (uint flags = 0; flags < 16; flags++)
            {
                cpu.State->Flags = flags;
                bool n = (flags & 8) != 0, z = (flags & 4) != 0, c = (flags & 2) != 0, v = (flags & 1) != 0;
                bool[] holds = [z, !z, c, !c, n, !n, v, !v, c && !z, !(c && !z), n == v, n != v, !z && n == v, !(!z && n == v), true, true];
                Assert.Equal(Code + (holds[condition] ? 8ul : 4), After(Code, 0x5400_0040 | condition));
            }
        }
    }

    [Theory]
    [InlineData(0x0ul)]
    [InlineData(0x7A4ul)]
    [InlineData(0xFF8ul)]
    public void AdrAndAdrp_CountFromTheInstructionAndItsPage(ulong offset)
    {
        machine.Load(Code + offset, 0x3000_0020, 0xF000_0001); // adr x0, .+5; adrp x1, .+3 pages
        cpu.Execute(Code + offset, 2);
        Assert.Equal(Code + offset + 5, cpu.X(0));
        Assert.Equal(Code + 0x3000, cpu.X(1));
    }

    [Fact]
    public void AdrpBackwards_IsSigned()
    {
        machine.Load(Code + 0x123C, 0x90FF_FFE2); // adrp x2, .-4 pages
        cpu.Execute(Code + 0x123C, 1);
        Assert.Equal(Code + 0x1000 - 0x4000, cpu.X(2));
    }

    [Fact]
    public void LiteralLoads_ReadRelativeToTheInstruction()
    {
        // ldr x0, .+16; ldrsw x1, .+16; ldr q0, .+16 with data from offset 16 on
        machine.Load(Code, 0x5800_0080, 0x9800_0081, 0x9C00_0080, 0xD65F_03C0, 0x1111_1111, 0x8222_2222, 0x3333_3333, 0x4444_4444, 0x5555_5555, 0x6666_6666);
        cpu.Execute(Code, 3);
        Assert.Equal(0x8222_2222_1111_1111ul, cpu.X(0));
        Assert.Equal(0xFFFF_FFFF_8222_2222ul, cpu.X(1));
        Assert.Equal(new UInt128(0x6666_6666_5555_5555, 0x4444_4444_3333_3333), cpu.V(0));
    }

    [Fact]
    public void LoopOverBlocks_RunsToTheEnd()
    {
        machine.Load(Code, 0x9100_0421, 0xF100_0463, 0x54FF_FFC1); // add x1, x1, #1; subs x3, x3, #1; b.ne .-8
        cpu.X(1) = 0;
        cpu.X(3) = 1000;
        cpu.Execute(Code, 3000);
        Assert.Equal(1000ul, cpu.X(1));
        Assert.Equal(Code + 12, cpu.State->Pc);
    }
}
