// emu boot NAME: a machine with a guest that the project provides, to use interactively or for one command.
using System.CommandLine;
using System.Text;
using Emu.Cli.Exec;
using Emu.Cli.Guests;
using Emu.Cli.Host;
using Emu.Core;
using Emu.Machine.Boards;
using Emu.Machine.Engines;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Cli.Commands;

/// <summary>The command.</summary>
internal static class BootCommand
{
    /// <summary>The serial console, and a reset at once after a kernel panic.</summary>
    private const string BaseCommandLine = "console=ttyAMA0 panic=-1";

    private static readonly Option<string> Overlay = RunOptions.Text(
        "--overlay", "FILE", "Keep what a guest on a disk writes in FILE, a qcow2 image, made if it is not there (default: forget it).");

    /// <summary>Adds it.</summary>
    public static void AddTo(Command root)
    {
        var command = new Command("boot", "Fetch a ready-made guest and boot it: an interactive shell, or one command.");
        var name = new Argument<string>("NAME") { Description = "The guest, such as debian-arm64." };
        var exec = RunOptions.Text("--exec", "CMD", "Run CMD in the guest, print its output only, and exit with its status.");
        command.Arguments.Add(name);
        command.Options.Add(exec);
        command.Options.Add(Overlay);
        var options = new RunOptions().AddTo(command);
        command.SetAction(parsed => Execute(options, parsed, parsed.GetValue(name)!, parsed.GetValue(exec)));
        root.Subcommands.Add(command);
    }

    private static int Execute(RunOptions options, ParseResult parsed, string name, string? command)
    {
        if (command is { Length: 0 })
        {
            throw new EmuException("--exec: the command is empty; give one, such as --exec 'uname -a'");
        }

        if (command is not null && options.HasSerial(parsed))
        {
            throw new EmuException("--exec reads the guest's serial console itself; leave --serial out");
        }

        EngineTables.Prepare();

        // Malformed options are reported before anything is fetched.
        var isDisk = GuestCatalog.IsDisk(name);
        var overlay = parsed.GetValue(Overlay);
        var checkedOnly = options.Machine(parsed, isDisk ? new GuestDefaults { Firmware = name } : new GuestDefaults { Kernel = name, CommandLine = BaseCommandLine });
        checkedOnly.Validate();
        if (overlay is not null && !isDisk)
        {
            throw new EmuException($"--overlay is for guests on a disk, such as debian-arm64-disk; {name} has none");
        }

        if (isDisk && checkedOnly.SnapshotAt is not null && overlay is null)
        {
            throw new EmuException("--snapshot-at needs --overlay FILE here: a snapshot goes on with the disk, which is forgotten otherwise");
        }

        var status = GuestCatalog.Provide(name, out var files);
        if (status != ExitStatus.Success)
        {
            return status;
        }

        if (!isDisk)
        {
            var defaults = new GuestDefaults { Kernel = files.Kernel, Initramfs = files.Initramfs, CommandLine = CommandLine(command, checkedOnly) };
            var machine = options.Machine(parsed, defaults);
            if (command is not null && Encoding.UTF8.GetByteCount(machine.CommandLine) > Arm64Layout.MaximumCommandLine)
            {
                throw new EmuException($"--exec: the command is too long; with the kernel's command line it may take {Arm64Layout.MaximumCommandLine} bytes in base64");
            }

            return Run(options, parsed, machine, command is not null, null);
        }

        string? firmware = null;
        if (!options.HasFirmwareOrKernel(parsed))
        {
            status = GuestCatalog.ProvideFirmware(out firmware);
            if (status != ExitStatus.Success)
            {
                return status;
            }
        }

        var commandFile = checkedOnly.SnapshotAt is null ? null : $"{overlay}.exec";
        using var disk = new DiskGuest(files.Disk!, overlay is null ? null : Path.GetFullPath(overlay), command, commandFile);
        var refusal = overlay is null ? "not saved: the snapshot would need the disk, which is forgotten; boot with --overlay FILE" : null;
        return Run(options, parsed, options.Machine(parsed, disk.Defaults(firmware)), command is not null, refusal);
    }

    /// <summary>The kernel command line with which a ready-made guest runs a command and powers off.</summary>
    public static string CommandLine(string command) => $"{BaseCommandLine} quiet emu.exec={Convert.ToBase64String(Encoding.UTF8.GetBytes(command))}";

    private static string CommandLine(string? command, MachineOptions options)
    {
        if (command is not null)
        {
            return CommandLine(command);
        }

        // Deterministic guests see the same machine whatever the window's size.
        var wantsSize = !options.Deterministic && options.Serial.Mode == SerialMode.Tty;
        return wantsSize && TerminalSize.TryGet() is { } size ? $"{BaseCommandLine} emu.size={size.Rows}x{size.Columns}" : BaseCommandLine;
    }

    private static int Run(RunOptions options, ParseResult parsed, MachineOptions machine, bool execute, string? snapshotRefusal)
    {
        using var report = options.ExitReport(parsed);
        using var trace = options.Trace(parsed, machine);
        if (!execute)
        {
            var interactive = new Session(machine, report) { Driver = trace, SnapshotRefusal = snapshotRefusal };
            return interactive.Status(interactive.Run());
        }

        using var console = new ExecConsole();
        var session = new Session(machine with { NoReboot = true }, report) { Exec = console, Driver = trace };
        var outcome = session.Run();
        if (outcome.End is RunEnd.TimeLimit or RunEnd.Signal or RunEnd.Failure or RunEnd.InstructionLimit or RunEnd.Panic)
        {
            return session.Status(outcome);
        }

        if (console.ExitStatus is { } status)
        {
            return status;
        }

        var last = console.LastLines();
        return Report.Error(
            $"the guest ended ({outcome.End}) before the command did; its last console output: {(last.Length == 0 ? "none" : last)}", ExitStatus.InternalError);
    }
}
