// 52-bit addresses (FEAT_LPA2, FEAT_LVA, FEAT_LPA), blocks of every legal level, small tables (FEAT_TTST), and the limits of TCR_EL1's fields.
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class LargeAddressTests
{
    private const ulong AddressMask = 0x000F_FFFF_FFFF_F000;
    private const ulong Va = 0x000A_BCDE_F123_0000;
    private const ulong Pa = 0x000E_DCBA_9870_0000;

    private static ulong Translate(TestMachine m, uint at, ulong va)
    {
        m.Cpu.X(0) = va;
        m.Execute(at, A64.Mrs(1, A64.Register(3, 0, 7, 4, 0)));
        return m.Cpu.X(1);
    }

    private static uint FaultOf(ulong par) => (par & 1) == 0 ? 0xFFFF : (uint)(par >> 1) & 0x3F;

    private static PageTables Enabled(TestMachine m, int granule, int inputSize, bool ds, ulong tcrBits = 0)
    {
        var tables = new PageTables(m, granule, inputSize, ds);
        tables.Tcr |= tcrBits;
        tables.MapRam();
        tables.Enable();
        return tables;
    }

    /// <summary>Granule, level, and whether DS: a page or block at every level at which the format has one.</summary>
    [Theory]
    [InlineData(12, 3, true)]
    [InlineData(12, 2, true)]
    [InlineData(12, 1, true)]
    [InlineData(12, 0, true)]
    [InlineData(14, 3, true)]
    [InlineData(14, 2, true)]
    [InlineData(14, 1, true)]
    [InlineData(16, 3, false)]
    [InlineData(16, 2, false)]
    [InlineData(16, 1, false)]
    public void Addresses52Bits_AreTranslatedAtEveryLevel(int granule, int level, bool ds)
    {
        using var m = new TestMachine();
        var tables = Enabled(m, granule, 52, ds);
        var size = 1UL << (granule + ((3 - level) * (granule - 3)));
        tables.Map(Va, Pa & ~(size - 1), PageTables.Page, level);
        Assert.Equal((Pa & ~(size - 1)) | (Va & (size - 1) & AddressMask), Translate(m, A64.AtS1E1R(0), Va) & (AddressMask | 1));

        // The other half: the same tables, all ones above.
        var high = Va | (0xFFFUL << 52);
        Assert.Equal((Pa & ~(size - 1)) | (Va & (size - 1) & AddressMask), Translate(m, A64.AtS1E1R(0), high) & (AddressMask | 1));
    }

    /// <summary>What is a block only with 52-bit descriptors is a translation fault of its level without.</summary>
    [Theory]
    [InlineData(12, 0, 48, false, 0x04u)]
    [InlineData(14, 1, 48, false, 0x05u)]
    [InlineData(12, -1, 52, true, 0x2Bu)]
    [InlineData(14, 0, 52, true, 0x04u)]
    public void BlocksOfIllegalLevels_AreTranslationFaults(int granule, int level, int inputSize, bool ds, uint status)
    {
        using var m = new TestMachine();
        var tables = Enabled(m, granule, inputSize, ds);
        var va = Va & ((1UL << inputSize) - 1) & ~(1UL << (inputSize - 1));
        m.Word(tables.Entry(va, level)) = PageTables.Accessed | 1;
        Assert.Equal(status, FaultOf(Translate(m, A64.AtS1E1R(0), va)));
    }

    [Fact]
    public void Level1BlockOf64K_NeedsLpa()
    {
        using var m = new TestMachine(features: A64Features.Implemented.With(A64Feature.LPA, false).With(A64Feature.LPA2, false));
        var tables = Enabled(m, 16, 48, ds: false);
        m.Word(tables.Entry(1UL << 46, 1)) = PageTables.Accessed | 1;
        Assert.Equal(0x05u, FaultOf(Translate(m, A64.AtS1E1R(0), 1UL << 46)));
    }

    /// <summary>Faults at level -1 have status codes of their own, in PAR_EL1 and in ESR_EL1.</summary>
    [Fact]
    public void FaultsAtLevelMinus1_HaveTheirOwnCodes()
    {
        using var m = new TestMachine();
        var tables = Enabled(m, 12, 52, ds: true, tcrBits: 0);
        var entry = tables.Entry(Va, -1);
        Assert.Equal(0x2Bu, FaultOf(Translate(m, A64.AtS1E1R(0), Va)));
        m.Cpu.X(5) = Va;
        m.ExecuteFaulting(A64.DcZva(5));
        Assert.Equal(0x25u, m.ExceptionClass);
        Assert.Equal(0x40u | 0x2B, m.Iss);
        Assert.Equal(Va, m.Registers.El1.Far);

        // A table beyond the output range, and one where there is no memory.
        tables.Tcr = (tables.Tcr & ~(7UL << 32)) | (5UL << 32);
        tables.Enable();
        m.Word(entry) = tables.Encode(1UL << 50) | 3;
        Assert.Equal(0x29u, FaultOf(Translate(m, A64.AtS1E1R(0), Va)));
        m.Word(entry) = 0x10_0000 | 3;
        m.ExecuteFaulting(A64.DcZva(5));
        Assert.Equal(0x40u | 0x14, m.Iss);
    }

    [Theory]
    [InlineData(12, true)]
    [InlineData(16, false)]
    public void OutputBeyondIps_IsAddressSizeFaultOfItsLevel(int granule, bool ds)
    {
        using var m = new TestMachine();
        var tables = new PageTables(m, granule, 52, ds);
        tables.MapRam();
        tables.Tcr = (tables.Tcr & ~(7UL << 32)) | (5UL << 32);
        tables.Enable();
        tables.Map(Va, Pa);
        Assert.Equal(0x03u, FaultOf(Translate(m, A64.AtS1E1R(0), Va)));
    }

    /// <summary>The base of a table beyond 48 bits is in TTBR bits 5:2; there is no memory: an external abort at the first level.</summary>
    [Theory]
    [InlineData(12, true, 0x13u)]
    [InlineData(14, true, 0x14u)]
    [InlineData(16, false, 0x15u)]
    public void TableBaseBeyond48Bits_IsUsed(int granule, bool ds, uint status)
    {
        using var m = new TestMachine();
        Enabled(m, granule, 52, ds);
        m.Cpu.X(2) = 3 << 2;
        m.Execute(A64.Msr(A64.Register(3, 0, 2, 0, 1), 2), A64.Isb);
        m.Cpu.X(5) = 0xFFF8_0000_0000_0000;
        m.ExecuteFaulting(A64.DcZva(5));
        Assert.Equal(0x40u | status, m.Iss);
    }

    [Theory]
    [InlineData(12, 16, 3)]
    [InlineData(12, 25, 2)]
    [InlineData(14, 16, 3)]
    [InlineData(14, 36, 2)]
    [InlineData(16, 17, 3)]
    [InlineData(16, 30, 2)]
    [InlineData(12, 39, 1)]
    [InlineData(16, 42, 2)]
    [InlineData(14, 47, 1)]
    [InlineData(14, 48, 0)]
    public void SmallAddressSpaces_StartAtTheLevelTheyNeed(int granule, int inputSize, int startLevel)
    {
        // The machine's own memory needs more than 16 bits: the high half is the small one, which no code is in.
        using var m = new TestMachine();
        var tables = new PageTables(m, granule);
        tables.MapRam();
        tables.Tcr = (tables.Tcr & ~(63UL << 16)) | ((ulong)(64 - inputSize) << 16);
        var root = TestMachine.Ram + 0xF0_0000;
        tables.Enable();
        m.Cpu.X(2) = root;
        m.Execute(A64.Msr(A64.Register(3, 0, 2, 0, 1), 2), A64.Isb);

        // Entry 1 of the first table: a page where that is level 3, else a table that is not there.
        var shift = granule + ((3 - startLevel) * (granule - 3));
        m.Word(root + 8) = startLevel == 3 ? 0x1234_5678_0000UL | PageTables.Page : 0;
        var va = (ulong.MaxValue << inputSize) | (1UL << shift);
        var par = Translate(m, A64.AtS1E1R(0), va);
        if (startLevel == 3)
        {
            Assert.Equal(0x1234_5678_0000UL, par & (AddressMask | 1));
        }
        else
        {
            Assert.Equal(0x04u + (uint)startLevel, FaultOf(par));
        }

        // One address below the range: no walk.
        Assert.Equal(0x04u, FaultOf(Translate(m, A64.AtS1E1R(0), (ulong.MaxValue << inputSize) - 0x1000)));
    }

    [Theory]
    [InlineData(12, 11, false, true)]
    [InlineData(12, 15, false, true)]
    [InlineData(12, 16, false, false)]
    [InlineData(12, 48, false, false)]
    [InlineData(12, 49, false, true)]
    [InlineData(14, 48, false, false)]
    [InlineData(16, 12, false, false)]
    [InlineData(16, 47, false, false)]
    [InlineData(16, 48, false, true)]
    [InlineData(12, 12, true, false)]
    [InlineData(14, 12, true, false)]
    [InlineData(14, 15, false, true)]
    public void SizeOutOfRange_IsTranslationFaultOfLevel0(int granule, int size, bool ds, bool invalid)
    {
        var tg1 = granule switch { 12 => 2UL, 14 => 1UL, _ => 3UL };
        var regime = TranslationRegime.FromTcrEl1(16 | ((ulong)size << 16) | (tg1 << 30) | (5UL << 32) | (ds ? 1UL << 59 : 0), A64Features.Implemented);
        Assert.Equal(invalid, regime.High.Invalid);
    }

    [Fact]
    public void ReservedGranule_IsTranslationFaultOfLevel0()
    {
        using var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Tcr &= ~(3UL << 30);
        tables.Enable();
        Assert.Equal(0x04u, FaultOf(Translate(m, A64.AtS1E1R(0), ulong.MaxValue << 48)));
    }

    [Fact]
    public void FieldsThatOnlyTuneCaches_ChangeNothing()
    {
        using var m = new TestMachine();
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(0x7000_0000_0000, TestMachine.Data);
        foreach (var bits in new[] { 0UL, 0x3F00UL, 0x3F00_0000UL, 0x1500UL })
        {
            tables.Tcr = (tables.Tcr & ~0x3F00_3F00UL) | bits;
            tables.Enable();
            Assert.Equal(TestMachine.Data, Translate(m, A64.AtS1E1R(0), 0x7000_0000_0000) & (AddressMask | 1));
        }
    }

    /// <summary>A run of contiguous entries, a block, and a block beyond 1 GiB: TLBI of any address in them drops every page of them.</summary>
    [Theory]
    [InlineData(12, 3, true)]
    [InlineData(12, 2, false)]
    [InlineData(12, 1, true)]
    [InlineData(12, 0, false)]
    [InlineData(14, 1, false)]
    public void Tlbi_OfAnyAddress_DropsTheWholeTranslation(int granule, int level, bool contiguous)
    {
        using var m = new TestMachine();
        var tables = Enabled(m, granule, 52, ds: true);
        var shift = granule + ((3 - level) * (granule - 3));
        var size = 1UL << shift;
        var entries = contiguous ? 16 : 1;
        var run = size * (ulong)entries;
        var base0 = Math.Max(run, 1UL << 42);
        void Map(ulong attributes)
        {
            for (var i = 0UL; i < (ulong)entries; i++)
            {
                tables.Map(base0 + (i * size), (TestMachine.Data & ~(run - 1)) + (i * size), attributes | (contiguous ? PageTables.Contiguous : 0), level);
            }
        }

        Map(PageTables.Page);
        var va = base0 + (TestMachine.Data & (run - 1));
        m.Word(TestMachine.Data) = 7;
        Assert.Equal(7UL, m.Load(va));
        for (var i = 0UL; i < (ulong)entries; i++)
        {
            m.Word(tables.Entry(base0 + (i * size), level)) = 0;
        }

        Assert.Equal(7UL, m.Load(va));

        // The far end of it.
        m.Cpu.X(0) = ((base0 + run - 0x1000) >> 12) & 0xFFF_FFFF_FFFF;
        m.Execute(A64.Sys(0, 8, 7, 1, 0), A64.Dsb, A64.Isb);
        m.Cpu.X(5) = va;
        m.ExecuteFaulting(A64.DcZva(5));
        Assert.Equal(0x25u, m.ExceptionClass);
    }

    [Fact]
    public void IdRegisters_SayIt()
    {
        var id = A64Features.IdRegisters(A64Features.Implemented, gicSystemRegisters: true);
        var mmfr0 = id[7 << 3];
        Assert.Equal(6UL, mmfr0 & 15);
        Assert.Equal(2UL, (mmfr0 >> 20) & 15);
        Assert.Equal(0UL, (mmfr0 >> 24) & 15);
        Assert.Equal(1UL, (mmfr0 >> 28) & 15);
        var mmfr2 = id[(7 << 3) | 2];
        Assert.Equal(1UL, (mmfr2 >> 16) & 15);
        Assert.Equal(1UL, (mmfr2 >> 28) & 15);
    }
}
