// A bank of parallel NOR flash: two 16-bit chips side by side, as firmware keeps its variables in.
using Emu.Core;

namespace Emu.Devices.Firmware;

/// <summary>
/// The bank, 32 bits wide. While both chips give their contents, reads are those of memory and never come here; every write does. The chips have
/// no byte enables: a write narrower than 16 bits, or misaligned, does nothing.
/// </summary>
public sealed unsafe class CfiFlash : IMmioDevice, ISnapshotable, IDisposable
{
    /// <summary>Bytes of an erase block of the bank.</summary>
    public const uint BlockBytes = FlashChip.BlockBytes * 2;

    /// <summary>Largest bank: what QEMU's machines have.</summary>
    public const uint MaximumBytes = 64 << 20;

    private const byte SnapshotVersion = 1;

    /// <summary>Reads of the contents that come here before the memory is shown again: a driver that programs word by word switches all the time.</summary>
    private const int ReadsBeforeShadow = 64;

    private readonly Lock gate = new();
    private readonly PhysicalAddressSpace memory;
    private readonly FlashStore store;
    private readonly FlashChip[] chips;
    private readonly RamRegion shadow;
    private bool shown;
    private int reads;

    /// <summary>Makes and maps a bank.</summary>
    /// <param name="memory">Where it goes.</param>
    /// <param name="address">Its first address, a multiple of 4 KiB.</param>
    /// <param name="store">Its contents, a whole number of blocks; the bank disposes of them.</param>
    public CfiFlash(PhysicalAddressSpace memory, ulong address, FlashStore store)
    {
        this.memory = memory;
        this.store = store;
        chips = [new FlashChip(store, 0), new FlashChip(store, 1)];
        shadow = memory.CreateShadow(memory.AddMmio(SnapshotName, address, store.Length, this), store.Pointer);
        Show(true);
    }

    /// <inheritdoc/>
    public string SnapshotName => "cfi flash";

    /// <summary>Bytes.</summary>
    public uint Length => store.Length;

    private bool GivesContents => chips[0].Mode == FlashMode.Array && chips[1].Mode == FlashMode.Array;

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size)
    {
        lock (gate)
        {
            if (GivesContents && ++reads >= ReadsBeforeShadow)
            {
                Show(true);
            }

            ulong value = 0;
            for (var i = 0; i < size; i++)
            {
                value |= (ulong)ByteAt(offset + (ulong)i) << (8 * i);
            }

            return value;
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        if (size < 2 || (offset & ((ulong)size - 1)) != 0 || offset + (ulong)size > Length)
        {
            return;
        }

        lock (gate)
        {
            for (; size > 0; size -= 2, offset += 2, value >>= 16)
            {
                chips[(offset >> 1) & 1].Write((uint)(offset >> 2), (ushort)value);
            }

            reads = 0;
            if (!GivesContents)
            {
                Show(false);
            }
        }
    }

    /// <summary>Power-on reset: the contents stay.</summary>
    public void Reset()
    {
        lock (gate)
        {
            chips[0].Reset();
            chips[1].Reset();
            reads = 0;
            Show(true);
            store.Flush();
        }
    }

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U8(SnapshotVersion);
            writer.Bool(shown);
            writer.U8((byte)Math.Min(reads, ReadsBeforeShadow));
            chips[0].Save(writer);
            chips[1].Save(writer);
            store.Save(writer);
        }
    }

    /// <inheritdoc/>
    public void Restore(SnapshotReader reader)
    {
        lock (gate)
        {
            reader.Version(SnapshotVersion, SnapshotName);
            var show = reader.Bool();
            var count = reader.U8();
            chips[0].Restore(reader);
            chips[1].Restore(reader);
            if (show && !GivesContents)
            {
                throw new InvalidDataException($"{SnapshotName}: memory is shown while a chip does not give its contents");
            }

            store.Restore(reader);
            Show(show);
            reads = count;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        memory.Show(shadow, false);
        shadow.Dispose();
        store.Dispose();
    }

    private byte ByteAt(ulong offset)
    {
        if (offset >= Length)
        {
            return byte.MaxValue;
        }

        var word = chips[(offset >> 1) & 1].Read((uint)(offset >> 2));
        return (byte)(word >> (8 * (int)(offset & 1)));
    }

    /// <summary>Shows the memory or hides it; code that was translated from it is dropped.</summary>
    private void Show(bool show)
    {
        if (show == shown)
        {
            return;
        }

        shown = show;
        reads = 0;
        if (!show)
        {
            // No code is run from a chip that gives something else.
            memory.NotifyWritten(shadow.Start, shadow.Length);
        }

        memory.Show(shadow, show);
        foreach (var chip in chips)
        {
            if (show && chip.Changed is { End: > 0 } changed)
            {
                memory.NotifyWritten(shadow.Start + changed.Start, changed.End - changed.Start);
                chip.Changed = (0, 0);
            }
        }
    }
}
