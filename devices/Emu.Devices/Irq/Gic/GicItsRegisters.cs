// Register offsets, fields and commands of the GICv3 ITS (Arm IHI 0069, chapters 5 and 12.19), each with what software uses it for.
namespace Emu.Devices.Irq;

/// <summary>LPIs: the INTIDs that messages become.</summary>
internal static class Lpi
{
    /// <summary>The first LPI.</summary>
    public const uint First = 8192;

    /// <summary>One past the last LPI: 16-bit INTIDs.</summary>
    public const uint End = 65536;

    /// <summary>Configuration byte: the LPI is enabled.</summary>
    public const byte ConfigurationEnable = 1;
}

/// <summary>ITS registers. Two 64 KiB frames: control, then translation.</summary>
internal static class Gits
{
    /// <summary>Bytes of both frames.</summary>
    public const ulong FramesSize = 0x2_0000;

    /// <summary>Control: Enabled, Quiescent.</summary>
    public const uint CTLR = 0x0000;

    /// <summary>Implementer.</summary>
    public const uint IIDR = 0x0004;

    /// <summary>What is implemented (64 bits).</summary>
    public const uint TYPER = 0x0008;

    /// <summary>Where the command queue lies (64 bits).</summary>
    public const uint CBASER = 0x0080;

    /// <summary>Offset behind the last command written (64 bits); writing it runs commands.</summary>
    public const uint CWRITER = 0x0088;

    /// <summary>Offset of the next command to run (64 bits).</summary>
    public const uint CREADR = 0x0090;

    /// <summary>First of eight table registers (64 bits each): 0 is the device table, 1 the collection table.</summary>
    public const uint BASER = 0x0100;

    /// <summary>One past the table registers.</summary>
    public const uint BASER_End = BASER + (8 * 8);

    /// <summary>Where messages are written: the address in every device's MSI-X table.</summary>
    public const uint TRANSLATER = 0x1_0040;

    /// <summary>CTLR.Enabled.</summary>
    public const uint CTLR_Enabled = 1u << 0;

    /// <summary>CTLR.Quiescent: disabled and nothing is under way.</summary>
    public const uint CTLR_Quiescent = 1u << 31;

    /// <summary>
    /// TYPER: physical LPIs; ITT entries of 8 bytes [7:4]; 16 bits of EventID [12:8] and of DeviceID [17:13]; RDbase is a processor number
    /// (PTA 0); collections live in memory (HCC 0) and have 16-bit numbers (CIL 0).
    /// </summary>
    public const ulong TYPER_Value = 1 | ((EntryBytes - 1) << 4) | ((EventIdBits - 1) << 8) | ((DeviceIdBits - 1) << 13);

    /// <summary>Bytes of an entry of each of our tables.</summary>
    public const ulong EntryBytes = 8;

    /// <summary>Bits of an EventID.</summary>
    public const ulong EventIdBits = 16;

    /// <summary>Bits of a DeviceID: segment and devfn.</summary>
    public const ulong DeviceIdBits = 16;

    /// <summary>Valid bit of CBASER, BASER, first-level entries and our table entries.</summary>
    public const ulong Valid = 1UL << 63;

    /// <summary>Physical address [51:12] of CBASER and first-level entries.</summary>
    public const ulong PageAddress = 0x000F_FFFF_FFFF_F000;

    /// <summary>Writable fields of CBASER: Valid, cacheability, address, shareability, size.</summary>
    public const ulong CBASER_Writable = Valid | (7UL << 59) | (7UL << 53) | PageAddress | (3UL << 10) | 0xFF;

    /// <summary>Offset field of CWRITER and CREADR.</summary>
    public const ulong CommandOffset = 0xF_FFE0;

    /// <summary>BASER.Indirect: a two-level table.</summary>
    public const ulong BASER_Indirect = 1UL << 62;

    /// <summary>Writable fields of BASER: Valid, cacheability, address [47:12], shareability, page size, size.</summary>
    public const ulong BASER_Writable = Valid | (7UL << 59) | (7UL << 53) | BASER_Address | (3UL << 10) | (3UL << 8) | 0xFF;

    /// <summary>BASER.Physical_Address.</summary>
    public const ulong BASER_Address = 0x0000_FFFF_FFFF_F000;

    /// <summary>BASER.Type, bits 58:56, and Entry_Size, bits 52:48, of the device table.</summary>
    public const ulong BASER_DeviceTable = (1UL << 56) | ((EntryBytes - 1) << 48);

    /// <summary>BASER.Type and Entry_Size of the collection table.</summary>
    public const ulong BASER_CollectionTable = (4UL << 56) | ((EntryBytes - 1) << 48);

    /// <summary>Bytes of a page of the command queue.</summary>
    public const ulong CommandPage = 0x1000;

    /// <summary>Bytes of a command.</summary>
    public const int CommandBytes = 32;

    /// <summary>ITT address field of MAPD, bits 51:8.</summary>
    public const ulong IttAddress = 0x000F_FFFF_FFFF_FF00;
}

/// <summary>Command numbers (IHI 0069, 5.3).</summary>
internal enum ItsCommand : byte
{
    /// <summary>Sends an event to another collection.</summary>
    MOVI = 0x01,

    /// <summary>Makes an event's LPI pending.</summary>
    INT = 0x03,

    /// <summary>Takes the pending state of an event's LPI away.</summary>
    CLEAR = 0x04,

    /// <summary>Waits for a redistributor: nothing to do, commands take effect at once.</summary>
    SYNC = 0x05,

    /// <summary>Gives a device its interrupt translation table.</summary>
    MAPD = 0x08,

    /// <summary>Gives a collection its redistributor.</summary>
    MAPC = 0x09,

    /// <summary>Maps an event to an LPI in a collection.</summary>
    MAPTI = 0x0A,

    /// <summary>The same with the LPI equal to the EventID.</summary>
    MAPI = 0x0B,

    /// <summary>The configuration of an event's LPI changed in memory.</summary>
    INV = 0x0C,

    /// <summary>The configuration of the LPIs of a collection changed in memory.</summary>
    INVALL = 0x0D,

    /// <summary>Moves all pending LPIs from one redistributor to another.</summary>
    MOVALL = 0x0E,

    /// <summary>Unmaps an event and takes its pending state away.</summary>
    DISCARD = 0x0F,
}
