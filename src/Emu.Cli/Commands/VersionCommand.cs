// emu version, and --version: which build this is.
using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Emu.Cli.Commands;

/// <summary>The command.</summary>
internal static class VersionCommand
{
    /// <summary>Adds it.</summary>
    public static void AddTo(Command root) => root.Subcommands.Add(new Command("version", "Print the version.") { Action = new VersionAction() });
}

/// <summary>Prints the version, whatever else is on the line.</summary>
internal sealed class VersionAction : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        var version = typeof(VersionAction).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        Report.Result($"emu {version} ({RuntimeInformation.RuntimeIdentifier}, {RuntimeInformation.FrameworkDescription})");
        return ExitStatus.Success;
    }
}
