// Debian's kernel on the machine's PCI devices: what its drivers find, that data arrives on the host, and how its ends reach the machine.
using System.Text;
using Emu.Core;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Machine.Tests.Guests;

public sealed class DeviceGuestTests : IDisposable
{
    private const string LoadDrivers = "for m in virtio_pci virtio_blk virtio_net virtio-rng virtio_console virtio_balloon; do modprobe $m; done\n";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(30);

    /// <summary>The handler of the power button's key reads it: a press before that is lost.</summary>
    private const string AwaitPowerButton = "until ls -l /proc/$(pidof acpid)/fd 2>/dev/null | grep -q /dev/input/event; do sleep 1; done; echo READY; sleep 10000\n";

    private readonly TestFiles files = new();
    private readonly GuestConsole console = new();

    public void Dispose() => files.Dispose();

    [Fact]
    public void Guest_WorksWithItsDevices_AndItsDataArrivesOnTheHost()
    {
        var disk = files.Write("disk", new byte[8 << 20]);
        var hvc = new GuestConsole();
        var options = Options(
            LoadDrivers
            + GuestFiles.Await("/dev/vda", "/dev/vdb", "/dev/hwrng", "/dev/hvc0", "/sys/class/net/eth0")
            + "printf 'written by the guest' | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null\n"
            + "cat /sys/block/vda/serial; echo; cat /sys/block/vdb/size\n"
            + "dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c\n"
            + "echo over virtio >/dev/hvc0\n"
            + "ip link set eth0 up; udhcpc -i eth0 -q -n -f -t 20 2>&1 | grep obtained\n"
            + "grep ITS-MSI /proc/interrupts\n") with
        {
            Cpus = new CpusOption(2, 2),
            Platform = PlatformOption.Parse("num_pci_segments=2", []),
            Devices = new DeviceOptions
            {
                Disks = [DiskOption.Parse($"path={disk},serial=D1,num_queues=2"), DiskOption.Parse($"path={files.Write("disk2", new byte[1 << 20])},pci_segment=1")],
                Nets = [NetOption.Parse("mode=user")],
                Balloon = BalloonOption.Parse("size=0"),
                Console = ConsoleOption.Parse("null"),
            },
        };
        Assert.Equal(RunEnd.PowerOff, Run(options, hvc).End);
        var text = console.Text;
        Assert.Contains("D1\n2048\n64\n", text, StringComparison.Ordinal);
        Assert.Contains("lease of 10.0.2.15 obtained", text, StringComparison.Ordinal);
        Assert.Contains("over virtio", hvc.Text, StringComparison.Ordinal);
        Assert.Equal("written by the guest", Encoding.ASCII.GetString(File.ReadAllBytes(disk), 0, 20));

        // A column for each vCPU: which of the two took the requests' interrupts is the guest's scheduler's business.
        Assert.Matches(@"\d+: +(\d+ +[1-9]\d*|[1-9]\d* +\d+) +ITS-MSI \d+ Edge +virtio\d-req\.[01]", text);

        // Interrupt numbers are segment << 27 | devfn << 11 | vector in Linux; segment 1 has its disk in slot 0.
        Assert.Matches($@"ITS-MSI {1 << 27} Edge +virtio\d-config", text);
    }

    [Fact]
    public void Guest_WithDevices_IsTheSameEveryTime_WhenDeterministic()
    {
        string Hash()
        {
            var guest = Options(LoadDrivers + GuestFiles.Await("/dev/vda", "/sys/class/net/eth0") + "dd if=/dev/vda bs=64k 2>/dev/null | sha256sum; dd if=/dev/zero of=/dev/vda bs=4k count=9 conv=fsync 2>/dev/null; ip link set eth0 up; udhcpc -i eth0 -q -n -f") with
            {
                DeterministicSeed = 1,
                Devices = new DeviceOptions
                {
                    Disks = [DiskOption.Parse($"path={files.Write("disk", [.. Enumerable.Repeat((byte)9, 1 << 20)])}")],
                    Nets = [NetOption.Parse("mode=user")],
                    Balloon = BalloonOption.Parse("size=16M"),
                },
            };
            using var machine = new VirtualMachine(guest, new MachineHost { Log = Log.Null, CreateSerial = () => new GuestConsole() });
            Assert.Equal(RunEnd.PowerOff, machine.Run().End);
            return machine.StateHash();
        }

        Assert.Equal(Hash(), Hash());
    }

    [Fact]
    public void Guest_KeepsItsDisk_AcrossAReset()
    {
        var disk = files.Write("disk", new byte[1 << 20]);
        var options = Options(
            LoadDrivers
            + GuestFiles.Await("/dev/vda")
            + "if [ \"$(dd if=/dev/vda bs=5 count=1 2>/dev/null)\" = first ]; then echo second boot; else printf first | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null; reboot -f; fi\n") with
        {
            Devices = new DeviceOptions { Disks = [DiskOption.Parse($"path={disk}")] },
        };
        Assert.Equal(RunEnd.PowerOff, Run(options).End);
        Assert.Contains("second boot", console.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Panic_EndsTheRun()
    {
        var options = Options(
            "for d in /sys/bus/pci/devices/*; do [ \"$(cat $d/device)\" = 0x0011 ] && p=$d; done\n"
            + "echo 1 >$p/enable; read start rest <$p/resource; devmem $start 8 1; sleep 10000\n") with
        {
            Devices = new DeviceOptions { Pvpanic = true },
        };
        Assert.Equal(RunEnd.Panic, Run(options).End);
    }

    [Fact]
    public void Nodes_AreWhatTheDeviceTreeSays()
    {
        Assert.Equal(RunEnd.PowerOff, Run(WithTwoNodes(Options(ShowNodes))).End);
        AssertTwoNodes();
    }

    [Fact]
    public void Devices_BehindTheIommu_WorkThroughItsMappings()
    {
        var content = new byte[8 << 20];
        new Random(1).NextBytes(content);
        var first = files.Write("first", content);
        var second = files.Write("second", content);
        var options = Options(
            "for m in virtio_iommu virtio_blk virtio_net; do modprobe $m; done\n"
            + GuestFiles.Await("/dev/vda", "/dev/vdb", "/sys/class/net/eth0")
            + "ls /sys/class/iommu/*/devices | cat; cat /sys/kernel/iommu_groups/*/type\n"
            + "sha256sum </dev/vda; sha256sum </dev/vdb; dd if=/dev/vda of=/dev/vdb bs=64k skip=1 conv=fsync 2>/dev/null\n"
            + "ip link set eth0 up; udhcpc -i eth0 -q -n -f -t 20 2>&1 | grep obtained\n") with
        {
            Kernel = GuestFiles.TrixieKernel,
            Initramfs = GuestFiles.TrixieInitramfs,
            Platform = PlatformOption.Parse("num_pci_segments=2,iommu_segments=[1]", []),
            Devices = new DeviceOptions
            {
                Disks = [DiskOption.Parse($"path={first},iommu=on"), DiskOption.Parse($"path={second},pci_segment=1,num_queues=2")],
                Nets = [NetOption.Parse("mode=user,iommu=on")],
            },
        };
        Assert.Equal(RunEnd.PowerOff, Run(options).End);
        var text = console.Text.ReplaceLineEndings("\n");
        Assert.Contains("0000:00:02.0\n0000:00:03.0\n0001:00:00.0\nDMA\nDMA\nDMA\n", text, StringComparison.Ordinal);
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content));
        Assert.Equal(2, System.Text.RegularExpressions.Regex.Count(text, hash));
        Assert.Equal(content[65536..], File.ReadAllBytes(second)[..^65536]);
        Assert.Contains("lease of 10.0.2.15 obtained", text, StringComparison.Ordinal);
    }

    /// <summary>The guest fills a file system in memory and empties it; what it has no use for any more goes back to the host.</summary>
    [Fact]
    public void FreePages_GoBackToTheHost()
    {
        const long Filled = 300L << 20;
        var options = Options(
            "modprobe virtio_pci; modprobe virtio_balloon; mkdir /t; mount -t tmpfs t /t; dd if=/dev/zero bs=1M count=300 2>/dev/null | tr '\\0' x >/t/f\n"
            + "echo FULL; read x; rm /t/f; while true; do sleep 1; echo TICK; done\n") with
        {
            Memory = new MemoryOption(768UL << 20),
            Devices = new DeviceOptions { Balloon = BalloonOption.Parse("size=0,free_page_reporting=on") },
        };
        RunBeside(options, machine =>
        {
            // Of the guest's RAM alone: other tests run in this process.
            console.WaitFor("FULL\n", Limit);
            var full = GuestFiles.ResidentBytes(machine.Memory.Ram[0]);
            console.Type("\n");
            do
            {
                console.WaitFor("TICK\n", Limit);
            }
            while (GuestFiles.ResidentBytes(machine.Memory.Ram[0]) > full - (Filled * 3 / 4));
        });
    }

    [Fact]
    public void PowerButton_IsAGpioKey_WhenBootedWithADeviceTree()
    {
        var options = Options(AwaitPowerButton);
        Assert.Equal(RunEnd.PowerOff, RunAndPress(options).End);
    }

    [Fact]
    [Trait("Category", "Nightly")]
    public void PowerButton_IsAnAcpiEvent_WhenBootedThroughFirmware_AndTheKernelFindsNoFaultInTheTables()
    {
        // A FAT disk with kernel and initramfs, started by hand from the UEFI shell.
        var disk = files.Name("esp");
        Tool("truncate", "-s", "120M", disk);
        Tool("/usr/sbin/mkfs.vfat", "-F", "32", disk);
        Tool("mcopy", "-i", disk, GuestFiles.Kernel, "::/vmlinuz");
        Tool("mcopy", "-i", disk, GuestFiles.Initramfs, "::/initrd");
        var options = Options("") with
        {
            Kernel = null,
            Initramfs = null,
            CommandLine = "",
            Firmware = GuestFiles.Firmware,
            Cpus = new CpusOption(2, 2),
            Memory = new MemoryOption(1UL << 30),
            Devices = new DeviceOptions { Disks = [DiskOption.Parse($"path={disk}")] },
        };
        var command = "dmesg | grep ACPI; grep Ged /proc/interrupts; " + AwaitPowerButton;
        var outcome = RunAndPress(options, () =>
        {
            console.WaitFor("ESCAPE for boot options", Limit);
            console.Type("s");
            foreach (var line in (ReadOnlySpan<string>)["", "connect -r", "map -r", "fs0:", $"vmlinuz initrd=\\initrd console=ttyAMA0 emu.exec={Base64(command)}"])
            {
                console.WaitFor("> ", Limit);
                console.Type(line + "\r");
            }
        });
        Assert.Equal(RunEnd.PowerOff, outcome.End);
        Assert.Contains("ACPI:Ged", console.Text, StringComparison.Ordinal);
        Assert.DoesNotMatch("ACPI.*(Error|Exception|Warning|BIOS)", console.Text);
    }

    /// <summary>Debian's AAVMF starts a kernel with the ACPI tables in ten seconds.</summary>
    [AavmfFact]
    public void NodesAndIommu_AreWhatTheAcpiTablesSay()
    {
        var content = new byte[4 << 20];
        new Random(2).NextBytes(content);
        var options = WithTwoNodes(Options(
            ShowNodes + "for m in virtio_iommu virtio_blk; do modprobe $m; done\n" + GuestFiles.Await("/dev/vda") + "ls /sys/class/iommu/*/devices; sha256sum </dev/vda\n")) with
        {
            Firmware = GuestFiles.Aavmf,
            Kernel = GuestFiles.TrixieKernel,
            Initramfs = GuestFiles.TrixieInitramfs,
            Devices = new DeviceOptions { Disks = [DiskOption.Parse($"path={files.Write("disk", content)},iommu=on")] },
        };
        Assert.Equal(RunEnd.PowerOff, Run(options).End);
        AssertTwoNodes();
        Assert.Contains("0000:00:02.0", console.Text, StringComparison.Ordinal);
        Assert.Contains(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content)), console.Text, StringComparison.Ordinal);
    }

    [AavmfFact]
    public void Smbios_SaysWhatTheUserSaid()
    {
        var options = Options(
            "cd /sys/class/dmi/id; cat sys_vendor product_name product_serial product_uuid; ls /sys/firmware/dmi/tables | cat\n"
            + "dd if=/sys/firmware/dmi/tables/DMI bs=1M 2>/dev/null | tr '\\0' '\\n' | grep -a -o -e 'first' -e 'io.systemd.*'\n") with
        {
            Firmware = GuestFiles.Aavmf,
            Platform = PlatformOption.Parse("serial_number=ds=nocloud,uuid=6f1c2a8e-0d1b-4e52-9a63-2f1b7c3d4e5f,oem_strings=[first,io.systemd.credential:x=y]", []),
        };
        Assert.Equal(RunEnd.PowerOff, Run(options).End);
        Assert.Contains(
            "Cloud Hypervisor\ncloud-hypervisor\nds=nocloud\n6f1c2a8e-0d1b-4e52-9a63-2f1b7c3d4e5f\nDMI\nsmbios_entry_point\nfirst\nio.systemd.credential:x=y\n",
            console.Text, StringComparison.Ordinal);
    }

    /// <summary>The whole way of the DSDT: event device, hotplug controller, the kernel's acpiphp driver, and eject.</summary>
    [AavmfFact]
    public void Disk_ComesAndGoes_InARunningGuest()
    {
        var content = new byte[4 << 20];
        new Random(3).NextBytes(content);
        var (first, second) = (files.Write("first", content), files.Write("second", [.. content.Reverse()]));
        var options = Options(
            "for m in virtio_pci virtio_blk; do modprobe $m; done\n"
            + "await() { until [ $1 -b /dev/$2 ]; do sleep 0.1; done 2>/dev/null; }\n"
            + "echo READY; await '' vda; sha256sum </dev/vda; printf written | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null; await '' vdb; sha256sum </dev/vdb\n"
            + "echo BOTH; await ! vda; [ -b /dev/vdb ] && echo GONE; ls /sys/bus/pci/devices | wc -l; await '' vda; dd if=/dev/vda bs=7 count=1 2>/dev/null; echo; echo AGAIN; await ! vda; await ! vdb\n"
            + "dmesg | grep -i -E 'acpi.*(error|warn)|pci.*(fail|no space)'; read ejected\n") with
        {
            Firmware = GuestFiles.Aavmf,
            Cpus = new CpusOption(2, 2),
            Devices = new DeviceOptions { Disks = [] },
        };
        using var machine = new VirtualMachine(options, new MachineHost { Log = Log.Null, CreateSerial = () => console });
        var run = Task.Run(machine.Run);
        console.WaitFor("READY\n", Limit);
        Assert.Equal("disk0", machine.AddDisk(DiskOption.Parse($"path={first}")));
        Assert.Contains("another device has this id", Assert.Throws<EmuException>(() => machine.AddDisk(DiskOption.Parse($"path={second},id=disk0"))).Message, StringComparison.Ordinal);
        Assert.Equal("extra", machine.AddDisk(DiskOption.Parse($"path={second},id=extra,pci_device_id=9")));
        console.WaitFor("BOTH\n", Limit);
        Assert.Contains("cannot be saved", Assert.Throws<EmuException>(() => machine.Snapshot(files.Name("snapshot"))).Message, StringComparison.Ordinal);
        machine.RemoveDevice("disk0");
        console.WaitFor("GONE\n", Limit);

        // The image was closed: it can be opened again, and holds what the guest wrote.
        Patience.Until(() => !machine.HasDevice("disk0"), "the disk was not ejected");
        Assert.Equal("written", Encoding.ASCII.GetString(File.ReadAllBytes(first), 0, 7));
        Assert.Equal("disk0", machine.AddDisk(DiskOption.Parse($"path={first}")));
        console.WaitFor("written\nAGAIN\n", Limit);
        machine.RemoveDevice("disk0");
        machine.RemoveDevice("extra");

        // The guest's device files go before it ejects the devices: it does not power off between the two.
        Patience.Until(() => !machine.HasDevice("disk0") && !machine.HasDevice("extra"), "the disks were not ejected");
        console.Type("\n");
        Assert.Equal(RunEnd.PowerOff, run.GetAwaiter().GetResult().End);
        Assert.Contains("there is no device extra", Assert.Throws<EmuException>(() => machine.RemoveDevice("extra")).Message, StringComparison.Ordinal);
        var hashes = new[] { content, [.. content.Reverse()] }.Select(c => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(c)));
        Assert.All(hashes, h => Assert.Contains(h, console.Text, StringComparison.Ordinal));
        Assert.DoesNotContain("ACPI", console.Text, StringComparison.Ordinal);
    }

    private const string ShowNodes = "cd /sys/devices/system/node; cat node*/cpulist node*/distance; grep -h MemTotal node*/meminfo\n";

    /// <summary>Two vCPUs and 1 GiB, a quarter of it on the first node.</summary>
    private static MachineOptions WithTwoNodes(MachineOptions options) => options with
    {
        Cpus = new CpusOption(2, 2),
        Memory = MemoryOption.Parse(null, ["id=near,size=256M", "id=far,size=768M"]),
        Numa = [NumaOption.Parse("guest_numa_id=0,cpus=[0],memory_zones=[near],distances=[1@27]"), NumaOption.Parse("guest_numa_id=1,cpus=[1],memory_zones=[far]")],
    };

    private void AssertTwoNodes()
    {
        Assert.Matches(@"\n0\n1\n10 27\n27 10\nNode 0 MemTotal: +2\d{5} kB\nNode 1 MemTotal: +7\d{5} kB\n", console.Text.ReplaceLineEndings("\n"));
    }

    private static string Base64(string command) => Convert.ToBase64String(Encoding.UTF8.GetBytes(command));

    private static void Tool(string name, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(name, arguments) { RedirectStandardOutput = true })!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static MachineOptions Options(string command) => new()
    {
        Kernel = GuestFiles.Kernel,
        Initramfs = GuestFiles.Initramfs,
        CommandLine = $"console=ttyAMA0 quiet emu.exec={Base64(command)}",
        Engine = EngineKind.Jit,
        TimeLimit = Limit,
    };

    private RunOutcome Run(MachineOptions options, GuestConsole? hvc = null)
    {
        using var machine = new VirtualMachine(options, new MachineHost { Log = Log.Null, CreateSerial = () => console, CreateConsole = () => hvc });
        var outcome = machine.Run();
        Assert.True(outcome.End != RunEnd.TimeLimit, $"the guest did not end; it printed: {console.Text}");
        return outcome;
    }

    /// <summary>Does something while a guest runs, and ends it.</summary>
    private void RunBeside(MachineOptions options, Action<VirtualMachine> action)
    {
        using var machine = new VirtualMachine(options, new MachineHost { Log = Log.Null, CreateSerial = () => console });
        var run = Task.Run(machine.Run);
        action(machine);
        machine.Control.Stop(new RunOutcome(RunEnd.Quit));
        Assert.Equal(RunEnd.Quit, run.GetAwaiter().GetResult().End);
    }

    private RunOutcome RunAndPress(MachineOptions options, Action? before = null)
    {
        using var machine = new VirtualMachine(options, new MachineHost { Log = Log.Null, CreateSerial = () => console });
        var run = Task.Run(machine.Run);
        before?.Invoke();
        console.WaitFor("READY\n", Limit);
        machine.PressPowerButton();
        return run.GetAwaiter().GetResult();
    }
}
