// What the register frames and system registers say of themselves, reset values, access sizes, and reserved space.
using Emu.Core;
using static Emu.Devices.Tests.GicHarness;

namespace Emu.Devices.Tests;

public class GicRegisterTests
{
    [Fact]
    public void Distributor_DescribesItself()
    {
        var g = new GicHarness(4, enabled: false);
        var typer = g.Gicd(TYPER);
        Assert.Equal(8u, typer & 0x1F); // INTIDs to 287
        Assert.Equal(0u, typer >> 10 & 1); // one Security state
        Assert.Equal(0u, typer >> 16 & 3); // no MBIS, no LPIs
        Assert.Equal(9u, typer >> 19 & 0x1F);
        Assert.Equal(1u, typer >> 24 & 1); // A3V
        Assert.Equal(0u, typer >> 25 & 1); // 1 of N supported
        Assert.Equal(0x43Bu, g.Gicd(IIDR) & 0xFFF);
        Assert.Equal(3u, g.Gicd(0xFFE8) >> 4 & 15);
        Assert.Equal(3u, g.Gicr(2, 0xFFE8) >> 4 & 15);
        Assert.Equal([0x0Du, 0xF0u, 0x05u, 0xB1u], new[] { g.Gicd(0xFFF0), g.Gicd(0xFFF4), g.Gicd(0xFFF8), g.Gicd(0xFFFC) });
    }

    [Fact]
    public void DistributorControl_HasFixedAreAndDs()
    {
        var g = new GicHarness(1, enabled: false);
        Assert.Equal(0x50u, g.Gicd(CTLR));
        g.Gicd(CTLR, 0xFFFF_FFFF);
        Assert.Equal(0x53u, g.Gicd(CTLR));
        g.Gicd(CTLR, 0);
        Assert.Equal(0x50u, g.Gicd(CTLR));
    }

    [Fact]
    public void RedistributorTyper_NamesAffinityProcessorAndLast()
    {
        var g = new GicHarness(18, enabled: false);
        for (var i = 0; i < 18; i++)
        {
            var at = ((ulong)i * RedistributorStride) + 8;
            var typer = g.Gic.RedistributorFrames.Read(at, 8);
            Assert.Equal(Mpidr(i) & 0xFFFFFF, typer >> 32);
            Assert.Equal((ulong)i, typer >> 8 & 0xFFFF);
            Assert.Equal(i == 17 ? 1u : 0, typer >> 4 & 1);
            Assert.Equal(0u, typer & 0xF); // no physical or virtual LPIs
            Assert.Equal(typer & 0xFFFF_FFFF, g.Gic.RedistributorFrames.Read(at, 4));
            Assert.Equal(typer >> 32, g.Gic.RedistributorFrames.Read(at + 4, 4));
        }

        Assert.Equal(18UL * 0x20000, g.Gic.RedistributorFramesLength);
    }

    [Fact]
    public void RedistributorTyper_PutsAffinity3InTheTopByte()
    {
        var gic = new Emu.Devices.Irq.Gic([0x12_8003_0201], 32, Log.Null);
        Assert.Equal(0x1203_0201UL, gic.RedistributorFrames.Read(8, 8) >> 32);
    }

    [Fact]
    public void LpiRegisters_ReadAsZero()
    {
        var g = new GicHarness();
        foreach (var offset in new ulong[] { 0x0, 0x70, 0x78 })
        {
            g.Gicr(0, offset, 0xFFFF_FFFF);
            g.Gic.RedistributorFrames.Write(offset, 8, ulong.MaxValue);
            Assert.Equal(0u, g.Gicr(0, offset));
            Assert.Equal(0u, g.Gic.RedistributorFrames.Read(offset, 8));
        }
    }

    [Fact]
    public void CpuInterface_DescribesItself()
    {
        var g = new GicHarness(1, enabled: false);
        var control = g.Sys(0, ControlRegister);
        Assert.Equal(4u, control >> 8 & 7); // 5 priority bits
        Assert.Equal(0u, control >> 11 & 7); // 16-bit INTIDs
        Assert.Equal(1u, control >> 15 & 1); // A3V
        Assert.Equal(1u, control >> 18 & 1); // RSS, as GICD_TYPER says
        Assert.Equal(1u, g.Gicd(TYPER) >> 26 & 1);
        g.Sys(0, SRE, 0);
        Assert.Equal(7u, g.Sys(0, SRE));
        g.Sys(0, ControlRegister, ulong.MaxValue);
        Assert.Equal(control | 3, g.Sys(0, ControlRegister));
    }

    [Fact]
    public void ResetState_MasksEverything()
    {
        var g = new GicHarness(1, enabled: false);
        Assert.Equal(0u, g.Sys(0, PMR));
        Assert.Equal(0xFFu, g.Sys(0, RPR));
        Assert.Equal(2u, g.BinaryPoint(0));
        Assert.Equal(3u, g.BinaryPoint(1));
        Assert.Equal(0u, g.GroupEnable(0) | g.GroupEnable(1));
        Assert.Equal(1023, g.Peek());
        Assert.Equal(1023, g.Ack());
    }

    [Fact]
    public void Reset_RestoresPowerOnState_ButKeepsWires()
    {
        var fresh = new GicHarness(2, enabled: false);
        var g = new GicHarness(2);
        g.SetUpSpi(43, vcpu: 1);
        g.Line(43, true);
        g.Line(43, false);
        g.Line(44, true);
        g.SetUpSpi(44, vcpu: 1);
        Assert.Equal(44, g.Ack(1));
        g.Gic.Reset();
        Assert.False(g.Cpus[1].Irq);
        g.Line(44, false);
        Assert.Equal(fresh.Save(), g.Save());
    }

    [Fact]
    public void ResetCpuInterface_DropsTheOutput_AndKeepsTheRedistributor()
    {
        var g = new GicHarness(2);
        g.SetUpPrivate(1, 27);
        g.Gic.Ppi(1, 27).Set(true);
        Assert.True(g.Cpus[1].Irq);
        g.Gic.ResetCpuInterface(1);
        Assert.False(g.Cpus[1].Irq);
        Assert.Equal(0u, g.Sys(1, PMR));
        Assert.Equal(1u << 27, g.Gicr(1, SgiBase + ISENABLER));
    }

    [Fact]
    public void BanksZeroOfTheDistributor_AreReserved()
    {
        var g = new GicHarness(1, enabled: false);
        foreach (var family in new[] { IGROUPR, ISENABLER, ISPENDR, ISACTIVER, IPRIORITYR, IPRIORITYR + 28, ICFGR, ICFGR + 4 })
        {
            g.Gicd(family, 0xFFFF_FFFF);
            Assert.Equal(0u, g.Gicd(family));
        }
    }

    [Fact]
    public void SpisBeyondTheLast_AreReserved()
    {
        var g = new GicHarness(1, enabled: false);
        var before = g.Save();
        foreach (var offset in new[] { IGROUPR + 36, ISENABLER + 36, ISPENDR + 124, IPRIORITYR + 288, ICFGR + 72, IROUTER + (288 * 8) })
        {
            g.Gicd(offset, 0xFFFF_FFFF);
            Assert.Equal(0u, g.Gicd(offset));
        }

        Assert.Equal(before, g.Save());
        g.Gicd(ISENABLER + 32, 0x8000_0000); // 287, the last
        Assert.Equal(0x8000_0000u, g.Gicd(ISENABLER + 32));
    }

    [Fact]
    public void AccessesOfOtherSizesOrMisaligned_AreIgnored()
    {
        var g = new GicHarness();
        g.SetUpSpi(43);
        g.Line(43, true);
        var before = g.Save();
        var d = g.Gic.DistributorFrame;
        foreach (var (offset, size) in new (ulong, int)[]
        {
            (ISENABLER + 4, 1), (ISENABLER + 4, 2), (ISENABLER + 4, 8), (ISENABLER + 5, 4), (IPRIORITYR + 42, 2), (IPRIORITYR + 40, 8),
            (IROUTER + (43 * 8) + 4, 8), (IROUTER + (43 * 8), 2), (CTLR, 8), (CTLR, 1), (0x1_0000, 4), (ulong.MaxValue - 3, 4), (IPRIORITYR + 0x1_0000_0000, 1),
        })
        {
            Assert.Equal(0u, d.Read(offset, size));
            d.Write(offset, size, ulong.MaxValue);
            g.Gic.RedistributorFrames.Write(offset + SgiBase, size is 1 or 4 ? 2 : size, ulong.MaxValue);
        }

        Assert.Equal(before, g.Save());
    }

    [Fact]
    public void RegistersListed_AreDistinct_AndNameTheEncodingsOfTheManual()
    {
        var g = new GicHarness();
        var registers = g.Gic.Registers.ToArray();
        Assert.Equal(registers.Length, registers.Distinct().Count());
        Assert.Equal((ushort)((3 << 14) | (0b0100 << 7) | (0b0110 << 3)), PMR);
        foreach (var (crn, crm, op2) in new[]
        {
            (4, 6, 0), (12, 8, 0), (12, 8, 1), (12, 8, 2), (12, 8, 3), (12, 8, 4), (12, 9, 0), (12, 11, 1), (12, 11, 3), (12, 11, 5), (12, 11, 6),
            (12, 11, 7), (12, 12, 0), (12, 12, 1), (12, 12, 2), (12, 12, 3), (12, 12, 4), (12, 12, 5), (12, 12, 6), (12, 12, 7),
        })
        {
            Assert.Contains(Encode(crn, crm, op2), registers);
        }

        Assert.Equal(20, registers.Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(33)]
    [InlineData(992)]
    public void SpiCount_OutOfRange_IsRefused(int count) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Emu.Devices.Irq.Gic([0], count, Log.Null));

    [Fact]
    public void Lines_OutOfRange_AreRefused()
    {
        var g = new GicHarness();
        Assert.Throws<ArgumentOutOfRangeException>(() => g.Gic.Spi(31));
        Assert.Throws<ArgumentOutOfRangeException>(() => g.Gic.Spi(288));
        Assert.Throws<ArgumentOutOfRangeException>(() => g.Gic.Ppi(0, 15));
        Assert.Throws<ArgumentOutOfRangeException>(() => g.Gic.Ppi(1, 16));
        Assert.Same(g.Gic.Spi(43), g.Gic.Spi(43));
    }

    [Fact]
    public void TwoVcpusOfOneAffinity_AreRefused() => Assert.Throws<ArgumentException>(() => new Emu.Devices.Irq.Gic([1, 0x8000_0001], 32, Log.Null));

    [Fact]
    public void ReservedAccess_IsLoggedOnceAtDebug()
    {
        var text = new StringWriter();
        var gic = new Emu.Devices.Irq.Gic([0], 32, new Log(text, LogLevel.Debug));
        gic.DistributorFrame.Read(0x3000, 4);
        gic.DistributorFrame.Read(0x3000, 4);
        Assert.Equal("emu: gic: 4-byte read of GICD offset 0x3000 is reserved: RAZ/WI\n", text.ToString());
    }
}
