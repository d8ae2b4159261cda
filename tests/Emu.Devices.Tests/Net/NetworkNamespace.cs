// Runs code in a network namespace of its own, where interfaces may be made; skips where the kernel forbids that.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Emu.Devices.Tests.Net;

/// <summary>A namespace belongs to a thread, and to the processes and descriptors that it makes.</summary>
internal static partial class NetworkNamespace
{
    private const int CloneNewNet = 0x4000_0000;

    /// <summary>Runs on a thread in a new namespace; failures come out as they are.</summary>
    public static void Run(Action body)
    {
        System.Runtime.ExceptionServices.ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (unshare(CloneNewNet) != 0)
                {
                    throw new InvalidOperationException($"no network namespace: {Marshal.GetLastPInvokeErrorMessage()}");
                }

                body();
            }
            catch (Exception e)
            {
                failure = System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    /// <summary>Runs a tool in the calling thread's namespace and expects success.</summary>
    public static void Tool(string tool, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var text = process.StandardError.ReadToEnd() + process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{tool} {string.Join(' ', arguments)}: {text}");
    }

    /// <summary>Why it cannot be done here; null when it can.</summary>
    public static string? Missing()
    {
        if (!File.Exists("/dev/net/tun"))
        {
            return "there is no /dev/net/tun";
        }

        if (!File.Exists("/usr/sbin/ip") && !File.Exists("/usr/bin/ip") && !File.Exists("/sbin/ip"))
        {
            return "ip is not installed (package iproute2)";
        }

        try
        {
            Run(() => { });
            return null;
        }
        catch (InvalidOperationException e)
        {
            return e.Message;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);
}

/// <summary>Skips, with the reason, where no namespace can be made.</summary>
public sealed class NetworkNamespaceTheoryAttribute : TheoryAttribute
{
    public NetworkNamespaceTheoryAttribute() => Skip = NetworkNamespace.Missing();
}
