// Hardware breakpoints and watchpoints: what matches, at which exception level, and what the exception reports.
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class DebugTests
{
    private const uint LdrX0X5 = 0xF94000A0;
    private const uint StrX0X5 = 0xF90000A0;
    private const uint LdrbW0X5 = 0x394000A0;
    private const uint LdpX0X1X5 = 0xA94004A0;
    private const ulong Enable = 1;
    private const ulong AtEl1 = 1 << 1;
    private const ulong AtEl0 = 2 << 1;
    private const ulong AllBytes = 0xFFUL << 5;
    private const ulong Loads = 1 << 3;
    private const ulong Stores = 2 << 3;
    private const ulong BreakpointBytes = 0xFUL << 5;
    private const ulong MdscrMde = 1 << 15;
    private const ulong MdscrKde = 1 << 13;
    private const ulong Page = 0x7000_0000_0000;

    private static void Write(TestMachine m, uint register, ulong value)
    {
        m.Cpu.X(9) = value;
        m.Execute(A64.Msr(register, 9));
    }

    private static TestMachine Machine(ulong mdscr)
    {
        var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(TestMachine.Code, TestMachine.Code, PageTables.Page | PageTables.User | PageTables.ReadOnly);
        tables.Map(0x7000_0000_0000, TestMachine.Data, PageTables.Page | PageTables.User);
        tables.Enable();
        Write(m, A64.Register(2, 0, 1, 0, 4), 0);
        Write(m, A64.Register(2, 0, 0, 2, 2), mdscr);
        m.Execute(0xD50348FF);
        m.Cpu.X(5) = 0x7000_0000_0000;
        return m;
    }

    private static void Breakpoint(TestMachine m, uint n, ulong address, ulong control)
    {
        Write(m, A64.Register(2, 0, 0, n, 4), address);
        Write(m, A64.Register(2, 0, 0, n, 5), control);
    }

    private static void Watchpoint(TestMachine m, ulong address, ulong control)
    {
        Write(m, A64.Register(2, 0, 0, 1, 6), address);
        Write(m, A64.Register(2, 0, 0, 1, 7), control);
    }

    [Fact]
    public void Breakpoint_IsTakenBeforeItsInstruction()
    {
        using var m = Machine(MdscrMde | MdscrKde);
        Breakpoint(m, 2, TestMachine.Code + 0x108, Enable | AtEl1 | BreakpointBytes);
        m.Put(TestMachine.Code + 0x100, A64.Nop, A64.Nop, A64.Nop);
        m.Cpu.State->Pc = TestMachine.Code + 0x100;
        m.Run(3);
        Assert.Equal(0x31u, m.ExceptionClass);
        Assert.Equal(0x22u, m.Iss);
        Assert.Equal(TestMachine.Code + 0x108, m.Registers.El1.Elr);
    }

    /// <summary>At EL0: breakpoint for which levels, and whether it is taken.</summary>
    [Theory]
    [InlineData(AtEl0, true)]
    [InlineData(AtEl0 | AtEl1, true)]
    [InlineData(AtEl1, false)]
    public void Breakpoint_IsForItsLevels(ulong levels, bool taken)
    {
        using var m = Machine(MdscrMde);
        Breakpoint(m, 0, TestMachine.Code + 4, Enable | levels | BreakpointBytes);
        m.Put(TestMachine.Code, A64.Nop, A64.Nop, A64.Svc(0));
        m.EnterEl0(TestMachine.Code);
        m.Run(3);
        Assert.Equal(taken ? 0x30u : 0x15u, m.ExceptionClass);
    }

    [Theory]
    [InlineData(0UL, false)]
    [InlineData(MdscrMde, false)]
    [InlineData(MdscrMde | MdscrKde, true)]
    public void Breakpoint_AtEl1_NeedsMdeAndKde(ulong mdscr, bool taken)
    {
        using var m = Machine(mdscr);
        Breakpoint(m, 0, TestMachine.Code + 0x104, Enable | AtEl1 | BreakpointBytes);
        m.Put(TestMachine.Code + 0x100, A64.Nop, A64.Nop, A64.Nop);
        m.Cpu.State->Pc = TestMachine.Code + 0x100;
        m.Registers.El1.Esr = 0;
        m.Run(2);
        Assert.Equal(taken ? 0x31u : 0, m.ExceptionClass);
    }

    [Theory]
    [InlineData(7UL, true)]
    [InlineData(8UL, false)]
    public void LinkedBreakpoint_NeedsItsContext(ulong context, bool taken)
    {
        using var m = Machine(MdscrMde | MdscrKde);
        Write(m, A64.Register(3, 0, 13, 0, 1), 7);
        Breakpoint(m, 5, context, Enable | AtEl1 | (3UL << 20) | BreakpointBytes);
        Breakpoint(m, 0, TestMachine.Code + 0x104, Enable | AtEl1 | (1UL << 20) | (5UL << 16) | BreakpointBytes);
        m.Put(TestMachine.Code + 0x100, A64.Nop, A64.Nop, A64.Nop);
        m.Cpu.State->Pc = TestMachine.Code + 0x100;
        m.Registers.El1.Esr = 0;
        m.Run(2);
        Assert.Equal(taken ? 0x31u : 0, m.ExceptionClass);
    }

    /// <summary>Watched address and bytes, kinds; access, its offset; and the offset in FAR, or -1: none.</summary>
    [Theory]
    [InlineData(0UL, AllBytes, Loads | Stores, LdrX0X5, 0, 0)]
    [InlineData(0UL, AllBytes, Stores, LdrX0X5, 0, -1)]
    [InlineData(0UL, AllBytes, Loads, StrX0X5, 0, -1)]
    [InlineData(0UL, AllBytes, Stores, StrX0X5, 0, 0)]
    [InlineData(8UL, AllBytes, Loads, LdrX0X5, 0, -1)]
    [InlineData(8UL, AllBytes, Loads, LdrX0X5, 4, 8)]
    [InlineData(8UL, 1UL << 5, Loads, LdrX0X5, 9, -1)]
    [InlineData(8UL, 2UL << 5, Loads, LdrbW0X5, 9, 9)]
    [InlineData(12UL, 0xFUL << 5, Loads, LdrX0X5, 8, 12)]
    [InlineData(8UL, AllBytes, Loads, LdpX0X1X5, 0, 8)]
    [InlineData(0UL, AllBytes | (8UL << 24), Loads, LdrbW0X5, 255, 255)]
    [InlineData(0UL, AllBytes | (8UL << 24), Loads, LdrbW0X5, 256, -1)]
    public void Watchpoint_MatchesItsBytesAndKinds(ulong watched, ulong bytes, ulong kinds, uint access, int offset, int far)
    {
        using var m = Machine(MdscrMde | MdscrKde);
        m.Cpu.X(0) = 1;
        Watchpoint(m, Page + watched, Enable | AtEl1 | bytes | kinds);
        m.Cpu.X(5) = Page + (ulong)offset;
        m.Registers.El1.Esr = 0;
        m.Put(TestMachine.Code + 0x100, access, A64.Nop);
        m.Cpu.State->Pc = TestMachine.Code + 0x100;
        m.Run(1);
        if (far < 0)
        {
            Assert.Equal(0u, m.ExceptionClass);
            return;
        }

        Assert.Equal(0x35u, m.ExceptionClass);
        Assert.Equal(0x22u | (access == StrX0X5 ? 0x40u : 0), m.Iss);
        Assert.Equal(Page + (ulong)far, m.Registers.El1.Far);
        Assert.Equal(TestMachine.Code + 0x100, m.Registers.El1.Elr);
    }

    [Fact]
    public void Watchpoint_TakenAway_LeavesThePageAlone()
    {
        using var m = Machine(MdscrMde | MdscrKde);
        Watchpoint(m, 0x7000_0000_0000, Enable | AtEl1 | AllBytes | Loads);
        m.ExecuteFaulting(LdrX0X5);
        Assert.Equal(0x35u, m.ExceptionClass);
        m.Execute(0xD50348FF);
        Watchpoint(m, 0x7000_0000_0000, 0);
        m.Word(TestMachine.Data) = 9;
        m.Execute(LdrX0X5);
        Assert.Equal(9UL, m.Cpu.X(0));
    }

    private const uint CpyfmX6X5X7 = 0x1945_04E6;
    private const uint CpymX6X5X7 = 0x1D45_04E6;
    private const uint SetmX6X7X0 = 0x19C0_44E6;

    /// <summary>A machine at EL1 whose next instruction, at CODE + 0x100, is the one given.</summary>
    private static TestMachine Watching(uint instruction, ulong watched, ulong control)
    {
        var m = Machine(MdscrMde | MdscrKde);
        Watchpoint(m, Page + watched, Enable | AtEl1 | control);
        m.Registers.El1.Esr = 0;
        m.Put(TestMachine.Code + 0x100, instruction, A64.Nop);
        m.Cpu.State->Pc = TestMachine.Code + 0x100;
        m.Cpu.State->Flags = 0;
        return m;
    }

    private static void AssertWatchpoint(TestMachine m, ulong far, uint iss)
    {
        Assert.Equal(0x35u, m.ExceptionClass);
        Assert.Equal(0x22u | iss, m.Iss);
        Assert.Equal(Page + far, m.Registers.El1.Far);
        Assert.Equal(TestMachine.Code + 0x100, m.Registers.El1.Elr);
    }

    /// <summary>A copy of 0x100 bytes from 0x100 to 0x800 stops at the watched byte, with everything before it copied and the registers saying so.</summary>
    [Theory]
    [InlineData(0x120UL, Loads, true, 0u, 0x20)]
    [InlineData(0x848UL, Stores, true, 0x40u, 0x48)]
    [InlineData(0x120UL, Loads, false, 0u, 0xD8)]
    [InlineData(0x848UL, Stores, false, 0x40u, 0xB0)]
    [InlineData(0x120UL, Stores, true, 0u, -1)]
    [InlineData(0x848UL, Loads, true, 0u, -1)]
    [InlineData(0x200UL, Loads, true, 0u, -1)]
    [InlineData(0x0F8UL, Loads, false, 0u, -1)]
    public void Watchpoint_StopsAMemoryCopyAtItsByte(ulong watched, ulong kinds, bool forward, uint iss, int copied)
    {
        const ulong Size = 0x100, From = 0x100, To = 0x800;
        using var m = Watching(forward ? CpyfmX6X5X7 : CpymX6X5X7, watched, AllBytes | kinds);
        for (ulong i = 0; i < Size; i += 8)
        {
            m.Word(TestMachine.Data + From + i) = i + 1;
        }

        m.Cpu.X(5) = Page + From + (forward ? Size : 0);
        m.Cpu.X(6) = Page + To + (forward ? Size : 0);
        m.Cpu.X(7) = forward ? unchecked(0 - Size) : Size;
        m.Run(1);
        var done = copied < 0 ? Size : (ulong)copied;
        for (ulong i = 0; i < Size; i += 8)
        {
            var wanted = forward ? i < done : i >= Size - done;
            Assert.Equal(wanted ? i + 1 : 0, m.Word(TestMachine.Data + To + i));
        }

        Assert.Equal(forward ? done - Size : Size - done, m.Cpu.X(7));
        if (copied < 0)
        {
            Assert.Equal(0u, m.ExceptionClass);
        }
        else
        {
            AssertWatchpoint(m, watched + (forward ? 0UL : 7), iss);
        }
    }

    [Theory]
    [InlineData(0x848UL, Stores, 0x48)]
    [InlineData(0x848UL, Loads, -1)]
    [InlineData(0x7F8UL, Stores, -1)]
    public void Watchpoint_StopsAMemorySetAtItsByte(ulong watched, ulong kinds, int set)
    {
        const ulong Size = 0x100, To = 0x800;
        using var m = Watching(SetmX6X7X0, watched, AllBytes | kinds);
        m.Cpu.X(0) = 0xFF;
        m.Cpu.X(6) = Page + To + Size;
        m.Cpu.X(7) = unchecked(0 - Size);
        m.Run(1);
        var done = set < 0 ? Size : (ulong)set;
        for (ulong i = 0; i < Size; i += 8)
        {
            Assert.Equal(i < done ? ulong.MaxValue : 0, m.Word(TestMachine.Data + To + i));
        }

        if (set < 0)
        {
            Assert.Equal(0u, m.ExceptionClass);
        }
        else
        {
            AssertWatchpoint(m, watched, 0x40);
        }
    }

    /// <summary>Only DC IVAC and DC ZVA count as accesses, both as stores to the whole line. FAR: the operand, and what is watched.</summary>
    [Theory]
    [InlineData(0u, 6u, 1u, Stores, 0x30L, 0x140u)]
    [InlineData(0u, 6u, 1u, Loads, -1L, 0u)]
    [InlineData(3u, 4u, 1u, Stores, 0x08L, 0x40u)]
    [InlineData(3u, 4u, 1u, Loads, -1L, 0u)]
    [InlineData(3u, 10u, 1u, Loads | Stores, -1L, 0u)]
    [InlineData(3u, 11u, 1u, Loads | Stores, -1L, 0u)]
    [InlineData(3u, 12u, 1u, Loads | Stores, -1L, 0u)]
    [InlineData(3u, 13u, 1u, Loads | Stores, -1L, 0u)]
    [InlineData(3u, 14u, 1u, Loads | Stores, -1L, 0u)]
    [InlineData(3u, 5u, 1u, Loads | Stores, -1L, 0u)]
    public void Watchpoint_CountsMaintenanceAsTheManualDoes(uint op1, uint crm, uint op2, ulong kinds, long far, uint iss)
    {
        using var m = Watching(A64.Sys(op1, 7, crm, op2, 5), 0x48, AllBytes | kinds);
        m.Cpu.X(5) = Page + 0x70;
        m.Word(TestMachine.Data + 0x40) = 5;
        m.Run(1);
        if (far < 0)
        {
            Assert.Equal(0u, m.ExceptionClass);
        }
        else
        {
            AssertWatchpoint(m, 0x40 + (ulong)far, iss);
            Assert.Equal(5UL, m.Word(TestMachine.Data + 0x40));
        }
    }

    /// <summary>LDADD, CAS, SWP: a watched read comes first.</summary>
    [Theory]
    [InlineData(0xF82100A2u, Loads, 0u)]
    [InlineData(0xF82100A2u, Loads | Stores, 0u)]
    [InlineData(0xF82100A2u, Stores, 0x40u)]
    [InlineData(0xC8A17CA2u, Loads, 0u)]
    [InlineData(0xC8A17CA2u, Stores, 0x40u)]
    [InlineData(0xF82180A2u, Loads, 0u)]
    public void Watchpoint_OfAnAtomicAccess(uint atomic, ulong kinds, uint iss)
    {
        using var m = Watching(atomic, 8, AllBytes | kinds);
        m.Cpu.X(5) = Page + 8;
        m.Run(1);
        AssertWatchpoint(m, 8, iss);
    }

    /// <summary>LDTR and STTR at EL1 are accesses of EL0, unless PSTATE.UAO is set.</summary>
    [Theory]
    [InlineData(0xF84008A0u, AtEl0, false, true)]
    [InlineData(0xF84008A0u, AtEl1, false, false)]
    [InlineData(0xF84008A0u, AtEl1, true, true)]
    [InlineData(0xF84008A0u, AtEl0, true, false)]
    [InlineData(0xF80008A0u, AtEl0, false, true)]
    [InlineData(0xF80008A0u, AtEl1, false, false)]
    public void Watchpoint_OfAnUnprivilegedAccess_IsForEl0(uint access, ulong levels, bool uao, bool taken)
    {
        using var m = Machine(MdscrMde | MdscrKde);
        m.Execute(uao ? 0xD500417Fu : 0xD500407Fu);
        Watchpoint(m, Page, Enable | levels | AllBytes | Loads | Stores);
        m.Registers.El1.Esr = 0;
        m.Put(TestMachine.Code + 0x100, access, A64.Nop);
        m.Cpu.State->Pc = TestMachine.Code + 0x100;
        m.Run(1);
        Assert.Equal(taken ? 0x35u : 0, m.ExceptionClass);
    }
}
