// virtio-blk on images in memory: every request type, every mistake of a driver and of the host, caching modes, resets and snapshots.
using Emu.Core;
using Emu.Devices.Storage;
using Emu.Devices.Tests.Storage;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Block;
using static Emu.Devices.Tests.BlockDriver;

namespace Emu.Devices.Tests;

public class VirtioBlockTests
{
    private const int DiskBytes = 1 << 20;

    public static TheoryData<ulong> Layouts => VirtioBench.Layouts;

    private static (VirtioBench Bench, BlockDriver Driver, FaultyFile File) Make(
        VirtioBlockOptions? options = null, bool readOnly = false, bool sparse = true, bool threaded = false)
    {
        var file = new FaultyFile(Pattern(), readOnly);
        var image = DiskImage.Open(file, new DiskImageOptions { ReadOnly = readOnly, Sparse = sparse, ImageType = DiskImageType.Raw });
        var bench = new VirtioBench(b => new VirtioBlock(options ?? new VirtioBlockOptions("disk0"), image, b.Clock, b.Log), threaded);
        return (bench, new BlockDriver(bench), file);
    }

    private static byte[] Pattern(int seed = 1, int length = DiskBytes)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    [Fact]
    public void Features_AndConfiguration_DescribeTheImage()
    {
        var (bench, d, _) = Make(new VirtioBlockOptions("disk0") { Queues = 3, QueueSize = 64 });
        using var _ = bench;
        const ulong Always = 4 | (1 << 6) | FlushBit | (1 << 10) | WceBit;
        Assert.Equal(Always | MultiQueueBit | DiscardBit | WriteZeroesBit, d.M.Offered() & 0xFFFFFF);
        Assert.Equal(DiskBytes / 512u, d.Config(0, 8));
        Assert.Equal(62u, d.Config(12, 4));
        Assert.Equal(512u, d.Config(20, 4));
        Assert.Equal(3u, d.Config(24, 1));
        Assert.Equal(8u, d.Config(26, 2));
        Assert.Equal(1u, d.Config(32, 1));
        Assert.Equal(3u, d.Config(34, 2));
        Assert.Equal(32u, d.Config(40, 4));
        Assert.Equal(8u, d.Config(44, 4));
        Assert.Equal(1u, d.Config(56, 1));
        Assert.Equal(3u, d.M.Get(MockVirtioDriver.QueueCount, 2));
        Assert.Equal(64u, d.M.Get(MockVirtioDriver.QueueSize, 2));

        var (other, r, _) = Make(readOnly: true);
        Assert.Equal(Always | ReadOnlyBit, r.M.Offered() & 0xFFFFFF);
        Assert.Equal(0u, r.Config(36, 8));
        other.Dispose();
        var (full, f, _) = Make(sparse: false);
        Assert.Equal(Always | WriteZeroesBit, f.M.Offered() & 0xFFFFFF);
        full.Dispose();
    }

    [Theory]
    [InlineData(0, 128, "", "num_queues=0")]
    [InlineData(257, 128, "", "num_queues=257")]
    [InlineData(1, 100, "", "queue_size=100")]
    [InlineData(1, 65536, "", "queue_size=65536")]
    [InlineData(1, 128, "a serial of 21 bytes!", "serial=")]
    public void OptionsOutOfRange_AreRefusedInOneLine(int queues, int size, string serial, string expected)
    {
        var options = new VirtioBlockOptions("disk0") { Queues = queues, QueueSize = size, Serial = serial };
        var image = DiskImage.Open(new FaultyFile(new byte[4096]), new DiskImageOptions());
        var e = Assert.Throws<EmuException>(() => new VirtioBlock(options, image, new DeterministicClock(0), Log.Null));
        Assert.StartsWith($"disk0: {expected}", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void ReadsAndWrites_OfScatteredBuffers_MoveTheBytes(ulong features)
    {
        var (bench, d, file) = Make();
        using var _ = bench;
        bench.Driver.Start(features | FlushBit);
        var model = Pattern();
        var random = new Random(7);
        for (var i = 0; i < 60; i++)
        {
            var sectors = random.Next(1, 40);
            var sector = random.Next(0, (DiskBytes / 512) - sectors);
            if (random.Next(2) == 0)
            {
                var data = Pattern(i + 100, sectors * 512);
                data.CopyTo(model, sector * 512);
                Assert.Equal(Ok, d.Write((ulong)sector, data));
            }
            else
            {
                Assert.Equal(model.AsSpan(sector * 512, sectors * 512).ToArray(), d.Read((ulong)sector, sectors * 512));
            }
        }

        Assert.Equal(model, file.Content);
        Assert.Equal(60, bench.Driver.Interrupts(0));
    }

    [Fact]
    public void Flush_MakesWritesDurable_AndWriteBackLeavesThemInTheCacheUntilThen()
    {
        var (bench, d, file) = Make();
        using var _ = bench;
        bench.Driver.Start(FlushBit | WceBit);
        var data = Pattern(2, 4096);
        Assert.Equal(Ok, d.Write(8, data));
        Assert.NotEqual(0, file.Unflushed);
        Assert.Equal((Ok, 1u), (d.Do(Flush, 0, []).Status, d.Do(Flush, 0, []).Written));
        Assert.Equal(0, file.Unflushed);
    }

    [Fact]
    public void WriteThrough_IsDurableAtCompletion_WhetherChosenByTheDriverOrBecauseItCannotFlush()
    {
        var (bench, d, file) = Make();
        using var _ = bench;
        bench.Driver.Start(FlushBit | WceBit);
        Assert.Equal(1u, d.Config(32, 1));
        Assert.Equal(Ok, d.Write(8, Pattern(2, 512)));
        d.SetWriteBack(false);
        Assert.Equal(0, file.Unflushed);
        Assert.Equal(0u, d.Config(32, 1));
        Assert.Equal(Ok, d.Write(9, Pattern(3, 512)));
        Assert.Equal(Ok, d.Do(WriteZeroes, 0, Range(100, 8)).Status);
        Assert.Equal(0, file.Unflushed);

        bench.Driver.Start(FlushBit);
        Assert.Equal(1u, d.Config(32, 1));
        d.SetWriteBack(false);
        Assert.Equal(1u, d.Config(32, 1));
        bench.Driver.Start(WceBit);
        Assert.Equal(0u, d.Config(32, 1));
        Assert.Equal(Ok, d.Write(10, Pattern(4, 512)));
        Assert.Equal(0, file.Unflushed);
    }

    [Fact]
    public void GetId_ReturnsTheSerial_PaddedWithZeroes()
    {
        var (bench, d, _) = Make(new VirtioBlockOptions("disk0") { Serial = "EMU-0001" });
        using var _ = bench;
        bench.Driver.Start();
        var (status, id, written) = d.Do(GetId, 0, [], 20);
        Assert.Equal((Ok, 21u), (status, written));
        Assert.Equal("EMU-0001\0\0\0\0\0\0\0\0\0\0\0\0", System.Text.Encoding.ASCII.GetString(id));
        Assert.Equal("EMU-"u8.ToArray(), d.Do(GetId, 0, [], 4).Data);
        Assert.Equal(IoError, d.Do(GetId, 0, []).Status);
    }

    [Fact]
    public void DiscardAndWriteZeroes_ClearRanges_AndRefuseBadOnesWhole()
    {
        var (bench, d, file) = Make();
        using var _ = bench;
        bench.Driver.Start(FlushBit | DiscardBit | WriteZeroesBit);
        var model = Pattern();
        Assert.Equal(Ok, d.Do(Discard, 0, [.. Range(8, 8), .. Range(64, 16)]).Status);
        model.AsSpan(8 * 512, 8 * 512).Clear();
        model.AsSpan(64 * 512, 16 * 512).Clear();
        Assert.Equal(Ok, d.Do(WriteZeroes, 0, Range(201, 3, 1)).Status);
        Assert.Equal(Ok, d.Do(WriteZeroes, 0, Range(301, 3)).Status);
        model.AsSpan(201 * 512, 3 * 512).Clear();
        model.AsSpan(301 * 512, 3 * 512).Clear();
        Assert.Equal(model, file.Content);

        Assert.Equal(Unsupported, d.Do(Discard, 0, Range(8, 8, 1)).Status);
        Assert.Equal(Unsupported, d.Do(Discard, 0, [.. Range(400, 8), .. Range(8, 8, 2)]).Status);
        Assert.Equal(Unsupported, d.Do(WriteZeroes, 0, Range(400, 8, 2)).Status);
        Assert.Equal(IoError, d.Do(Discard, 0, [.. Range(400, 8), .. Range(2048, 1)]).Status);
        Assert.Equal(IoError, d.Do(Discard, 0, Range(ulong.MaxValue, 8)).Status);
        Assert.Equal(IoError, d.Do(Discard, 0, []).Status);
        Assert.Equal(IoError, d.Do(Discard, 0, Range(400, 8).AsSpan(0, 15)).Status);
        Assert.Equal(IoError, d.Do(WriteZeroes, 0, [.. Range(400, 8), .. Range(500, 8)]).Status);
        Assert.Equal(IoError, d.Do(WriteZeroes, 0, Range(0, uint.MaxValue)).Status);
        Assert.Equal(IoError, d.Do(Discard, 0, new byte[33 * 16]).Status);
        Assert.Equal(model, file.Content);
    }

    [Fact]
    public void MalformedRequests_GetAnError_AndTheDeviceWorksOn()
    {
        var (bench, d, file) = Make();
        using var _ = bench;
        bench.Driver.Start();
        Assert.Equal(Unsupported, d.Do(99, 0, []).Status);
        Assert.Equal(Unsupported, d.Do(2, 0, Pattern(1, 512)).Status);
        Assert.Equal(IoError, d.Write(2047, Pattern(1, 1024)));
        Assert.Equal(IoError, d.Write(ulong.MaxValue, Pattern(1, 1024)));
        Assert.Equal(IoError, d.Write(0, Pattern(1, 511)));
        Assert.Equal((IoError, 1u), (d.Do(In, 2048, [], 512).Status, d.Do(In, 1UL << 55, [], 512).Written));
        Assert.Equal(IoError, d.Do(In, 0, [], 100).Status);
        Assert.Equal((Ok, 1u), (d.Do(In, 2048, []).Status, d.Do(In, 0, []).Written));

        var status = d.StatusByte();
        Assert.Equal(1u, bench.Do(0, new MockBuffer(d.Header(Out, 0), 15, false), new MockBuffer(status, 1, true)));
        Assert.Equal(IoError, d.M.Fetch(status, 1)[0]);
        Assert.Equal(1u, bench.Do(0, new MockBuffer(status, 1, true)));
        Assert.Equal(0u, bench.Do(0, new MockBuffer(d.Header(Out, 0), 16, false), new MockBuffer(d.M.Put(Pattern(1, 512)), 512, false)));
        Assert.Equal(Pattern(), file.Content);
        Assert.Equal(15, bench.Driver.DeviceStatus);
        Assert.Equal(Pattern().AsSpan(0, 512).ToArray(), d.Read(0, 512));
        Assert.Empty(bench.Harness.LogText.ToString());
    }

    [Fact]
    public void LargerThanTheLimit_IsAnError_EvenWithBuffersThatOverlap()
    {
        var (bench, d, _) = Make();
        using var _ = bench;
        bench.Driver.Start(VirtioFeature.DefaultRing);
        var status = d.StatusByte();
        List<MockBuffer> buffers = [new(d.Header(In, 0), 16, false)];
        buffers.AddRange(Enumerable.Repeat(new MockBuffer(PciHarness.RamBase, (uint)PciHarness.RamSize, true), 1000));
        buffers.Add(new(status, 1, true));
        Assert.Equal(1u, bench.Do(0, [.. buffers]));
        Assert.Equal(IoError, d.M.Fetch(status, 1)[0]);
    }

    [Fact]
    public void ReadOnlyDisk_RefusesChanges()
    {
        var (bench, d, _) = Make(readOnly: true);
        using var _ = bench;
        bench.Driver.Start(FlushBit | ReadOnlyBit);
        Assert.Equal(IoError, d.Write(0, Pattern(1, 512)));
        Assert.Equal(Unsupported, d.Do(Discard, 0, Range(0, 8)).Status);
        Assert.Equal(Unsupported, d.Do(WriteZeroes, 0, Range(0, 8)).Status);
        Assert.Equal(Ok, d.Do(Flush, 0, []).Status);
        Assert.Equal(Pattern().AsSpan(512, 512).ToArray(), d.Read(1, 512));
    }

    [Theory]
    [InlineData(DiskStatus.IoError, "I/O error")]
    [InlineData(DiskStatus.NoSpace, "no space left")]
    public void HostErrors_ReachTheGuestAsIoErrors_AreLogged_AndPass(DiskStatus fault, string message)
    {
        var (bench, d, file) = Make();
        using var _ = bench;
        bench.Driver.Start(FlushBit | DiscardBit | WriteZeroesBit);
        file.Fault = fault;
        file.ChangesLeft = 0;
        Assert.Equal(IoError, d.Write(0, Pattern(5, 512)));
        Assert.Equal(IoError, d.Write(0, Pattern(5, 512)));
        Assert.Equal(IoError, d.Do(Flush, 0, []).Status);
        Assert.Equal(IoError, d.Do(WriteZeroes, 0, Range(0, 8)).Status);
        file.FailReads = true;
        Assert.Equal(IoError, d.Do(In, 0, [], 512).Status);
        var lines = bench.Harness.LogText.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, lines.Length);
        Assert.Contains($"disk0: write failed", lines[0], StringComparison.Ordinal);
        Assert.Contains(message, lines[0], StringComparison.Ordinal);
        file.FailReads = false;
        file.ChangesLeft = int.MaxValue;
        Assert.Equal(Ok, d.Write(0, Pattern(5, 512)));
        Assert.Equal(Ok, d.Do(Flush, 0, []).Status);
        Assert.Equal(Pattern(5, 512), d.Read(0, 512));
        Assert.Equal(15, bench.Driver.DeviceStatus);
    }

    [Fact]
    public void Completion_ComesAtTheModelledTime_AndBytesTakeTime()
    {
        var (bench, d, _) = Make();
        using var _ = bench;
        bench.Driver.Start();
        var q = bench.Driver.Queues[0];
        var data = d.M.Allocate(65536);
        q.Add(new MockBuffer(d.Header(In, 0), 16, false), new MockBuffer(data, 65536, true), new MockBuffer(d.StatusByte(), 1, true));
        q.Notify();
        bench.Advance(19_999);
        Assert.Null(q.TakeUsed());
        bench.Advance(1);
        Assert.NotNull(q.TakeUsed());
        q.Add(new MockBuffer(d.Header(In, 0), 16, false), new MockBuffer(data, 512, true), new MockBuffer(d.StatusByte(), 1, true));
        q.Notify();
        bench.Advance(31_999);
        Assert.Null(q.TakeUsed());
        bench.Advance(1);
        Assert.NotNull(q.TakeUsed());
    }

    [Fact]
    public void ResetInTheMiddle_ForgetsTheRequests()
    {
        var (bench, d, file) = Make();
        using var _ = bench;
        bench.Driver.Start();
        var status = d.StatusByte();
        bench.Driver.Queues[0].Add(new MockBuffer(d.Header(Out, 0), 16, false), new MockBuffer(d.M.Put(Pattern(9, 512)), 512, false), new MockBuffer(status, 1, true));
        bench.Driver.Notify(0);
        bench.Driver.Set(MockVirtioDriver.Status, 1, 0);
        bench.Advance(1_000_000);
        Assert.Equal(0xEE, d.M.Fetch(status, 1)[0]);
        Assert.Equal(Pattern(), file.Content);
        bench.Driver.Start(VirtioFeature.RingPacked);
        Assert.Equal(Ok, d.Write(0, Pattern(9, 512)));
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void SnapshotMidFlight_CompletesAtTheSameTime(ulong features)
    {
        var (bench, d, file) = Make();
        using var _ = bench;
        bench.Driver.Start(features | WceBit | FlushBit);
        d.SetWriteBack(false);
        var status = d.StatusByte();
        bench.Driver.Queues[0].WantInterrupt(true);
        bench.Driver.Queues[0].Add(new MockBuffer(d.Header(Out, 0), 16, false), new MockBuffer(d.M.Put(Pattern(9, 512)), 512, false), new MockBuffer(status, 1, true));
        bench.Driver.Notify(0);
        bench.Advance(10_000);
        bench.Harness.Segment.Pause();
        var state = bench.Save();
        bench.Harness.Segment.Reset();
        bench.Restore(state);
        Assert.Equal(state, bench.Save());
        bench.Harness.Segment.Resume();
        Assert.Equal(0u, d.Config(32, 1));
        bench.Advance(9_999);
        Assert.Null(bench.Driver.Queues[0].TakeUsed());
        bench.Advance(1);
        Assert.NotNull(bench.Driver.Queues[0].TakeUsed());
        Assert.Equal(1, bench.Driver.Interrupts(0));
        Assert.Equal(Ok, d.M.Fetch(status, 1)[0]);
        Assert.Equal(Pattern(9, 512), file.Content.AsSpan(0, 512).ToArray());
        Assert.Equal(0, file.Unflushed);
    }

    [Fact]
    public void SnapshotOfAnotherDisk_IsRefused()
    {
        var (bench, _, _) = Make();
        using var _ = bench;
        var state = bench.Save();
        var image = DiskImage.Open(new FaultyFile(new byte[8192]), new DiskImageOptions());
        using var other = new VirtioBench(b => new VirtioBlock(new VirtioBlockOptions("disk0"), image, b.Clock, b.Log));
        Assert.Contains("disk0", Assert.Throws<InvalidDataException>(() => other.Restore(state)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Threads_ServeManyQueuesAtOnce_AcrossPausesAndResets(ulong features)
    {
        const int Queues = 4, Rounds = 200, Depth = 5;
        var (bench, d, file) = Make(new VirtioBlockOptions("disk0") { Queues = Queues, QueueSize = 16 }, threaded: true);
        using var _ = bench;
        var m = bench.Driver;
        m.Start(features | MultiQueueBit | FlushBit, 16);
        var data = m.Allocate(Queues * Depth * 512);
        var headers = Enumerable.Range(0, Queues * Depth).Select(i => d.Header(Out, (ulong)i * 3)).ToArray();
        var status = Enumerable.Range(0, Queues * Depth).Select(_ => d.StatusByte()).ToArray();
        for (var round = 1; round <= Rounds; round++)
        {
            for (var i = 0; i < Queues * Depth; i++)
            {
                m.Memory.Write(data + ((ulong)i * 512), 8, ((ulong)round << 32) | (uint)i);
                m.Queues[i % Queues].Add(new MockBuffer(headers[i], 16, false), new MockBuffer(data + ((ulong)i * 512), 512, false), new MockBuffer(status[i], 1, true));
                m.Queues[i % Queues].Notify();
            }

            if (round % 10 == 0)
            {
                bench.Harness.Segment.Pause();
                Assert.NotEmpty(bench.Save());
                bench.Harness.Segment.Resume();
            }

            for (var i = 0; i < Queues * Depth; i++)
            {
                bench.Await(i % Queues);
            }

            for (var i = 0; i < Queues * Depth; i++)
            {
                Assert.Equal(Ok, m.Fetch(status[i], 1)[0]);
                m.Memory.Write(status[i], 1, 0xEE);
            }

            for (var i = 0; round % 50 == 0 && i < Queues * Depth; i++)
            {
                Assert.Equal(((ulong)round << 32) | (uint)i, BitConverter.ToUInt64(file.Content, i * 3 * 512));
            }
        }

        // Requests in the rings, and a reset: nothing happens after it.
        for (var i = 0; i < Queues * Depth; i++)
        {
            m.Queues[i % Queues].Add(new MockBuffer(headers[i], 16, false), new MockBuffer(data + ((ulong)i * 512), 512, false), new MockBuffer(status[i], 1, true));
            m.Queues[i % Queues].Notify();
        }

        m.Set(MockVirtioDriver.Status, 1, 0);
        var after = status.Select(s => m.Fetch(s, 1)[0]).ToArray();
        Thread.Sleep(20);
        Assert.Equal(after, status.Select(s => m.Fetch(s, 1)[0]));
    }

    [Fact]
    public void Threads_RestoredWithRequestsInTheRing_GoOnWithThem()
    {
        var (bench, d, file) = Make(threaded: true);
        using var _ = bench;
        bench.Driver.Start();
        bench.Harness.Segment.Pause();
        bench.Driver.Queues[0].Add(new MockBuffer(d.Header(Out, 0), 16, false), new MockBuffer(d.M.Put(Pattern(9, 512)), 512, false), new MockBuffer(d.StatusByte(), 1, true));
        bench.Driver.Notify(0);
        var state = bench.Save();
        bench.Harness.Segment.Reset();
        bench.Restore(state);
        Assert.Null(bench.Driver.Queues[0].TakeUsed());
        bench.Harness.Segment.Resume();
        bench.Await(0);
        Assert.Equal(Pattern(9, 512), file.Content.AsSpan(0, 512).ToArray());
    }
}
