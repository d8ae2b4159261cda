// The 64-byte header of an arm64 Linux Image (Linux Documentation/arch/arm64/booting.rst), which bare-metal programs here carry too.
using System.Buffers.Binary;

namespace Emu.Machine.Boot;

/// <summary>The header's fields.</summary>
/// <param name="TextOffset">Bytes from a 2 MiB aligned base at which the image is loaded.</param>
/// <param name="ImageSize">Bytes the image takes in memory, BSS included; 0 in kernels before 3.17.</param>
/// <param name="Flags">Bit 0: the kernel is big-endian.</param>
public readonly record struct Arm64ImageHeader(ulong TextOffset, ulong ImageSize, ulong Flags)
{
    /// <summary>Bytes of the header.</summary>
    public const int Length = 64;

    private const int TextOffsetField = 8;
    private const int ImageSizeField = 16;
    private const int FlagsField = 24;
    private const int MagicField = 56;

    /// <summary>"ARM\x64".</summary>
    private const uint Magic = 0x644D_5241;

    /// <summary>Kernels before 3.17 leave text_offset's byte order open and mean 0x80000.</summary>
    private const ulong LegacyTextOffset = 0x8_0000;

    /// <summary>Whether the kernel runs big-endian.</summary>
    public bool IsBigEndian => (Flags & 1) != 0;

    /// <summary>Reads the header, or returns null when the magic is missing.</summary>
    public static Arm64ImageHeader? TryParse(ReadOnlySpan<byte> start)
    {
        if (start.Length < Length || BinaryPrimitives.ReadUInt32LittleEndian(start[MagicField..]) != Magic)
        {
            return null;
        }

        var imageSize = BinaryPrimitives.ReadUInt64LittleEndian(start[ImageSizeField..]);
        var textOffset = BinaryPrimitives.ReadUInt64LittleEndian(start[TextOffsetField..]);
        return new Arm64ImageHeader(imageSize == 0 ? LegacyTextOffset : textOffset, imageSize, BinaryPrimitives.ReadUInt64LittleEndian(start[FlagsField..]));
    }
}
