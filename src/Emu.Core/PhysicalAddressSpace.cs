// The guest-physical address space: RAM regions and device windows, looked up by the MMU's slow path and by device DMA.
namespace Emu.Core;

/// <summary>Flags kept for each 4 KiB page of RAM.</summary>
[Flags]
public enum RamPageFlags : byte
{
    /// <summary>Nothing special: a TLB may make the page writable.</summary>
    None = 0,

    /// <summary>The page holds translated code: a write must go through <see cref="PhysicalAddressSpace.NotifyWritten"/>.</summary>
    Code = 1,
}

/// <summary>A run of RAM (or ROM) in the guest-physical map.</summary>
public sealed unsafe class RamRegion : IDisposable
{
    internal RamRegion(string name, ulong start, ulong length, byte* host, bool readOnly, HostMemory? backing)
    {
        Descriptor = backing?.Descriptor ?? -1;
        DescriptorOffset = backing is null ? 0 : (ulong)(host - backing.Pointer);
        Name = name;
        Start = start;
        Length = length;
        Host = host;
        ReadOnly = readOnly;
        flags = new HostMemory(Math.Max(length >> 12, 1));
    }

    private readonly HostMemory flags;

    /// <summary>Name for messages and snapshots.</summary>
    public string Name { get; }

    /// <summary>First guest-physical address, 4 KiB aligned.</summary>
    public ulong Start { get; }

    /// <summary>Bytes, a multiple of 4 KiB.</summary>
    public ulong Length { get; }

    /// <summary>Host address of <see cref="Start"/>.</summary>
    public byte* Host { get; }

    /// <summary>Guest writes are dropped (ROM), or go to the device window that this memory is the shadow of.</summary>
    public bool ReadOnly { get; }

    /// <summary>The descriptor of shared memory behind the region; -1 when it is private.</summary>
    public int Descriptor { get; }

    /// <summary>Where the region begins in <see cref="Descriptor"/>.</summary>
    public ulong DescriptorOffset { get; }

    /// <summary>One <see cref="RamPageFlags"/> byte a page, indexed by (pa - <see cref="Start"/>) &gt;&gt; 12.</summary>
    public RamPageFlags* PageFlags => (RamPageFlags*)flags.Pointer;

    /// <inheritdoc/>
    public void Dispose() => flags.Dispose();

    /// <summary>Whether an address lies inside.</summary>
    public bool Contains(ulong pa) => pa - Start < Length;
}

/// <summary>A device's window in the guest-physical map.</summary>
public sealed class MmioRegion
{
    internal MmioRegion(string name, ulong start, ulong length, IMmioDevice device)
    {
        Name = name;
        Start = start;
        Length = length;
        Device = device;
    }

    /// <summary>Name for messages.</summary>
    public string Name { get; }

    /// <summary>First guest-physical address.</summary>
    public ulong Start { get; }

    /// <summary>Bytes.</summary>
    public ulong Length { get; }

    /// <summary>The device behind the window.</summary>
    public IMmioDevice Device { get; }
}

/// <summary>
/// The guest-physical map. Lookups are lock-free on an immutable sorted array; changes (BAR moves, hotplug) replace the array and
/// raise <see cref="MapChanged"/>. Reads of unclaimed addresses give all-ones, writes to them are dropped, both logged once an address.
/// </summary>
public sealed unsafe class PhysicalAddressSpace : IDisposable
{
    /// <summary>Log2 of the granularity of RAM page flags and TLB entries.</summary>
    public const int PageShift = 12;

    private readonly Lock gate = new();
    private readonly Log log;
    private RamRegion[] ram = [];
    private MmioRegion[] mmio = [];

    /// <summary>Creates an empty map.</summary>
    public PhysicalAddressSpace(Log log) => this.log = log;

    /// <summary>Raised after a RAM write by someone other than the writing vCPU's own fast path hit a page flagged <see cref="RamPageFlags.Code"/>.
    /// Arguments: guest-physical address and length of the write. Handlers invalidate the code of those bytes.</summary>
    public event Action<ulong, ulong>? CodeWritten;

    /// <summary>Raised after a region was added or removed; CPUs drop cached translations of device windows.</summary>
    public event Action? MapChanged;

    /// <summary>RAM regions by ascending address.</summary>
    public IReadOnlyList<RamRegion> Ram => ram;

    /// <summary>Device windows by ascending address.</summary>
    public IReadOnlyList<MmioRegion> Mmio => mmio;

    /// <summary>Adds RAM backed by host memory that outlives the map.</summary>
    /// <param name="name">Name for messages and snapshots.</param>
    /// <param name="start">First guest-physical address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="host">Host address of the first byte.</param>
    /// <param name="readOnly">Guest writes are dropped.</param>
    /// <param name="backing">The mapping that <paramref name="host"/> lies in, where it may be shared with other processes.</param>
    /// <exception cref="EmuException">Overlap or misalignment.</exception>
    public RamRegion AddRam(string name, ulong start, ulong length, byte* host, bool readOnly = false, HostMemory? backing = null)
    {
        lock (gate)
        {
            if (((start | length) & 0xFFF) != 0 || length == 0)
            {
                throw new EmuException($"{name}: 0x{start:x}+0x{length:x} is not a whole number of 4 KiB pages");
            }

            CheckFree(name, start, length);
            var region = new RamRegion(name, start, length, host, readOnly, backing);
            ram = Inserted(ram, region, Array.FindIndex(ram, r => r.Start > start));
            MapChanged?.Invoke();
            return region;
        }
    }

    /// <summary>Maps a device window.</summary>
    /// <exception cref="EmuException">Overlap.</exception>
    public MmioRegion AddMmio(string name, ulong start, ulong length, IMmioDevice device)
    {
        lock (gate)
        {
            CheckFree(name, start, length);
            var region = new MmioRegion(name, start, length, device);
            mmio = Inserted(mmio, region, Array.FindIndex(mmio, r => r.Start > start));
            MapChanged?.Invoke();
            return region;
        }
    }

    /// <summary>Memory that answers reads of a device window while it is shown: writes go to the device. Not shown at first.</summary>
    /// <param name="window">The window, a whole number of 4 KiB pages.</param>
    /// <param name="host">Host address of its first byte; the memory outlives the map.</param>
    public RamRegion CreateShadow(MmioRegion window, byte* host) => new(window.Name, window.Start, window.Length, host, readOnly: true, backing: null);

    /// <summary>Shows a shadow, or hides it so that reads go to the device.</summary>
    public void Show(RamRegion shadow, bool shown)
    {
        lock (gate)
        {
            if (ram.Contains(shadow) == shown)
            {
                return;
            }

            ram = shown ? Inserted(ram, shadow, Array.FindIndex(ram, r => r.Start > shadow.Start)) : [.. ram.Where(r => r != shadow)];
            MapChanged?.Invoke();
        }
    }

    /// <summary>Unmaps a device window.</summary>
    public void Remove(MmioRegion region)
    {
        lock (gate)
        {
            mmio = [.. mmio.Where(r => r != region)];
            MapChanged?.Invoke();
        }
    }

    /// <summary>Whether a window could be mapped without overlap.</summary>
    public bool IsFree(ulong start, ulong length) =>
        length != 0 && start + length - 1 >= start
        && !ram.Any(r => Overlaps(r.Start, r.Length, start, length))
        && !mmio.Any(r => Overlaps(r.Start, r.Length, start, length));

    /// <summary>The RAM region that holds an address, a shown shadow included, or null.</summary>
    public RamRegion? FindRam(ulong pa)
    {
        foreach (var r in ram)
        {
            if (pa - r.Start < r.Length)
            {
                return r;
            }
        }

        return null;
    }

    /// <summary>The device window that holds an address, or null.</summary>
    public MmioRegion? FindMmio(ulong pa)
    {
        var regions = mmio;
        int low = 0, high = regions.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >> 1;
            var r = regions[middle];
            if (pa < r.Start)
            {
                high = middle - 1;
            }
            else if (pa - r.Start < r.Length)
            {
                return r;
            }
            else
            {
                low = middle + 1;
            }
        }

        return null;
    }

    /// <summary>Reads 1, 2, 4 or 8 bytes at any address; RAM, device, or all-ones where nothing is.</summary>
    /// <param name="pa">Guest-physical address; the access does not cross a 4 KiB page.</param>
    /// <param name="size">Bytes: 1, 2, 4 or 8.</param>
    /// <param name="pc">Guest PC for the log line of an unclaimed access.</param>
    public ulong Read(ulong pa, int size, ulong pc = 0)
    {
        if (FindRam(pa) is { } r)
        {
            ulong value = 0;
            Buffer.MemoryCopy(r.Host + (pa - r.Start), &value, 8, size);
            return value;
        }

        var mask = size == 8 ? ulong.MaxValue : (1UL << (size * 8)) - 1;
        if (FindMmio(pa) is { } m)
        {
            return m.Device.Read(pa - m.Start, size) & mask;
        }

        log.Once($"read {pa:x}", LogLevel.Warning, $"guest read of {size} bytes at unclaimed physical address 0x{pa:x} (PC 0x{pc:x}): reads as all-ones");
        return mask;
    }

    /// <summary>Writes 1, 2, 4 or 8 bytes at any address.</summary>
    public void Write(ulong pa, int size, ulong value, ulong pc = 0)
    {
        var r = FindRam(pa);
        if (r is { ReadOnly: false })
        {
            Buffer.MemoryCopy(&value, r.Host + (pa - r.Start), 8, size);
            NotifyWritten(pa, (ulong)size);
            return;
        }

        if (FindMmio(pa) is { } m)
        {
            m.Device.Write(pa - m.Start, size, value);
            return;
        }

        if (r is not null)
        {
            return;
        }

        log.Once($"write {pa:x}", LogLevel.Warning, $"guest write of {size} bytes at unclaimed physical address 0x{pa:x} (PC 0x{pc:x}): dropped");
    }

    /// <summary>Host pointer to a run of RAM that lies inside one region, or null. A writer calls <see cref="NotifyWritten"/> afterwards.</summary>
    public byte* TryGetPointer(ulong pa, ulong length, bool forWrite)
    {
        if (FindRam(pa) is not { } r || length > r.Length - (pa - r.Start) || (forWrite && r.ReadOnly))
        {
            return null;
        }

        return r.Host + (pa - r.Start);
    }

    /// <summary>DMA read. False, with nothing copied, when any byte is not RAM.</summary>
    public bool TryReadRam(ulong pa, Span<byte> destination)
    {
        if (destination.IsEmpty)
        {
            return true;
        }

        var p = TryGetPointer(pa, (ulong)destination.Length, forWrite: false);
        if (p == null)
        {
            return false;
        }

        new ReadOnlySpan<byte>(p, destination.Length).CopyTo(destination);
        return true;
    }

    /// <summary>DMA write, with code invalidation. False, with nothing written, when any byte is not writable RAM.</summary>
    public bool TryWriteRam(ulong pa, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty)
        {
            return true;
        }

        var p = TryGetPointer(pa, (ulong)source.Length, forWrite: true);
        if (p == null)
        {
            return false;
        }

        source.CopyTo(new Span<byte>(p, source.Length));
        NotifyWritten(pa, (ulong)source.Length);
        return true;
    }

    /// <summary>Tells the CPUs that RAM changed behind their backs; cheap when no page of the run holds code.</summary>
    public void NotifyWritten(ulong pa, ulong length)
    {
        if (length == 0 || FindRam(pa) is not { } r)
        {
            return;
        }

        // The write is visible before the flags are read: a translator sets the flag, then reads the bytes.
        Interlocked.MemoryBarrier();
        var first = (pa - r.Start) >> PageShift;
        var last = Math.Min(pa - r.Start + length - 1, r.Length - 1) >> PageShift;
        for (var page = first; page <= last; page++)
        {
            if ((r.PageFlags[page] & RamPageFlags.Code) != 0)
            {
                CodeWritten?.Invoke(pa, length);
                return;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var r in ram)
        {
            r.Dispose();
        }
    }

    /// <summary>A new array with one region more.</summary>
    /// <param name="regions">By ascending address.</param>
    /// <param name="region">The new one.</param>
    /// <param name="before">Index of the first region behind it, or -1 when there is none.</param>
    private static T[] Inserted<T>(T[] regions, T region, int before)
        where T : class
    {
        var at = before < 0 ? regions.Length : before;
        return [.. regions[..at], region, .. regions[at..]];
    }

    private static bool Overlaps(ulong a, ulong aLength, ulong b, ulong bLength) => a <= b + (bLength - 1) && b <= a + (aLength - 1);

    private void CheckFree(string name, ulong start, ulong length)
    {
        if (length == 0 || start + length - 1 < start)
        {
            throw new EmuException($"{name}: 0x{start:x}+0x{length:x} is not a valid physical range");
        }

        foreach (var r in ram)
        {
            if (Overlaps(r.Start, r.Length, start, length))
            {
                throw new EmuException($"{name}: 0x{start:x}+0x{length:x} overlaps {r.Name} at 0x{r.Start:x}+0x{r.Length:x}");
            }
        }

        foreach (var r in mmio)
        {
            if (Overlaps(r.Start, r.Length, start, length))
            {
                throw new EmuException($"{name}: 0x{start:x}+0x{length:x} overlaps {r.Name} at 0x{r.Start:x}+0x{r.Length:x}");
            }
        }
    }
}
