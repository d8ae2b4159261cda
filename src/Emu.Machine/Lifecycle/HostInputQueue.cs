// The one door through which the outside world enters a deterministic machine: console bytes and button presses wait here for a turn's end.
namespace Emu.Machine.Lifecycle;

/// <summary>Host events that wait for the machine's thread. Thread-safe.</summary>
public sealed class HostInputQueue
{
    private readonly object gate = new();
    private readonly Queue<Action> waiting = new();
    private bool woken;

    /// <summary>Hands in an event.</summary>
    /// <param name="deliver">Gives it to its device; runs on the machine's thread, between two turns.</param>
    public void Post(Action deliver)
    {
        lock (gate)
        {
            waiting.Enqueue(deliver);
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Ends a wait in progress, or the next one.</summary>
    public void Wake()
    {
        lock (gate)
        {
            woken = true;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Delivers what waits, in order. On the machine's thread.</summary>
    /// <returns>How many events there were.</returns>
    public int Deliver()
    {
        for (var count = 0; ; count++)
        {
            Action? next;
            lock (gate)
            {
                if (!waiting.TryDequeue(out next))
                {
                    return count;
                }
            }

            next();
        }
    }

    /// <summary>Sleeps until an event comes, <see cref="Wake"/> is called, or the time is over.</summary>
    /// <param name="milliseconds">Longest sleep; <see cref="Timeout.Infinite"/> for none.</param>
    /// <returns>False when the time is over.</returns>
    public bool Wait(int milliseconds)
    {
        lock (gate)
        {
            var end = Environment.TickCount64 + milliseconds;
            while (waiting.Count == 0 && !woken)
            {
                var left = milliseconds == Timeout.Infinite ? Timeout.Infinite : (int)Math.Max(0, end - Environment.TickCount64);
                if (left == 0)
                {
                    return false;
                }

                Monitor.Wait(gate, left);
            }

            woken = false;
            return true;
        }
    }
}
