// Exception entry and return: vectors, syndromes, saved state, stack banking, masks.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class ExceptionTests
{
    private const ulong El1h = 5;
    private const ulong El1t = 4;

    [Fact]
    public void Svc_FromEl1h_GoesToCurrentElSpxVectorWithNextInstructionInElr()
    {
        using var m = new TestMachine();
        m.Execute(A64.Svc(0x1234));
        Assert.Equal(TestMachine.Vectors + 0x200, m.Cpu.ProgramCounter);
        Assert.Equal(0x56001234UL, m.Registers.El1.Esr);
        Assert.Equal(TestMachine.Code + 4, m.Registers.El1.Elr);
        Assert.Equal(Pstate.Daif | El1h, m.Registers.El1.Spsr);
    }

    [Fact]
    public void Svc_FromEl1t_GoesToCurrentElSp0Vector()
    {
        using var m = new TestMachine();
        m.Execute(A64.MsrSpSel(0), A64.Svc(0));
        Assert.Equal(TestMachine.Vectors, m.Cpu.ProgramCounter);
        Assert.Equal(Pstate.Daif | El1t, m.Registers.El1.Spsr);
        Assert.Equal(1UL, m.Registers.SpSel);
    }

    [Fact]
    public void Svc_FromEl0_GoesToLowerElVectorAndSwitchesStack()
    {
        using var m = new TestMachine();
        m.Cpu.X(31) = 0x1110;
        m.Registers.SpEl0 = 0x2220;
        m.Put(TestMachine.Code, A64.Svc(7));
        m.EnterEl0(TestMachine.Code);
        Assert.Equal(0, m.Cpu.ExceptionLevel);
        Assert.Equal(0x2220UL, m.Cpu.X(31));
        m.Cpu.State->Flags = 0b1010;
        m.Run(1);
        Assert.Equal(TestMachine.Vectors + 0x400, m.Cpu.ProgramCounter);
        Assert.Equal(0x1110UL, m.Cpu.X(31));
        Assert.Equal(0xA000_0000UL, m.Registers.El1.Spsr);
        Assert.Equal(0x56000007UL, m.Registers.El1.Esr);
        Assert.Equal(Pstate.Daif, m.Registers.Daif);
    }

    [Theory]
    [InlineData(0x00000000u, 0x00u, 0u)]
    [InlineData(0xD4200AA0u, 0x3Cu, 0x55u)]
    [InlineData(0xD4000003u, 0x00u, 0u)]
    [InlineData(0xD4400020u, 0x00u, 0u)]
    [InlineData(0xD4A00001u, 0x00u, 0u)]
    public void FaultingInstruction_LeavesElrAtItself(uint word, uint exceptionClass, uint iss)
    {
        using var m = new TestMachine();
        m.ExecuteFaulting(word);
        Assert.Equal(TestMachine.Vectors + 0x204, m.Cpu.ProgramCounter);
        Assert.Equal(TestMachine.Code, m.Registers.El1.Elr);
        Assert.Equal(exceptionClass, m.ExceptionClass);
        Assert.Equal(iss, m.Iss);
        Assert.Equal(1UL, (m.Registers.El1.Esr >> 25) & 1);
    }

    [Fact]
    public void UndefinedInMiddleOfBlock_RetiresOnlyWhatCameBefore()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Code, A64.Nop, A64.Nop, A64.Undefined);
        m.Put(TestMachine.Vectors + 0x200, A64.Wfi);
        m.Cpu.State->Pc = TestMachine.Code;
        Assert.Equal(VcpuExit.Halted, m.Cpu.Run(ulong.MaxValue));
        Assert.Equal(TestMachine.Code + 8, m.Registers.El1.Elr);
        Assert.Equal(3UL, m.Cpu.Retired);
    }

    [Fact]
    public void PcAlignment_ReportsFarAndClass()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x200, A64.Nop);
        m.Registers.El1.Elr = TestMachine.Code + 2;
        m.Registers.El1.Spsr = El1h;
        m.Put(TestMachine.Code + 0x100, A64.Eret);
        m.Cpu.State->Pc = TestMachine.Code + 0x100;
        m.Run(2);
        Assert.Equal(0x22u, m.ExceptionClass);
        Assert.Equal(TestMachine.Code + 2, m.Registers.El1.Far);
        Assert.Equal(TestMachine.Code + 2, m.Registers.El1.Elr);
    }

    [Fact]
    public void Fetch_OutsideOfRam_IsExternalInstructionAbort()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x200, A64.Nop);
        m.Cpu.State->Pc = 0x1000;
        m.Run(1);
        Assert.Equal(0x21u, m.ExceptionClass);
        Assert.Equal(0x10u, m.Iss);
        Assert.Equal(0x1000UL, m.Registers.El1.Far);
    }

    [Theory]
    [InlineData(0x10UL)]
    [InlineData(0x9UL)]
    [InlineData(0x2UL)]
    [InlineData(0x1UL)]
    public void Eret_ToIllegalMode_TakesIllegalStateAtTarget(ulong mode)
    {
        using var m = new TestMachine();
        m.Registers.El1.Elr = TestMachine.Data;
        m.Registers.El1.Spsr = mode | (0x6UL << 28) | Pstate.I;
        m.Execute(A64.Eret, A64.Nop);
        Assert.Equal(0x0Eu, m.ExceptionClass);
        Assert.Equal(TestMachine.Data, m.Registers.El1.Elr);
        Assert.Equal((0x6UL << 28) | Pstate.Il | Pstate.I | El1h, m.Registers.El1.Spsr);
        Assert.Equal(1, m.Cpu.ExceptionLevel);
        Assert.Equal(TestMachine.Vectors + 0x204, m.Cpu.ProgramCounter);
    }

    /// <summary>PSTATE.IL waits for an instruction: an interrupt that comes first saves it, and its return brings it back.</summary>
    [Fact]
    public void IllegalState_SurvivesAnInterruptBeforeTheNextInstruction()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x280, A64.Nop, A64.Eret);
        m.Registers.El1.Elr = TestMachine.Data;
        m.Registers.El1.Spsr = 0x9;
        m.Execute(A64.Eret);
        m.Cpu.SetInterrupt(CpuInterrupt.Irq, true);
        m.Run(1);
        Assert.Equal(TestMachine.Data, m.Registers.El1.Elr);
        Assert.Equal(Pstate.Il, m.Registers.El1.Spsr & Pstate.Il);
        Assert.Equal(0UL, m.Cpu.ReadPstate() & Pstate.Il);
        m.Cpu.SetInterrupt(CpuInterrupt.Irq, false);
        m.Run(2);
        Assert.Equal(0x0Eu, m.ExceptionClass);
        Assert.Equal(TestMachine.Data, m.Registers.El1.Elr);
    }

    [Fact]
    public void Eret_AtEl0_IsUndefined()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x400, A64.Nop);
        m.Put(TestMachine.Code, A64.Eret);
        m.EnterEl0(TestMachine.Code);
        m.Run(1);
        Assert.Equal(0u, m.ExceptionClass);
        Assert.Equal(TestMachine.Vectors + 0x404, m.Cpu.ProgramCounter);
    }

    [Fact]
    public void DaifClr_TakesPendingInterruptBeforeNextInstruction()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x280, A64.Nop);
        m.Put(TestMachine.Code, A64.Nop, A64.DaifClr(2), A64.Svc(1));
        m.Cpu.SetInterrupt(CpuInterrupt.Irq, true);
        m.Run(2);
        Assert.Equal(TestMachine.Code + 8, m.Cpu.ProgramCounter);
        m.Run(1);
        Assert.Equal(TestMachine.Vectors + 0x284, m.Cpu.ProgramCounter);
        Assert.Equal(TestMachine.Code + 8, m.Registers.El1.Elr);
    }

    [Fact]
    public void Fiq_ComesBeforeIrq_AndMasksAreIndependent()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x280, A64.Nop);
        m.Put(TestMachine.Vectors + 0x300, A64.Nop);
        m.Cpu.SetInterrupt(CpuInterrupt.Irq, true);
        m.Cpu.SetInterrupt(CpuInterrupt.Fiq, true);
        m.Registers.Daif = 0;
        m.Put(TestMachine.Code, A64.Nop);
        m.Run(1);
        Assert.Equal(TestMachine.Vectors + 0x304, m.Cpu.ProgramCounter);
        m.Cpu.State->Pc = TestMachine.Code;
        m.Registers.Daif = Pstate.F;
        m.Run(1);
        Assert.Equal(TestMachine.Vectors + 0x284, m.Cpu.ProgramCounter);
    }

    [Fact]
    public void Entry_SetsPanUnlessSpan()
    {
        using var m = new TestMachine();
        m.Execute(A64.Svc(0));
        Assert.Equal(0UL, m.Registers.Pan);
        m.Registers.El1.Sctlr &= ~Sctlr.SPAN;
        m.Execute(A64.Svc(0));
        Assert.Equal(Pstate.Pan, m.Registers.Pan);
        Assert.Equal(0UL, m.Registers.El1.Spsr & Pstate.Pan);
    }

    [Fact]
    public void Wfi_Halts_AndMaskedInterruptWakes()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Code, A64.Wfi, A64.Nop);
        Assert.Equal(VcpuExit.Halted, m.Run(2));
        Assert.False(m.Cpu.HasWork);
        m.Cpu.SetInterrupt(CpuInterrupt.Irq, true);
        Assert.True(m.Cpu.HasWork);
        Assert.Equal(VcpuExit.LimitReached, m.Run(1));
        Assert.Equal(TestMachine.Code + 8, m.Cpu.ProgramCounter);
    }

    [Theory]
    [InlineData(0xD503207Fu, 0x1E00000u)]
    [InlineData(0xD503205Fu, 0x1E00001u)]
    public void WfxAtEl0_TrapsWithoutEnable(uint word, uint iss)
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x400, A64.Nop);
        m.Put(TestMachine.Code, word);
        m.EnterEl0(TestMachine.Code);
        m.Registers.EventRegister = 0;
        m.Run(1);
        Assert.Equal(1u, m.ExceptionClass);
        Assert.Equal(iss, m.Iss);
        Assert.Equal(TestMachine.Code, m.Registers.El1.Elr);
    }

    [Fact]
    public void SoftwareStep_TrapsAfterEachInstructionOfEl0()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x400, A64.Nop);
        m.Put(TestMachine.Code, A64.Nop, A64.Nop);
        m.Registers.Mdscr = 1;
        m.Cpu.X(1) = 0;
        m.Put(TestMachine.Data, A64.Msr(A64.Register(2, 0, 1, 0, 4), 1), A64.Eret);
        m.Registers.El1.Elr = TestMachine.Code;
        m.Registers.El1.Spsr = Pstate.Ss;
        m.Cpu.State->Pc = TestMachine.Data;
        m.Run(2);
        Assert.Equal(Pstate.Ss, m.Registers.SoftwareStep);
        m.Run(1);
        Assert.Equal(0x32u, m.ExceptionClass);
        Assert.Equal(0x1000022u, m.Iss);
        Assert.Equal(TestMachine.Code + 4, m.Registers.El1.Elr);
        Assert.Equal(0UL, m.Registers.El1.Spsr & Pstate.Ss);
        Assert.Equal(TestMachine.Vectors + 0x400, m.Cpu.ProgramCounter);
    }

    [Fact]
    public void SteppedFaultingInstruction_IsSteppedAgain()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Vectors + 0x400, A64.Nop);
        m.Put(TestMachine.Code, A64.Brk(1));
        m.Registers.Mdscr = 1;
        m.Registers.OsLock = 0;
        m.Registers.El1.Elr = TestMachine.Code;
        m.Registers.El1.Spsr = Pstate.Ss;
        m.Put(TestMachine.Data, A64.Eret);
        m.Cpu.State->Pc = TestMachine.Data;
        m.Run(2);
        Assert.Equal(0x3Cu, m.ExceptionClass);
        Assert.Equal(Pstate.Ss, m.Registers.El1.Spsr);
    }
}
