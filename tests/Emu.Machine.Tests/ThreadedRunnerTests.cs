// Threaded mode and stop requests: exact stops, sleep, pause, and which request wins.
using Emu.Core;
using Emu.Machine.Lifecycle;

namespace Emu.Machine.Tests;

public class ThreadedRunnerTests
{
    private readonly StopControl control = new();

    [Fact]
    public void StopAt_OnOneVcpu_IsExact()
    {
        var vcpu = Vcpu(_ => null);
        var runner = new ThreadedRunner([vcpu], control, 12_345);
        runner.Start();
        Assert.True(control.Wait(Patience.Limit));
        runner.Join();
        Assert.Equal(RunEnd.InstructionLimit, control.Outcome.End);
        Assert.Equal(12_345UL, vcpu.Retired);
        Assert.Equal(12_345UL, runner.Instructions);
    }

    [Fact]
    public void HaltedVcpu_SleepsUntilItsInterrupt()
    {
        var vcpu = Vcpu(v =>
        {
            if (v.Retired == 0)
            {
                return VcpuExit.Halted;
            }

            control.RequestStop(MachineStop.ExitCode, 7);
            return VcpuExit.MachineRequest;
        });
        var runner = new ThreadedRunner([vcpu], control);
        runner.Start();
        Assert.False(control.Wait(TimeSpan.FromMilliseconds(30)));
        vcpu.SetInterrupt(CpuInterrupt.Irq, true);
        Assert.True(control.Wait(Patience.Limit));
        runner.Join();
        Assert.Equal(new RunOutcome(RunEnd.ExitCode, 7), control.Outcome);
    }

    [Fact]
    public void Stop_EndsRunningSleepingAndPoweredOffVcpus()
    {
        FakeVcpu[] vcpus = [Vcpu(_ => null), Vcpu(_ => VcpuExit.Halted, 1), new FakeVcpu(2)];
        var runner = new ThreadedRunner(vcpus, control);
        runner.Start();
        Patience.Until(() => vcpus[0].Retired > 0 && vcpus[1].Retired == 1, "the vCPUs do not run");
        control.Stop(new RunOutcome(RunEnd.Signal, 15));
        runner.Join();
        Assert.True(vcpus[0].Retired > 0);
        Assert.Equal(1UL, vcpus[1].Retired);
        Assert.Equal(0UL, vcpus[2].Retired);
    }

    [Fact]
    public void Pause_StopsEveryVcpuUntilResume()
    {
        FakeVcpu[] vcpus = [Vcpu(_ => null), Vcpu(_ => null, 1), Vcpu(_ => VcpuExit.Halted, 2)];
        var runner = new ThreadedRunner(vcpus, control);
        runner.Start();
        runner.Pause();
        var at = (vcpus[0].Retired, vcpus[1].Retired);
        Thread.Sleep(20);
        Assert.Equal(at, (vcpus[0].Retired, vcpus[1].Retired));
        runner.Resume();
        Patience.Until(() => vcpus[0].Retired > at.Item1 && vcpus[1].Retired > at.Item2, "the vCPUs do not run on");
        control.Stop(new RunOutcome(RunEnd.Quit));
        runner.Join();
    }

    [Fact]
    public void FirstGuestRequest_Wins()
    {
        control.RequestStop(MachineStop.PowerOff);
        control.RequestStop(MachineStop.Reset);
        control.Stop(new RunOutcome(RunEnd.TimeLimit));
        Assert.Equal(RunEnd.PowerOff, control.Outcome.End);
        Assert.False(control.TryRearmAfterReset());
    }

    [Fact]
    public void Signal_DuringAReset_EndsTheRun()
    {
        control.RequestStop(MachineStop.Reset);
        control.Stop(new RunOutcome(RunEnd.Signal, 15));
        Assert.False(control.TryRearmAfterReset());
        Assert.Equal(RunEnd.Signal, control.Outcome.End);
    }

    [Fact]
    public void Reset_IsTakenBackOnce()
    {
        control.RequestStop(MachineStop.Reset);
        Assert.True(control.TryRearmAfterReset());
        Assert.False(control.IsStopping);
        Assert.False(control.TryRearmAfterReset());
    }

    private static FakeVcpu Vcpu(Func<FakeVcpu, VcpuExit?> step, int index = 0)
    {
        var vcpu = new FakeVcpu(index) { Step = step };
        vcpu.PowerOn();
        return vcpu;
    }
}
