// Everything a user can ask of a machine, parsed: what the command line fills in and the machine is built from.
using System.Globalization;
using Emu.Core;
using Emu.Cpu.Jit;
using Emu.Machine.Boards;
using Emu.Machine.Boot;

namespace Emu.Machine.Options;

/// <summary>Guest architectures the command line names.</summary>
public enum GuestArchitecture
{
    /// <summary>Read from the kernel.</summary>
    Auto,

    /// <summary>AArch64.</summary>
    Arm64,
}

/// <summary>CPU engines the command line names.</summary>
public enum EngineKind
{
    /// <summary>The fastest one this build has for the guest.</summary>
    Auto,

    /// <summary>The micro-op interpreter.</summary>
    Interpreter,

    /// <summary>The interpreter, with hot code compiled.</summary>
    Jit,
}

/// <summary>A machine's options. Immutable; checked when built.</summary>
public sealed record MachineOptions
{
    /// <summary>Path of the kernel Image, or null for a machine that boots through firmware.</summary>
    public string? Kernel { get; init; }

    /// <summary>Path of the firmware image, or null.</summary>
    public string? Firmware { get; init; }

    /// <summary>What the firmware is, where the image does not tell.</summary>
    public FirmwareKind FirmwareKind { get; init; }

    /// <summary>Path of the file with the firmware's variables, or null for variables that are gone with the machine.</summary>
    public string? Nvram { get; init; }

    /// <summary>Path of the initramfs, or null.</summary>
    public string? Initramfs { get; init; }

    /// <summary>Kernel command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>vCPUs.</summary>
    public CpusOption Cpus { get; init; } = CpusOption.Default;

    /// <summary>What the vCPUs implement.</summary>
    public CpuOption Cpu { get; init; } = CpuOption.Default;

    /// <summary>RAM.</summary>
    public MemoryOption Memory { get; init; } = MemoryOption.Default;

    /// <summary>Serial port.</summary>
    public SerialOption Serial { get; init; } = SerialOption.Default;

    /// <summary>PCI segments.</summary>
    public PlatformOption Platform { get; init; } = PlatformOption.Default;

    /// <summary>NUMA nodes as they were asked for.</summary>
    public IReadOnlyList<NumaOption> Numa { get; init; } = [];

    /// <summary>PCI devices.</summary>
    public DeviceOptions Devices { get; init; } = new();

    /// <summary>Guest architecture.</summary>
    public GuestArchitecture Architecture { get; init; }

    /// <summary>CPU engine.</summary>
    public EngineKind Engine { get; init; }

    /// <summary>Seed of deterministic mode; null for the host's time and randomness.</summary>
    public ulong? DeterministicSeed { get; init; }

    /// <summary>Host time after which the machine is stopped, or null.</summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>A guest reset ends the run.</summary>
    public bool NoReboot { get; init; }

    /// <summary>The guest may use Arm semihosting.</summary>
    public bool Semihosting { get; init; }

    /// <summary>Total retired instructions to stop at, or null.</summary>
    public ulong? StopAt { get; init; }

    /// <summary>Bytes of translated and compiled guest code kept, at most.</summary>
    public ulong CodeCacheBytes { get; init; } = DefaultCodeCacheBytes;

    /// <summary>Entries after which the jit engine compiles a block.</summary>
    public int CompileThreshold { get; init; } = JitCompiler.DefaultThreshold;

    /// <summary>Entries after which the jit engine's lower tier may compile a block alone, fewer than <see cref="CompileThreshold"/>; 0 is never.</summary>
    public int BlockCompileThreshold { get; init; }

    /// <summary>The jit engine compiles when it is asked, not in the background: what is compiled when is the same in every run.</summary>
    public bool CompileSynchronously { get; init; }

    /// <summary>
    /// Where a stop cuts compiled code, the blocks before it and the cut one run as compiled code made for that, not on the interpreter: slow, and
    /// what compiled code does wrong shows at the very instruction.
    /// </summary>
    public bool CompileCuts { get; init; }

    /// <summary>Default of <see cref="CodeCacheBytes"/>: Linux to a shell takes about 15 MiB of it.</summary>
    public const ulong DefaultCodeCacheBytes = 160UL << 20;

    /// <summary>Smallest code cache.</summary>
    public const ulong MinimumCodeCacheBytes = 1UL << 20;

    /// <summary>Total retired instructions at which to save a snapshot into <see cref="SnapshotDirectory"/>, or null.</summary>
    public ulong? SnapshotAt { get; init; }

    /// <summary>Where <see cref="SnapshotAt"/> saves: a new or empty directory.</summary>
    public string? SnapshotDirectory { get; init; }

    /// <summary>Snapshot to begin with instead of power-on, or null.</summary>
    public string? RestoreFrom { get; init; }

    /// <summary>The machine's options as the command line takes them, kept in its snapshots.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Whether the machine runs in deterministic mode.</summary>
    public bool Deterministic => DeterministicSeed is not null;

    /// <summary>The NUMA nodes by number; none for a machine that says nothing of them.</summary>
    /// <exception cref="EmuException">They contradict each other or the rest of the machine.</exception>
    public IReadOnlyList<NumaNode> NumaNodes => NumaOption.Nodes(Numa, Memory, Cpus, Platform.SegmentCount);

    /// <summary>Checks what no single option can.</summary>
    /// <exception cref="EmuException">Options contradict each other.</exception>
    public void Validate()
    {
        if (Kernel is null && Firmware is null)
        {
            throw new EmuException("--kernel is missing; give an arm64 Image or --firmware FILE, or use emu boot debian-arm64");
        }

        if (Firmware is null && (Nvram is not null || FirmwareKind != FirmwareKind.Auto))
        {
            throw new EmuException($"{(Nvram is null ? "--firmware-kind" : "--nvram")} goes with --firmware; add it");
        }

        if (Kernel is null && (Initramfs is not null || CommandLine.Length > 0))
        {
            throw new EmuException("--initramfs and --cmdline go with --kernel; firmware finds both on a disk");
        }

        if ((StopAt ?? SnapshotAt) is not null && !Deterministic && Cpus.Boot > 1)
        {
            var name = StopAt is null ? "--snapshot-at" : "--stop-at";
            throw new EmuException($"{name} with --cpus boot={Cpus.Boot} is exact only with --deterministic; add it, or use --cpus boot=1");
        }

        _ = NumaNodes;
        Devices.Validate(Platform.SegmentCount);
        if (Serial.Mode == SerialMode.Tty && Devices.Console.Target.Mode == SerialMode.Tty)
        {
            throw new EmuException("--serial tty and --console tty both want the terminal; turn one of them to another place, or off");
        }

        foreach (var c in CommandLine)
        {
            if (c == '\0')
            {
                throw new EmuException("--cmdline holds a NUL character; give plain text");
            }
        }
    }

    /// <summary>Parses --arch.</summary>
    /// <exception cref="EmuException">Unknown, or not in this version.</exception>
    public static GuestArchitecture ParseArchitecture(string text) => text switch
    {
        "arm64" or "aarch64" => GuestArchitecture.Arm64,
        "x86_64" => throw new EmuException("--arch x86_64 is not supported in this version; use --arch arm64"),
        _ => throw new EmuException($"--arch '{text}' is unknown; expected arm64"),
    };

    /// <summary>Parses --firmware-kind.</summary>
    /// <exception cref="EmuException">Unknown.</exception>
    public static FirmwareKind ParseFirmwareKind(string text) => text switch
    {
        "auto" => FirmwareKind.Auto,
        "aavmf" => FirmwareKind.Aavmf,
        "cloudhv" => FirmwareKind.CloudHv,
        _ => throw new EmuException($"--firmware-kind '{text}' is unknown; expected auto, aavmf or cloudhv"),
    };

    /// <summary>Parses --engine.</summary>
    /// <exception cref="EmuException">Unknown.</exception>
    public static EngineKind ParseEngine(string text) => text switch
    {
        "auto" => EngineKind.Auto,
        "interpreter" => EngineKind.Interpreter,
        "jit" => EngineKind.Jit,
        _ => throw new EmuException($"--engine '{text}' is unknown; expected auto, interpreter or jit"),
    };

    /// <summary>Parses --code-cache.</summary>
    /// <exception cref="EmuException">Not a size, or too small.</exception>
    public static ulong ParseCodeCache(string text)
    {
        const string Name = "--code-cache";
        var bytes = OptionString.ParseSize(Name, text);
        return bytes is >= MinimumCodeCacheBytes and <= MaximumCodeCacheBytes
            ? bytes
            : throw new EmuException($"{Name}: {text} is out of range; give 1M to 64G");
    }

    private const ulong MaximumCodeCacheBytes = 64UL << 30;

    /// <summary>Parses --jit-threshold.</summary>
    /// <exception cref="EmuException">Not a number from 1.</exception>
    public static int ParseCompileThreshold(string text) => (int)OptionString.ParseInteger("--jit-threshold", text, 1, int.MaxValue);

    /// <summary>Parses --jit-block-threshold.</summary>
    /// <param name="text">The option's value.</param>
    /// <param name="threshold">That of --jit-threshold.</param>
    /// <exception cref="EmuException">Not a number from 0, or not below <paramref name="threshold"/>.</exception>
    public static int ParseBlockCompileThreshold(string text, int threshold)
    {
        const string Name = "--jit-block-threshold";
        var entries = (int)OptionString.ParseInteger(Name, text, 0, int.MaxValue);
        return entries < threshold
            ? entries
            : throw new EmuException($"{Name}: {entries} is not below --jit-threshold, which is {threshold}");
    }

    /// <summary>Parses --deterministic's seed.</summary>
    /// <exception cref="EmuException">Not a number of 64 bits.</exception>
    public static ulong ParseSeed(string text) => OptionString.ParseInteger("--deterministic", text, 0, ulong.MaxValue);

    /// <summary>Parses --stop-at.</summary>
    /// <exception cref="EmuException">Not a number of 64 bits.</exception>
    public static ulong ParseStopAt(string text) => OptionString.ParseInteger("--stop-at", text, 1, ulong.MaxValue);

    /// <summary>Parses the number of --snapshot-at.</summary>
    /// <exception cref="EmuException">Not a number of 64 bits.</exception>
    public static ulong ParseSnapshotAt(string text) => OptionString.ParseInteger("--snapshot-at", text, 1, ulong.MaxValue);

    /// <summary>Parses --time-limit, in seconds with an optional fraction.</summary>
    /// <exception cref="EmuException">Not a positive number, or more than a year.</exception>
    public static TimeSpan ParseTimeLimit(string text)
    {
        const double MaximumSeconds = 366 * 86_400.0;
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) || !(seconds > 0) || seconds > MaximumSeconds)
        {
            throw new EmuException($"--time-limit: '{text}' is not a number of seconds above 0, such as 30 or 2.5");
        }

        return TimeSpan.FromSeconds(seconds);
    }
}
