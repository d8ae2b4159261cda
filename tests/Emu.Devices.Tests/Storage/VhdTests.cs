// VHD and VHDX against QEMU.
using Emu.Core;
using Emu.Devices.Storage;

namespace Emu.Devices.Tests.Storage;

/// <summary>VHD (fixed) and VHDX (fixed and dynamic).</summary>
public sealed class VhdTests : StorageTest
{
    [QemuFact]
    public void FixedVhd_IsReadAndWritten()
    {
        var image = PathOf("disk.vhd");
        var model = Pattern(4 << 20, seed: 3);
        File.WriteAllBytes(PathOf("raw"), model);
        QemuImg.Run("convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size", PathOf("raw"), image);
        using (var disk = Open(image))
        {
            Assert.Equal("vhd", disk.Format);
            Assert.Equal((ulong)model.Length, disk.Capacity);
            AssertSame(model, ReadAll(disk), "as converted");
            Work(disk, model, seed: 1, operations: 200, largest: 1 << 18);
            Assert.Equal(DiskStatus.IoError, disk.Write(disk.Capacity, new byte[512]));
        }

        QemuImg.AssertHolds("vpc", image, model);
    }

    [QemuFact]
    public void DynamicVhd_IsRefusedByName()
    {
        QemuImg.Run("create", "-q", "-f", "vpc", PathOf("disk.vhd"), "4M");
        Assert.Contains("dynamic VHD", Assert.Throws<EmuException>(() => Open(PathOf("disk.vhd"))).Message);
    }

    [Fact]
    public void VhdWithBrokenFooter_IsRefused()
    {
        File.WriteAllBytes(PathOf("disk.vhd"), new byte[4096]);
        Assert.Contains("footer", Assert.Throws<EmuException>(() => Open(PathOf("disk.vhd"), type: DiskImageType.Vhd)).Message);
    }

    [QemuTheory]
    [InlineData("subformat=dynamic,block_size=1048576", 20)]
    [InlineData("subformat=dynamic", 40)]
    [InlineData("subformat=fixed,block_size=2097152", 8)]
    [InlineData("subformat=dynamic,block_size=33554432,log_size=2097152", 40)]
    public void Vhdx_RandomWork_QemuReadsAlike(string features, int megabytes)
    {
        var image = PathOf("disk.vhdx");
        QemuImg.Run("create", "-q", "-f", "vhdx", "-o", features, image, $"{megabytes}M");
        var model = new byte[megabytes << 20];
        for (var turn = 0; turn < 2; turn++)
        {
            using (var disk = Open(image))
            {
                Assert.Equal("vhdx", disk.Format);
                Work(disk, model, seed: turn, operations: 250, largest: 1 << 20);
                AssertSame(model, ReadAll(disk), "after work");
            }

            QemuImg.AssertClean("vhdx", image);
            QemuImg.AssertHolds("vhdx", image, model);
            QemuImg.Io("vhdx", image, $"write -P {turn + 5} {(turn * 3) + 1}M 700k");
            model.AsSpan(((turn * 3) + 1) << 20, 700 << 10).Fill((byte)(turn + 5));
            using (var disk = Open(image, readOnly: true))
            {
                AssertSame(model, ReadAll(disk), "after QEMU's turn");
            }
        }
    }

    [QemuFact]
    public void Vhdx_ManyBlocks_WrapTheLog()
    {
        // 600 flushes that each log a sector of the block table, through a log of 1 MiB.
        var image = PathOf("disk.vhdx");
        QemuImg.Run("create", "-q", "-f", "vhdx", "-o", "block_size=1048576", image, "4G");
        var sector = new byte[512];
        using (var disk = Open(image))
        {
            for (var i = 0; i < 600; i++)
            {
                sector.AsSpan().Fill((byte)(i % 250 + 1));
                Assert.Equal(DiskStatus.Ok, disk.Write((ulong)i * 6 << 20, sector));
                Assert.Equal(DiskStatus.Ok, disk.Flush());
            }
        }

        QemuImg.AssertClean("vhdx", image);
        using (var disk = Open(image, readOnly: true))
        {
            for (var i = 0; i < 600; i++)
            {
                Assert.Equal(DiskStatus.Ok, disk.Read((ulong)i * 6 << 20, sector));
                Assert.All(sector, b => Assert.Equal((byte)(i % 250 + 1), b));
            }
        }
    }
}
