// Whole machines on a fake engine: wiring, power-on state, reset, ends, serial input and the state hash.
using System.Text;
using Emu.Core;
using Emu.Devices.Serial;
using Emu.Machine.Boards;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Machine.Tests;

public sealed class VirtualMachineTests : IDisposable
{
    private readonly TestFiles files = new();
    private readonly FakeEngine engine = new();
    private readonly FakeBackend serial = new();

    public void Dispose() => files.Dispose();

    [Fact]
    public void PowerOn_LoadsTheImagesAndPointsTheBootVcpuAtThem()
    {
        engine.Step = (_, v) => PowerOff(v);
        using var machine = Create(Options() with { Initramfs = files.Write("initramfs", [1, 2, 3, 4]), Cpus = new CpusOption(2, 4) });
        Assert.Equal(RunEnd.PowerOff, machine.Run().End);
        Assert.Equal((0x4040_0000UL, 0x4000_0000UL), engine.Vcpus[0].BootState);
        Assert.Equal(0x644D_5241UL, machine.Memory.Read(0x4040_0038, 4));
        Assert.Equal(0xEDFE_0DD0UL, machine.Memory.Read(Arm64Layout.FdtBase, 4));
        Assert.Equal(0x0403_0201UL, machine.Memory.Read(0x4400_0000 - 0x1000, 4));
        Assert.Equal([0x8000_0000UL, 0x8000_0001UL], engine.Configurations.Select(c => c.Mpidr));
        Assert.Equal(0UL, engine.Vcpus[1].Retired);
    }

    [Fact]
    public void Devices_AreWhereTheLayoutSays()
    {
        engine.Step = (_, v) => PowerOff(v);
        using var machine = Create(Options() with { Cpus = new CpusOption(2, 4) });
        Assert.Equal(
            ["gic its", "gic redistributors", "gic distributor", "pl011", "pl031", "pl061", "pci0 configuration", "ged", "pci hotplug"], machine.Memory.Mmio.Select(m => m.Name));
        Assert.Equal(Arm64Layout.GicItsBase(4), machine.Memory.Mmio[0].Start);
        Assert.Equal(Arm64Layout.GicRedistributorBase(4), machine.Memory.Mmio[1].Start);
        Assert.Equal(0x0D57_8086UL, machine.Memory.Read(Arm64Layout.PciEcamBase, 4));
        Assert.Equal(0xFFFF_FFFFUL, machine.Memory.Read(Arm64Layout.PciEcamBase + (31 << 15), 4));
        Assert.Equal(0x11UL, machine.Memory.Read(Arm64Layout.Pl011Base + 0xFE0, 4));
        Assert.Equal(0x31UL, machine.Memory.Read(Arm64Layout.Pl031Base + 0xFE0, 4));
        Assert.Equal(0x61UL, machine.Memory.Read(Arm64Layout.Pl061Base + 0xFE0, 4));

        // GICD_PIDR2.ArchRev and GICR_PIDR2.ArchRev: GICv3.
        Assert.Equal(0x30UL, machine.Memory.Read(Arm64Layout.GicDistributorBase + 0xFFE8, 4) & 0xF0);
        Assert.Equal(0x30UL, machine.Memory.Read(Arm64Layout.GicRedistributorBase(4) + 0xFFE8, 4) & 0xF0);
        machine.Run();
    }

    [Fact]
    public void Firmware_RunsFromRamAtZero_WithDeviceTreeAndAcpiTables()
    {
        VirtualMachine? machine = null;
        var boots = 0;
        engine.Step = (_, v) =>
        {
            // Firmware writes to itself, to both descriptions and to RAM; a reset brings all of it back.
            Assert.Equal(0x0403_0201UL, machine!.Memory.Read(0, 4));
            Assert.Equal(0UL, machine.Memory.Read(0x3F_FFF8, 8));
            Assert.Equal(0xEDFE_0DD0UL, machine.Memory.Read(Arm64Layout.FdtBase, 4));
            Assert.Equal(0x2052_5450_2044_5352UL, machine.Memory.Read(Arm64Layout.AcpiBase, 8));
            foreach (var address in (ReadOnlySpan<ulong>)[0, 0x3F_FFF8, Arm64Layout.FdtBase, Arm64Layout.AcpiBase])
            {
                machine.Memory.Write(address, 8, 0xBAD);
            }

            if (++boots == 2)
            {
                return PowerOff(v);
            }

            engine.Configurations[0].Control.RequestStop(MachineStop.Reset);
            return VcpuExit.MachineRequest;
        };
        var options = Options() with { Kernel = null, Firmware = files.Write("firmware", [1, 2, 3, 4]), Memory = new MemoryOption(128UL << 20) };
        using (machine = Create(options))
        {
            Assert.Equal(RunEnd.PowerOff, machine.Run().End);
            Assert.Equal((0UL, Arm64Layout.FdtBase), engine.Vcpus[0].BootState);
        }

        OptionTests.Rejects(() => Create(options with { Firmware = files.Write("big", [.. new byte[4 << 20], 1]) }), "--firmware", "CLOUDHV_EFI.fd) has at most 4M");
        OptionTests.Rejects(() => Create(options with { Kernel = Options().Kernel }), "--kernel and --firmware", "AAVMF_CODE.fd");
        OptionTests.Rejects(() => Create(options with { Nvram = "vars" }), "--nvram does nothing", "AAVMF_CODE.fd");
        OptionTests.Rejects(() => Create(options with { Memory = new MemoryOption(64UL << 20) }), "--memory size=64M is too small", "size=128M");
    }

    [Fact]
    public void PciDevices_FillTheSlots_ThoseWithANumberFirst()
    {
        engine.Step = (_, v) => PowerOff(v);
        var disk = files.Write("disk", new byte[1 << 20]);
        var options = Options() with
        {
            Platform = PlatformOption.Parse("num_pci_segments=2", []),
            Devices = new DeviceOptions
            {
                Disks = [DiskOption.Parse($"path={disk}"), DiskOption.Parse($"path={files.Write("disk1", new byte[1 << 20])},pci_segment=1")],
                Rng = RngOption.Parse("pci_device_id=1"),
                Balloon = BalloonOption.Parse("size=0"),
                Watchdog = true,
                Pvpanic = true,
                Rtc = true,
            },
        };
        using var machine = Create(options);
        uint Id(int segment, int slot) => (uint)machine.Memory.Read(Arm64Layout.PciEcamBase + ((ulong)segment << 20) + ((ulong)slot << 15), 4);
        Assert.Equal(
            [0x0D57_8086, 0x1044_1AF4, 0x1042_1AF4, 0x1045_1AF4, 0x1063_1AF4, 0x1051_1AF4, 0x0011_1B36, 0xFFFF_FFFF],
            Enumerable.Range(0, 8).Select(slot => Id(0, slot)));

        // Only segment 0 has a host bridge.
        Assert.Equal([0x1042_1AF4, 0xFFFF_FFFF], Enumerable.Range(0, 2).Select(slot => Id(1, slot)));

        // A disk of segment 0 is in reach of firmware: its BAR is a 32-bit one.
        Assert.Equal(0u, (uint)machine.Memory.Read(Arm64Layout.PciEcamBase + (2 << 15) + 0x10, 4) & 7);
        Assert.Equal(4u, (uint)machine.Memory.Read(Arm64Layout.PciEcamBase + (1 << 20) + 0x10, 4) & 7);
        machine.Run();
    }

    [Fact]
    public void Pmem_IsRamAtTheTopOfThe64BitWindow()
    {
        engine.Step = (_, v) => PowerOff(v);
        var path = files.Write("pmem", [.. Enumerable.Repeat((byte)7, 4 << 20)]);
        using var machine = Create(Options() with { Devices = new DeviceOptions { Pmems = [PmemOption.Parse($"file={path},discard_writes=on")] } });
        var region = machine.Memory.Ram[^1];
        Assert.Equal(4UL << 20, region.Length);
        Assert.True(region.Start > 0xFF_0000_0000 && region.Start + region.Length <= 0xFF_FFEF_0000);
        Assert.Equal(0x0707_0707UL, machine.Memory.Read(region.Start, 4));
        machine.Run();
    }

    [Fact]
    public void DevicesThatCannotBeMade_AreReportedBeforeAnythingRuns()
    {
        var disk = files.Write("disk", new byte[1 << 20]);
        OptionTests.Rejects(
            () => Create(Options() with { Devices = new DeviceOptions { Disks = [DiskOption.Parse($"path={files.Name("none")}")] } }), "disk image", "none");
        OptionTests.Rejects(
            () => Create(Options() with { Devices = new DeviceOptions { Disks = [DiskOption.Parse($"path={disk},pci_device_id=4")], Rng = RngOption.Parse("pci_device_id=4") } }),
            "rng", "taken by disk0");

        // The image of the machine that failed is free again.
        engine.Configurations.Clear();
        engine.Vcpus.Clear();
        engine.Step = (_, v) => PowerOff(v);
        using var machine = Create(Options() with { Devices = new DeviceOptions { Disks = [DiskOption.Parse($"path={disk}")] } });
        machine.Run();
    }

    [Fact]
    public void PowerButton_RaisesTheAcpiEvent_WhichAReadTakes()
    {
        engine.Step = (_, v) => PowerOff(v);
        using var machine = Create(Options());
        machine.PressPowerButton();
        Assert.Equal(8UL, machine.Memory.Read(Arm64Layout.GenericEventBase, 1));
        Assert.Equal(0UL, machine.Memory.Read(Arm64Layout.GenericEventBase, 1));
        machine.Run();
    }

    [Fact]
    public void SerialOff_HasNoPl011()
    {
        engine.Step = (_, v) => PowerOff(v);
        using var machine = new VirtualMachine(Options(), new MachineHost { Log = Log.Null, CreateEngine = _ => engine });
        Assert.DoesNotContain(machine.Memory.Mmio, m => m.Name == "pl011");
        machine.Run();
    }

    [Fact]
    public void Reset_RebootsWithFreshRam()
    {
        VirtualMachine? machine = null;
        var boots = 0;
        engine.Step = (_, v) =>
        {
            if (++boots == 3)
            {
                return PowerOff(v);
            }

            Assert.Equal(0UL, machine!.Memory.Read(0x4300_0000, 8));
            Assert.Equal(0x644D_5241UL, machine.Memory.Read(0x4040_0038, 4));
            machine.Memory.Write(0x4300_0000, 8, 0x1234);
            machine.Memory.Write(0x4040_0038, 4, 0);
            engine.Configurations[0].Control.RequestStop(MachineStop.Reset);
            return VcpuExit.MachineRequest;
        };
        using (machine = Create(Options()))
        {
            Assert.Equal(RunEnd.PowerOff, machine.Run().End);
            Assert.Equal(3, boots);
            Assert.Equal(2, engine.Vcpus[0].Resets);
            Assert.Equal(3UL, machine.Instructions);
        }
    }

    [Fact]
    public void Reset_UnderNoReboot_EndsTheRun()
    {
        engine.Step = (_, _) =>
        {
            engine.Configurations[0].Control.RequestStop(MachineStop.Reset);
            return VcpuExit.MachineRequest;
        };
        using var machine = Create(Options() with { NoReboot = true });
        Assert.Equal(RunEnd.Reset, machine.Run().End);
        Assert.Equal(0, engine.Vcpus[0].Resets);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TimeLimit_EndsAMachineThatRunsOrSleeps(bool sleeps)
    {
        engine.Step = (_, _) => sleeps ? VcpuExit.Halted : null;
        foreach (ulong? seed in (ulong?[])[null, 1])
        {
            using var machine = Create(Options() with { TimeLimit = TimeSpan.FromMilliseconds(50), DeterministicSeed = seed });
            Assert.Equal(RunEnd.TimeLimit, machine.Run().End);
            engine.Vcpus.Clear();
        }
    }

    [Fact]
    public void StateHash_OfTwoDeterministicRuns_IsTheSame_AndSeesTheSeed()
    {
        string Hash(ulong seed, ulong stopAt)
        {
            var e = new FakeEngine();
            VirtualMachine? machine = null;
            e.Step = (_, v) =>
            {
                machine!.Memory.Write(0x4200_0000 + (v.Retired % 1000 * 8), 8, v.Retired * 3);
                machine.Memory.Write(Arm64Layout.Pl011Base, 4, 'x');
                return null;
            };
            using (machine = new VirtualMachine(
                Options() with { DeterministicSeed = seed, StopAt = stopAt, Cpus = new CpusOption(2, 2) },
                new MachineHost { Log = Log.Null, CreateEngine = _ => e, CreateSerial = () => new FakeBackend() }))
            {
                Assert.Equal(RunEnd.InstructionLimit, machine.Run().End);
                Assert.Equal(stopAt, machine.Instructions);
                return machine.StateHash();
            }
        }

        var first = Hash(1, 10_000);
        Assert.Matches("^[0-9a-f]{32}$", first);
        Assert.Equal(first, Hash(1, 10_000));
        Assert.NotEqual(first, Hash(1, 10_001));
        Assert.NotEqual(first, Hash(2, 10_000));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SerialInput_ReachesTheGuestInOrderAndWhole(bool deterministic)
    {
        var sent = string.Concat(Enumerable.Range(0, 3000).Select(i => (char)('a' + (i % 26))));
        var received = new StringBuilder();
        VirtualMachine? machine = null;
        engine.Step = (_, v) =>
        {
            // UARTFR.RXFE is bit 4; UARTDR is at 0.
            if (v.Retired % 100 != 0 || (machine!.Memory.Read(Arm64Layout.Pl011Base + 0x18, 4) & 0x10) != 0)
            {
                return null;
            }

            received.Append((char)(machine.Memory.Read(Arm64Layout.Pl011Base, 4) & 0xFF));
            return received.Length == sent.Length ? PowerOff(v) : null;
        };
        serial.Input = Encoding.ASCII.GetBytes(sent);
        using (machine = Create(Options() with { DeterministicSeed = deterministic ? 1 : null, TimeLimit = Patience.Limit }))
        {
            // UARTCR: UARTEN, TXE, RXE.
            machine.Memory.Write(Arm64Layout.Pl011Base + 0x30, 4, 0x301);
            machine.Memory.Write(Arm64Layout.Pl011Base + 0x2C, 4, 0x70);
            Assert.Equal(RunEnd.PowerOff, machine.Run().End);
        }

        Assert.Equal(sent, received.ToString());
    }

    [Fact]
    public void PowerButton_RaisesItsGpioLine()
    {
        VirtualMachine? machine = null;

        // PL061 GPIODATA with the mask of line 3 in address bits 9:2.
        const ulong Line3 = Arm64Layout.Pl061Base + (1 << 3 << 2);
        engine.Step = (_, v) => machine!.Memory.Read(Line3, 4) == 8 ? PowerOff(v) : null;
        using (machine = Create(Options() with { DeterministicSeed = 1, TimeLimit = Patience.Limit }))
        {
            machine.PressPowerButton();
            Assert.Equal(RunEnd.PowerOff, machine.Run().End);
        }
    }

    [Fact]
    public void Statistics_CarryTheEnginesCounters()
    {
        engine.Step = (_, v) => v.Retired == 99 ? PowerOff(v) : null;
        using var machine = Create(Options());
        machine.Run();
        var statistics = machine.Statistics();
        Assert.Equal(100UL, statistics.Instructions);
        Assert.Equal(42UL, statistics.BlocksTranslated);
        Assert.Equal([("fake_counter", 1.5)], statistics.Counters);
        Assert.True(statistics.PeakRssBytes > 1 << 20);
        Assert.True(statistics.WallSeconds > 0);
    }

    [Fact]
    public void BadKernel_IsReportedBeforeTheConsoleIsTouched()
    {
        var options = Options() with { Kernel = files.Name("none") };
        Assert.Throws<EmuException>(() => Create(options));
        Assert.False(serial.Created);
    }

    private VcpuExit? PowerOff(FakeVcpu vcpu)
    {
        engine.Configurations[vcpu.Index].Control.RequestStop(MachineStop.PowerOff);
        return VcpuExit.MachineRequest;
    }

    /// <summary>What lies behind the first 64 MiB of data is looked at while the guest runs; a run on damaged memory still ends as one.</summary>
    [Fact]
    public void Restore_FindsDamageInLargeMemory_WhileTheGuestRuns()
    {
        const int Start = 64 << 20, Length = 80 << 20;
        var path = files.Name("snapshot");
        var options = Options() with { Memory = new MemoryOption(160 << 20) };
        using (var machine = Create(options with { SnapshotAt = 1600, SnapshotDirectory = path, StopAt = 3200 }))
        {
            var noise = new byte[Length];
            new Random(1).NextBytes(noise);
            Assert.True(machine.Memory.TryWriteRam(Arm64Layout.RamBase + Start, noise));
            Assert.Equal(RunEnd.InstructionLimit, machine.Run().End);
        }

        using (var machine = Create(options with { RestoreFrom = path, StopAt = 3200 }))
        {
            Assert.Equal(RunEnd.InstructionLimit, machine.Run().End);
        }

        using (var file = File.Open(Path.Combine(path, "memory"), FileMode.Open))
        {
            file.Position = Start + Length - 1;
            var value = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(value ^ 1));
        }

        // Without a limit of its own, and with one that is reached long before the check is done.
        foreach (var limit in (ulong?[])[null, 3200])
        {
            using var machine = Create(options with { RestoreFrom = path, StopAt = limit });
            var outcome = machine.Run();
            Assert.Equal(RunEnd.Failure, outcome.End);
            Assert.Contains("the contents of memory are not what was written", outcome.Failure!.Message, StringComparison.Ordinal);
        }
    }

    private MachineOptions Options() => new() { Kernel = files.Write("Image", TestFiles.Image()), Memory = new MemoryOption(64 << 20) };

    private VirtualMachine Create(MachineOptions options) => new(options, new MachineHost
    {
        Log = Log.Null,
        CreateEngine = _ => engine,
        CreateSerial = () =>
        {
            serial.Created = true;
            return serial;
        },
    });

    /// <summary>A serial back end that types a text as fast as it is taken.</summary>
    private sealed class FakeBackend : ICharBackend
    {
        private readonly object gate = new();
        private ICharSink? sink;
        private int offered;

        public bool Created { get; set; }

        public byte[] Input { get; set; } = [];

        public void Write(ReadOnlySpan<byte> data) { }

        public void Start(ICharSink sink)
        {
            this.sink = sink;
            Resume();
        }

        public void Resume()
        {
            lock (gate)
            {
                while (sink is not null && offered < Input.Length)
                {
                    var taken = sink.Receive(Input.AsSpan(offered));
                    if (taken == 0)
                    {
                        return;
                    }

                    offered += taken;
                }
            }
        }

        public void Flush() { }

        public void CancelWaits() { }

        public void Dispose() { }
    }
}
