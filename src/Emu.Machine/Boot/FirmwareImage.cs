// Reads a firmware image and tells which kind it is: the two find the machine in different ways.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Machine.Boards;

namespace Emu.Machine.Boot;

/// <summary>Kinds of firmware.</summary>
public enum FirmwareKind
{
    /// <summary>To be told from the image.</summary>
    Auto,

    /// <summary>EDK2's ArmVirtCloudHv, or any image that runs in RAM at 0 and takes device tree and ACPI tables from fixed addresses.</summary>
    CloudHv,

    /// <summary>EDK2's ArmVirtQemu, Debian's AAVMF: it runs from read-only memory, with flash for its variables and fw_cfg.</summary>
    Aavmf,
}

/// <summary>An image without its padding.</summary>
/// <param name="Kind">Which kind.</param>
/// <param name="Bytes">The bytes from address 0 on.</param>
public sealed record FirmwareImage(FirmwareKind Kind, byte[] Bytes)
{
    /// <summary>The image is at most this long with its padding: Debian fills a flash bank of QEMU's machine.</summary>
    private const long LargestFile = 64 << 20;

    /// <summary>Where the signature lies in a firmware volume (PI 1.7, 3.2.1): arm64 images of EDK2 have one behind their first page, others of its files begin with one.</summary>
    private const int FirstVolumeSignature = 0x28;
    private const int VolumeSignature = 0x1000 + FirstVolumeSignature;
    private const uint VolumeMagic = 0x4856_465F;

    /// <summary>EDK2 builds name their platform in the paths of their debug information.</summary>
    private static readonly (byte[] Name, FirmwareKind Kind)[] Platforms =
    [
        ([.. "ArmVirtCloudHv"u8], FirmwareKind.CloudHv),
        ([.. "ArmVirtQemu"u8], FirmwareKind.Aavmf),
    ];

    /// <summary>The same, of builds for 32-bit processors.</summary>
    private static ReadOnlySpan<byte> Arm32Platform => "ArmVirtQemu-ARM/"u8;

    /// <summary>Opens an image.</summary>
    /// <param name="path">Path.</param>
    /// <param name="kind">What the user says it is.</param>
    /// <exception cref="EmuException">Not readable, too long, or of no known kind.</exception>
    public static FirmwareImage Open(string path, FirmwareKind kind)
    {
        using var file = InputFile.Open("--firmware", path);
        var length = Math.Min(file.Length, (long)Arm64Layout.FirmwareSize);
        if (file.Length > LargestFile || !IsPadding(file, length))
        {
            throw new EmuException($"--firmware '{path}' is {file.Length >> 20}M long; an image of EDK2 (AAVMF_CODE.fd, CLOUDHV_EFI.fd) has at most {Arm64Layout.FirmwareSize >> 20}M, and zeroes behind it");
        }

        var bytes = file.ReadBytes(0, length);
        if (IsVolume(bytes, FirstVolumeSignature) || !bytes.AsSpan(0, Math.Min(sizeof(uint), bytes.Length)).ContainsAnyExcept((byte)0) || bytes.AsSpan().IndexOf(Arm32Platform) >= 0)
        {
            throw new EmuException($"--firmware '{path}' holds no arm64 code at its start; give AAVMF_CODE.fd or CLOUDHV_EFI.fd, not a file of variables or an image for another processor");
        }

        return new FirmwareImage(kind != FirmwareKind.Auto ? kind : Recognize(path, bytes), bytes);
    }

    private static FirmwareKind Recognize(string path, byte[] bytes)
    {
        foreach (var (name, kind) in Platforms)
        {
            if (bytes.AsSpan().IndexOf(name) >= 0)
            {
                return kind;
            }
        }

        // What is not EDK2's is a program for this machine, as Cloud Hypervisor starts it.
        return IsVolume(bytes, VolumeSignature)
            ? throw new EmuException($"--firmware '{path}' does not say which machine EDK2 was built for; add --firmware-kind aavmf (QEMU's) or --firmware-kind cloudhv")
            : FirmwareKind.CloudHv;
    }

    private static bool IsVolume(byte[] bytes, int signature) =>
        bytes.Length >= signature + sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(signature)) == VolumeMagic;

    /// <summary>Whether all behind an offset is zero or erased flash.</summary>
    private static bool IsPadding(InputFile file, long offset)
    {
        var part = new byte[1 << 20];
        for (; offset < file.Length; offset += part.Length)
        {
            var bytes = part.AsSpan(0, (int)Math.Min(part.Length, file.Length - offset));
            file.Read(offset, bytes);
            if (bytes.ContainsAnyExcept((byte)0) && bytes.ContainsAnyExcept(byte.MaxValue))
            {
                return false;
            }
        }

        return true;
    }
}
