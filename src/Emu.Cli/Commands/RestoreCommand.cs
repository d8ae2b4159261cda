// emu restore DIR: a saved machine goes on where it was.
using System.CommandLine;
using Emu.Cli.Host;
using Emu.Machine.Engines;

namespace Emu.Cli.Commands;

/// <summary>The command.</summary>
internal static class RestoreCommand
{
    /// <summary>Adds it.</summary>
    public static void AddTo(Command root)
    {
        var command = new Command("restore", "Go on with a machine that was saved by --snapshot-at or Ctrl-A S.");
        var directory = new Argument<string>("DIR") { Description = "The snapshot's directory; it stays as it is." };
        command.Arguments.Add(directory);
        var options = new RunOptions().AddSessionTo(command);
        command.SetAction(parsed => Execute(options, parsed, parsed.GetValue(directory)!));
        root.Subcommands.Add(command);
    }

    private static int Execute(RunOptions options, ParseResult parsed, string directory)
    {
        EngineTables.Prepare();
        var machine = options.Restored(parsed, directory);
        machine.Validate();
        using var report = options.ExitReport(parsed);
        using var trace = options.Trace(parsed, machine);
        var session = new Session(machine, report) { Driver = trace };
        return session.Status(session.Run());
    }
}
