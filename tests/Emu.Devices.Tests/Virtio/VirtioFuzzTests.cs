// A hostile virtio driver: random registers, rings and descriptors; nothing throws, hangs, or touches memory outside the guest.
using Emu.Devices.Virtio;
using static Emu.Devices.Tests.MockVirtioDriver;

namespace Emu.Devices.Tests;

public class VirtioFuzzTests
{
    private static readonly int[] Sizes = [1, 2, 4, 8, 3, 0, -1];
    private static readonly uint[] Regions = [0, 0x10, 0x20, 0x2000, 0x4000, 0x6000, 0x8000, 0x48000];

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void RandomRings_AndRegisters_AreSurvived(int seed, bool packed)
    {
        const int Operations = 500_000;
        using var h = new PciHarness();
        var d = new EchoDevice();
        var t = new VirtioPciTransport(d, h.Memory, h.Msi, Emu.Core.Log.Null, new VirtioPciOptions(false, VirtioFeature.DefaultRing | VirtioFeature.RingPacked | VirtioFeature.RingReset));
        var slot = h.Segment.Add(t);
        var random = new Random(seed);
        var features = VirtioFeature.DefaultRing | (packed ? VirtioFeature.RingPacked : 0);
        MockVirtioDriver? m = null;
        var broken = 0;
        for (var i = 0; i < Operations; i++)
        {
            if (m is null || m.DeviceStatus != 15)
            {
                broken += m is null ? 0 : 1;
                h.Segment.Reset();
                m = new MockVirtioDriver(h, slot).Start(features, 16);
            }

            Step(random, m, packed);
        }

        Assert.True(broken > 1000, $"only {broken} rings were broken");
        Assert.True(d.Served > 1000, $"only {d.Served} requests were served");
        h.AssertGuardsIntact();
    }

    private static void Step(Random random, MockVirtioDriver m, bool packed)
    {
        var q = m.Queues[random.Next(2)];
        var slot = (ulong)random.Next(16);
        switch (random.Next(24))
        {
            case < 10:
                var flags = random.Next(8) | (packed && random.Next(2) == 0 ? 0x80 : 0) | (packed && random.Next(3) == 0 ? 0x8000 : 0);
                var link = random.Next(50) == 0 ? random.Next(65536) : random.Next(16);
                q.WriteDescriptor(q.Desc + (slot * 16), Address(random, q), Length(random),
                    (ushort)(packed ? link : flags), (ushort)(packed ? flags : link));
                break;
            case < 14:
                q.WriteDescriptor(PciHarness.RamBase + 0x80_0000 + (slot * 16), Address(random, q), Length(random), (ushort)random.Next(5), (ushort)random.Next(5));
                break;
            case < 20 when !packed:
                ((MockSplitQueue)q).OfferHead((ushort)(random.Next(100) == 0 ? random.Next(65536) : random.Next(16)));
                q.Notify();
                break;
            case < 22:
                q.Notify();
                break;
            case 22:
                m.Memory.Write(q.Driver + (ulong)random.Next(4), 1, (ulong)random.Next(256));
                break;
            default:
                var offset = Regions[random.Next(Regions.Length)] + (uint)random.Next(0x40);
                var size = Sizes[random.Next(Sizes.Length)];
                m.Harness.Segment[m.Slot]!.Bars[0].Window.Read(offset, size);
                if (offset != Status)
                {
                    m.Harness.Segment[m.Slot]!.Bars[0].Window.Write(offset, size, (ulong)random.NextInt64());
                }

                break;
        }
    }

    private static ulong Address(Random random, MockVirtQueue q) => random.Next(12) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => q.Desc + (ulong)random.Next(256),
        2 => PciHarness.RamBase + PciHarness.RamSize - (ulong)random.Next(64),
        _ => PciHarness.RamBase + 0x80_0000 + (ulong)(random.Next(64) * 16),
    };

    private static uint Length(Random random) => random.Next(12) switch
    {
        0 => uint.MaxValue,
        1 => (uint)random.Next(1 << 20),
        _ => (uint)random.Next(9) * 16,
    };
}
