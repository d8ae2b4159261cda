// Option values: what is accepted, and that each malformed one names what is wrong and what is right.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Arm64.Translate;
using Emu.Machine.Boards;
using Emu.Machine.Boot;
using Emu.Machine.Options;

namespace Emu.Machine.Tests;

public class OptionTests
{
    [Theory]
    [InlineData("boot=1", 1, 1)]
    [InlineData("boot=4", 4, 4)]
    [InlineData("boot=2,max=8", 2, 8)]
    [InlineData("max=32,boot=32", 32, 32)]
    public void Cpus_Accepts(string text, int boot, int maximum) => Assert.Equal(new CpusOption(boot, maximum), CpusOption.Parse(text));

    [Theory]
    [InlineData("", "boot=, max=")]
    [InlineData("4", "'4' is not key=value; expected boot=, max=")]
    [InlineData("boot", "'boot' is not key=value")]
    [InlineData("boot=", "'boot' has no value")]
    [InlineData("boot=0", "'0' is not a whole number from 1 to 32")]
    [InlineData("boot=33", "'33' is not a whole number from 1 to 32")]
    [InlineData("boot=-1", "'-1' is not a whole number")]
    [InlineData("boot=+1", "'+1' is not a whole number")]
    [InlineData("boot= 1", "' 1' is not a whole number")]
    [InlineData("boot=2x", "'2x' is not a whole number")]
    [InlineData("boot=99999999999999999999999", "is not a whole number from 1 to 32")]
    [InlineData("boot=1,boot=2", "'boot' is given twice")]
    [InlineData("boot=1,", "'' is not key=value")]
    [InlineData("boot=1,cores=2", "unknown key 'cores'; expected boot=, max=")]
    [InlineData("max=2", "boot= is missing")]
    [InlineData("boot=4,max=2", "max=2 is less than boot=4")]
    public void Cpus_Rejects(string text, string message) => Rejects(() => CpusOption.Parse(text), "--cpus", message);

    [Fact]
    public void Cpu_TakesFeaturesAway()
    {
        Assert.Equal(CpuOption.Default, CpuOption.Parse("max"));
        Assert.Equal(CpuOption.Default, CpuOption.Parse("max,-sve,-mte,+lse"));
        var option = CpuOption.Parse("max,-lse,-flagm,-flagm2");
        Assert.Equal([A64Feature.LSE, A64Feature.FlagM, A64Feature.FlagM2], Enum.GetValues<A64Feature>().Where(f => CpuOption.Default.Features.Has(f) && !option.Features.Has(f)));
        Assert.Equal(PointerAuthenticationAlgorithm.Qarma5, CpuOption.Parse("max,pauth-qarma5").PointerAuthentication);
    }

    [Theory]
    [InlineData("", "'' is unknown; expected max")]
    [InlineData("max,", "there is no feature ''")]
    [InlineData("max,-LSE", "there is no feature 'LSE'")]
    [InlineData("max,-aes", "pmull needs aes; take it away too: --cpu max,-aes,-pmull")]
    [InlineData("max,-flagm", "--cpu max,-flagm,-flagm2")]
    [InlineData("max,sme", "sme is not implemented")]
    public void Cpu_Rejects(string text, string message) => Rejects(() => CpuOption.Parse(text), "--cpu", message);

    [Theory]
    [InlineData("size=512M", 512UL << 20)]
    [InlineData("size=2G", 2UL << 30)]
    [InlineData("size=2g", 2UL << 30)]
    [InlineData("size=16384K", 16UL << 20)]
    [InlineData("size=16777216", 16UL << 20)]
    public void Memory_Accepts(string text, ulong size) => Assert.Equal(size, MemoryOption.Parse(text).Size);

    [Theory]
    [InlineData("512M", "'512M' is not key=value; expected size=")]
    [InlineData("size=", "'size' has no value")]
    [InlineData("size=M", "'M' is not a size")]
    [InlineData("size=0M", "'0M' is not a size")]
    [InlineData("size=-512M", "'-512M' is not a size")]
    [InlineData("size=512MB", "'512MB' is not a size")]
    [InlineData("size=1.5G", "'1.5G' is not a size; expected a number of bytes with an optional K, M, G or T")]
    [InlineData("size=99999999999T", "'99999999999T' is not a size")]
    [InlineData("size=18446744073709551616", "is not a size")]
    [InlineData("size=16777217", "a whole number of 4K pages")]
    [InlineData("size=4M", "RAM is from 8M to 512G")]
    [InlineData("size=1T", "RAM is from 8M to 512G")]
    [InlineData("size=1G,size=1G", "'size' is given twice")]
    [InlineData("size=1G,sharing=on", "unknown key 'sharing'; expected size=")]
    public void Memory_Rejects(string text, string message) => Rejects(() => MemoryOption.Parse(text), "--memory", message);

    [Theory]
    [InlineData("tty", SerialMode.Tty, null)]
    [InlineData("null", SerialMode.Null, null)]
    [InlineData("off", SerialMode.Off, null)]
    [InlineData("file=/tmp/a,b=c", SerialMode.File, "/tmp/a,b=c")]
    [InlineData("socket=s", SerialMode.Socket, "s")]
    public void Serial_Accepts(string text, SerialMode mode, string? path) => Assert.Equal(new SerialOption(mode, path), SerialOption.Parse(text));

    [Theory]
    [InlineData("", "expected tty, file=PATH, null, off or socket=PATH")]
    [InlineData("pty", "'pty' is unknown; expected tty, file=PATH, null, off or socket=PATH")]
    [InlineData("file", "the path is missing; expected file=PATH")]
    [InlineData("file=", "the path is missing; expected file=PATH")]
    [InlineData("tty=x", "'tty' takes no value")]
    public void Serial_Rejects(string text, string message) => Rejects(() => SerialOption.Parse(text), "--serial", message);

    [Theory]
    [InlineData("30", 30_000)]
    [InlineData("2.5", 2_500)]
    [InlineData(".25", 250)]
    public void TimeLimit_Accepts(string text, int milliseconds) => Assert.Equal(milliseconds, MachineOptions.ParseTimeLimit(text).TotalMilliseconds);

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1s")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("1e3")]
    [InlineData("99999999999")]
    public void TimeLimit_Rejects(string text) =>
        Rejects(() => MachineOptions.ParseTimeLimit(text), "--time-limit", $"'{text}' is not a number of seconds above 0, such as 30 or 2.5");

    [Fact]
    public void Seed_TakesDecimalAndHexadecimal()
    {
        Assert.Equal(0UL, MachineOptions.ParseSeed("0"));
        Assert.Equal(ulong.MaxValue, MachineOptions.ParseSeed("18446744073709551615"));
        Assert.Equal(0xC0FFEEUL, MachineOptions.ParseSeed("0xC0FFEE"));
        Rejects(() => MachineOptions.ParseSeed("debian-arm64"), "--deterministic", "'debian-arm64' is not a whole number");
        Rejects(() => MachineOptions.ParseSeed("0x"), "--deterministic", "'0x' is not a whole number");
    }

    [Fact]
    public void Architecture_NamesWhatThisVersionRuns()
    {
        Assert.Equal(GuestArchitecture.Arm64, MachineOptions.ParseArchitecture("arm64"));
        Rejects(() => MachineOptions.ParseArchitecture("x86_64"), "--arch x86_64", "not supported in this version");
        Rejects(() => MachineOptions.ParseArchitecture("mips"), "--arch 'mips'", "expected arm64");
        Rejects(() => MachineOptions.ParseEngine("kvm"), "--engine 'kvm'", "expected auto, interpreter or jit");
        Rejects(() => MachineOptions.ParseStopAt("0"), "--stop-at", "at least 1");
    }

    [Fact]
    public void StopAt_OnSeveralThreadedVcpus_AsksForDeterministicMode()
    {
        var options = new MachineOptions { Kernel = "k", StopAt = 1000, Cpus = new CpusOption(2, 2) };
        Rejects(options.Validate, "--stop-at", "add it, or use --cpus boot=1");
        (options with { DeterministicSeed = 0 }).Validate();
        (options with { Cpus = CpusOption.Default }).Validate();
    }

    [Fact]
    public void Platform_CountsSegmentsAndTheirWeights()
    {
        Assert.Equal([PciApertureWeights.Equal], PlatformOption.Parse(null, []).ApertureWeights);
        Assert.Equal(
            [new(1, 1), new(1, 4), new(3, 1)],
            PlatformOption.Parse("num_pci_segments=3", ["pci_segment=2,mmio32_aperture_weight=3", "pci_segment=1,mmio64_aperture_weight=4"]).ApertureWeights);
        Rejects(() => PlatformOption.Parse("num_pci_segments=97", []), "--platform", "from 1 to 96");
        Assert.Equal([0, 2], PlatformOption.Parse("num_pci_segments=3,iommu_segments=[0,2],iommu_address_width=48", []).IommuSegments);
        Rejects(() => PlatformOption.Parse("iommu_segments=[1]", []), "--platform", "there is no segment 1; give num_pci_segments=2 or more");
        Rejects(() => PlatformOption.Parse("iommu_address_width=65", []), "--platform", "from 32 to 64");
        Rejects(() => PlatformOption.Parse("segments=2", []), "--platform", "unknown key 'segments'");
        Assert.Equal(["a=b", "c"], PlatformOption.Parse("oem_strings=[a=b,c],serial_number=S 1", []).Smbios.OemStrings);
        Rejects(() => PlatformOption.Parse("uuid=1234", []), "--platform", "'1234' is not a UUID");
        Rejects(() => PlatformOption.Parse("oem_strings=[a,,b]", []), "--platform", "a string is empty");
        Rejects(() => PlatformOption.Parse(null, ["mmio32_aperture_weight=3"]), "--pci-segment", "pci_segment= is missing");
        Rejects(() => PlatformOption.Parse(null, ["pci_segment=1"]), "--pci-segment", "there is no segment 1; give --platform num_pci_segments=2 or more");
        Rejects(() => PlatformOption.Parse(null, ["pci_segment=0", "pci_segment=0"]), "--pci-segment", "described twice");
    }

    [Fact]
    public void OptionString_KeepsCommasInBracketsAndQuotes()
    {
        var option = OptionString.Parse("--x", "a=[1,2],b=\"c,d=e\"", "a", "b");
        Assert.Equal("[1,2]", option["a"]);
        Assert.Equal("c,d=e", option["b"]);
        Rejects(() => OptionString.Parse("--x", "a=[1,2", "a"), "--x a=[1,2", "a bracket has no partner");
        Rejects(() => OptionString.Parse("--x", "a=\"1", "a"), "--x", "a double quote has no partner");
    }

    [Fact]
    public void MachineBootsFromKernelOrFirmware_OrFromAKernelThatFirmwareStarts()
    {
        Rejects(new MachineOptions().Validate, "--kernel is missing", "--firmware FILE");
        Rejects(new MachineOptions { Kernel = "k", Nvram = "v" }.Validate, "--nvram goes with --firmware", "");
        Rejects(new MachineOptions { Kernel = "k", FirmwareKind = FirmwareKind.Aavmf }.Validate, "--firmware-kind goes with --firmware", "");
        Rejects(() => MachineOptions.ParseFirmwareKind("ovmf"), "--firmware-kind 'ovmf'", "auto, aavmf or cloudhv");
        new MachineOptions { Kernel = "k", Firmware = "f", Nvram = "v", Initramfs = "i" }.Validate();
        Rejects(new MachineOptions { Firmware = "f", CommandLine = "quiet" }.Validate, "--initramfs and --cmdline go with --kernel", "");
        new MachineOptions { Firmware = "f" }.Validate();
    }

    internal static void Rejects(Action action, string start, string contains)
    {
        var message = Assert.Throws<EmuException>(action).Message;
        Assert.StartsWith(start, message, StringComparison.Ordinal);
        Assert.Contains(contains, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }
}
