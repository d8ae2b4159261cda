// How wires become interrupts: enable, level and edge sensing, latches, acknowledge, end of interrupt.
using static Emu.Devices.Tests.GicHarness;

namespace Emu.Devices.Tests;

public class GicTriggerTests
{
    private const int Spurious = 1023;

    [Fact]
    public void LevelSpi_AssertsIrq_AckActivates_EoiDeactivates()
    {
        var g = new GicHarness();
        g.SetUpSpi(43);
        g.Line(43, true);
        Assert.True(g.Cpus[0].Irq);
        Assert.False(g.Cpus[0].Fiq);
        Assert.True(g.ReadBit(ISPENDR, 43));
        Assert.Equal(43, g.Ack());
        Assert.False(g.Cpus[0].Irq);
        Assert.True(g.ReadBit(ISACTIVER, 43));
        Assert.Equal(0xA0u, g.Sys(0, RPR));
        g.Line(43, false);
        g.Eoi(43);
        Assert.False(g.ReadBit(ISACTIVER, 43));
        Assert.False(g.ReadBit(ISPENDR, 43));
        Assert.False(g.Cpus[0].Irq);
        Assert.Equal(0xFFu, g.Sys(0, RPR));
    }

    [Fact]
    public void LevelStillHighAfterEoi_FiresAgain()
    {
        var g = new GicHarness();
        g.SetUpSpi(43);
        g.Line(43, true);
        for (var round = 0; round < 3; round++)
        {
            Assert.Equal(43, g.Ack());
            Assert.Equal(Spurious, g.Ack());
            Assert.True(g.ReadBit(ISPENDR, 43));
            g.Eoi(43);
            Assert.True(g.Cpus[0].Irq);
        }
    }

    [Fact]
    public void LevelDroppedBeforeAck_ReadsSpurious()
    {
        var g = new GicHarness();
        g.SetUpSpi(43);
        g.Line(43, true);
        g.Line(43, false);
        Assert.False(g.Cpus[0].Irq);
        Assert.Equal(Spurious, g.Ack());
        Assert.Equal(0xFFu, g.Sys(0, RPR));
        Assert.Equal(0u, g.Sys(0, AP1R0));
    }

    [Fact]
    public void EdgeSpi_StaysPendingAfterPulse_AndFiresOnceAnEdge()
    {
        var g = new GicHarness();
        g.SetUpSpi(40, edge: true);
        g.Line(40, true);
        g.Line(40, false);
        Assert.True(g.Cpus[0].Irq);
        Assert.Equal(40, g.Ack());
        g.Eoi(40);
        Assert.False(g.Cpus[0].Irq);

        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        g.Eoi(40);
        Assert.False(g.Cpus[0].Irq);
        Assert.Equal(Spurious, g.Ack());
    }

    [Fact]
    public void EdgeWhileActive_IsTakenAfterEoi()
    {
        var g = new GicHarness();
        g.SetUpSpi(40, edge: true);
        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        g.Line(40, false);
        g.Line(40, true);
        Assert.False(g.Cpus[0].Irq);
        Assert.True(g.ReadBit(ISPENDR, 40));
        g.Eoi(40);
        Assert.True(g.Cpus[0].Irq);
        Assert.Equal(40, g.Ack());
    }

    [Fact]
    public void EdgeWhileDisabled_IsLatchedUntilEnabled()
    {
        var g = new GicHarness();
        g.SetUpSpi(40, edge: true);
        g.Bit(ICENABLER, 40);
        g.Line(40, true);
        g.Line(40, false);
        Assert.False(g.Cpus[0].Irq);
        Assert.False(g.ReadBit(ISENABLER, 40));
        g.Bit(ISENABLER, 40);
        Assert.True(g.Cpus[0].Irq);
    }

    [Fact]
    public void DisableWhilePending_DropsIrq_EnableRaisesIt()
    {
        var g = new GicHarness();
        g.SetUpSpi(43);
        g.Line(43, true);
        g.Bit(ICENABLER, 43);
        Assert.False(g.Cpus[0].Irq);
        Assert.Equal(Spurious, g.Ack());
        g.Bit(ISENABLER, 43);
        Assert.Equal(43, g.Ack());
    }

    [Fact]
    public void SoftwarePending_OnLevelSpi_IsClearedByAck()
    {
        var g = new GicHarness();
        g.SetUpSpi(50);
        g.Bit(ISPENDR, 50);
        Assert.True(g.Cpus[0].Irq);
        Assert.Equal(50, g.Ack());
        g.Eoi(50);
        Assert.False(g.Cpus[0].Irq);
    }

    [Fact]
    public void ClearPending_ForgetsAnEdge_ButNotAHighLevel()
    {
        var g = new GicHarness();
        g.SetUpSpi(40, edge: true);
        g.Line(40, true);
        g.Bit(ICPENDR, 40);
        Assert.False(g.Cpus[0].Irq);

        g.SetUpSpi(41);
        g.Line(41, true);
        g.Bit(ICPENDR, 41);
        Assert.True(g.ReadBit(ICPENDR, 41));
        Assert.True(g.Cpus[0].Irq);
    }

    [Fact]
    public void SetActive_HoldsAPendingInterruptBack_ClearActiveReleasesIt()
    {
        var g = new GicHarness();
        g.SetUpSpi(41);
        g.Bit(ISACTIVER, 41);
        g.Line(41, true);
        Assert.False(g.Cpus[0].Irq);
        g.Bit(ICACTIVER, 41);
        Assert.True(g.Cpus[0].Irq);
    }

    [Fact]
    public void SettingALineToItsLevel_DoesNotDriveTheCpu()
    {
        var g = new GicHarness();
        g.SetUpSpi(41);
        g.Line(41, true);
        var calls = g.Cpus[0].Calls;
        g.Line(41, true);
        g.Line(41, true);
        Assert.Equal(calls, g.Cpus[0].Calls);
    }

    [Fact]
    public void SecondInterrupt_DoesNotDriveTheCpuAgain()
    {
        var g = new GicHarness();
        g.SetUpSpi(41);
        g.SetUpSpi(42);
        g.Line(41, true);
        var calls = g.Cpus[0].Calls;
        g.Line(42, true);
        Assert.Equal(calls, g.Cpus[0].Calls);
    }

    [Fact]
    public void PpisAreBanked()
    {
        var g = new GicHarness(2);
        g.SetUpPrivate(0, 27);
        g.SetUpPrivate(1, 27);
        g.Gic.Ppi(1, 27).Set(true);
        Assert.False(g.Cpus[0].Irq);
        Assert.True(g.Cpus[1].Irq);
        Assert.Equal(0u, g.Gicr(0, SgiBase + ISPENDR));
        Assert.Equal(1u << 27, g.Gicr(1, SgiBase + ISPENDR));
        Assert.Equal(27, g.Ack(1));
        Assert.Equal(0u, g.Gicr(0, SgiBase + ISACTIVER));
        Assert.Equal(1u << 27, g.Gicr(1, SgiBase + ISACTIVER));
        g.Gic.Ppi(0, 27).Set(true);
        Assert.Equal(27, g.Ack(0));
        g.Eoi(27, 0);
        Assert.Equal(1u << 27, g.Gicr(1, SgiBase + ISACTIVER));
    }

    [Fact]
    public void PpiConfiguredAsEdge_Latches_SgisStayEdge()
    {
        var g = new GicHarness();
        Assert.Equal(0xAAAA_AAAAu, g.Gicr(0, SgiBase + ICFGR));
        g.Gicr(0, SgiBase + ICFGR, 0);
        Assert.Equal(0xAAAA_AAAAu, g.Gicr(0, SgiBase + ICFGR));
        g.Gicr(0, SgiBase + ICFGR + 4, 2u << ((23 - 16) * 2));
        Assert.Equal(2u << 14, g.Gicr(0, SgiBase + ICFGR + 4));
        g.SetUpPrivate(0, 23);
        g.Gic.Ppi(0, 23).Set(true);
        g.Gic.Ppi(0, 23).Set(false);
        Assert.Equal(23, g.Ack());
    }

    [Fact]
    public void ConnectingLate_DrivesThePresentLevel()
    {
        var g = new GicHarness();
        g.SetUpSpi(43);
        g.Line(43, true);
        var late = new RecordingCpu();
        g.Gic.Connect(0, late);
        Assert.True(late.Irq);
        Assert.Equal(43, g.Ack());
        Assert.False(late.Irq);
    }

    [Fact]
    public void GroupZero_IsFiq_AndOnlyIar0TakesIt()
    {
        var g = new GicHarness();
        g.Gicd(IGROUPR + 4, 0);
        g.SetUpSpi(43);
        g.Line(43, true);
        Assert.True(g.Cpus[0].Fiq);
        Assert.False(g.Cpus[0].Irq);
        Assert.Equal(Spurious, g.Ack(group: 1));
        Assert.Equal(Spurious, g.Peek(group: 1));
        Assert.Equal(43, g.Peek(group: 0));
        Assert.Equal(43, g.Ack(group: 0));
        Assert.NotEqual(0u, g.Sys(0, AP0R0));
        g.Eoi(43, group: 1);
        Assert.True(g.ReadBit(ISACTIVER, 43));
        Assert.Equal(0xA0u, g.Sys(0, RPR));
        g.Eoi(43, group: 0);
        Assert.False(g.ReadBit(ISACTIVER, 43));
        Assert.Equal(0xFFu, g.Sys(0, RPR));
    }

    [Fact]
    public void MovingAPendingInterruptBetweenGroups_MovesTheOutput()
    {
        var g = new GicHarness();
        g.SetUpSpi(43);
        g.Line(43, true);
        g.Gicd(IGROUPR + 4, 0);
        Assert.True(g.Cpus[0].Fiq);
        Assert.False(g.Cpus[0].Irq);
        g.Gicd(IGROUPR + 4, 1u << 11);
        Assert.False(g.Cpus[0].Fiq);
        Assert.True(g.Cpus[0].Irq);
    }
}
