// Overlays that Emu makes, judged by QEMU: empty ones show the backing image, written ones are clean and leave it alone.
using Emu.Core;
using Emu.Devices.Storage.Qcow2;

namespace Emu.Devices.Tests.Storage;

/// <summary>Overlays on raw and qcow2 images.</summary>
public sealed class Qcow2OverlayTests : StorageTest
{
    [QemuTheory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public void Overlay_ShowsItsBase_AndTakesWhatIsWritten(string format)
    {
        var model = Pattern((3 << 20) + 512, seed: 5);
        var raw = PathOf("base.raw");
        var based = PathOf("base");
        File.WriteAllBytes(raw, model);
        QemuImg.Run("convert", "-f", "raw", "-O", format, raw, based);
        var before = File.ReadAllBytes(based);
        var overlay = PathOf("overlay");
        File.WriteAllBytes(overlay, Qcow2Overlay.Create(based, format, (ulong)model.Length));
        QemuImg.AssertClean("qcow2", overlay);
        QemuImg.AssertHolds("qcow2", overlay, model);
        using (var disk = Open(overlay, backing: true))
        {
            AssertSame(model, ReadAll(disk), "the empty overlay");
            Work(disk, model, seed: 6, operations: 200, largest: 300_000);
        }

        QemuImg.AssertClean("qcow2", overlay);
        QemuImg.AssertHolds("qcow2", overlay, model);
        Assert.Equal(before, File.ReadAllBytes(based));
    }

    [QemuTheory]
    [InlineData(512UL)]
    [InlineData((8UL << 40) + 512)]
    public void Overlay_OfAnySize_IsWhole(ulong size)
    {
        var based = PathOf("base.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", based, $"{size}");
        var overlay = PathOf("overlay");
        File.WriteAllBytes(overlay, Qcow2Overlay.Create("base.qcow2", "qcow2", size));
        QemuImg.AssertClean("qcow2", overlay);
        using var disk = Open(overlay, backing: true);
        Assert.Equal(size, disk.Capacity);
    }

    [Fact]
    public void Overlay_ThatCannotBe_IsRefused()
    {
        Assert.Throws<EmuException>(() => Qcow2Overlay.Create("base", "raw", 511));
        Assert.Throws<EmuException>(() => Qcow2Overlay.Create("base", "raw", 1UL << 60));
        Assert.Throws<EmuException>(() => Qcow2Overlay.Create(new string('x', 1024), "raw", 512));
        Assert.Throws<EmuException>(() => Qcow2Overlay.Create("", "raw", 512));
    }
}
