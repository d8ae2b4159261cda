// Priorities: selection, the mask, preemption by binary point, running priority, both EOI modes and group enables.
using static Emu.Devices.Tests.GicHarness;

namespace Emu.Devices.Tests;

public class GicPriorityTests
{
    private const int Spurious = 1023;

    [Fact]
    public void HighestPriorityFirst_ThenLowestIntid()
    {
        var g = new GicHarness();
        g.SetUpSpi(100, 0x80);
        g.SetUpSpi(60, 0xA0);
        g.SetUpSpi(200, 0x80);
        g.SetUpPrivate(0, 27, 0x90);
        g.Line(60, true);
        g.Line(200, true);
        g.Line(100, true);
        g.Gic.Ppi(0, 27).Set(true);
        Assert.Equal(100, g.Peek());
        foreach (var expected in new[] { 100, 200, 27, 60 })
        {
            Assert.Equal(expected, g.Ack());
            Assert.Equal(Spurious, g.Ack());
            if (expected == 27)
            {
                g.Gic.Ppi(0, 27).Set(false);
            }
            else
            {
                g.Line(expected, false);
            }

            g.Eoi(expected);
        }

        Assert.Equal(Spurious, g.Peek());
    }

    [Fact]
    public void PrioritiesKeepFiveBits_ByByteAndByWord()
    {
        var g = new GicHarness();
        g.Gic.DistributorFrame.Write(IPRIORITYR + 45, 1, 0xFF);
        Assert.Equal(0xF8u, g.Gic.DistributorFrame.Read(IPRIORITYR + 45, 1));
        Assert.Equal(0x0000_F800u, g.Gicd(IPRIORITYR + 44));
        g.Gicd(IPRIORITYR + 44, 0x1234_5678);
        Assert.Equal(0x1030_5078u, g.Gicd(IPRIORITYR + 44));
        g.Gicr(0, SgiBase + IPRIORITYR + 28, 0xFFFF_FFFF);
        Assert.Equal(0xF8u, g.Gic.RedistributorFrames.Read(SgiBase + IPRIORITYR + 31, 1));
    }

    [Theory]
    [InlineData(0xA0, false)]
    [InlineData(0xA8, true)]
    [InlineData(0x00, false)]
    [InlineData(0xFF, true)]
    public void PriorityMask_SignalsOnlyLowerValues(uint mask, bool signalled)
    {
        var g = new GicHarness();
        g.SetUpSpi(43, 0xA0);
        g.Line(43, true);
        g.Sys(0, PMR, mask);
        Assert.Equal(mask & 0xF8, g.Sys(0, PMR));
        Assert.Equal(signalled, g.Cpus[0].Irq);
        Assert.Equal(43, g.Peek());
        Assert.Equal(signalled ? 43 : Spurious, g.Ack());
    }

    [Fact]
    public void PriorityMask_OpensAndClosesAgain()
    {
        var g = new GicHarness();
        g.SetUpSpi(43, 0xA0);
        g.Sys(0, PMR, 0x80);
        g.Line(43, true);
        Assert.False(g.Cpus[0].Irq);
        g.Sys(0, PMR, 0xF0);
        Assert.True(g.Cpus[0].Irq);
        g.Sys(0, PMR, 0x80);
        Assert.False(g.Cpus[0].Irq);
    }

    [Fact]
    public void HigherPriorityPreempts_EqualOrLowerWaits()
    {
        var g = new GicHarness();
        g.SetUpSpi(40, 0xA0);
        g.SetUpSpi(41, 0xA0);
        g.SetUpSpi(42, 0x98);
        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        g.Line(41, true);
        Assert.False(g.Cpus[0].Irq);
        g.Line(42, true);
        Assert.True(g.Cpus[0].Irq);
        Assert.Equal(42, g.Ack());
        Assert.Equal(0x98u, g.Sys(0, RPR));
        Assert.Equal((1u << 20) | (1u << 19), g.Sys(0, AP1R0));
        g.Line(42, false);
        g.Eoi(42);
        Assert.Equal(0xA0u, g.Sys(0, RPR));
        Assert.False(g.Cpus[0].Irq);
        g.Line(40, false);
        g.Eoi(40);
        Assert.True(g.Cpus[0].Irq);
        Assert.Equal(41, g.Ack());
    }

    [Fact]
    public void BinaryPoint1_HidesSubpriority_FromPreemptionOnly()
    {
        var g = new GicHarness();
        g.SetBinaryPoint(1, 6); // Group priority is [7:6].
        g.SetUpSpi(40, 0xB8);
        g.SetUpSpi(41, 0x80);
        g.SetUpSpi(42, 0x78);
        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        Assert.Equal(0x80u, g.Sys(0, RPR));
        g.Line(41, true);
        Assert.False(g.Cpus[0].Irq); // 0xB8 and 0x80 share group priority 0x80.
        g.Line(42, true);
        Assert.Equal(42, g.Ack());
        Assert.Equal(0x40u, g.Sys(0, RPR));
        g.SetBinaryPoint(1, 3);
        Assert.Equal(3u, g.BinaryPoint(1));
    }

    [Fact]
    public void BinaryPoints_HaveMinima_AndCbprSharesBpr0()
    {
        var g = new GicHarness();
        g.SetBinaryPoint(0, 0);
        g.SetBinaryPoint(1, 0);
        Assert.Equal(2u, g.BinaryPoint(0));
        Assert.Equal(3u, g.BinaryPoint(1));
        g.SetBinaryPoint(0, 5); // Group priority is [7:6].
        g.Sys(0, ControlRegister, 1);
        Assert.Equal(6u, g.BinaryPoint(1));
        g.SetBinaryPoint(1, 3);
        Assert.Equal(6u, g.BinaryPoint(1));
        g.SetUpSpi(40, 0xB8);
        g.SetUpSpi(41, 0x80);
        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        g.Line(41, true);
        Assert.False(g.Cpus[0].Irq);
        g.Sys(0, ControlRegister, 0);
        Assert.Equal(3u, g.BinaryPoint(1));
        g.SetBinaryPoint(0, 7);
        g.Sys(0, ControlRegister, 1);
        Assert.Equal(7u, g.BinaryPoint(1));
    }

    [Fact]
    public void BinaryPoint0Of7_LeavesNoPreemptionToGroup0()
    {
        var g = new GicHarness();
        g.Gicd(IGROUPR + 4, 0);
        g.SetBinaryPoint(0, 7);
        g.SetUpSpi(40, 0xB8);
        g.SetUpSpi(41, 0x00);
        g.Line(40, true);
        Assert.Equal(40, g.Ack(group: 0));
        Assert.Equal(0u, g.Sys(0, RPR));
        g.Line(41, true);
        Assert.False(g.Cpus[0].Fiq);
    }

    [Fact]
    public void Group0PreemptsGroup1_AndEoisUnwindInOrder()
    {
        var g = new GicHarness();
        g.Gicd(IGROUPR + 4, ~(1u << 10));
        g.SetUpSpi(41, 0x80);
        g.SetUpSpi(42, 0x40);
        g.Line(41, true);
        Assert.Equal(41, g.Ack(group: 1));
        g.Line(42, true);
        Assert.True(g.Cpus[0].Fiq);
        Assert.Equal(42, g.Ack(group: 0));
        Assert.Equal(1u << 8, g.Sys(0, AP0R0));
        Assert.Equal(1u << 16, g.Sys(0, AP1R0));
        g.Eoi(41, group: 1); // Group 0 is running: not the one that ends.
        Assert.Equal(0x40u, g.Sys(0, RPR));
        Assert.True(g.ReadBit(ISACTIVER, 41));
        g.Eoi(42, group: 0);
        g.Eoi(41, group: 1);
        Assert.Equal(0xFFu, g.Sys(0, RPR));
        Assert.False(g.ReadBit(ISACTIVER, 41));
        Assert.False(g.ReadBit(ISACTIVER, 42));
    }

    [Fact]
    public void EoiMode1_EoiDropsPriority_DirDeactivates()
    {
        var g = new GicHarness();
        g.Sys(0, ControlRegister, 2);
        g.SetUpSpi(40, 0xA0);
        g.SetUpSpi(41, 0xA0);
        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        g.Line(41, true);
        Assert.False(g.Cpus[0].Irq);
        g.Eoi(40);
        Assert.True(g.ReadBit(ISACTIVER, 40));
        Assert.Equal(0xFFu, g.Sys(0, RPR));
        Assert.Equal(41, g.Ack()); // Same priority, taken while 40 is still active.
        g.Line(41, false);
        g.Eoi(41);
        g.Sys(0, DIR, 41);
        Assert.False(g.Cpus[0].Irq); // 40 is high but active.
        g.Sys(0, DIR, 40);
        Assert.False(g.ReadBit(ISACTIVER, 41));
        Assert.True(g.Cpus[0].Irq);
        Assert.Equal(40, g.Ack());
    }

    [Fact]
    public void EoiMode0_IgnoresDir()
    {
        var g = new GicHarness();
        g.SetUpSpi(40);
        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        g.Sys(0, DIR, 40);
        Assert.True(g.ReadBit(ISACTIVER, 40));
    }

    [Fact]
    public void Dir_MayComeFromAnotherVcpu_ForAnSpi()
    {
        var g = new GicHarness(2);
        g.Sys(0, ControlRegister, 2);
        g.Sys(1, ControlRegister, 2);
        g.SetUpSpi(40);
        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        g.Eoi(40);
        Assert.False(g.Cpus[0].Irq);
        g.Sys(1, DIR, 40);
        Assert.True(g.Cpus[0].Irq);
    }

    [Theory]
    [InlineData(1020)]
    [InlineData(1023)]
    [InlineData(288)]
    [InlineData(8192)]
    [InlineData(0xFFFFFF)]
    public void Eoi_OfSpecialOrUnknownIntid_ChangesNothing(int intid)
    {
        var g = new GicHarness();
        g.SetUpSpi(40);
        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        var before = g.Save();
        g.Eoi(intid);
        Assert.Equal(before, g.Save());
    }

    [Fact]
    public void Eoi_WithNothingActive_ChangesNothing()
    {
        var g = new GicHarness();
        g.SetUpSpi(40);
        var before = g.Save();
        g.Eoi(40);
        Assert.Equal(before, g.Save());
    }

    [Fact]
    public void WritingActivePriorities_RestoresTheRunningPriority()
    {
        var g = new GicHarness();
        g.SetUpSpi(40, 0xA0);
        g.Sys(0, AP1R0, 1u << 4);
        Assert.Equal(0x20u, g.Sys(0, RPR));
        g.Line(40, true);
        Assert.False(g.Cpus[0].Irq);
        g.Sys(0, AP1R0, 0);
        Assert.True(g.Cpus[0].Irq);
    }

    [Fact]
    public void RaisingThePriorityOfAPendingInterrupt_LetsItPreempt()
    {
        var g = new GicHarness();
        g.SetUpSpi(40, 0x80);
        g.SetUpSpi(41, 0xA0);
        g.Line(40, true);
        Assert.Equal(40, g.Ack());
        g.Line(41, true);
        Assert.False(g.Cpus[0].Irq);
        g.Gic.DistributorFrame.Write(IPRIORITYR + 41, 1, 0x10);
        Assert.True(g.Cpus[0].Irq);
        Assert.Equal(41, g.Ack());
    }

    [Fact]
    public void GroupEnables_OfDistributorAndCpuInterface_BothGate()
    {
        var g = new GicHarness();
        g.SetUpSpi(40);
        g.Line(40, true);
        g.GroupEnable(1, false);
        Assert.False(g.Cpus[0].Irq);
        Assert.Equal(0u, g.GroupEnable(1));
        Assert.Equal(1u, g.GroupEnable(0));
        g.GroupEnable(1, true);
        Assert.True(g.Cpus[0].Irq);
        g.Gicd(CTLR, 1);
        Assert.False(g.Cpus[0].Irq);
        Assert.Equal(Spurious, g.Peek());
        g.Gicd(CTLR, 2);
        Assert.True(g.Cpus[0].Irq);
    }

    [Fact]
    public void DisabledGroup_DoesNotHideTheOther()
    {
        var g = new GicHarness();
        g.Gicd(IGROUPR + 4, ~(1u << 10));
        g.SetUpSpi(41, 0xA0);
        g.SetUpSpi(42, 0x40);
        g.GroupEnable(0, false);
        g.Line(42, true);
        g.Line(41, true);
        Assert.False(g.Cpus[0].Fiq);
        Assert.Equal(41, g.Ack());
    }
}
