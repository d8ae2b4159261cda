// Details of the EL1&0 regime: PAN with EPAN and UAO, AT with PAN, hardware flags against another writer, what PAR_EL1 reports, TLBI hints.
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class TranslationDetailTests
{
    private const ulong Va = 0x12_3456_0000;
    private const ulong Pa = TestMachine.Data;
    private const uint LdtrX0X5 = 0xF84008A0;
    private const uint SttrX0X5 = 0xF80008A0;
    private const uint AtS1E1Rp = 0xD5087900;
    private const uint AtS1E1Wp = 0xD5087920;
    private const ulong HardwareFlags = 3UL << 39;
    private const ulong SoftwareBit = 1UL << 55;

    private static TestMachine Machine(out PageTables tables, ulong sctlr = Sctlr.M, ulong tcr = 0)
    {
        var m = new TestMachine();
        tables = new PageTables(m);
        tables.Tcr |= tcr;
        tables.MapRam();
        tables.Enable(sctlr);
        m.Cpu.X(5) = Va;
        return m;
    }

    private static ulong Translate(TestMachine m, uint at)
    {
        m.Cpu.X(0) = Va;
        m.Execute(at, A64.Mrs(1, A64.Register(3, 0, 7, 4, 0)));
        return m.Cpu.X(1);
    }

    private static uint FaultOf(ulong par) => (par & 1) == 0 ? 0xFFFF : (uint)(par >> 1) & 0x3F;

    [Theory]
    [InlineData(PageTables.User, false, true)]
    [InlineData(0UL, false, false)]
    [InlineData(0UL, true, true)]
    [InlineData(PageTables.Uxn, true, false)]
    public void Pan_CoversPagesThatEl0MayExecute_WithEpanOnly(ulong attributes, bool epan, bool faults)
    {
        using var m = Machine(out var tables, Sctlr.M | (epan ? Sctlr.EPAN : 0));
        tables.Map(Va, Pa, PageTables.Page | attributes);
        m.Execute(A64.MsrPan(1));
        Assert.Equal(faults ? 0x0Fu : 0xFFFFu, FaultOf(Translate(m, AtS1E1Rp)));
        Assert.Equal(faults ? 0x0Fu : 0xFFFFu, FaultOf(Translate(m, AtS1E1Wp)));

        // The other forms of AT, and cache maintenance, do not know PAN.
        Assert.Equal(0xFFFFu, FaultOf(Translate(m, A64.AtS1E1R(0))));
        m.Registers.El1.Esr = 0;
        m.Execute(A64.DcCvac(5));
        Assert.Equal(0UL, m.Registers.El1.Esr);
        m.ExecuteFaulting(A64.DcZva(5));
        Assert.Equal(faults ? 0x25u : 0u, m.ExceptionClass);
    }

    [Fact]
    public void Unprivileged_LoadsAndStores_UseEl0Permissions_UnlessUao()
    {
        using var m = Machine(out var tables);
        tables.Map(Va, Pa);
        m.ExecuteFaulting(LdtrX0X5);
        Assert.Equal(0x25u, m.ExceptionClass);
        Assert.Equal(0x0Fu, m.Iss);
        m.ExecuteFaulting(SttrX0X5);
        Assert.Equal(0x4Fu, m.Iss);
        m.Word(Pa) = 77;
        m.Cpu.X(1) = Pstate.Uao;
        m.Execute(A64.Msr(A64.Register(3, 0, 4, 2, 4), 1), LdtrX0X5, A64.Mrs(2, A64.Register(3, 0, 4, 2, 4)));
        Assert.Equal(77UL, m.Cpu.X(0));
        Assert.Equal(Pstate.Uao, m.Cpu.X(2));

        // An exception clears it, SPSR keeps it.
        m.ExecuteFaulting(A64.Undefined);
        Assert.Equal(0UL, m.Registers.Uao);
        Assert.Equal(Pstate.Uao, m.Registers.El1.Spsr & Pstate.Uao);
    }

    [Fact]
    public void Maintenance_NeverMarksAPageDirty()
    {
        using var m = Machine(out var tables, tcr: HardwareFlags);
        tables.Map(Va, Pa, PageTables.Page | PageTables.ReadOnly | PageTables.DirtyModifier);
        Assert.Equal(0UL, Translate(m, A64.AtS1E1W(0)) & 1);
        m.Execute(A64.Sys(0, 7, 6, 1, 5));
        Assert.NotEqual(0UL, m.Word(tables.Entry(Va, 3)) & PageTables.ReadOnly);
        m.Execute(A64.DcZva(5));
        Assert.Equal(0UL, m.Word(tables.Entry(Va, 3)) & PageTables.ReadOnly);
    }

    [Fact]
    public void WithoutDirtyManagement_TheModifierMeansNothing()
    {
        using var m = Machine(out var tables, tcr: 1UL << 39);
        tables.Map(Va, Pa, PageTables.Page | PageTables.ReadOnly | PageTables.DirtyModifier);
        m.ExecuteFaulting(A64.DcZva(5));
        Assert.Equal(0x4Fu, m.Iss);
    }

    /// <summary>Another writer changes a bit of the same descriptor all the time: neither side's updates get lost.</summary>
    [Fact]
    public void HardwareFlags_AreUpdatedAtomically()
    {
        using var m = Machine(out var tables, tcr: HardwareFlags);
        var clean = Pa | 3 | PageTables.ReadOnly | PageTables.DirtyModifier;
        var descriptor = (ulong*)Unsafe(ref m.Word(tables.Entry(Va, 3)));
        *descriptor = clean;
        var stop = false;
        var lost = 0;
        var other = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                Interlocked.Or(ref *descriptor, SoftwareBit);
                lost += (Volatile.Read(ref *descriptor) & SoftwareBit) == 0 ? 1 : 0;
                Interlocked.And(ref *descriptor, ~SoftwareBit);
                lost += (Volatile.Read(ref *descriptor) & SoftwareBit) != 0 ? 1 : 0;
            }
        });
        other.Start();
        try
        {
            m.Cpu.X(0) = Va >> 12;
            for (var i = 0; i < 3000; i++)
            {
                Interlocked.And(ref *descriptor, ~PageTables.Accessed);
                Interlocked.Or(ref *descriptor, PageTables.ReadOnly);
                m.Execute(A64.Sys(0, 8, 7, 1, 0), A64.Dsb, A64.Isb, A64.DcZva(5));
                Assert.Equal(PageTables.Accessed, Volatile.Read(ref *descriptor) & (PageTables.Accessed | PageTables.ReadOnly));
            }
        }
        finally
        {
            // Before the machine's memory goes.
            Volatile.Write(ref stop, true);
            other.Join();
        }

        Assert.Equal(0, lost);
    }

    /// <summary>MAIR attribute, SH of the descriptor, what PAR_EL1.SH says.</summary>
    [Theory]
    [InlineData(0xFFUL, 3UL, 3UL)]
    [InlineData(0xFFUL, 0UL, 0UL)]
    [InlineData(0x44UL, 3UL, 2UL)]
    [InlineData(0x04UL, 0UL, 2UL)]
    public void Par_ReportsAttributesAndShareability(ulong attribute, ulong shareability, ulong reported)
    {
        using var m = Machine(out var tables);
        m.Cpu.X(1) = 0xFF | (attribute << 8);
        m.Execute(A64.Msr(A64.Register(3, 0, 10, 2, 0), 1), A64.Isb);
        tables.Map(Va, Pa, PageTables.Page | (1 << 2) | (shareability << 8));
        var par = Translate(m, A64.AtS1E1R(0));
        Assert.Equal(attribute, par >> 56);
        Assert.Equal(reported, (par >> 7) & 3);
        Assert.Equal(1UL << 11, par & 0xC01);
    }

    [Theory]
    [InlineData(23, 0xFFFF_0000_0000_0000UL)]
    [InlineData(7, 0x0000_0012_3456_0000UL)]
    public void Epd_StopsWalksOfItsHalf(int bit, ulong va)
    {
        var regime = TranslationRegime.FromTcrEl1(16 | (16UL << 16) | (2UL << 30) | (1UL << bit), A64Features.Implemented);
        Assert.Equal(va >> 63 != 0, regime.High.Disabled);
        Assert.Equal(va >> 63 == 0, regime.Low.Disabled);
    }

    /// <summary>TBI with TBID: data addresses lose their tag, instruction addresses do not.</summary>
    [Fact]
    public void Tbid_KeepsInstructionTags()
    {
        foreach (var (tbid, faults) in new[] { (0UL, false), (1UL << 51, true) })
        {
            using var m = Machine(out var tables, tcr: (1UL << 37) | tbid);
            tables.Map(Va, Pa);
            m.Put(Pa, A64.Nop, A64.Nop);
            m.Word(Pa + 64) = 5;
            Assert.Equal(5UL, m.Load((Va + 64) | (0xAAUL << 56)));
            m.Registers.El1.Elr = Va | (0xAAUL << 56);
            m.Registers.El1.Spsr = 5;
            m.Registers.El1.Esr = 0;
            m.Put(TestMachine.Vectors + 0xF00, A64.Eret);
            m.Cpu.State->Pc = TestMachine.Vectors + 0xF00;
            m.Run(2);
            Assert.Equal(faults ? 0x21u : 0, m.ExceptionClass);
            if (!faults)
            {
                Assert.Equal(Va + 4, m.Cpu.ProgramCounter);
            }
        }
    }

    /// <summary>The TTL field of TLBI's operand (FEAT_TTL) and the TG of a range only name the level.</summary>
    [Theory]
    [InlineData(0UL)]
    [InlineData(7UL << 44)]
    [InlineData(6UL << 44)]
    public void TlbiHints_StillDropTheTranslation(ulong hint)
    {
        using var m = Machine(out var tables);
        tables.Map(Va, Pa);
        m.Word(Pa) = 1;
        m.Word(Pa + 0x1000) = 2;
        Assert.Equal(1UL, m.Load(Va));
        tables.Map(Va, Pa + 0x1000);
        m.Cpu.X(0) = hint | (Va >> 12);
        m.Execute(A64.Sys(0, 8, 7, 1, 0), A64.Dsb, A64.Isb);
        Assert.Equal(2UL, m.Load(Va));
    }

    /// <summary>SCTLR_EL1.A: an access that is neither aligned nor mapped is an alignment fault; with A clear it is a translation fault.</summary>
    [Theory]
    [InlineData(true, 0x21u)]
    [InlineData(false, 0x07u)]
    public void Alignment_ComesBeforeTranslation(bool check, uint status)
    {
        const uint LdrX0X5 = 0xF94000A0;
        using var m = Machine(out var tables, Sctlr.M | (check ? Sctlr.A : 0));
        tables.Map(Va + 0x1000, Pa);
        m.Cpu.X(5) = Va + 3;
        m.ExecuteFaulting(LdrX0X5);
        Assert.Equal(status, m.Iss & 0x3F);
        Assert.Equal(Va + 3, m.Registers.El1.Far);
    }

    /// <summary>WFIT and WFET at EL0, trapped: TI, the register and RV.</summary>
    [Theory]
    [InlineData(0xD5031027u, 2u)]
    [InlineData(0xD5031007u, 3u)]
    public void TimedWaits_TrapWithTheirRegister(uint word, uint kind)
    {
        using var m = new TestMachine();
        m.Registers.El1.Sctlr &= ~(Sctlr.NTWE | Sctlr.NTWI);
        m.Cpu.X(7) = ulong.MaxValue;
        m.Put(TestMachine.Vectors + 0x400, A64.Nop);
        m.Put(TestMachine.Code, A64.Wfe, word);
        m.EnterEl0(TestMachine.Code);
        m.Run(2);
        Assert.Equal(1u, m.ExceptionClass);
        Assert.Equal(0x1E0_0000u | (7u << 5) | 4 | kind, m.Iss);
    }

    private static void* Unsafe(ref ulong word) => System.Runtime.CompilerServices.Unsafe.AsPointer(ref word);
}
