// The GIC's redistributors: RD_base (identity, power handshake) and SGI_base (SGIs and PPIs) of each vCPU.
using Emu.Core;

namespace Emu.Devices.Irq;

public sealed partial class Gic
{
    // One past the last byte of a vCPU's registers: IPRIORITYR of 32 interrupts, ICFGR of two words.
    private const uint PrivatePriorityEnd = BankRegister.IPRIORITYR + 32;
    private const uint PrivateConfigurationEnd = BankRegister.ICFGR + 8;

    private ulong ReadRedistributor(ulong offset64, int size)
    {
        if (FindRedistributor(offset64) is not { } c)
        {
            Reserved("GICR", write: false, offset64, size);
            return 0;
        }

        var offset = (uint)(offset64 % Gicr.Stride);
        var aligned = size is 1 or 4 or 8 && (offset & (uint)(size - 1)) == 0;
        if (aligned && offset >= Gicr.FrameSize)
        {
            var register = offset - Gicr.FrameSize;
            switch (register)
            {
                case BankRegister.IGROUPR or BankRegister.ISENABLER or BankRegister.ICENABLER or BankRegister.ISPENDR
                    or BankRegister.ICPENDR or BankRegister.ISACTIVER or BankRegister.ICACTIVER when size == 4:
                    return c.Bank.Read(register);
                case >= BankRegister.IPRIORITYR and < PrivatePriorityEnd when size != 8:
                    return c.Bank.ReadPriority((int)(register & 31), size);
                case >= BankRegister.ICFGR and < PrivateConfigurationEnd when size == 4:
                    return c.Bank.ReadConfiguration((int)(register >> 2 & 1));
            }
        }
        else if (aligned && size >= 4)
        {
            switch (offset)
            {
                // Without an ITS there is nothing to control, PROPBASER and PENDBASER are reserved.
                case Gicr.CTLR when size == 4:
                    return its is null ? 0 : Gicr.CTLR_CES | (c.LpisEnabled ? Gicr.CTLR_EnableLPIs : 0);
                case >= Gicr.PROPBASER and < Gicr.PENDBASER + 8 when its is not null:
                    return ReadLpiTableRegister(c, offset, size);
                case Gicr.IIDR when size == 4:
                    return Gicd.IIDR_Value;
                case Gicr.TYPER:
                    return size == 8 ? RedistributorType(c) : (uint)RedistributorType(c);
                case Gicr.TYPER + 4:
                    return RedistributorType(c) >> 32;
                case Gicr.WAKER when size == 4:
                    return c.Asleep ? Gicr.WAKER_ProcessorSleep | Gicr.WAKER_ChildrenAsleep : 0;
                case >= IdentificationStart when size == 4:
                    return ReadIdentification(offset, RedistributorPart);
            }
        }

        Reserved("GICR", write: false, offset64, size);
        return 0;
    }

    private void WriteRedistributor(ulong offset64, int size, ulong value)
    {
        if (FindRedistributor(offset64) is not { } c)
        {
            Reserved("GICR", write: true, offset64, size);
            return;
        }

        var offset = (uint)(offset64 % Gicr.Stride);
        if (size is 1 or 4 && (offset & (uint)(size - 1)) == 0)
        {
            var register = offset - Gicr.FrameSize;
            switch (register)
            {
                case BankRegister.IGROUPR or BankRegister.ISENABLER or BankRegister.ICENABLER or BankRegister.ISPENDR
                    or BankRegister.ICPENDR or BankRegister.ISACTIVER or BankRegister.ICACTIVER when size == 4:
                    BankChanged(c.Bank, c.Bank.Write(register, (uint)value));
                    return;
                case >= BankRegister.IPRIORITYR and < PrivatePriorityEnd:
                    BankChanged(c.Bank, c.Bank.WritePriority((int)(register & 31), size, (uint)value));
                    return;
                case >= BankRegister.ICFGR and < PrivateConfigurationEnd when size == 4:
                    BankChanged(c.Bank, c.Bank.WriteConfiguration((int)(register >> 2 & 1), (uint)value));
                    return;
            }

            if (offset == Gicr.CTLR && size == 4 && its is not null)
            {
                its.EnableLpis(c, (value & Gicr.CTLR_EnableLPIs) != 0);
                return;
            }

            if (offset == Gicr.WAKER && size == 4)
            {
                c.Asleep = (value & Gicr.WAKER_ProcessorSleep) != 0;
                RetargetOneOfN();
                Refresh(c);
                return;
            }
        }

        if (its is not null && size is 4 or 8 && (offset & (uint)(size - 1)) == 0 && offset is >= Gicr.PROPBASER and < Gicr.PENDBASER + 8)
        {
            WriteLpiTableRegister(c, offset, size, value);
            return;
        }

        Reserved("GICR", write: true, offset64, size);
    }

    private static ulong ReadLpiTableRegister(GicVcpu c, uint offset, int size)
    {
        var register = offset < Gicr.PENDBASER ? c.Propbaser : c.Pendbaser & ~Gicr.PENDBASER_PTZ;
        return size == 8 ? register : (uint)(register >> (int)((offset & 4) * 8));
    }

    /// <summary>GICR_PROPBASER and GICR_PENDBASER; fixed while LPIs are enabled (writing them then is UNPREDICTABLE).</summary>
    private static void WriteLpiTableRegister(GicVcpu c, uint offset, int size, ulong value)
    {
        if (c.LpisEnabled)
        {
            return;
        }

        if (offset < Gicr.PENDBASER)
        {
            c.Propbaser = Merge(c.Propbaser, offset, size, value) & Gicr.PROPBASER_Writable;
        }
        else
        {
            c.Pendbaser = Merge(c.Pendbaser, offset, size, value) & Gicr.PENDBASER_Writable;
        }
    }

    /// <summary>A 64-bit register after an 8-byte or an aligned 4-byte write.</summary>
    private static ulong Merge(ulong register, uint offset, int size, ulong value)
    {
        var shift = (int)((offset & 4) * 8);
        return size == 8 ? value : (register & ~(0xFFFF_FFFFUL << shift)) | ((value & 0xFFFF_FFFF) << shift);
    }

    private GicVcpu? FindRedistributor(ulong offset)
    {
        var index = offset / Gicr.Stride;
        return index < (ulong)vcpus.Length ? vcpus[index] : null;
    }

    private ulong RedistributorType(GicVcpu c)
    {
        var affinity = (c.Affinity >> 32 << 24) | (c.Affinity & 0xFF_FFFF);
        return (affinity << Gicr.TYPER_AffinityShift)
            | ((ulong)c.Index << Gicr.TYPER_ProcessorNumberShift)
            | (its is null ? 0 : Gicr.TYPER_PLPIS)
            | (c.Index == vcpus.Length - 1 ? Gicr.TYPER_Last : 0);
    }

    private sealed class RedistributorWindow(Gic gic) : IMmioDevice
    {
        public ulong Read(ulong offset, int size)
        {
            lock (gic.gate)
            {
                return gic.ReadRedistributor(offset, size);
            }
        }

        public void Write(ulong offset, int size, ulong value)
        {
            lock (gic.gate)
            {
                gic.WriteRedistributor(offset, size, value);
            }
        }
    }
}
