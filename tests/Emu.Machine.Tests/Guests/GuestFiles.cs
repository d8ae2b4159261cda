// Finds what the scripts of testroms provide: kernels, initramfs, firmware.
using System.Diagnostics;

namespace Emu.Machine.Tests.Guests;

/// <summary>The scripts' answers, each asked for once.</summary>
internal static class GuestFiles
{
    private static readonly Lazy<Dictionary<string, string>> Guest = new(() => Ask("testroms/guests/debian-arm64-full"));
    private static readonly Lazy<Dictionary<string, string>> Trixie = new(() => Ask("testroms/guests/debian-arm64-trixie"));
    private static readonly Lazy<Dictionary<string, string>> CloudHv = new(() => Ask(FirmwareScript));

    /// <summary>Debian's kernel with its modules.</summary>
    public static string Kernel => Guest.Value["kernel"];

    /// <summary>Its initramfs: busybox, and a command given on the kernel's command line.</summary>
    public static string Initramfs => Guest.Value["initramfs"];

    /// <summary>EDK2 for QEMU's machine: Debian's package qemu-efi-aarch64, which ./test installs.</summary>
    public static string Aavmf => "/usr/share/AAVMF/AAVMF_CODE.fd";

    /// <summary>Debian 13's kernel, which has a driver for the IOMMU.</summary>
    public static string TrixieKernel => Trixie.Value["kernel"];

    /// <summary>Its initramfs.</summary>
    public static string TrixieInitramfs => Trixie.Value["initramfs"];

    /// <summary>EDK2 for the Cloud Hypervisor machine.</summary>
    public static string Firmware => CloudHv.Value["firmware"];

    /// <summary>The script that builds <see cref="Firmware"/>.</summary>
    public static string FirmwareScript => "testroms/firmware/cloudhv";

    /// <summary>Top of the source tree.</summary>
    public static string Root { get; } = FindRoot();

    private static Dictionary<string, string> Ask(string script) =>
        Print(script).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split('=', 2)).ToDictionary(p => p[0], p => p[1]);

    private static string Print(string script)
    {
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(Root, script)) { RedirectStandardOutput = true })!;
        var lines = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return lines;
    }

    /// <summary>A line of shell that waits until files of the guest are there, such as those of its devices: drivers find them in their own time.</summary>
    public static string Await(params ReadOnlySpan<string> files) => $"for f in {string.Join(' ', files)}; do until [ -e $f ]; do sleep 1; done; done\n";

    /// <summary>
    /// Bytes of guest RAM that take memory of the host, page by page as /proc/self/pagemap has them: a mapping in /proc/self/smaps may be one of
    /// the kernel's making, of this RAM and that of the machine of another test beside it.
    /// </summary>
    public static unsafe long ResidentBytes(Core.RamRegion ram)
    {
        // Bits 63 and 62: present, swapped.
        const ulong PresentOrSwapped = 3UL << 62;
        var pages = new ulong[(long)ram.Length / Environment.SystemPageSize];
        using var map = File.OpenHandle("/proc/self/pagemap");
        var bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(pages.AsSpan());
        var start = (nint)ram.Host / Environment.SystemPageSize * sizeof(ulong);
        for (var done = 0; done < bytes.Length;)
        {
            var read = RandomAccess.Read(map, bytes[done..], start + done);
            Assert.True(read > 0, "/proc/self/pagemap ends too early");
            done += read;
        }

        return pages.LongCount(p => (p & PresentOrSwapped) != 0) * Environment.SystemPageSize;
    }

    private static string FindRoot()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Emu.sln")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("the tests do not lie in the source tree");
        }

        return directory;
    }
}
