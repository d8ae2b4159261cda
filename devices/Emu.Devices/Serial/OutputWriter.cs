// Turns one-character writes of a guest into few host writes: a buffer under a lock, and a thread that empties it every burst.
namespace Emu.Devices.Serial;

/// <summary>Writes a burst to the host; false when the host end is gone for good and output is to be dropped from now on.</summary>
public delegate bool HostWrite(ReadOnlySpan<byte> data);

/// <summary>
/// Buffered output with a flusher thread. The first character of a burst wakes the thread, which waits <see cref="BurstMilliseconds"/> for
/// company and then writes all there is; so a guest that prints byte by byte costs one host wake-up and one host write per burst.
/// </summary>
public sealed class OutputWriter : IDisposable
{
    /// <summary>Bytes that may wait for a slow reader before <see cref="Write"/> blocks.</summary>
    public const int Limit = 1 << 20;

    /// <summary>Longest time a character waits for company, in milliseconds.</summary>
    public const int BurstMilliseconds = 2;

    /// <summary>How long a reader that does not read may hold up an exit once waits are cancelled, in milliseconds.</summary>
    public const int ExitGraceMilliseconds = 1000;

    private const int BurstBytes = 16 * 1024;

    private readonly object sync = new();
    private readonly HostWrite write;
    private readonly Thread thread;
    private byte[] filling = new byte[BurstBytes];
    private byte[] draining = new byte[BurstBytes];
    private int count;
    private int flushWaiters;
    private bool idle;
    private bool busy;
    private bool waitsCancelled;
    private bool closing;
    private bool dead;

    /// <summary>Starts the flusher thread.</summary>
    /// <param name="name">Thread name.</param>
    /// <param name="write">Called on the flusher thread only; it may block, and does not throw.</param>
    public OutputWriter(string name, HostWrite write)
    {
        this.write = write;
        thread = new Thread(FlushLoop) { IsBackground = true, Name = name };
        thread.Start();
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
    }

    /// <summary>Appends characters; blocks only while <see cref="Limit"/> bytes wait and waits are not cancelled.</summary>
    public void Write(ReadOnlySpan<byte> data)
    {
        lock (sync)
        {
            while (!data.IsEmpty && !dead && !closing)
            {
                var room = Limit - count;
                if (room == 0)
                {
                    if (waitsCancelled)
                    {
                        return;
                    }

                    Monitor.Wait(sync);
                    continue;
                }

                var length = Math.Min(room, data.Length);
                if (count + length > filling.Length)
                {
                    Array.Resize(ref filling, Math.Min(Limit, Math.Max(filling.Length * 2, count + length)));
                }

                data[..length].CopyTo(filling.AsSpan(count));
                data = data[length..];
                var before = count;
                count += length;
                if (idle || (before < BurstBytes && count >= BurstBytes))
                {
                    idle = false;
                    Monitor.PulseAll(sync);
                }
            }
        }
    }

    /// <summary>Returns when everything written before the call has reached the host, the host end is gone, or waits are cancelled.</summary>
    public void Flush() => Flush(Timeout.Infinite);

    /// <summary>From now on <see cref="Write"/> never blocks and <see cref="Dispose"/> gives a stuck reader <see cref="ExitGraceMilliseconds"/>.</summary>
    public void CancelWaits()
    {
        lock (sync)
        {
            waitsCancelled = true;
            Monitor.PulseAll(sync);
        }
    }

    /// <summary>Writes out what is buffered and ends the thread; waits for a slow reader unless waits are cancelled.</summary>
    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        lock (sync)
        {
            closing = true;
            Monitor.PulseAll(sync);
        }

        var grace = ExitGraceMilliseconds;
        while (!thread.Join(50))
        {
            lock (sync)
            {
                if (waitsCancelled && (grace -= 50) <= 0)
                {
                    return;
                }
            }
        }
    }

    private void Flush(int milliseconds)
    {
        var deadline = milliseconds == Timeout.Infinite ? long.MaxValue : Environment.TickCount64 + milliseconds;
        lock (sync)
        {
            flushWaiters++;
            Monitor.PulseAll(sync);
            while ((count > 0 || busy) && !dead && (!waitsCancelled || milliseconds != Timeout.Infinite))
            {
                var left = deadline == long.MaxValue ? 1000 : deadline - Environment.TickCount64;
                if (left <= 0)
                {
                    break;
                }

                Monitor.Wait(sync, (int)Math.Min(left, 1000));
            }

            flushWaiters--;
        }
    }

    private void OnProcessExit(object? sender, EventArgs e) => Flush(ExitGraceMilliseconds);

    private void FlushLoop()
    {
        while (true)
        {
            int length;
            lock (sync)
            {
                while (count == 0 && !closing)
                {
                    idle = true;
                    Monitor.Wait(sync);
                }

                idle = false;
                if (count == 0)
                {
                    return;
                }

                if (!closing && flushWaiters == 0 && count < BurstBytes)
                {
                    Monitor.Wait(sync, BurstMilliseconds);
                }

                (filling, draining) = (draining, filling);
                length = count;
                count = 0;
                busy = true;
                Monitor.PulseAll(sync);
            }

            var alive = write(draining.AsSpan(0, length));
            lock (sync)
            {
                busy = false;
                if (!alive)
                {
                    dead = true;
                    count = 0;
                }

                Monitor.PulseAll(sync);
            }
        }
    }
}
