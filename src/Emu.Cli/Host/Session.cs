// One run of a machine for a user: console, signals, messages, reports, exit status.
using System.Runtime.InteropServices;
using Emu.Cli.Exec;
using Emu.Cli.Reports;
using Emu.Core;
using Emu.Devices.Serial;
using Emu.Machine;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Cli.Host;

/// <summary>Runs a machine to its end.</summary>
/// <param name="options">The machine.</param>
/// <param name="report">What to print at exit.</param>
internal sealed class Session(MachineOptions options, ExitReport report)
{
    private const int SignalHangup = 1;
    private const int SignalInterrupt = 2;
    private const int SignalTerminate = 15;

    private readonly Log log = new(new StreamWriter(Console.OpenStandardError()));

    /// <summary>The serial port's host end when a command runs in the guest, in place of what --serial says.</summary>
    public ExecConsole? Exec { get; init; }

    /// <summary>Runs the vCPUs in place of their own run loop (tracing), or null.</summary>
    public IVcpuDriver? Driver { get; init; }

    /// <summary>Why the user's key does not save a snapshot, or null when it does.</summary>
    public string? SnapshotRefusal { get; init; }

    /// <summary>Runs the machine and reports on it.</summary>
    /// <exception cref="EmuException">Bad input.</exception>
    public RunOutcome Run()
    {
        var console = options.Devices.Console.Target;
        var serialTty = Exec is null && options.Serial.Mode == SerialMode.Tty;
        var usesTty = serialTty || console.Mode == SerialMode.Tty;
        var onTerminal = usesTty && RawTerminal.IsTerminal(0);
        TtyBackend? tty = null;
        LineTracker? tracker = null;
        using var machine = new VirtualMachine(options, new MachineHost
        {
            Log = log,
            CreateSerial = () => serialTty ? CreateTty() : Exec ?? CreateBackend(options.Serial),
            CreateConsole = () => console.Mode == SerialMode.Tty ? CreateTty() : CreateBackend(console),
            CreateSemihosting = serial => new StandardConsole(serialTty ? serial : null, readsInput: !usesTty),
            Interactive = onTerminal,
            Driver = Driver,
        });

        // At most one of serial port and virtio console has the terminal.
        ICharBackend CreateTty()
        {
            tty = new TtyBackend();
            return report.StateHash ? tracker = new LineTracker(tty) : tty;
        }

        var control = machine.Control;
        if (tty is not null)
        {
            tty.QuitRequested += () => control.Stop(new RunOutcome(RunEnd.Quit));
            tty.PowerButtonRequested += machine.PressPowerButton;
            tty.SnapshotRequested = () => SnapshotRefusal ?? SaveSnapshot(machine);
        }

        using var hangup = OnSignal(control, PosixSignal.SIGHUP, SignalHangup);
        using var interrupt = OnSignal(control, PosixSignal.SIGINT, SignalInterrupt);
        using var terminate = OnSignal(control, PosixSignal.SIGTERM, SignalTerminate);

        // A raw terminal moves to a new line only, not to its start.
        log.NewLine = onTerminal ? "\r\n" : "\n";
        var outcome = machine.Run();
        machine.CloseConsole();
        log.NewLine = "\n";
        if (outcome.End != RunEnd.Failure)
        {
            report.Write(machine, tracker?.AtLineStart ?? Exec?.AtLineStart ?? true);
        }

        return outcome;
    }

    /// <summary>The exit status of a run, with a message where the guest did not end it.</summary>
    public int Status(RunOutcome outcome)
    {
        switch (outcome.End)
        {
            case RunEnd.Reset:
                return ExitStatus.GuestReset;
            case RunEnd.Panic:
                return ExitStatus.GuestPanic;
            case RunEnd.ExitCode:
                return outcome.Code;
            case RunEnd.TimeLimit:
                return Report.Error($"stopped by --time-limit after {options.TimeLimit!.Value.TotalSeconds} s", ExitStatus.TimeLimit);
            case RunEnd.Signal:
                return ExitStatus.SignalBase + outcome.Code;
            case RunEnd.Failure:
                return Program.InternalError(outcome.Failure!);
            default:
                return ExitStatus.Success;
        }
    }

    /// <summary>Saves the machine into the first free directory emu-snapshot-N of the working directory.</summary>
    /// <returns>What to tell the user.</returns>
    private static string SaveSnapshot(VirtualMachine machine)
    {
        var number = 1;
        while (Path.Exists($"emu-snapshot-{number}"))
        {
            number++;
        }

        try
        {
            machine.Snapshot($"emu-snapshot-{number}");
            return $"saved; to go on from here: emu restore {Path.GetFullPath($"emu-snapshot-{number}")}";
        }
        catch (EmuException e)
        {
            return e.Message;
        }
    }

    private static PosixSignalRegistration OnSignal(StopControl control, PosixSignal signal, int number) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            // The first signal stops the machine in order; one more, and the process ends as signals end processes.
            context.Cancel = !control.IsStopping;
            control.Stop(new RunOutcome(RunEnd.Signal, number));
        });

    private ICharBackend? CreateBackend(SerialOption target) => target.Mode switch
    {
        SerialMode.File => new FileBackend(target.Path!, log),
        SerialMode.Socket => new SocketBackend(target.Path!),
        SerialMode.Null => new NullBackend(),
        _ => (ICharBackend?)null,
    };
}
