// emu isa ARCHITECTURE: what of a guest instruction set is implemented, row by row of the decode table.
using System.CommandLine;
using Emu.Core;
using Emu.Cpu.Arm64.Decode;
using Emu.Debug;
using Emu.Machine.Options;

namespace Emu.Cli.Commands;

/// <summary>The command.</summary>
internal static class IsaCommand
{
    private static readonly A64RowStatus[] Statuses = [A64RowStatus.Implemented, A64RowStatus.Undefined, A64RowStatus.NotYet];

    /// <summary>Adds it.</summary>
    public static void AddTo(Command root)
    {
        var command = new Command("isa", "List an instruction set: implemented, undefined by choice, or not yet.");
        var architecture = new Argument<string>("ARCH") { Description = "The instruction set: arm64." };
        var status = RunOptions.Text("--status", "STATUS", "Only the rows that are implemented, undefined or not-yet.");
        var filter = RunOptions.Text("--filter", "TEXT", "Only the rows whose name, group or feature holds the text.");
        var summary = RunOptions.Flag("--summary", "Only the counts.");
        var features = RunOptions.Flag("--features", "The names that --cpu takes, instead of the rows.");
        command.Arguments.Add(architecture);
        foreach (var option in (Option[])[status, filter, summary, features])
        {
            command.Options.Add(option);
        }

        command.SetAction(parsed =>
        {
            if (MachineOptions.ParseArchitecture(parsed.GetValue(architecture)!) != GuestArchitecture.Arm64)
            {
                throw new EmuException("emu isa lists arm64");
            }

            if (RunOptions.IsSet(parsed, features))
            {
                Report.Result(string.Join('\n', CpuOption.Names));
                return ExitStatus.Success;
            }

            var wanted = parsed.GetValue(status) is { } s ? ParseStatus(s) : (A64RowStatus?)null;
            if (!RunOptions.IsSet(parsed, summary))
            {
                List(wanted, parsed.GetValue(filter) ?? "");
            }

            Summarize();
            return ExitStatus.Success;
        });
        root.Subcommands.Add(command);
    }

    private static A64RowStatus ParseStatus(string text)
    {
        foreach (var status in Statuses)
        {
            if (IsaReport.Text(status) == text)
            {
                return status;
            }
        }

        throw new EmuException($"--status '{text}' is unknown; expected implemented, undefined or not-yet");
    }

    private static void List(A64RowStatus? wanted, string filter)
    {
        var group = "";
        foreach (var entry in IsaReport.Entries)
        {
            var (row, shown) = (entry.Row, wanted is null || entry.Status == wanted);
            if (!shown || !(Holds(row.Name) || Holds(row.Feature) || Holds(entry.Group)))
            {
                continue;
            }

            if (group != entry.Group)
            {
                group = entry.Group;
                Report.Result($"# {group}");
            }

            Report.Result($"{row.Pattern}  {IsaReport.Text(entry.Status),-11}  {row.Name}{(row.Feature.Length == 0 ? "" : $" ({row.Feature})")}");
        }

        bool Holds(string text) => text.Contains(filter, StringComparison.OrdinalIgnoreCase);
    }

    private static void Summarize()
    {
        Report.Result($"{"group",-34}{"implemented",12}{"undefined",12}{"not-yet",12}{"total",12}");
        foreach (var count in IsaReport.Counts())
        {
            Report.Result($"{count.Group,-34}{count.Implemented,12}{count.Undefined,12}{count.NotYet,12}{count.Total,12}");
        }
    }
}
