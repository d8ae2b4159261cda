// virtio-rtc: the protocol's answers, and its errors.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Virtio.Rtc;

namespace Emu.Devices.Tests;

public class VirtioRtcTests
{
    public static TheoryData<ulong> Layouts => VirtioBench.Layouts;

    private static byte[] Ask(VirtioBench bench, ushort type, ushort clock = 0, int request = 16, int response = 16)
    {
        var message = new byte[24];
        BinaryPrimitives.WriteUInt16LittleEndian(message, type);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(8), clock);
        var m = bench.Driver;
        var at = m.Put(message);
        var answer = m.Put(new byte[32]);
        var written = bench.Do(0, new MockBuffer(at, (uint)Math.Min(request, 5), false), new MockBuffer(at + 5, (uint)Math.Max(0, request - 5), false),
            new MockBuffer(answer, (uint)response, true));
        return m.Fetch(answer, (int)written);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void UtcClock_IsTheMachinesDate(ulong features)
    {
        using var bench = new VirtioBench(b => new VirtioRtc("rtc", b.Clock));
        bench.Driver.Start(features);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], Ask(bench, 0x1000));
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0], Ask(bench, 0x1001));
        Assert.Equal(new byte[16], Ask(bench, 0x1002));
        var before = BinaryPrimitives.ReadUInt64LittleEndian(Ask(bench, 1).AsSpan(8));
        bench.Advance(1_500_000_000);
        var after = BinaryPrimitives.ReadUInt64LittleEndian(Ask(bench, 1).AsSpan(8));
        Assert.Equal(DeterministicClock.DefaultEpochSeconds, (long)(before / 1_000_000_000) - 3);
        Assert.Equal(2_500_000_000u, after - before);
    }

    [Fact]
    public void BadRequests_GetTheSpecificationsStatus()
    {
        using var bench = new VirtioBench(b => new VirtioRtc("rtc", b.Clock));
        bench.Driver.Start();
        Assert.Equal([2, 0, 0, 0, 0, 0, 0, 0], Ask(bench, 2));
        Assert.Equal([2, 0, 0, 0, 0, 0, 0, 0], Ask(bench, 0x1003));
        Assert.Equal(3, Ask(bench, 1, clock: 1)[0]);
        Assert.Equal(16, Ask(bench, 0x1001, clock: 9).Length);
        Assert.Equal([4, 0, 0, 0, 0, 0, 0, 0], Ask(bench, 1, request: 9));
        Assert.Equal([4, 0, 0, 0, 0, 0, 0, 0], Ask(bench, 1, response: 15));
        Assert.Empty(Ask(bench, 1, response: 7));
        Assert.Empty(Ask(bench, 1, request: 7));
        Assert.Equal(15, bench.Driver.DeviceStatus);
    }
}
