// The device tree, as the reference compiler reads it back.
using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Emu.Machine.Boards;
using Emu.Machine.Firmware.Fdt;

namespace Emu.Machine.Tests;

public class FdtTests
{
    [Fact]
    public void Builder_WritesTheHeaderOfVersion17()
    {
        var blob = new FdtBuilder().BeginNode("").Cells("a", 0x1234_5678).Flag("b").Bytes("a", [1, 2, 3]).EndNode().Build(bootCpu: 7);
        uint Field(int index) => BinaryPrimitives.ReadUInt32BigEndian(blob.AsSpan(index * 4));
        Assert.Equal(0xD00D_FEEDu, Field(0));
        Assert.Equal((uint)blob.Length, Field(1));
        Assert.Equal(17u, Field(5));
        Assert.Equal(16u, Field(6));
        Assert.Equal(7u, Field(7));

        // Each name is stored once: "a\0b\0".
        Assert.Equal(4u, Field(8));
        Assert.Equal((uint)blob.Length, Field(3) + Field(8));
        Assert.Equal(Field(3), Field(2) + Field(9));
    }

    [Fact]
    public void Builder_RefusesUnbalancedNodes()
    {
        Assert.Throws<InvalidOperationException>(() => new FdtBuilder().BeginNode("").Build());
        Assert.Throws<InvalidOperationException>(() => new FdtBuilder().BeginNode("").EndNode().EndNode());
    }

    [DtcFact]
    public void Tree_OfOneVcpu_HasNoEnableMethodAndOneMemoryNode()
    {
        var source = Decompile(Options(1));
        Assert.DoesNotContain("enable-method", source, StringComparison.Ordinal);
        Assert.Contains("memory@40000000 { device_type = \"memory\"; reg = <0x00 0x40000000 0x00 0x20000000>; };", source, StringComparison.Ordinal);
        Assert.DoesNotContain("memory@100000000", source, StringComparison.Ordinal);
        Assert.Contains("bootargs = \"console=ttyAMA0\"", source, StringComparison.Ordinal);
        Assert.Contains("stdout-path = \"/pl011@9000000\"", source, StringComparison.Ordinal);
        Assert.Contains("kaslr-seed = <0x1020304 0x5060708>", source, StringComparison.Ordinal);
        Assert.DoesNotContain("initrd", source, StringComparison.Ordinal);
        Assert.DoesNotContain("pmu {", source, StringComparison.Ordinal);
    }

    [DtcFact]
    public void Tree_OfThirtyTwoVcpus_NamesEveryAffinityAndBothMemories()
    {
        var source = Decompile(Options(32) with
        {
            Ram = Arm64Layout.RamRanges(4UL << 30),
            Initramfs = new MemoryRange(0xFBFF_0000, 0x1234),
            HasPmu = true,
        });
        Assert.Equal(32, Regex.Count(source, "enable-method = \"psci\""));
        Assert.Contains("cpu@10f { device_type = \"cpu\"; compatible = \"arm,arm-v8\"; enable-method = \"psci\"; reg = <0x10f>; phandle = <0x27>; };", source, StringComparison.Ordinal);
        Assert.Contains("core31 { cpu = <0x27>; };", source, StringComparison.Ordinal);
        Assert.Contains("memory@100000000 { device_type = \"memory\"; reg = <0x01 0x00 0x00 0x44000000>; };", source, StringComparison.Ordinal);
        Assert.Contains("linux,initrd-start = <0x00 0xfbff0000>; linux,initrd-end = <0x00 0xfbff1234>;", source, StringComparison.Ordinal);
        Assert.Contains("reg = <0x00 0x8ff0000 0x00 0x10000 0x00 0x8bf0000 0x00 0x400000>;", source, StringComparison.Ordinal);
        Assert.Contains("pmu { compatible = \"arm,armv8-pmuv3\"; interrupts = <0x01 0x07 0x04>; };", source, StringComparison.Ordinal);
    }

    [DtcFact]
    public void Tree_DescribesNumaNodes()
    {
        NumaNode[] nodes =
        [
            new(0) { Cpus = [0], Memory = [new MemoryRange(0x4000_0000, 0x1000_0000)], Distances = new Dictionary<uint, byte> { [1] = 30 } },
            new(1) { Cpus = [1], Memory = [new MemoryRange(0x5000_0000, 0x1000_0000)], PciSegments = [0] },
        ];
        var source = Decompile(Options(2) with { Numa = nodes });
        Assert.Contains("reg = <0x01>; phandle = <0x09>; };", source.Replace("numa-node-id = <0x01>; ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("memory@40000000 { device_type = \"memory\"; reg = <0x00 0x40000000 0x00 0x10000000>; numa-node-id = <0x00>; };", source, StringComparison.Ordinal);
        Assert.Contains("memory@50000000 { device_type = \"memory\"; reg = <0x00 0x50000000 0x00 0x10000000>; numa-node-id = <0x01>; };", source, StringComparison.Ordinal);
        Assert.Contains(
            "distance-map { compatible = \"numa-distance-map-v1\"; distance-matrix = <0x00 0x00 0x0a 0x00 0x01 0x1e 0x01 0x00 0x1e 0x01 0x01 0x0a>; };", source, StringComparison.Ordinal);
        Assert.Equal(5, System.Text.RegularExpressions.Regex.Count(source, "numa-node-id"));
    }

    [DtcFact]
    public void Tree_NamesTheIommuAndTheDevicesBehindIt()
    {
        var source = Decompile(Options(1) with
        {
            PciSegments = PciLayout.Create([PciApertureWeights.Equal, PciApertureWeights.Equal], 512UL << 20),
            Iommu = new IommuLayout(1, [0x10, 0x18, 0x1_0008]),
        });
        Assert.Contains("iommu-map = <0x10 0x05 0x10 0x01 0x18 0x05 0x18 0x01>;", source, StringComparison.Ordinal);
        Assert.Contains("iommu-map = <0x08 0x05 0x10008 0x01>;", source, StringComparison.Ordinal);
        Assert.Contains(
            "iommu@1 { compatible = \"virtio,pci-iommu\", \"pci1af4,1057\"; reg = <0x800 0x00 0x00 0x00 0x00>; #iommu-cells = <0x01>; phandle = <0x05>; };",
            source, StringComparison.Ordinal);
    }

    [DtcFact]
    public void Tree_DescribesTimerPsciAndPrimeCells()
    {
        var source = Decompile(Options(2));
        Assert.Contains("interrupts = <0x01 0x0d 0x04 0x01 0x0e 0x04 0x01 0x0b 0x04 0x01 0x0a 0x04>;", source, StringComparison.Ordinal);
        Assert.Contains("psci { compatible = \"arm,psci-1.0\", \"arm,psci-0.2\"; method = \"hvc\"; };", source, StringComparison.Ordinal);
        Assert.Contains("pl011@9000000 { compatible = \"arm,pl011\", \"arm,primecell\"; reg = <0x00 0x9000000 0x00 0x1000>; interrupts = <0x00 0x0b 0x04>;", source, StringComparison.Ordinal);
        Assert.Contains("rtc@9010000 { compatible = \"arm,pl031\", \"arm,primecell\"; reg = <0x00 0x9010000 0x00 0x1000>; interrupts = <0x00 0x08 0x04>;", source, StringComparison.Ordinal);
        Assert.Contains("interrupts = <0x00 0x09 0x04>;", source, StringComparison.Ordinal);
        Assert.Contains("button@1 { label = \"GPIO Key Poweroff\"; linux,code = <0x74>; gpios = <0x04 0x03 0x00>; };", source, StringComparison.Ordinal);
    }

    [DtcFact]
    public void Tree_DescribesTheItsAndEveryPciSegment()
    {
        var source = Decompile(Options(2) with { PciSegments = PciLayout.Create([PciApertureWeights.Equal, PciApertureWeights.Equal], 512UL << 20) });
        Assert.Contains("msic@8f90000 { compatible = \"arm,gic-v3-its\"; msi-controller; reg = <0x00 0x8f90000 0x00 0x20000>; phandle = <0x02>; };", source, StringComparison.Ordinal);
        Assert.Contains(
            "pci@30000000 { compatible = \"pci-host-ecam-generic\"; device_type = \"pci\"; #address-cells = <0x03>; #size-cells = <0x02>; #interrupt-cells = <0x01>; "
            + "bus-range = <0x00 0x00>; linux,pci-domain = <0x00>; ranges = <0x1000000 0x00 0x00 0x00 0x9050000 0x00 0x10000 "
            + "0x2000000 0x00 0x10000000 0x00 0x10000000 0x00 0x10000000 0x3000000 0x02 0x00 0x02 0x00 0x7e 0x00>; reg = <0x00 0x30000000 0x00 0x100000>; "
            + "interrupt-map; interrupt-map-mask; dma-coherent; msi-parent = <0x02>; msi-map = <0x00 0x02 0x00 0x100>; };",
            source, StringComparison.Ordinal);
        Assert.Contains("pci@30100000 {", source, StringComparison.Ordinal);
        Assert.Contains("linux,pci-domain = <0x01>;", source, StringComparison.Ordinal);
        Assert.Contains("msi-map = <0x00 0x02 0x100 0x100>;", source, StringComparison.Ordinal);
    }

    [DtcFact]
    public void Tree_WithoutSerialPort_HasNoPl011() => Assert.DoesNotContain("pl011", Decompile(Options(1) with { HasSerial = false }), StringComparison.Ordinal);

    [DtcFact]
    public void FlashAndFwCfg_AreNamedWhereFirmwareWantsThem()
    {
        Assert.DoesNotContain("cfi-flash", Decompile(Options(1)), StringComparison.Ordinal);
        var source = Decompile(Options(1) with { FlashSize = 64 << 20 });
        Assert.Matches("flash@4000000 { compatible = \"cfi-flash\"; reg = <0x00 0x4000000 0x00 0x4000000>; bank-width = <0x04>; };", source);
        Assert.Matches("fw-cfg@9030000 { compatible = \"qemu,fw-cfg-mmio\"; reg = <0x00 0x9030000 0x00 0x18>; dma-coherent; };", source);
    }

    private static Arm64FdtOptions Options(int vcpus) => new()
    {
        VcpuCount = vcpus,
        RedistributorBase = Arm64Layout.GicRedistributorBase(vcpus),
        ItsBase = Arm64Layout.GicItsBase(vcpus),
        PciSegments = PciLayout.Create([PciApertureWeights.Equal], 512UL << 20),
        Ram = Arm64Layout.RamRanges(512UL << 20),
        CommandLine = "console=ttyAMA0",
        RngSeed = new byte[64],
        KaslrSeed = 0x0102_0304_0506_0708,
    };

    /// <summary>The tree's source on one line; a warning of the compiler fails the test, but for button@1, which is named as guests of this machine know it and has no reg.</summary>
    private static string Decompile(Arm64FdtOptions options)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, Arm64Fdt.Build(options));
            using var process = Process.Start(new ProcessStartInfo("dtc", ["-W", "no-unit_address_vs_reg", "-I", "dtb", "-O", "dts", path]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var errors = process.StandardError.ReadToEndAsync();
            var source = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.Equal("", errors.Result);
            Assert.Equal(0, process.ExitCode);

            // Older versions of dtc write a list of strings as one string with \0 inside.
            return Regex.Replace(source, @"\s+", " ").Replace("\\0", "\", \"", StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }
}

/// <summary>A test that needs Debian's device-tree-compiler.</summary>
public sealed class DtcFactAttribute : FactAttribute
{
    /// <summary>Skips when there is none.</summary>
    public DtcFactAttribute()
    {
        if (!File.Exists("/usr/bin/dtc"))
        {
            Skip = "dtc is not installed (package device-tree-compiler)";
        }
    }
}
