// Random use of the GIC: hostile accesses never throw, cached state always agrees with a plain reading of the registers, threads agree.
using System.Diagnostics;
using Emu.Core;
using static Emu.Devices.Tests.GicHarness;

namespace Emu.Devices.Tests;

public class GicFuzzTests
{
    private static readonly int[] Sizes = [1, 2, 4, 8, 4, 4, 0, 3, 16, -1];

    [Fact]
    public void HostileAccesses_NeverThrow_AndLeaveAStateThatRoundTrips()
    {
        var random = new Random(20240607);
        var g = new GicHarness(5);
        for (var i = 0; i < 150_000; i++)
        {
            var size = Sizes[random.Next(Sizes.Length)];
            var value = random.Next(4) switch { 0 => ulong.MaxValue, 1 => (ulong)random.Next(1024), _ => (ulong)random.NextInt64(long.MinValue, long.MaxValue) };
            var vcpu = random.Next(5);
            switch (random.Next(8))
            {
                case 0:
                    g.Gic.DistributorFrame.Read(Offset(random, 0x1_0000), size);
                    break;
                case 1:
                    g.Gic.DistributorFrame.Write(Offset(random, 0x1_0000), size, value);
                    break;
                case 2:
                    g.Gic.RedistributorFrames.Read(Offset(random, g.Gic.RedistributorFramesLength), size);
                    break;
                case 3:
                    g.Gic.RedistributorFrames.Write(Offset(random, g.Gic.RedistributorFramesLength), size, value);
                    break;
                case 4:
                    g.Sys(vcpu, Register(random, g));
                    break;
                case 5:
                    g.Sys(vcpu, Register(random, g), value);
                    break;
                case 6:
                    g.Gic.Spi(random.Next(32, 288)).Set(random.Next(2) != 0);
                    break;
                default:
                    g.Gic.Ppi(vcpu, random.Next(16, 32)).Set(random.Next(2) != 0);
                    break;
            }
        }

        var state = g.Save();
        var copy = new GicHarness(5, enabled: false);
        copy.Restore(state);
        Assert.Equal(state, copy.Save());
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(g.Cpus[i].Irq, copy.Cpus[i].Irq);
            Assert.Equal(g.Cpus[i].Fiq, copy.Cpus[i].Fiq);
        }
    }

    [Fact]
    public void CachedBestInterruptAndOutputs_AgreeWithTheRegisters()
    {
        var random = new Random(42);
        var g = new GicHarness(3);
        var signalled = 0;
        for (var i = 0; i < 12_000; i++)
        {
            Step(random, g);
            for (var vcpu = 0; vcpu < 3; vcpu++)
            {
                var (intid, priority, group) = HighestPending(g, vcpu);
                Assert.Equal(group == 0 ? intid : 1023, g.Peek(vcpu, 0));
                Assert.Equal(group == 1 ? intid : 1023, g.Peek(vcpu, 1));
                var shift = group == 0 ? (int)g.BinaryPoint(0, vcpu) + 1 : (int)g.BinaryPoint(1, vcpu);
                if (group == 1 && (g.Sys(vcpu, ControlRegister) & 1) != 0)
                {
                    shift = (int)g.BinaryPoint(0, vcpu) + 1;
                }

                var signal = intid != 1023 && priority < g.Sys(vcpu, PMR) && (ulong)(priority >> shift << shift) < g.Sys(vcpu, RPR);
                Assert.Equal(signal && group == 1, g.Cpus[vcpu].Irq);
                Assert.Equal(signal && group == 0, g.Cpus[vcpu].Fiq);
                signalled += signal ? 1 : 0;
            }
        }

        Assert.InRange(signalled, 3_000, 33_000); // The walk visits both states often.
    }

    [Fact]
    public void LineAndPriorityMaskChangingAtOnce_EndInAgreement()
    {
        // One thread raises or drops the line while the other closes or opens the mask; whoever is first, the end is the same.
        const int Rounds = 100_000;

        // The two take turns: where other programs want the same processor, each turn costs their time slices.
        var watch = Stopwatch.StartNew();
        var stop = false;
        var g = new GicHarness();
        g.SetUpSpi(43, 0xA0);
        var started = 0;
        var finished = 0;
        var device = new Thread(() =>
        {
            for (var round = 1; ; round++)
            {
                SpinUntil(ref started, round);
                if (Volatile.Read(ref stop))
                {
                    return;
                }

                g.Line(43, (round & 1) != 0);
                Volatile.Write(ref finished, round);
            }
        });
        device.Start();
        var failures = 0;
        for (var round = 1; round <= Rounds && watch.Elapsed < TimeSpan.FromSeconds(20); round++)
        {
            // Open in rounds 1, 4, 6 and 7 of 8, the line high in the odd ones: the mask opens and closes with both edges of the line.
            var open = (0xD2 >> (round & 7) & 1) != 0;
            Volatile.Write(ref started, round);
            for (var delay = round / 8 % 24; delay > 0; delay--)
            {
                Thread.SpinWait(1);
            }

            g.Sys(0, PMR, open ? 0xF0u : 0x80u);
            SpinUntil(ref finished, round);
            failures += g.Cpus[0].Irq != (open && (round & 1) != 0) ? 1 : 0;
        }

        Volatile.Write(ref stop, true);
        Volatile.Write(ref started, int.MaxValue);
        device.Join();
        Assert.Equal(0, failures);
    }

    private static void SpinUntil(ref int field, int value)
    {
        var spin = default(SpinWait);
        while (Volatile.Read(ref field) < value)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    private static ulong Offset(Random random, ulong length) => random.Next(16) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => length + (ulong)random.Next(16),
        2 => (ulong)random.NextInt64((long)length),
        _ => ((ulong)random.NextInt64((long)length / 0x1_0000) * 0x1_0000) + ((ulong)random.Next(0x1100) & ~3UL) + (random.Next(4) == 0 ? 0x5F00UL : 0),
    };

    private static ushort Register(Random random, GicHarness g) =>
        random.Next(20) == 0 ? (ushort)random.Next(0x1_0000) : g.Gic.Registers[random.Next(g.Gic.Registers.Length)];

    /// <summary>One sensible operation on a handful of interrupts.</summary>
    private static void Step(Random random, GicHarness g)
    {
        var vcpu = random.Next(3);
        var spi = new[] { 32, 43, 63, 64, 287 }[random.Next(5)];
        var family = new[] { ISENABLER, ISENABLER, ISENABLER, ICENABLER, ISPENDR, ICPENDR, ISACTIVER, ICACTIVER, ICACTIVER }[random.Next(9)];
        var bits = 1u << random.Next(32);
        switch (random.Next(16))
        {
            case 0 or 1:
                g.Line(spi, random.Next(2) != 0);
                break;
            case 2:
                g.Gic.Ppi(vcpu, random.Next(26, 29)).Set(random.Next(2) != 0);
                break;
            case 3:
                g.Bit(family, spi);
                break;
            case 4:
                g.Gicr(vcpu, SgiBase + family, bits);
                break;
            case 5:
                g.Gic.DistributorFrame.Write(IPRIORITYR + (ulong)spi, 1, (ulong)random.Next(256));
                break;
            case 6:
                g.Gicr(vcpu, SgiBase + IPRIORITYR + ((ulong)random.Next(8) * 4), (uint)random.Next());
                break;
            case 7:
                g.Gic.DistributorFrame.Write(IROUTER + ((ulong)spi * 8), 8, random.Next(4) == 0 ? 1UL << 31 : (ulong)random.Next(4));
                break;
            case 8:
                g.Gicd(IGROUPR + ((ulong)spi / 32 * 4), (uint)random.NextInt64(1L << 32));
                break;
            case 9:
                g.Sys(vcpu, SGI1R, ((ulong)random.Next(16) << 24) | (uint)random.Next(8));
                break;
            case 10:
                g.Sys(vcpu, PMR, (ulong)random.Next(128, 256));
                break;
            case 11:
                g.GroupEnable(random.Next(2), random.Next(4) != 0, vcpu);
                g.Gicr(vcpu, WAKER, random.Next(6) == 0 ? 2u : 0);
                break;
            case 12:
                g.SetBinaryPoint(random.Next(2), (uint)random.Next(8), vcpu);
                g.Sys(vcpu, ControlRegister, (ulong)random.Next(2));
                break;
            case 13:
                g.Ack(vcpu, random.Next(2));
                break;
            case 14:
                g.Eoi(spi, vcpu, random.Next(2));
                g.Eoi(random.Next(32), vcpu, random.Next(2));
                break;
            default:
                g.Gicd(ICFGR + ((ulong)spi / 16 * 4), (uint)random.NextInt64(1L << 32));
                g.Gicd(CTLR, random.Next(5) == 0 ? (uint)random.Next(4) : 3);
                break;
        }
    }

    /// <summary>The highest priority pending interrupt of a vCPU, from the registers alone: INTID (1023 for none), priority, group (-1 for none).</summary>
    private static (int Intid, uint Priority, int Group) HighestPending(GicHarness g, int vcpu)
    {
        var best = (Intid: 1023, Priority: 256u, Group: -1);
        if (g.Gicr(vcpu, WAKER) != 0)
        {
            return best;
        }

        for (ulong bank = 0; bank < 9; bank++)
        {
            uint Word(ulong family) => bank == 0 ? g.Gicr(vcpu, SgiBase + family) : g.Gicd(family + (bank * 4));
            var candidates = Word(ISENABLER) & Word(ISPENDR) & ~Word(ISACTIVER);
            for (var bit = 0; candidates >> bit != 0 && bit < 32; bit++)
            {
                if ((candidates >> bit & 1) == 0)
                {
                    continue;
                }

                var intid = ((int)bank * 32) + bit;
                var group = (int)(Word(IGROUPR) >> bit & 1);
                var priority = bank == 0
                    ? (uint)g.Gic.RedistributorFrames.Read(((ulong)vcpu * RedistributorStride) + SgiBase + IPRIORITYR + (ulong)bit, 1)
                    : (uint)g.Gic.DistributorFrame.Read(IPRIORITYR + (ulong)intid, 1);
                if ((g.Gicd(CTLR) >> group & 1) == 0 || g.GroupEnable(group, vcpu) == 0 || (bank != 0 && Target(g, intid, group) != vcpu))
                {
                    continue;
                }

                // Equal priorities: Group 0 first, then the lower INTID (the order of the walk).
                if (priority < best.Priority || (priority == best.Priority && group < best.Group))
                {
                    best = (intid, priority, group);
                }
            }
        }

        return best;
    }

    private static int Target(GicHarness g, int intid, int group)
    {
        var route = g.Gic.DistributorFrame.Read(IROUTER + ((ulong)intid * 8), 8);
        return (route >> 31 & 1) == 0
            ? (int)route
            : Enumerable.Range(0, g.Cpus.Length).FirstOrDefault(i => g.Gicr(i, WAKER) == 0 && g.GroupEnable(group, i) != 0, -1);
    }
}
