// Bad usage and bad input on the real command: one line on standard error, status 2, no stack trace.
using System.Text;

namespace Emu.Cli.Tests;

public sealed class BadInputTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-cli-test-");
    private readonly string image;

    public BadInputTests()
    {
        var bytes = new byte[4096];
        bytes[17] = 0x20;
        Encoding.ASCII.GetBytes("ARMd").CopyTo(bytes, 56);
        image = Path.Combine(directory.FullName, "Image");
        File.WriteAllBytes(image, bytes);
    }

    public static TheoryData<string, string> Lines => new()
    {
        { "", "see emu --help" },
        { "frobnicate", "unknown command or option 'frobnicate'; see emu --help" },
        { "run", "--kernel is missing" },
        { "run --frob", "unknown command or option '--frob'; see emu run --help" },
        { "run --kernel", "'--kernel'; see emu run --help" },
        { "run --kernel a --kernel b", "'--kernel'" },
        { "run --kernel IMAGE extra", "unknown command or option 'extra'" },
        { "run --kernel DIR/none", "no such file" },
        { "run --kernel DIR", "is a directory; give a file" },
        { "run --kernel DIR/text", "is not a kernel" },
        { "run --kernel DIR/bzImage --arch arm64", "is an x86 kernel; this version runs arm64 guests: give an arm64 Image" },
        { "run --kernel IMAGE --arch x86_64", "--arch x86_64 is not supported in this version" },
        { "run --kernel IMAGE --arch mips", "--arch 'mips' is unknown" },
        { "run --kernel IMAGE --engine kvm", "--engine 'kvm' is unknown; expected auto, interpreter or jit" },
        { "run --kernel IMAGE --jit-block-threshold 1500", "--jit-block-threshold: 1500 is not below --jit-threshold, which is 1500" },
        { "run --kernel IMAGE --initramfs DIR/none", "--initramfs" },
        { "run --kernel IMAGE --initramfs DIR/big --memory size=8M", "--memory size=8M is too small: --kernel and --initramfs" },
        { "run --kernel DIR/huge --memory size=8M", "--memory size=8M is too small: --kernel" },
        { "run --firmware DIR/none", "--firmware" },
        { "run --firmware DIR/text --nvram DIR/vars", "--nvram does nothing for" },
        { "run --firmware DIR/text --firmware-kind aavmf --nvram DIR/text", "bytes long; give a copy of AAVMF_VARS.fd, or a file that does not exist yet" },
        { "run --firmware DIR/text --firmware-kind aavmf --nvram DIR", "is a directory; give a file" },
        { "run --firmware DIR/text --firmware-kind aavmf --nvram DIR/none/vars", "cannot be made" },
        { "run --firmware DIR/text --firmware-kind aavmf --kernel IMAGE", "has no EFI stub" },
        { "run --firmware DIR/text --firmware-kind ovmf", "--firmware-kind 'ovmf' is unknown; expected auto, aavmf or cloudhv" },
        { "run --kernel IMAGE --nvram DIR/vars", "--nvram goes with --firmware" },
        { "bisect --kernel IMAGE --disk path=DIR/big", "/big: emu bisect runs the guest many times, two at once, and each must find the same; add readonly=on" },
        { "bisect --kernel IMAGE --pmem file=DIR/big", "/big: emu bisect runs the guest many times, two at once, and each must find the same; add discard_writes=on" },
        { "bisect --firmware DIR/text --nvram DIR/vars", "each must find the same; leave it out, every run then begins with new variables" },
        { "run --kernel IMAGE --cpus 4", "'4' is not key=value; expected boot=, max=" },
        { "run --kernel IMAGE --cpus boot=33", "from 1 to 32" },
        { "run --kernel IMAGE --memory size=1.5G", "is not a size" },
        { "run --kernel IMAGE --serial pty", "expected tty, file=PATH, null, off or socket=PATH" },
        { "run --kernel IMAGE --serial file=DIR/none/x", "cannot be written" },
        { "run --kernel IMAGE --stats-json DIR/none/x", "--stats-json" },
        { "run --kernel IMAGE --time-limit soon", "--time-limit: 'soon' is not a number of seconds" },
        { "run --kernel IMAGE --stop-at -5", "--stop-at" },
        { "run --kernel IMAGE --stop-at 5 --cpus boot=2", "is exact only with --deterministic" },
        { "run --kernel IMAGE --deterministic=x", "--deterministic: 'x' is not a whole number" },
        { "run --kernel IMAGE --cmdline LONG", "--cmdline is 2049 bytes long; a kernel takes at most 2048" },
        { "run --kernel IMAGE --cpu cortex-a72", "'cortex-a72' is unknown; expected max" },
        { "run --kernel IMAGE --cpu max,-lse3", "there is no feature 'lse3'; there is advsimd, aes," },
        { "run --kernel IMAGE --cpu max,-sha512", "sha3 needs sha512; take it away too: --cpu max,-sha512,-sha3" },
        { "run --kernel IMAGE --cpu max,sve", "sve is not implemented in this version" },
        { "run --kernel IMAGE --cpu max,-pauth,pauth-qarma5", "pauth-qarma5 needs pauth" },
        { "run --kernel IMAGE --trace DIR/none/x", "--trace" },
        { "run --kernel IMAGE --trace-from 5", "need --trace FILE" },
        { "run --kernel IMAGE --trace DIR/t --trace-count none", "--trace-count: 'none' is not a whole number" },
        { "run --kernel IMAGE --trace DIR/t --cpus boot=2", "needs --deterministic" },
        { "isa mips", "--arch 'mips' is unknown" },
        { "isa arm64 --status done", "expected implemented, undefined or not-yet" },
        { "boot", "'boot'; see emu boot --help" },
        { "boot nobody", "there is no guest 'nobody'; there is broken, failing, silent" },
        { "boot broken", "ended with status 7" },
        { "boot failing", "emu: install apt" },
        { "boot silent", "the script of guest 'silent' named no kernel" },
        { "boot ../guests/broken", "there is no guest '../guests/broken'" },
        { "boot --deterministic nobody", "there is no guest 'nobody'" },
        { "boot broken --cpus 4", "'4' is not key=value" },
        { "boot broken --exec EMPTY", "--exec: the command is empty" },
        { "boot broken --exec true --serial null", "leave --serial out" },
    };

    public void Dispose() => directory.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Lines))]
    public void BadInput_GivesOneLineAndStatusTwo(string line, string message)
    {
        var result = EmuProcess.Run(directory.FullName, Arguments(line));
        Assert.Equal(2, result.Status);
        Assert.Equal("", result.Output);
        var error = Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("emu: ", error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    private string[] Arguments(string line)
    {
        var guests = Directory.CreateDirectory(Path.Combine(directory.FullName, "testroms", "guests")).FullName;
        Script(Path.Combine(guests, "broken"), "exit 7");
        Script(Path.Combine(guests, "failing"), "echo emu: install apt >&2; exit 2");
        Script(Path.Combine(guests, "silent"), "exit 0");
        File.WriteAllText(Path.Combine(guests, "lib.sh"), "");
        File.WriteAllText(Path.Combine(directory.FullName, "text"), "hello");
        File.WriteAllBytes(Path.Combine(directory.FullName, "big"), new byte[5 << 20]);
        var bzImage = new byte[1024];
        bzImage[0x1FE] = 0x55;
        bzImage[0x1FF] = 0xAA;
        Encoding.ASCII.GetBytes("HdrS").CopyTo(bzImage, 0x202);
        File.WriteAllBytes(Path.Combine(directory.FullName, "bzImage"), bzImage);
        var huge = File.ReadAllBytes(image);
        huge[18] = 0xFF;
        File.WriteAllBytes(Path.Combine(directory.FullName, "huge"), huge);
        return [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => word switch
        {
            "IMAGE" => image,
            "LONG" => new string('x', 2049),
            "EMPTY" => "",
            _ => word.Replace("DIR", directory.FullName, StringComparison.Ordinal),
        })];
    }

    private static void Script(string path, string body)
    {
        File.WriteAllText(path, $"#!/bin/sh\n{body}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
