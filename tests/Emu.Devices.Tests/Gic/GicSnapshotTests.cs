// Snapshots of the GIC: identical bytes after a round trip, outputs driven again, damaged state refused.
using static Emu.Devices.Tests.GicHarness;

namespace Emu.Devices.Tests;

public class GicSnapshotTests
{
    private static GicHarness Busy()
    {
        var g = new GicHarness(3);
        g.SetUpSpi(43, 0x80, vcpu: 1);
        g.SetUpSpi(44, 0x20, edge: true, vcpu: 1);
        g.SetUpSpi(45, 0x30, vcpu: 2);
        g.Gic.DistributorFrame.Write(IROUTER + (46 * 8), 8, 1UL << 31);
        g.Bit(ISENABLER, 46);
        g.Line(43, true);
        Assert.Equal(43, g.Ack(1));
        g.Line(44, true);
        g.Line(45, true);
        g.Line(46, true);
        g.Line(47, true); // Disabled: only its level counts.
        g.SetUpPrivate(2, 27);
        g.Gic.Ppi(2, 27).Set(true);
        g.Sys(0, PMR, 0x40);
        g.Sys(2, ControlRegister, 3);
        g.SetBinaryPoint(1, 5, 1);
        g.Gicr(2, WAKER, 2);
        return g;
    }

    [Fact]
    public void RoundTrip_GivesIdenticalBytes_AndTheSameOutputs()
    {
        var g = Busy();
        var state = g.Save();
        var copy = new GicHarness(3, enabled: false);
        copy.Restore(state);
        Assert.Equal(state, copy.Save());
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(g.Cpus[i].Irq, copy.Cpus[i].Irq);
            Assert.Equal(g.Cpus[i].Fiq, copy.Cpus[i].Fiq);
            Assert.Equal(g.Sys(i, RPR), copy.Sys(i, RPR));
            Assert.Equal(g.Peek(i), copy.Peek(i));
        }

        Assert.Equal(44, copy.Ack(1));
        copy.Eoi(44, 1);
        copy.Eoi(43, 1);
        Assert.Equal(43, copy.Ack(1)); // Its wire is still high.
    }

    [Fact]
    public void RestoredWires_AreKnown_SoThatDroppingOneCounts()
    {
        var copy = new GicHarness(3, enabled: false);
        copy.Restore(Busy().Save());
        Assert.True(copy.ReadBit(ISPENDR, 47));
        copy.Line(47, false);
        Assert.False(copy.ReadBit(ISPENDR, 47));
    }

    [Fact]
    public void RestoringIntoABusyController_ReplacesEverything()
    {
        var idle = new GicHarness(3, enabled: false).Save();
        var g = Busy();
        Assert.True(g.Cpus[1].Irq);
        g.Restore(idle);
        Assert.Equal(idle, g.Save());
        Assert.All(g.Cpus, c => Assert.False(c.Irq || c.Fiq));
    }

    [Fact]
    public void OtherShapeOrVersion_OrTruncation_IsRefused()
    {
        var state = Busy().Save();
        Assert.Throws<InvalidDataException>(() => new GicHarness(2).Restore(state));
        Assert.Throws<InvalidDataException>(() => new GicHarness(3).Restore(state[..^1]));
        state[0]++;
        Assert.Throws<InvalidDataException>(() => new GicHarness(3).Restore(state));
    }

    [Fact]
    public void DamagedContents_AreForcedIntoRange()
    {
        var state = Busy().Save();
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var damaged = (byte[])state.Clone();
            for (var i = 0; i < 40; i++)
            {
                damaged[random.Next(5, damaged.Length)] = (byte)random.Next(256);
            }

            var g = new GicHarness(3);
            try
            {
                g.Restore(damaged);
            }
            catch (InvalidDataException)
            {
                continue;
            }

            for (var i = 0; i < 3; i++)
            {
                Assert.Equal(0u, g.Sys(i, PMR) & 7);
                Assert.InRange(g.BinaryPoint(0, i), 2u, 7u);
                Assert.InRange(g.Ack(i), 0, 1023);
            }
        }
    }
}
