// The rings of a vhost-user device: shared with the back end, started and stopped, and the requests that travel through them.
using System.Diagnostics;
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Virtio.VhostUser;

public sealed unsafe partial class VhostUserDevice
{
    private const int RequestsPerRound = 1024;
    private const ulong RegionAlignment = 2 << 20;

    /// <summary>How long a stopped back end may take to finish what it began.</summary>
    private const int DrainMilliseconds = 30_000;

    /// <summary>Starts the rings of an active device where they stand.</summary>
    private void StartRings()
    {
        if (connection is null || !IsActive || running)
        {
            return;
        }

        try
        {
            SetUp(connection);
            running = true;
        }
        catch (EmuException e)
        {
            Lose(e.Message);
        }
    }

    /// <summary>Stops the rings. On return the back end has given back every request that it began, and the others are the guest's again.</summary>
    private void StopRings()
    {
        if (connection is null || !running)
        {
            return;
        }

        running = false;
        try
        {
            var taken = new ushort[rings.Length];
            for (var i = 0; i < queues.Length; i++)
            {
                if (queues[i] is not null)
                {
                    taken[i] = connection.StopRing(i);
                }
            }

            var patience = Stopwatch.StartNew();
            while (!TryEmptyRings(taken) && patience.ElapsedMilliseconds < DrainMilliseconds)
            {
                Thread.Sleep(1);
            }
        }
        catch (EmuException e)
        {
            Lose(e.Message);
        }
    }

    /// <summary>Returns what the back end has finished, and takes back what it never began. False while it still works on something.</summary>
    private bool TryEmptyRings(ushort[] taken)
    {
        var outstanding = 0;
        for (var i = 0; i < queues.Length; i++)
        {
            if (queues[i] is not { } queue)
            {
                continue;
            }

            var ring = rings[i];
            ReturnFinished(queue, ring);
            while (ring.TryRetract(taken[i]) is { } chain)
            {
                queue.Unpop(chain);
                ring.Return(chain);
            }

            outstanding += ring.Outstanding;
        }

        return outstanding == 0;
    }

    private void SetUp(VhostUserConnection c)
    {
        c.Set(VhostUserRequest.SetFeatures, (features & deviceFeatures) | VirtioFeature.Version1 | VhostUserProtocol.ProtocolFeatures);
        ShareMemory(c);
        for (var i = 0; i < queues.Length; i++)
        {
            if (queues[i] is null)
            {
                continue;
            }

            var ring = rings[i];
            c.SetRing(VhostUserRequest.SetVringSize, i, ShadowRing.Size);
            c.SetRing(VhostUserRequest.SetVringBase, i, ring.Position);
            var address = new VhostUserRingAddress((uint)i, 0, ring.Descriptors, ring.Used, ring.Available, 0);
            c.Send(VhostUserRequest.SetVringAddress, MemoryMarshal.AsBytes(new ReadOnlySpan<VhostUserRingAddress>(in address)));
            c.SetRingDescriptor(VhostUserRequest.SetVringCall, i, calls[i]);
            c.SetRingDescriptor(VhostUserRequest.SetVringKick, i, kicks[i]);
            c.SetRing(VhostUserRequest.SetVringEnable, i, 1);
        }
    }

    /// <summary>Tells the back end where guest RAM is, and the rings, which stand above it.</summary>
    private void ShareMemory(VhostUserConnection c)
    {
        var shared = memory.Ram.Where(r => r.Descriptor >= 0).ToArray();
        if (shared.Length == 0)
        {
            throw new EmuException($"{Name}: guest RAM is not shared: a vhost-user device needs --memory shared=on");
        }

        if (shared.Length >= VhostUserProtocol.MaximumRegions)
        {
            throw new EmuException($"{Name}: guest RAM has {shared.Length} parts, a vhost-user program takes {VhostUserProtocol.MaximumRegions - 1}: give less memory");
        }

        var regions = new List<VhostUserRegion>();
        foreach (var r in shared)
        {
            regions.Add(new VhostUserRegion(r.Start, r.Length, (ulong)r.Host, r.DescriptorOffset));
        }

        var top = memory.Ram.Max(r => r.Start + r.Length);
        top = (top + RegionAlignment - 1) & ~(RegionAlignment - 1);
        regions.Add(new VhostUserRegion(top, ringMemory.Length, (ulong)ringMemory.Pointer, 0));
        var count = (ulong)regions.Count;
        byte[] payload = [.. MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in count)), .. MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(regions))];
        c.Send(VhostUserRequest.SetMemoryTable, payload, [.. shared.Select(r => r.Descriptor), ringMemory.Descriptor]);
    }

    /// <summary>Returns what the back end is done with and hands it what is new; whether some is left for the next round.</summary>
    private bool Carry(VirtQueue queue, ShadowRing ring, int kick)
    {
        ReturnFinished(queue, ring);
        queue.DisableNotifications();
        var added = 0;
        while (added < RequestsPerRound)
        {
            var chain = ring.Rent();
            if (!queue.TryPop(chain))
            {
                ring.Return(chain);
                if (queue.EnableNotifications())
                {
                    queue.DisableNotifications();
                    continue;
                }

                break;
            }

            if (chain.Readable.Length + chain.Writable.Length is 0 or > ShadowRing.Size)
            {
                queue.Push(chain, 0);
                ring.Return(chain);
                continue;
            }

            if (!ring.TryAdd(chain))
            {
                // The next request that comes back makes room.
                queue.Unpop(chain);
                ring.Return(chain);
                break;
            }

            holdsState = options.HoldsState(holdsState, chain);
            added++;
        }

        if (added > 0 && ring.WantsKick)
        {
            ulong one = 1;
            _ = HostCalls.write(kick, &one, sizeof(ulong));
        }

        return added == RequestsPerRound;
    }

    /// <summary>Gives the guest what the back end is done with.</summary>
    private static void ReturnFinished(VirtQueue queue, ShadowRing ring)
    {
        while (ring.TryTake(out var written) is { } done)
        {
            done.NotifyWritten(done.WritableLength);
            queue.Push(done, written);
            ring.Return(done);
        }

        queue.Signal();
    }
}
