// Serves one virtqueue on the thread that notifies: for requests that take no time and wait for nobody.
namespace Emu.Devices.Virtio;

/// <summary>Takes requests from a queue, hands them to a handler and returns them, inside the notification.</summary>
/// <param name="handler">Carries out requests.</param>
internal sealed class NotifiedQueue(IRequestHandler handler)
{
    private readonly Lock gate = new();
    private readonly DescriptorChain chain = new();
    private VirtQueue? queue;
    private volatile bool leave;
    private bool paused;
    private bool missed;

    /// <summary>Takes over a queue; <see cref="Stop"/> was called since the last one.</summary>
    public void Start(VirtQueue? queue)
    {
        lock (gate)
        {
            this.queue = queue;
        }
    }

    /// <summary>Serves what is in the ring.</summary>
    public void Serve()
    {
        lock (gate)
        {
            if (paused)
            {
                missed = true;
                return;
            }

            if (queue is not { } work)
            {
                return;
            }

            do
            {
                work.DisableNotifications();
                while (!leave && work.TryPop(chain))
                {
                    work.Push(chain, handler.Handle(chain));
                }

                work.Signal();
            }
            while (work.EnableNotifications() && !leave);
        }
    }

    /// <summary>Gives the queue up: on return nothing touches it or guest memory.</summary>
    public void Stop()
    {
        leave = true;
        lock (gate)
        {
            queue = null;
            leave = missed = false;
        }
    }

    /// <summary>On return nothing touches the queue or guest memory until <see cref="Resume"/>. The vCPUs are stopped.</summary>
    public void Pause()
    {
        lock (gate)
        {
            paused = true;
        }
    }

    /// <summary>Ends a pause and serves what was notified meanwhile.</summary>
    public void Resume()
    {
        bool serve;
        lock (gate)
        {
            paused = false;
            serve = missed;
            missed = false;
        }

        if (serve)
        {
            Serve();
        }
    }
}
