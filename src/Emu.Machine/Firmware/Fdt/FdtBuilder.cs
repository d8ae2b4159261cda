// Writer of flattened device trees, version 17 (Devicetree Specification v0.4, chapter 5).
using System.Buffers.Binary;
using System.Text;

namespace Emu.Machine.Firmware.Fdt;

/// <summary>Builds one tree, node by node: <see cref="BeginNode"/>, properties, child nodes, <see cref="EndNode"/>.</summary>
public sealed class FdtBuilder
{
    private const uint Magic = 0xD00D_FEED;
    private const uint Version = 17;
    private const uint LastCompatibleVersion = 16;
    private const int HeaderLength = 40;

    /// <summary>One empty entry ends the memory reservation block (5.3).</summary>
    private const int ReservationLength = 16;

    private readonly Block structure = new();
    private readonly Block strings = new();
    private readonly Dictionary<string, uint> stringOffsets = [];
    private int depth;

    private enum Token : uint
    {
        BeginNode = 1,
        EndNode = 2,
        Property = 3,
        End = 9,
    }

    /// <summary>Opens a node; the root's name is empty.</summary>
    public FdtBuilder BeginNode(string name)
    {
        structure.U32((uint)Token.BeginNode);
        structure.Text(name);
        structure.Align();
        depth++;
        return this;
    }

    /// <summary>Closes the node opened last.</summary>
    public FdtBuilder EndNode()
    {
        if (--depth < 0)
        {
            throw new InvalidOperationException("device tree: a node was closed that was not open");
        }

        structure.U32((uint)Token.EndNode);
        return this;
    }

    /// <summary>A property without value.</summary>
    public FdtBuilder Flag(string name) => Bytes(name, []);

    /// <summary>A property of big-endian 32-bit cells.</summary>
    public FdtBuilder Cells(string name, params ReadOnlySpan<uint> cells)
    {
        Header(name, cells.Length * 4);
        foreach (var cell in cells)
        {
            structure.U32(cell);
        }

        return this;
    }

    /// <summary>A property of big-endian 64-bit numbers, each two cells.</summary>
    public FdtBuilder Wide(string name, params ReadOnlySpan<ulong> values)
    {
        Header(name, values.Length * 8);
        foreach (var value in values)
        {
            structure.U32((uint)(value >> 32));
            structure.U32((uint)value);
        }

        return this;
    }

    /// <summary>A property of one or more NUL-terminated strings.</summary>
    public FdtBuilder Strings(string name, params ReadOnlySpan<string> values)
    {
        var length = 0;
        foreach (var value in values)
        {
            length += Encoding.UTF8.GetByteCount(value) + 1;
        }

        Header(name, length);
        foreach (var value in values)
        {
            structure.Text(value);
        }

        structure.Align();
        return this;
    }

    /// <summary>A property of raw bytes.</summary>
    public FdtBuilder Bytes(string name, ReadOnlySpan<byte> value)
    {
        Header(name, value.Length);
        structure.Raw(value);
        structure.Align();
        return this;
    }

    /// <summary>The finished blob.</summary>
    /// <param name="bootCpu">Physical id of the boot CPU.</param>
    public byte[] Build(uint bootCpu = 0)
    {
        if (depth != 0)
        {
            throw new InvalidOperationException("device tree: a node is still open");
        }

        structure.U32((uint)Token.End);
        var structureOffset = HeaderLength + ReservationLength;
        var stringsOffset = structureOffset + structure.Length;
        var blob = new byte[stringsOffset + strings.Length];
        ReadOnlySpan<uint> header =
        [
            Magic, (uint)blob.Length, (uint)structureOffset, (uint)stringsOffset, HeaderLength,
            Version, LastCompatibleVersion, bootCpu, (uint)strings.Length, (uint)structure.Length,
        ];
        for (var i = 0; i < header.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(blob.AsSpan(i * 4), header[i]);
        }

        structure.Written.CopyTo(blob.AsSpan(structureOffset));
        strings.Written.CopyTo(blob.AsSpan(stringsOffset));
        return blob;
    }

    private void Header(string name, int length)
    {
        if (!stringOffsets.TryGetValue(name, out var offset))
        {
            offset = (uint)strings.Length;
            stringOffsets.Add(name, offset);
            strings.Text(name);
        }

        structure.U32((uint)Token.Property);
        structure.U32((uint)length);
        structure.U32(offset);
    }

    /// <summary>A growing run of bytes.</summary>
    private sealed class Block
    {
        private byte[] buffer = new byte[4096];

        public int Length { get; private set; }

        public ReadOnlySpan<byte> Written => buffer.AsSpan(0, Length);

        public void U32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Take(4), value);

        public void Raw(ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

        public void Text(string value)
        {
            var length = Encoding.UTF8.GetByteCount(value);
            Encoding.UTF8.GetBytes(value, Take(length + 1));
        }

        public void Align() => Take(-Length & 3);

        private Span<byte> Take(int count)
        {
            if (Length + count > buffer.Length)
            {
                Array.Resize(ref buffer, Math.Max(buffer.Length * 2, Length + count));
            }

            var span = buffer.AsSpan(Length, count);
            Length += count;
            return span;
        }
    }
}
