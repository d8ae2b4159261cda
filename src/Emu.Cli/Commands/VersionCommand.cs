// emu version: which build this is.
using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Emu.Cli.Commands;

/// <summary>The command.</summary>
internal static class VersionCommand
{
    /// <summary>Adds it.</summary>
    public static void AddTo(Command root)
    {
        var command = new Command("version", "Print the version.");
        command.SetAction(_ =>
        {
            var version = typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
            Report.Result($"emu {version} ({RuntimeInformation.RuntimeIdentifier}, {RuntimeInformation.FrameworkDescription})");
            return ExitStatus.Success;
        });
        root.Subcommands.Add(command);
    }
}
