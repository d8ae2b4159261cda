// Deterministic mode: turns, time, timers, sleep, input and stops, all to the exact instruction.
using Emu.Core;
using Emu.Machine.Lifecycle;

namespace Emu.Machine.Tests;

public class DeterministicRunnerTests
{
    private const ulong Quantum = DeterministicRunner.Quantum;

    private readonly StopControl control = new();
    private readonly DeterministicClock clock = new(0);
    private readonly HostInputQueue input = new();

    [Fact]
    public void Vcpus_TakeTurnsOfOneQuantum()
    {
        var turns = new List<(int Vcpu, ulong Retired)>();
        var vcpus = Vcpus(3, v =>
        {
            if (turns.Count == 0 || turns[^1].Vcpu != v.Index)
            {
                turns.Add((v.Index, v.Retired));
            }

            return null;
        });
        Run(vcpus, stopAt: 5 * Quantum);
        Assert.Equal([(0, 0), (1, 0), (2, 0), (0, Quantum), (1, Quantum)], turns);
    }

    [Fact]
    public void Time_IsOneSequenceOverAllVcpus()
    {
        ulong expected = 0;
        var vcpus = Vcpus(2, _ =>
        {
            Assert.Equal(expected++, clock.Now);
            return null;
        });
        Assert.Equal(RunEnd.InstructionLimit, Run(vcpus, stopAt: 3 * Quantum).End);
        Assert.Equal(3 * Quantum, clock.Now);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(1000)]
    [InlineData(49_000)]
    [InlineData(49_999)]
    [InlineData(123_456)]
    public void Timer_FiresAtTheExactInstruction(ulong delay)
    {
        const ulong ArmedAt = BlockEnd;
        ulong? firedAt = null;
        ClockTimer? timer = null;
        var vcpus = Vcpus(1, v =>
        {
            if (v.Retired == ArmedAt)
            {
                // An access to a timer ends its block, as it does in an engine.
                timer!.Arm(clock.Now + 1 + delay);
            }

            return null;
        });
        timer = clock.CreateTimer(() => firedAt = vcpus[0].Retired);
        Run(vcpus, stopAt: 200_000);
        Assert.Equal(ArmedAt + 1 + delay, firedAt);
    }

    /// <summary>The last instruction of a block.</summary>
    private const ulong BlockEnd = 95;

    [Fact]
    public void Timer_DisarmedInItsTurn_DoesNotFire()
    {
        var fired = false;
        var timer = clock.CreateTimer(() => fired = true);
        var vcpus = Vcpus(1, v =>
        {
            switch (v.Retired)
            {
                case 10: timer.Arm(clock.Now + 100); break;
                case 50: timer.Disarm(); break;
                default: break;
            }

            return null;
        });
        Run(vcpus, stopAt: 1000);
        Assert.False(fired);
    }

    [Fact]
    public void AllAsleep_TimeJumpsToTheNextDeadline()
    {
        var times = new List<ulong>();
        ClockTimer? timer = null;
        var vcpus = Vcpus(1, v =>
        {
            times.Add(clock.Now);
            timer!.Arm(clock.Now + 1_000_000_000);
            return VcpuExit.Halted;
        });
        timer = clock.CreateTimer(() => vcpus[0].SetInterrupt(CpuInterrupt.Irq, true));

        // The fake takes its interrupt at once when it halts again, so two instructions run at each wake-up.
        Run(vcpus, stopAt: 3);
        Assert.Equal([0UL, 1_000_000_000, 1_000_000_001], times);
    }

    [Fact]
    public void AllAsleepWithoutDeadline_WaitsForInputThenWakes()
    {
        var vcpus = Vcpus(1, v =>
        {
            if (v.Retired < 20)
            {
                return v.Retired == 0 ? VcpuExit.Halted : null;
            }

            control.RequestStop(MachineStop.PowerOff);
            return VcpuExit.MachineRequest;
        });
        var runner = Start(vcpus, null);
        Assert.False(control.Wait(TimeSpan.FromMilliseconds(50)));
        input.Post(() => vcpus[0].SetInterrupt(CpuInterrupt.Irq, true));
        Assert.True(control.Wait(Patience.Limit));
        runner.Join();
        Assert.Equal(RunEnd.PowerOff, control.Outcome.End);
    }

    [Fact]
    public void AllAsleepForEver_AStopStillEndsIt()
    {
        var vcpus = Vcpus(2, _ => VcpuExit.Halted);
        var runner = Start(vcpus, null);
        Patience.Until(() => vcpus[0].Retired + vcpus[1].Retired == 2, "the vCPUs do not run");
        Assert.False(control.Wait(TimeSpan.FromMilliseconds(30)));
        control.Stop(new RunOutcome(RunEnd.TimeLimit));
        runner.Join();
        Assert.Equal(2UL, runner.Instructions);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(49_999)]
    [InlineData(50_000)]
    [InlineData(50_001)]
    [InlineData(123_457)]
    public void StopAt_EndsAtTheExactInstructionOfAllVcpus(ulong stopAt)
    {
        var vcpus = Vcpus(2, _ => null);
        Assert.Equal(RunEnd.InstructionLimit, Run(vcpus, stopAt).End);
        Assert.Equal(stopAt, vcpus[0].Retired + vcpus[1].Retired);
    }

    [Fact]
    public void Input_EntersBetweenTurnsOnly()
    {
        var delivered = new List<ulong>();
        FakeVcpu[] vcpus = [];
        vcpus = Vcpus(1, v =>
        {
            if (v.Retired % 7_777 == 0)
            {
                input.Post(() => delivered.Add(vcpus[0].Retired));
            }

            return null;
        });
        Run(vcpus, stopAt: 4 * Quantum);
        Assert.NotEmpty(delivered);
        Assert.All(delivered, at => Assert.Equal(0UL, at % Quantum));
    }

    [Fact]
    public void Kicks_FromOutside_ChangeNothingTheGuestSees()
    {
        var times = new List<ulong>();
        var vcpus = Vcpus(2, v =>
        {
            if (v.Retired % 1000 == 0)
            {
                times.Add(clock.Now);
                v.Kick();
            }

            return null;
        });
        Run(vcpus, stopAt: 2 * Quantum);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (ulong)i * 1000), times);
    }

    [Fact]
    public void Failure_InAnInstruction_EndsTheRun()
    {
        var vcpus = Vcpus(1, v => v.Retired == 5 ? throw new InvalidDataException("broken") : null);
        var outcome = Run(vcpus, null);
        Assert.Equal(RunEnd.Failure, outcome.End);
        Assert.IsType<InvalidDataException>(outcome.Failure);
    }

    [Fact]
    public void Pause_StandsStillBetweenInstructionsAndGoesOn()
    {
        var vcpus = Vcpus(1, _ => null);
        var runner = Start(vcpus, null);
        runner.Pause();
        var at = vcpus[0].Retired;
        Thread.Sleep(20);
        Assert.Equal(at, vcpus[0].Retired);
        runner.Resume();
        Patience.Until(() => runner.Instructions > at + Quantum, "the vCPU does not run on");
        control.Stop(new RunOutcome(RunEnd.Quit));
        runner.Join();
    }

    [Fact]
    public void Pause_ChangesNeitherTurnsNorTime()
    {
        var turns = new List<(int Vcpu, ulong Time)>();
        var vcpus = Vcpus(2, v =>
        {
            if (turns.Count == 0 || turns[^1].Vcpu != v.Index)
            {
                turns.Add((v.Index, clock.Now));
            }

            return null;
        });
        var runner = Start(vcpus, 100 * Quantum);
        for (var i = 0; i < 20 && !control.IsStopping; i++)
        {
            Thread.Sleep(1);
            runner.Pause();
            Assert.Equal(vcpus[0].Retired + vcpus[1].Retired, runner.Instructions);
            runner.Resume();
        }

        Assert.True(control.Wait(Patience.Limit));
        runner.Join();
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (i % 2, (ulong)i * Quantum)), turns);
    }

    [Fact]
    public void Checkpoint_StandsAtEveryCount_AndChangesNeitherTurnsNorTime()
    {
        var turns = new List<(int Vcpu, ulong Time)>();
        List<(int, ulong)> Turns(Action<DeterministicRunner>? prepare)
        {
            turns.Clear();
            var time = new DeterministicClock(0);
            var stop = new StopControl();
            var fresh = Vcpus(2, v =>
            {
                if (turns.Count == 0 || turns[^1].Vcpu != v.Index)
                {
                    turns.Add((v.Index, time.Now));
                }

                return null;
            });
            var runner = new DeterministicRunner(fresh, stop, time, new HostInputQueue(), 10 * Quantum);
            prepare?.Invoke(runner);
            runner.Start();
            Assert.True(stop.Wait(Patience.Limit));
            runner.Join();
            return [.. turns];
        }

        var expected = Turns(null);
        ulong[] counts = [0, 1, 2, Quantum - 1, Quantum, Quantum + 1, 123_456, 10 * Quantum];
        var seen = new List<ulong>();
        var actual = Turns(r => r.SetCheckpoint(counts[0], count =>
        {
            Assert.Equal(r.Instructions, count);
            seen.Add(count);
            return seen.Count < counts.Length ? counts[seen.Count] : ulong.MaxValue;
        }));
        Assert.Equal(expected, actual);
        Assert.Equal(counts, seen);
    }

    private static FakeVcpu[] Vcpus(int count, Func<FakeVcpu, VcpuExit?> step)
    {
        var vcpus = new FakeVcpu[count];
        for (var i = 0; i < count; i++)
        {
            vcpus[i] = new FakeVcpu(i) { Step = step };
            vcpus[i].PowerOn();
        }

        return vcpus;
    }

    private DeterministicRunner Start(FakeVcpu[] vcpus, ulong? stopAt)
    {
        var runner = new DeterministicRunner(vcpus, control, clock, input, stopAt);
        runner.Start();
        return runner;
    }

    private RunOutcome Run(FakeVcpu[] vcpus, ulong? stopAt)
    {
        var runner = Start(vcpus, stopAt);
        var ended = control.Wait(Patience.Limit);
        control.Stop(new RunOutcome(RunEnd.TimeLimit));
        runner.Join();
        Assert.True(ended, "the run did not end");
        return control.Outcome;
    }
}
