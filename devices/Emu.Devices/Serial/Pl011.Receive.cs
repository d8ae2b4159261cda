// PL011 UART: the receive FIFO, when the line delivers characters, and the receive interrupts.
namespace Emu.Devices.Serial;

/// <summary>
/// The receiver. Characters never arrive faster than the guest takes them: what does not fit stays with the backend.
/// A driver with RX or RT unmasked gets characters as long as the FIFO has room. With both masked the driver may be polling, or
/// may be about to set up: Linux's amba-pl011 reads UARTFR to transmit and empties the FIFO before it unmasks, which would eat
/// typed-ahead input. So then characters arrive only after the guest has found the FIFO empty and reads again with no write in between,
/// as a polling receiver does and a transmitting driver does not.
/// </summary>
public sealed partial class Pl011
{
    private const Pl011Interrupts ReceiveInterrupts = Pl011Interrupts.RX | Pl011Interrupts.RT;

    private readonly ushort[] fifo = new ushort[FifoDepth];
    private int head;
    private int count;

    /// <summary>The next character that enters the FIFO carries OE.</summary>
    private bool overrun;

    /// <summary>The guest has read UARTFR and found the FIFO empty, and has written no register since.</summary>
    private bool lookedEmpty;

    /// <summary>The guest polls: it read on after it had found the FIFO empty.</summary>
    private bool polling;

    /// <summary>The sender holds characters that were refused. Host state: not saved.</summary>
    private bool refused;

    /// <summary>Characters the FIFO holds: 16, or 1 with the FIFOs disabled.</summary>
    private int Depth => (lcrH & Pl011LineControl.FEN) != 0 ? FifoDepth : 1;

    /// <summary>Level that raises RX: 1/8, 1/4, 1/2, 3/4 or 7/8 of the depth by RXIFLSEL (DDI 0183 table 3-13).</summary>
    private int Trigger => (lcrH & Pl011LineControl.FEN) == 0 ? 1 : ((ifls >> 3) & 7) switch
    {
        0 => FifoDepth / 8,
        1 => FifoDepth / 4,
        2 => FifoDepth / 2,
        3 => FifoDepth * 3 / 4,
        _ => FifoDepth * 7 / 8,
    };

    private bool CanReceive =>
        count < Depth
        && (cr & (Pl011Control.RXE | Pl011Control.LBE)) == Pl011Control.RXE
        && ((imsc & ReceiveInterrupts) != 0 || (polling && (cr & Pl011Control.UARTEN) != 0));

    /// <inheritdoc/>
    public int Receive(ReadOnlySpan<byte> data)
    {
        lock (sync)
        {
            var taken = 0;
            if (CanReceive)
            {
                while (taken < data.Length && count < Depth)
                {
                    Push(data[taken++]);
                }

                if (taken > 0)
                {
                    lookedEmpty = polling = false;
                    UpdateLine();
                }
            }

            refused |= taken < data.Length;
            return taken;
        }
    }

    /// <summary>A break condition on the line: a zero character with BE. Lost, with an overrun, when the FIFO is full.</summary>
    public void ReceiveBreak()
    {
        lock (sync)
        {
            if ((cr & (Pl011Control.RXE | Pl011Control.LBE)) == Pl011Control.RXE)
            {
                PushOrOverrun((ushort)Pl011Error.BE);
                UpdateLine();
            }
        }
    }

    private void NoteRead() => polling |= lookedEmpty;

    private void NoteWrite() => lookedEmpty = polling = false;

    /// <summary>After an access: whether the sender should be asked for what it holds.</summary>
    private bool TakeResume()
    {
        if (!refused || !CanReceive)
        {
            return false;
        }

        refused = false;
        return true;
    }

    private void PushOrOverrun(ushort entry)
    {
        if (count < Depth)
        {
            Push(entry);
            return;
        }

        overrun = true;
        rsr |= (uint)Pl011Error.OE >> 8;
        ris |= Pl011Interrupts.OE;
    }

    private void Push(ushort entry)
    {
        if (overrun)
        {
            entry |= (ushort)Pl011Error.OE;
            overrun = false;
        }

        fifo[(head + count) % FifoDepth] = entry;
        count++;
        if ((entry & (ushort)Pl011Error.BE) != 0)
        {
            ris |= Pl011Interrupts.BE;
        }

        // The timeout of 32 bit periods takes no time, as the characters themselves: it has passed when the guest looks next.
        ris |= Pl011Interrupts.RT;
        if (count >= Trigger)
        {
            ris |= Pl011Interrupts.RX;
        }
    }

    private uint Pop()
    {
        if (count == 0)
        {
            return 0;
        }

        var entry = fifo[head];
        fifo[head] = 0;
        head = (head + 1) % FifoDepth;
        count--;
        rsr = (rsr & ((uint)Pl011Error.OE >> 8)) | ((uint)entry >> 8);
        if (count < Trigger)
        {
            ris &= ~Pl011Interrupts.RX;
        }

        ris = count == 0 ? ris & ~Pl011Interrupts.RT : ris | Pl011Interrupts.RT;
        return entry;
    }

    private void UpdateTrigger() => ris = count >= Trigger ? ris | Pl011Interrupts.RX : ris & ~Pl011Interrupts.RX;

    private void ResetReceiver()
    {
        Array.Clear(fifo);
        head = count = 0;
        overrun = lookedEmpty = polling = false;
    }
}
