// The descriptors and the time that a host loop waits for.
namespace Emu.Devices.Host;

/// <summary>Descriptors to wait for, and for how long at most. Filled by the client of a <see cref="HostLoop"/> before each wait.</summary>
public sealed unsafe class PollSet
{
    /// <summary>Data, or a connection, waits to be read.</summary>
    public const short In = HostCalls.POLLIN;

    /// <summary>Writing would not block.</summary>
    public const short Out = HostCalls.POLLOUT;

    /// <summary>Urgent data.</summary>
    public const short Priority = HostCalls.POLLPRI;

    /// <summary>An error; always reported.</summary>
    public const short Error = HostCalls.POLLERR;

    /// <summary>The other end closed; always reported.</summary>
    public const short Hangup = HostCalls.POLLHUP;

    private HostCalls.PollDescriptor[] entries = new HostCalls.PollDescriptor[16];

    /// <summary>Number of descriptors.</summary>
    public int Count { get; private set; }

    /// <summary>Longest wait in milliseconds; -1 for no limit.</summary>
    public int Timeout { get; private set; } = -1;

    /// <summary>Adds a descriptor and returns its index for <see cref="Result"/>.</summary>
    /// <param name="descriptor">An open descriptor.</param>
    /// <param name="events">What to wait for, among <see cref="In"/>, <see cref="Out"/> and <see cref="Priority"/>.</param>
    public int Add(int descriptor, short events)
    {
        if (Count == entries.Length)
        {
            Array.Resize(ref entries, Count * 2);
        }

        entries[Count] = new HostCalls.PollDescriptor { Descriptor = descriptor, Events = events };
        return Count++;
    }

    /// <summary>Shortens the wait.</summary>
    /// <param name="milliseconds">0 and up.</param>
    public void Limit(long milliseconds)
    {
        var limit = (int)Math.Clamp(milliseconds, 0, int.MaxValue);
        Timeout = Timeout < 0 ? limit : Math.Min(Timeout, limit);
    }

    /// <summary>What happened to a descriptor; 0 for nothing.</summary>
    public short Result(int index) => (uint)index < (uint)Count ? entries[index].Returned : (short)0;

    internal void Clear()
    {
        Count = 0;
        Timeout = -1;
    }

    internal void CopyTo(PollSet other)
    {
        other.Clear();
        AppendTo(other);
    }

    internal void AppendTo(PollSet other)
    {
        for (var i = 0; i < Count; i++)
        {
            other.Add(entries[i].Descriptor, entries[i].Events);
        }
    }

    /// <summary>Waits; returns whether any descriptor from <paramref name="first"/> on has news.</summary>
    internal bool Wait(int timeout, int first = 0)
    {
        fixed (HostCalls.PollDescriptor* p = entries)
        {
            // Interrupted or refused: no results, and the caller comes back.
            if (HostCalls.poll(p, (nuint)Count, timeout) < 0)
            {
                for (var i = 0; i < Count; i++)
                {
                    entries[i].Returned = 0;
                }
            }
        }

        for (var i = first; i < Count; i++)
        {
            if (entries[i].Returned != 0)
            {
                return true;
            }
        }

        return false;
    }
}
