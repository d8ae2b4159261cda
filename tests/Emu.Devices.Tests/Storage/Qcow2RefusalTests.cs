// What qcow2 images may ask for and do not get: one line that says why.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Storage;

namespace Emu.Devices.Tests.Storage;

/// <summary>Refused features and flags.</summary>
public sealed class Qcow2RefusalTests : StorageTest
{
    private const int Incompatible = 72;
    private const int Autoclear = 88;

    [QemuTheory]
    [InlineData("extended_l2=on", "extended L2 entries")]
    [InlineData("data_file=other.raw", "keeps its data in another file")]
    public void Feature_IsRefused(string option, string reason)
    {
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", "-o", option.Replace("other", PathOf("other"), StringComparison.Ordinal), image, "1M");
        AssertRefused(reason, () => Open(image));
        AssertRefused(reason, () => Open(image, readOnly: true));
    }

    [QemuFact]
    public void Encryption_IsRefused()
    {
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", image, "1M");
        var bytes = File.ReadAllBytes(image);
        bytes[35] = 2; // crypt_method: LUKS
        File.WriteAllBytes(image, bytes);
        AssertRefused("encrypted", () => Open(image));
    }

    [QemuFact]
    public void BackingFile_NeedsTheOption()
    {
        File.WriteAllBytes(PathOf("base.raw"), new byte[1 << 20]);
        QemuImg.Run("create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", PathOf("top.qcow2"));
        AssertRefused("backing_files=on", () => Open(PathOf("top.qcow2")));
        Open(PathOf("top.qcow2"), backing: true).Dispose();
        File.Delete(PathOf("base.raw"));
        AssertRefused("base.raw", () => Open(PathOf("top.qcow2"), backing: true));
    }

    [QemuFact]
    public void BackingLoop_IsRefused()
    {
        QemuImg.Run("create", "-q", "-f", "qcow2", PathOf("a.qcow2"), "1M");
        QemuImg.Run("create", "-q", "-f", "qcow2", "-b", "a.qcow2", "-F", "qcow2", PathOf("b.qcow2"));
        QemuImg.Run("rebase", "-u", "-b", "b.qcow2", "-F", "qcow2", PathOf("a.qcow2"));
        AssertRefused("loop", () => Open(PathOf("a.qcow2"), readOnly: true, backing: true));
        QemuImg.Run("rebase", "-u", "-b", "a.qcow2", "-F", "qcow2", PathOf("a.qcow2"));
        AssertRefused("", () => Open(PathOf("a.qcow2"), backing: true));
    }

    [QemuTheory]
    [InlineData("nbd://localhost/x")]
    [InlineData("json:{\"driver\":\"null-co\"}")]
    public void BackingThatIsNoFile_IsRefused(string name)
    {
        QemuImg.Run("create", "-q", "-u", "-f", "qcow2", "-b", name, "-F", "raw", PathOf("a.qcow2"), "1M");
        AssertRefused("only local files", () => Open(PathOf("a.qcow2"), backing: true));
    }

    [QemuTheory]
    [InlineData(1ul, "stale")]
    [InlineData(2ul, "corrupt")]
    public void DirtyOrCorruptImage_IsOpenedForReadingOnly(ulong flag, string reason)
    {
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", image, "1M");
        QemuImg.Io("qcow2", image, "write -P 5 0 4k");
        Patch(image, Incompatible, flag);
        AssertRefused(reason, () => Open(image));
        using var disk = Open(image, readOnly: true);
        Assert.Equal(5, ReadAll(disk)[100]);
    }

    [QemuFact]
    public void UnknownFeature_IsRefusedAndAutoclearBitsAreClearedByTheFirstWrite()
    {
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", image, "1M");
        Patch(image, Autoclear, 1UL << 40);
        Open(image).Dispose();
        Assert.Equal(1UL << 40, Header(image, Autoclear));
        using (var disk = Open(image))
        {
            Assert.Equal(DiskStatus.Ok, disk.Write(0, new byte[512]));
            Assert.Equal(0UL, Header(image, Autoclear));
        }

        Patch(image, Incompatible, 1UL << 40);
        AssertRefused("not known", () => Open(image));
    }

    [QemuFact]
    public void Bitmaps_AreRefusedForWriting()
    {
        var image = PathOf("disk.qcow2");
        QemuImg.Run("create", "-q", "-f", "qcow2", image, "1M");
        QemuImg.Run("bitmap", "--add", image, "b0");
        AssertRefused("bitmap", () => Open(image));
        Open(image, readOnly: true).Dispose();
    }

    private static void AssertRefused(string reason, Func<IDiskImage> open)
    {
        var message = Assert.Throws<EmuException>(open).Message;
        Assert.Contains(reason, message);
        Assert.DoesNotContain('\n', message);
    }

    private static void Patch(string image, int offset, ulong value)
    {
        var bytes = File.ReadAllBytes(image);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(offset), value);
        File.WriteAllBytes(image, bytes);
    }

    private static ulong Header(string image, int offset)
    {
        using var stream = new FileStream(image, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[104];
        stream.ReadExactly(bytes);
        return BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(offset));
    }
}
