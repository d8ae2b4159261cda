// --platform and --pci-segment: how many PCI segments there are, which are behind an IOMMU, how they share the windows, and what the machine says it is.
using Emu.Core;
using Emu.Machine.Boards;
using Emu.Machine.Firmware.Smbios;

namespace Emu.Machine.Options;

/// <summary>The machine as a whole.</summary>
/// <param name="ApertureWeights">Each segment's share of the memory windows; the number of segments.</param>
public sealed record PlatformOption(IReadOnlyList<PciApertureWeights> ApertureWeights)
{
    /// <summary>One segment.</summary>
    public static readonly PlatformOption Default = new([PciApertureWeights.Equal]);

    /// <summary>Segments whose devices are all behind the virtio IOMMU.</summary>
    public int[] IommuSegments { get; init; } = [];

    /// <summary>Bits of the addresses that the IOMMU translates, 32 to 64.</summary>
    public int IommuAddressBits { get; init; } = 64;

    /// <summary>What the SMBIOS tables say.</summary>
    public SmbiosOptions Smbios { get; init; } = new();

    private const int MaximumWeight = 1 << 16;

    /// <summary>Strings that a structure of SMBIOS numbers.</summary>
    private const int MaximumStrings = 255;

    /// <summary>Whether all devices of a segment are behind the IOMMU.</summary>
    public bool HasIommu(int segment)
    {
        foreach (var behind in IommuSegments)
        {
            if (behind == segment)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Number of segments.</summary>
    public int SegmentCount => ApertureWeights.Count;

    /// <summary>Parses --platform and every --pci-segment.</summary>
    /// <param name="platform">Value of --platform, or null.</param>
    /// <param name="segments">Values of --pci-segment.</param>
    /// <exception cref="EmuException">Malformed.</exception>
    public static PlatformOption Parse(string? platform, IReadOnlyList<string> segments)
    {
        var count = 1;
        int[] behindIommu = [];
        var addressBits = 64;
        var smbios = new SmbiosOptions();
        if (platform is not null)
        {
            var option = OptionString.Parse("--platform", platform, "num_pci_segments", "iommu_segments", "iommu_address_width", "serial_number", "uuid", "oem_strings");
            smbios = ParseSmbios(option);
            count = option.Integer("num_pci_segments", 1, Arm64Layout.MaximumPciSegments) ?? 1;
            behindIommu = option.Numbers("iommu_segments", Arm64Layout.MaximumPciSegments - 1);
            addressBits = option.Integer("iommu_address_width", 32, 64) ?? addressBits;
            if (behindIommu.FirstOrDefault(s => s >= count, -1) is var missing and >= 0)
            {
                throw new EmuException($"{option.Text}: there is no segment {missing}; give num_pci_segments={missing + 1} or more");
            }
        }

        var weights = new PciApertureWeights?[count];
        foreach (var text in segments)
        {
            var option = OptionString.Parse("--pci-segment", text, "pci_segment", "mmio32_aperture_weight", "mmio64_aperture_weight");
            var number = option.Integer("pci_segment", 0, Arm64Layout.MaximumPciSegments - 1)
                ?? throw new EmuException($"{option.Text}: pci_segment= is missing; expected pci_segment=N,mmio32_aperture_weight=W");
            if (number >= count)
            {
                throw new EmuException($"{option.Text}: there is no segment {number}; give --platform num_pci_segments={number + 1} or more");
            }

            if (weights[number] is not null)
            {
                throw new EmuException($"{option.Text}: segment {number} is described twice");
            }

            weights[number] = new PciApertureWeights(
                (uint)(option.Integer("mmio32_aperture_weight", 1, MaximumWeight) ?? 1), (uint)(option.Integer("mmio64_aperture_weight", 1, MaximumWeight) ?? 1));
        }

        return new PlatformOption(Array.ConvertAll(weights, w => w ?? PciApertureWeights.Equal)) { IommuSegments = behindIommu, IommuAddressBits = addressBits, Smbios = smbios };
    }

    private static SmbiosOptions ParseSmbios(OptionString option)
    {
        var uuid = Guid.Empty;
        if (option["uuid"] is { } text && !Guid.TryParseExact(text, "D", out uuid))
        {
            throw new EmuException($"{option.Text}: '{text}' is not a UUID; expected one such as 6f1c2a8e-0d1b-4e52-9a63-2f1b7c3d4e5f");
        }

        var strings = option.List("oem_strings");
        if (strings.Length > MaximumStrings)
        {
            throw new EmuException($"{option.Text}: {strings.Length} strings in oem_strings=; give at most {MaximumStrings}");
        }

        foreach (var value in (string[])[.. strings, option["serial_number"] ?? "-"])
        {
            if (value.Length == 0 || value.Any(char.IsControl))
            {
                throw new EmuException($"{option.Text}: a string is empty or holds a control character; give plain text");
            }
        }

        return new SmbiosOptions { SerialNumber = option["serial_number"], Uuid = uuid, OemStrings = strings };
    }
}
