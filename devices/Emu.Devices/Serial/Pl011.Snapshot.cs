// PL011 UART: saving and restoring its state.
using Emu.Core;

namespace Emu.Devices.Serial;

public sealed partial class Pl011
{
    private const byte SnapshotVersion = 1;

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (sync)
        {
            writer.U8(SnapshotVersion);
            writer.U32(rsr);
            writer.U32(ilpr);
            writer.U32(ibrd);
            writer.U32(fbrd);
            writer.U32(ifls);
            writer.U32(dmacr);
            writer.U32((uint)lcrH);
            writer.U32((uint)cr);
            writer.U32((uint)imsc);
            writer.U32((uint)ris);
            writer.Bool(overrun);
            writer.Bool(lookedEmpty);
            writer.Bool(polling);

            // Oldest first: where the ring starts is no state.
            writer.U8((byte)count);
            for (var i = 0; i < count; i++)
            {
                writer.U16(fifo[(head + i) % FifoDepth]);
            }
        }
    }

    /// <inheritdoc/>
    public void Restore(SnapshotReader reader)
    {
        lock (sync)
        {
            reader.Version(SnapshotVersion, SnapshotName);
            ResetReceiver();
            rsr = reader.U32();
            ilpr = reader.U32();
            ibrd = reader.U32();
            fbrd = reader.U32();
            ifls = reader.U32() & IflsImplemented;
            dmacr = reader.U32();
            lcrH = (Pl011LineControl)reader.U32() & Pl011LineControl.Implemented;
            cr = (Pl011Control)reader.U32() & Pl011Control.Implemented;
            imsc = (Pl011Interrupts)reader.U32() & Pl011Interrupts.All;
            ris = (Pl011Interrupts)reader.U32() & Pl011Interrupts.All;
            overrun = reader.Bool();
            lookedEmpty = reader.Bool();
            polling = reader.Bool();
            int length = reader.U8();
            if (length > FifoDepth)
            {
                throw new InvalidDataException($"{SnapshotName}: {length} characters in a FIFO of {FifoDepth}");
            }

            for (var i = 0; i < length; i++)
            {
                fifo[i] = (ushort)(reader.U16() & 0xFFF);
            }

            count = length;

            // A sender may have been refused by another state of the device: it is asked again at the next access that leaves room.
            refused = true;
            asserted = (ris & imsc) != 0;
            irq.Set(asserted);
        }
    }
}
