// Opens images: finds the format, takes the lock, checks what the options allow, and follows backing files.
using Emu.Core;
using Emu.Devices.Storage.Host;
using Emu.Devices.Storage.Qcow2;
using Emu.Devices.Storage.Vhd;
using Emu.Devices.Storage.Vhdx;

namespace Emu.Devices.Storage;

/// <summary>The registry of image formats.</summary>
public static class DiskImage
{
    /// <summary>Images in a chain of backing files at most.</summary>
    private const int MaximumChain = 64;

    /// <summary>Opens an image.</summary>
    /// <param name="path">An image file or a block device.</param>
    /// <param name="options">How to open it.</param>
    /// <exception cref="EmuException">It cannot be opened, is in use, is damaged, or needs a feature that is refused; the message is one line.</exception>
    public static IDiskImage Open(string path, DiskImageOptions options) => Open(path, options, []);

    /// <summary>Opens an image in a file that the caller opened; the image owns it from here on, also when opening fails.</summary>
    /// <exception cref="EmuException">As for <see cref="Open(string, DiskImageOptions)"/>.</exception>
    public static IDiskImage Open(IImageFile file, DiskImageOptions options) => Open(file, options, []);

    /// <summary>The format that the content shows; raw if it shows none.</summary>
    /// <exception cref="EmuException">The file cannot be read.</exception>
    public static DiskImageType Detect(IImageFile file)
    {
        Span<byte> start = stackalloc byte[8];
        ReadOrThrow(file, 0, start);
        if (start[..4].SequenceEqual(Qcow2Format.Magic))
        {
            return DiskImageType.Qcow2;
        }

        if (start.SequenceEqual(VhdxFormat.FileSignature))
        {
            return DiskImageType.Vhdx;
        }

        return start.SequenceEqual(VhdFixedImage.Cookie) || VhdFixedImage.HasFooter(file) ? DiskImageType.Vhd : DiskImageType.Raw;
    }

    /// <summary>Opens a backing file, read-only, on behalf of the image that names it.</summary>
    internal static IDiskImage OpenBacking(IImageFile parent, string name, string? format, DiskImageOptions options, IReadOnlyList<(ulong, ulong)> chain)
    {
        if (!options.BackingFiles)
        {
            throw new EmuException($"disk image '{parent.Path}' is based on the file '{Shown(name)}': allow that with backing_files=on if you trust the image");
        }

        if (name.StartsWith("file:", StringComparison.Ordinal))
        {
            name = name["file:".Length..];
        }
        else if (name.StartsWith("json:", StringComparison.Ordinal) || name.Contains("://", StringComparison.Ordinal))
        {
            throw new EmuException($"disk image '{parent.Path}' is based on '{Shown(name)}', which is not a file name: only local files are supported");
        }

        var type = format switch
        {
            null => DiskImageType.Auto,
            "raw" => DiskImageType.Raw,
            "qcow2" => DiskImageType.Qcow2,
            "vpc" => DiskImageType.Vhd,
            "vhdx" => DiskImageType.Vhdx,
            _ => throw new EmuException($"disk image '{parent.Path}' is based on a file of the format '{Shown(format)}': raw, qcow2, vpc and vhdx are supported"),
        };
        if (name.Length == 0 || name.Contains('\0'))
        {
            throw new EmuException($"disk image '{parent.Path}' is damaged: the name of its backing file is not a file name");
        }

        var path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(parent.Path)) ?? "/", name);
        return Open(path, options with { ReadOnly = true, ImageType = type }, [.. chain, parent.Identity]);
    }

    /// <summary>Reads at opening time.</summary>
    /// <exception cref="EmuException">The host cannot read there.</exception>
    internal static void ReadOrThrow(IImageFile file, ulong offset, Span<byte> buffer)
    {
        if (file.Read(offset, buffer) != DiskStatus.Ok)
        {
            throw new EmuException($"disk image '{file.Path}' cannot be read at byte {offset}: the host reports an I/O error");
        }
    }

    /// <summary>Whether a range lies on the disk.</summary>
    internal static bool InRange(ulong capacity, ulong offset, ulong length) => offset <= capacity && length <= capacity - offset;

    private static IDiskImage Open(string path, DiskImageOptions options, IReadOnlyList<(ulong, ulong)> chain)
    {
        if (string.IsNullOrEmpty(path) || path.Contains('\0'))
        {
            throw new EmuException("a disk needs the path of an image file or block device");
        }

        if (chain.Count >= MaximumChain)
        {
            throw new EmuException($"disk image '{path}': the chain of backing files is longer than {MaximumChain}");
        }

        return Open(LinuxFile.Open(path, options.ReadOnly, options.Direct, options.Log), options, chain);
    }

    private static IDiskImage Open(IImageFile file, DiskImageOptions options, IReadOnlyList<(ulong, ulong)> chain)
    {
        try
        {
            if (chain.Contains(file.Identity))
            {
                throw new EmuException($"disk image '{file.Path}' is based on itself: its chain of backing files is a loop");
            }

            options = options with { ReadOnly = options.ReadOnly || file.IsReadOnly };
            var type = options.ImageType == DiskImageType.Auto ? Detect(file) : options.ImageType;
            return type switch
            {
                DiskImageType.Qcow2 => Qcow2Image.Open(file, options, chain),
                DiskImageType.Vhd => new VhdFixedImage(file, options),
                DiskImageType.Vhdx => VhdxImage.Open(file, options),
                _ => new RawImage(file, options, wasDetected: options.ImageType == DiskImageType.Auto),
            };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A name from an image, fit for a message.</summary>
    internal static string Shown(string text) =>
        string.Concat(text.Take(200).Select(c => char.IsControl(c) ? '?' : c));
}
