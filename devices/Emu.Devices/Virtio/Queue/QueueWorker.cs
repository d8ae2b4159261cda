// Does the work of one virtqueue: on a thread of its own, or in deterministic mode at times that a model gives.
using Emu.Core;

namespace Emu.Devices.Virtio;

/// <summary>How long requests take in deterministic mode.</summary>
/// <param name="LatencyNanoseconds">From the notification to the completion.</param>
/// <param name="BytesPerMicrosecond">The queue takes its next requests when the last ones' bytes have passed at this rate.</param>
internal readonly record struct ServiceModel(ulong LatencyNanoseconds, ulong BytesPerMicrosecond);

/// <summary>
/// Takes requests from a queue, hands them to a handler, returns them, and signals for batches. On a <see cref="HostClock"/> a thread does so
/// as soon as it is notified; on a <see cref="DeterministicClock"/> a timer does, so that neither host time nor a thread is seen by the guest.
/// </summary>
internal sealed class QueueWorker
{
    // A batch ends, with one signal, at whichever comes first; the driver then works on it beside the next batch.
    private const int BatchRequests = 16;
    private const ulong BatchBytes = 64 * 1024;

    private readonly object gate = new();
    private readonly DescriptorChain chain = new();
    private readonly string name;
    private readonly Clock clock;
    private readonly IRequestHandler handler;
    private readonly ServiceModel model;
    private readonly ClockTimer? timer;
    private VirtQueue? queue;
    private Thread? thread;
    private bool pending;
    private bool busy;
    private bool paused;
    private volatile bool leave;
    private bool stopping;

    // Deterministic mode: when the timer fires, and until when the last requests' bytes take.
    private ulong deadline = ulong.MaxValue;
    private ulong busyUntil;

    /// <summary>Creates a worker without a queue.</summary>
    /// <param name="name">Name of the thread.</param>
    /// <param name="clock">A <see cref="DeterministicClock"/> selects deterministic mode.</param>
    /// <param name="handler">Carries out requests.</param>
    /// <param name="model">Times of deterministic mode.</param>
    public QueueWorker(string name, Clock clock, IRequestHandler handler, ServiceModel model)
    {
        this.name = name;
        this.clock = clock;
        this.handler = handler;
        this.model = model;
        timer = clock is DeterministicClock ? clock.CreateTimer(OnTimer) : null;
    }

    /// <summary>Takes over a queue; <see cref="Stop"/> was called since the last one.</summary>
    public void Start(VirtQueue? queue)
    {
        lock (gate)
        {
            this.queue = queue;
        }
    }

    /// <summary>The queue may hold requests. Never waits.</summary>
    public void Kick()
    {
        lock (gate)
        {
            if (queue is null)
            {
                return;
            }

            if (timer is not null)
            {
                if (deadline == ulong.MaxValue)
                {
                    Arm();
                }

                return;
            }

            pending = true;
            Wake();
        }
    }

    /// <summary>Gives the queue up: on return nothing touches it or guest memory. A request in progress is finished, the rest stay in the ring.</summary>
    public void Stop()
    {
        Thread? last;
        lock (gate)
        {
            leave = stopping = true;
            last = thread;
            Monitor.PulseAll(gate);
        }

        last?.Join();
        lock (gate)
        {
            thread = null;
            queue = null;
            leave = stopping = pending = false;
            busyUntil = 0;
            deadline = ulong.MaxValue;
            timer?.Disarm();
        }
    }

    /// <summary>On return nothing touches the queue or guest memory until <see cref="Resume"/>; every request that was taken has been returned.</summary>
    public void Pause()
    {
        lock (gate)
        {
            leave = paused = true;
            while (busy)
            {
                Monitor.Wait(gate);
            }
        }
    }

    /// <summary>Ends a pause and looks at the queue.</summary>
    public void Resume()
    {
        lock (gate)
        {
            paused = leave = false;
            if (timer is null && queue is not null)
            {
                pending = true;
                Wake();
            }
        }
    }

    /// <summary>Writes when the next requests are carried out.</summary>
    public void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            // A thread that left its queue for the pause goes on as soon as it can.
            writer.U64(timer is not null || queue is not { HasAvailable: true } ? deadline : clock.Now);
            writer.U64(busyUntil);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote; the queue was given before.</summary>
    public void Restore(SnapshotReader reader)
    {
        lock (gate)
        {
            var due = reader.U64();
            var busyTime = reader.U64();
            if (timer is not null && queue is not null)
            {
                deadline = due;
                busyUntil = busyTime;
                timer.Arm(deadline);
            }
        }
    }

    private void Wake()
    {
        if (thread is null && !paused && !stopping)
        {
            thread = new Thread(Loop) { IsBackground = true, Name = name };
            thread.Start();
        }

        Monitor.PulseAll(gate);
    }

    private void Loop()
    {
        while (true)
        {
            VirtQueue work;
            lock (gate)
            {
                busy = false;
                Monitor.PulseAll(gate);
                while (!stopping && (paused || !pending))
                {
                    Monitor.Wait(gate);
                }

                if (stopping)
                {
                    return;
                }

                work = queue!;
                pending = false;
                busy = true;
            }

            do
            {
                work.DisableNotifications();
                while (!leave && ServeBatch(work))
                {
                }

                work.Signal();
            }
            while (work.EnableNotifications() && !leave);
        }
    }

    /// <summary>Serves requests up to the end of a batch; false when there are no more.</summary>
    private bool ServeBatch(VirtQueue work)
    {
        ulong bytes = 0;
        for (var count = 0; count < BatchRequests && bytes < BatchBytes && !leave; count++)
        {
            if (!ServeOne(work, ref bytes))
            {
                return false;
            }
        }

        work.Signal();
        return true;
    }

    private bool ServeOne(VirtQueue work, ref ulong bytes)
    {
        if (!work.TryPop(chain))
        {
            return false;
        }

        bytes += chain.ReadableLength + chain.WritableLength;
        work.Push(chain, handler.Handle(chain));
        return true;
    }

    private void Arm()
    {
        deadline = Math.Max(clock.Now + model.LatencyNanoseconds, busyUntil);
        timer!.Arm(deadline);
    }

    /// <summary>Deterministic mode: everything in the ring, at this instant. A ring's length at most, in case what a request writes makes the ring longer.</summary>
    private void OnTimer()
    {
        lock (gate)
        {
            deadline = ulong.MaxValue;
            if (queue is not { } work)
            {
                return;
            }

            ulong bytes = 0;
            work.DisableNotifications();
            for (var left = (int)work.Size; left > 0 && ServeOne(work, ref bytes); left--)
            {
            }

            work.Signal();
            busyUntil = clock.Now + (bytes / model.BytesPerMicrosecond * 1000);
            if (work.EnableNotifications())
            {
                Arm();
            }
        }
    }
}
