// A FAT file system with one file, for firmware that reads its first disk (Microsoft FAT specification 1.03).
using System.Buffers.Binary;
using System.Text;

namespace Emu.Machine.Tests.Guests;

/// <summary>Makes FAT12 images of 1.44 MB, the one size every reader knows.</summary>
internal static class FatImage
{
    private const int Sector = 512;
    private const int Sectors = 2880;
    private const int FatSectors = 9;
    private const int RootEntries = 224;
    private const int FirstFat = Sector;
    private const int Root = FirstFat + (2 * FatSectors * Sector);
    private const int Data = Root + (RootEntries * 32);

    /// <summary>An image with a file in its root.</summary>
    /// <param name="name">Name of up to eight letters, a dot, and up to three.</param>
    /// <param name="content">Its bytes.</param>
    public static byte[] Create(string name, byte[] content)
    {
        var image = new byte[Sectors * Sector];
        void U16(int offset, int value) => BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(offset), (ushort)value);
        new byte[] { 0xEB, 0x3C, 0x90 }.CopyTo(image, 0);
        "EMU     "u8.CopyTo(image.AsSpan(3));
        U16(11, Sector);
        image[13] = 1;
        U16(14, 1);
        image[16] = 2;
        U16(17, RootEntries);
        U16(19, Sectors);
        image[21] = 0xF0;
        U16(22, FatSectors);
        U16(24, 18);
        U16(26, 2);
        image[38] = 0x29;
        "NO NAME    FAT12   "u8.CopyTo(image.AsSpan(43));
        U16(510, 0xAA55);

        // Clusters one behind the other, from the first, which has number 2.
        var clusters = (content.Length + Sector - 1) / Sector;
        for (var copy = 0; copy < 2; copy++)
        {
            var fat = image.AsSpan(FirstFat + (copy * FatSectors * Sector), FatSectors * Sector);
            Set(fat, 0, 0xFF0);
            Set(fat, 1, 0xFFF);
            for (var i = 0; i < clusters; i++)
            {
                Set(fat, i + 2, i == clusters - 1 ? 0xFFF : i + 3);
            }
        }

        var parts = name.ToUpperInvariant().Split('.');
        Encoding.ASCII.GetBytes(parts[0].PadRight(8) + parts[1].PadRight(3)).CopyTo(image, Root);
        image[Root + 11] = 0x20;
        U16(Root + 26, 2);
        BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(Root + 28), content.Length);
        content.CopyTo(image, Data);
        return image;
    }

    private static void Set(Span<byte> fat, int cluster, int value)
    {
        var at = cluster * 3 / 2;
        var (low, high) = (cluster & 1) == 0 ? (value & 0xFF, (fat[at + 1] & 0xF0) | (value >> 8)) : ((fat[at] & 0xF) | ((value & 0xF) << 4), value >> 4);
        (fat[at], fat[at + 1]) = ((byte)low, (byte)high);
    }
}
