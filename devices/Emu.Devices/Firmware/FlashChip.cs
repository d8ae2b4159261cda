// One 16-bit flash chip of a bank: Intel's command set. Every operation is done when its last cycle was written.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Firmware;

/// <summary>A chip. Its words are every second word of the bank's contents, so that two chips beside each other make 32 bits.</summary>
/// <param name="store">The bank's contents.</param>
/// <param name="lane">Which of the two: 0 for the low half of 32 bits.</param>
internal sealed unsafe class FlashChip(FlashStore store, int lane)
{
    /// <summary>Bytes of an erase block of one chip.</summary>
    public const uint BlockBytes = 128 << 10;

    private const uint BlockWords = BlockBytes / 2;

    /// <summary>Words of a bank's 32-bit unit that lie side by side: one of each chip.</summary>
    private const uint UnitBytes = 4;

    private readonly byte[] query = FlashQuery.Build(store.Length / 2, BlockBytes);
    private readonly LockState[] locks = new LockState[store.Length / 2 / BlockBytes];
    private readonly uint[] bufferWords = new uint[FlashQuery.BufferWords];
    private readonly ushort[] bufferData = new ushort[FlashQuery.BufferWords];
    private FlashCycle cycle;
    private FlashStatus status = FlashStatus.Ready;
    private uint bufferBlock;
    private int bufferLength;
    private int bufferFilled;

    private enum LockState : byte
    {
        Unlocked,
        Locked,
        LockedDown,
    }

    /// <summary>What reads give.</summary>
    public FlashMode Mode { get; private set; }

    /// <summary>The first and one past the last byte of the bank that the chip changed since it was asked; 0 and 0 for none.</summary>
    public (uint Start, uint End) Changed { get; set; }

    /// <summary>Power-on state: contents readable, no block locked.</summary>
    public void Reset()
    {
        Mode = FlashMode.Array;
        cycle = FlashCycle.Command;
        status = FlashStatus.Ready;
        Array.Clear(locks);
    }

    /// <summary>Reads a word.</summary>
    /// <param name="word">Its number in the chip; inside.</param>
    public ushort Read(uint word) => Mode switch
    {
        FlashMode.Status => (ushort)status,
        FlashMode.Identifier => (word % BlockWords) switch
        {
            0 => FlashQuery.Manufacturer,
            1 => FlashQuery.Device,
            2 => (ushort)locks[word / BlockWords],
            _ => 0,
        },
        FlashMode.Query => (word & 0xFF) < query.Length ? query[word & 0xFF] : (ushort)0,
        _ => Contents(word),
    };

    /// <summary>Writes a word: the next cycle of a command.</summary>
    /// <param name="word">Its number in the chip; inside.</param>
    /// <param name="value">Command or data.</param>
    public void Write(uint word, ushort value)
    {
        switch (cycle)
        {
            case FlashCycle.ProgramData:
                bufferWords[0] = word;
                bufferData[0] = value;
                bufferFilled = 1;
                Program();
                break;
            case FlashCycle.BufferCount:
                if (value >= FlashQuery.BufferWords || word / BlockWords != bufferBlock)
                {
                    End(FlashStatus.SequenceError);
                    break;
                }

                (bufferLength, bufferFilled) = (value + 1, 0);
                cycle = FlashCycle.BufferData;
                break;
            case FlashCycle.BufferData:
                if (word / BlockWords != bufferBlock)
                {
                    End(FlashStatus.SequenceError);
                    break;
                }

                bufferWords[bufferFilled] = word;
                bufferData[bufferFilled] = value;
                cycle = ++bufferFilled == bufferLength ? FlashCycle.BufferConfirm : FlashCycle.BufferData;
                break;
            case FlashCycle.BufferConfirm when (FlashCommand)value == FlashCommand.Confirm:
                Program();
                break;
            case FlashCycle.EraseConfirm when (FlashCommand)value == FlashCommand.Confirm:
                Erase(word / BlockWords);
                break;
            case FlashCycle.LockConfirm:
                Lock(word / BlockWords, (FlashCommand)value);
                break;
            case FlashCycle.Command:
                Begin(word, (FlashCommand)value);
                break;
            default:
                End(FlashStatus.SequenceError);
                break;
        }
    }

    /// <summary>Writes the state, contents aside.</summary>
    public void Save(SnapshotWriter writer)
    {
        writer.U8((byte)Mode);
        writer.U8((byte)cycle);
        writer.U8((byte)status);
        writer.Bytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes<LockState>(locks));
        writer.U32(bufferBlock);
        writer.U8((byte)bufferLength);
        writer.U8((byte)bufferFilled);
        for (var i = 0; i < bufferFilled; i++)
        {
            writer.U32(bufferWords[i]);
            writer.U16(bufferData[i]);
        }
    }

    /// <summary>Reads the state back.</summary>
    /// <exception cref="InvalidDataException">It is no chip's.</exception>
    public void Restore(SnapshotReader reader)
    {
        Mode = (FlashMode)reader.U8();
        cycle = (FlashCycle)reader.U8();
        status = (FlashStatus)reader.U8();
        var states = reader.Bytes(locks.Length);
        bufferBlock = reader.U32();
        bufferLength = reader.U8();
        bufferFilled = reader.U8();
        var filling = cycle == FlashCycle.BufferData;
        if (Mode > FlashMode.Query || cycle > FlashCycle.LockConfirm || states.Length != locks.Length || states.AsSpan().ContainsAnyExceptInRange((byte)0, (byte)LockState.LockedDown)
            || bufferBlock >= locks.Length || bufferLength > FlashQuery.BufferWords || bufferFilled > FlashQuery.BufferWords || (filling && bufferFilled >= bufferLength))
        {
            throw new InvalidDataException("flash: no such state of a chip");
        }

        for (var i = 0; i < locks.Length; i++)
        {
            locks[i] = (LockState)states[i];
        }

        for (var i = 0; i < bufferFilled; i++)
        {
            bufferWords[i] = reader.U32();
            bufferData[i] = reader.U16();
            if (bufferWords[i] >= store.Length / UnitBytes)
            {
                throw new InvalidDataException("flash: a word lies outside");
            }
        }
    }

    private ushort Contents(uint word) => BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(store.Pointer + Offset(word), 2));

    private uint Offset(uint word) => (word * UnitBytes) + ((uint)lane * 2);

    private void Begin(uint word, FlashCommand command)
    {
        switch (command)
        {
            case FlashCommand.ReadArray:
                Mode = FlashMode.Array;
                break;
            case FlashCommand.ReadIdentifier:
                Mode = FlashMode.Identifier;
                break;
            case FlashCommand.ReadQuery:
                Mode = FlashMode.Query;
                break;
            case FlashCommand.ClearStatus:
                status = FlashStatus.Ready;
                break;
            case FlashCommand.ReadStatus or FlashCommand.Suspend or FlashCommand.Confirm:
                Mode = FlashMode.Status;
                break;
            case FlashCommand.Program or FlashCommand.ProgramAlternate:
                Await(FlashCycle.ProgramData);
                break;
            case FlashCommand.BufferedProgram:
                bufferBlock = word / BlockWords;
                Await(FlashCycle.BufferCount);
                break;
            case FlashCommand.Erase:
                Await(FlashCycle.EraseConfirm);
                break;
            case FlashCommand.LockSetup:
                Await(FlashCycle.LockConfirm);
                break;
            default:
                // No such command: the chip goes on as it was.
                break;
        }
    }

    private void Await(FlashCycle next)
    {
        Mode = FlashMode.Status;
        cycle = next;
    }

    private void End(FlashStatus errors)
    {
        Mode = FlashMode.Status;
        cycle = FlashCycle.Command;
        status |= errors;
    }

    /// <summary>Programs what is in the buffer, all of one block or a single word: bits go from 1 to 0 only.</summary>
    private void Program()
    {
        uint first = uint.MaxValue, last = 0;
        for (var i = 0; i < bufferFilled; i++)
        {
            first = Math.Min(first, bufferWords[i]);
            last = Math.Max(last, bufferWords[i]);
        }

        if (locks[first / BlockWords] != LockState.Unlocked)
        {
            End(FlashStatus.ProgramError | FlashStatus.Locked);
            return;
        }

        // From the first to the last word; between them lie words of the other chip, which are written back as they are.
        var start = Offset(first);
        var bytes = new ReadOnlySpan<byte>(store.Pointer + start, (int)(Offset(last) - start) + 2).ToArray();
        for (var i = 0; i < bufferFilled; i++)
        {
            var at = bytes.AsSpan((int)(Offset(bufferWords[i]) - start));
            BinaryPrimitives.WriteUInt16LittleEndian(at, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(at) & bufferData[i]));
        }

        End(Store(start, bytes) ? FlashStatus.None : FlashStatus.ProgramError);
    }

    private void Erase(uint block)
    {
        if (locks[block] != LockState.Unlocked)
        {
            End(FlashStatus.EraseError | FlashStatus.Locked);
            return;
        }

        var start = block * BlockWords * UnitBytes;
        var bytes = new ReadOnlySpan<byte>(store.Pointer + start, (int)(BlockWords * UnitBytes)).ToArray();
        for (var at = lane * 2; at < bytes.Length; at += (int)UnitBytes)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at), ushort.MaxValue);
        }

        End(Store(start, bytes) ? FlashStatus.None : FlashStatus.EraseError);
    }

    private bool Store(uint start, byte[] bytes)
    {
        var end = start + (uint)bytes.Length;
        Changed = Changed.End == 0 ? (start, end) : (Math.Min(Changed.Start, start), Math.Max(Changed.End, end));
        return store.Write(start, bytes);
    }

    private void Lock(uint block, FlashCommand command)
    {
        switch (command)
        {
            case FlashCommand.SetLock when locks[block] == LockState.Unlocked:
                locks[block] = LockState.Locked;
                break;
            case FlashCommand.Confirm when locks[block] == LockState.Locked:
                locks[block] = LockState.Unlocked;
                break;
            case FlashCommand.LockDown:
                locks[block] = LockState.LockedDown;
                break;
            case FlashCommand.SetLock or FlashCommand.Confirm:
                break;
            default:
                End(FlashStatus.SequenceError);
                return;
        }

        End(FlashStatus.None);
    }
}
