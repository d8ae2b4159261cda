// PL011 UART (Arm DDI 0183): register accesses, interrupts and transmission.
using Emu.Core;

namespace Emu.Devices.Serial;

/// <summary>
/// The Arm PrimeCell UART, revision r1p1 (PeriphID2 = 0x14): FIFOs 16 deep. Transmission takes no time and needs no enable, because kernels
/// print through it before anyone has set it up. Input waits on the host's side until the guest can take it; see Pl011.Receive.cs.
/// A subset of its registers is the SBSA Generic UART.
/// </summary>
public sealed partial class Pl011 : IMmioDevice, ISnapshotable, ICharSink
{
    /// <summary>Depth of the receive FIFO in characters (DDI 0183 section 2.4.1, r1p1).</summary>
    public const int FifoDepth = 16;

    private const uint IflsReset = 0x12;
    private const uint IflsImplemented = 0x3F;

    private readonly Lock sync = new();
    private readonly IInterruptLine irq;
    private readonly ICharBackend backend;
    private readonly ICharInputGate input;

    private uint rsr;
    private uint ilpr;
    private uint ibrd;
    private uint fbrd;
    private uint ifls = IflsReset;
    private uint dmacr;
    private Pl011LineControl lcrH;
    private Pl011Control cr = Pl011Control.Reset;
    private Pl011Interrupts imsc;
    private Pl011Interrupts ris;

    /// <summary>Level last driven on the line.</summary>
    private bool asserted;

    /// <summary>Creates a UART in its reset state.</summary>
    /// <param name="irq">UARTINTR, the combined interrupt.</param>
    /// <param name="backend">Host end; the caller starts it with <c>backend.Start(uart.Input)</c> and disposes of it.</param>
    /// <param name="gate">Stands before the receiver; straight through when null.</param>
    /// <param name="snapshotName">Name of the snapshot section.</param>
    public Pl011(IInterruptLine irq, ICharBackend backend, ICharInputGate? gate = null, string snapshotName = "pl011")
    {
        this.irq = irq;
        this.backend = backend;
        SnapshotName = snapshotName;
        input = gate ?? new PassThroughGate();
        input.Attach(this, backend);
    }

    /// <summary>Where the backend delivers input: the gate.</summary>
    public ICharSink Input => input;

    /// <inheritdoc/>
    public string SnapshotName { get; }

    /// <summary>UARTPeriphID0-3 and UARTPCellID0-3 (DDI 0183 section 3.3.16 on).</summary>
    private static ReadOnlySpan<byte> Identification => [0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1];

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size)
    {
        if ((offset & 3) != 0)
        {
            return 0;
        }

        uint value;
        bool resume;
        lock (sync)
        {
            NoteRead();
            value = ReadRegister(offset);
            resume = TakeResume();
        }

        if (resume)
        {
            input.RoomAvailable();
        }

        return size switch
        {
            1 => (byte)value,
            2 => (ushort)value,
            _ => value,
        };
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        if ((offset & 3) != 0)
        {
            return;
        }

        var word = size switch
        {
            1 => (byte)value,
            2 => (ushort)value,
            _ => (uint)value,
        };
        bool transmit, resume;
        lock (sync)
        {
            NoteWrite();
            transmit = offset == Pl011Registers.DR && (cr & Pl011Control.LBE) == 0;
            WriteRegister(offset, word);
            UpdateLine();
            resume = TakeResume();
        }

        // Outside the lock: a host that does not read its output holds up this vCPU only, and not the input.
        if (transmit)
        {
            var character = (byte)word;
            backend.Write(new ReadOnlySpan<byte>(in character));
        }

        if (resume)
        {
            input.RoomAvailable();
        }
    }

    /// <summary>Returns every register and the FIFO to the reset state.</summary>
    public void Reset()
    {
        lock (sync)
        {
            rsr = ilpr = ibrd = fbrd = dmacr = 0;
            ifls = IflsReset;
            lcrH = 0;
            cr = Pl011Control.Reset;
            imsc = ris = 0;
            ResetReceiver();
            UpdateLine();
        }
    }

    private uint ReadRegister(ulong offset)
    {
        switch (offset)
        {
            case Pl011Registers.DR:
                var entry = Pop();
                UpdateLine();
                return entry;
            case Pl011Registers.RSR:
                return rsr;
            case Pl011Registers.FR:
                lookedEmpty |= count == 0;
                return (uint)ReadFlags();
            case Pl011Registers.ILPR:
                return ilpr;
            case Pl011Registers.IBRD:
                return ibrd;
            case Pl011Registers.FBRD:
                return fbrd;
            case Pl011Registers.LCR_H:
                return (uint)lcrH;
            case Pl011Registers.CR:
                return (uint)cr;
            case Pl011Registers.IFLS:
                return ifls;
            case Pl011Registers.IMSC:
                return (uint)imsc;
            case Pl011Registers.RIS:
                return (uint)ris;
            case Pl011Registers.MIS:
                return (uint)(ris & imsc);
            case Pl011Registers.DMACR:
                return dmacr;
            case >= Pl011Registers.PeriphID0 and < 0x1000:
                return Identification[(int)(offset - Pl011Registers.PeriphID0) >> 2];
            default:
                return 0;
        }
    }

    private void WriteRegister(ulong offset, uint value)
    {
        switch (offset)
        {
            case Pl011Registers.DR:
                if ((cr & Pl011Control.LBE) != 0)
                {
                    PushOrOverrun((byte)value);
                }

                // The character has left at once, so the FIFO has just fallen to its trigger level.
                ris |= Pl011Interrupts.TX;
                break;
            case Pl011Registers.RSR:
                rsr = 0;
                break;
            case Pl011Registers.ILPR:
                ilpr = value & 0xFF;
                break;
            case Pl011Registers.IBRD:
                ibrd = value & 0xFFFF;
                break;
            case Pl011Registers.FBRD:
                fbrd = value & 0x3F;
                break;
            case Pl011Registers.LCR_H:
                WriteLineControl((Pl011LineControl)value & Pl011LineControl.Implemented);
                break;
            case Pl011Registers.CR:
                var before = ModemInputs();
                cr = (Pl011Control)value & Pl011Control.Implemented;
                RaiseModemChanges(before ^ ModemInputs());
                break;
            case Pl011Registers.IFLS:
                ifls = value & IflsImplemented;
                UpdateTrigger();
                break;
            case Pl011Registers.IMSC:
                imsc = (Pl011Interrupts)value & Pl011Interrupts.All;
                break;
            case Pl011Registers.ICR:
                ris &= ~(Pl011Interrupts)value;
                break;
            case Pl011Registers.DMACR:
                dmacr = value & 7;
                break;
            default:
                break;
        }
    }

    private void WriteLineControl(Pl011LineControl value)
    {
        var breakStarts = (value & ~lcrH & Pl011LineControl.BRK) != 0;
        lcrH = value;
        if (breakStarts && (cr & Pl011Control.LBE) != 0)
        {
            PushOrOverrun((ushort)Pl011Error.BE);
        }

        // Characters already received stay readable when FEN changes; only the depth and the trigger level differ.
        UpdateTrigger();
    }

    private Pl011Flags ReadFlags() =>
        Pl011Flags.TXFE
        | ModemInputs()
        | (count == 0 ? Pl011Flags.RXFE : 0)
        | (count >= Depth ? Pl011Flags.RXFF : 0);

    /// <summary>Modem inputs: unconnected, except in loopback where the outputs feed them (DDI 0183 section 2.4.5).</summary>
    private Pl011Flags ModemInputs()
    {
        if ((cr & Pl011Control.LBE) == 0)
        {
            return 0;
        }

        return ((cr & Pl011Control.RTS) != 0 ? Pl011Flags.CTS : 0)
            | ((cr & Pl011Control.DTR) != 0 ? Pl011Flags.DSR : 0)
            | ((cr & Pl011Control.Out1) != 0 ? Pl011Flags.DCD : 0)
            | ((cr & Pl011Control.Out2) != 0 ? Pl011Flags.RI : 0);
    }

    private void RaiseModemChanges(Pl011Flags changed) =>
        ris |= ((changed & Pl011Flags.CTS) != 0 ? Pl011Interrupts.CTS : 0)
            | ((changed & Pl011Flags.DSR) != 0 ? Pl011Interrupts.DSR : 0)
            | ((changed & Pl011Flags.DCD) != 0 ? Pl011Interrupts.DCD : 0)
            | ((changed & Pl011Flags.RI) != 0 ? Pl011Interrupts.RI : 0);

    /// <summary>Drives the line when its level changes: a console prints byte by byte, and the interrupt controller need not hear of each.</summary>
    private void UpdateLine()
    {
        var level = (ris & imsc) != 0;
        if (level != asserted)
        {
            asserted = level;
            irq.Set(level);
        }
    }
}
