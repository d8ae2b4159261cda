// Takes the tables out of an image of guest RAM the way firmware does: root pointer, XSDT, FADT, DSDT; every checksum looked at.
using System.Buffers.Binary;
using System.Text;
using Emu.Machine.Boards;

namespace Emu.Machine.Tests.Acpi;

/// <summary>The tables of an image.</summary>
internal sealed class AcpiImage
{
    private const int HeaderLength = 36;
    private readonly byte[] image;

    public AcpiImage(byte[] image)
    {
        this.image = image;
        Assert.Equal("RSD PTR ", Encoding.ASCII.GetString(image, 0, 8));
        Assert.Equal(0, Sum(image.AsSpan(0, 20)));
        Assert.Equal(0, Sum(image.AsSpan(0, 36)));
        Assert.Equal(2, image[15]);
        var root = Table(BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(24)));
        Assert.Equal("XSDT", Signature(root));
        for (var i = HeaderLength; i < root.Length; i += 8)
        {
            Tables.Add(Table(BinaryPrimitives.ReadUInt64LittleEndian(root.AsSpan(i))));
        }

        var fadt = this["FACP"];
        DsdtAddress = BinaryPrimitives.ReadUInt64LittleEndian(fadt.AsSpan(140));
        Tables.Insert(0, Table(DsdtAddress));
    }

    /// <summary>DSDT first, then as the XSDT lists them.</summary>
    public List<byte[]> Tables { get; } = [];

    public ulong DsdtAddress { get; }

    public IEnumerable<string> Signatures => Tables.Select(Signature);

    public byte[] this[string signature] => Tables.Single(t => Signature(t) == signature);

    public static string Signature(byte[] table) => Encoding.ASCII.GetString(table, 0, 4);

    private byte[] Table(ulong address)
    {
        var offset = (int)(address - Arm64Layout.AcpiBase);
        var length = BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(offset + 4));
        var table = image.AsSpan(offset, length);
        Assert.Equal(0, Sum(table));
        Assert.Equal("CLOUDH", Encoding.ASCII.GetString(table[10..16]));
        return table.ToArray();
    }

    private static byte Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (var b in bytes)
        {
            sum += b;
        }

        return sum;
    }
}
