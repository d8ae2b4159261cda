// Runs iasl and acpiexec of Debian's acpica-tools.
using System.Diagnostics;

namespace Emu.Machine.Tests.Acpi;

/// <summary>The tools.</summary>
internal static class AcpicaTools
{
    /// <summary>Runs a tool; its output, both streams.</summary>
    public static (int Status, string Output) Run(string directory, string tool, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(tool, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = directory,
        })!;
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }
}

/// <summary>A test that needs Debian's acpica-tools.</summary>
public sealed class AcpicaFactAttribute : FactAttribute
{
    /// <summary>Skips when they are not there.</summary>
    public AcpicaFactAttribute() => Skip = AcpicaMissing.Reason;
}

/// <summary>Cases of a test that needs Debian's acpica-tools.</summary>
public sealed class AcpicaTheoryAttribute : TheoryAttribute
{
    /// <summary>Skips when they are not there.</summary>
    public AcpicaTheoryAttribute() => Skip = AcpicaMissing.Reason;
}

/// <summary>Whether the tools are there.</summary>
internal static class AcpicaMissing
{
    /// <summary>Why a test is skipped, or null.</summary>
    public static string? Reason => File.Exists("/usr/bin/iasl") && File.Exists("/usr/bin/acpiexec") ? null : "iasl is not installed (package acpica-tools)";
}
