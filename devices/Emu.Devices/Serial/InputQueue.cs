// Host input that the device has not taken yet, in order of arrival.
namespace Emu.Devices.Serial;

/// <summary>
/// Holds characters until the sink takes them. Lock order: this queue, then the sink's device; so a device asks for more
/// (<see cref="Resume"/>) only after it has left its own lock.
/// </summary>
public sealed class InputQueue
{
    /// <summary>Bytes held; a source that can wait stops reading the host at this level, a keyboard's further characters are dropped.</summary>
    public const int Limit = 64 * 1024;

    private readonly object sync = new();
    private byte[] buffer = new byte[1024];
    private int start;
    private int count;
    private bool closed;
    private ICharSink? sink;

    /// <summary>Sets the sink, once, and offers it what came before.</summary>
    public void Attach(ICharSink sink)
    {
        lock (sync)
        {
            this.sink = sink;
            Deliver();
        }
    }

    /// <summary>Appends characters and offers them to the sink; those beyond <see cref="Limit"/> are dropped.</summary>
    public void Enqueue(ReadOnlySpan<byte> data)
    {
        lock (sync)
        {
            var length = Math.Min(data.Length, Limit - count);
            if (start + count + length > buffer.Length)
            {
                var target = count + length > buffer.Length ? new byte[Math.Min(Limit, Math.Max(buffer.Length * 2, count + length))] : buffer;
                buffer.AsSpan(start, count).CopyTo(target);
                buffer = target;
                start = 0;
            }

            data[..length].CopyTo(buffer.AsSpan(start + count));
            count += length;
            Deliver();
        }
    }

    /// <summary>Offers the rest to the sink.</summary>
    public void Resume()
    {
        lock (sync)
        {
            Deliver();
        }
    }

    /// <summary>Waits until <paramref name="bytes"/> fit; false when the queue was closed.</summary>
    public bool WaitForRoom(int bytes)
    {
        lock (sync)
        {
            while (!closed && Limit - count < bytes)
            {
                Monitor.Wait(sync);
            }

            return !closed;
        }
    }

    /// <summary>Ends waits and deliveries.</summary>
    public void Close()
    {
        lock (sync)
        {
            closed = true;
            count = 0;
            Monitor.PulseAll(sync);
        }
    }

    private void Deliver()
    {
        while (count > 0 && !closed && sink != null)
        {
            var taken = Math.Clamp(sink.Receive(buffer.AsSpan(start, count)), 0, count);
            if (taken == 0)
            {
                return;
            }

            start += taken;
            count -= taken;
            Monitor.PulseAll(sync);
        }
    }
}
