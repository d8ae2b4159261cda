// One of a virtqueue's rings in guest memory: in one piece, or behind an IOMMU in pages that lie anywhere.
using Emu.Core;

namespace Emu.Devices.Virtio;

/// <summary>A checked ring. Immutable: another mapping is another area.</summary>
internal sealed unsafe class RingArea
{
    private const int PageBits = PhysicalAddressSpace.PageShift;
    private const ulong PageMask = (1 << PageBits) - 1;

    private readonly byte* first;
    private readonly ulong address;
    private readonly (nint Host, ulong Address)[]? pages;

    /// <summary>No ring: stands where none was looked for yet.</summary>
    public static readonly RingArea None = new(null, 0, []);

    private RingArea(byte* first, ulong address, (nint Host, ulong Address)[]? pages)
    {
        this.first = first;
        this.address = address;
        this.pages = pages;
    }

    /// <summary>Finds a ring. Null when a byte of it is not RAM, or not mapped for the device.</summary>
    /// <param name="memory">Guest memory.</param>
    /// <param name="dma">The device's view of it; null for guest-physical addresses.</param>
    /// <param name="address">Where the driver says it is.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="forWrite">The device writes to it.</param>
    public static RingArea? TryCreate(PhysicalAddressSpace memory, IDmaTranslation? dma, ulong address, uint length, bool forWrite)
    {
        if (dma is null)
        {
            var host = memory.TryGetPointer(address, length, forWrite);
            return host == null ? null : new RingArea(host, address, null);
        }

        if (address > ulong.MaxValue - length)
        {
            return null;
        }

        // Mappings and RAM are made of whole pages, so a page needs one look.
        var count = ((address + length - 1) >> PageBits) - (address >> PageBits) + 1;
        var pages = new (nint, ulong)[count];
        for (var i = 0; i < pages.Length; i++)
        {
            var page = (address & ~PageMask) + ((ulong)i << PageBits);
            if (!dma.TryTranslate(page, forWrite, out var physical, out _) || memory.TryGetPointer(physical & ~PageMask, PageMask + 1, forWrite) is var host && host == null)
            {
                return null;
            }

            pages[i] = ((nint)host, physical & ~PageMask);
        }

        return new RingArea(null, address & PageMask, pages);
    }

    /// <summary>Host address of a naturally aligned item of the ring, at most 16 bytes long.</summary>
    /// <param name="offset">Bytes from the start of the ring.</param>
    public byte* At(uint offset) => pages is null ? first + offset : Paged(offset);

    /// <summary>Tells the CPUs that an item was written.</summary>
    public void NotifyWritten(PhysicalAddressSpace memory, uint offset, uint length)
    {
        if (pages is null)
        {
            memory.NotifyWritten(address + offset, length);
            return;
        }

        var at = address + offset;
        memory.NotifyWritten(pages[at >> PageBits].Address + (at & PageMask), length);
    }

    private byte* Paged(uint offset)
    {
        var at = address + offset;
        return (byte*)pages![at >> PageBits].Host + (at & PageMask);
    }
}
