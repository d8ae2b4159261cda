// The ACPI tables of the arm64 machine, as the reference compiler and interpreter of ACPI read them.
using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;
using Emu.Machine.Boards;
using Emu.Machine.Firmware.Acpi;

namespace Emu.Machine.Tests.Acpi;

public sealed class AcpiTableTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-acpi-");

    public void Dispose() => directory.Delete(recursive: true);

    [Fact]
    public void Tables_LieInTheOrderOfTheMachineModel_WithTheDsdtBehindTheRootPointer()
    {
        var image = new AcpiImage(Arm64AcpiTables.Build(Options(2, 2) with { Numa = TwoNodes }));
        Assert.Equal(["DSDT", "FACP", "APIC", "PPTT", "GTDT", "MCFG", "SPCR", "DBG2", "SRAT", "SLIT", "IORT"], image.Signatures);
        Assert.Equal(Arm64Layout.AcpiBase + 36, image.DsdtAddress);
        Assert.Equal(["DSDT", "FACP", "APIC", "PPTT", "GTDT", "MCFG", "IORT"], new AcpiImage(Arm64AcpiTables.Build(Options(1, 1) with { HasSerial = false })).Signatures);
    }

    [Fact]
    public void FixedDescription_IsHardwareReducedWithPsciByHvc()
    {
        var fadt = new AcpiImage(Arm64AcpiTables.Build(Options(1, 1)))["FACP"];
        Assert.Equal(276, fadt.Length);
        Assert.Equal((6, 3), (fadt[8], fadt[131]));
        Assert.Equal((1u << 20) | (1 << 10) | (1 << 8), BinaryPrimitives.ReadUInt32LittleEndian(fadt.AsSpan(112)));
        Assert.Equal(3, BinaryPrimitives.ReadUInt16LittleEndian(fadt.AsSpan(129)));
        Assert.Equal("CLOUDHYP", Encoding.ASCII.GetString(fadt, 268, 8));
    }

    [AcpicaTheory]
    [InlineData(1, 1, false)]
    [InlineData(4, 1, true)]
    [InlineData(32, 3, true)]
    public void EveryTable_DisassemblesAndRecompilesWithoutErrorsAndWarnings(int vcpus, int segments, bool numa)
    {
        var image = new AcpiImage(Arm64AcpiTables.Build(Options(vcpus, segments) with { Numa = numa ? TwoNodes : [], Initiators = numa ? [new NumaInitiator(1, 0, 3)] : [] }));
        foreach (var table in image.Tables)
        {
            var name = AcpiImage.Signature(table).ToLowerInvariant();
            File.WriteAllBytes(Path.Combine(directory.FullName, $"{name}.dat"), table);
            var (status, text) = AcpicaTools.Run(directory.FullName, "iasl", "-d", $"{name}.dat");
            Assert.True(status == 0, text);
            Assert.DoesNotMatch(@"(?i)\b(error|warning|invalid|unknown)\b", text);
            var source = File.ReadAllText(Path.Combine(directory.FullName, $"{name}.dsl"));
            Assert.DoesNotMatch(@"(?i)\b(error|warning|invalid|unknown)\b|\*\*\*\*", source);

            (status, text) = AcpicaTools.Run(directory.FullName, "iasl", "-oa", "-p", $"{name}-again", $"{name}.dsl");
            Assert.True(status == 0, text);
            Assert.Matches("Compilation (successful|complete). 0 Errors, 0 Warnings", text);

            // Unoptimized, the same table comes out again, but for the compiler's own mark and the sum.
            var again = File.ReadAllBytes(Path.Combine(directory.FullName, $"{name}-again.aml"));
            Assert.Equal(Unmarked(table), Unmarked(again));
        }
    }

    /// <summary>Debian 12's iasl does not know this table yet: ACPI 6.5, 5.2.34 by hand, and Debian 13's kernel in DeviceGuestTests.</summary>
    [Fact]
    public void Viot_NamesTheIommuAndTheDevicesBehindIt()
    {
        var image = new AcpiImage(Arm64AcpiTables.Build(Options(1, 2) with { Iommu = new IommuLayout(1, [0x10, 0x1_0008]) }));
        Assert.Equal("VIOT", image.Signatures.Last());
        Assert.Equal(
            "03003000" + "0000000000000000" // three nodes from offset 48 on
            + "0300100000000800" + "0000000000000000" // the IOMMU: segment 0, device 1
            + "0100180010000000" + "0000000010001000" + "3000000000000000" // endpoint 0x10: segment 0, device 2, behind the node at 48
            + "0100180008000100" + "0100010008000800" + "3000000000000000",
            Convert.ToHexStringLower(image["VIOT"][36..]));
    }

    [AcpicaFact]
    public void Dsdt_HasTheObjectsOfTheMachineModel()
    {
        var output = Execute(Options(2, 2), "namespace");
        foreach (var name in (ReadOnlySpan<string>)["PHPR", "PC00", "PC01", "MBRD", "COM1", "PWRB", "GEC_", "GED_", "CPUS", "C000", "C001", "S000", "S031", "PCEJ", "PSCN", "DVNT", "_S5_"])
        {
            Assert.Contains($" {name} ", output, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(" C002 ", output, StringComparison.Ordinal);
    }

    [AcpicaFact]
    public void Dsm_SaysThatTheBootConfigurationIsKept()
    {
        const string Uuid = "(D0 37 C9 E5 53 35 7A 4D 91 17 EA 4D 19 C3 43 4D)";
        Assert.Contains("0000: 21", Execute(Options(1, 1), $"evaluate \\_SB.PC00._DSM {Uuid} 1 0 [ ]"), StringComparison.Ordinal);
        Assert.Contains("[Integer] = 0000000000000000", Execute(Options(1, 1), $"evaluate \\_SB.PC00._DSM {Uuid} 1 5 [ ]"), StringComparison.Ordinal);
    }

    [AcpicaFact]
    public void PowerButtonEvent_NotifiesTheButton()
    {
        // Simulated registers all hold 8: the power button, and no slot is asked about.
        var output = Execute(Options(1, 1), "execute \\_SB.GED._EVT 42", fill: 8);
        Assert.Matches(@"PWRB.*0x?80", output);
        Assert.DoesNotContain("S003", output, StringComparison.Ordinal);
    }

    [AcpicaFact]
    public void PciEvent_NotifiesTheSlotsThatTheControllerNames()
    {
        // Simulated registers all hold 4: something on PCI, and every mask names slot 2.
        var output = Execute(Options(1, 2), "execute \\_SB.GED._EVT 42", fill: 4);
        Assert.Contains("S002", output, StringComparison.Ordinal);
        Assert.DoesNotContain("S003", output, StringComparison.Ordinal);
        Assert.DoesNotContain("PWRB", output, StringComparison.Ordinal);
    }

    [AcpicaFact]
    public void Interrupts_OfSlots_GoRoundTheEightLines()
    {
        var output = Execute(Options(1, 1), "evaluate \\_SB.PC00._PRT");
        Assert.Equal(32, Regex.Count(output, @"\[Package\] Contains 4 Elements"));
        Assert.Matches(@"\[Integer\] = 000000000009FFFF\s.*\s.*\s.*\[Integer\] = 0000000000000021", output);
    }

    [AcpicaFact]
    public void FwCfg_IsADeviceOfAMachineThatHasIt()
    {
        Assert.DoesNotContain(" FWCF ", Execute(Options(1, 1), "namespace"), StringComparison.Ordinal);
        Assert.Contains("QEMU0002", Execute(Options(1, 1) with { HasFwCfg = true }, "evaluate \\_SB.FWCF._HID"), StringComparison.Ordinal);
    }

    [Fact]
    public void TableLoader_GivesTheSameTables_WhereverFirmwarePutsThem()
    {
        var options = Options(4, 3) with { HasFwCfg = true };
        var loader = new AcpiTableLoader(options);
        const ulong TablesAt = 0x1340;
        var image = new byte[TablesAt + (ulong)loader.Tables.Length];
        var files = new Dictionary<string, (ulong Address, int Length)>();
        var script = loader.Script;
        Assert.Equal(0, script.Length % 128);
        for (var at = 0; at < script.Length; at += 128)
        {
            var entry = script.AsSpan(at, 128);
            string Name(int offset) => Encoding.ASCII.GetString(script, at + offset, 56).TrimEnd('\0');
            var file = Name(4);
            switch (BinaryPrimitives.ReadUInt32LittleEndian(entry))
            {
                case 1:
                    var (address, bytes) = file == AcpiTableLoader.TablesFile ? (TablesAt, loader.Tables) : (0, loader.RootPointer);
                    bytes.CopyTo(image, (int)address);
                    files.Add(file, (address, bytes.Length));
                    Assert.Equal(0u, address % BinaryPrimitives.ReadUInt32LittleEndian(entry[60..]));
                    Assert.True(entry[64] is 1 or 2);
                    break;
                case 2:
                    var offset = BinaryPrimitives.ReadUInt32LittleEndian(entry[116..]);
                    Assert.Equal(8, entry[120]);
                    Assert.True(offset + 8 <= files[file].Length);
                    var pointer = image.AsSpan((int)(files[file].Address + offset));
                    var value = BinaryPrimitives.ReadUInt64LittleEndian(pointer);
                    Assert.True(value < (ulong)files[Name(60)].Length);
                    BinaryPrimitives.WriteUInt64LittleEndian(pointer, Arm64Layout.AcpiBase + files[Name(60)].Address + value);
                    break;
                case 3:
                    var result = (int)files[file].Address + BinaryPrimitives.ReadInt32LittleEndian(entry[60..]);
                    var covered = image.AsSpan((int)files[file].Address + BinaryPrimitives.ReadInt32LittleEndian(entry[64..]), BinaryPrimitives.ReadInt32LittleEndian(entry[68..]));
                    Assert.Equal(0, image[result]);
                    image[result] = AcpiTable.Checksum(covered);
                    break;
                default:
                    Assert.Fail("no such command");
                    break;
            }
        }

        // The reader checks every sum; the DSDT has no address in it.
        var placed = new AcpiImage(image);
        var direct = new AcpiImage(Arm64AcpiTables.Build(options));
        Assert.Equal(direct.Signatures, placed.Signatures);
        Assert.Equal(direct["DSDT"], placed["DSDT"]);
        Assert.Equal(direct["APIC"], placed["APIC"]);
    }

    private static readonly NumaNode[] TwoNodes =
    [
        new(0) { Cpus = [0], Memory = [new MemoryRange(Arm64Layout.RamBase, 256UL << 20)], PciSegments = [0] },
        new(1) { Cpus = [1], Memory = [new MemoryRange(Arm64Layout.RamBase + (256UL << 20), 256UL << 20)], Distances = new Dictionary<uint, byte> { [0] = 30 } },
    ];

    private static Arm64AcpiOptions Options(int vcpus, int segments) => new()
    {
        VcpuCount = vcpus,
        MaximumVcpus = vcpus,
        PciSegments = PciLayout.Create(Enumerable.Repeat(PciApertureWeights.Equal, segments).ToArray(), 512UL << 20),
        HasPmu = true,
    };

    private static byte[] Unmarked(byte[] table)
    {
        var copy = (byte[])table.Clone();
        copy[9] = 0;
        copy.AsSpan(28, 8).Clear();
        return copy;
    }

    private string Execute(Arm64AcpiOptions options, string command, int fill = 0)
    {
        var path = Path.Combine(directory.FullName, "dsdt.dat");
        File.WriteAllBytes(path, new AcpiImage(Arm64AcpiTables.Build(options))["DSDT"]);
        var (_, output) = AcpicaTools.Run(directory.FullName, "acpiexec", "-fv", $"{fill:x}", "-b", command, path);
        Assert.DoesNotContain("ACPI Error", output, StringComparison.Ordinal);
        Assert.DoesNotContain("ACPI Exception", output, StringComparison.Ordinal);
        return output;
    }
}
