// Where the virtio IOMMU sits and which devices are behind it: what the device tree and the VIOT tell.
namespace Emu.Machine.Boards;

/// <summary>The machine's IOMMU.</summary>
/// <param name="Slot">Its slot on PCI segment 0.</param>
/// <param name="Endpoints">Numbers of the devices behind it, ascending.</param>
public sealed record IommuLayout(int Slot, IReadOnlyList<uint> Endpoints)
{
    private const int SegmentShift = 16;

    /// <summary>The number of a device: segment [31:16], bus [15:8], device and function [7:0].</summary>
    public static uint Endpoint(int segment, int slot) => ((uint)segment << SegmentShift) | ((uint)slot << 3);

    /// <summary>The segment in an endpoint's number.</summary>
    public static int Segment(uint endpoint) => (int)(endpoint >> SegmentShift);

    /// <summary>Bus, device and function in an endpoint's number.</summary>
    public static uint RequesterId(uint endpoint) => endpoint & 0xFFFF;
}
