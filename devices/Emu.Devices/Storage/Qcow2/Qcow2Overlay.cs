// Makes qcow2 images that hold nothing yet and are based on another image: what a guest writes goes here, and the other image stays as it is.
using System.Buffers.Binary;
using System.Text;
using Emu.Core;
using static Emu.Devices.Storage.Qcow2.Qcow2Format;

namespace Emu.Devices.Storage.Qcow2;

/// <summary>The maker.</summary>
public static class Qcow2Overlay
{
    private const int ClusterBits = 16;
    private const int ClusterBytes = 1 << ClusterBits;

    /// <summary>log2 of the width of a refcount in bits.</summary>
    private const uint RefcountOrder = 4;

    // Where things are, in clusters; the L1 table is last.
    private const int RefcountTable = 1;
    private const int RefcountBlock = 2;
    private const int L1Table = 3;

    /// <summary>The whole image.</summary>
    /// <param name="backingFile">Name of the image it is based on; relative to the image's own directory when not absolute.</param>
    /// <param name="backingFormat">That image's format: raw, qcow2, vpc or vhdx.</param>
    /// <param name="size">Size of the disk in bytes, a multiple of 512.</param>
    /// <exception cref="EmuException">The name is too long, or the size is not that of a disk.</exception>
    public static byte[] Create(string backingFile, string backingFormat, ulong size)
    {
        var name = Encoding.UTF8.GetBytes(backingFile);
        if (name.Length is 0 or > MaximumBackingName)
        {
            throw new EmuException($"a qcow2 image can be based on a file whose name has 1 to {MaximumBackingName} bytes, and '{DiskImage.Shown(backingFile)}' has {name.Length}");
        }

        var entries = Qcow2Header.L1EntriesFor(size, ClusterBits);
        var l1Clusters = ((entries * EntryBytes) + ClusterBytes - 1) >> ClusterBits;
        if (size == 0 || size % 512 != 0 || entries * EntryBytes > MaximumL1Bytes)
        {
            throw new EmuException($"a disk of {size} bytes cannot be a qcow2 image: a multiple of 512 from 512 bytes to {(MaximumL1Bytes / EntryBytes) << (ClusterBits + ClusterBits - 3) >> 40} TiB can");
        }

        var clusters = L1Table + (int)l1Clusters;
        var image = new byte[clusters * ClusterBytes];
        Span<byte> header = image;
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32BigEndian(header[VersionOffset..], 3);
        BinaryPrimitives.WriteUInt32BigEndian(header[ClusterBitsOffset..], ClusterBits);
        BinaryPrimitives.WriteUInt64BigEndian(header[SizeOffset..], size);
        BinaryPrimitives.WriteUInt32BigEndian(header[L1SizeOffset..], (uint)entries);
        BinaryPrimitives.WriteUInt64BigEndian(header[L1TableOffset..], L1Table * ClusterBytes);
        BinaryPrimitives.WriteUInt64BigEndian(header[RefcountTableOffset..], RefcountTable * ClusterBytes);
        BinaryPrimitives.WriteUInt32BigEndian(header[RefcountTableClustersOffset..], 1);
        BinaryPrimitives.WriteUInt32BigEndian(header[RefcountOrderOffset..], RefcountOrder);
        BinaryPrimitives.WriteUInt32BigEndian(header[HeaderLengthOffset..], HeaderBytesV3);

        // The format of the backing file, padded to 8 bytes; the end of the extensions, which is zeros; the backing file's name.
        var at = HeaderBytesV3;
        BinaryPrimitives.WriteUInt32BigEndian(header[at..], ExtensionBackingFormat);
        BinaryPrimitives.WriteInt32BigEndian(header[(at + 4)..], backingFormat.Length);
        Encoding.ASCII.GetBytes(backingFormat, header[(at + 8)..]);
        at += 8 + ((backingFormat.Length + 7) & ~7) + 8;
        name.CopyTo(header[at..]);
        BinaryPrimitives.WriteUInt64BigEndian(header[BackingFileOffset..], (ulong)at);
        BinaryPrimitives.WriteInt32BigEndian(header[BackingFileSizeOffset..], name.Length);

        BinaryPrimitives.WriteUInt64BigEndian(header[(RefcountTable * ClusterBytes)..], RefcountBlock * ClusterBytes);
        for (var i = 0; i < clusters; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(header[((RefcountBlock * ClusterBytes) + (i * sizeof(ushort)))..], 1);
        }

        return image;
    }
}
