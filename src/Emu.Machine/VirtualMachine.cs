// A whole machine: options in, board and vCPUs wired, images loaded, run to its end, reset, hashed, measured.
using System.Diagnostics;
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Devices.Serial;
using Emu.Machine.Boards;
using Emu.Machine.Boot;
using Emu.Machine.Engines;
using Emu.Machine.Firmware.Acpi;
using Emu.Machine.Firmware.Fdt;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Machine;

/// <summary>One machine, from power-on to its end.</summary>
public sealed partial class VirtualMachine : IDisposable
{
    /// <summary>Bytes of the kernel's random seed: what its generator takes in one go (ChaCha20's key and more).</summary>
    private const int RngSeedLength = 64;

    private readonly MachineOptions options;
    private readonly Log log;
    private readonly ICharBackend? serial;
    private readonly ICharBackend? console;
    private readonly ISemihostingConsole? semihosting;
    private readonly SnapshotDirectory? origin;
    private readonly SnapshotReader? originState;
    private readonly BootSource boot;
    private readonly RandomSource random;
    private readonly Clock clock;
    private readonly PhysicalAddressSpace memory;
    private readonly List<(RamRegion Region, HostMemory Host)> ram = [];
    private readonly FirmwareDevices? firmware;
    private readonly Arm64Board board;
    private readonly ICpuEngine engine;
    private readonly IVcpu[] vcpus;
    private readonly HostInputQueue? input;
    private readonly Runner runner;
    private readonly Stopwatch wall = new();
    private readonly SnapshotMemoryCheck? memoryCheck;

    /// <summary>Builds the machine; nothing of the terminal is touched, and nothing runs yet.</summary>
    /// <exception cref="EmuException">Bad options or bad input.</exception>
    public VirtualMachine(MachineOptions options, MachineHost host)
    {
        options.Validate();
        this.options = options;
        log = host.Log;
        ulong now = 0;
        if (options.RestoreFrom is { } path)
        {
            origin = new SnapshotDirectory(path);
            originState = OpenSnapshot(origin, options.Deterministic, out now);
        }

        boot = BootSource.Open(options);
        memory = new PhysicalAddressSpace(log);
        random = new RandomSource(options.DeterministicSeed);
        var deterministic = options.Deterministic ? new DeterministicClock(DeterministicClock.DefaultEpochSeconds, now) : null;
        clock = deterministic ?? (Clock)new HostClock(now);
        try
        {
            foreach (var range in Arm64Layout.RamRanges(options.Memory.Size))
            {
                AddRam("ram", range);
            }

            if (boot.ExtraMemory is { } extra)
            {
                AddRam("firmware", extra.Range, extra.ReadOnly);
            }

            memoryCheck = origin is null ? null : MapMemory(origin, originState!);
            input = deterministic is null ? null : new HostInputQueue();
            serial = host.CreateSerial();
            semihosting = options.Semihosting ? host.CreateSemihosting(serial) : null;
            console = host.CreateConsole();
            firmware = boot.CreateDevices(memory, log);
            if (firmware is null && options.Platform.Smbios.IsGiven)
            {
                log.Write(LogLevel.Warning, "--platform serial_number=, uuid= and oem_strings= reach a guest through Debian's AAVMF only: give it as --firmware");
            }

            board = new Arm64Board(options, Services(), serial, console, firmware);
            engine = host.CreateEngine(options);
            vcpus = new IVcpu[options.Cpus.Boot];
            for (var i = 0; i < vcpus.Length; i++)
            {
                vcpus[i] = engine.CreateVcpu(Configuration(i));
                board.Gic.Connect(i, vcpus[i]);
            }

            if (firmware is not null)
            {
                boot.Describe(firmware, AcpiOptions());
            }
        }
        catch
        {
            Release();
            throw;
        }

        runner = deterministic is null
            ? new ThreadedRunner(vcpus, Control, options.StopAt) { Driver = host.Driver }
            : new DeterministicRunner(vcpus, Control, deterministic, input!, options.StopAt, host.Interactive) { Driver = host.Driver };
    }

    /// <summary>Takes stop requests from the guest, the user and the host.</summary>
    public StopControl Control { get; } = new();

    /// <summary>The guest-physical map.</summary>
    public PhysicalAddressSpace Memory => memory;

    /// <summary>The vCPUs by index.</summary>
    public IReadOnlyList<IVcpu> Vcpus => vcpus;

    /// <summary>Everything with state the guest can observe, RAM and <see cref="Time"/> aside: vCPUs, then devices.</summary>
    public IEnumerable<ISnapshotable> Sections => [.. vcpus, .. board.Sections];

    /// <summary>When the vCPUs were let go first, in ticks of <see cref="Stopwatch"/>; 0 before that.</summary>
    public long Started { get; private set; }

    /// <summary>Guest time in nanoseconds.</summary>
    public ulong Time => clock.Now;

    /// <summary>Instructions retired over all vCPUs. Exact while stopped or paused.</summary>
    public ulong Instructions => runner.Instructions;

    /// <summary>Powers on and runs until something ends the machine. A guest reset does so only under <see cref="MachineOptions.NoReboot"/>.</summary>
    /// <exception cref="EmuException">An image cannot be read, or the console cannot be set up.</exception>
    public RunOutcome Run()
    {
        if (origin is null)
        {
            PowerOn();
        }
        else
        {
            board.Pci.Pause();
            Restore(origin, originState!);
            board.Pci.Resume();
        }

        if (options.SnapshotAt is { } at)
        {
            runner.SnapshotAt = at;
            runner.SnapshotDue = () =>
            {
                board.Pci.Pause();
                Save(options.SnapshotDirectory!);
                board.Pci.Resume();
            };
        }

        board.StartConsoles();
        EngineTables.Await();
        wall.Start();
        Started = Stopwatch.GetTimestamp();
        runner.Start();
        while (true)
        {
            if (!Control.Wait(TimeLeft()))
            {
                Control.Stop(new RunOutcome(RunEnd.TimeLimit));
            }

            if (options.NoReboot || Control.Outcome.End != RunEnd.Reset)
            {
                CancelConsoleWaits();
            }

            runner.Join();
            if (options.NoReboot || !Control.TryRearmAfterReset())
            {
                wall.Stop();
                var problem = memoryCheck?.Finish();
                board.Pci.Pause();
                return problem is null ? Control.Outcome : DamagedMemory(problem);
            }

            Reset();
            runner.Start();
        }
    }

    /// <summary>
    /// Has an action called when exactly so many instructions were retired, before <see cref="Run"/>. The machine stands still meanwhile: it can be
    /// hashed, looked at and stopped, and goes on as if nothing had happened. For a machine in deterministic mode.
    /// </summary>
    /// <param name="first">Instructions over all vCPUs.</param>
    /// <param name="reached">Gets the count; returns the next one, larger, or <see cref="ulong.MaxValue"/> for none.</param>
    public void SetCheckpoint(ulong first, Func<ulong, ulong> reached) => ((DeterministicRunner)runner).SetCheckpoint(first, reached);

    /// <summary>Stops the vCPUs between two instructions; the guest notices nothing but host time passing.</summary>
    public void Pause()
    {
        runner.Pause();
        board.Pci.Pause();
    }

    /// <summary>Ends <see cref="Pause"/>.</summary>
    public void Resume()
    {
        board.Pci.Resume();
        runner.Resume();
    }

    /// <summary>Presses the power button once.</summary>
    public void PressPowerButton()
    {
        if (input is null)
        {
            board.PressPowerButton();
        }
        else
        {
            input.Post(board.PressPowerButton);
        }
    }

    /// <summary>Puts a disk into the running machine. A guest that knows ACPI, as under firmware, finds it by itself.</summary>
    /// <returns>Its name, for <see cref="RemoveDevice"/>.</returns>
    /// <exception cref="EmuException">The image cannot be opened, there is no place for the disk, or the machine is deterministic.</exception>
    public string AddDisk(DiskOption option)
    {
        RequireHotplug();
        return board.AddDisk(option);
    }

    /// <summary>Asks the guest to give a device up; it is gone, and its image closed, when the guest has ejected it.</summary>
    /// <exception cref="EmuException">There is no such device, or the machine is deterministic.</exception>
    public void RemoveDevice(string name)
    {
        RequireHotplug();
        board.RemoveDevice(name);
    }

    /// <summary>The device of a name is in the machine. Once it is not any more, its image is closed.</summary>
    public bool HasDevice(string name) => board.HasDevice(name);

    private void RequireHotplug()
    {
        if (options.Deterministic)
        {
            throw new EmuException("devices come and go by the host's time: not in deterministic mode");
        }
    }

    /// <summary>After <see cref="Run"/>: writes out what the guest printed, and gives the terminal back.</summary>
    public void CloseConsole()
    {
        serial?.Dispose();
        console?.Dispose();
    }

    /// <summary>The hash of the stopped or paused machine's state, 32 hexadecimal digits.</summary>
    public string StateHash()
    {
        var hash = new StateHash();
        hash.Add("clock", clock.Now);
        foreach (var section in Sections)
        {
            hash.Add(section);
        }

        foreach (var (region, host) in ram)
        {
            hash.Add(region, host);
        }

        return hash.Finish();
    }

    /// <summary>Figures of the run so far.</summary>
    public RunStatistics Statistics() => RunStatistics.Collect(Instructions, wall.Elapsed, engine.Statistics);

    /// <inheritdoc/>
    public void Dispose()
    {
        Control.Stop(new RunOutcome(RunEnd.Quit));
        CancelConsoleWaits();
        runner.Join();
        Release();
    }

    private void CancelConsoleWaits()
    {
        serial?.CancelWaits();
        console?.CancelWaits();
    }

    private DeviceServices Services() => new()
    {
        Memory = memory,
        Clock = clock,
        Log = log,
        Control = Control,
        Random = random.Next,
        Post = input is null ? null : input.Post,
        CreateInputGate = () => input is null ? null : new DeterministicInputGate(input),
        Discard = DiscardPages,
    };

    /// <summary>Gives pages of the machine's own RAM back to the host.</summary>
    private void DiscardPages(RamRegion region, ulong offset, ulong length)
    {
        foreach (var (own, block) in ram)
        {
            if (own == region)
            {
                block.Discard(offset, length);
            }
        }
    }

    private void Release()
    {
        memoryCheck?.Cancel();
        CloseConsole();
        board?.Dispose();
        firmware?.Dispose();
        (clock as IDisposable)?.Dispose();
        engine?.Dispose();
        memory.Dispose();
        foreach (var (_, block) in ram)
        {
            block.Dispose();
        }

        boot.Dispose();
    }

    private unsafe void AddRam(string name, MemoryRange range, bool readOnly = false)
    {
        // Loading a 27 MB kernel into fresh RAM takes 5 ms on huge pages, 15 to 40 ms on small ones.
        var block = new HostMemory(range.Length, options.Memory.Shared || options.Devices.NeedSharedMemory);
        if (options.Memory.TransparentHugePages)
        {
            block.PreferHugePages();
        }

        if (options.Memory.Mergeable)
        {
            block.AllowMerging();
        }

        if (options.Memory.Prefault && origin is null)
        {
            block.Prefault();
        }

        ram.Add((memory.AddRam(name, range.Start, range.Length, block.Pointer, readOnly, block), block));
    }

    private VcpuConfiguration Configuration(int index) => new()
    {
        Index = index,
        Mpidr = Arm64Layout.Mpidr(index),
        Memory = memory,
        Clock = clock,
        Control = Control,
        SystemRegisterDevices = [board.Gic],
        ResetCpuInterface = () => board.Gic.ResetCpuInterface(index),
        SecureTimer = board.Gic.Ppi(index, Arm64Layout.SecureTimerInterrupt),
        PhysicalTimer = board.Gic.Ppi(index, Arm64Layout.PhysicalTimerInterrupt),
        VirtualTimer = board.Gic.Ppi(index, Arm64Layout.VirtualTimerInterrupt),
        HypervisorTimer = board.Gic.Ppi(index, Arm64Layout.HypervisorTimerInterrupt),
        Pmu = board.Gic.Ppi(index, Arm64Layout.PmuInterrupt),
        Semihosting = semihosting,
        RandomSeed = options.Deterministic ? random.Next() : null,
        Log = log,
    };

    private TimeSpan TimeLeft()
    {
        if (options.TimeLimit is not { } limit)
        {
            return Timeout.InfiniteTimeSpan;
        }

        var left = limit - wall.Elapsed;
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>Loads RAM that reads as zero and sets the entry state.</summary>
    private void PowerOn()
    {
        var fdt = new Arm64FdtOptions
        {
            VcpuCount = vcpus.Length,
            RedistributorBase = Arm64Layout.GicRedistributorBase(options.Cpus.Maximum),
            ItsBase = Arm64Layout.GicItsBase(options.Cpus.Maximum),
            PciSegments = board.Pci.Layouts,
            Ram = Arm64Layout.RamRanges(options.Memory.Size),
            CommandLine = options.CommandLine,
            HasSerial = serial is not null,
            HasPmu = engine.HasPmu,
            Numa = options.NumaNodes,
            Iommu = board.Iommu,
            RngSeed = random.Bytes(RngSeedLength),
            KaslrSeed = random.Next(),
            FlashSize = firmware?.Flash.Length,
        };
        boot.Load(memory, fdt, AcpiOptions());
        engine.SetBootState(vcpus[0], boot.Entry, Arm64Layout.FdtBase);
    }

    private Arm64AcpiOptions AcpiOptions() => new()
    {
        VcpuCount = vcpus.Length,
        MaximumVcpus = options.Cpus.Maximum,
        PciSegments = board.Pci.Layouts,
        HasSerial = serial is not null,
        HasPmu = engine.HasPmu,
        HasFwCfg = firmware is not null,
        Numa = options.NumaNodes,
        Initiators = board.Initiators,
        Flash = firmware is null ? null : new MemoryRange(Arm64Layout.FlashBase, firmware.Flash.Length),
        Iommu = board.Iommu,
    };

    private void Reset()
    {
        foreach (var vcpu in vcpus)
        {
            vcpu.Reset();
        }

        board.Reset();
        foreach (var (region, block) in ram)
        {
            block.Discard(0, region.Length);
        }

        PowerOn();
        foreach (var (region, _) in ram)
        {
            memory.NotifyWritten(region.Start, region.Length);
        }
    }
}
