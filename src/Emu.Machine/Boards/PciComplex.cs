// The machine's PCI side: segments where the layout says, the devices put into them, and what the machine does to all of them at once.
using Emu.Core;
using Emu.Devices.Pci;

namespace Emu.Machine.Boards;

/// <summary>Every PCI segment of a machine.</summary>
public sealed class PciComplex
{
    private readonly PciSegment[] segments;

    /// <summary>Makes the segments and maps their configuration spaces.</summary>
    /// <param name="layouts">Where each lies.</param>
    /// <param name="memory">Where they are mapped.</param>
    /// <param name="log">Messages.</param>
    public PciComplex(IReadOnlyList<PciSegmentLayout> layouts, PhysicalAddressSpace memory, Log log)
    {
        Layouts = layouts;
        segments = new PciSegment[layouts.Count];
        for (var i = 0; i < segments.Length; i++)
        {
            var layout = layouts[i];
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
