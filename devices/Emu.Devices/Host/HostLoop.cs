// The thread of a device that talks to the host: waits for descriptors, time and the driver, and runs the device's work in one place.
using Emu.Core;

namespace Emu.Devices.Host;

/// <summary>The work of a <see cref="HostLoop"/>. Both methods run with the loop's gate held, never on two threads at once.</summary>
public interface IHostLoopClient
{
    /// <summary>Names the descriptors and the time to wait for.</summary>
    void Prepare(PollSet set);

    /// <summary>Does all work that can be done without waiting.</summary>
    /// <param name="set">What <see cref="Prepare"/> filled in, with the results.</param>
    void Service(PollSet set);
}

/// <summary>
/// Runs a client in one of two ways.
/// <list type="bullet">
/// <item>Host time: on a thread of its own, woken by <see cref="Kick"/>, by descriptors and by time.</item>
/// <item>Deterministic: on the machine's thread alone. A kick works at once and looks at no descriptor, so what it does is a function of the
/// guest; time is the machine's clock; news of descriptors, which a thread watches, comes in through the door for input from outside.</item>
/// </list>
/// </summary>
public sealed unsafe class HostLoop : IDisposable
{
    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private readonly string name;
    private readonly IHostLoopClient client;
    private readonly Action<Action>? post;
    private readonly Clock clock;
    private readonly ClockTimer? timer;
    private readonly PollSet set = new();
    private readonly PollSet watched = new();
    private readonly object watchGate = new();
    private readonly int wake;
    private Thread? thread;
    private bool watch;
    private bool paused;
    private bool servicing;
    private int kicked;
    private volatile bool sleeping;
    private volatile bool stopping;

    /// <summary>Creates the loop; it begins with <see cref="Start"/>.</summary>
    /// <param name="name">Name of the thread.</param>
    /// <param name="client">The work.</param>
    /// <param name="clock">Machine time.</param>
    /// <param name="post">Deterministic mode: runs an action on the machine's thread between two turns. Null in host time.</param>
    public HostLoop(string name, IHostLoopClient client, Clock clock, Action<Action>? post)
    {
        this.name = name;
        this.client = client;
        this.clock = clock;
        this.post = post;
        timer = post is null ? null : clock.CreateTimer(() => Run(poll: false));
        wake = HostCalls.eventfd(0, HostCalls.EFD_CLOEXEC | HostCalls.EFD_NONBLOCK);
        if (wake < 0)
        {
            throw new EmuException($"{name}: the host has no descriptor left ({HostCalls.LastError()}): raise ulimit -n");
        }
    }

    /// <summary>Guards the client: held while it works. Whoever else touches its state holds it too.</summary>
    public object Gate { get; } = new();

    /// <summary>The loop runs on the machine's thread.</summary>
    public bool IsDeterministic => post is not null;

    /// <summary>Starts the thread. Later calls do nothing.</summary>
    public void Start()
    {
        lock (Gate)
        {
            if (thread is not null || stopping)
            {
                return;
            }

            thread = new Thread(post is null ? Loop : Watch) { IsBackground = true, Name = name };
            thread.Start();
        }

        if (post is not null)
        {
            Run(poll: false);
        }
    }

    /// <summary>There is work to do. Any thread in host time; the machine's thread in deterministic mode.</summary>
    public void Kick()
    {
        if (post is not null)
        {
            Run(poll: false);
        }
        else if (Interlocked.Exchange(ref kicked, 1) == 0 && sleeping)
        {
            Wake();
        }
    }

    /// <summary>On return the client does not work, and will not until <see cref="Resume"/>.</summary>
    public void Pause()
    {
        lock (Gate)
        {
            paused = true;
        }
    }

    /// <summary>Ends <see cref="Pause"/>.</summary>
    public void Resume()
    {
        lock (Gate)
        {
            paused = false;
        }

        if (post is null)
        {
            Wake();
        }
        else if (thread is not null)
        {
            lock (Gate)
            {
                Publish();
            }
        }
    }

    /// <summary>Ends the thread. The client's descriptors may be closed afterwards.</summary>
    public void Dispose()
    {
        if (stopping)
        {
            return;
        }

        stopping = true;
        timer?.Disarm();
        Wake();
        thread?.Join();
        lock (Gate)
        {
            _ = HostCalls.close(wake);
        }
    }

    private void Wake()
    {
        ulong one = 1;
        _ = HostCalls.write(wake, &one, sizeof(ulong));
    }

    private void Drain()
    {
        ulong count;
        _ = HostCalls.read(wake, &count, sizeof(ulong));
    }

    private void Loop()
    {
        while (!stopping)
        {
            lock (Gate)
            {
                set.Clear();
                set.Add(wake, PollSet.In);
                if (!paused)
                {
                    client.Prepare(set);
                }
            }

            // A kick after this line writes the eventfd; one before it is seen in the next.
            sleeping = true;
            Interlocked.MemoryBarrier();
            set.Wait(Volatile.Read(ref kicked) != 0 ? 0 : set.Timeout);
            sleeping = false;
            Interlocked.Exchange(ref kicked, 0);
            if (set.Result(0) != 0)
            {
                Drain();
            }

            lock (Gate)
            {
                // A kick lost to a pause is made good by its end, which wakes the loop to work on everything.
                if (!paused && !stopping)
                {
                    client.Service(set);
                }
            }
        }
    }

    /// <summary>Deterministic mode, on the machine's thread.</summary>
    private void Run(bool poll)
    {
        lock (Gate)
        {
            if (paused || stopping || servicing)
            {
                return;
            }

            servicing = true;
            set.Clear();
            client.Prepare(set);
            if (poll)
            {
                set.Wait(0);
            }

            client.Service(set);
            servicing = false;
            if (thread is not null)
            {
                Publish();
            }
        }
    }

    /// <summary>Gives the watching thread what to wait for, and sets the timer.</summary>
    private void Publish()
    {
        set.Clear();
        client.Prepare(set);
        timer!.Arm(set.Timeout < 0 ? ulong.MaxValue : clock.Now + ((ulong)set.Timeout * NanosecondsPerMillisecond));
        lock (watchGate)
        {
            set.CopyTo(watched);
            watch = true;
        }

        Wake();
    }

    /// <summary>Deterministic mode: waits for descriptors, and asks the machine's thread to work when one has news.</summary>
    private void Watch()
    {
        var local = new PollSet();
        while (!stopping)
        {
            local.Clear();
            local.Add(wake, PollSet.In);
            lock (watchGate)
            {
                if (watch)
                {
                    watched.AppendTo(local);
                }
            }

            var news = local.Wait(-1, 1);
            if (local.Result(0) != 0)
            {
                Drain();
            }
            else if (news)
            {
                // One request at a time: the next wait is for what the work leaves behind.
                lock (watchGate)
                {
                    watch = false;
                }

                post!(() => Run(poll: true));
            }
        }
    }
}
