// Register offsets and bits of the PL011 UART (Arm DDI 0183, chapter 3), with what drivers use them for.
namespace Emu.Devices.Serial;

/// <summary>Register offsets (DDI 0183 table 3-1).</summary>
public static class Pl011Registers
{
    /// <summary>UARTDR: write transmits a character, read takes one with its error bits.</summary>
    public const ulong DR = 0x000;

    /// <summary>UARTRSR on read: errors of the character last read. UARTECR on write: clears them.</summary>
    public const ulong RSR = 0x004;

    /// <summary>UARTFR: FIFO and modem flags; every polling driver spins on it.</summary>
    public const ulong FR = 0x018;

    /// <summary>UARTILPR: IrDA divisor; kept, no effect.</summary>
    public const ulong ILPR = 0x020;

    /// <summary>UARTIBRD: integer baud-rate divisor; kept, no effect.</summary>
    public const ulong IBRD = 0x024;

    /// <summary>UARTFBRD: fractional baud-rate divisor; kept, no effect.</summary>
    public const ulong FBRD = 0x028;

    /// <summary>UARTLCR_H: line control; drivers enable the FIFOs here.</summary>
    public const ulong LCR_H = 0x02C;

    /// <summary>UARTCR: enables, loopback, modem outputs.</summary>
    public const ulong CR = 0x030;

    /// <summary>UARTIFLS: FIFO levels that trigger the RX and TX interrupts.</summary>
    public const ulong IFLS = 0x034;

    /// <summary>UARTIMSC: interrupt mask, 1 enables.</summary>
    public const ulong IMSC = 0x038;

    /// <summary>UARTRIS: raw interrupts.</summary>
    public const ulong RIS = 0x03C;

    /// <summary>UARTMIS: raw interrupts that pass the mask.</summary>
    public const ulong MIS = 0x040;

    /// <summary>UARTICR: write 1 to clear.</summary>
    public const ulong ICR = 0x044;

    /// <summary>UARTDMACR: DMA enables; kept, there is no DMA controller.</summary>
    public const ulong DMACR = 0x048;

    /// <summary>UARTPeriphID0: the first of eight identification bytes, a word each.</summary>
    public const ulong PeriphID0 = 0xFE0;
}

/// <summary>Error bits of a received character in UARTDR[11:8]; UARTRSR has them in [3:0].</summary>
[Flags]
public enum Pl011Error : ushort
{
    /// <summary>Framing error.</summary>
    FE = 1 << 8,

    /// <summary>Parity error.</summary>
    PE = 1 << 9,

    /// <summary>Break: the line was held low for a whole character.</summary>
    BE = 1 << 10,

    /// <summary>Overrun: characters were lost before this one.</summary>
    OE = 1 << 11,
}

/// <summary>UARTFR.</summary>
[Flags]
public enum Pl011Flags : uint
{
    /// <summary>Clear to send.</summary>
    CTS = 1 << 0,

    /// <summary>Data set ready.</summary>
    DSR = 1 << 1,

    /// <summary>Data carrier detect.</summary>
    DCD = 1 << 2,

    /// <summary>Transmitting; never here, transmission takes no time.</summary>
    BUSY = 1 << 3,

    /// <summary>Receive FIFO empty.</summary>
    RXFE = 1 << 4,

    /// <summary>Transmit FIFO full; never here.</summary>
    TXFF = 1 << 5,

    /// <summary>Receive FIFO full.</summary>
    RXFF = 1 << 6,

    /// <summary>Transmit FIFO empty; always here.</summary>
    TXFE = 1 << 7,

    /// <summary>Ring indicator.</summary>
    RI = 1 << 8,
}

/// <summary>UARTLCR_H.</summary>
[Flags]
public enum Pl011LineControl : uint
{
    /// <summary>Send break.</summary>
    BRK = 1 << 0,

    /// <summary>FIFOs enabled; else one character deep.</summary>
    FEN = 1 << 4,

    /// <summary>All implemented bits.</summary>
    Implemented = 0xFF,
}

/// <summary>UARTCR.</summary>
[Flags]
public enum Pl011Control : uint
{
    /// <summary>UART enable.</summary>
    UARTEN = 1 << 0,

    /// <summary>Loopback: output feeds input.</summary>
    LBE = 1 << 7,

    /// <summary>Transmit enable.</summary>
    TXE = 1 << 8,

    /// <summary>Receive enable.</summary>
    RXE = 1 << 9,

    /// <summary>Data transmit ready; DSR in loopback.</summary>
    DTR = 1 << 10,

    /// <summary>Request to send; CTS in loopback.</summary>
    RTS = 1 << 11,

    /// <summary>Output 1; DCD in loopback.</summary>
    Out1 = 1 << 12,

    /// <summary>Output 2; RI in loopback.</summary>
    Out2 = 1 << 13,

    /// <summary>All implemented bits.</summary>
    Implemented = 0xFF87,

    /// <summary>Value at reset.</summary>
    Reset = TXE | RXE,
}

/// <summary>Interrupts, in UARTIMSC, UARTRIS, UARTMIS and UARTICR.</summary>
[Flags]
public enum Pl011Interrupts : uint
{
    /// <summary>Ring indicator changed.</summary>
    RI = 1 << 0,

    /// <summary>Clear to send changed.</summary>
    CTS = 1 << 1,

    /// <summary>Data carrier detect changed.</summary>
    DCD = 1 << 2,

    /// <summary>Data set ready changed.</summary>
    DSR = 1 << 3,

    /// <summary>Receive FIFO reached its trigger level.</summary>
    RX = 1 << 4,

    /// <summary>Transmit FIFO fell to its trigger level.</summary>
    TX = 1 << 5,

    /// <summary>Receive timeout: characters wait and no more come.</summary>
    RT = 1 << 6,

    /// <summary>Framing error.</summary>
    FE = 1 << 7,

    /// <summary>Parity error.</summary>
    PE = 1 << 8,

    /// <summary>Break.</summary>
    BE = 1 << 9,

    /// <summary>Overrun.</summary>
    OE = 1 << 10,

    /// <summary>All of them.</summary>
    All = 0x7FF,
}
