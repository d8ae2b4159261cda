// FEAT_BTI: every kind of landing pad against every kind of branch, in guarded pages and outside of them.
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class BranchTargetTests
{
    private const ulong Guarded = 0x7000_0000_0000;
    private const ulong Pa = TestMachine.Data;
    private const uint BtiNone = 0xD503241F;
    private const uint BtiC = 0xD503245F;
    private const uint BtiJ = 0xD503249F;
    private const uint BtiJc = 0xD50324DF;
    private const uint Paciasp = 0xD503233F;
    private const uint Pacibsp = 0xD503237F;
    private const uint Brk = 0xD4200000;
    private const uint RetX5 = 0xD65F00A0;
    private const uint BrX5 = 0xD61F00A0;
    private const uint BrX16 = 0xD61F0200;
    private const uint BlrX5 = 0xD63F00A0;
    private const uint BtiException = 0x0D;

    private static TestMachine Machine(ulong sctlr = 0)
    {
        var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Guarded, Pa, PageTables.Page | PageTables.Guarded | PageTables.ReadOnly);
        tables.Enable(Sctlr.M | sctlr);

        // Guarded code runs once: from then on branches are checked.
        m.Put(Pa, BtiJc, A64.Nop, RetX5);
        m.Cpu.X(5) = Guarded;
        m.Execute(BlrX5);
        m.Run(2);
        return m;
    }

    private static bool Branch(TestMachine m, uint branch, uint landing, ulong from = TestMachine.Code)
    {
        m.Put(Pa + 0x100, landing, A64.Nop);
        m.Cpu.X(5) = Guarded + 0x100;
        m.Cpu.X(16) = Guarded + 0x100;
        m.Put(from == TestMachine.Code ? from : Pa + (from - Guarded), branch);
        m.Cpu.State->Pc = from;
        m.Registers.El1.Esr = 0;
        m.Run(2);
        return m.ExceptionClass != BtiException;
    }

    /// <summary>Landing pad; permitted after BR through X16, after BLR, after BR X5 from a guarded page.</summary>
    [Theory]
    [InlineData(BtiNone, false, false, false)]
    [InlineData(BtiC, true, true, false)]
    [InlineData(BtiJ, true, false, true)]
    [InlineData(BtiJc, true, true, true)]
    [InlineData(Paciasp, true, true, true)]
    [InlineData(Pacibsp, true, true, true)]
    [InlineData(Brk, true, true, true)]
    [InlineData(A64.Nop, false, false, false)]
    public void LandingPads_AcceptTheirBranches(uint landing, bool jump16, bool call, bool jump5)
    {
        using var m = Machine();
        Assert.Equal(jump16, Branch(m, BrX16, landing));
        Assert.Equal(call, Branch(m, BlrX5, landing));
        Assert.Equal(jump5, Branch(m, BrX5, landing, Guarded + 0x40));

        // From a page that is not guarded any BR is as through X16; a return is always fine.
        Assert.Equal(jump16, Branch(m, BrX5, landing));
        Assert.True(Branch(m, RetX5, landing));
    }

    [Fact]
    public void Paciasp_WithBt1_RefusesJumps()
    {
        using var m = Machine(Sctlr.BT1);
        Assert.False(Branch(m, BrX5, Paciasp, Guarded + 0x40));
        Assert.True(Branch(m, BrX16, Paciasp, Guarded + 0x40));
        Assert.True(Branch(m, BlrX5, Paciasp));
    }

    [Fact]
    public void Exception_IsAtTheTarget_WithBtypeInSyndromeAndSpsr()
    {
        using var m = Machine();
        Assert.False(Branch(m, BlrX5, A64.Nop));
        Assert.Equal(2u, m.Iss);
        Assert.Equal(Guarded + 0x100, m.Registers.El1.Elr);
        Assert.Equal(2UL << 10, m.Registers.El1.Spsr & Pstate.Btype);
        Assert.Equal(TestMachine.Code + 4, m.Cpu.X(30));
        Assert.Equal(0UL, m.Registers.Btype);
    }

    [Fact]
    public void ReturnWithBtype_IsCheckedAtTheInstructionReturnedTo()
    {
        using var m = Machine();
        m.Put(Pa + 0x100, A64.Nop, A64.Nop);
        m.Put(TestMachine.Vectors + 0xF00, A64.Eret);
        foreach (var (btype, caught) in new[] { (0UL, false), (1UL, true), (2UL, true), (3UL, true) })
        {
            m.Registers.El1.Elr = Guarded + 0x100;
            m.Registers.El1.Spsr = 5 | (btype << 10);
            m.Registers.El1.Esr = 0;
            m.Cpu.State->Pc = TestMachine.Vectors + 0xF00;
            m.Run(1);
            Assert.Equal(caught ? BtiException : 0u, m.ExceptionClass);
            Assert.Equal((uint)btype, m.Iss);
            if (caught)
            {
                Assert.Equal(Guarded + 0x100, m.Registers.El1.Elr);
                Assert.Equal(btype << 10, m.Registers.El1.Spsr & Pstate.Btype);
            }
        }
    }

    [Fact]
    public void BranchToAnUnmappedPage_KeepsBtypeForTheReturn()
    {
        using var m = Machine();
        m.Put(TestMachine.Code, BlrX5);
        m.Cpu.X(5) = Guarded + 0x10_0000;
        m.Cpu.State->Pc = TestMachine.Code;
        m.Run(1);
        Assert.Equal(0x21u, m.ExceptionClass);
        Assert.Equal(0x07u, m.Iss & 0x3F);
        Assert.Equal(Guarded + 0x10_0000, m.Registers.El1.Far);
        Assert.Equal(Guarded + 0x10_0000, m.Registers.El1.Elr);
        Assert.Equal(2UL << 10, m.Registers.El1.Spsr & Pstate.Btype);
    }
}
