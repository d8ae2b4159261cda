// --disk path=FILE,...: a block device and its image.
using Emu.Core;
using Emu.Devices.Storage;
using Emu.Devices.Virtio.Block;

namespace Emu.Machine.Options;

/// <summary>One disk.</summary>
/// <param name="Path">Image file or block device of the host.</param>
/// <param name="Image">How the image is opened.</param>
/// <param name="Device">What the guest sees; its name is a placeholder until the disk is numbered.</param>
/// <param name="Place">Where the device sits.</param>
public sealed record DiskOption(string Path, DiskImageOptions Image, VirtioBlockOptions Device, PciPlacement Place)
{
    /// <summary>Parses one --disk.</summary>
    /// <exception cref="EmuException">Malformed.</exception>
    public static DiskOption Parse(string text)
    {
        var option = OptionString.Parse(
            "--disk", text,
            ["path", "readonly", "direct", "num_queues", "queue_size", "serial", "image_type", "backing_files", "sparse", .. PciPlacement.Keys]);
        var type = option["image_type"] switch
        {
            null => DiskImageType.Auto,
            "raw" => DiskImageType.Raw,
            "qcow2" => DiskImageType.Qcow2,
            "fixedvhd" or "vhd" => DiskImageType.Vhd,
            "vhdx" => DiskImageType.Vhdx,
            var other => throw new EmuException($"{option.Text}: image_type '{other}' is unknown; expected raw, qcow2, fixedvhd or vhdx"),
        };
        var image = new DiskImageOptions
        {
            ReadOnly = option.Toggle("readonly", false),
            Direct = option.Toggle("direct", false),
            BackingFiles = option.Toggle("backing_files", false),
            Sparse = option.Toggle("sparse", true),
            ImageType = type,
        };
        var device = new VirtioBlockOptions("--disk")
        {
            Queues = option.Integer("num_queues", 1, VirtioBlockOptions.MaximumQueues) ?? 1,
            QueueSize = option.Integer("queue_size", 2, 32768) ?? 128,
            Serial = option["serial"] ?? "",
        };
        return new DiskOption(option.Required("path", "path=FILE"), image, device, PciPlacement.Parse(option));
    }
}
