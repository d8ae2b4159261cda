// A guest is restored on a host that is slow: its timers come due while the machine is built.
using System.Text;
using Emu.Core;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Machine.Tests.Guests;

public sealed class SnapshotTimeGuestTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(30);

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-snapshot-time");
    private readonly GuestConsole console = new();

    public void Dispose() => directory.Delete(true);

    [Fact]
    public async Task TimersThatComeDueDuringARestore_AreNotLost()
    {
        var options = new MachineOptions
        {
            Kernel = GuestFiles.Kernel,
            Initramfs = GuestFiles.Initramfs,
            CommandLine = $"console=ttyAMA0 quiet emu.exec={Convert.ToBase64String(Encoding.UTF8.GetBytes("while :; do echo tick; sleep 1; done"))}",
            Cpus = new CpusOption(2, 2),
            Engine = EngineKind.Interpreter,
            TimeLimit = Limit,
        };
        var snapshot = Path.Combine(directory.FullName, "snapshot");
        using (var machine = Create(options, TimeSpan.Zero))
        {
            var run = Task.Run(machine.Run);
            console.WaitFor("tick\n", Limit);

            // By then it sleeps, on most hosts; where it does not, there is nothing to lose.
            Thread.Sleep(300);
            machine.Snapshot(snapshot);
            machine.Control.Stop(new RunOutcome(RunEnd.Quit));
            Assert.Equal(RunEnd.Quit, (await run).End);
        }

        console.Again();
        using (var machine = Create(options with { RestoreFrom = snapshot }, TimeSpan.FromMilliseconds(1500)))
        {
            var run = Task.Run(machine.Run);
            for (var i = 0; i < 3; i++)
            {
                console.WaitFor("tick\n", Patience.Limit);
            }

            machine.Control.Stop(new RunOutcome(RunEnd.Quit));
            Assert.Equal(RunEnd.Quit, (await run).End);
        }
    }

    private VirtualMachine Create(MachineOptions options, TimeSpan slowness) => new(options, new MachineHost
    {
        Log = Log.Null,
        CreateSerial = () =>
        {
            // Machine time runs already.
            Thread.Sleep(slowness);
            return console;
        },
    });
}
