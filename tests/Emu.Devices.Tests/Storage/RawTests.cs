// Raw images, the host file layer, detection and locks.
using Emu.Core;
using Emu.Devices.Storage;

namespace Emu.Devices.Tests.Storage;

/// <summary>Raw images and what all formats share.</summary>
public sealed class RawTests : StorageTest
{
    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void RandomWork_ChangesTheFileLikeTheModel(bool direct, bool sparse)
    {
        var path = PathOf("disk.raw");
        var model = Pattern((3 << 20) + 512, seed: 4);
        File.WriteAllBytes(path, model);
        IDiskImage disk;
        try
        {
            disk = Open(path, direct: direct, sparse: sparse);
        }
        catch (EmuException e) when (direct && e.Message.Contains("without direct I/O", StringComparison.Ordinal))
        {
            return; // The host's temporary directory is on a file system such as tmpfs.
        }

        using (disk)
        {
            Assert.Equal("raw", disk.Format);
            Assert.Equal(sparse, disk.SupportsDiscard);
            Work(disk, model, seed: 8, operations: 400, largest: 1 << 20);
            AssertSame(model, ReadAll(disk), "after work");
        }

        AssertSame(model, File.ReadAllBytes(path), "the file");
    }

    [Fact]
    public void OddLength_IsRoundedUpToASectorOfZeroes()
    {
        var path = PathOf("disk.raw");
        File.WriteAllBytes(path, [.. Enumerable.Repeat((byte)9, 700)]);
        using var disk = Open(path);
        Assert.Equal(1024ul, disk.Capacity);
        var bytes = ReadAll(disk);
        Assert.Equal(9, bytes[699]);
        Assert.Equal(0, bytes[700]);
        Assert.Equal(DiskStatus.Ok, disk.Write(512, new byte[512]));
    }

    [Fact]
    public void Discard_PunchesAHole()
    {
        var path = PathOf("disk.raw");
        File.WriteAllBytes(path, [.. Enumerable.Repeat((byte)9, 8 << 20)]);
        using (var disk = Open(path))
        {
            Assert.Equal(DiskStatus.Ok, disk.Discard(4096, (8 << 20) - 4096));
            Assert.Equal(DiskStatus.Ok, disk.Flush());
        }

        Assert.Equal(8 << 20, new FileInfo(path).Length);
        Assert.True(int.Parse(QemuImg.Try("du", "--block-size=1K", path).Text.Split('\t')[0]) < 64);
    }

    [Fact]
    public void OutOfRange_IsAnIoErrorAndTouchesNothing()
    {
        var path = PathOf("disk.raw");
        File.WriteAllBytes(path, new byte[4096]);
        using (var disk = Open(path))
        {
            var bytes = new byte[1024];
            foreach (var offset in (ulong[])[4096 - 512, 4096, ulong.MaxValue, ulong.MaxValue - 1023, long.MaxValue])
            {
                Assert.Equal(DiskStatus.IoError, disk.Read(offset, bytes));
                Assert.Equal(DiskStatus.IoError, disk.Write(offset, bytes));
                Assert.Equal(DiskStatus.IoError, disk.Discard(offset, 1024));
                Assert.Equal(DiskStatus.IoError, disk.WriteZeroes(offset, 1024, true));
            }
        }

        Assert.Equal(4096, new FileInfo(path).Length);
    }

    [Fact]
    public void ReadOnly_RefusesEveryChange()
    {
        var path = PathOf("disk.raw");
        File.WriteAllBytes(path, Pattern(8192, seed: 1));
        using var disk = Open(path, readOnly: true);
        Assert.True(disk.IsReadOnly);
        Assert.False(disk.SupportsDiscard);
        Assert.Equal(DiskStatus.IoError, disk.Write(0, new byte[512]));
        Assert.Equal(DiskStatus.IoError, disk.Discard(0, 4096));
        Assert.Equal(DiskStatus.IoError, disk.WriteZeroes(0, 4096, true));
        Assert.Equal(DiskStatus.Ok, disk.Flush());
    }

    [Theory]
    [InlineData("QFI\u00fb")]
    [InlineData("vhdxfile")]
    [InlineData("conectix")]
    public void DetectedRaw_CannotBeTurnedIntoAnotherFormatByTheGuest(string magic)
    {
        var path = PathOf("disk.raw");
        File.WriteAllBytes(path, new byte[1 << 20]);
        var sector = new byte[512];
        for (var i = 0; i < magic.Length; i++)
        {
            sector[i] = (byte)magic[i];
        }

        var text = new StringWriter();
        using (var disk = Open(path, log: new Log(text)))
        {
            Assert.Equal(DiskStatus.IoError, disk.Write(0, sector));
            Assert.Equal(magic == "conectix" ? DiskStatus.IoError : DiskStatus.Ok, disk.Write(disk.Capacity - 512, sector));
            Assert.Equal(DiskStatus.Ok, disk.Write(0, sector.AsSpan(0, 2)));
            Assert.Equal(DiskStatus.IoError, disk.Write(2, sector.AsSpan(2)));
        }

        Assert.Contains("image_type=raw", text.ToString());
        using (var disk = Open(path, type: DiskImageType.Raw))
        {
            Assert.Equal(DiskStatus.Ok, disk.Write(0, sector));
        }
    }

    [Fact]
    public void Locks_AllowOneWriterOrManyReaders()
    {
        var path = PathOf("disk.raw");
        File.WriteAllBytes(path, new byte[4096]);
        using (Open(path))
        {
            Assert.Contains("in use by another process", Assert.Throws<EmuException>(() => Open(path)).Message);
            Assert.Contains("another process", Assert.Throws<EmuException>(() => Open(path, readOnly: true)).Message);
        }

        using (Open(path, readOnly: true))
        {
            using (Open(path, readOnly: true))
            {
                Assert.Throws<EmuException>(() => Open(path));
            }
        }

        using (Open(path))
        {
        }
    }

    [QemuFact]
    public void Locks_HoldAgainstQemu()
    {
        var path = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", path, "1M");
        using (Open(path))
        {
            Assert.NotEqual(0, QemuImg.Try("qemu-io", "-f", "qcow2", "-c", "write 0 512", path).Status);
        }

        using (Open(path, readOnly: true))
        {
            Assert.Contains("lock", QemuImg.Try("qemu-io", "-f", "qcow2", "-c", "write 0 512", path).Text);
            QemuImg.Run("info", path);
        }
    }

    [Theory]
    [InlineData("missing", "cannot be opened")]
    [InlineData("empty", "is empty")]
    [InlineData("directory", "directory")]
    public void WhatIsNoImage_IsRefusedInOneLine(string name, string reason)
    {
        File.WriteAllBytes(PathOf("empty"), []);
        Directory.CreateDirectory(PathOf("directory"));
        var message = Assert.Throws<EmuException>(() => Open(PathOf(name), readOnly: true)).Message;
        Assert.Contains(reason, message);
        Assert.DoesNotContain('\n', message);
    }
}
