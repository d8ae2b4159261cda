// MSI-X of a PCI function (PCI Local Bus 3.0, 6.8.2): vector table, pending bits, masks, and the messages sent.
using Emu.Core;

namespace Emu.Devices.Pci;

/// <summary>
/// The vectors of a function. Thread-safe: a worker may send while a vCPU programs the table. Messages do not wait for Bus Master Enable, as
/// on the machine this one follows.
/// </summary>
public sealed class MsixCapability
{
    /// <summary>Most vectors of a function.</summary>
    public const int MaximumVectors = 2048;

    /// <summary>Bytes of a table entry: address, upper address, data, vector control.</summary>
    public const int EntrySize = 16;

    private const int WordsPerEntry = EntrySize / 4;
    private const int DataWord = 2;
    private const int ControlWord = 3;
    private const uint VectorMasked = 1;

    private readonly Lock gate = new();
    private readonly IMsiSink sink;
    private readonly uint[] table;
    private readonly ulong[] pending;
    private ushort control;

    internal MsixCapability(int vectors, int offset, IMsiSink sink)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vectors, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vectors, MaximumVectors);
        Vectors = vectors;
        Offset = offset;
        this.sink = sink;
        table = new uint[vectors * WordsPerEntry];
        pending = new ulong[(vectors + 63) / 64];
        ClearTable();
    }

    /// <summary>Number of vectors.</summary>
    public int Vectors { get; }

    /// <summary>Offset of the capability in configuration space.</summary>
    public int Offset { get; }

    /// <summary>Whether software enabled MSI-X.</summary>
    public bool Enabled => (Volatile.Read(ref control) & PciRegister.MsixEnable) != 0;

    internal uint RequesterId { get; set; }

    /// <summary>Sends a vector's message, or leaves it pending while it is masked. Does nothing while MSI-X is off or for a vector that does not exist.</summary>
    public void Send(int vector)
    {
        lock (gate)
        {
            if ((uint)vector >= (uint)Vectors || !Enabled)
            {
                return;
            }

            if (Masked(vector))
            {
                pending[vector >> 6] |= 1UL << (vector & 63);
                return;
            }

            Deliver(vector);
        }
    }

    /// <summary>Reads the table; aligned 4 and 8 bytes, as the specification asks. Anything else reads as zero.</summary>
    /// <param name="offset">Bytes from the start of the table.</param>
    /// <param name="size">Bytes.</param>
    public ulong ReadTable(ulong offset, int size)
    {
        if (size is not (4 or 8) || (offset & 3) != 0)
        {
            return 0;
        }

        lock (gate)
        {
            var word = offset / 4;
            var value = word < (ulong)table.Length ? table[word] : 0ul;
            return size == 8 && word + 1 < (ulong)table.Length ? value | ((ulong)table[word + 1] << 32) : value;
        }
    }

    /// <summary>Writes the table; unmasking a vector sends what is pending.</summary>
    public void WriteTable(ulong offset, int size, ulong value)
    {
        if (size is not (4 or 8) || (offset & 3) != 0)
        {
            return;
        }

        lock (gate)
        {
            WriteWord(offset / 4, (uint)value);
            if (size == 8)
            {
                WriteWord((offset / 4) + 1, (uint)(value >> 32));
            }
        }
    }

    /// <summary>Reads pending bits; they are read-only.</summary>
    /// <param name="offset">Bytes from the start of the pending bit array.</param>
    /// <param name="size">Bytes.</param>
    public ulong ReadPending(ulong offset, int size)
    {
        if (size is not (4 or 8) || (offset & (ulong)(size - 1)) != 0 || offset / 8 >= (ulong)pending.Length)
        {
            return 0;
        }

        lock (gate)
        {
            var value = pending[offset / 8];
            return size == 8 ? value : (uint)(value >> (int)((offset & 4) * 8));
        }
    }

    internal void SetControl(ushort value)
    {
        if (value == control)
        {
            return;
        }

        lock (gate)
        {
            Volatile.Write(ref control, value);
            DeliverPending();
        }
    }

    internal void Reset()
    {
        lock (gate)
        {
            control = 0;
            ClearTable();
        }
    }

    internal void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U32((uint)table.Length);
            foreach (var word in table)
            {
                writer.U32(word);
            }

            foreach (var bits in pending)
            {
                writer.U64(bits);
            }
        }
    }

    internal void Restore(SnapshotReader reader, ushort restoredControl)
    {
        lock (gate)
        {
            var length = reader.U32();
            if (length != (uint)table.Length)
            {
                throw new InvalidDataException($"snapshot: msi-x: the table has {length / WordsPerEntry} vectors, expected {Vectors}");
            }

            for (var i = 0; i < table.Length; i++)
            {
                table[i] = reader.U32();
            }

            for (var i = 0; i < pending.Length; i++)
            {
                pending[i] = reader.U64();
            }

            if ((Vectors & 63) != 0)
            {
                pending[^1] &= (1UL << (Vectors & 63)) - 1;
            }

            control = restoredControl;
        }
    }

    private bool Masked(int vector) =>
        (control & PciRegister.MsixFunctionMask) != 0 || (table[(vector * WordsPerEntry) + ControlWord] & VectorMasked) != 0;

    private void Deliver(int vector)
    {
        var entry = vector * WordsPerEntry;
        sink.Send(((ulong)table[entry + 1] << 32) | (table[entry] & ~3u), table[entry + DataWord], RequesterId);
    }

    private void WriteWord(ulong word, uint value)
    {
        if (word >= (ulong)table.Length)
        {
            return;
        }

        var isControl = (word & (WordsPerEntry - 1)) == ControlWord;
        table[word] = isControl ? value & VectorMasked : value;
        if (isControl)
        {
            DeliverIfPending((int)(word / WordsPerEntry));
        }
    }

    private void DeliverIfPending(int vector)
    {
        var bit = 1UL << (vector & 63);
        if ((pending[vector >> 6] & bit) != 0 && Enabled && !Masked(vector))
        {
            pending[vector >> 6] &= ~bit;
            Deliver(vector);
        }
    }

    private void DeliverPending()
    {
        for (var i = 0; i < pending.Length; i++)
        {
            for (var bits = pending[i]; bits != 0; bits &= bits - 1)
            {
                DeliverIfPending((i * 64) + System.Numerics.BitOperations.TrailingZeroCount(bits));
            }
        }
    }

    private void ClearTable()
    {
        Array.Clear(table);
        Array.Clear(pending);
        for (var i = ControlWord; i < table.Length; i += WordsPerEntry)
        {
            table[i] = VectorMasked;
        }
    }
}
