// Snapshot of the GIC: every register, latch and wire level; routing targets and cached results are computed again.
using Emu.Core;

namespace Emu.Devices.Irq;

public sealed partial class Gic
{
    private const byte SnapshotVersion = 2;

    /// <inheritdoc/>
    public string SnapshotName => "gic";

    /// <inheritdoc/>
    public void Save(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U8(SnapshotVersion);
            writer.U16((ushort)vcpus.Length);
            writer.U16((ushort)routes.Length);
            writer.U32(distributorEnables);
            foreach (var route in routes)
            {
                writer.U64(route);
            }

            foreach (var bank in spis)
            {
                SaveBank(writer, bank);
            }

            foreach (var c in vcpus)
            {
                SaveBank(writer, c.Bank);
                writer.Bool(c.Asleep);
                writer.U32(c.Pmr);
                writer.U32(c.Bpr0);
                writer.U32(c.Bpr1);
                writer.U32(c.Control);
                writer.U32(c.GroupEnables);
                writer.U32(c.ActivePriorities0);
                writer.U32(c.ActivePriorities1);
            }

            writer.Bool(its is not null);
            its?.Save(writer);
        }
    }

    /// <inheritdoc/>
    public void Restore(SnapshotReader reader)
    {
        lock (gate)
        {
            Expect("version", reader.U8(), SnapshotVersion);
            Expect("number of vCPUs", reader.U16(), vcpus.Length);
            Expect("number of SPIs", reader.U16(), routes.Length);
            distributorEnables = reader.U32() & (Gicd.CTLR_EnableGrp0 | Gicd.CTLR_EnableGrp1);
            for (var spi = 0; spi < routes.Length; spi++)
            {
                routes[spi] = reader.U64() & (Gicd.IROUTER_Affinity | Gicd.IROUTER_IRM);
            }

            foreach (var bank in spis)
            {
                RestoreBank(reader, bank);
            }

            foreach (var c in vcpus)
            {
                RestoreBank(reader, c.Bank);
                c.Asleep = reader.Bool();
                c.Pmr = reader.U32() & Icc.PriorityMask;
                c.Bpr0 = Math.Clamp(reader.U32(), Icc.MinimumBpr0, 7);
                c.Bpr1 = Math.Clamp(reader.U32(), Icc.MinimumBpr1, 7);
                c.Control = reader.U32() & (Icc.CTLR_CBPR | Icc.CTLR_EOImode);
                c.GroupEnables = reader.U32() & 3;
                c.ActivePriorities0 = reader.U32();
                c.ActivePriorities1 = reader.U32();
            }

            Expect("presence of an ITS", reader.Bool() ? 1 : 0, its is null ? 0 : 1);
            its?.Restore(reader);

            Rebuild();
        }
    }

    private static void SaveBank(SnapshotWriter writer, InterruptBank bank)
    {
        writer.U32(bank.Group);
        writer.U32(bank.Enabled);
        writer.U32(bank.Pending);
        writer.U32(bank.Active);
        writer.U32(bank.Level);
        writer.U32(bank.Edge);
        writer.Bytes(bank.Priority);
    }

    private static void RestoreBank(SnapshotReader reader, InterruptBank bank)
    {
        bank.Group = reader.U32();
        bank.Enabled = reader.U32();
        bank.Pending = reader.U32();
        bank.Active = reader.U32();
        bank.Level = reader.U32();
        bank.Edge = reader.U32();
        var priority = reader.Bytes(bank.Priority.Length);
        Expect("length of the priorities", priority.Length, bank.Priority.Length);
        for (var i = 0; i < priority.Length; i++)
        {
            bank.Priority[i] = (byte)(priority[i] & Icc.PriorityMask);
        }
    }

    private static void Expect(string what, int found, int expected)
    {
        if (found != expected)
        {
            throw new InvalidDataException($"snapshot: gic: {what} is {found}, expected {expected}");
        }
    }
}
