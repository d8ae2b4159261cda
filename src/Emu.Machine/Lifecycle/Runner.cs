// What the machine asks of the two ways to run vCPUs: start, wake, join, pause.
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>Runs the vCPUs of one machine on host threads until <see cref="StopControl"/> says stop.</summary>
public abstract class Runner
{
    /// <summary>How long <see cref="Join"/> and <see cref="Pause"/> wait before they kick again, in milliseconds.</summary>
    private const int KickAgainMilliseconds = 10;

    private readonly object gate = new();
    private readonly List<Thread> threads = [];
    private int parked;
    private int alive;
    private volatile bool pausing;

    /// <summary>Creates a runner.</summary>
    /// <param name="vcpus">vCPUs by index.</param>
    /// <param name="control">Where stops come from and go to.</param>
    protected Runner(IReadOnlyList<IVcpu> vcpus, StopControl control)
    {
        Vcpus = [.. vcpus];
        Control = control;
        control.Stopping += Wake;
    }

    /// <summary>Instructions retired over all vCPUs since power-on, resets included. Exact while stopped or paused.</summary>
    public abstract ulong Instructions { get; }

    /// <summary>Who runs the vCPUs in place of their own <see cref="IVcpu.Run"/>, or null.</summary>
    public IVcpuDriver? Driver { get; init; }

    /// <summary>The vCPUs.</summary>
    protected IVcpu[] Vcpus { get; }

    /// <summary>The stop requests.</summary>
    protected StopControl Control { get; }

    /// <summary>Whether the threads are to leave the guest: to stop or to pause.</summary>
    protected bool MustLeave => Control.IsStopping || pausing;

    /// <summary>Instructions at which <see cref="SnapshotDue"/> is called, or null. Set before <see cref="Start"/>.</summary>
    public ulong? SnapshotAt { get; set; }

    /// <summary>Called once when <see cref="SnapshotAt"/> is reached, to the exact instruction, on the thread that got there; every vCPU stands still.</summary>
    public Action? SnapshotDue { get; set; }

    /// <summary>Starts the threads.</summary>
    public abstract void Start();

    /// <summary>Writes where the machine is in its schedule; the vCPUs stand still.</summary>
    public abstract void Save(SnapshotWriter writer);

    /// <summary>Reads what <see cref="Save"/> wrote, after the vCPUs' own state; the next <see cref="Start"/> goes on from there.</summary>
    /// <exception cref="InvalidDataException">Damaged.</exception>
    public abstract void Restore(SnapshotReader reader);

    /// <summary>Calls <see cref="SnapshotDue"/> if it is due.</summary>
    protected void CheckSnapshot(ulong instructions)
    {
        if (SnapshotAt == instructions)
        {
            SnapshotAt = null;
            SnapshotDue?.Invoke();
        }
    }

    /// <summary>Waits for the threads to end, after a stop request.</summary>
    public void Join()
    {
        foreach (var thread in threads)
        {
            while (!thread.Join(KickAgainMilliseconds))
            {
                Wake();
            }
        }

        threads.Clear();
    }

    /// <summary>Stops the vCPUs between two instructions and returns when they stand still. Not on a vCPU's thread.</summary>
    public void Pause()
    {
        pausing = true;
        lock (gate)
        {
            while (parked < alive)
            {
                Wake();
                Monitor.Wait(gate, KickAgainMilliseconds);
            }
        }
    }

    /// <summary>Lets them run on.</summary>
    public void Resume()
    {
        lock (gate)
        {
            pausing = false;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Runs a vCPU.</summary>
    protected VcpuExit Run(IVcpu vcpu, ulong retiredLimit) => Driver is { } driver ? driver.Run(vcpu, retiredLimit) : vcpu.Run(retiredLimit);

    /// <summary>Makes every thread look at what is wanted of it.</summary>
    protected virtual void Wake()
    {
        foreach (var vcpu in Vcpus)
        {
            vcpu.Kick();
        }

        lock (gate)
        {
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Starts a thread that is joined, paused and stopped with the others; a failure in it ends the run.</summary>
    protected void StartThread(string name, Action body)
    {
        var thread = new Thread(() => Guarded(body)) { IsBackground = true, Name = name };
        lock (gate)
        {
            alive++;
        }

        threads.Add(thread);
        thread.Start();
    }

    /// <summary>Called by the threads between runs: waits here while the machine is paused.</summary>
    protected void ParkWhilePaused()
    {
        if (!pausing)
        {
            return;
        }

        lock (gate)
        {
            parked++;
            Monitor.PulseAll(gate);
            while (pausing && !Control.IsStopping)
            {
                Monitor.Wait(gate);
            }

            parked--;
        }
    }

    private void Guarded(Action body)
    {
        try
        {
            body();
        }
#pragma warning disable CA1031 // Whatever failed, the run ends with one message instead of a dead thread.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Control.Stop(new RunOutcome(RunEnd.Failure, Failure: e));
        }
        finally
        {
            lock (gate)
            {
                alive--;
                Monitor.PulseAll(gate);
            }
        }
    }
}
