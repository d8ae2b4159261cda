// LPIs in the redistributors (IHI 0069, 5.1): enabling, the configuration and pending tables in guest memory, pending state, and the snapshot.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Emu.Core;

namespace Emu.Devices.Irq;

public sealed partial class Gic
{
    private sealed partial class Its
    {
        // INTIDs need at least 14 bits for there to be any LPI (IHI 0069, GICR_PROPBASER.IDbits).
        private const int MaximumIntidBits = 16;

        // What the redistributors have read of the configuration table, by INTID. One copy: GICR_TYPER.CommonLPIAff is 0, all share a table.
        private readonly byte[] configuration = new byte[Lpi.End];
        private readonly byte[] buffer = new byte[Lpi.End];

        /// <summary>GICR_CTLR.EnableLPIs: takes the tables into use, or writes pending state back and lets go of them.</summary>
        public void EnableLpis(GicVcpu c, bool enable)
        {
            if (enable == c.LpisEnabled)
            {
                return;
            }

            if (enable)
            {
                c.LpisEnabled = true;
                c.LpiLimit = 1u << Math.Min((int)(c.Propbaser & Gicr.PROPBASER_IDbits) + 1, MaximumIntidBits);
                c.Lpis ??= new LpiSet(configuration);
                LoadPendingTable(c);
                LoadConfiguration(c);
            }
            else
            {
                StorePendingTable(c);
                c.LpisEnabled = false;
                c.LpiLimit = 0;
                c.Lpis!.Clear();
            }

            ForgetTranslations();
            gic.Refresh(c);
        }

        public void Save(SnapshotWriter writer)
        {
            writer.Bool(enabled);
            writer.U64(commandBase);
            writer.U64(writeOffset);
            writer.U64(readOffset);
            writer.U64(deviceTable);
            writer.U64(collectionTable);
            var used = gic.vcpus.Any(c => c.LpisEnabled);
            writer.Bool(used);
            if (used)
            {
                writer.Bytes(configuration.AsSpan((int)Lpi.First));
            }

            foreach (var c in gic.vcpus)
            {
                writer.Bool(c.LpisEnabled);
                writer.U64(c.Propbaser);
                writer.U64(c.Pendbaser);
                SavePending(writer, c.LpisEnabled ? c.Lpis : null);
            }
        }

        /// <summary>Restores ITS and LPIs; the caller recomputes every vCPU's best interrupt.</summary>
        public void Restore(SnapshotReader reader)
        {
            Reset();
            enabled = reader.Bool();
            commandBase = reader.U64() & Gits.CBASER_Writable;
            writeOffset = reader.U64() & Gits.CommandOffset;
            readOffset = reader.U64() & Gits.CommandOffset;
            if (writeOffset >= CommandQueueSize || readOffset >= CommandQueueSize)
            {
                throw new InvalidDataException($"snapshot: gic: the ITS command queue has 0x{CommandQueueSize:x} bytes, offsets 0x{writeOffset:x} and 0x{readOffset:x} lie outside");
            }

            deviceTable = (reader.U64() & (Gits.BASER_Writable | Gits.BASER_Indirect)) | Gits.BASER_DeviceTable;
            collectionTable = (reader.U64() & Gits.BASER_Writable) | Gits.BASER_CollectionTable;
            if (reader.Bool())
            {
                var bytes = reader.Bytes((int)(Lpi.End - Lpi.First));
                Expect("length of the LPI configuration", bytes.Length, (int)(Lpi.End - Lpi.First));
                for (var i = 0; i < bytes.Length; i++)
                {
                    configuration[(int)Lpi.First + i] = Implemented(bytes[i]);
                }
            }

            foreach (var c in gic.vcpus)
            {
                c.LpisEnabled = reader.Bool();
                c.Propbaser = reader.U64() & Gicr.PROPBASER_Writable;
                c.Pendbaser = reader.U64() & Gicr.PENDBASER_Writable;
                RestorePending(reader, c);
            }
        }

        /// <summary>Makes an LPI pending on a vCPU; dropped where LPIs are disabled or the tables do not reach that far.</summary>
        private void SetPending(GicVcpu c, uint intid)
        {
            if (intid < c.LpiLimit)
            {
                var lpis = c.Lpis!;
                var before = lpis.Best;
                lpis.Set(intid);
                if (lpis.Best != before)
                {
                    gic.Refresh(c);
                }
            }
        }

        private bool ClearPending(GicVcpu c, uint intid)
        {
            if (c.Lpis is not { } lpis || !lpis.Clear(intid))
            {
                return false;
            }

            gic.Refresh(c);
            return true;
        }

        private static byte Implemented(byte value) => (byte)(value & (Icc.PriorityMask | Lpi.ConfigurationEnable));

        /// <summary>Reads one LPI's configuration byte again (INV, MAPTI).</summary>
        private void LoadConfiguration(GicVcpu c, uint intid)
        {
            Span<byte> value = stackalloc byte[1];
            if (intid >= c.LpiLimit || !memory.TryReadRam((c.Propbaser & Gicr.TableAddress) + (intid - Lpi.First), value))
            {
                return;
            }

            var now = Implemented(value[0]);
            if (now == configuration[intid])
            {
                return;
            }

            foreach (var v in gic.vcpus)
            {
                v.Lpis?.BeforeChange(intid);
            }

            configuration[intid] = now;
            foreach (var v in gic.vcpus)
            {
                if (v.Lpis is { } lpis)
                {
                    lpis.AfterChange(intid);
                    gic.Refresh(v);
                }
            }
        }

        /// <summary>Reads a redistributor's whole configuration table again (EnableLPIs, INVALL).</summary>
        private void LoadConfiguration(GicVcpu c)
        {
            if (c.LpiLimit <= Lpi.First)
            {
                return;
            }

            var table = buffer.AsSpan(0, (int)(c.LpiLimit - Lpi.First));
            if (!memory.TryReadRam(c.Propbaser & Gicr.TableAddress, table))
            {
                gic.log.Once("gic lpi configuration", LogLevel.Warning,
                    $"gic: the LPI configuration table at 0x{c.Propbaser & Gicr.TableAddress:x}+0x{table.Length:x} is not in RAM: its LPIs keep their configuration");
                return;
            }

            for (var i = 0; i < table.Length; i++)
            {
                configuration[(int)Lpi.First + i] = Implemented(table[i]);
            }

            foreach (var v in gic.vcpus)
            {
                if (v.Lpis is { } lpis)
                {
                    lpis.Rebuild();
                    gic.Refresh(v);
                }
            }
        }

        /// <summary>The part of a pending table that holds LPIs: a bit an INTID, the first KiB is not used.</summary>
        private static (ulong Address, int Length) PendingTable(GicVcpu c) =>
            ((c.Pendbaser & Gicr.PENDBASER_Address) + (Lpi.First / 8), c.LpiLimit > Lpi.First ? (int)((c.LpiLimit - Lpi.First) / 8) : 0);

        private void LoadPendingTable(GicVcpu c)
        {
            var (address, length) = PendingTable(c);
            if (length == 0 || (c.Pendbaser & Gicr.PENDBASER_PTZ) != 0)
            {
                return;
            }

            var table = buffer.AsSpan(0, length);
            if (!memory.TryReadRam(address, table))
            {
                gic.log.Once("gic lpi pending", LogLevel.Warning, $"gic: the LPI pending table at 0x{address:x}+0x{length:x} is not in RAM: taken as zero");
                return;
            }

            var words = MemoryMarshal.Cast<byte, ulong>(table);
            for (var i = 0; i < words.Length; i++)
            {
                c.Lpis!.LoadPendingWord((int)(Lpi.First / 64) + i, words[i]);
            }

            c.Lpis!.Rebuild();
        }

        private void StorePendingTable(GicVcpu c)
        {
            var (address, length) = PendingTable(c);
            if (length == 0)
            {
                return;
            }

            var table = buffer.AsSpan(0, length);
            for (var i = 0; i < length / 8; i++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(table[(i * 8)..], c.Lpis!.PendingWord((int)(Lpi.First / 64) + i));
            }

            memory.TryWriteRam(address, table);
        }

        private static void SavePending(SnapshotWriter writer, LpiSet? lpis)
        {
            for (var w = 0; lpis is { Count: > 0 } && w < (int)Lpi.End / 64; w++)
            {
                if (lpis.PendingWord(w) != 0)
                {
                    writer.U16((ushort)w);
                    writer.U64(lpis.PendingWord(w));
                }
            }

            writer.U16(ushort.MaxValue);
        }

        private void RestorePending(SnapshotReader reader, GicVcpu c)
        {
            if (c.LpisEnabled)
            {
                c.LpiLimit = 1u << Math.Min((int)(c.Propbaser & Gicr.PROPBASER_IDbits) + 1, MaximumIntidBits);
                c.Lpis = new LpiSet(configuration);
            }

            for (var w = reader.U16(); w != ushort.MaxValue; w = reader.U16())
            {
                var bits = reader.U64();
                if (w is < (ushort)(Lpi.First / 64) or >= (ushort)(Lpi.End / 64) || c.Lpis is null)
                {
                    throw new InvalidDataException($"snapshot: gic: vCPU {c.Index} has pending LPIs from {w * 64} on where there can be none");
                }

                c.Lpis.LoadPendingWord(w, bits);
            }

            c.Lpis?.Rebuild();
        }
    }
}
