// qcow2 against QEMU: every variant read and written by both, checked by qemu-img after each turn.
using Emu.Devices.Storage;

namespace Emu.Devices.Tests.Storage;

/// <summary>Reading and writing of qcow2 variants.</summary>
public sealed class Qcow2WorkTests : StorageTest
{
    [QemuTheory]
    [InlineData("cluster_size=512", 3)]
    [InlineData("cluster_size=512,compat=0.10", 2)]
    [InlineData("cluster_size=1024,refcount_bits=1", 3)]
    [InlineData("cluster_size=2048,refcount_bits=2", 4)]
    [InlineData("cluster_size=4096,refcount_bits=4", 8)]
    [InlineData("cluster_size=8192,refcount_bits=8,preallocation=metadata", 8)]
    [InlineData("cluster_size=65536", 24)]
    [InlineData("cluster_size=65536,compat=0.10", 24)]
    [InlineData("cluster_size=65536,preallocation=falloc", 24)]
    [InlineData("cluster_size=65536,preallocation=full,compat=0.10", 8)]
    [InlineData("cluster_size=16384,refcount_bits=32", 16)]
    [InlineData("cluster_size=32768,refcount_bits=64", 16)]
    [InlineData("cluster_size=65536,lazy_refcounts=on", 24)]
    [InlineData("cluster_size=2097152", 40)]
    [InlineData("cluster_size=1048576,compression_type=zstd", 40)]
    public void RandomWork_LeavesACleanImageThatQemuReadsAlike(string features, int megabytes)
    {
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", "-o", features, image, $"{(megabytes << 20) + 512}");
        var model = new byte[(megabytes << 20) + 512];
        for (var turn = 0; turn < 3; turn++)
        {
            using (var disk = Open(image))
            {
                Assert.Equal("qcow2", disk.Format);
                Assert.Equal((ulong)model.Length, disk.Capacity);
                Work(disk, model, seed: turn, operations: 250, largest: megabytes << 17);
                AssertSame(model, ReadAll(disk), "before closing");
            }

            QemuImg.AssertClean("qcow2", image);
            QemuImg.AssertHolds("qcow2", image, model);

            // QEMU's turn: what it writes is read back here.
            var at = (turn * 123_457 + 99_328) / 512 * 512;
            QemuImg.Io("qcow2", image, $"write -P {turn + 17} {at} 300k", $"discard {at + 400_000 / 512 * 512} 200k", $"write -z {at + 700_416} 70k");
            model.AsSpan(at, 300 << 10).Fill((byte)(turn + 17));
            model.AsSpan(at + 700_416, 70 << 10).Clear();
            using (var disk = Open(image, readOnly: true))
            {
                var now = ReadAll(disk);
                var discarded = at + 400_000 / 512 * 512;
                now.AsSpan(discarded, 200 << 10).CopyTo(model.AsSpan(discarded));
                AssertSame(model, now, "after QEMU's turn");
            }
        }
    }

    [QemuTheory]
    [InlineData("zlib", 512)]
    [InlineData("zlib", 65536)]
    [InlineData("zlib", 2097152)]
    [InlineData("zstd", 512)]
    [InlineData("zstd", 65536)]
    [InlineData("zstd", 2097152)]
    public void CompressedImage_IsReadAndWritten(string compression, int clusterBytes)
    {
        var model = Pattern(6 << 20, seed: clusterBytes);
        var raw = PathOf("model.raw");
        var image = PathOf("disk.qcow2");
        File.WriteAllBytes(raw, model);
        QemuImg.Run("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", $"cluster_size={clusterBytes},compression_type={compression}", raw, image);
        using (var disk = Open(image))
        {
            AssertSame(model, ReadAll(disk), "as converted");
            Work(disk, model, seed: 5, operations: 300, largest: 1 << 18);
        }

        QemuImg.AssertClean("qcow2", image);
        QemuImg.AssertHolds("qcow2", image, model);
    }

    [QemuTheory]
    [InlineData("compat=1.1", 65536)]
    [InlineData("compat=1.1", 4096)]
    [InlineData("compat=0.10", 65536)]
    public void BackingChain_IsReadThroughAndNeverWritten(string features, int clusterBytes)
    {
        var model = Pattern(5 << 20, seed: 9);
        File.WriteAllBytes(PathOf("base.raw"), model);
        QemuImg.Run("create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "-o", features, PathOf("middle.qcow2"));
        QemuImg.Io("qcow2", PathOf("middle.qcow2"), "write -P 77 1M 333k");
        model.AsSpan(1 << 20, 333 << 10).Fill(77);
        Array.Resize(ref model, 7 << 20);
        QemuImg.Run("create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2", "-o", $"{features},cluster_size={clusterBytes}", PathOf("top.qcow2"), "7M");
        var before = File.ReadAllBytes(PathOf("middle.qcow2"));

        using (var disk = Open(PathOf("top.qcow2"), backing: true))
        {
            AssertSame(model, ReadAll(disk), "as created");
            Work(disk, model, seed: 3, operations: 300, largest: 1 << 19);
            AssertSame(model, ReadAll(disk), "after work");
        }

        QemuImg.AssertClean("qcow2", PathOf("top.qcow2"));
        QemuImg.AssertHolds("qcow2", PathOf("top.qcow2"), model);
        Assert.Equal(before, File.ReadAllBytes(PathOf("middle.qcow2")));
    }

    [QemuFact]
    public void InternalSnapshots_KeepTheirContent()
    {
        var image = PathOf("disk.qcow2");
        var model = new byte[8 << 20];
        QemuImg.Run("create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", image, "8M");
        var states = new List<byte[]>();
        for (var turn = 0; turn < 3; turn++)
        {
            using (var disk = Open(image))
            {
                Work(disk, model, seed: 40 + turn, operations: 200, largest: 1 << 19);
            }

            QemuImg.AssertClean("qcow2", image);
            QemuImg.Run("snapshot", "-c", $"s{turn}", image);
            states.Add([.. model]);
        }

        using (var disk = Open(image))
        {
            Work(disk, model, seed: 50, operations: 200, largest: 1 << 19);
        }

        QemuImg.AssertClean("qcow2", image);
        QemuImg.AssertHolds("qcow2", image, model);
        for (var turn = 2; turn >= 0; turn--)
        {
            QemuImg.Run("snapshot", "-a", $"s{turn}", image);
            QemuImg.AssertHolds("qcow2", image, states[turn]);
            using (var disk = Open(image, readOnly: true))
            {
                AssertSame(states[turn], ReadAll(disk), $"snapshot {turn}");
            }

            QemuImg.Run("snapshot", "-d", $"s{turn}", image);
            QemuImg.AssertClean("qcow2", image);
        }
    }

    [QemuFact]
    public void LargeDisk_GrowsItsRefcountTable()
    {
        // 512-byte clusters: a refcount table of one cluster covers 8 MiB.
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", "-o", "cluster_size=512", image, "64M");
        var model = Pattern(64 << 20, seed: 1);
        using (var disk = Open(image))
        {
            for (var at = 0; at < model.Length; at += 1 << 20)
            {
                Assert.Equal(DiskStatus.Ok, disk.Write((ulong)at, model.AsSpan(at, 1 << 20)));
                if (at % (16 << 20) == 0)
                {
                    Assert.Equal(DiskStatus.Ok, disk.Flush());
                }
            }
        }

        QemuImg.AssertClean("qcow2", image);
        QemuImg.AssertHolds("qcow2", image, model);
    }

    [QemuFact]
    public void HugeDisk_WritesAtItsFarEnd()
    {
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", image, "16T");
        var bytes = Pattern(200_000, seed: 2);
        using (var disk = Open(image))
        {
            Assert.Equal(DiskStatus.Ok, disk.Write(disk.Capacity - (ulong)bytes.Length, bytes));
            Assert.Equal(DiskStatus.Ok, disk.Write(5UL << 40, bytes));
            Assert.Equal(DiskStatus.Ok, disk.Discard(0, disk.Capacity - (1 << 20)));
        }

        QemuImg.AssertClean("qcow2", image);
        using (var disk = Open(image, readOnly: true))
        {
            var back = new byte[bytes.Length];
            Assert.Equal(DiskStatus.Ok, disk.Read(disk.Capacity - (ulong)bytes.Length, back));
            AssertSame(bytes, back, "far end");
            Assert.Equal(DiskStatus.Ok, disk.Read(5UL << 40, back));
            Assert.All(back, b => Assert.Equal(0, b));
        }
    }

    [QemuFact]
    public void Discard_GivesSpaceBackAndFlushesReuseIt()
    {
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", image, "32M");
        using (var disk = Open(image))
        {
            var bytes = new byte[16 << 20];
            Array.Fill(bytes, (byte)7);
            for (var round = 0; round < 6; round++)
            {
                Assert.Equal(DiskStatus.Ok, disk.Write(0, bytes));
                Assert.Equal(DiskStatus.Ok, disk.Flush());
                Assert.Equal(DiskStatus.Ok, disk.Discard(0, (ulong)bytes.Length));
                Assert.Equal(DiskStatus.Ok, disk.Flush());
            }
        }

        // Six rounds use the same clusters again: the file never grew past two copies, and holds almost nothing now.
        Assert.True(new FileInfo(image).Length < 36 << 20, $"{new FileInfo(image).Length} bytes");
        var allocated = QemuImg.Try("du", "--block-size=1K", image).Text.Split('\t')[0];
        Assert.True(int.Parse(allocated) < 2048, $"{allocated} KiB");
        QemuImg.AssertClean("qcow2", image);
    }

    [QemuFact]
    public void ConcurrentWriters_LoseNothing()
    {
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", image, "16M");
        var model = new byte[16 << 20];
        using (var disk = Open(image))
        {
            const int Parts = 4;
            Parallel.For(0, Parts, new ParallelOptions { MaxDegreeOfParallelism = Parts }, part =>
            {
                var random = new Random(part);
                var slice = model.Length / Parts;
                var buffer = new byte[20_000];
                for (var i = 0; i < 400; i++)
                {
                    var offset = part * slice + random.Next(slice - buffer.Length);
                    random.NextBytes(buffer);
                    buffer.CopyTo(model, offset);
                    Assert.Equal(DiskStatus.Ok, disk.Write((ulong)offset, buffer));
                    Assert.Equal(DiskStatus.Ok, i % 50 == 0 ? disk.Flush() : DiskStatus.Ok);
                }
            });
            AssertSame(model, ReadAll(disk), "after all writers");
        }

        QemuImg.AssertClean("qcow2", image);
        QemuImg.AssertHolds("qcow2", image, model);
    }
}
