// Table walks: every kind of fault at every level, for each granule; permissions; hardware flags; what AT and data accesses report.
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class TranslationTests
{
    private const ulong Va = 0x9012_3456_0000;
    private const ulong Pa = TestMachine.Data;

    private static ulong Translate(TestMachine m, uint at, ulong va)
    {
        m.Cpu.X(0) = va;
        m.Execute(at, A64.Mrs(1, A64.Register(3, 0, 7, 4, 0)));
        return m.Cpu.X(1);
    }

    private static uint FaultOf(ulong par) => (par & 1) == 0 ? 0xFFFF : (uint)(par >> 1) & 0x3F;

    private static TestMachine Machine(out PageTables tables, int granule = 12, ulong sctlr = Sctlr.M)
    {
        var m = new TestMachine();
        tables = new PageTables(m, granule);
        tables.MapRam();
        tables.Enable(sctlr);
        return m;
    }

    [Theory]
    [InlineData(12, 3)]
    [InlineData(14, 3)]
    [InlineData(16, 3)]
    [InlineData(12, 2)]
    [InlineData(12, 1)]
    [InlineData(14, 2)]
    [InlineData(16, 2)]
    public void Mapped_GivesPhysicalAddress(int granule, int level)
    {
        using var m = Machine(out var tables, granule);
        var size = 1UL << (granule + ((3 - level) * (granule - 3)));
        var va = 0x7000_0000_0000UL;
        tables.Map(va, 0x40_0000_0000UL & ~(size - 1), PageTables.Page, level);
        var par = Translate(m, A64.AtS1E1R(0), va + (size - 0x1000));
        Assert.Equal(0UL, par & 1);
        Assert.Equal((0x40_0000_0000UL & ~(size - 1)) + size - 0x1000, par & 0x000F_FFFF_FFFF_F000);
        Assert.Equal(0xFFUL, par >> 56);
    }

    [Theory]
    [InlineData(12, 0)]
    [InlineData(12, 1)]
    [InlineData(12, 2)]
    [InlineData(12, 3)]
    [InlineData(14, 0)]
    [InlineData(14, 1)]
    [InlineData(14, 2)]
    [InlineData(14, 3)]
    [InlineData(16, 1)]
    [InlineData(16, 2)]
    [InlineData(16, 3)]
    public void InvalidDescriptor_IsTranslationFaultOfItsLevel(int granule, int level)
    {
        using var m = Machine(out var tables, granule);
        tables.Map(Va, Pa);
        m.Word(tables.Entry(Va, level)) = 0;
        Assert.Equal(0x04u + (uint)level, FaultOf(Translate(m, A64.AtS1E1R(0), Va)));
    }

    [Fact]
    public void ReservedDescriptors_AreTranslationFaults()
    {
        using var m = Machine(out var tables);
        tables.Map(Va, Pa);
        m.Word(tables.Entry(Va, 3)) = Pa | PageTables.Accessed | 1;
        Assert.Equal(0x07u, FaultOf(Translate(m, A64.AtS1E1R(0), Va)));
        m.Word(tables.Entry(Va, 0)) = PageTables.Accessed | 1;
        Assert.Equal(0x04u, FaultOf(Translate(m, A64.AtS1E1R(0), Va)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AccessFlagClear_IsAccessFlagFault(int level)
    {
        using var m = Machine(out var tables);
        tables.Map(0x7000_0000_0000, 0, 3, level);
        Assert.Equal(0x08u + (uint)level, FaultOf(Translate(m, A64.AtS1E1R(0), 0x7000_0000_0000)));
    }

    [Fact]
    public void OutputBeyondIps_IsAddressSizeFault()
    {
        using var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Tcr &= ~(7UL << 32);
        tables.Enable();
        tables.Map(Va, 0x1_0000_0000);
        Assert.Equal(0x03u, FaultOf(Translate(m, A64.AtS1E1R(0), Va)));
        m.Word(tables.Entry(Va, 1)) = 0x1_0000_0000 | 3;
        Assert.Equal(0x01u, FaultOf(Translate(m, A64.AtS1E1R(0), Va)));
    }

    [Fact]
    public void TtbrBeyondIps_IsAddressSizeFaultOfLevel0()
    {
        using var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Tcr &= ~(7UL << 32);
        tables.Enable();
        m.Cpu.X(0) = 0xFFFF_0000_0000_0000;
        m.Cpu.X(2) = 0x10_0000_0000;
        m.Execute(A64.Msr(A64.Register(3, 0, 2, 0, 1), 2), A64.Isb, A64.AtS1E1R(0), A64.Mrs(1, A64.Register(3, 0, 7, 4, 0)));
        Assert.Equal(0x00u, FaultOf(m.Cpu.X(1)));
    }

    [Theory]
    [InlineData(0x0001_0000_0000_0000UL)]
    [InlineData(0xFFFE_0000_0000_0000UL)]
    public void AddressOutsideOfBothHalves_IsTranslationFaultOfLevel0(ulong va)
    {
        using var m = Machine(out _);
        Assert.Equal(0x04u, FaultOf(Translate(m, A64.AtS1E1R(0), va)));
    }

    [Fact]
    public void TopByteIgnore_AppliesToDataOnlyWhenSet()
    {
        using var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Va, Pa);
        tables.Enable();
        Assert.Equal(0x04u, FaultOf(Translate(m, A64.AtS1E1R(0), Va | (0xAAUL << 56))));
        tables.Tcr |= 1UL << 37;
        tables.Enable();
        Assert.Equal(Pa, Translate(m, A64.AtS1E1R(0), Va | (0xAAUL << 56)) & 0xF_FFFF_FFFF_F001);
    }

    [Fact]
    public void EpdAndE0pd_AreTranslationFaultsOfLevel0()
    {
        using var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Va, Pa, PageTables.Page | PageTables.User);
        tables.Tcr |= 1UL << 23;
        tables.Enable();
        Assert.Equal(0x04u, FaultOf(Translate(m, A64.AtS1E1R(0), 0xFFFF_0000_0000_0000)));
        tables.Tcr |= 1UL << 55;
        tables.Enable();
        Assert.Equal(0x04u, FaultOf(Translate(m, A64.AtS1E0R(0), Va)));
        Assert.Equal(0UL, Translate(m, A64.AtS1E1R(0), Va) & 1);
    }

    /// <summary>AP and APTable against the four accesses: EL1 read, EL1 write, EL0 read, EL0 write.</summary>
    [Theory]
    [InlineData(0UL, 0UL, true, true, false, false)]
    [InlineData(PageTables.User, 0UL, true, true, true, true)]
    [InlineData(PageTables.ReadOnly, 0UL, true, false, false, false)]
    [InlineData(PageTables.User | PageTables.ReadOnly, 0UL, true, false, true, false)]
    [InlineData(PageTables.User, PageTables.TableNoUser, true, true, false, false)]
    [InlineData(PageTables.User, PageTables.TableReadOnly, true, false, true, false)]
    public void Permissions_FollowApAndHierarchy(ulong attributes, ulong table, bool read1, bool write1, bool read0, bool write0)
    {
        using var m = Machine(out var tables);
        tables.Map(0x7000_0000_0000, Pa, PageTables.Page | attributes, 3, table);
        (uint At, bool Allowed)[] accesses = [(A64.AtS1E1R(0), read1), (A64.AtS1E1W(0), write1), (A64.AtS1E0R(0), read0), (A64.AtS1E0W(0), write0)];
        foreach (var (at, allowed) in accesses)
        {
            Assert.Equal(allowed ? 0xFFFFu : 0x0Fu, FaultOf(Translate(m, at, 0x7000_0000_0000)));
        }
    }

    [Fact]
    public void HierarchyDisable_IgnoresTablePermissions()
    {
        using var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Tcr |= 1UL << 41;
        tables.Map(0x7000_0000_0000, Pa, PageTables.Page, 3, PageTables.TableReadOnly);
        tables.Enable();
        Assert.Equal(0UL, Translate(m, A64.AtS1E1W(0), 0x7000_0000_0000) & 1);
    }

    [Fact]
    public void Pan_BlocksPrivilegedAccessToUserPages()
    {
        using var m = Machine(out var tables);
        tables.Map(Va, Pa, PageTables.Page | PageTables.User);
        m.Word(Pa) = 0x1234;
        Assert.Equal(0x1234UL, m.Load(Va));
        m.Execute(A64.MsrPan(1));
        m.Cpu.X(5) = Va;
        m.ExecuteFaulting(A64.DcZva(5));
        Assert.Equal(0x25u, m.ExceptionClass);
        Assert.Equal(0x4Fu, m.Iss);
        Assert.Equal(Va, m.Registers.El1.Far);
        m.Execute(A64.MsrPan(0), A64.DcZva(5));
        Assert.Equal(0UL, m.Word(Pa));
    }

    [Fact]
    public void DataAbort_FromEl0_ReportsWriteAndAddressGiven()
    {
        using var m = Machine(out var tables);
        tables.Map(TestMachine.Code, TestMachine.Code, PageTables.Page | PageTables.User | PageTables.ReadOnly);
        m.Registers.El1.Sctlr |= Sctlr.DZE | Sctlr.UCI;
        m.Put(TestMachine.Code, A64.DcZva(5));
        m.Cpu.X(5) = 0x1234_5678;
        m.EnterEl0(TestMachine.Code);
        m.Run(1);
        Assert.Equal(0x24u, m.ExceptionClass);
        Assert.Equal(0x45u, m.Iss);
        Assert.Equal(0x1234_5678UL, m.Registers.El1.Far);
        Assert.Equal(TestMachine.Code, m.Registers.El1.Elr);
    }

    [Fact]
    public void CacheMaintenance_ReportsCmAndWrite()
    {
        using var m = Machine(out _);
        m.Cpu.X(5) = 0x1234_5678;
        m.ExecuteFaulting(A64.DcCvac(5));
        Assert.Equal(0x25u, m.ExceptionClass);
        Assert.Equal(0x145u, m.Iss);
    }

    [Theory]
    [InlineData(PageTables.Pxn, 0UL, 0x0Fu)]
    [InlineData(PageTables.User, 0UL, 0x0Fu)]
    [InlineData(0UL, Sctlr.WXN, 0x0Fu)]
    public void InstructionFetch_NotPermitted_IsInstructionAbort(ulong attributes, ulong sctlr, uint status)
    {
        using var m = Machine(out var tables);
        tables.Map(Va, Pa, PageTables.Page | attributes);
        m.Put(Pa, A64.Nop, A64.Nop);
        m.Registers.El1.Sctlr |= sctlr;
        m.Registers.El1.Elr = Va;
        m.Registers.El1.Spsr = 5;
        if (sctlr != 0)
        {
            // The vectors stay executable: read-only.
            tables.Map(TestMachine.Vectors, TestMachine.Vectors, PageTables.Page | PageTables.ReadOnly);
        }

        m.Put(TestMachine.Vectors + 0xF00, A64.Eret);
        m.Cpu.State->Pc = TestMachine.Vectors + 0xF00;
        m.Run(2);
        Assert.Equal(0x21u, m.ExceptionClass);
        Assert.Equal(status, m.Iss);
        Assert.Equal(Va, m.Registers.El1.Far);
        Assert.Equal(Va, m.Registers.El1.Elr);
    }

    [Fact]
    public void HardwareAccessFlagAndDirtyState_UpdateTheDescriptor()
    {
        using var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Tcr |= 3UL << 39;
        tables.Map(Va, Pa, 3 | PageTables.ReadOnly | PageTables.DirtyModifier);
        tables.Enable();
        m.Word(Pa) = 5;
        Assert.Equal(5UL, m.Load(Va));
        Assert.Equal(PageTables.Accessed | PageTables.ReadOnly, m.Word(tables.Entry(Va, 3)) & (PageTables.Accessed | PageTables.ReadOnly));
        m.Cpu.X(5) = Va;
        m.Execute(A64.DcZva(5));
        Assert.Equal(0UL, m.Word(Pa));
        Assert.Equal(PageTables.Accessed, m.Word(tables.Entry(Va, 3)) & (PageTables.Accessed | PageTables.ReadOnly));
    }

    [Fact]
    public void TableOutsideOfRam_IsExternalAbortOnWalk()
    {
        using var m = Machine(out var tables);
        tables.Map(Va, Pa);
        m.Word(tables.Entry(Va, 1)) = 0x10_0000 | 3;
        m.Cpu.X(5) = Va;
        m.ExecuteFaulting(A64.DcCvac(5));
        Assert.Equal(0x25u, m.ExceptionClass);
        Assert.Equal(0x156u, m.Iss);
    }

    [Fact]
    public void ZeroOfDeviceMemory_IsAlignmentFault()
    {
        using var m = Machine(out var tables);
        tables.Map(Va, Pa, PageTables.Page | PageTables.Device);
        m.Cpu.X(5) = Va + 8;
        m.ExecuteFaulting(A64.DcZva(5));
        Assert.Equal(0x61u, m.Iss);
        Assert.Equal(Va + 8, m.Registers.El1.Far);
    }

    [Fact]
    public void MmuOff_AddressBeyondPhysicalSize_IsAddressSizeFaultOfLevel0()
    {
        using var m = new TestMachine();
        Assert.Equal(0x00u, FaultOf(Translate(m, A64.AtS1E1R(0), 1UL << 52)));
        Assert.Equal(1UL << 51, Translate(m, A64.AtS1E1R(0), 1UL << 51) & 0xF_FFFF_FFFF_F001);
        Assert.Equal(0x1000UL, Translate(m, A64.AtS1E1R(0), 0x1000) & 0xFF_F000);
    }
}
