// The real virtiofsd for tests: where it is, and how it is started.
using System.Diagnostics;

namespace Emu.Tests;

/// <summary>Debian's virtiofsd: of package qemu-system-common up to bookworm, of its own from trixie on.</summary>
internal static class Virtiofsd
{
    private static readonly string[] Places = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd"];

    public static string? Find() => Places.FirstOrDefault(File.Exists);

    /// <summary>Debian 13's, which gives its state away, and runs on older releases too.</summary>
    public static string Newer { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "emu/oracle/trixie-virtiofsd/root/virtiofsd");

    /// <summary>Why it cannot run here; null when it can.</summary>
    public static string? Missing() => Find() is null ? "virtiofsd is not installed (package virtiofsd, or qemu-system-common)" : SandboxMissing();

    /// <summary>Why <see cref="Newer"/> cannot run here; null when it can.</summary>
    public static string? NewerMissing() => !File.Exists(Newer) ? "there is no virtiofsd of Debian 13: testroms/oracle/newer-virtiofsd fetches it" : SandboxMissing();

    /// <summary>Starts it, and waits until it listens.</summary>
    public static RunningTool Start(string socket, string directory, string? program = null)
    {
        var tool = program ?? Find()!;

        // The C program takes -o, the Rust one --shared-dir.
        string[] arguments = tool.Contains("qemu", StringComparison.Ordinal)
            ? [$"--socket-path={socket}", "-o", $"source={directory}", "-o", "sandbox=chroot"]
            : [$"--socket-path={socket}", $"--shared-dir={directory}", "--sandbox=chroot"];
        var process = new RunningTool { StartInfo = new ProcessStartInfo(tool, arguments) { RedirectStandardError = true } };
        process.Start();
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        Assert.True(SpinWait.SpinUntil(() => UnixListener.IsAt(socket) || process.HasExited, Patience.Limit) && !process.HasExited, "virtiofsd does not start");
        return process;
    }

    private static string? SandboxMissing() => Environment.IsPrivilegedProcess ? null : "virtiofsd needs root to set up its sandbox";
}

/// <summary>Skips, with the reason, where virtiofsd cannot run.</summary>
public sealed class VirtiofsdTheoryAttribute : TheoryAttribute
{
    public VirtiofsdTheoryAttribute() => Skip = Virtiofsd.Missing();
}

/// <summary>As <see cref="NewerVirtiofsdTheoryAttribute"/>, for a test without cases.</summary>
public sealed class NewerVirtiofsdFactAttribute : FactAttribute
{
    public NewerVirtiofsdFactAttribute() => Skip = Virtiofsd.NewerMissing();
}

/// <summary>Skips, with the reason, where <see cref="Virtiofsd.Newer"/> cannot run.</summary>
public sealed class NewerVirtiofsdTheoryAttribute : TheoryAttribute
{
    public NewerVirtiofsdTheoryAttribute() => Skip = Virtiofsd.NewerMissing();
}
