// System register access: what is UNDEFINED, what traps with which syndrome, what is plain storage, what the ID registers say.
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class SystemRegisterTests
{
    private static readonly uint Tpidr = A64.Register(3, 0, 13, 0, 4);
    private static readonly uint TpidrEl0 = A64.Register(3, 3, 13, 0, 2);
    private static readonly uint TpidrroEl0 = A64.Register(3, 3, 13, 0, 3);
    private static readonly uint SpEl0 = A64.Register(3, 0, 4, 1, 0);

    [Fact]
    public void PlainRegisters_KeepWhatIsWritten_WithinTheirMask()
    {
        using var m = new TestMachine();
        m.Cpu.X(0) = 0x1234_5678_9ABC_DEF7;
        m.Execute(
            A64.Msr(Tpidr, 0), A64.Mrs(1, Tpidr), A64.Msr(A64.Register(3, 0, 12, 0, 0), 0), A64.Mrs(2, A64.Register(3, 0, 12, 0, 0)),
            A64.Mrs(3, A64.Register(3, 0, 4, 2, 2)), A64.Msr(SpEl0, 0), A64.Mrs(4, SpEl0));
        Assert.Equal(0x1234_5678_9ABC_DEF7UL, m.Cpu.X(1));
        Assert.Equal(0x1234_5678_9ABC_D800UL, m.Cpu.X(2));
        Assert.Equal(4UL, m.Cpu.X(3));
        Assert.Equal(0x1234_5678_9ABC_DEF7UL, m.Cpu.X(4));
    }

    [Fact]
    public void SpEl0_WhileItIsTheStackPointer_IsUndefined()
    {
        using var m = new TestMachine();
        m.Execute(A64.MsrSpSel(0));
        m.ExecuteFaulting(A64.Mrs(0, SpEl0));
        Assert.Equal(0u, m.ExceptionClass);
        Assert.Equal(TestMachine.Code, m.Registers.El1.Elr);
    }

    [Theory]
    [InlineData(3u, 4u, 1u, 1u, 0u)]
    [InlineData(3u, 6u, 1u, 1u, 0u)]
    [InlineData(3u, 0u, 15u, 2u, 0u)]
    [InlineData(3u, 3u, 2u, 4u, 0u)]
    [InlineData(3u, 0u, 3u, 1u, 0u)]
    [InlineData(2u, 0u, 0u, 15u, 4u)]
    public void AbsentRegister_IsUndefinedAtEl1(uint op0, uint op1, uint crn, uint crm, uint op2)
    {
        using var m = new TestMachine();
        m.ExecuteFaulting(A64.Mrs(0, A64.Register(op0, op1, crn, crm, op2)));
        Assert.Equal(0u, m.ExceptionClass);
        Assert.Equal(TestMachine.Code, m.Registers.El1.Elr);
    }

    [Fact]
    public void WriteToReadOnlyRegister_IsUndefined()
    {
        using var m = new TestMachine();
        m.ExecuteFaulting(A64.Msr(A64.Register(3, 0, 0, 0, 0), 0));
        Assert.Equal(0u, m.ExceptionClass);
        Assert.Equal(TestMachine.Code, m.Registers.El1.Elr);
    }

    [Fact]
    public void UnallocatedIdSpace_ReadsAsZero()
    {
        using var m = new TestMachine();
        m.Cpu.X(0) = 1;
        m.Cpu.X(1) = 1;
        m.Execute(A64.Mrs(0, A64.Register(3, 0, 0, 7, 7)), A64.Mrs(1, A64.Register(3, 0, 0, 1, 0)));
        Assert.Equal(0UL, m.Cpu.X(0));
        Assert.Equal(0UL, m.Cpu.X(1));
    }

    /// <summary>EL0 accesses that SCTLR_EL1, CNTKCTL_EL1 or MDSCR_EL1 trap: the syndrome names the instruction.</summary>
    [Theory]
    [InlineData(0xD53B0025u)]
    [InlineData(0xD53BE045u)]
    [InlineData(0xD50341DFu)]
    [InlineData(0xD50B7A25u)]
    [InlineData(0xD50B7425u)]
    [InlineData(0xD50B7525u)]
    [InlineData(0xD53B4225u)]
    [InlineData(0xD51BE325u)]
    [InlineData(0xD50B7385u)]
    [InlineData(0xD50B73A5u)]
    [InlineData(0xD50B73E5u)]
    public void El0_TrappedAccess_HasItsSyndrome(uint word)
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x400, A64.Nop);
        m.Put(TestMachine.Code, word);
        m.EnterEl0(TestMachine.Code);
        m.Run(1);
        uint Field(int high, int low) => (word >> low) & ((1u << (high - low + 1)) - 1);
        var expected = (Field(20, 19) << 20) | (Field(7, 5) << 17) | (Field(18, 16) << 14) | (Field(15, 12) << 10) | (Field(4, 0) << 5) | (Field(11, 8) << 1) | Field(21, 21);
        Assert.Equal(0x18u, m.ExceptionClass);
        Assert.Equal(expected, m.Iss);
        Assert.Equal(TestMachine.Code, m.Registers.El1.Elr);
    }

    [Fact]
    public void El0_EnabledAccess_DoesNotTrap()
    {
        using var m = new TestMachine();
        m.Registers.El1.Sctlr |= Sctlr.UCT | Sctlr.UMA | Sctlr.UCI;
        m.Registers.Cntkctl = 2;
        m.Cpu.X(5) = TestMachine.Data;
        m.Put(TestMachine.Code, A64.Mrs(0, A64.Register(3, 3, 0, 0, 1)), A64.Mrs(1, A64.Register(3, 3, 14, 0, 2)), A64.DaifSet(1), A64.DcCvac(5), A64.Nop);
        m.EnterEl0(TestMachine.Code);
        m.Run(5);
        Assert.Equal(TestMachine.Code + 20, m.Cpu.ProgramCounter);
        Assert.Equal(A64Features.Ctr, m.Cpu.X(0));
        Assert.Equal(Pstate.F, m.Registers.Daif);
    }

    /// <summary>CFP, DVP and CPP RCTX: at EL1 always, at EL0 by SCTLR_EL1.EnRCTX.</summary>
    [Theory]
    [InlineData(0xD50B7385u)]
    [InlineData(0xD50B73A5u)]
    [InlineData(0xD50B73E5u)]
    public void PredictionRestriction_AtEl0_NeedsEnRctx(uint word)
    {
        using var m = new TestMachine();
        m.Execute(word, A64.Mrs(0, A64.Register(3, 0, 1, 0, 0)), 0xB2760000, A64.Msr(A64.Register(3, 0, 1, 0, 0), 0));
        Assert.NotEqual(0UL, m.Registers.El1.Sctlr & Sctlr.EnRCTX);
        m.Put(TestMachine.Code, word, A64.Nop);
        m.EnterEl0(TestMachine.Code);
        m.Run(2);
        Assert.Equal(TestMachine.Code + 8, m.Cpu.ProgramCounter);
    }

    [Fact]
    public void El0_PrivilegedRegister_IsUndefined_AndTpidrroIsReadOnly()
    {
        foreach (var word in new[] { A64.Mrs(0, Tpidr), A64.Msr(TpidrroEl0, 0), A64.Mrs(0, A64.Register(3, 0, 0, 4, 0)), A64.MsrSpSel(1), A64.Hvc(0) })
        {
            using var m = new TestMachine();
            m.Put(TestMachine.Vectors + 0x400, A64.Nop);
            m.Put(TestMachine.Code, A64.Mrs(0, TpidrroEl0), A64.Msr(TpidrEl0, 0), word);
            m.EnterEl0(TestMachine.Code);
            m.Run(3);
            Assert.Equal(0u, m.ExceptionClass);
            Assert.Equal(TestMachine.Code + 8, m.Registers.El1.Elr);
        }
    }

    [Fact]
    public void FpControl_WithFpTrapped_TrapsWithFpSyndrome()
    {
        using var m = new TestMachine();
        m.ExecuteFaulting(A64.Mrs(0, A64.Register(3, 3, 4, 4, 0)));
        Assert.Equal(7u, m.ExceptionClass);
        Assert.Equal(0x1E00000u, m.Iss);
        m.Cpu.X(1) = 3UL << 20;
        m.Cpu.X(2) = ulong.MaxValue;
        m.Execute(A64.Msr(A64.Register(3, 0, 1, 0, 2), 1), A64.Msr(A64.Register(3, 3, 4, 4, 0), 2), A64.Mrs(3, A64.Register(3, 3, 4, 4, 0)));
        Assert.Equal(0x07C0_0000UL, m.Cpu.X(3) & ~(1UL << 19));
    }

    [Fact]
    public void IdRegisters_FollowTheFeatureList()
    {
        var none = A64Features.IdRegisters(new A64FeatureSet(0), gicSystemRegisters: false);
        Assert.Equal(0xFF0011UL, none[4 << 3]);
        Assert.Equal(0UL, none[6 << 3]);
        var some = A64Features.IdRegisters(A64FeatureSet.Of(A64Feature.FP, A64Feature.AdvSIMD, A64Feature.AES, A64Feature.PMULL, A64Feature.LSE), gicSystemRegisters: true);
        Assert.Equal(0x0100_0011UL, some[4 << 3]);
        Assert.Equal(0x0020_0020UL, some[6 << 3]);
    }

    [Fact]
    public void Table_HasNoDuplicateNames_AndEveryRowReadsOrWrites()
    {
        Assert.Equal(SystemRegisterTable.Rows.Count, SystemRegisterTable.Rows.Select(r => r.Name).Distinct().Count());
        Assert.All(SystemRegisterTable.Rows, r => Assert.True(
            ((r.Access & RegisterAccess.Read) == 0 || r.Slot != 0 || r.ReadValue != null) && ((r.Access & RegisterAccess.Write) == 0 || r.Slot != 0 || r.WriteValue != null), r.Name));
        Assert.All(SystemRegisterTable.Rows, r => Assert.True(r.Slot == 0 || (r.Slot >= Arm64State.FpcrOffset && r.Slot < Arm64State.Size), r.Name));
    }

    [Fact]
    public void Rndr_GivesSeededSequence()
    {
        var features = A64Features.Implemented.With(A64Feature.RNG, true);
        var values = new List<ulong>();
        for (var i = 0; i < 2; i++)
        {
            using var m = new TestMachine(features: features, seed: 99);
            m.Cpu.State->Flags = 15;
            m.Execute(A64.Mrs(0, A64.Register(3, 3, 2, 4, 0)), A64.Mrs(1, A64.Register(3, 3, 2, 4, 1)));
            Assert.Equal(0UL, m.Cpu.State->Flags);
            Assert.NotEqual(m.Cpu.X(0), m.Cpu.X(1));
            values.Add(m.Cpu.X(0));
        }

        Assert.Equal(values[0], values[1]);
    }
}
