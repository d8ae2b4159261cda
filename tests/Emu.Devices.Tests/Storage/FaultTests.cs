// Host failures under an image: they reach the device as a status, and the image stays whole.
using System.Diagnostics;
using Emu.Core;
using Emu.Devices.Storage;

namespace Emu.Devices.Tests.Storage;

/// <summary>Disk full, I/O errors and loss of power.</summary>
public sealed class FaultTests : StorageTest
{
    private const int Capacity = 2 << 20;

    [QemuTheory]
    [InlineData("cluster_size=4096", DiskStatus.IoError)]
    [InlineData("cluster_size=65536", DiskStatus.NoSpace)]
    public void EveryChangeThatFails_LeavesTheLastFlushOrMore(string features, DiskStatus fault)
    {
        var empty = Create("qcow2", features);
        for (var changes = 0; changes < 260; changes += 3)
        {
            var file = new FaultyFile([.. empty]) { ChangesLeft = changes, Fault = fault };
            using (var disk = DiskImage.Open(file, new DiskImageOptions()))
            {
                var flushed = Fill(disk, changes, fault);
                AssertFlushed(file.Content, flushed, $"failing after {changes}");
                AssertCleanBytes(file.Content);

                // The host recovers: what failed can be done again, and the image is whole.
                file.ChangesLeft = int.MaxValue;
                Assert.Equal(DiskStatus.Ok, disk.Write(0, new byte[100_000]));
                Assert.Equal(DiskStatus.Ok, disk.Flush());
                AssertCleanBytes(file.Content);
            }
        }
    }

    [QemuTheory]
    [InlineData("qcow2", "cluster_size=4096")]
    [InlineData("qcow2", "cluster_size=65536")]
    [InlineData("vhdx", "block_size=1048576")]
    public void PowerLoss_WithAnyOrderOfArrival_LeavesTheLastFlush(string format, string features)
    {
        var empty = Create(format, features);
        for (var changes = 10; changes < 300; changes += 7)
        {
            var file = new FaultyFile([.. empty]) { ChangesLeft = changes };
            var disk = DiskImage.Open(file, new DiskImageOptions());
            var flushed = Fill(disk, changes, DiskStatus.IoError);
            for (var order = 0; order < 4; order++)
            {
                var survivor = file.AfterPowerLoss(new Random(order));
                AssertFlushed(survivor, flushed, $"power lost after {changes}, order {order}");
                if (format == "qcow2" && order == 0)
                {
                    AssertCleanBytes(survivor);
                }
            }
        }
    }

    [QemuFact]
    public void FullDisk_IsNoSpaceAndOtherClustersStayWritable()
    {
        var file = new FaultyFile(Create("qcow2", "cluster_size=65536")) { Limit = 1 << 20 };
        using var disk = DiskImage.Open(file, new DiskImageOptions());
        var cluster = new byte[65536];
        var at = 0ul;
        while (disk.Write(at, cluster) is var status)
        {
            if (status != DiskStatus.Ok)
            {
                Assert.Equal(DiskStatus.NoSpace, status);
                break;
            }

            at += 65536;
        }

        Assert.InRange(at, 3ul * 65536, 1ul << 20);
        Assert.Equal(DiskStatus.Ok, disk.Write(0, cluster));
        Assert.Equal(DiskStatus.NoSpace, disk.Write(at, cluster));
        Assert.Equal(DiskStatus.NoSpace, disk.Flush());
        Assert.Equal(DiskStatus.Ok, disk.Read(0, cluster));
        AssertCleanBytes(file.Content);
        file.Limit = 1 << 30;
        Assert.Equal(DiskStatus.Ok, disk.Flush());
        AssertCleanBytes(file.Content);
    }

    [QemuFact]
    public void FailingReads_AreIoErrors()
    {
        var file = new FaultyFile(Create("qcow2", "cluster_size=65536"));
        using var disk = DiskImage.Open(file, new DiskImageOptions());
        Assert.Equal(DiskStatus.Ok, disk.Write(0, new byte[4096]));
        file.FailReads = true;
        Assert.Equal(DiskStatus.IoError, disk.Read(0, new byte[4096]));
    }

    [Fact]
    public void FileSizeLimit_IsNoSpaceAndTheProcessLives()
    {
        var path = PathOf("disk.raw");
        using (var stream = File.Create(path))
        {
            stream.SetLength(1 << 20);
        }

        using var child = Process.Start(new ProcessStartInfo(CrashWriter.DotnetPath,
            ["exec", typeof(CrashWriter).Assembly.Location, "write-end", path])
        { RedirectStandardOutput = true })!;
        var text = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        Assert.Equal((0, "NoSpace"), (child.ExitCode, text.Trim()));
    }

    private byte[] Create(string format, string features)
    {
        var path = PathOf("empty");
        QemuImg.Run("create", "-q", "-f", format, "-o", features, path, $"{Capacity}");
        return File.ReadAllBytes(path);
    }

    /// <summary>Writes until something fails; the value of every block at the last flush that succeeded, and the blocks changed since.</summary>
    private static (byte[] Blocks, HashSet<int> Changed) Fill(IDiskImage disk, int seed, DiskStatus fault)
    {
        var random = new Random(seed);
        var now = new byte[Capacity / 4096];
        var flushed = new byte[now.Length];
        var changed = new HashSet<int>();
        var block = new byte[4096];
        for (var i = 1; i < 200; i++)
        {
            var at = random.Next(now.Length);
            changed.Add(at);
            block.AsSpan().Fill((byte)i);
            var status = disk.Write((ulong)at * 4096, block);
            if (status == DiskStatus.Ok)
            {
                now[at] = (byte)i;
                if (i % 5 != 0)
                {
                    continue;
                }

                status = disk.Flush();
                if (status == DiskStatus.Ok)
                {
                    now.CopyTo(flushed, 0);
                    changed.Clear();
                    continue;
                }
            }

            Assert.Equal(fault, status);
            break;
        }

        return (flushed, changed);
    }

    private static void AssertFlushed(byte[] content, (byte[] Blocks, HashSet<int> Changed) flushed, string what)
    {
        using var disk = DiskImage.Open(new FaultyFile(content), new DiskImageOptions());
        var bytes = ReadAll(disk);
        for (var i = 0; i < flushed.Blocks.Length; i++)
        {
            Assert.True(flushed.Changed.Contains(i) || !bytes.AsSpan(i * 4096, 4096).ContainsAnyExcept(flushed.Blocks[i]), $"{what}: block {i}");
        }
    }

    private void AssertCleanBytes(byte[] content)
    {
        var path = PathOf("now.qcow2");
        File.WriteAllBytes(path, content);
        QemuImg.AssertClean("qcow2", path);
    }
}
