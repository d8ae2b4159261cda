// The clocks: timers fire in order of deadline, then of arming, whatever was moved in between; host time wakes for them and stands still when told.
namespace Emu.Core.Tests;

public sealed class ClockTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>Compared with a list sorted by hand, over arming, moving, disarming and time that passes.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Timers_FireByDeadlineThenByArming(int seed)
    {
        var random = new Random(seed);
        var clock = new DeterministicClock(0);
        var fired = new List<int>();
        var timers = new ClockTimer[60];
        for (var i = 0; i < timers.Length; i++)
        {
            var number = i;
            timers[i] = clock.CreateTimer(() => fired.Add(number));
        }

        var armed = new List<(ulong Deadline, int Order, int Timer)>();
        for (var step = 0; step < 20_000; step++)
        {
            var timer = random.Next(timers.Length);
            switch (random.Next(8))
            {
                case < 5:
                    var deadline = clock.Now + (ulong)random.Next(40);
                    armed.RemoveAll(a => a.Timer == timer);
                    armed.Add((deadline, step, timer));
                    timers[timer].Arm(deadline);
                    break;
                case 5:
                    armed.RemoveAll(a => a.Timer == timer);
                    timers[timer].Disarm();
                    break;
                default:
                    clock.Set(clock.Now + (ulong)random.Next(20));
                    clock.RunDueTimers();
                    var due = armed.Where(a => a.Deadline <= clock.Now).Order().ToList();
                    armed.RemoveAll(due.Contains);
                    Assert.Equal(due.Select(d => d.Timer), fired);
                    fired.Clear();
                    break;
            }

            Assert.Equal(armed.Count == 0 ? ulong.MaxValue : armed.Min(a => a.Deadline), clock.NextDeadline);
        }
    }

    [Fact]
    public void HostTimers_ComeDueInOrder_AndNotEarly()
    {
        using var clock = new HostClock();
        using var done = new CountdownEvent(3);
        var order = new List<(string Name, ulong At)>();
        ulong begin = 0;
        ClockTimer Timer(string name) => clock.CreateTimer(() =>
        {
            order.Add((name, clock.Now - begin));
            done.Signal();
        });
        var (first, second, third) = (Timer("first"), Timer("second"), Timer("third"));

        // The earliest is armed last, and one moves to and fro. Time stands still meanwhile, however long this thread may be kept waiting.
        clock.Freeze();
        begin = clock.Now;
        third.Arm(begin + 9_000_000);
        second.Arm(begin + 900_000_000_000);
        second.Arm(begin + 6_000_000);
        first.Arm(begin + 3_000_000);
        clock.Thaw();
        Assert.True(done.Wait(Patience));
        Assert.Equal(["first", "second", "third"], order.Select(o => o.Name));
        Assert.All(order.Zip([3_000_000UL, 6_000_000UL, 9_000_000UL]), o => Assert.True(o.First.At >= o.Second));
    }

    [Fact]
    public void FrozenHostClock_StandsStillAndRunsNothing_UntilItThaws()
    {
        using var clock = new HostClock(now: 5_000_000_000);
        Assert.True(clock.Now >= 5_000_000_000);
        using var fired = new ManualResetEventSlim();
        var timer = clock.CreateTimer(fired.Set);
        clock.Freeze();
        var now = clock.Now;
        timer.Arm(now);
        Assert.Equal(now, clock.Now);
        Assert.False(fired.IsSet);
        clock.Thaw();
        Assert.True(fired.Wait(Patience));
        Assert.True(clock.Now >= now);
    }

    [Fact]
    public void DisposedHostClock_DoesNotWaitForItsTimers()
    {
        for (var i = 0; i < 100; i++)
        {
            var clock = new HostClock();
            clock.CreateTimer(() => { }).Arm(clock.Now + 3_600_000_000_000);
            clock.Dispose();
        }
    }
}
