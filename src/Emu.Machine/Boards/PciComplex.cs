// The machine's PCI side: segments where the layout says, the devices put into them, and what the machine does to all of them at once.
using Emu.Core;
using Emu.Devices.Pci;

namespace Emu.Machine.Boards;

/// <summary>Every PCI segment of a machine.</summary>
public sealed class PciComplex : IDisposable
{
    private readonly PciSegment[] segments;
    private readonly ulong[] memory64End;
    private readonly List<IDisposable> owned = [];

    /// <summary>Makes the segments and maps their configuration spaces.</summary>
    /// <param name="layouts">Where each lies.</param>
    /// <param name="memory">Where they are mapped.</param>
    /// <param name="log">Messages.</param>
    public PciComplex(IReadOnlyList<PciSegmentLayout> layouts, PhysicalAddressSpace memory, Log log)
    {
        Layouts = layouts;
        segments = new PciSegment[layouts.Count];
        memory64End = new ulong[layouts.Count];
        for (var i = 0; i < segments.Length; i++)
        {
            var layout = layouts[i];
            memory64End[i] = layout.Memory64.End;
            segments[i] = new PciSegment(
                layout.Number,
                memory,
                new PciWindow(Arm64Layout.PciIoBase, Arm64Layout.PciIoSize, 0),
                PciWindow.Identity(layout.Memory32.Start, layout.Memory32.Length),
                PciWindow.Identity(layout.Memory64.Start, layout.Memory64.Length),
                log);
            memory.AddMmio($"pci{i} configuration", layout.Ecam.Start, layout.Ecam.Length, segments[i]);
        }
    }

    /// <summary>Where the segments lie.</summary>
    public IReadOnlyList<PciSegmentLayout> Layouts { get; }

    /// <summary>The segments by number.</summary>
    public IReadOnlyList<PciSegment> Segments => segments;

    /// <summary>The device of a name, or null.</summary>
    public PciDevice? Find(string name) =>
        segments.SelectMany(s => Enumerable.Range(0, PciSegment.SlotCount).Select(i => s[i])).FirstOrDefault(d => d?.Name == name);

    /// <summary>Takes over what a device needs of the host, to be closed once every device has stopped.</summary>
    public void Own(IDisposable resource) => owned.Add(resource);

    /// <summary>Takes addresses from the top of a segment's 64-bit window for memory that no BAR describes.</summary>
    /// <param name="segment">Segment number.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="alignment">A power of two.</param>
    /// <exception cref="EmuException">The window is full.</exception>
    public ulong ReserveMemory64(int segment, ulong length, ulong alignment)
    {
        var window = Layouts[segment].Memory64;
        var start = (memory64End[segment] - length) & ~(alignment - 1);
        if (length > memory64End[segment] - window.Start || start < window.Start)
        {
            throw new EmuException($"PCI segment {segment} has no room for {length >> 20}M of memory in its 64-bit window of {window.Length >> 20}M");
        }

        return memory64End[segment] = start;
    }

    /// <summary>Stops every device and closes what they need of the host.</summary>
    public void Dispose()
    {
        Reset();
        for (var i = owned.Count - 1; i >= 0; i--)
        {
            owned[i].Dispose();
        }

        owned.Clear();
    }

    /// <summary>Power-on reset of every device.</summary>
    public void Reset()
    {
        foreach (var segment in segments)
        {
            segment.Reset();
        }
    }

    /// <summary>Makes every device stand still: none of their threads touches guest memory or device state afterwards.</summary>
    public void Pause()
    {
        foreach (var segment in segments)
        {
            segment.Pause();
        }
    }

    /// <summary>Ends a pause.</summary>
    public void Resume()
    {
        foreach (var segment in segments)
        {
            segment.Resume();
        }
    }
}
