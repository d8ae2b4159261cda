// A guest that works on a directory of the host is saved in the middle of it, and goes on with another server.
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Emu.Core;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Machine.Tests.Guests;

public sealed class FsSnapshotGuestTests : IDisposable
{
    private const int Megabyte = 1 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(30);

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-fs-guest");
    private readonly GuestConsole console = new();
    private Process? server;

    private string Share => Path.Combine(directory.FullName, "share");

    private string Socket => Path.Combine(directory.FullName, "s");

    public void Dispose()
    {
        Kill();
        directory.Delete(true);
    }

    [NewerVirtiofsdFact]
    public void OpenFiles_AreReadAndWrittenOn_AfterARestore()
    {
        var content = RandomNumberGenerator.GetBytes(3 * Megabyte);
        Directory.CreateDirectory(Share);
        File.WriteAllBytes(Path.Combine(Share, "in"), content);
        Serve();

        // While it waits for the host's word, the guest keeps the server busy.
        const string Command = """
            modprobe virtio_pci; modprobe virtiofs; mkdir /s; mount -t virtiofs share /s || exit 1
            exec 3</s/in 4>/s/out
            dd bs=1M count=1 <&3 2>/dev/null | sha256sum; echo before >&4; echo READY
            until [ -e /s/go ]; do echo 3 >/proc/sys/vm/drop_caches; sha256sum </s/in; ls -l /s; done >/dev/null
            sha256sum <&3; echo after >&4; exec 3<&- 4>&-; mkdir /s/d; mv /s/out /s/d/out; umount /s && echo DONE
            """;
        var options = new MachineOptions
        {
            Kernel = GuestFiles.Kernel,
            Initramfs = GuestFiles.Initramfs,
            CommandLine = $"console=ttyAMA0 quiet emu.exec={Convert.ToBase64String(Encoding.UTF8.GetBytes(Command))}",
            Cpus = new CpusOption(2, 2),
            Engine = EngineKind.Jit,
            TimeLimit = Limit,
            Devices = new DeviceOptions { FileSystems = [FsOption.Parse($"tag=share,socket={Socket}")] },
        };
        var snapshot = Path.Combine(directory.FullName, "snapshot");
        using (var machine = Create(options))
        {
            var run = Task.Run(machine.Run);
            console.WaitFor("READY\n", Limit);
            machine.Snapshot(snapshot);
            machine.Control.Stop(new RunOutcome(RunEnd.Quit));
            Assert.Equal(RunEnd.Quit, run.GetAwaiter().GetResult().End);
        }

        Assert.Contains(Hash(content[..Megabyte]), console.Text, StringComparison.Ordinal);
        console.Again();
        Serve();
        using (var machine = Create(options with { RestoreFrom = snapshot }))
        {
            File.WriteAllText(Path.Combine(Share, "go"), "");
            var outcome = machine.Run();
            Assert.True(outcome.End == RunEnd.PowerOff, $"{outcome.End} {outcome.Failure?.Message}: {console.Text}");
        }

        Assert.Contains(Hash(content[Megabyte..]), console.Text, StringComparison.Ordinal);
        Assert.Contains("DONE\n", console.Text, StringComparison.Ordinal);
        Assert.Equal("before\nafter\n", File.ReadAllText(Path.Combine(Share, "d", "out")));
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private VirtualMachine Create(MachineOptions options) => new(options, new MachineHost { Log = Log.Null, CreateSerial = () => console });

    private void Serve()
    {
        Kill();
        server = Virtiofsd.Start(Socket, Share, Virtiofsd.Newer);
    }

    private void Kill()
    {
        if (server is not null)
        {
            server.Kill();
            server.WaitForExit();
            server.Dispose();
            File.Delete(Socket);
        }
    }
}
