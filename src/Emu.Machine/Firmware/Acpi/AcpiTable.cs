// One ACPI table: its header (ACPI 6.3, 5.2.6), fields at the end one after the other, and its checksum.
using System.Buffers.Binary;
using System.Text;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>A table being written.</summary>
public sealed class AcpiTable
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderLength = 36;

    /// <summary>The machine model's maker, in every table.</summary>
    public const string OemId = "CLOUDH";

    /// <summary>Where the checksum lies.</summary>
    internal const int ChecksumOffset = 9;

    private const int LengthOffset = 4;
    private const uint OemRevision = 1;
    private const string CreatorId = "EMU ";
    private const uint CreatorRevision = 1;

    private byte[] buffer = new byte[256];
    private int length;

    /// <summary>Begins a table.</summary>
    /// <param name="signature">Four letters.</param>
    /// <param name="revision">Revision of the table's layout.</param>
    public AcpiTable(string signature, byte revision)
    {
        Signature = signature;
        Ascii(signature, 4).U32(0).U8(revision).U8(0).Ascii(OemId, 6).Ascii("CH" + signature, 8).U32(OemRevision).Ascii(CreatorId, 4).U32(CreatorRevision);
    }

    /// <summary>Four letters that name the table.</summary>
    public string Signature { get; }

    /// <summary>Bytes so far.</summary>
    public int Length => length;

    /// <summary>Appends a byte.</summary>
    public AcpiTable U8(byte value)
    {
        Take(1)[0] = value;
        return this;
    }

    /// <summary>Appends 16 bits.</summary>
    public AcpiTable U16(int value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Take(2), checked((ushort)value));
        return this;
    }

    /// <summary>Appends 32 bits.</summary>
    public AcpiTable U32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);
        return this;
    }

    /// <summary>Appends 64 bits.</summary>
    public AcpiTable U64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);
        return this;
    }

    /// <summary>Appends bytes.</summary>
    public AcpiTable Bytes(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Take(value.Length));
        return this;
    }

    /// <summary>Appends zero bytes.</summary>
    public AcpiTable Zeroes(int count)
    {
        Take(count).Clear();
        return this;
    }

    /// <summary>Appends text in a field of a fixed length, padded with spaces.</summary>
    public AcpiTable Ascii(string text, int width) => Bytes(Encoding.ASCII.GetBytes(text.PadRight(width)));

    /// <summary>Appends a Generic Address Structure (5.2.3.2) of 32-bit registers in memory.</summary>
    public AcpiTable MemoryRegisters(ulong address) => U8(0).U8(32).U8(0).U8(3).U64(address);

    /// <summary>The finished table, length and checksum filled in.</summary>
    public byte[] Build()
    {
        var table = buffer[..length];
        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(LengthOffset), length);
        table[ChecksumOffset] = Checksum(table);
        return table;
    }

    /// <summary>The byte that makes the sum of all zero.</summary>
    public static byte Checksum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (var b in bytes)
        {
            sum += b;
        }

        return (byte)-sum;
    }

    private Span<byte> Take(int count)
    {
        if (length + count > buffer.Length)
        {
            Array.Resize(ref buffer, Math.Max(buffer.Length * 2, length + count));
        }

        length += count;
        return buffer.AsSpan(length - count, count);
    }
}
