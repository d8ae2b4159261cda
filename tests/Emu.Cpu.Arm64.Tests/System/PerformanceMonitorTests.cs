// The performance monitors: what counts at which exception level, overflow and its interrupt, chained counters, the rules for EL0.
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class PerformanceMonitorTests
{
    private const ulong Cycles = 1UL << 31;
    private static readonly uint Pmcr = Register(12, 0);
    private static readonly uint Pmcntenset = Register(12, 1);
    private static readonly uint Pmovsclr = Register(12, 3);
    private static readonly uint Pmswinc = Register(12, 4);
    private static readonly uint Pmselr = Register(12, 5);
    private static readonly uint Pmccntr = Register(13, 0);
    private static readonly uint Pmxevtyper = Register(13, 1);
    private static readonly uint Pmxevcntr = Register(13, 2);
    private static readonly uint Pmuserenr = Register(14, 0);
    private static readonly uint Pmintenset = A64.Register(3, 0, 9, 14, 1);

    private static uint Register(uint crm, uint op2) => A64.Register(3, 3, 9, crm, op2);

    private static uint Counter(uint n) => A64.Register(3, 3, 14, 8, n);

    private static uint Type(uint n) => A64.Register(3, 3, 14, 12, n);

    private static void Write(TestMachine m, uint register, ulong value)
    {
        m.Cpu.X(9) = value;
        m.Execute(A64.Msr(register, 9));
    }

    private static ulong Read(TestMachine m, uint register)
    {
        m.Execute(A64.Mrs(9, register));
        return m.Cpu.X(9);
    }

    [Fact]
    public void Control_ReportsCounters_AndResets()
    {
        using var m = new TestMachine();
        Assert.Equal((6UL << 11) | (1UL << 6), Read(m, Pmcr));
        Write(m, Counter(2), 5);
        Write(m, Pmccntr, 7);
        Write(m, Pmcr, 2);
        Assert.Equal(0UL, Read(m, Counter(2)));
        Assert.Equal(7UL, Read(m, Pmccntr));
        Write(m, Pmcr, 4);
        Assert.Equal(0UL, Read(m, Pmccntr));
        Assert.Equal(0x5802_0701UL, Read(m, Register(12, 6)));
    }

    [Fact]
    public void CyclesAndInstructions_CountWhatRetires()
    {
        using var m = new TestMachine();
        Write(m, Type(0), 0x08);
        Write(m, Type(1), 0x23);
        Write(m, Pmcntenset, Cycles | 3);
        m.Cpu.X(1) = 1;
        m.Execute(A64.Msr(Pmcr, 1), A64.Nop, A64.Nop, A64.Mrs(2, Pmccntr), A64.Mrs(3, Counter(0)), A64.Mrs(4, Counter(1)));

        // From the MSR itself on, up to the MRS.
        Assert.Equal(3UL, m.Cpu.X(2));
        Assert.Equal(4UL, m.Cpu.X(3));
        Assert.Equal(0UL, m.Cpu.X(4));
    }

    /// <summary>P and U: counted at the other level only.</summary>
    [Theory]
    [InlineData(1UL << 31, 3UL)]
    [InlineData(1UL << 30, 1UL)]
    [InlineData(3UL << 30, 0UL)]
    [InlineData(0UL, 4UL)]
    public void Filters_SelectTheExceptionLevel(ulong filter, ulong expected)
    {
        using var m = new TestMachine();
        Write(m, Type(0), 0x11 | filter);
        Write(m, Pmcntenset, 1);
        Write(m, Pmcr, 1);
        Write(m, Counter(0), 0);
        var before = Read(m, Counter(0));
        m.Put(TestMachine.Code, A64.Nop, A64.Nop, A64.Svc(0));
        var r = m.Cpu.Retired;
        m.EnterEl0(TestMachine.Code);
        m.Run(3);
        Assert.Equal(4UL, m.Cpu.Retired - r);
        Assert.Equal(0x15u, m.ExceptionClass);

        // ERET at EL1, three instructions at EL0; the MRS of before counts at EL1, too.
        var el1 = (filter & (1UL << 31)) == 0 ? 1UL : 0;
        Assert.Equal(expected + el1, Read(m, Counter(0)) - before);
    }

    [Fact]
    public void Events_CountExceptionsReturnsAndTableWrites()
    {
        using var m = new TestMachine();
        Write(m, Type(0), 0x09);
        Write(m, Type(1), 0x0A);
        Write(m, Type(2), 0x1C);
        Write(m, Type(3), 0x00);
        Write(m, Pmcntenset, 15);
        Write(m, Pmcr, 1);
        m.ExecuteFaulting(A64.Undefined);
        m.EnterEl0(TestMachine.Code);
        m.Run(1);
        Write(m, A64.Register(3, 0, 2, 0, 0), 0x5000);
        Write(m, Pmswinc, 8 | 1);
        Assert.Equal(2UL, Read(m, Counter(0)));
        Assert.Equal(1UL, Read(m, Counter(1)));
        Assert.Equal(1UL, Read(m, Counter(2)));
        Assert.Equal(1UL, Read(m, Counter(3)));
    }

    [Fact]
    public void Overflow_SetsItsFlag_AndCarriesIntoTheChainedCounter()
    {
        using var m = new TestMachine();
        Write(m, Type(2), 0x08);
        Write(m, Type(3), 0x1E);
        Write(m, Counter(2), 0xFFFF_FFFE);
        Write(m, Pmcntenset, 12);
        Write(m, Pmcr, 1);
        m.Execute(A64.Nop, A64.Nop, A64.Nop);
        Assert.Equal(1UL, Read(m, Counter(3)));
        Assert.Equal(4UL, Read(m, Pmovsclr));
        Write(m, Pmovsclr, 4);
        Assert.Equal(0UL, Read(m, Pmovsclr));
    }

    [Fact]
    public void Overflow_RaisesTheInterrupt_UntilCleared()
    {
        using var m = new TestMachine();
        Write(m, Type(0), 0x08);
        Write(m, Counter(0), 0xFFFF_FFF0);
        Write(m, Pmintenset, 1);
        Write(m, Pmcntenset, 1);
        Write(m, Pmcr, 1);
        Assert.False(m.PmuLines[0].Level);
        m.Execute([.. Enumerable.Repeat(A64.Nop, 20)]);

        // Nobody looks at the counters: the clock does, when the time may have come.
        m.Clock.Set(m.Clock.Now + 100);
        m.Clock.RunDueTimers();
        m.Execute(A64.Nop);
        Assert.True(m.PmuLines[0].Level);
        Write(m, Pmovsclr, 1);
        Assert.False(m.PmuLines[0].Level);
    }

    [Fact]
    public void Select_ReachesEveryCounterAndTheCycleFilter()
    {
        using var m = new TestMachine();
        Write(m, Pmselr, 4);
        Write(m, Pmxevtyper, 0xC123_0008);
        Write(m, Pmxevcntr, 0x1_0000_0005);
        Assert.Equal(0xC000_0008UL, Read(m, Type(4)));
        Assert.Equal(5UL, Read(m, Counter(4)));
        Write(m, Pmselr, 31);
        Write(m, Pmxevtyper, ulong.MaxValue);
        Assert.Equal(0xC000_0000UL, Read(m, A64.Register(3, 3, 14, 15, 7)));
        Write(m, Pmselr, 9);
        Write(m, Pmxevtyper, 1);
        Assert.Equal(0UL, Read(m, Pmxevtyper));
        Assert.Equal(0UL, Read(m, Pmxevcntr));
    }

    /// <summary>PMUSERENR_EL0: which accesses of EL0 each bit permits.</summary>
    [Theory]
    [InlineData(0UL, 12u, 0u, true, false)]
    [InlineData(1UL, 12u, 0u, true, true)]
    [InlineData(2UL, 12u, 4u, false, true)]
    [InlineData(8UL, 12u, 4u, false, false)]
    [InlineData(4UL, 13u, 0u, true, true)]
    [InlineData(4UL, 13u, 0u, false, false)]
    [InlineData(8UL, 13u, 2u, true, true)]
    [InlineData(8UL, 13u, 2u, false, false)]
    [InlineData(8UL, 12u, 5u, false, true)]
    [InlineData(0UL, 14u, 0u, true, true)]
    public void El0_IsGovernedByPmuserenr(ulong enables, uint crm, uint op2, bool read, bool permitted)
    {
        using var m = new TestMachine();
        Write(m, Pmuserenr, enables);
        var word = read ? A64.Mrs(0, Register(crm, op2)) : A64.Msr(Register(crm, op2), 0);
        m.Put(TestMachine.Vectors + 0x400, A64.Nop);
        m.Put(TestMachine.Code, word, A64.Svc(0));
        m.EnterEl0(TestMachine.Code);
        m.Run(2);
        Assert.Equal(permitted ? 0x15u : 0x18u, m.ExceptionClass);
    }

    [Fact]
    public void Pmuserenr_WrittenAtEl0_IsUndefined()
    {
        using var m = new TestMachine();
        Write(m, Pmuserenr, 15);
        m.Put(TestMachine.Vectors + 0x400, A64.Nop);
        m.Put(TestMachine.Code, A64.Msr(Pmuserenr, 0));
        m.EnterEl0(TestMachine.Code);
        m.Run(1);
        Assert.Equal(0u, m.ExceptionClass);
    }
}
