// How the machine's PCI windows are shared out between its segments.
using Emu.Core;

namespace Emu.Machine.Boards;

/// <summary>Where one PCI segment lies in the guest-physical map.</summary>
/// <param name="Number">Segment number from 0.</param>
/// <param name="Ecam">Configuration space: 1 MiB, one bus.</param>
/// <param name="Memory32">Window of 32-bit memory BARs; bus addresses are guest-physical ones.</param>
/// <param name="Memory64">Window of 64-bit memory BARs; bus addresses are guest-physical ones.</param>
public sealed record PciSegmentLayout(int Number, MemoryRange Ecam, MemoryRange Memory32, MemoryRange Memory64);

/// <summary>How large a segment's share of the windows is, against the other segments.</summary>
/// <param name="Memory32">Weight in the 32-bit window, at least 1.</param>
/// <param name="Memory64">Weight in the 64-bit window, at least 1.</param>
public sealed record PciApertureWeights(uint Memory32, uint Memory64)
{
    /// <summary>An equal share.</summary>
    public static readonly PciApertureWeights Equal = new(1, 1);
}

/// <summary>Computes the segments' windows.</summary>
public static class PciLayout
{
    private const ulong EcamPerSegment = 1 << 20;
    private const ulong Alignment32 = 4096;
    private const ulong Alignment64 = 4UL << 30;

    /// <summary>Shares out the windows in proportion to the weights. The last segment also takes what rounding leaves over.</summary>
    /// <param name="weights">A pair a segment: 1 to <see cref="Arm64Layout.MaximumPciSegments"/>.</param>
    /// <param name="ramSize">Bytes of RAM; the 64-bit window begins behind it.</param>
    /// <exception cref="EmuException">Some segment would get nothing.</exception>
    public static PciSegmentLayout[] Create(IReadOnlyList<PciApertureWeights> weights, ulong ramSize)
    {
        var memory32 = Share(new MemoryRange(Arm64Layout.PciMemory32Base, Arm64Layout.PciMemory32Size), Alignment32, weights, w => w.Memory32);
        var memory64 = Share(Arm64Layout.PciMemory64(ramSize), Alignment64, weights, w => w.Memory64);
        var result = new PciSegmentLayout[weights.Count];
        for (var i = 0; i < result.Length; i++)
        {
            var ecam = new MemoryRange(Arm64Layout.PciEcamBase + ((ulong)i * EcamPerSegment), EcamPerSegment);
            result[i] = new PciSegmentLayout(i, ecam, memory32[i], memory64[i]);
        }

        return result;
    }

    private static MemoryRange[] Share(MemoryRange window, ulong alignment, IReadOnlyList<PciApertureWeights> weights, Func<PciApertureWeights, ulong> weightOf)
    {
        ulong sum = 0;
        foreach (var weight in weights)
        {
            sum += weightOf(weight);
        }

        var unit = window.Length / (alignment * sum) * alignment;
        if (unit == 0)
        {
            throw new EmuException($"--pci-segment: the weights are too large: a weight of 1 would stand for less than {alignment >> 10}K of a window of {window.Length >> 20}M");
        }

        var result = new MemoryRange[weights.Count];
        var start = window.Start;
        for (var i = 0; i < weights.Count; i++)
        {
            var length = i == weights.Count - 1 ? window.End - start : unit * weightOf(weights[i]);
            result[i] = new MemoryRange(start, length);
            start += length;
        }

        return result;
    }
}
