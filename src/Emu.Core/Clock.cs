// Machine time: the one clock and timer queue every device reads, host-driven or a function of retired instructions.
using System.Diagnostics;

namespace Emu.Core;

/// <summary>
/// Machine time in nanoseconds since power-on, and the timers that run on it. Devices never read host time.
/// Callbacks run with no lock of the clock held: on the clock's own thread (<see cref="HostClock"/>) or on the
/// machine's one thread at an exact instruction (<see cref="DeterministicClock"/>).
/// </summary>
public abstract class Clock
{
    private readonly TimerQueue queue = new();

    /// <summary>Guards the queue.</summary>
    protected object Gate { get; } = new();

    /// <summary>Nanoseconds since power-on; never goes back.</summary>
    public abstract ulong Now { get; }

    /// <summary>Seconds since 1970-01-01 UTC that correspond to <see cref="Now"/> = 0 (host time, or the fixed epoch of deterministic mode).</summary>
    public abstract long EpochSeconds { get; }

    /// <summary>Creates a disarmed one-shot timer.</summary>
    /// <param name="callback">Called once per arming, at or after the deadline.</param>
    public ClockTimer CreateTimer(Action callback) => new(this, callback);

    /// <summary>The earliest armed deadline in nanoseconds, or <see cref="ulong.MaxValue"/> if none.</summary>
    public ulong NextDeadline
    {
        get
        {
            lock (Gate)
            {
                return queue.First?.Deadline ?? ulong.MaxValue;
            }
        }
    }

    /// <summary>Runs every callback whose deadline is at or before <paramref name="now"/>, in order of deadline, then of arming.</summary>
    protected void RunDue(ulong now)
    {
        while (true)
        {
            ClockTimer timer;
            lock (Gate)
            {
                if (queue.First is not { } first || first.Deadline > now)
                {
                    return;
                }

                timer = first;
                queue.Remove(timer);
                timer.Deadline = ulong.MaxValue;
            }

            timer.Callback();
        }
    }

    /// <summary>Called under <see cref="Gate"/> when a new earliest deadline may exist.</summary>
    protected abstract void DeadlineChanged();

    internal void Arm(ClockTimer timer, ulong deadline)
    {
        lock (Gate)
        {
            queue.Remove(timer);
            timer.Deadline = deadline;
            if (deadline != ulong.MaxValue)
            {
                queue.Add(timer);
            }

            DeadlineChanged();
        }
    }
}

/// <summary>A one-shot timer on a <see cref="Clock"/>.</summary>
public sealed class ClockTimer
{
    private readonly Clock clock;

    internal ClockTimer(Clock clock, Action callback)
    {
        this.clock = clock;
        Callback = callback;
    }

    /// <summary>The armed deadline in nanoseconds of <see cref="Clock.Now"/>, or <see cref="ulong.MaxValue"/> when disarmed.</summary>
    public ulong Deadline { get; internal set; } = ulong.MaxValue;

    /// <summary>The <see cref="Place"/> of a timer that is not in the queue.</summary>
    internal const int NotQueued = -1;

    /// <summary>Where it is in the queue's heap.</summary>
    internal int Place { get; set; } = NotQueued;

    /// <summary>When it was armed, among the others.</summary>
    internal long Order { get; set; }

    internal Action Callback { get; }

    /// <summary>Arms or re-arms the timer; a deadline in the past fires at the next opportunity, never inside this call.</summary>
    /// <param name="deadline">Nanoseconds of <see cref="Clock.Now"/>; <see cref="ulong.MaxValue"/> disarms.</param>
    public void Arm(ulong deadline) => clock.Arm(this, deadline);

    /// <summary>Disarms the timer; a callback already running is not waited for.</summary>
    public void Disarm() => clock.Arm(this, ulong.MaxValue);
}

/// <summary>Host time: monotonic, with a thread that runs the timers.</summary>
public sealed class HostClock : Clock, IDisposable
{
    private readonly Thread thread;
    private readonly HostTimer timer = new();
    private long start = Stopwatch.GetTimestamp();
    private long frozenAt;
    private bool frozen;
    private bool inCallback;
    private bool stopping;

    /// <summary>The moment that <see cref="timer"/> is set to, in nanoseconds of <see cref="Now"/>; 0 while its thread is about to look at the queue.</summary>
    private ulong setTo;

    /// <summary>Starts the clock, and its timer thread.</summary>
    /// <param name="now">Nanoseconds since power-on to start at: those of a machine that is restored.</param>
    /// <exception cref="EmuException">The host has no descriptor left.</exception>
    public HostClock(ulong now = 0)
    {
        start -= (long)now;
        EpochSeconds = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - (long)(now / 1_000_000_000);
        thread = new Thread(TimerLoop) { IsBackground = true, Name = "clock" };
        thread.Start();
    }

    /// <inheritdoc/>
    public override ulong Now => (ulong)((Volatile.Read(ref frozen) ? frozenAt : Stopwatch.GetTimestamp()) - Volatile.Read(ref start));

    /// <inheritdoc/>
    public override long EpochSeconds { get; }

    /// <summary>Stops time: <see cref="Now"/> stands still and no callback runs, or is still running on return. Not from a callback.</summary>
    public void Freeze()
    {
        lock (Gate)
        {
            frozenAt = Stopwatch.GetTimestamp();
            Volatile.Write(ref frozen, true);
            while (inCallback)
            {
                Monitor.Wait(Gate);
            }
        }
    }

    /// <summary>Time goes on from where <see cref="Freeze"/> stopped it.</summary>
    public void Thaw()
    {
        lock (Gate)
        {
            start += Stopwatch.GetTimestamp() - frozenAt;
            Volatile.Write(ref frozen, false);
            WakeThread();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (Gate)
        {
            stopping = true;
            WakeThread();
        }

        thread.Join();
        timer.Dispose();
    }

    /// <inheritdoc/>
    protected override void DeadlineChanged()
    {
        // Only an earlier deadline is worth a system call: for a later one the thread wakes in vain, once.
        var next = NextDeadline;
        if (next < setTo && !frozen)
        {
            Set(next);
        }
    }

    private void WakeThread()
    {
        setTo = 0;
        timer.Set(0);
    }

    private void Set(ulong deadline)
    {
        setTo = deadline;
        timer.Set(deadline > long.MaxValue / 2 ? long.MaxValue : start + (long)deadline);
    }

    private void TimerLoop()
    {
        while (true)
        {
            lock (Gate)
            {
                inCallback = false;
                if (stopping)
                {
                    return;
                }

                if (frozen)
                {
                    Monitor.PulseAll(Gate);
                    Set(ulong.MaxValue);
                }
                else
                {
                    var next = NextDeadline;
                    inCallback = next <= Now;
                    setTo = 0;
                    if (!inCallback)
                    {
                        Set(next);
                    }
                }
            }

            if (inCallback)
            {
                RunDue(Now);
            }
            else
            {
                timer.Wait();
            }
        }
    }
}

/// <summary>
/// Time as a pure function of retired instructions: the scheduler moves it, nothing else does. Used in deterministic mode.
/// </summary>
/// <param name="epochSeconds">Seconds since 1970 at power-on.</param>
/// <param name="start">Nanoseconds since power-on to start at: those of a machine that is restored.</param>
public sealed class DeterministicClock(long epochSeconds, ulong start = 0) : Clock
{
    private ulong now = start;

    /// <summary>The fixed power-on date of deterministic mode: 2026-01-01T00:00:00Z.</summary>
    public const long DefaultEpochSeconds = 1_767_225_600;

    /// <inheritdoc/>
    public override ulong Now => Source is { } source ? Math.Max(now, source()) : now;

    /// <inheritdoc/>
    public override long EpochSeconds { get; } = epochSeconds;

    /// <summary>While a vCPU runs its turn: gives the time of the instruction being executed, in nanoseconds. Null between turns.</summary>
    public Func<ulong>? Source { get; set; }

    /// <summary>Moves time forward without running timers (at the end of a turn, and over time in which every vCPU sleeps).</summary>
    public void Set(ulong nanoseconds) => now = Math.Max(now, nanoseconds);

    /// <summary>Runs the timers that are due at <see cref="Now"/>.</summary>
    public void RunDueTimers() => RunDue(Now);

    /// <inheritdoc/>
    protected override void DeadlineChanged() => Rearmed?.Invoke();

    /// <summary>Raised, on the machine's thread, when the earliest deadline may have changed, so that a turn in progress can be shortened.</summary>
    public event Action? Rearmed;
}
