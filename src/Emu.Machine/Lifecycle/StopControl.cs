// Why a run ends: the one place where guest, user and host ask for a stop, and the first to ask wins.
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>Why a run ended.</summary>
public enum RunEnd
{
    /// <summary>It has not.</summary>
    None,

    /// <summary>The guest powered off.</summary>
    PowerOff,

    /// <summary>The guest reset the machine.</summary>
    Reset,

    /// <summary>The guest panicked.</summary>
    Panic,

    /// <summary>The guest gave an exit code.</summary>
    ExitCode,

    /// <summary>The host-time limit passed.</summary>
    TimeLimit,

    /// <summary>The instruction limit was reached.</summary>
    InstructionLimit,

    /// <summary>The user quit at the console.</summary>
    Quit,

    /// <summary>The host sent a signal; the code is its number.</summary>
    Signal,

    /// <summary>The emulator failed.</summary>
    Failure,
}

/// <summary>How a run ended.</summary>
/// <param name="End">Why.</param>
/// <param name="Code">Guest exit code, or signal number.</param>
/// <param name="Failure">What failed, for <see cref="RunEnd.Failure"/>.</param>
public readonly record struct RunOutcome(RunEnd End, int Code = 0, Exception? Failure = null);

/// <summary>Collects stop requests. Thread-safe.</summary>
public sealed class StopControl : IMachineControl
{
    private readonly object gate = new();
    private RunOutcome outcome;
    private volatile bool stopping;

    /// <summary>Raised once a run, on the thread that asked, after <see cref="IsStopping"/> became true.</summary>
    public event Action? Stopping;

    /// <summary>Whether the run is to end.</summary>
    public bool IsStopping => stopping;

    /// <summary>Why, once <see cref="IsStopping"/>.</summary>
    public RunOutcome Outcome
    {
        get
        {
            lock (gate)
            {
                return outcome;
            }
        }
    }

    /// <inheritdoc/>
    public void RequestStop(MachineStop reason, int exitCode = 0)
    {
        switch (reason)
        {
            case MachineStop.PowerOff: Stop(new RunOutcome(RunEnd.PowerOff)); break;
            case MachineStop.Reset: Stop(new RunOutcome(RunEnd.Reset)); break;
            case MachineStop.Panic: Stop(new RunOutcome(RunEnd.Panic)); break;
            case MachineStop.ExitCode: Stop(new RunOutcome(RunEnd.ExitCode, exitCode & 0xFF)); break;
            default: break;
        }
    }

    /// <summary>Asks for a stop; the first request wins, except that one from the host (time limit, signal, failure) overrides a guest reset.</summary>
    public void Stop(RunOutcome request)
    {
        lock (gate)
        {
            if (stopping)
            {
                // The host's wish to end outlives a guest reset that is about to be answered with a reboot.
                if (outcome.End == RunEnd.Reset && request.End >= RunEnd.TimeLimit)
                {
                    outcome = request;
                }

                return;
            }

            outcome = request;
            stopping = true;
            Monitor.PulseAll(gate);
        }

        Stopping?.Invoke();
    }

    /// <summary>Waits for a stop request.</summary>
    /// <param name="timeout">Longest wait; <see cref="Timeout.InfiniteTimeSpan"/> for none.</param>
    /// <returns>Whether there is one.</returns>
    public bool Wait(TimeSpan timeout)
    {
        var end = Environment.TickCount64 + (long)Math.Ceiling(timeout.TotalMilliseconds);
        lock (gate)
        {
            while (!stopping)
            {
                var left = timeout == Timeout.InfiniteTimeSpan ? Timeout.Infinite : Math.Clamp(end - Environment.TickCount64, 0, int.MaxValue);
                if (left == 0)
                {
                    return false;
                }

                Monitor.Wait(gate, (int)left);
            }

            return true;
        }
    }

    /// <summary>
    /// After the vCPUs have stopped: takes a guest reset back so that the machine can run again. False, and nothing is taken back,
    /// when the run ended for another reason.
    /// </summary>
    public bool TryRearmAfterReset()
    {
        lock (gate)
        {
            if (outcome.End != RunEnd.Reset)
            {
                return false;
            }

            outcome = default;
            stopping = false;
            return true;
        }
    }
}
