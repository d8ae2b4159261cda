// Snapshot contracts: how CPU, device and machine state is written, read back and hashed, in one stable byte order.
using System.Buffers.Binary;
using System.Text;

namespace Emu.Core;

/// <summary>
/// A part of the machine whose state can be saved. The same bytes feed snapshots and the state hash, so
/// <see cref="Save"/> writes everything the guest can observe now or later, and nothing of the host (no host time, addresses, hash-code order).
/// </summary>
public interface ISnapshotable
{
    /// <summary>Stable name of the section, unique in a machine: "gic", "pl011", "vcpu0".</summary>
    string SnapshotName { get; }

    /// <summary>Writes the state; the machine is stopped.</summary>
    void Save(SnapshotWriter writer);

    /// <summary>Reads the state back, in the order written; the machine is stopped.</summary>
    /// <exception cref="InvalidDataException">The section is damaged or from another version.</exception>
    void Restore(SnapshotReader reader);

    /// <summary>Called once every section of the machine was restored: what this one drives into others, which came later, is driven again.</summary>
    void Restored()
    {
    }
}

/// <summary>Little-endian writer for state.</summary>
/// <param name="stream">Where the bytes go.</param>
public sealed class SnapshotWriter(Stream stream)
{
    /// <summary>Writes one byte.</summary>
    public void U8(byte value) => stream.WriteByte(value);

    /// <summary>Writes a flag as one byte.</summary>
    public void Bool(bool value) => stream.WriteByte(value ? (byte)1 : (byte)0);

    /// <summary>Writes 16 bits.</summary>
    public void U16(ushort value)
    {
        Span<byte> b = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(b, value);
        stream.Write(b);
    }

    /// <summary>Writes 32 bits.</summary>
    public void U32(uint value)
    {
        Span<byte> b = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(b, value);
        stream.Write(b);
    }

    /// <summary>Writes 64 bits.</summary>
    public void U64(ulong value)
    {
        Span<byte> b = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(b, value);
        stream.Write(b);
    }

    /// <summary>Writes a length (32 bits) and the bytes.</summary>
    public void Bytes(ReadOnlySpan<byte> value)
    {
        U32((uint)value.Length);
        stream.Write(value);
    }

    /// <summary>Writes a UTF-8 string with its length.</summary>
    public void String(string value) => Bytes(Encoding.UTF8.GetBytes(value));
}

/// <summary>Little-endian reader for state; every short read is an <see cref="InvalidDataException"/>.</summary>
/// <param name="stream">Where the bytes come from.</param>
public sealed class SnapshotReader(Stream stream)
{
    /// <summary>Reads one byte.</summary>
    public byte U8()
    {
        Span<byte> b = stackalloc byte[1];
        Fill(b);
        return b[0];
    }

    /// <summary>Reads a flag.</summary>
    public bool Bool() => U8() switch
    {
        0 => false,
        1 => true,
        var other => throw new InvalidDataException($"snapshot: a flag holds {other}, expected 0 or 1"),
    };

    /// <summary>Reads a byte that says in which form the state of a device is.</summary>
    /// <param name="expected">The only form that the device reads.</param>
    /// <param name="name">Whose state it is, for the error.</param>
    public void Version(byte expected, string name)
    {
        var version = U8();
        if (version != expected)
        {
            throw new InvalidDataException($"snapshot: {name}: version {version}, expected {expected}");
        }
    }

    /// <summary>Reads 16 bits.</summary>
    public ushort U16()
    {
        Span<byte> b = stackalloc byte[2];
        Fill(b);
        return BinaryPrimitives.ReadUInt16LittleEndian(b);
    }

    /// <summary>Reads 32 bits.</summary>
    public uint U32()
    {
        Span<byte> b = stackalloc byte[4];
        Fill(b);
        return BinaryPrimitives.ReadUInt32LittleEndian(b);
    }

    /// <summary>Reads 64 bits.</summary>
    public ulong U64()
    {
        Span<byte> b = stackalloc byte[8];
        Fill(b);
        return BinaryPrimitives.ReadUInt64LittleEndian(b);
    }

    /// <summary>Reads bytes written by <see cref="SnapshotWriter.Bytes"/>.</summary>
    /// <param name="maximum">Largest length accepted, in bytes.</param>
    public byte[] Bytes(int maximum = 1 << 24)
    {
        var length = U32();
        if (length > (uint)maximum)
        {
            throw new InvalidDataException($"snapshot: a field is {length} bytes long, at most {maximum} expected");
        }

        var value = new byte[length];
        Fill(value);
        return value;
    }

    /// <summary>Reads a UTF-8 string.</summary>
    public string String() => Encoding.UTF8.GetString(Bytes(1 << 16));

    private void Fill(Span<byte> buffer)
    {
        if (stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) < buffer.Length)
        {
            throw new InvalidDataException("snapshot: truncated");
        }
    }
}
