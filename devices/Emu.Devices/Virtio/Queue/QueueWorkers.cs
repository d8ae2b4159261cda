// The workers of a device with several queues, and what is done to all of them at once.
using Emu.Core;

namespace Emu.Devices.Virtio;

/// <summary>A worker a queue.</summary>
/// <param name="workers">The workers by queue number.</param>
internal sealed class QueueWorkers(params QueueWorker[] workers)
{
    /// <summary>Hands each its queue.</summary>
    public void Start(VirtQueue?[] queues)
    {
        for (var i = 0; i < workers.Length; i++)
        {
            workers[i].Start(queues[i]);
        }
    }

    /// <summary>A queue may hold requests.</summary>
    public void Kick(int queue) => workers[queue].Kick();

    /// <summary>Takes every queue away (<see cref="QueueWorker.Stop"/>).</summary>
    public void Stop()
    {
        foreach (var worker in workers)
        {
            worker.Stop();
        }
    }

    /// <summary>Stops all of them for a while (<see cref="QueueWorker.Pause"/>).</summary>
    public void Pause()
    {
        foreach (var worker in workers)
        {
            worker.Pause();
        }
    }

    /// <summary>Ends a pause.</summary>
    public void Resume()
    {
        foreach (var worker in workers)
        {
            worker.Resume();
        }
    }

    /// <summary>Writes their state.</summary>
    public void Save(SnapshotWriter writer)
    {
        foreach (var worker in workers)
        {
            worker.Save(writer);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public void Restore(SnapshotReader reader)
    {
        foreach (var worker in workers)
        {
            worker.Restore(reader);
        }
    }
}
