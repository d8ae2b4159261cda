// What requests of the balloon's queues give back to the host (virtio 1.2, 5.5.6).
using System.Runtime.InteropServices;
using Emu.Core;

namespace Emu.Devices.Virtio.Balloon;

/// <summary>Gives guest pages back to the host, and tells the CPUs that their content is gone.</summary>
/// <param name="memory">Guest memory.</param>
/// <param name="discard">Gives pages of a region back.</param>
internal sealed class BalloonPages(PhysicalAddressSpace memory, DiscardPages discard)
{
    /// <summary>Bytes of a page in every message, whatever the guest's page size.</summary>
    public const ulong PageBytes = 4096;

    /// <summary>Gives back the whole pages inside a run of guest-physical addresses; what is not RAM is ignored.</summary>
    public void Discard(ulong address, ulong length)
    {
        var end = (address + length) & ~(PageBytes - 1);
        address = (address + (PageBytes - 1)) & ~(PageBytes - 1);
        while (address < end)
        {
            if (memory.FindRam(address) is not { ReadOnly: false } region)
            {
                address += PageBytes;
                continue;
            }

            var part = Math.Min(end - address, region.Start + region.Length - address);
            discard(region, address - region.Start, part);
            memory.NotifyWritten(address, part);
            address += part;
        }
    }
}

/// <summary>The inflate queue: the readable part lists page numbers, 32 bits each.</summary>
/// <param name="pages">Gives them back.</param>
internal sealed class BalloonInflation(BalloonPages pages) : IRequestHandler
{
    /// <summary>Page numbers looked at in one request; Linux sends 256.</summary>
    private const int MaximumPages = 64 * 1024;

    private readonly uint[] numbers = new uint[256];

    public uint Handle(DescriptorChain chain)
    {
        ulong start = 0, end = 0;
        for (ulong at = 0; at < MaximumPages * sizeof(uint);)
        {
            var bytes = chain.Read(at, MemoryMarshal.AsBytes(numbers.AsSpan()));
            foreach (var number in numbers.AsSpan(0, bytes / sizeof(uint)))
            {
                // Neighbours go back together.
                if (number == end && start != end)
                {
                    end++;
                    continue;
                }

                pages.Discard(start * BalloonPages.PageBytes, (end - start) * BalloonPages.PageBytes);
                start = number;
                end = start + 1;
            }

            if (bytes < numbers.Length * sizeof(uint))
            {
                break;
            }

            at += (ulong)bytes;
        }

        pages.Discard(start * BalloonPages.PageBytes, (end - start) * BalloonPages.PageBytes);
        return 0;
    }
}

/// <summary>The deflate queue: pages come back by themselves when they are touched.</summary>
internal sealed class BalloonDeflation : IRequestHandler
{
    public uint Handle(DescriptorChain chain) => 0;
}

/// <summary>The reporting queue: the buffers themselves are the free pages.</summary>
/// <param name="pages">Gives them back.</param>
internal sealed class BalloonReporting(BalloonPages pages) : IRequestHandler
{
    public uint Handle(DescriptorChain chain)
    {
        foreach (ref readonly var s in chain.Writable)
        {
            pages.Discard(s.Address, s.Length);
        }

        return 0;
    }
}
