// The options of a machine on the command line, shared by the commands that run one.
using System.CommandLine;
using Emu.Cli.Guests;
using Emu.Cli.Reports;
using Emu.Core;
using Emu.Cpu.Jit;
using Emu.Debug;
using Emu.Machine.Boot;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Cli.Commands;

/// <summary>Declares the options and turns what was parsed into <see cref="MachineOptions"/>.</summary>
internal sealed class RunOptions
{
    private const string DeterministicName = "--deterministic";
    private const string DefaultSeed = "0";

    private readonly Option<string> kernel = Text("--kernel", "FILE", "Kernel: an arm64 Image, plain, gzip-compressed or EFI zboot.");
    private readonly Option<string> firmware = Text("--firmware", "FILE", "Firmware: EDK2's ArmVirtQemu (AAVMF_CODE.fd), which can start --kernel, or ArmVirtCloudHv (CLOUDHV_EFI.fd).");
    private readonly Option<string> firmwareKind = Text("--firmware-kind", "auto|aavmf|cloudhv", "Which of the two it is (default auto: read from the image).");
    private readonly Option<string> nvram = Text("--nvram", "FILE", "AAVMF's variables; made when it is missing (default: gone at exit).");
    private readonly Option<string> initramfs = Text("--initramfs", "FILE", "Initial RAM file system.");
    private readonly Option<string> commandLine = Text("--cmdline", "STR", "Kernel command line.");
    private readonly Option<string> cpus = Text("--cpus", "boot=N[,max=M]", "vCPUs, 1 to 32 (default boot=1).");
    private readonly Option<string> cpu = Text("--cpu", "max[,-FEATURE]...", "What the vCPUs implement: everything, less what is named (see emu isa arm64 --features); pauth-qarma5 chooses that algorithm.");
    private readonly Option<string> memory = Text("--memory", "size=SIZE,...", "RAM, with suffix K, M, G or T (default size=512M); shared=, prefault=, mergeable=, thp=on|off.");
    private readonly Option<string[]> zones = Texts("--memory-zone", "id=ID,size=SIZE", "A part of RAM for a NUMA node, in place of --memory size=; repeatable.");
    private readonly Option<string[]> numa = Texts("--numa", "guest_numa_id=N,...", "A NUMA node: cpus=[0-3,5], memory_zones=[ID], pci_segments=[N], distances=[NODE@10..254], device_id=ID; repeatable.");
    private readonly Option<string> platform = Text("--platform", "num_pci_segments=N,...", "The machine's PCI segments, 1 to 96 (default 1); iommu_segments=[N] puts all devices of a segment behind an IOMMU, iommu_address_width=BITS; serial_number=, uuid= and oem_strings=[A,B] are what SMBIOS says of it.");
    private readonly Option<string[]> pciSegments = Texts("--pci-segment", "pci_segment=N,mmio32_aperture_weight=W,mmio64_aperture_weight=W", "A segment's share of the PCI windows; repeatable.");
    private readonly Option<string[]> disks = Texts("--disk", "path=FILE,...", "A disk: path=, readonly=, direct=, serial=, image_type=raw|qcow2|fixedvhd|vhdx, backing_files=, sparse=, num_queues=, queue_size=; repeatable.");
    private readonly Option<string[]> nets = Texts("--net", "mode=MODE,...", "A network card: mode=user[,hostfwd=tcp::PORT-:PORT]|passt|socket|tap, socket=, listen=, tap=, mac=, mtu=, num_queues=; repeatable.");
    private readonly Option<string> console = Text("--console", "WHERE", "Virtio console: tty, file=PATH, null, off or socket=PATH (default off; tty takes the terminal from the serial port).");
    private readonly Option<string> rng = Text("--rng", "src=/dev/urandom", "Keys of the entropy device, which every machine has: id=, pci_segment=, pci_device_id=.");
    private readonly Option<string> balloon = Text("--balloon", "size=SIZE,...", "A memory balloon: size=, deflate_on_oom=on|off, free_page_reporting=on|off.");
    private readonly Option<string[]> pmems = Texts("--pmem", "file=FILE,...", "Persistent memory: file=, size=, discard_writes=on|off; repeatable.");
    private readonly Option<string[]> fileSystems = Texts("--fs", "tag=TAG,socket=PATH", "A directory of the host that virtiofsd serves at the socket; repeatable.");
    private readonly Option<string> vsock = Text("--vsock", "cid=N,socket=PATH", "Sockets between guest and host.");
    private readonly Option<bool> watchdog = Flag("--watchdog", "A watchdog that resets the machine when the guest stops to ping it.");
    private readonly Option<bool> pvpanic = Flag("--pvpanic", "A device by which the guest tells that it panicked; the run ends with status 11.");
    private readonly Option<bool> rtc = Flag("--rtc", "A virtio real-time clock.");
    private readonly Option<string> serial = Text("--serial", "WHERE", "Serial port: tty, file=PATH, null, off or socket=PATH (default tty).");
    private readonly Option<string> architecture = Text("--arch", "arm64|x86_64", "Guest architecture (default: read from the kernel).");
    private readonly Option<string> engine = Text("--engine", "auto|interpreter|jit", "CPU engine (default auto: jit).");
    private readonly Option<string> codeCache = Text("--code-cache", "SIZE", "Host memory for translated and compiled guest code, at most (default 160M; guests on a disk 512M).");
    private readonly Option<string> threshold = Text("--jit-threshold", "N", "Entries after which the jit engine compiles a block (default 1500).");
    private readonly Option<string> blockThreshold = Text("--jit-block-threshold", "N", "Entries after which its lower tier may compile a block alone before that (default 0, never).");
    private readonly Option<string> deterministic = Text(DeterministicName, "SEED", "Same run every time: time is counted in instructions; written --deterministic or --deterministic=SEED.");
    private readonly Option<string> timeLimit = Text("--time-limit", "SECONDS", "Stop after that much host time, with status 124.");
    private readonly Option<string> stopAt = Text("--stop-at", "INSTRUCTIONS", "Stop when so many instructions were retired, to the exact one.");
    private readonly Option<string[]> snapshotAt = new("--snapshot-at")
    {
        Description = "When so many instructions were retired, save the machine into the directory, then go on.",
        HelpName = "INSTRUCTIONS DIR",
        Arity = new ArgumentArity(2, 2),
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string> statsJson = Text("--stats-json", "FILE", "At exit, write the figures of the run as JSON.");
    private readonly Option<string> trace = Text("--trace", "FILE", "Write a line for each instruction: disassembly and the registers it changed.");
    private readonly Option<string> traceFrom = Text("--trace-from", "INSTRUCTIONS", "Begin the trace when so many instructions were retired (default 0).");
    private readonly Option<string> traceCount = Text("--trace-count", "INSTRUCTIONS", "Instructions in the trace (default: to the end).");
    private readonly Option<bool> noReboot = Flag("--no-reboot", "A guest reset ends the run, with status 10.");
    private readonly Option<bool> semihosting = Flag("--semihosting", "Let the guest use Arm semihosting: console output and exit code.");
    private readonly Option<bool> stats = Flag("--stats", "At exit, print the figures of the run on standard error.");
    private readonly Option<bool> stateHash = Flag("--state-hash", "At exit, print a hash of the machine's state.");

    /// <summary>Gives a bare "--deterministic" its default seed, so that it never swallows the word behind it.</summary>
    public static string[] Normalize(string[] arguments)
    {
        var result = (string[])arguments.Clone();
        for (var i = 0; i < result.Length; i++)
        {
            // Behind an option that wants a value, the word is that value.
            var isValue = i > 0 && result[i - 1] is "--cmdline" or "--exec";
            if (result[i] == DeterministicName && !isValue)
            {
                result[i] = $"{DeterministicName}={DefaultSeed}";
            }
        }

        return result;
    }

    /// <summary>Adds the options to a command.</summary>
    public RunOptions AddTo(Command command)
    {
        foreach (var option in (ReadOnlySpan<Option>)[kernel, firmware, nvram, initramfs, commandLine, .. Machinery, .. Session])
        {
            command.Options.Add(option);
        }

        return this;
    }

    /// <summary>Adds those that a restored machine takes: what belongs to the run, not to the machine.</summary>
    public RunOptions AddSessionTo(Command command)
    {
        foreach (var option in Session)
        {
            command.Options.Add(option);
        }

        return this;
    }

    /// <summary>Options that make the machine what it is, besides the images.</summary>
    private Option[] Machinery =>
    [
        firmwareKind, cpus, cpu, memory, zones, numa, disks, nets, console, rng, balloon, pmems, fileSystems, vsock, watchdog, pvpanic, rtc, platform, pciSegments, architecture, deterministic, semihosting,
    ];

    /// <summary>Options of one run of it.</summary>
    private Option[] Session =>
        [serial, engine, codeCache, threshold, blockThreshold, timeLimit, noReboot, stopAt, snapshotAt, stateHash, stats, statsJson, trace, traceFrom, traceCount];

    /// <summary>The machine's options as text, for a snapshot.</summary>
    private List<string> Arguments(ParseResult parsed, MachineOptions machine, GuestDefaults? guest)
    {
        List<string> arguments = [commandLine.Name, machine.CommandLine];
        foreach (var (name, path) in ((string, string?)[])[(kernel.Name, machine.Kernel), (firmware.Name, machine.Firmware), (nvram.Name, machine.Nvram), (initramfs.Name, machine.Initramfs)])
        {
            if (!string.IsNullOrEmpty(path))
            {
                arguments.AddRange([name, Path.GetFullPath(path)]);
            }
        }

        arguments.AddRange(Disks(parsed, guest).SelectMany(d => (string[])[disks.Name, d]));
        arguments.AddRange(Nets(parsed, guest).SelectMany(n => (string[])[nets.Name, n]));
        foreach (var option in (ReadOnlySpan<Option>)[.. Machinery, serial, engine])
        {
            if (option != disks && option != nets && parsed.GetResult(option) is { Implicit: false } result)
            {
                // A flag stands alone; an option given several times is repeated.
                arguments.AddRange(result.Tokens.Count == 0 ? [option.Name] : result.Tokens.SelectMany(t => (string[])[option.Name, t.Value]));
            }
        }

        return arguments;
    }

    /// <summary>The machine of a snapshot, with what the user asks of this run.</summary>
    /// <param name="parsed">The line of emu restore.</param>
    /// <param name="directory">The snapshot.</param>
    /// <exception cref="EmuException">A bad snapshot, or a malformed value.</exception>
    public MachineOptions Restored(ParseResult parsed, string directory)
    {
        var configuration = new SnapshotDirectory(directory).ReadState().Configuration;
        var saved = new RunOptions();
        var command = new Command("run");
        saved.AddTo(command);
        var machine = command.Parse(configuration.Arguments);
        if (machine.Errors.Count > 0)
        {
            throw new EmuException($"snapshot {directory} is damaged: its options: {machine.Errors[0].Message.TrimEnd('.').ReplaceLineEndings(" ")}");
        }

        var full = Path.GetFullPath(directory);
        var options = saved.Machine(machine, guest: null) with { RestoreFrom = full };
        return OfThisRun(parsed, options with
        {
            Serial = parsed.GetValue(serial) is { } s ? SerialOption.Parse(s) : options.Serial,
            Engine = parsed.GetValue(engine) is { } e ? MachineOptions.ParseEngine(e) : options.Engine,
        });
    }

    private MachineOptions OfThisRun(ParseResult parsed, MachineOptions machine)
    {
        var snapshot = parsed.GetValue(snapshotAt);
        return machine with
        {
            TimeLimit = parsed.GetValue(timeLimit) is { } t ? MachineOptions.ParseTimeLimit(t) : null,
            StopAt = parsed.GetValue(stopAt) is { } n ? MachineOptions.ParseStopAt(n) : null,
            SnapshotAt = snapshot is { Length: 2 } ? MachineOptions.ParseSnapshotAt(snapshot[0]) : null,
            SnapshotDirectory = snapshot is { Length: 2 } ? Path.GetFullPath(snapshot[1]) : null,
            NoReboot = IsSet(parsed, noReboot),
        };
    }

    /// <summary>What was asked for, with a guest's defaults where the user said nothing.</summary>
    /// <param name="parsed">The parsed line.</param>
    /// <param name="guest">The guest's own settings, or null.</param>
    /// <exception cref="EmuException">A malformed value, or no kernel.</exception>
    public MachineOptions Machine(ParseResult parsed, GuestDefaults? guest)
    {
        var line = parsed.GetValue(commandLine);
        var compileThreshold = parsed.GetValue(threshold) is { } entries ? MachineOptions.ParseCompileThreshold(entries) : JitCompiler.DefaultThreshold;
        var machine = new MachineOptions
        {
            Architecture = parsed.GetValue(architecture) is { } a ? MachineOptions.ParseArchitecture(a) : GuestArchitecture.Auto,
            Engine = parsed.GetValue(engine) is { } e ? MachineOptions.ParseEngine(e) : EngineKind.Auto,
            Cpus = parsed.GetValue(cpus) is { } c ? CpusOption.Parse(c) : CpusOption.Default,
            Cpu = parsed.GetValue(cpu) is { } f ? CpuOption.Parse(f) : CpuOption.Default,
            Memory = MemoryOption.Parse(parsed.GetValue(memory), Values(parsed, zones)),
            Numa = [.. Values(parsed, numa).Select(NumaOption.Parse)],
            Serial = Serial(parsed),
            Devices = Devices(parsed, guest),
            CodeCacheBytes = parsed.GetValue(codeCache) is { } z ? MachineOptions.ParseCodeCache(z) : (guest?.CodeCacheBytes ?? MachineOptions.DefaultCodeCacheBytes),
            CompileThreshold = compileThreshold,
            BlockCompileThreshold = parsed.GetValue(blockThreshold) is { } b ? MachineOptions.ParseBlockCompileThreshold(b, compileThreshold) : 0,
            Platform = PlatformOption.Parse(parsed.GetValue(platform), Values(parsed, pciSegments)),
            DeterministicSeed = parsed.GetValue(deterministic) is { } d ? MachineOptions.ParseSeed(d) : null,
            Semihosting = IsSet(parsed, semihosting),
            Kernel = parsed.GetValue(kernel) ?? guest?.Kernel,
            Firmware = parsed.GetValue(firmware) ?? (parsed.GetValue(kernel) is null ? guest?.Firmware : null),
            FirmwareKind = parsed.GetValue(firmwareKind) is { } k ? MachineOptions.ParseFirmwareKind(k) : FirmwareKind.Auto,
            Nvram = parsed.GetValue(nvram),
            Initramfs = parsed.GetValue(initramfs) ?? guest?.Initramfs,
            CommandLine = string.Join(' ', ((string?[])[guest?.CommandLine, line]).Where(l => l is { Length: > 0 })),
        };
        return OfThisRun(parsed, machine with { Arguments = Arguments(parsed, machine, guest) });
    }

    /// <summary>The trace that was asked for, or null.</summary>
    /// <param name="parsed">The parsed line.</param>
    /// <param name="machine">The machine.</param>
    /// <exception cref="EmuException">A malformed value, a machine whose instructions have no order, or a file that cannot be written.</exception>
    public InstructionTrace? Trace(ParseResult parsed, MachineOptions machine)
    {
        var from = parsed.GetValue(traceFrom) is { } f ? OptionString.ParseInteger("--trace-from", f, 0, ulong.MaxValue) : 0;
        var count = parsed.GetValue(traceCount) is { } n ? OptionString.ParseInteger("--trace-count", n, 1, ulong.MaxValue) : ulong.MaxValue;
        if (parsed.GetValue(trace) is not { } path)
        {
            return parsed.GetValue(traceFrom) is null && parsed.GetValue(traceCount) is null
                ? null
                : throw new EmuException("--trace-from and --trace-count need --trace FILE");
        }

        if (machine.Cpus.Boot > 1 && !machine.Deterministic)
        {
            throw new EmuException($"--trace with --cpus boot={machine.Cpus.Boot} needs --deterministic: vCPUs on threads of their own have no common order; add it, or use --cpus boot=1");
        }

        return new InstructionTrace(path, from, count);
    }

    /// <summary>What is behind the serial port: the terminal, unless the user says otherwise or gives it to the virtio console.</summary>
    private SerialOption Serial(ParseResult parsed) =>
        parsed.GetValue(serial) is { } s ? SerialOption.Parse(s)
        : Console(parsed).Target.Mode == SerialMode.Tty ? new SerialOption(SerialMode.Null)
        : SerialOption.Default;

    private ConsoleOption Console(ParseResult parsed) => parsed.GetValue(console) is { } c ? ConsoleOption.Parse(c) : ConsoleOption.Default;

    /// <summary>The guest's own disks, and the user's in between.</summary>
    private string[] Disks(ParseResult parsed, GuestDefaults? guest) => [.. guest?.FirstDisks ?? [], .. Values(parsed, disks), .. guest?.LastDisks ?? []];

    /// <summary>The user's network cards, or the guest's own.</summary>
    private string[] Nets(ParseResult parsed, GuestDefaults? guest) => Values(parsed, nets) is { Length: > 0 } given ? given : [.. guest?.Nets ?? []];

    private DeviceOptions Devices(ParseResult parsed, GuestDefaults? guest) => new()
    {
        Disks = [.. Disks(parsed, guest).Select(DiskOption.Parse)],
        Nets = [.. Nets(parsed, guest).Select(NetOption.Parse)],
        Console = Console(parsed),
        Rng = parsed.GetValue(rng) is { } r ? RngOption.Parse(r) : RngOption.Default,
        Balloon = parsed.GetValue(balloon) is { } b ? BalloonOption.Parse(b) : null,
        Pmems = [.. Values(parsed, pmems).Select(PmemOption.Parse)],
        FileSystems = [.. Values(parsed, fileSystems).Select(FsOption.Parse)],
        Vsock = parsed.GetValue(vsock) is { } v ? VsockOption.Parse(v) : null,
        Watchdog = IsSet(parsed, watchdog),
        Pvpanic = IsSet(parsed, pvpanic),
        Rtc = IsSet(parsed, rtc),
    };

    /// <summary>Whether the user chose the serial port's other end.</summary>
    public bool HasSerial(ParseResult parsed) => parsed.GetValue(serial) is not null;

    /// <summary>Whether the user chose what the machine boots: firmware, or a kernel of their own.</summary>
    public bool HasFirmwareOrKernel(ParseResult parsed) => (parsed.GetValue(firmware) ?? parsed.GetValue(kernel)) is not null;

    /// <summary>What to report at exit; creates the JSON file, so that one that cannot be written is known now.</summary>
    /// <exception cref="EmuException">The file cannot be written.</exception>
    public ExitReport ExitReport(ParseResult parsed) =>
        new(IsSet(parsed, stats), IsSet(parsed, stateHash), parsed.GetValue(statsJson));

    /// <summary>An option with one value.</summary>
    public static Option<string> Text(string name, string value, string description) => new(name) { Description = description, HelpName = value };

    /// <summary>An option that is there or not.</summary>
    public static Option<bool> Flag(string name, string description) => new(name) { Description = description, Arity = ArgumentArity.Zero };

    /// <summary>Whether a <see cref="Flag"/> is there.</summary>
    public static bool IsSet(ParseResult parsed, Option<bool> flag) => parsed.GetResult(flag) is { Implicit: false };

    /// <summary>An option with one value that may be given several times.</summary>
    private static Option<string[]> Texts(string name, string value, string description) =>
        new(name) { Description = description, HelpName = value, Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };

    private static string[] Values(ParseResult parsed, Option<string[]> option) => parsed.GetValue(option) ?? [];
}
