// Where interrupts go: SGIs by target list, range and broadcast, IROUTER by affinity and 1 of N, redistributor power state.
using static Emu.Devices.Tests.GicHarness;

namespace Emu.Devices.Tests;

public class GicRoutingTests
{
    private const ulong OneOfN = 1UL << 31;
    private const int Spurious = 1023;

    private static GicHarness WithSgi(int vcpus, int sgi)
    {
        var g = new GicHarness(vcpus);
        for (var i = 0; i < vcpus; i++)
        {
            g.SetUpPrivate(i, sgi);
        }

        return g;
    }

    private static int[] Interrupted(GicHarness g) => [.. Enumerable.Range(0, g.Cpus.Length).Where(i => g.Cpus[i].Irq)];

    [Fact]
    public void Sgi_ByTargetList_ReachesThoseNamed_SelfIncluded()
    {
        var g = WithSgi(4, 5);
        g.Sys(1, SGI1R, (5UL << 24) | 0b1010);
        Assert.Equal([1, 3], Interrupted(g));
        Assert.Equal(5, g.Ack(3));
        g.Eoi(5, 3);
        Assert.Equal([1], Interrupted(g));
    }

    [Fact]
    public void Sgi_ByAffinity1_ReachesTheOtherCluster()
    {
        var g = WithSgi(20, 2);
        g.Sys(0, SGI1R, (2UL << 24) | (1UL << 16) | 0b1001);
        Assert.Equal([16, 19], Interrupted(g));
    }

    [Fact]
    public void Sgi_ToAffinityThatDoesNotExist_GoesNowhere()
    {
        var g = WithSgi(2, 2);
        g.Sys(0, SGI1R, (2UL << 24) | (1UL << 48) | 3);
        g.Sys(0, SGI1R, (2UL << 24) | (1UL << 32) | 3);
        g.Sys(0, SGI1R, (2UL << 24) | (1UL << 44) | 3);
        g.Sys(0, SGI1R, (2UL << 24) | 0xFFFC);
        Assert.Empty(Interrupted(g));
    }

    [Fact]
    public void Sgi_RangeSelector_ReachesAff0Above15()
    {
        var gic = new Emu.Devices.Irq.Gic([0, 17, 0x12_0103_04FF], 32, Emu.Core.Log.Null);
        gic.WriteSystemRegister(0, SGI1R, 1, false, (7UL << 24) | (1UL << 44) | 0b10);
        Assert.Equal(1u << 7, gic.RedistributorFrames.Read(RedistributorStride + SgiBase + ISPENDR, 4));
        gic.WriteSystemRegister(0, SGI1R, 1, false, (3UL << 24) | (15UL << 44) | (0x12UL << 48) | (1UL << 32) | (3UL << 16) | 0x8000);
        Assert.Equal(0u, gic.RedistributorFrames.Read((2 * RedistributorStride) + SgiBase + ISPENDR, 4)); // Aff1 is 4.
        gic.WriteSystemRegister(0, SGI1R, 1, false, (3UL << 24) | (15UL << 44) | (0x12UL << 48) | (3UL << 32) | (4UL << 16) | 0x8000);
        Assert.Equal(1u << 3, gic.RedistributorFrames.Read((2 * RedistributorStride) + SgiBase + ISPENDR, 4));
    }

    [Fact]
    public void Sgi_Broadcast_ReachesAllButSelf()
    {
        var g = WithSgi(5, 1);
        g.Sys(2, SGI1R, (1UL << 40) | (1UL << 24));
        Assert.Equal([0, 1, 3, 4], Interrupted(g));
    }

    [Fact]
    public void Sgi_SentTwiceBeforeAck_IsTakenOnce_AndAgainWhenSentWhileActive()
    {
        var g = WithSgi(1, 0);
        g.Sys(0, SGI1R, 1);
        g.Sys(0, SGI1R, 1);
        Assert.Equal(0, g.Ack());
        g.Sys(0, SGI1R, 1);
        Assert.False(g.Cpus[0].Irq);
        g.Eoi(0);
        Assert.Equal(0, g.Ack());
        g.Eoi(0);
        Assert.Equal(Spurious, g.Ack());
    }

    [Fact]
    public void Sgi0R_ReachesGroup0Only_Sgi1RBoth()
    {
        var g = WithSgi(1, 4);
        g.Sys(0, SGI0R, (4UL << 24) | 1);
        g.Sys(0, ASGI1R, (4UL << 24) | 1);
        Assert.False(g.Cpus[0].Irq);
        g.Gicr(0, SgiBase + IGROUPR, 0);
        g.Sys(0, SGI0R, (4UL << 24) | 1);
        Assert.True(g.Cpus[0].Fiq);
        Assert.Equal(4, g.Ack(group: 0));
        g.Eoi(4, group: 0);
        g.Sys(0, SGI1R, (4UL << 24) | 1);
        Assert.Equal(4, g.Ack(group: 0));
    }

    [Fact]
    public void Irouter_SendsToVcpu3_AndMovesAPendingInterrupt()
    {
        var g = new GicHarness(4);
        g.SetUpSpi(43, vcpu: 3);
        g.Line(43, true);
        Assert.Equal([3], Interrupted(g));
        g.Gicd(IROUTER + (43 * 8), 1);
        Assert.Equal([1], Interrupted(g));
        Assert.Equal(Spurious, g.Ack(3));
        Assert.Equal(43, g.Ack(1));
    }

    [Fact]
    public void Irouter_ReadsBack_WholeAndInHalves()
    {
        var g = new GicHarness();
        var at = IROUTER + (43 * 8);
        g.Gic.DistributorFrame.Write(at, 8, 0xFFFF_FFFF_FFFF_FFFF);
        Assert.Equal(0xFF_80FF_FFFFUL, g.Gic.DistributorFrame.Read(at, 8));
        g.Gicd(at, 0x0001_0203);
        Assert.Equal(0xFF_0001_0203UL, g.Gic.DistributorFrame.Read(at, 8));
        g.Gicd(at + 4, 0x7);
        Assert.Equal(0x7u, g.Gicd(at + 4));
        Assert.Equal(0x0001_0203u, g.Gicd(at));
        Assert.Equal(0UL, g.Gic.DistributorFrame.Read(IROUTER + (31 * 8), 8));
        g.Gic.DistributorFrame.Write(IROUTER + (288 * 8), 8, 1);
        Assert.Equal(0UL, g.Gic.DistributorFrame.Read(IROUTER + (288 * 8), 8));
    }

    [Fact]
    public void Irouter_ToAffinityThatDoesNotExist_KeepsItPending()
    {
        var g = new GicHarness(2);
        g.SetUpSpi(43);
        g.Gicd(IROUTER + (43 * 8), 0x70000);
        g.Line(43, true);
        Assert.Empty(Interrupted(g));
        Assert.True(g.ReadBit(ISPENDR, 43));
        g.Gicd(IROUTER + (43 * 8), 1);
        Assert.Equal([1], Interrupted(g));
    }

    [Fact]
    public void OneOfN_GoesToTheFirstVcpuThatTakesPart_AndMovesOn()
    {
        var g = new GicHarness(3);
        g.SetUpSpi(43);
        g.Gic.DistributorFrame.Write(IROUTER + (43 * 8), 8, OneOfN);
        g.Line(43, true);
        Assert.Equal([0], Interrupted(g));
        g.GroupEnable(1, false, 0);
        Assert.Equal([1], Interrupted(g));
        g.Gicr(1, WAKER, 2);
        Assert.Equal([2], Interrupted(g));
        g.Gic.ResetCpuInterface(2);
        Assert.Empty(Interrupted(g));
        g.GroupEnable(1, true, 0);
        Assert.Equal([0], Interrupted(g));
        Assert.Equal(43, g.Ack(0));
    }

    [Fact]
    public void OneOfN_FollowsTheGroupOfTheInterrupt()
    {
        var g = new GicHarness(2);
        g.SetUpSpi(43);
        g.Gic.DistributorFrame.Write(IROUTER + (43 * 8), 8, OneOfN);
        g.GroupEnable(0, false, 0);
        g.Line(43, true);
        Assert.True(g.Cpus[0].Irq);
        g.Gicd(IGROUPR + 4, 0);
        Assert.False(g.Cpus[0].Irq);
        Assert.True(g.Cpus[1].Fiq);
    }

    [Fact]
    public void SpiActiveOnOneVcpu_IsEndedThere_AfterBeingRerouted()
    {
        var g = new GicHarness(2);
        g.SetUpSpi(43);
        g.Line(43, true);
        Assert.Equal(43, g.Ack(0));
        g.Gicd(IROUTER + (43 * 8), 1);
        Assert.Empty(Interrupted(g));
        g.Eoi(43, 0);
        Assert.Equal([1], Interrupted(g));
        Assert.Equal(0xFFu, g.Sys(0, RPR));
    }

    [Fact]
    public void Waker_HandshakesAndHoldsInterruptsBackWhileAsleep()
    {
        var g = new GicHarness();
        g.SetUpSpi(43);
        g.Gicr(0, WAKER, 2);
        Assert.Equal(6u, g.Gicr(0, WAKER));
        g.Line(43, true);
        Assert.False(g.Cpus[0].Irq);
        g.Gicr(0, WAKER, 0);
        Assert.Equal(0u, g.Gicr(0, WAKER));
        Assert.True(g.Cpus[0].Irq);
    }

    [Fact]
    public void Redistributors_ComeUpAwake()
    {
        var g = new GicHarness(2, enabled: false);
        Assert.Equal(0u, g.Gicr(1, WAKER));
    }
}
