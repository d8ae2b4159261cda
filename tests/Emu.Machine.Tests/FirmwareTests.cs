// Firmware of the QEMU kind on a fake engine: how the image is told, what memory it gets, and the file of its variables.
using System.Text;
using Emu.Core;
using Emu.Devices.Serial;
using Emu.Machine.Boards;
using Emu.Machine.Boot;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Machine.Tests;

public sealed class FirmwareTests : IDisposable
{
    private const ulong Flash = Arm64Layout.FlashBase;
    private static readonly byte[] Qemu = [1, 2, 3, 4, .. "/Build/ArmVirtQemu-AARCH64/"u8];

    private readonly TestFiles files = new();
    private readonly FakeEngine engine = new();

    public void Dispose() => files.Dispose();

    [Fact]
    public void Kind_IsReadFromTheImage_OrGiven()
    {
        byte[] edk2 = [1, .. new byte[0x1027], .. "_FVH"u8, .. new byte[100]];
        Assert.Equal(FirmwareKind.Aavmf, Kind(Qemu));
        Assert.Equal(FirmwareKind.Aavmf, Kind([.. edk2, .. Qemu]));
        Assert.Equal(FirmwareKind.CloudHv, Kind([.. edk2, .. "ArmVirtCloudHv-AARCH64"u8]));
        Assert.Equal(FirmwareKind.CloudHv, Kind([1, 2, 3, 4]));
        Assert.Equal(FirmwareKind.CloudHv, Kind(Qemu, FirmwareKind.CloudHv));
        Assert.Equal(FirmwareKind.Aavmf, Kind(edk2, FirmwareKind.Aavmf));
        OptionTests.Rejects(() => Kind(edk2), "--firmware", "add --firmware-kind");

        // A file of variables as Debian has it and as EDK2 fills it, and firmware of 32-bit machines.
        foreach (var image in (ReadOnlySpan<byte[]>)[new byte[1 << 20], [1, .. new byte[0x27], .. "_FVH"u8], [1, .. "ArmVirtQemu-ARM/"u8]])
        {
            OptionTests.Rejects(() => Kind(image), "--firmware", "holds no arm64 code at its start");
        }

        // Padding of a flash bank does not count.
        Assert.Equal(FirmwareKind.Aavmf, Kind([.. Qemu, .. new byte[6 << 20]]));
        OptionTests.Rejects(() => Kind([1, .. new byte[64 << 20]]), "--firmware", "at most 4M");
    }

    [Fact]
    public void Code_IsReadOnly_AndFlashKeepsItsContentsAcrossAReset()
    {
        VirtualMachine? machine = null;
        var boots = 0;
        engine.Step = (_, v) =>
        {
            var memory = machine!.Memory;
            memory.Write(0, 4, 0xBAD);
            Assert.Equal(0x0403_0201UL, memory.Read(0, 4));
            Assert.Equal(0xEDFE_0DD0UL, memory.Read(Arm64Layout.FdtBase, 4));
            Assert.Equal(0UL, memory.Read(Arm64Layout.AcpiBase, 8));
            Assert.Equal(0x4746_4320_554D_4551UL, memory.Read(Arm64Layout.FwCfgBase + 0x10, 8));
            if (boots++ == 0)
            {
                Assert.Equal(0UL, memory.Read(Flash, 4));
                Erase(memory, 0);
                Program(memory, 8, 0x1234_5678);
                engine.Configurations[0].Control.RequestStop(MachineStop.Reset);
            }
            else
            {
                Assert.Equal(0x1234_5678UL, memory.Read(Flash + 8, 4));
                engine.Configurations[0].Control.RequestStop(MachineStop.PowerOff);
            }

            return VcpuExit.MachineRequest;
        };
        using (machine = Create(Options()))
        {
            Assert.Equal(RunEnd.PowerOff, machine.Run().End);
            Assert.Equal(["cfi flash", "fw_cfg"], machine.Sections.Select(s => s.SnapshotName).TakeLast(2));
        }
    }

    [Fact]
    public void Variables_GoOnInTheFile_WhichIsMadeFromTheOneBesideTheCode()
    {
        var vars = new byte[64 << 20];
        "template"u8.CopyTo(vars.AsSpan(0x100));
        var code = files.Write("X_CODE.fd", Qemu);
        files.Write("X_VARS.fd", vars);
        var nvram = files.Name("nvram");
        var options = Options() with { Firmware = code, Nvram = nvram };
        RunOnce(options, memory =>
        {
            Assert.Equal((ulong)'t', memory.Read(Flash + 0x100, 1));
            Erase(memory, 0x4_0000);
            Program(memory, 0x4_0010, 0x1234_5678);
        });
        Assert.Equal(64 << 20, new FileInfo(nvram).Length);
        RunOnce(options, memory => Assert.Equal(0x1234_5678UL, memory.Read(Flash + 0x4_0010, 4)));

        // Without a file they are gone.
        RunOnce(options with { Nvram = null }, memory => Assert.Equal(0UL, memory.Read(Flash + 0x4_0010, 4)));

        // Another size is another bank; a file in use is in use.
        var small = files.Write("small", new byte[3 << 18]);
        RunOnce(options with { Nvram = small }, memory =>
        {
            Assert.Null(memory.FindRam(Flash + (3 << 18)));
            OptionTests.Rejects(() => Create(options with { Nvram = small }), "--nvram", "in use by another process");
        });
    }

    [Fact]
    public void BadFilesOfVariables_AreRefused()
    {
        foreach (var length in (ReadOnlySpan<int>)[0, 100, 1 << 18, (3 << 18) + 1, 65 << 20])
        {
            OptionTests.Rejects(() => Create(Options() with { Nvram = files.Write("bad", new byte[length]) }), "--nvram", $"{length} bytes long; give a copy of AAVMF_VARS.fd");
        }

        OptionTests.Rejects(() => Create(Options() with { Nvram = "" }), "--nvram", "the path is empty");
        OptionTests.Rejects(() => Create(Options() with { Nvram = Path.GetTempPath() }), "--nvram", "is a directory");
        OptionTests.Rejects(() => Create(Options() with { Nvram = "/nonexistent/vars" }), "--nvram", "cannot be made");
    }

    [Fact]
    public void KernelForFirmware_NeedsItsEfiStub()
    {
        var kernel = files.Write("Image", TestFiles.Image());
        OptionTests.Rejects(() => Create(Options() with { Kernel = kernel }), "--kernel", "has no EFI stub");
        var image = TestFiles.Image();
        "MZ"u8.CopyTo(image);
        OptionTests.Rejects(() => Create(Options() with { Kernel = files.Write("Image", image), CommandLine = new string('x', 2049) }), "--cmdline", "2049 bytes long");
        RunOnce(Options() with { Kernel = kernel = files.Write("Image", image), Initramfs = files.Write("initramfs", [7, 8, 9]), CommandLine = "quiet" }, memory =>
        {
            Assert.Equal((ulong)image.Length, Item(memory, 0x08, 4));
            Assert.Equal(0x5A4DUL, Item(memory, 0x11, 2));
            Assert.Equal(3UL, Item(memory, 0x0B, 4));
            Assert.Equal(0x09_0807UL, Item(memory, 0x12, 8));
            Assert.Equal(6UL, Item(memory, 0x14, 4));
            Assert.Equal("quiet\0\0\0", Encoding.ASCII.GetString(BitConverter.GetBytes(Item(memory, 0x15, 8))));
        });
    }

    private static ulong Item(PhysicalAddressSpace memory, ushort item, int size)
    {
        memory.Write(Arm64Layout.FwCfgBase + 8, 2, (ulong)item << 8);
        return memory.Read(Arm64Layout.FwCfgBase, size);
    }

    private static void Erase(PhysicalAddressSpace memory, ulong offset)
    {
        memory.Write(Flash + offset, 4, 0x0020_0020);
        memory.Write(Flash + offset, 4, 0x00D0_00D0);
        memory.Write(Flash + offset, 4, 0x00FF_00FF);
    }

    private static void Program(PhysicalAddressSpace memory, ulong offset, uint value)
    {
        memory.Write(Flash + offset, 4, 0x0040_0040);
        memory.Write(Flash + offset, 4, value);
        memory.Write(Flash + offset, 4, 0x00FF_00FF);
    }

    private FirmwareKind Kind(byte[] image, FirmwareKind given = FirmwareKind.Auto) => FirmwareImage.Open(files.Write("image", image), given).Kind;

    private MachineOptions Options() => new()
    {
        Firmware = files.Write("firmware", Qemu),
        Memory = new MemoryOption(128UL << 20),
        Serial = new SerialOption(SerialMode.Null),
        Engine = EngineKind.Interpreter,
    };

    private VirtualMachine Create(MachineOptions options) =>
        new(options, new MachineHost { Log = Log.Null, CreateSerial = () => new NullBackend(), CreateEngine = _ => engine });

    private void RunOnce(MachineOptions options, Action<PhysicalAddressSpace> look)
    {
        VirtualMachine? machine = null;
        engine.Step = (_, v) =>
        {
            look(machine!.Memory);
            engine.Configurations[^1].Control.RequestStop(MachineStop.PowerOff);
            return VcpuExit.MachineRequest;
        };
        using (machine = Create(options))
        {
            Assert.Equal(RunEnd.PowerOff, machine.Run().End);
        }
    }
}
