// FEAT_BTI: every kind of landing pad against every kind of branch, in guarded pages and outside of them.
using Emu.Core;
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

    private static TestMachine Machine(ulong sctlr = 0, bool compiles = false)
    {
        var m = new TestMachine(compiles: compiles);
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Guarded, Pa, PageTables.Page | PageTables.Guarded | PageTables.ReadOnly);
        tables.Enable(Sctlr.M | sctlr);
        return m;
    }

    private static bool Branch(TestMachine m, uint branch, uint landing, ulong from = TestMachine.Code)
    {
        m.Put(Pa + 0x100, landing, A64.Nop);
        m.Cpu.X(5) = Guarded + 0x100;
        m.Cpu.X(16) = Guarded + 0x100;
        m.Put(from == TestMachine.Code ? from : Pa + (from - Guarded), branch);
        var permitted = Branch(m, from);
        for (var i = 0; i < 3; i++)
        {
            // By the jump cache, and by compiled code where the machine compiles.
            Assert.Equal(permitted, Branch(m, from));
        }

        return permitted;
    }

    private static bool Branch(TestMachine m, ulong from)
    {
        m.Cpu.State->Pc = from;
        m.Registers.El1.Esr = 0;
        m.Run(2);
        return m.ExceptionClass != BtiException;
    }

    /// <summary>Landing pad; permitted after BR through X16, after BLR, after BR X5 from a guarded page; by both engines.</summary>
    public static TheoryData<uint, bool, bool, bool, bool> Landings
    {
        get
        {
            var data = new TheoryData<uint, bool, bool, bool, bool>();
            foreach (var compiles in (bool[])[false, true])
            {
                data.Add(BtiNone, false, false, false, compiles);
                data.Add(BtiC, true, true, false, compiles);
                data.Add(BtiJ, true, false, true, compiles);
                data.Add(BtiJc, true, true, true, compiles);
                data.Add(Paciasp, true, true, true, compiles);
                data.Add(Pacibsp, true, true, true, compiles);
                data.Add(Brk, true, true, true, compiles);
                data.Add(A64.Nop, false, false, false, compiles);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Landings))]
    public void LandingPads_AcceptTheirBranches(uint landing, bool jump16, bool call, bool jump5, bool compiles)
    {
        using var m = Machine(compiles: compiles);
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
    }

    /// <summary>The types alternate at one target: each has its own answer, whatever the other left behind.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OneTarget_AnswersEachTypeForItself(bool compiles)
    {
        using var m = Machine(compiles: compiles);
        m.Put(Pa + 0x100, BtiJ, A64.Nop);
        m.Put(TestMachine.Code, BlrX5);
        m.Put(TestMachine.Code + 0x100, BrX16);
        m.Put(TestMachine.Code + 0x200, RetX5);
        m.Cpu.X(5) = m.Cpu.X(16) = Guarded + 0x100;
        for (var i = 0; i < 6; i++)
        {
            Assert.True(Branch(m, TestMachine.Code + 0x100));
            Assert.True(Branch(m, TestMachine.Code + 0x200));
            Assert.False(Branch(m, TestMachine.Code));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TargetRewritten_IsLookedAtAgain(bool compiles)
    {
        using var m = Machine(compiles: compiles);
        Assert.True(Branch(m, BlrX5, BtiC));
        Assert.False(Branch(m, BlrX5, BtiJ));
        Assert.True(Branch(m, BlrX5, BtiC));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Bt1_TakesEffectOnTargetsThatWerePermitted(bool compiles)
    {
        using var m = Machine(compiles: compiles);
        Assert.True(Branch(m, BrX5, Paciasp, Guarded + 0x40));
        m.Cpu.X(1) = m.Registers.El1.Sctlr | Sctlr.BT1;
        m.Execute(A64.Msr(A64.Register(3, 0, 1, 0, 0), 1), A64.Isb);
        Assert.False(Branch(m, BrX5, Paciasp, Guarded + 0x40));
    }

    /// <summary>An interrupt after the branch, before its target: SPSR holds BTYPE, and the return is checked as the branch would have been.</summary>
    [Theory]
    [InlineData(BlrX5, TestMachine.Code, 2UL)]
    [InlineData(BrX16, TestMachine.Code, 1UL)]
    [InlineData(BrX5, TestMachine.Code, 1UL)]
    [InlineData(BrX5, Guarded + 0x40, 3UL)]
    [InlineData(RetX5, TestMachine.Code, 0UL)]
    [InlineData(0x14000010u, TestMachine.Code, 0UL)]
    public void InterruptAfterABranch_KeepsBtypeForTheReturn(uint branch, ulong from, ulong btype)
    {
        using var m = Machine();
        m.Put(Pa + 0x100, A64.Nop);
        m.Put(from == TestMachine.Code ? from : Pa + (from - Guarded), branch);
        m.Put(TestMachine.Vectors + 0x280, A64.Nop, A64.Eret);
        m.Cpu.X(5) = m.Cpu.X(16) = Guarded + 0x100;
        m.Registers.Daif = 0;
        m.Cpu.State->Pc = from;
        m.Run(1);
        m.Cpu.SetInterrupt(CpuInterrupt.Irq, true);
        m.Run(1);
        Assert.Equal(btype << 10, m.Registers.El1.Spsr & Pstate.Btype);
        m.Cpu.SetInterrupt(CpuInterrupt.Irq, false);
        m.Run(1);
        Assert.Equal(btype << 10, m.Cpu.ReadPstate() & Pstate.Btype);
        m.Run(1);
        Assert.Equal(btype != 0 ? BtiException : 0, m.ExceptionClass);
        Assert.Equal(0UL, m.Cpu.ReadPstate() & Pstate.Btype);
    }

    /// <summary>A step ends between the branch and its target; the exception is the next step's, which is still to be made.</summary>
    [Fact]
    public void SoftwareStep_EndsBetweenBranchAndTarget()
    {
        using var m = Machine();
        const ulong Mdscr = 1 | (1 << 13);
        m.Put(Pa + 0x100, A64.Nop);
        m.Put(TestMachine.Code, BlrX5);
        m.Put(TestMachine.Vectors + 0x200, A64.Nop, A64.Eret);
        m.Cpu.X(5) = Guarded + 0x100;
        m.Cpu.X(1) = Mdscr;
        m.Registers.OsLock = 0;
        m.Execute(A64.Msr(A64.Register(2, 0, 0, 2, 2), 1), A64.Isb);
        m.Put(TestMachine.Code, BlrX5);
        m.Registers.El1.Elr = TestMachine.Code;
        m.Registers.El1.Spsr = 5 | Pstate.Ss;
        m.Put(TestMachine.Vectors + 0xF00, A64.Eret);
        m.Cpu.State->Pc = TestMachine.Vectors + 0xF00;
        m.Run(3);
        Assert.Equal(0x33u, m.ExceptionClass);
        Assert.Equal(Guarded + 0x100, m.Registers.El1.Elr);
        Assert.Equal(2UL << 10, m.Registers.El1.Spsr & Pstate.Btype);
        m.Registers.El1.Spsr |= Pstate.Ss;
        m.Run(1);
        m.Run(1);
        Assert.Equal(BtiException, m.ExceptionClass);
        Assert.Equal(Guarded + 0x100, m.Registers.El1.Elr);
        Assert.Equal((2UL << 10) | Pstate.Ss, m.Registers.El1.Spsr & (Pstate.Btype | Pstate.Ss));
    }

    [Theory]
    [InlineData(BlrX5, TestMachine.Code, 2UL)]
    [InlineData(BrX5, Guarded + 0x40, 3UL)]
    public void SnapshotAfterABranch_KeepsBtype(uint branch, ulong from, ulong btype)
    {
        using var m = Machine();
        using var other = Machine();
        foreach (var each in (TestMachine[])[m, other])
        {
            each.Put(Pa + 0x100, A64.Nop);
            each.Put(from == TestMachine.Code ? from : Pa + (from - Guarded), branch);
        }

        m.Cpu.X(5) = Guarded + 0x100;
        m.Cpu.State->Pc = from;
        m.Run(1);
        using var stream = new MemoryStream();
        m.Cpu.Save(new SnapshotWriter(stream));
        stream.Position = 0;
        other.Cpu.Restore(new SnapshotReader(stream));
        Assert.Equal(btype << 10, other.Cpu.ReadPstate() & Pstate.Btype);
        other.Run(1);
        Assert.Equal(BtiException, other.ExceptionClass);
        Assert.Equal((uint)btype, other.Iss);
    }

    /// <summary>Another vCPU unmaps the page of a BR that has executed: its BTYPE is what it was.</summary>
    [Fact]
    public void SourcePageUnmappedAfterTheBranch_LeavesBtypeAlone()
    {
        using var m = new TestMachine(2);
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Guarded, Pa, PageTables.Page | PageTables.Guarded | PageTables.ReadOnly);
        tables.Enable();
        m.Put(Pa + 0x40, BrX5);
        m.Put(TestMachine.Code, BtiC);
        m.Cpu.X(5) = TestMachine.Code;
        m.Cpu.State->Pc = Guarded + 0x40;
        m.Run(1);
        tables.Map(Guarded, Pa, 0);
        m.Put(TestMachine.Code + 0x100, A64.Sys(0, 8, 3, 0, 31));
        m.Cluster.Vcpus[1].SetBootState(TestMachine.Code + 0x100, 0);
        m.Cluster.Vcpus[1].Run(1);
        Assert.Equal(3UL << 10, m.Cpu.ReadPstate() & Pstate.Btype);
    }

    [Fact]
    public void WithoutTheFeature_NothingIsChecked()
    {
        using var m = new TestMachine(features: A64Features.Implemented.With(A64Feature.BTI, false));
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Guarded, Pa, PageTables.Page | PageTables.Guarded | PageTables.ReadOnly);
        tables.Enable();
        Assert.True(Branch(m, BlrX5, A64.Nop));
        m.Run(0);
        Assert.Equal(0UL, m.Cpu.ReadPstate() & Pstate.Btype);
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
            m.Run(2);
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
        m.Run(2);
        Assert.Equal(0x21u, m.ExceptionClass);
        Assert.Equal(0x07u, m.Iss & 0x3F);
        Assert.Equal(Guarded + 0x10_0000, m.Registers.El1.Far);
        Assert.Equal(Guarded + 0x10_0000, m.Registers.El1.Elr);
        Assert.Equal(2UL << 10, m.Registers.El1.Spsr & Pstate.Btype);
    }
}
