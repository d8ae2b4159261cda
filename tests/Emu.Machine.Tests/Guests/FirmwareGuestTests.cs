// Real firmware: Debian's AAVMF and EDK2's CloudHv to the UEFI shell, AAVMF's variables, and Debian's kernel started by AAVMF.
using System.Text;
using Emu.Core;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Machine.Tests.Guests;

public sealed class FirmwareGuestTests : IDisposable
{
    private const string Vendor = "11111111-2222-3333-4444-555555555555";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(30);

    private readonly TestFiles files = new();
    private readonly GuestConsole console = new();

    public void Dispose() => files.Dispose();

    [AavmfTheory]
    [InlineData(EngineKind.Jit, 2)]
    [InlineData(EngineKind.Interpreter, 1)]
    public void Aavmf_ComesToItsShell_KeepsVariablesInTheFile_AndResets(EngineKind engine, int vcpus)
    {
        var options = Aavmf(engine, vcpus) with { Nvram = files.Name("vars") };
        var outcome = Run(options, () =>
        {
            SkipStartup();
            Type("ver");
            console.WaitFor("UEFI Interactive Shell v2.2", Limit);
            Type($"setvar EmuTest -guid {Vendor} -bs -rt -nv =0x1234");

            // A reset starts everything again, the variable included; a warm one is the same here.
            Type("reset -w");
            console.WaitFor("UEFI firmware", Limit);
            SkipStartup();
            Type($"dmpstore -guid {Vendor}");
            console.WaitFor("34 12", Limit);
            Type("reset -s");
        });
        Assert.Equal(RunEnd.PowerOff, outcome.End);

        // Another machine with the same file.
        outcome = Run(options, () =>
        {
            SkipStartup();
            Type($"dmpstore -guid {Vendor}");
            console.WaitFor("34 12", Limit);
            Type("reset -s");
        });
        Assert.Equal(RunEnd.PowerOff, outcome.End);
    }

    [AavmfFact]
    public void Aavmf_RunsStartupNsh_OfAFatDisk_AndForgetsVariablesWithoutAFile()
    {
        var disk = files.Write("esp", FatImage.Create("startup.nsh", Encoding.ASCII.GetBytes($"@echo -off\r\nfs0:\r\nif not exist seen.txt then\r\nsetvar Gone -guid {Vendor} -nv -bs =01\r\necho first > seen.txt\r\nreset\r\nendif\r\ndmpstore Gone -guid {Vendor}\r\necho Over\r\nreset -s\r\n")));
        var options = Aavmf(EngineKind.Jit, 1) with { Devices = new DeviceOptions { Disks = [DiskOption.Parse($"path={disk}")] } };
        Assert.Equal(RunEnd.PowerOff, Run(options, () => console.WaitFor("Over", Limit)).End);
        Assert.Contains("Gone", console.Text, StringComparison.Ordinal);
        Assert.Equal(RunEnd.PowerOff, Run(options, () => console.WaitFor("Over", Limit)).End);
        Assert.Contains("No matching variables found", console.Text, StringComparison.Ordinal);
    }

    [AavmfFact]
    public void Kernel_StartedByAavmf_FindsAcpiWithoutFault_ItsDevices_AndReboots()
    {
        var disk = files.Write("disk", new byte[1 << 20]);
        var options = Kernel(
            "dmesg; for m in virtio_pci virtio_blk qemu_fw_cfg efivarfs; do modprobe $m; done\n"
            + GuestFiles.Await("/dev/vda", "/dev/vdb", "/sys/firmware/qemu_fw_cfg/rev")
            + "cat /sys/block/vd?/serial; ls /sys/firmware/acpi/tables\n"
            + "cat /sys/firmware/qemu_fw_cfg/rev; cmp /sys/firmware/qemu_fw_cfg/by_name/etc/table-loader/raw /dev/zero; cat /sys/firmware/qemu_fw_cfg/by_name/etc/acpi/tables/size\n"
            + $"mount -t efivarfs none /sys/firmware/efi/efivars; v=/sys/firmware/efi/efivars/EmuTest-{Vendor}; [ -e $v ] && tail -c 5 $v || printf '\\007\\0\\0\\0kept\\n' >$v\n"
            + "if [ \"$(dd if=/dev/vda bs=5 count=1 2>/dev/null)\" = first ]; then echo second boot; else printf first | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null; reboot -f; fi\n") with
        {
            Cpus = new CpusOption(2, 2),
            Platform = PlatformOption.Parse("num_pci_segments=2", []),
            Devices = new DeviceOptions { Disks = [DiskOption.Parse($"path={disk},serial=D0"), DiskOption.Parse($"path={files.Write("disk1", new byte[1 << 20])},serial=D1,pci_segment=1")] },
        };
        Assert.Equal(RunEnd.PowerOff, Run(options).End);
        var text = console.Text;
        Assert.Contains("D0D1", text, StringComparison.Ordinal);
        Assert.Contains("second boot", text, StringComparison.Ordinal);

        // Linux's own driver reads fw_cfg by DMA; a variable set by a runtime service is there after the reset.
        Assert.Matches(@"\n3\n.*table-loader/raw /dev/zero differ: (char|byte) 1[^\n]*\n\d{4,}\nkept\n", text);
        Assert.Contains("EFI v2.70 by ", text, StringComparison.Ordinal);
        Assert.Contains("smp: Brought up 1 node, 2 CPUs", text, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?i)ACPI[^\n]*(Error|Exception|Warning|BIOS)|Firmware Bug", text);
    }

    [AavmfFact]
    public void Aavmf_IsTheSameOnBothEngines_AndFromSnapshotsInTheMiddleOfIt()
    {
        // By then the flash was written, fw_cfg was read, and the kernel runs.
        const ulong End = 700_000_000;
        var options = Kernel("true") with { DeterministicSeed = 1, StopAt = End, Cpus = new CpusOption(2, 2) };
        var expected = Hash(options);
        foreach (var at in (ReadOnlySpan<ulong>)[90_000_000, 250_000_000])
        {
            var directory = files.Name($"snapshot{at}");
            Assert.Equal(expected, Hash(options with { SnapshotAt = at, SnapshotDirectory = directory, Engine = EngineKind.Interpreter }));
            Assert.Equal(expected, Hash(options with { RestoreFrom = directory }));
        }
    }

    [Fact]
    [Trait("Category", "Nightly")]
    public void CloudHv_ComesToItsShell()
    {
        var options = Aavmf(EngineKind.Jit, 2) with { Firmware = GuestFiles.Firmware };
        var outcome = Run(options, () =>
        {
            console.WaitFor("ESCAPE for boot options", Limit);
            console.Type("s");
            SkipStartup();
            Type("ver");
            console.WaitFor("UEFI Interactive Shell v2.2", Limit);
            Type("map");
            console.WaitFor("map", Limit);
            Type("reset -s");
        });
        Assert.Equal(RunEnd.PowerOff, outcome.End);
    }

    private static MachineOptions Aavmf(EngineKind engine, int vcpus) => new()
    {
        Firmware = GuestFiles.Aavmf,
        Engine = engine,
        Cpus = new CpusOption(vcpus, vcpus),
        TimeLimit = Limit,
    };

    private static MachineOptions Kernel(string command) => Aavmf(EngineKind.Jit, 1) with
    {
        Kernel = GuestFiles.Kernel,
        Initramfs = GuestFiles.Initramfs,
        CommandLine = $"console=ttyAMA0 panic=-1 quiet emu.exec={Convert.ToBase64String(Encoding.UTF8.GetBytes(command))}",
    };

    private static string Hash(MachineOptions options)
    {
        using var machine = new VirtualMachine(options, new MachineHost { Log = Log.Null, CreateSerial = () => new GuestConsole() });
        Assert.Equal(RunEnd.InstructionLimit, machine.Run().End);
        return machine.StateHash();
    }

    /// <summary>The shell counts down before it runs startup.nsh.</summary>
    private void SkipStartup()
    {
        console.WaitFor("any other key to continue", Limit);
        console.Type("\x1b");
    }

    private void Type(string line)
    {
        console.WaitFor("Shell> ", Limit);
        console.Type(line + "\r");
    }

    private RunOutcome Run(MachineOptions options, Action? user = null)
    {
        using var machine = new VirtualMachine(options, new MachineHost { Log = Log.Null, CreateSerial = () => console.Again() });
        var run = Task.Run(machine.Run);
        user?.Invoke();
        var outcome = run.GetAwaiter().GetResult();
        Assert.True(outcome.End != RunEnd.TimeLimit, $"the guest did not end; it printed: {console.Text}");
        return outcome;
    }
}

/// <summary>Skipped, with the reason, where the firmware is not installed.</summary>
internal sealed class AavmfFactAttribute : FactAttribute
{
    public AavmfFactAttribute() => Skip = AavmfTheoryAttribute.Reason;
}

/// <summary>As <see cref="AavmfFactAttribute"/>, for theories.</summary>
internal sealed class AavmfTheoryAttribute : TheoryAttribute
{
    public AavmfTheoryAttribute() => Skip = Reason;

    public static string? Reason => File.Exists(GuestFiles.Aavmf) ? null : $"{GuestFiles.Aavmf} is missing: install qemu-efi-aarch64";
}
