// Kill -9 in the middle of random work: the image is clean and holds everything that was flushed.
using System.Diagnostics;
using System.Runtime.InteropServices;
using Emu.Devices.Storage;
using static Emu.Devices.Tests.Storage.CrashWriter;

namespace Emu.Devices.Tests.Storage;

/// <summary>Crash safety of qcow2 and VHDX.</summary>
public sealed class CrashTests : StorageTest
{
    private const int Capacity = 24 << 20;
    private const int Kills = 12;

    [QemuTheory]
    [InlineData("cluster_size=65536", false)]
    [InlineData("cluster_size=4096,refcount_bits=64", false)]
    [InlineData("cluster_size=65536,compat=0.10", false)]
    [InlineData("cluster_size=65536", true)]
    public void Qcow2_KilledAtAnyMoment_IsCleanAndHoldsWhatWasFlushed(string features, bool hasBacking)
    {
        var image = PathOf("disk.qcow2");
        var state = hasBacking ? Pattern(Capacity, seed: 1) : new byte[Capacity];
        string[] backing = [];
        if (hasBacking)
        {
            File.WriteAllBytes(PathOf("base.raw"), state);
            backing = ["-b", "base.raw", "-F", "raw"];
        }

        QemuImg.Run(["create", "-q", "-f", "qcow2", "-o", features, .. backing, image, $"{Capacity}"]);
        KillAndVerify(image, state, () => QemuImg.AssertClean("qcow2", image));
    }

    [QemuFact]
    public void Vhdx_KilledAtAnyMoment_HoldsWhatWasFlushed()
    {
        var image = PathOf("disk.vhdx");
        QemuImg.Run("create", "-q", "-f", "vhdx", "-o", "block_size=1048576", image, $"{Capacity}");
        KillAndVerify(image, new byte[Capacity], () =>
        {
            // QEMU replays the log that Emu left, in a copy, and finds nothing else to repair.
            var copy = image + ".copy";
            File.Copy(image, copy, overwrite: true);
            QemuImg.Run("check", "-r", "all", "-f", "vhdx", copy);
            QemuImg.AssertClean("vhdx", copy);
        });
    }

    private void KillAndVerify(string image, byte[] state, Action check)
    {
        var random = new Random(7);
        var flushes = 0;
        for (var round = 1; round <= Kills; round++)
        {
            var marks = PathOf("marks");
            File.Delete(marks);
            using var child = Start(image, marks, round);

            // Counted in operations: a busy host does little in a time.
            var operations = random.Next(60);
            while (!(File.Exists(marks) && new FileInfo(marks).Length > operations))
            {
                Assert.False(child.HasExited, "the writer ended");
                Thread.Sleep(1);
            }

            Thread.Sleep(random.Next(10));
            child.Kill();
            child.WaitForExit();
            var done = File.ReadAllText(marks)[1..];
            Assert.DoesNotContain('e', done);
            check();
            flushes += done.Count(c => c == 'f');
            using var disk = Open(image, readOnly: image.EndsWith("qcow2", StringComparison.Ordinal), backing: true);
            var now = ReadAll(disk);
            Verify(state, now, round, done.LastIndexOf('f') + 1, done.Length);
            state = now;
        }

        Assert.True(flushes > Kills, $"only {flushes} flushes in {Kills} rounds");
    }

    private static Process Start(string image, string marks, int seed)
    {
        var assembly = typeof(CrashWriter).Assembly.Location;
        return Process.Start(new ProcessStartInfo(DotnetPath, ["exec", assembly, "crash-writer", image, marks, $"{seed}"]))!;
    }

    /// <summary>Every sector holds what the last flush made durable, or what an operation begun after it wrote.</summary>
    private static void Verify(byte[] before, byte[] now, int seed, int durable, int completed)
    {
        var expected = MemoryMarshal.Cast<byte, ulong>(before.AsSpan()).ToArray();
        var operations = Operations(seed, Capacity).Take(completed + 1).ToArray();
        foreach (var operation in operations.Take(durable).Where(o => o.Kind != OperationKind.Flush))
        {
            expected.AsSpan(operation.Offset / 8, operation.Length / 8).Fill(operation.Value);
        }

        var actual = MemoryMarshal.Cast<byte, ulong>(now.AsSpan());
        const int Words = SectorBytes / 8;
        for (var sector = 0; sector < Capacity / SectorBytes; sector++)
        {
            var found = actual.Slice(sector * Words, Words);
            if (found.SequenceEqual(expected.AsSpan(sector * Words, Words)))
            {
                continue;
            }

            var value = found[0];
            var isLater = found.ContainsAnyExcept(value) ? false
                : operations.Skip(durable).Any(o => o.Kind != OperationKind.Flush && o.Value == value
                    && sector * SectorBytes >= o.Offset && sector * SectorBytes < o.Offset + o.Length);
            Assert.True(isLater, $"round {seed}: sector {sector} holds 0x{value:x}, expected 0x{expected[sector * Words]:x} or a later write; {durable} of {completed} operations were durable");
        }
    }
}
