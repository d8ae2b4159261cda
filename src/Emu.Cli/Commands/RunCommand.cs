// emu run: a machine for one's own kernel.
using System.CommandLine;
using Emu.Cli.Host;
using Emu.Machine.Engines;

namespace Emu.Cli.Commands;

/// <summary>The command.</summary>
internal static class RunCommand
{
    /// <summary>Adds it.</summary>
    public static void AddTo(Command root)
    {
        var command = new Command("run", "Run a machine with your own kernel.");
        var options = new RunOptions().AddTo(command);
        command.SetAction(parsed => Execute(options, parsed));
        root.Subcommands.Add(command);
    }

    private static int Execute(RunOptions options, ParseResult parsed)
    {
        EngineTables.Prepare();
        var machine = options.Machine(parsed, guest: null);
        machine.Validate();
        using var report = options.ExitReport(parsed);
        using var trace = options.Trace(parsed, machine);
        var session = new Session(machine, report) { Driver = trace };
        return session.Status(session.Run());
    }
}
