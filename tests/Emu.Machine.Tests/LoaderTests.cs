// Kernels and initramfs: what is loaded where, and what every file that is none is called.
using System.Buffers.Binary;
using System.Text;
using Emu.Core;
using Emu.Machine.Boards;
using Emu.Machine.Boot;
using Emu.Machine.Options;

namespace Emu.Machine.Tests;

public sealed class LoaderTests : IDisposable
{
    private readonly TestFiles files = new();

    public static TheoryData<string> Forms => ["plain", "gzip", "zboot"];

    public void Dispose() => files.Dispose();

    [Theory]
    [MemberData(nameof(Forms))]
    public void Kernel_InEveryForm_GivesTheSameImage(string form)
    {
        var image = TestFiles.Image();
        var file = form switch
        {
            "gzip" => TestFiles.Gzip(image),
            "zboot" => TestFiles.Zboot(TestFiles.Gzip(image), "gzip"),
            _ => image,
        };
        using var kernel = KernelImage.Open(files.Write("Image", file));
        var loaded = new byte[kernel.Length];
        kernel.CopyTo(loaded);
        Assert.Equal(image, loaded);
        Assert.Equal(8192UL, kernel.MemorySize);
    }

    [Fact]
    public void Kernel_WithoutImageSize_IsLoadedAtTheOldOffset()
    {
        using var kernel = KernelImage.Open(files.Write("Image", TestFiles.Image(imageSize: 0, textOffset: 0x1234)));
        Assert.Equal(0x8_0000UL, kernel.Header.TextOffset);
        Assert.Equal(4096UL, kernel.MemorySize);
    }

    [Fact]
    public void Kernel_ThatIsMissing_IsNamed() => Rejects(files.Name("none"), "none': no such file");

    [Fact]
    public void Kernel_ThatIsADirectory_IsNamed() => Rejects(Path.GetDirectoryName(files.Name("x"))!, "is a directory");

    [Fact]
    public void Kernel_ThatIsEmpty_IsNamed() => Rejects(files.Write("empty", []), "is empty");

    [Fact]
    public void Kernel_ThatIsText_IsNoKernel() => Rejects(files.Write("text", Encoding.ASCII.GetBytes("hello")), "is not a kernel: the file has no arm64 Image header");

    [Fact]
    public void Kernel_InGzipThatIsNoImage_IsNoKernel() =>
        Rejects(files.Write("text.gz", TestFiles.Gzip(new byte[5000])), "is not a kernel: what it unpacks to has no arm64 Image header");

    [Fact]
    public void Kernel_InTruncatedGzip_IsNotAccepted()
    {
        var gzip = TestFiles.Gzip(TestFiles.Image(100_000));
        Rejects(files.Write("Image.gz", gzip[..20]), "--kernel");
        gzip[0x40] ^= 0xFF;
        gzip[0x41] ^= 0xFF;
        Rejects(files.Write("Image2.gz", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0xFF, 0xFF, 0xFF]), "is damaged: its gzip data does not unpack");
    }

    [Fact]
    public void Kernel_X86BzImage_IsCalledX86()
    {
        var file = new byte[2048];
        Encoding.ASCII.GetBytes("MZ").CopyTo(file, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(0x1FE), 0xAA55);
        Encoding.ASCII.GetBytes("HdrS").CopyTo(file, 0x202);
        Rejects(files.Write("bzImage", file), "is an x86 kernel; this version runs arm64 guests");
    }

    [Theory]
    [InlineData(62, "is an x86 kernel")]
    [InlineData(3, "is an x86 kernel")]
    [InlineData(183, "is an ELF file; give the arm64 Image made from it")]
    public void Kernel_Elf_IsToldApartByMachine(byte machine, string message)
    {
        var file = new byte[100];
        Encoding.ASCII.GetBytes("\u007fELF").CopyTo(file, 0);
        file[18] = machine;
        Rejects(files.Write("vmlinux", file), message);
    }

    [Theory]
    [InlineData("zstd22", "compressed with zstd22; only gzip is supported")]
    [InlineData("\u001b[1m", "compressed with an unknown method")]
    [InlineData("", "compressed with an unknown method")]
    public void Kernel_ZbootInAnotherCompression_IsNamed(string compression, string message) =>
        Rejects(files.Write("vmlinuz", TestFiles.Zboot([1, 2, 3], compression)), message);

    [Fact]
    public void Kernel_ZbootWithPayloadOutsideTheFile_IsDamaged()
    {
        var file = TestFiles.Zboot(TestFiles.Gzip(TestFiles.Image()), "gzip");
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(12), uint.MaxValue);
        Rejects(files.Write("vmlinuz", file), "is damaged: it names bytes it does not have");
    }

    [Fact]
    public void Kernel_BigEndian_IsRejected() => Rejects(files.Write("Image", TestFiles.Image(flags: 1)), "is a big-endian arm64 kernel");

    [Fact]
    public void Kernel_WithAbsurdSizes_IsDamaged()
    {
        Rejects(files.Write("Image", TestFiles.Image(imageSize: ulong.MaxValue)), "is damaged");
        Rejects(files.Write("Image", TestFiles.Image(textOffset: ulong.MaxValue - 5)), "is damaged");
    }

    [Fact]
    public void Plan_PutsTheInitramfsInTheLastPagesOfLowRam()
    {
        var plan = BootPlan.Create("k", 0, 32 << 20, "i", 5000, 512UL << 20);
        Assert.Equal(new MemoryRange(0x4040_0000, 32 << 20), plan.Kernel);
        Assert.Equal(new MemoryRange(0x5FFF_E000, 5000), plan.Initramfs);
        Assert.Equal(0xFBFF_E000UL, BootPlan.Create("k", 0, 32 << 20, "i", 5000, 8UL << 30).Initramfs!.Value.Start);
    }

    [Theory]
    [InlineData(8, 4, 0, null)]
    [InlineData(8, 5, 0, "--memory size=8M is too small: --kernel 'k' needs at least size=9M")]
    [InlineData(64, 50, 10, null)]
    [InlineData(64, 50, 11, "--memory size=64M is too small: --kernel and --initramfs 'i' need at least size=65M")]
    [InlineData(64, 4000, 0, "--kernel 'k' needs 4000M of RAM; at most 3004M can be had")]
    [InlineData(8192, 100, 2905, "--initramfs 'i' is 2905M long; at most 2904M fit beside this kernel")]
    public void Plan_ChecksRam(ulong ram, ulong kernel, ulong initramfs, string? message)
    {
        void Create() => BootPlan.Create("k", 0, kernel << 20, "i", initramfs << 20, ram << 20);
        if (message is null)
        {
            Create();
        }
        else
        {
            Assert.Equal(message, Assert.Throws<EmuException>(Create).Message);
        }
    }

    [Fact]
    public void CommandLine_LongerThanTheKernelTakes_IsRejected()
    {
        var kernel = files.Write("Image", TestFiles.Image());
        using (new ImageLoader(new MachineOptions { Kernel = kernel, CommandLine = new string('x', 2048) }))
        {
        }

        OptionTests.Rejects(
            () => _ = new ImageLoader(new MachineOptions { Kernel = kernel, CommandLine = new string('x', 2049) }), "--cmdline", "2049 bytes long; a kernel takes at most 2048");
    }

    [Fact]
    public void Initramfs_ThatIsMissing_IsNamed() => OptionTests.Rejects(
        () => _ = new ImageLoader(new MachineOptions { Kernel = files.Write("Image", TestFiles.Image()), Initramfs = files.Name("none") }), "--initramfs", "no such file");

    private static void Rejects(string path, string message) => OptionTests.Rejects(() => KernelImage.Open(path), "--kernel", message);
}
