// Entry point of the emu command: parses the line, runs the command, turns every failure into one line and an exit status.
using System.CommandLine;
using System.CommandLine.Help;
using System.Diagnostics;
using Emu.Cli.Commands;
using Emu.Core;

namespace Emu.Cli;

internal static class Program
{
    /// <summary>Set to see the stack trace of an internal error.</summary>
    private const string DebugVariable = "EMU_DEBUG";

    /// <summary>When the program's own code began to run, in ticks of <see cref="Stopwatch"/>.</summary>
    public static long Started { get; } = Stopwatch.GetTimestamp();

    private static int Main(string[] arguments)
    {
        _ = Started;
        try
        {
            return Dispatch(arguments);
        }
        catch (EmuException e)
        {
            return Report.Error(e.Message, ExitStatus.BadUsage);
        }
#pragma warning disable CA1031 // The last resort: a user never sees a stack trace that they did not ask for.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return InternalError(e);
        }
    }

    /// <summary>Reports a failure of the emulator itself.</summary>
    /// <returns>The exit status.</returns>
    public static int InternalError(Exception e)
    {
        if (e is EmuException)
        {
            return Report.Error(e.Message, ExitStatus.BadUsage);
        }

        if (Environment.GetEnvironmentVariable(DebugVariable) is { Length: > 0 })
        {
            Report.Line(e.ToString());
        }

        return Report.Error($"internal error: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")} ({DebugVariable}=1 shows where)", ExitStatus.InternalError);
    }

    private static int Dispatch(string[] arguments)
    {
        // Not RootCommand: its options get their descriptions from the library's resources, which takes 7 ms.
        var root = new Command("emu", "Emu runs whole machines: Arm64 guests on any host.");
        root.Options.Add(new Option<bool>("--help", "-h", "-?", "/h", "/?")
        {
            Description = "Show help and usage information",
            Arity = ArgumentArity.Zero,
            Recursive = true,
            Action = new HelpAction(),
        });
        root.Options.Add(new Option<bool>("--version") { Description = "Show version information", Arity = ArgumentArity.Zero, Action = new VersionAction() });
        RunCommand.AddTo(root);
        BootCommand.AddTo(root);
        BisectCommand.AddTo(root);
        RestoreCommand.AddTo(root);
        IsaCommand.AddTo(root);
        VersionCommand.AddTo(root);
        var parsed = root.Parse(RunOptions.Normalize(arguments), new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            var command = parsed.CommandResult.Command;
            var name = command == root ? "emu" : $"emu {command.Name}";
            var message = parsed.UnmatchedTokens.Count > 0
                ? $"unknown command or option '{parsed.UnmatchedTokens[0]}'"
                : parsed.Errors[0].Message.TrimEnd('.');
            return Report.Error($"{message.ReplaceLineEndings(" ")}; see {name} --help", ExitStatus.BadUsage);
        }

        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }
}
