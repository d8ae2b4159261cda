// Disks under a real guest: Debian's kernel and its file systems, emu killed in the middle of writes, and QEMU's tools as the judge of the images.
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Emu.Cli.Tests;

public sealed class DiskTests : IDisposable
{
    /// <summary>Its kernel has modules for virtio and ext4.</summary>
    private const string Guest = "debian-arm64-full";

    private const string LoadDrivers = "modprobe virtio_pci && modprobe virtio_blk && modprobe ext4 || exit 9; ";
    private const string FileSystems = """
        for d in vda vdb; do
          mke2fs /dev/$d >/dev/null 2>&1; mkdir -p /m/$d; mount -t ext4 -o discard /dev/$d /m/$d || exit 1
          dd if=/dev/urandom of=/m/$d/gone bs=64k count=60 2>/dev/null
          dd if=/dev/urandom of=/m/$d/kept bs=61k count=60 2>/dev/null
          dd if=/dev/urandom of=/m/$d/kept bs=512 count=9 seek=77 conv=notrunc,fsync 2>/dev/null
          rm /m/$d/gone
        done
        sync; cat /m/*/kept | md5sum; echo 3 >/proc/sys/vm/drop_caches; cat /m/*/kept | md5sum
        fstrim /m/vda && fstrim /m/vdb && umount /m/vda /m/vdb
        """;

    private readonly string directory = Directory.CreateTempSubdirectory("emu-disk-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void Ext4_OnRawAndQcow2_ReadsBackWhatTheGuestWrote_AndTheImagesAreClean()
    {
        var (raw, qcow2) = (Create("raw"), Create("qcow2"));
        var result = EmuProcess.Run(DebianGuest.Root, "boot", Guest, "--exec", LoadDrivers + "cat /sys/block/vda/serial; " + FileSystems,
            "--disk", $"path={raw},image_type=raw,serial=EMU", "--disk", $"path={qcow2},num_queues=2", "--cpus", "boot=2");
        Assert.Equal((0, ""), (result.Status, result.Error));
        var lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.Equal("EMU" + lines[1], lines[0]);
        foreach (var image in new[] { raw, Converted("qcow2", qcow2) })
        {
            const int Ext2Magic = 0xEF53, MagicOffset = 1024 + 56;
            Assert.Equal(Ext2Magic, BitConverter.ToUInt16(File.ReadAllBytes(image), MagicOffset));
        }

        // Both file systems were trimmed: what was deleted takes no space.
        Assert.InRange(new FileInfo(qcow2).Length, 3 << 20, 12 << 20);
    }

    [Theory]
    [InlineData("qcow2", 3)]
    [InlineData("qcow2", 60)]
    [InlineData("vhdx", 60)]
    [InlineData("fixedvhd", 60)]
    [InlineData("raw", 60)]
    public void KilledEmu_LeavesACleanImage_ThatHoldsEverythingFlushed(string type, int writes)
    {
        const int Block = 20 << 10, Blocks = 1200, Step = 791;
        var image = Create(type);
        var command = LoadDrivers + $"i=0; while true; do i=$((i+1)); yes $i. | dd of=/dev/vda bs={Block} count=1 iflag=fullblock "
            + $"seek=$((i*{Step}%{Blocks})) conv=notrunc,fsync 2>/dev/null; echo done $i; done";
        var flushed = KillAfter(writes, "boot", Guest, "--exec", command, "--disk", $"path={image},image_type={type}");
        var disk = File.ReadAllBytes(Converted(type, image));

        // A guest that got far before it was killed has begun again at the first blocks: those are not looked at, whatever is on them.
        for (var i = Math.Max(1, flushed - (Blocks / 2)); i <= flushed; i++)
        {
            var expected = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"{i}.\n", Block))).AsSpan(0, Block);
            Assert.True(disk.AsSpan(i * Step % Blocks * Block, Block).SequenceEqual(expected), $"write {i} of {flushed} is gone");
        }
    }

    /// <summary>A new disk of 64 MiB.</summary>
    private string Create(string type)
    {
        var image = Path.Combine(directory, $"disk.{type}");
        string[] options = type switch
        {
            "qcow2" => ["-f", "qcow2", "-o", "cluster_size=16384"],
            "vhdx" => ["-f", "vhdx", "-o", "block_size=1048576"],
            "fixedvhd" => ["-f", "vpc", "-o", "subformat=fixed,force_size=on"],
            _ => ["-f", "raw"],
        };
        QemuImg(["create", "-q", .. options, image, "64M"]);
        return image;
    }

    /// <summary>The content, once QEMU's tool has found the image in order. It has no check for VHD and raw, which have nothing to get out of order.</summary>
    private string Converted(string type, string image)
    {
        if (type == "vhdx")
        {
            // The log that a writer leaves is a part of the format: QEMU replays it, and finds nothing else to repair.
            QemuImg("check", "-q", "-r", "all", image);
        }

        if (type is "qcow2" or "vhdx")
        {
            AssertClean(image);
        }

        var copy = Path.Combine(directory, "copy.raw");
        QemuImg("convert", "-f", type == "fixedvhd" ? "vpc" : type, "-O", "raw", image, copy);
        return copy;
    }

    /// <summary>Kills emu, as kill -9 does, when the guest has said that so many writes are durable; returns how many it said in the end.</summary>
    private static int KillAfter(int writes, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [EmuProcess.Program, .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["EMU_ROOT"] = DebianGuest.Root;
        using var process = new RunningTool { StartInfo = start };
        process.Start();
        process.StandardInput.Close();
        var flushed = 0;
        while (flushed < writes)
        {
            flushed = Number(process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the guest ended"));
        }

        process.Kill();
        var rest = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var whole = rest[..(rest.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return whole.Length == 0 ? flushed : Number(whole[^1]);

        static int Number(string line) => int.Parse(line["done ".Length..], CultureInfo.InvariantCulture);
    }

    private static void AssertClean(string image) => Assert.Contains("No errors were found on the image.", QemuImg("check", image), StringComparison.Ordinal);

    private static string QemuImg(params string[] arguments)
    {
        var result = EmuProcess.Execute("qemu-img", arguments, []);
        Assert.True(result.Status == 0, $"qemu-img {string.Join(' ', arguments)} ended with {result.Status}: {result.Output}{result.Error}");
        return result.Output;
    }
}
