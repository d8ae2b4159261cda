// The GIC's Interrupt Translation Service: its registers, and messages in.
using Emu.Core;

namespace Emu.Devices.Irq;

public sealed partial class Gic
{
    /// <summary>
    /// The ITS, under the GIC's lock. Translations are read from the guest's tables and kept in a small cache, which every command that may
    /// change one empties.
    /// </summary>
    private sealed partial class Its : IMsiSink, IMmioDevice
    {
        private const byte ItsPart = 0x94;
        private const int CacheEntries = 256;

        private readonly Gic gic;
        private readonly PhysicalAddressSpace memory;
        private readonly ulong translater;
        private readonly Translation[] cache = new Translation[CacheEntries];
        private bool enabled;
        private ulong commandBase;
        private ulong writeOffset;
        private ulong readOffset;
        private ulong deviceTable = Gits.BASER_DeviceTable;
        private ulong collectionTable = Gits.BASER_CollectionTable;

        public Its(Gic gic, ItsOptions options)
        {
            this.gic = gic;
            memory = options.Memory;
            translater = options.Base + Gits.TRANSLATER;
            ForgetTranslations();
        }

        /// <summary>A message: the EventID of a device becomes an LPI on a vCPU. What is not mapped is dropped, as on hardware.</summary>
        public void Send(ulong address, uint data, uint deviceId)
        {
            if (address != translater)
            {
                gic.log.Once($"its address {deviceId:x}", LogLevel.Warning,
                    $"gic: device 0x{deviceId:x} sent an MSI to 0x{address:x}, which is not GITS_TRANSLATER at 0x{translater:x}: dropped");
                return;
            }

            lock (gic.gate)
            {
                if (!enabled || deviceId >> (int)Gits.DeviceIdBits != 0)
                {
                    return;
                }

                var key = ((ulong)deviceId << 32) | data;
                ref var entry = ref cache[(data + (deviceId * 31)) % CacheEntries];
                if (entry.Key != key)
                {
                    if (!TryTranslate(deviceId, data, out var intid, out var target))
                    {
                        return;
                    }

                    entry = new Translation { Key = key, Intid = intid, Target = target };
                }

                SetPending(entry.Target!, entry.Intid);
            }
        }

        public ulong Read(ulong offset, int size)
        {
            lock (gic.gate)
            {
                return ReadRegister(offset, size);
            }
        }

        public void Write(ulong offset, int size, ulong value)
        {
            lock (gic.gate)
            {
                WriteRegister(offset, size, value);
            }
        }

        /// <summary>Power-on reset of the ITS and of LPI support in the redistributors.</summary>
        public void Reset()
        {
            enabled = false;
            commandBase = writeOffset = readOffset = 0;
            deviceTable = Gits.BASER_DeviceTable;
            collectionTable = Gits.BASER_CollectionTable;
            Array.Clear(configuration);
            foreach (var c in gic.vcpus)
            {
                c.LpisEnabled = false;
                c.Propbaser = c.Pendbaser = 0;
                c.LpiLimit = 0;
                c.Lpis = null;
            }

            ForgetTranslations();
        }

        private ulong CommandQueueSize => ((commandBase & 0xFF) + 1) * Gits.CommandPage;

        private ulong ReadRegister(ulong offset64, int size)
        {
            if (size is 4 or 8 && (offset64 & (ulong)(size - 1)) == 0 && offset64 < Gits.FramesSize)
            {
                var offset = (uint)offset64;
                switch (offset)
                {
                    case Gits.CTLR when size == 4:
                        return enabled ? Gits.CTLR_Enabled : Gits.CTLR_Quiescent;
                    case Gits.IIDR when size == 4:
                        return Gicd.IIDR_Value;
                    case >= Gits.TYPER and < Gits.TYPER + 8:
                        return Part(Gits.TYPER_Value, offset, size);
                    case >= Gits.CBASER and < Gits.CBASER + 8:
                        return Part(commandBase, offset, size);
                    case >= Gits.CWRITER and < Gits.CWRITER + 8:
                        return Part(writeOffset, offset, size);
                    case >= Gits.CREADR and < Gits.CREADR + 8:
                        return Part(readOffset, offset, size);
                    case >= Gits.BASER and < Gits.BASER + 8:
                        return Part(deviceTable, offset, size);
                    case >= Gits.BASER + 8 and < Gits.BASER + 16:
                        return Part(collectionTable, offset, size);
                    case >= Gits.BASER + 16 and < Gits.BASER_End:
                        return 0;
                    case >= IdentificationStart and < IdentificationEnd when size == 4:
                        return ReadIdentification(offset, ItsPart);
                }
            }

            gic.Reserved("GITS", write: false, offset64, size);
            return 0;
        }

        private void WriteRegister(ulong offset64, int size, ulong value)
        {
            if (size is 4 or 8 && (offset64 & (ulong)(size - 1)) == 0 && offset64 < Gits.FramesSize)
            {
                var offset = (uint)offset64;
                switch (offset)
                {
                    case Gits.CTLR when size == 4:
                        enabled = (value & Gits.CTLR_Enabled) != 0;
                        ForgetTranslations();
                        RunCommands();
                        return;

                    // The queue and the tables are fixed while the ITS is enabled (writing them then is UNPREDICTABLE).
                    case >= Gits.CBASER and < Gits.CBASER + 8:
                        if (!enabled)
                        {
                            commandBase = Merge(commandBase, offset, size, value) & Gits.CBASER_Writable;
                            readOffset = writeOffset = 0;
                        }

                        return;
                    case >= Gits.BASER and < Gits.BASER + 8:
                        if (!enabled)
                        {
                            deviceTable = (Merge(deviceTable, offset, size, value) & (Gits.BASER_Writable | Gits.BASER_Indirect)) | Gits.BASER_DeviceTable;
                        }

                        return;
                    case >= Gits.BASER + 8 and < Gits.BASER + 16:
                        if (!enabled)
                        {
                            collectionTable = (Merge(collectionTable, offset, size, value) & Gits.BASER_Writable) | Gits.BASER_CollectionTable;
                        }

                        return;
                    case >= Gits.BASER + 16 and < Gits.BASER_End:
                        return;
                    case >= Gits.CWRITER and < Gits.CWRITER + 8:
                        var offsetWritten = Merge(writeOffset, offset, size, value) & Gits.CommandOffset;
                        if (offsetWritten < CommandQueueSize)
                        {
                            writeOffset = offsetWritten;
                            RunCommands();
                        }

                        return;
                    case Gits.TRANSLATER:
                        // A CPU's write has no DeviceID: nothing can be mapped to it.
                        return;
                }
            }

            gic.Reserved("GITS", write: true, offset64, size);
        }

        private static ulong Part(ulong register, uint offset, int size) => size == 8 ? register : (uint)(register >> (int)((offset & 4) * 8));

        private void ForgetTranslations()
        {
            for (var i = 0; i < cache.Length; i++)
            {
                cache[i] = new Translation { Key = ulong.MaxValue };
            }
        }

        /// <summary>A cached translation.</summary>
        private struct Translation
        {
            /// <summary>DeviceID in [63:32], EventID in [31:0]; all-ones (no DeviceID is as long) for an empty entry.</summary>
            public ulong Key;
            public uint Intid;
            public GicVcpu? Target;
        }
    }
}
