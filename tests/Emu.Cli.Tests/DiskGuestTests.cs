// The guest debian-arm64-disk: from either firmware through GRUB to systemd, with the network up; commands, the console, its ends, and what stays on its disk.
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Emu.Cli.Tests;

public sealed class DiskGuestTests : IDisposable
{
    private const string Guest = "debian-arm64-disk";
    private const string CloudHv = "cloudhv";
    private const string Aavmf = "aavmf";
    private const string AavmfFile = "/usr/share/AAVMF/AAVMF_CODE.fd";

    /// <summary>The machine's tables name no caches, as Cloud Hypervisor's.</summary>
    private const string ExpectedWarnings = "Early cacheinfo failed, ret = -2\n";

    private readonly string directory = Directory.CreateTempSubdirectory("emu-disk-guest-").FullName;

    private string Overlay => Path.Combine(directory, "overlay.qcow2");

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Theory]
    [InlineData(CloudHv, "boot=2")]
    [InlineData(Aavmf, "boot=1")]
    public async Task Exec_GivesOutputAndStatus_InASystemWhoseNetworkIsUp(string firmware, string cpus)
    {
        using var host = new TcpListener(IPAddress.Loopback, 0);
        host.Start();
        var port = ((IPEndPoint)host.LocalEndpoint).Port;
        var answered = AnswerAsync(host);
        var result = Boot(
            "uname -m; nproc; systemctl is-system-running; ping -q -c 1 10.0.2.2 >/dev/null && echo ping; "
            + $"wget -q -O - http://10.0.2.2:{port}/; dmesg | grep -ciE 'ACPI.*(error|exception|warning)|oops'; cat /proc/cmdline | cut -c 1-12; exit 7",
            [.. By(firmware), "--cpus", cpus]);
        Assert.Equal("", result.Error);
        Assert.Equal($"aarch64\n{cpus[^1]}\nrunning\nping\nhello from the host\n0\nBOOT_IMAGE=/\n", result.Output);
        Assert.Equal(7, result.Status);
        Assert.Equal("GET / HTTP/1.1", await answered);
    }

    /// <summary>In the guest's own time: what kernel and systemd warn of when the host gives the vCPUs no time for a while is the host's affair.</summary>
    [Theory]
    [InlineData(CloudHv, "boot=2")]
    [InlineData(Aavmf, "boot=1")]
    public void Journal_HasTheExpectedWarningsOnly(string firmware, string cpus)
    {
        var result = Boot("systemctl --failed --no-legend; SYSTEMD_COLORS=0 journalctl -p warning -b -q -o cat", [.. By(firmware), "--cpus", cpus, "--deterministic=1"]);
        Assert.Equal((0, ExpectedWarnings, ""), (result.Status, result.Output, result.Error));
    }

    /// <summary>The console logs in.</summary>
    private const string Login = """
        await {emu login: }
        send "root\r"
        await {assword: }
        send "emu\r"
        await {root@emu:~# }
        """;

    /// <summary>Log in by password, boot again through the firmware, and press the power button.</summary>
    [ExpectFact]
    public void Console_LogsIn_Reboots_AndThePowerButtonPowersOff() => InteractiveTests.Expect(Guest, "", $$"""
        {{Login}}
        send "until ip -4 -o addr show scope global | grep inet; do sleep 1; done\r"
        await {inet 10\.0\.2\.15/24}
        await {root@emu:~# }
        send "systemctl reboot\r"
        await {UEFI firmware}
        {{Login}}
        send "until journalctl -b -u systemd-logind | grep -q 'Watching system buttons'; do sleep 1; done; echo watch\"\"ed\r"
        await {watched}
        send "\x01p"
        await {status=0\r.* icanon .* echo }
        """);

    [Fact]
    public void WhatWasSynced_IsThere_AfterEmuWasKilled_AndTheImageIsUntouched()
    {
        using (var process = Start("--overlay", Overlay, "--exec", "for i in $(seq 100000); do echo kept $i >>/root/file; sync -d /root/file; echo synced $i; done"))
        {
            var lines = process.StandardOutput;
            for (var i = 1; i <= 20; i++)
            {
                Assert.Equal($"synced {i}", lines.ReadLine());
            }

            process.Kill();
            process.WaitForExit();
        }

        Assert.Contains("No errors were found on the image.", QemuImg("check", Overlay), StringComparison.Ordinal);
        var again = Boot("head -n 20 /root/file | tail -n 1; ls /root/*", "--overlay", Overlay);
        Assert.Equal((0, "kept 20\n/root/file\n", ""), (again.Status, again.Output, again.Error));
    }

    [Fact]
    public void Options_ThatMakeNoSense_AreRefused()
    {
        Assert.Equal((2, "emu: --overlay is for guests on a disk, such as debian-arm64-disk; debian-arm64 has none\n"), Refused("debian-arm64", "--overlay", Overlay));
        Assert.Equal(
            (2, "emu: --snapshot-at needs --overlay FILE here: a snapshot goes on with the disk, which is forgotten otherwise\n"),
            Refused(Guest, "--snapshot-at", "1000", directory));
        Assert.Equal((2, "emu: --initramfs and --cmdline go with --kernel; firmware finds both on a disk\n"), Refused(Guest, "--cmdline", "quiet"));
        Assert.Equal((2, "emu: '/nowhere/overlay' cannot be written; give a file in a directory you may write to\n"), Refused(Guest, "--overlay", "/nowhere/overlay"));
    }

    [Theory]
    [InlineData(CloudHv, "boot=1")]
    [InlineData(CloudHv, "boot=2")]
    [InlineData(Aavmf, "boot=1")]
    [InlineData(Aavmf, "boot=2")]
    [Trait("Category", "Nightly")]
    public void Deterministic_RunsAreEqual_OnBothEngines(string firmware, string cpus)
    {
        EmuResult Run(string engine) =>
            Boot("ip -4 -o addr; nproc; cat /proc/uptime", [.. By(firmware), "--deterministic=1", "--state-hash", "--cpus", cpus, "--engine", engine]);
        var first = Run("jit");
        Assert.Equal((0, ""), (first.Status, first.Error));
        Assert.Contains("10.0.2.15/24", first.Output, StringComparison.Ordinal);
        Assert.Equal(first, Run("jit"));
        Assert.Equal(first, Run("interpreter"));
    }

    [Theory]
    [InlineData(CloudHv, "jit", "boot=1")]
    [InlineData(CloudHv, "interpreter", "boot=1")]
    [InlineData(CloudHv, "interpreter", "boot=2")]
    [InlineData(Aavmf, "jit", "boot=2")]
    [InlineData(Aavmf, "interpreter", "boot=1")]
    [InlineData(Aavmf, "interpreter", "boot=2")]
    [Trait("Category", "Nightly")]
    public void Exec_Works_OnEveryEngine(string firmware, string engine, string cpus)
    {
        var result = Boot("systemctl is-system-running; ping -q -c 1 10.0.2.2 >/dev/null; echo $?", [.. By(firmware), "--engine", engine, "--cpus", cpus]);
        Assert.Equal((0, "running\n0\n", ""), (result.Status, result.Output, result.Error));
    }

    /// <summary>The firmware finds GRUB by itself, and again after its variables were written by the guest.</summary>
    [ExpectFact]
    [Trait("Category", "Nightly")]
    public void Console_LogsIn_ByAavmfWithItsVariables_AndReboots() =>
        InteractiveTests.Expect(Guest, $"--firmware {AavmfFile} --nvram {Path.Combine(directory, "vars")} --cpus boot=2", $$"""
        {{Login}}
        send "printf '\\007\\0\\0\\0kept' >/sys/firmware/efi/efivars/EmuTest-11111111-2222-3333-4444-555555555555; systemctl reboot\r"
        await {UEFI firmware}
        {{Login}}
        send "tail -c 4 /sys/firmware/efi/efivars/EmuTest-*\r"
        await {kept}
        send "systemctl poweroff\r"
        await {status=0\r.* icanon .* echo }
        """);

    [Fact]
    [Trait("Category", "Nightly")]
    public void Ends_HaveTheirExitStatus()
    {
        Assert.Equal(124, Boot("sleep 10000", "--time-limit", "20").Status);

        // A panic resets at once, and so does a reboot; --exec tells that the command did not end.
        foreach (var command in (string[])["echo c >/proc/sysrq-trigger; sleep 1000", "systemctl reboot; sleep 1000"])
        {
            var result = Boot(command);
            Assert.Equal(3, result.Status);
            Assert.StartsWith("emu: the guest ended (Reset) before the command did; its last console output: ", result.Error, StringComparison.Ordinal);
        }
    }

    /// <summary>The options of a firmware.</summary>
    internal static string[] By(string firmware) => firmware == Aavmf ? ["--firmware", AavmfFile] : [];

    private static EmuResult Boot(string command, params string[] options) => EmuProcess.Run(DebianGuest.Root, ["boot", Guest, "--exec", command, .. options]);

    private static (int Status, string Error) Refused(string guest, params string[] options)
    {
        var result = EmuProcess.Run(DebianGuest.Root, ["boot", guest, "--exec", "true", .. options]);
        return (result.Status, result.Error);
    }

    /// <summary>Serves one request; returns its first line.</summary>
    private static async Task<string?> AnswerAsync(TcpListener host)
    {
        using var client = await host.AcceptTcpClientAsync();
        await using var stream = client.GetStream();
        using var reader = new StreamReader(stream);
        var first = await reader.ReadLineAsync();
        while (await reader.ReadLineAsync() is { Length: > 0 })
        {
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\nhello from the host\n"));
        return first;
    }

    private static RunningTool Start(params string[] options)
    {
        var start = new ProcessStartInfo("dotnet", [EmuProcess.Program, "boot", Guest, .. options]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["EMU_ROOT"] = DebianGuest.Root;
        var process = new RunningTool { StartInfo = start };
        process.Start();
        process.StandardInput.Close();
        return process;
    }

    private static string QemuImg(params string[] arguments)
    {
        var result = EmuProcess.Execute("qemu-img", arguments, []);
        Assert.True(result.Status == 0, $"qemu-img {string.Join(' ', arguments)} ended with {result.Status}: {result.Output}{result.Error}");
        return result.Output;
    }
}
