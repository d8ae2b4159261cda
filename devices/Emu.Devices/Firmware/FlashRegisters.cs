// Commands, status bits and query table of Intel's flash chips (Intel StrataFlash data sheets; JEDEC JESD68.01, CFI).
namespace Emu.Devices.Firmware;

/// <summary>What a driver writes to a chip; the upper byte of the word does not matter.</summary>
internal enum FlashCommand : byte
{
    /// <summary>First cycle of a word program, by another code.</summary>
    ProgramAlternate = 0x10,

    /// <summary>First cycle of a block erase, confirmed by <see cref="Confirm"/>.</summary>
    Erase = 0x20,

    /// <summary>Second cycle of a lock command: the block cannot be programmed or erased.</summary>
    SetLock = 0x01,

    /// <summary>Second cycle of a lock command: as <see cref="SetLock"/>, until the chip is reset.</summary>
    LockDown = 0x2F,

    /// <summary>First cycle of a word program: the next write is the data.</summary>
    Program = 0x40,

    /// <summary>Clears the error bits of the status.</summary>
    ClearStatus = 0x50,

    /// <summary>First cycle of a lock command.</summary>
    LockSetup = 0x60,

    /// <summary>Reads give the status.</summary>
    ReadStatus = 0x70,

    /// <summary>Reads give maker, device and block locks.</summary>
    ReadIdentifier = 0x90,

    /// <summary>Reads give the CFI table.</summary>
    ReadQuery = 0x98,

    /// <summary>An erase or program goes on later. Here all are done at once.</summary>
    Suspend = 0xB0,

    /// <summary>Confirms an erase or a buffered program; second cycle of a lock command: unlocks the block.</summary>
    Confirm = 0xD0,

    /// <summary>First cycle of a buffered program: then come the count less one, the words, and <see cref="Confirm"/>.</summary>
    BufferedProgram = 0xE8,

    /// <summary>Reads give the contents.</summary>
    ReadArray = 0xFF,
}

/// <summary>Bits of a chip's status.</summary>
[Flags]
internal enum FlashStatus : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The block is locked.</summary>
    Locked = 1 << 1,

    /// <summary>A program failed; with <see cref="EraseError"/>, the sequence of commands was wrong.</summary>
    ProgramError = 1 << 4,

    /// <summary>An erase failed.</summary>
    EraseError = 1 << 5,

    /// <summary>Ready for commands.</summary>
    Ready = 1 << 7,

    /// <summary>A wrong sequence of commands.</summary>
    SequenceError = ProgramError | EraseError,
}

/// <summary>What reads of a chip give.</summary>
internal enum FlashMode : byte
{
    /// <summary>The contents.</summary>
    Array,

    /// <summary>The status.</summary>
    Status,

    /// <summary>Maker, device, locks.</summary>
    Identifier,

    /// <summary>The CFI table.</summary>
    Query,
}

/// <summary>What the next write to a chip is.</summary>
internal enum FlashCycle : byte
{
    /// <summary>A command.</summary>
    Command,

    /// <summary>Data of a word program.</summary>
    ProgramData,

    /// <summary>Words of a buffered program, less one.</summary>
    BufferCount,

    /// <summary>A word of a buffered program.</summary>
    BufferData,

    /// <summary>The confirmation of a buffered program.</summary>
    BufferConfirm,

    /// <summary>The confirmation of an erase.</summary>
    EraseConfirm,

    /// <summary>Which lock command it is.</summary>
    LockConfirm,
}

/// <summary>The CFI table of a chip.</summary>
internal static class FlashQuery
{
    /// <summary>Intel.</summary>
    public const ushort Manufacturer = 0x89;

    /// <summary>A StrataFlash of the 28F128J3 kind.</summary>
    public const ushort Device = 0x18;

    /// <summary>Words of a buffered program, at most.</summary>
    public const int BufferWords = 32;

    /// <summary>Where the identification "QRY" lies, in words.</summary>
    private const int Identification = 0x10;

    /// <summary>Where the vendor's part lies, in words.</summary>
    private const int Extended = 0x31;

    /// <summary>Vendor's feature bit: blocks are locked and unlocked at once, each by itself.</summary>
    private const byte InstantBlockLock = 1 << 5;

    /// <summary>Builds the table, a byte a word.</summary>
    /// <param name="chipBytes">Size of a chip.</param>
    /// <param name="blockBytes">Size of a chip's erase block.</param>
    public static byte[] Build(uint chipBytes, uint blockBytes)
    {
        var blocks = (chipBytes / blockBytes) - 1;
        byte Log2(uint value) => (byte)(32 - uint.LeadingZeroCount(value - 1));
        return
        [
            .. new byte[Identification],
            (byte)'Q', (byte)'R', (byte)'Y', 0x01, 0x00, Extended, 0x00, 0x00, 0x00, 0x00, 0x00,

            // Supply voltages, in BCD volts and tenths; programming needs no other supply. Typical times, as powers of two, then how much longer the longest take.
            0x17, 0x20, 0x00, 0x00, 0x08, 0x09, 0x0A, 0x00, 0x01, 0x01, 0x02, 0x00,

            // Size, x16, bytes of the write buffer, one region of equal blocks: their number less one, their size in 256 bytes.
            Log2(chipBytes), 0x01, 0x00, Log2(BufferWords * 2), 0x00, 0x01,
            (byte)blocks, (byte)(blocks >> 8), (byte)(blockBytes >> 8), (byte)(blockBytes >> 16),

            // The vendor's part: version 1.1, features, nothing while suspended, lock status bit 0 of each block.
            (byte)'P', (byte)'R', (byte)'I', (byte)'1', (byte)'1', InstantBlockLock, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x18, 0x00, 0x00,
        ];
    }
}
