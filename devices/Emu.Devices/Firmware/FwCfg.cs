// QEMU's firmware configuration device: items of bytes that the machine has for its firmware, read by register or by DMA.
using System.Buffers.Binary;
using System.Text;
using Emu.Core;

namespace Emu.Devices.Firmware;

/// <summary>Fills a buffer from an offset of an item; both lie inside. May throw <see cref="EmuException"/> when the host fails.</summary>
public delegate void FwCfgReader(long offset, Span<byte> destination);

/// <summary>The device. Its items are part of the machine, not of its state.</summary>
/// <param name="memory">Guest memory, for DMA.</param>
/// <param name="log">Messages.</param>
public sealed unsafe class FwCfg(PhysicalAddressSpace memory, Log log) : IMmioDevice, ISnapshotable
{
    /// <summary>Bytes of registers.</summary>
    public const ulong RegistersLength = FwCfgRegister.End;

    private const byte SnapshotVersion = 1;

    /// <summary>Longest name of a file, its NUL included.</summary>
    private const int NameBytes = 56;

    private const int RequestBytes = 16;
    private const uint ItemsAndDma = 3;

    private readonly Lock gate = new();
    private readonly Dictionary<ushort, (long Length, FwCfgReader Read)> items = [];
    private readonly SortedDictionary<string, (long Length, FwCfgReader Read)> files = new(StringComparer.Ordinal);
    private ushort selected;
    private long position;
    private uint dmaHigh;

    /// <inheritdoc/>
    public string SnapshotName => "fw_cfg";

    /// <summary>Adds an item, before the machine runs.</summary>
    public void Add(ushort item, ReadOnlyMemory<byte> bytes) => Add(item, bytes.Length, (offset, destination) => bytes.Span.Slice((int)offset, destination.Length).CopyTo(destination));

    /// <summary>Adds an item of 32 bits.</summary>
    public void Add(ushort item, uint value)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Add(item, bytes);
    }

    /// <summary>Adds an item that is read when it is wanted.</summary>
    public void Add(ushort item, long length, FwCfgReader read) => items[item] = (length, read);

    /// <summary>Adds a file.</summary>
    public void AddFile(string name, ReadOnlyMemory<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(name.Length, NameBytes);
        files[name] = (bytes.Length, (offset, destination) => bytes.Span.Slice((int)offset, destination.Length).CopyTo(destination));
    }

    /// <summary>Completes the items, after the last was added: files get their numbers, by name.</summary>
    public void Seal()
    {
        Add(FwCfgItem.Signature, "QEMU"u8.ToArray());
        Add(FwCfgItem.Id, ItemsAndDma);
        var directory = new byte[4 + (files.Count * (8 + NameBytes))];
        BinaryPrimitives.WriteInt32BigEndian(directory, files.Count);
        var at = 4;
        var number = FwCfgItem.FirstFile;
        foreach (var (name, file) in files)
        {
            items[number] = file;
            BinaryPrimitives.WriteInt32BigEndian(directory.AsSpan(at), (int)file.Length);
            BinaryPrimitives.WriteUInt16BigEndian(directory.AsSpan(at + 4), number++);
            Encoding.ASCII.GetBytes(name, directory.AsSpan(at + 8));
            at += 8 + NameBytes;
        }

        Add(FwCfgItem.FileDirectory, directory);
    }

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size)
    {
        lock (gate)
        {
            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            switch (offset)
            {
                case < FwCfgRegister.Selector:
                    Take(bytes[..size]);
                    break;
                case >= FwCfgRegister.Dma and < FwCfgRegister.End:
                    "QEMU CFG"u8[(int)(offset - FwCfgRegister.Dma)..].CopyTo(bytes);
                    break;
                default:
                    break;
            }

            return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        lock (gate)
        {
            switch (offset, size)
            {
                case (FwCfgRegister.Selector, 2):
                    Select(BinaryPrimitives.ReverseEndianness((ushort)value));
                    break;
                case (FwCfgRegister.Dma, 8):
                    Transfer(BinaryPrimitives.ReverseEndianness(value));
                    break;
                case (FwCfgRegister.Dma, 4):
                    dmaHigh = BinaryPrimitives.ReverseEndianness((uint)value);
                    break;
                case (FwCfgRegister.DmaLow, 4):
                    Transfer(((ulong)dmaHigh << 32) | BinaryPrimitives.ReverseEndianness((uint)value));
                    break;
                default:
                    // Items are read-only, and other registers there are none.
                    break;
            }
        }
    }

    /// <summary>Power-on state: nothing is selected.</summary>
    public void Reset()
    {
        lock (gate)
        {
            Select(0);
            dmaHigh = 0;
        }
    }

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U8(SnapshotVersion);
            writer.U16(selected);
            writer.U64((ulong)position);
            writer.U32(dmaHigh);
        }
    }

    /// <inheritdoc/>
    public void Restore(SnapshotReader reader)
    {
        lock (gate)
        {
            reader.Version(SnapshotVersion, SnapshotName);
            selected = reader.U16();
            position = (long)reader.U64();
            dmaHigh = reader.U32();
            if (position < 0 || position > Length)
            {
                throw new InvalidDataException($"{SnapshotName}: a position outside of its item");
            }
        }
    }

    private long Length => items.TryGetValue(selected, out var item) ? item.Length : 0;

    private void Select(ushort item) => (selected, position) = (item, 0);

    /// <summary>The next bytes of the item; zeroes behind its end.</summary>
    /// <returns>False, with zeroes given, when the host failed.</returns>
    private bool Take(Span<byte> destination)
    {
        var count = (int)Math.Min(destination.Length, Length - position);
        destination[count..].Clear();
        if (count == 0)
        {
            return true;
        }

        try
        {
            items[selected].Read(position, destination[..count]);
        }
        catch (EmuException e)
        {
            log.Once($"fw_cfg {selected}", LogLevel.Error, $"fw_cfg: {e.Message}; the guest's firmware gets nothing");
            destination[..count].Clear();
            return false;
        }
        finally
        {
            position += count;
        }

        return true;
    }

    /// <summary>Carries out the request at an address and answers in its control word.</summary>
    private void Transfer(ulong address)
    {
        dmaHigh = 0;
        Span<byte> request = stackalloc byte[RequestBytes];
        if (!memory.TryReadRam(address, request))
        {
            log.Once("fw_cfg request", LogLevel.Warning, $"fw_cfg: a DMA request at 0x{address:x}, where no RAM is: ignored");
            return;
        }

        var word = BinaryPrimitives.ReadUInt32BigEndian(request);
        var control = (FwCfgDma)(word & ushort.MaxValue);
        var length = BinaryPrimitives.ReadUInt32BigEndian(request[4..]);
        if ((control & FwCfgDma.Select) != 0)
        {
            Select((ushort)(word >> 16));
        }

        var done = true;
        if ((control & FwCfgDma.Read) != 0)
        {
            done = CopyTo(BinaryPrimitives.ReadUInt64BigEndian(request[8..]), length);
        }
        else if ((control & FwCfgDma.Write) != 0)
        {
            done = false;
        }
        else if ((control & FwCfgDma.Skip) != 0)
        {
            position = Math.Min(position + length, Length);
        }

        BinaryPrimitives.WriteUInt32BigEndian(request, (uint)(done ? FwCfgDma.None : FwCfgDma.Error));
        memory.TryWriteRam(address, request[..sizeof(uint)]);
    }

    /// <summary>Copies the next bytes of the item into RAM, which may be of several regions that lie side by side.</summary>
    /// <returns>False when some of it is no RAM, and then nothing was written; or when the host failed.</returns>
    private bool CopyTo(ulong address, ulong length)
    {
        for (ulong at = 0; at < length;)
        {
            if (memory.FindRam(address + at) is not { ReadOnly: false } region || address + at < address)
            {
                log.Once("fw_cfg data", LogLevel.Warning, $"fw_cfg: DMA of {length} bytes to 0x{address:x}, where not all is RAM: refused");
                return false;
            }

            at += region.Length - (address + at - region.Start);
        }

        const ulong LargestPart = 1 << 30;
        var done = true;
        for (ulong at = 0; at < length;)
        {
            var region = memory.FindRam(address + at)!;
            var start = address + at - region.Start;
            var part = Math.Min(Math.Min(length - at, region.Length - start), LargestPart);
            done &= Take(new Span<byte>(region.Host + start, (int)part));
            memory.NotifyWritten(address + at, part);
            at += part;
        }

        return done;
    }
}
