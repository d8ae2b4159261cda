// Snapshots of a real guest: what goes on from one is what never stopped, and a bad one is refused in one line.
using System.Globalization;

namespace Emu.Cli.Tests;

public sealed class SnapshotTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-snapshot-test-");

    private string Snapshot => Path.Combine(directory.FullName, "snapshot");

    public void Dispose() => directory.Delete(recursive: true);

    /// <summary>Saved in the middle of the kernel's boot; restored on both engines.</summary>
    [Theory]
    [InlineData("boot=1", "interpreter", "123456789")]
    [InlineData("boot=2", "jit", "234567891")]
    public void RestoredBoot_EndsInTheStateOfOneThatNeverStopped(string cpus, string engine, string at)
    {
        string[] options = ["--cpus", cpus, "--engine", engine, "--deterministic=3", "--state-hash", "--serial", "null"];
        var whole = DebianGuest.Run("true", options);
        Assert.Equal(0, whole.Status);
        var saved = DebianGuest.Run("true", [.. options, "--snapshot-at", at, Snapshot]);
        Assert.Equal(whole.Output, saved.Output);
        foreach (var other in (string[])["interpreter", "jit"])
        {
            var restored = EmuProcess.Run(DebianGuest.Root, "restore", Snapshot, "--state-hash", "--engine", other);
            Assert.Equal("", restored.Error);
            Assert.Equal(whole.Output, restored.Output);
        }
    }

    /// <summary>Saved while the guest talks to the network: libslirp still knows it afterwards, and asks nothing that it would not have asked.</summary>
    [Fact]
    public void RestoredGuest_GoesOnTalkingToItsNetwork_AsOneThatNeverStopped()
    {
        const string Command = "modprobe virtio_pci && modprobe virtio_net; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; "
            + "for i in 1 2 3 4 5 6 7 8; do ping -c 1 10.0.2.2 | grep -c '1 packets received'; usleep 30000; done";
        string[] options = ["boot", "debian-arm64-full", "--net", "mode=user", "--exec", Command, "--deterministic=1", "--state-hash"];
        var whole = EmuProcess.Run(DebianGuest.Root, options);
        Assert.Equal((0, ""), (whole.Status, whole.Error));
        var lines = whole.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(Enumerable.Repeat("1", 8), lines[..^1]);

        // By then some pings were answered, and some were not yet sent.
        var at = ulong.Parse(lines[^1][(lines[^1].LastIndexOf('=') + 1)..], CultureInfo.InvariantCulture) - 14_000_000;
        var saved = EmuProcess.Run(DebianGuest.Root, [.. options, "--snapshot-at", $"{at}", Snapshot, "--stop-at", $"{at}"]);
        Assert.Equal((0, ""), (saved.Status, saved.Error));
        Assert.InRange(saved.Output.Split('\n').Count(l => l == "1"), 1, 7);
        var restored = EmuProcess.Run(DebianGuest.Root, "restore", Snapshot, "--state-hash", "--serial", "null");
        Assert.Equal((0, "", lines[^1] + "\n"), (restored.Status, restored.Error, restored.Output));
    }

    /// <summary>The machine's files are found from another directory than the one they were named in.</summary>
    [Fact]
    public void Snapshot_IsRestoredFromAnyDirectory()
    {
        File.WriteAllBytes(Path.Combine(directory.FullName, "a,b.raw"), new byte[1 << 20]);
        string[] line = ["run", "--kernel", DebianGuest.Kernel, "--disk", "path=\"a,b.raw\",serial=x", "--serial", "file=console", "--deterministic", "--snapshot-at", "1000000", Snapshot, "--stop-at", "1000000"];
        var saved = EmuProcess.Execute("sh", ["-c", "cd \"$1\" && shift && exec dotnet \"$@\"", "sh", directory.FullName, EmuProcess.Program, .. line], []);
        Assert.Equal((0, ""), (saved.Status, saved.Error));
        var restored = EmuProcess.Run(DebianGuest.Root, "restore", Snapshot, "--stop-at", "1100000");
        Assert.Equal((0, ""), (restored.Status, restored.Error));
    }

    [Fact]
    public void DamagedTruncatedOrForeignSnapshot_IsRefusedInOneLine()
    {
        Assert.Equal(0, DebianGuest.Run("true", "--deterministic", "--serial", "null", "--snapshot-at", "1000000", Snapshot, "--stop-at", "1000000").Status);
        Refused("memory", "the contents of memory are not what was written", file => Flip(file, 0x40_0000));
        Refused("memory", "memory is ", file => file.SetLength(file.Length - 4096));
        Refused("state", "the hash of state is wrong", file => Flip(file, 100));
        Refused("state", "state is 9 bytes long", file => file.SetLength(9));
        Refused("state", "state does not begin with EMUSTATE", file => Flip(file, 0));
        Assert.Equal(0, EmuProcess.Run(DebianGuest.Root, "restore", Snapshot, "--stop-at", "1100000").Status);

        var none = EmuProcess.Run(DebianGuest.Root, "restore", directory.FullName);
        Assert.Equal(2, none.Status);
        Assert.StartsWith($"emu: {directory.FullName} is not a snapshot: ", none.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void DirectoryInUse_IsNotOverwritten()
    {
        Directory.CreateDirectory(Snapshot);
        File.WriteAllText(Path.Combine(Snapshot, "mine"), "");
        var result = DebianGuest.Run("true", "--deterministic", "--serial", "null", "--snapshot-at", "1000", Snapshot);
        Assert.Equal(2, result.Status);
        Assert.Equal($"emu: snapshot directory {Snapshot} is not empty; give a new one\n", result.Error);
    }

    private static void Flip(FileStream file, long at)
    {
        file.Position = at;
        var value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 1));
    }

    /// <summary>Damages a file, tries to restore, and mends it.</summary>
    private void Refused(string name, string message, Action<FileStream> damage)
    {
        var path = Path.Combine(Snapshot, name);
        var good = path + ".good";
        File.Copy(path, good);
        using (var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite))
        {
            damage(file);
        }

        var result = EmuProcess.Run(DebianGuest.Root, "restore", Snapshot);
        Assert.Equal(2, result.Status);
        Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        File.Move(good, path, overwrite: true);
    }
}
