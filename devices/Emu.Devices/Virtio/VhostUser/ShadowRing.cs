// The split virtqueue that a vhost-user back end sees: requests of the guest are copied into it, descriptor by descriptor.
using Emu.Core;

namespace Emu.Devices.Virtio.VhostUser;

/// <summary>
/// A ring of Emu's own in memory shared with the back end. The guest's ring stays Emu's: whatever layout the guest chose, the back end sees a
/// split ring without indirect tables, buffers known to be RAM, and the guest sees a request returned only after the CPUs were told what the
/// back end wrote.
/// </summary>
internal sealed unsafe class ShadowRing
{
    /// <summary>Descriptors.</summary>
    public const int Size = 1024;

    /// <summary>Bytes of memory that a ring takes.</summary>
    public const ulong Bytes = 0x8000;

    private const ulong AvailableOffset = 0x4000;
    private const ulong UsedOffset = 0x5000;
    private const ushort NoNotify = 1;
    private const int RingIndex = 1;
    private const int RingEntries = 2;

    private readonly VirtqDescriptor* table;
    private readonly ushort* available;
    private readonly ushort* used;
    private readonly DescriptorChain?[] requests = new DescriptorChain?[Size];
    private readonly ushort[] free = new ushort[Size];
    private readonly ushort[] next = new ushort[Size];
    private readonly ushort[] heads = new ushort[Size];
    private readonly Stack<DescriptorChain> spare = new();
    private int freeCount;
    private ushort nextAvailable;
    private ushort nextUsed;

    /// <param name="memory">Start of <see cref="Bytes"/> shared bytes, aligned to a page.</param>
    public ShadowRing(byte* memory)
    {
        table = (VirtqDescriptor*)memory;
        available = (ushort*)(memory + AvailableOffset);
        used = (ushort*)(memory + UsedOffset);
        Clear();
    }

    /// <summary>Address of the descriptors in this process.</summary>
    public ulong Descriptors => (ulong)table;

    /// <summary>Address of the available ring.</summary>
    public ulong Available => (ulong)available;

    /// <summary>Address of the used ring.</summary>
    public ulong Used => (ulong)used;

    /// <summary>Requests that the back end has.</summary>
    public int Outstanding { get; private set; }

    /// <summary>Position of the next request in the available ring, modulo 2^16.</summary>
    public ushort Position => nextAvailable;

    /// <summary>The back end wants to be told about new requests.</summary>
    public bool WantsKick => (Volatile.Read(ref used[0]) & NoNotify) == 0;

    /// <summary>An object to take a request with.</summary>
    public DescriptorChain Rent() => spare.TryPop(out var chain) ? chain : new DescriptorChain();

    /// <summary>Gives it back.</summary>
    public void Return(DescriptorChain chain) => spare.Push(chain);

    /// <summary>Forgets everything; the back end does not look.</summary>
    public void Clear()
    {
        new Span<byte>(table, (int)Bytes).Clear();
        Array.Clear(requests);
        for (var i = 0; i < Size; i++)
        {
            free[i] = (ushort)(Size - 1 - i);
        }

        freeCount = Size;
        nextAvailable = nextUsed = 0;
        Outstanding = 0;
    }

    /// <summary>Hands a request to the back end. False, with nothing done, when there are too few descriptors now.</summary>
    public bool TryAdd(DescriptorChain chain)
    {
        var readable = chain.Readable;
        var writable = chain.Writable;
        var count = readable.Length + writable.Length;
        if (count > freeCount)
        {
            return false;
        }

        var head = free[freeCount - 1];
        for (var i = 0; i < count; i++)
        {
            var isWritable = i >= readable.Length;
            ref readonly var s = ref isWritable ? ref writable[i - readable.Length] : ref readable[i];
            var slot = free[--freeCount];
            var following = i == count - 1 ? slot : free[freeCount - 1];
            next[slot] = following;
            table[slot] = new VirtqDescriptor
            {
                Address = s.Address,
                Length = s.Length,
                Word12 = (ushort)((following != slot ? VirtqDescriptor.Next : 0) | (isWritable ? VirtqDescriptor.Write : 0)),
                Word14 = following,
            };
        }

        requests[head] = chain;
        Outstanding++;
        heads[nextAvailable % Size] = head;
        available[RingEntries + (nextAvailable % Size)] = head;
        Volatile.Write(ref available[RingIndex], ++nextAvailable);
        Interlocked.MemoryBarrier();
        return true;
    }

    /// <summary>Takes the next request that the back end returned; null when there is none, or none that it was given.</summary>
    /// <param name="written">Bytes written, as the back end says.</param>
    public DescriptorChain? TryTake(out uint written)
    {
        while (Volatile.Read(ref used[RingIndex]) != nextUsed)
        {
            var entry = (uint*)(used + RingEntries) + (nextUsed % Size * 2);
            nextUsed++;
            var head = entry[0];
            written = entry[1];
            if (head < Size && requests[head] is { } chain)
            {
                requests[head] = null;
                Outstanding--;
                Free((ushort)head);
                written = (uint)Math.Min(written, chain.WritableLength);
                return chain;
            }
        }

        written = 0;
        return null;
    }

    /// <summary>Takes back the request that was handed over last, while the ring is stopped; null when the back end has taken it.</summary>
    /// <param name="taken">Position up to which the back end took requests.</param>
    public DescriptorChain? TryRetract(ushort taken)
    {
        var last = (ushort)(nextAvailable - 1);
        var head = heads[last % Size];
        if (nextAvailable == taken || requests[head] is not { } chain)
        {
            return null;
        }

        requests[head] = null;
        Outstanding--;
        Free(head);
        nextAvailable = last;
        Volatile.Write(ref available[RingIndex], last);
        return chain;
    }

    private void Free(ushort head)
    {
        // Links are kept apart: the table is the back end's to read, and a bad one might write it.
        for (var slot = head; ; slot = next[slot])
        {
            free[freeCount++] = slot;
            if (next[slot] == slot)
            {
                return;
            }
        }
    }
}
