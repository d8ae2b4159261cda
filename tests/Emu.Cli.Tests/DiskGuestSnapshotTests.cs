// Snapshots and bisection of the guest debian-arm64-disk: with its disk as it was, it goes on to the state of a run that never stopped.
using System.Globalization;
using System.Text.RegularExpressions;

namespace Emu.Cli.Tests;

public sealed partial class DiskGuestSnapshotTests : IDisposable
{
    private const string Guest = "debian-arm64-disk";

    /// <summary>Work for the disk, the network and the processor, after the boot.</summary>
    private const string Work = """
        for i in 1 2 3 4; do dd if=/dev/urandom of=/root/f$i bs=64k count=40 conv=fsync 2>/dev/null; ping -q -c 1 10.0.2.2 >/dev/null || echo lost; done
        sync; echo 3 >/proc/sys/vm/drop_caches; cat /root/f? | sha256sum; rm /root/f1; fstrim /; cat /proc/uptime
        """;

    private readonly string directory = Directory.CreateTempSubdirectory("emu-disk-snapshot-").FullName;

    private string Snapshot => Path.Combine(directory, "snapshot");

    private string Overlay => Path.Combine(directory, "overlay.qcow2");

    public void Dispose() => Directory.Delete(directory, recursive: true);

    /// <summary>Between the kernel's start and systemd's, with the root file system just mounted.</summary>
    [Fact]
    public void BootGoesOnFromASnapshot_ToTheStateOfOneThatNeverStopped()
    {
        const ulong At = 1_900_000_000, End = 2_200_000_000;
        var whole = Hash(Boot("true", "cloudhv", "jit", "boot=1", "--stop-at", $"{End}"));
        Save("true", "cloudhv", "jit", "boot=1", At);
        Assert.Equal(whole, Hash(Restore("jit", "--stop-at", $"{End}")));
        Assert.Equal(whole, Hash(Restore("interpreter", "--stop-at", $"{End}")));
    }

    /// <summary>Saved after so many percent of its instructions: in the boot and under work, down to the end of both.</summary>
    [Theory]
    [InlineData("cloudhv", "jit", "boot=1", 45)]
    [InlineData("cloudhv", "interpreter", "boot=2", 90)]
    [InlineData("aavmf", "jit", "boot=2", 8)]
    [InlineData("aavmf", "jit", "boot=2", 60)]
    [InlineData("aavmf", "interpreter", "boot=1", 90)]
    [Trait("Category", "Nightly")]
    public void RunGoesOnFromASnapshot_ToTheEndOfOneThatNeverStopped(string firmware, string engine, string cpus, int percent)
    {
        var whole = Boot(Work, firmware, engine, cpus);
        var hash = Hash(whole);
        Assert.DoesNotContain("lost", whole.Output, StringComparison.Ordinal);
        var length = ulong.Parse(hash[(hash.LastIndexOf('=') + 1)..], CultureInfo.InvariantCulture);
        Save(Work, firmware, engine, cpus, length / 100 * (ulong)percent);
        Assert.Equal(hash, Hash(Restore("jit")));
        Assert.Equal(hash, Hash(Restore("interpreter")));
    }

    [Theory]
    [InlineData("cloudhv", "300000000")]
    [InlineData("aavmf", "300000000")]
    public void Bisect_GivesEachMachineADiskOfItsOwn(string firmware, string to)
    {
        var result = EmuProcess.Run(DebianGuest.Root, ["bisect", Guest, .. DiskGuestTests.By(firmware), "--to", to]);
        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.StartsWith($"no difference in {to} instructions", result.Output, StringComparison.Ordinal);
    }

    /// <summary>Both guests write to their disks, all the way to the end.</summary>
    [Fact]
    [Trait("Category", "Nightly")]
    public void Bisect_FindsNoDifferenceInAWholeRun()
    {
        var result = EmuProcess.Run(DebianGuest.Root, "bisect", Guest, "--exec", Work, "--cpus", "boot=2");
        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.StartsWith("no difference in ", result.Output, StringComparison.Ordinal);
    }

    private EmuResult Boot(string command, string firmware, string engine, string cpus, params string[] more)
    {
        File.Delete(Overlay);
        return EmuProcess.Run(
            DebianGuest.Root,
            ["boot", Guest, "--exec", command, .. DiskGuestTests.By(firmware), "--overlay", Overlay, "--deterministic=1", "--engine", engine, "--cpus", cpus, "--state-hash", .. more]);
    }

    /// <summary>Saves the machine, and its disk as it was then.</summary>
    private void Save(string command, string firmware, string engine, string cpus, ulong at)
    {
        Hash(Boot(command, firmware, engine, cpus, "--snapshot-at", $"{at}", Snapshot, "--stop-at", $"{at}"));
        File.Copy(Overlay, Overlay + ".saved");
    }

    private EmuResult Restore(string engine, params string[] more)
    {
        File.Copy(Overlay + ".saved", Overlay, overwrite: true);
        string[] serial = more.Contains("--serial") ? [] : ["--serial", "null"];
        return EmuProcess.Run(DebianGuest.Root, ["restore", Snapshot, "--state-hash", "--engine", engine, .. serial, .. more]);
    }

    private static string Hash(EmuResult result)
    {
        Assert.Equal((0, ""), (result.Status, result.Error));
        return StateHash().Match(result.Output).Value;
    }

    [GeneratedRegex("state-hash=[0-9a-f]+ instructions=[0-9]+")]
    private static partial Regex StateHash();
}
