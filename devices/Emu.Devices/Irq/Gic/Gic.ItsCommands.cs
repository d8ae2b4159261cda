// The ITS's command queue and its commands (IHI 0069, 5.3). A bad command is skipped and logged once a kind; the queue never stalls.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Irq;

public sealed partial class Gic
{
    private sealed partial class Its
    {
        // INVALL of a batch of commands reads the configuration table once, at its end: a queue full of them must not cost a second.
        private readonly List<GicVcpu> staleConfiguration = [];

        private void RunCommands()
        {
            if (!enabled || (commandBase & Gits.Valid) == 0)
            {
                return;
            }

            Span<byte> bytes = stackalloc byte[Gits.CommandBytes];
            while (readOffset != writeOffset)
            {
                if (!memory.TryReadRam((commandBase & Gits.PageAddress) + readOffset, bytes))
                {
                    gic.log.Once("its queue", LogLevel.Warning, $"gic: the ITS command queue at 0x{commandBase & Gits.PageAddress:x} is not in RAM: commands skipped");
                    readOffset = writeOffset;
                    break;
                }

                Execute(
                    BinaryPrimitives.ReadUInt64LittleEndian(bytes),
                    BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
                    BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
                    BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]));
                readOffset = (readOffset + Gits.CommandBytes) % CommandQueueSize;
            }

            foreach (var c in staleConfiguration)
            {
                LoadConfiguration(c);
            }

            staleConfiguration.Clear();
        }

        private void Execute(ulong dw0, ulong dw1, ulong dw2, ulong dw3)
        {
            var command = (ItsCommand)dw0;
            var device = (uint)(dw0 >> 32);
            var eventId = (uint)dw1;
            var problem = command switch
            {
                ItsCommand.MAPD => MapDevice(device, (uint)(dw1 & EventBitsField), dw2),
                ItsCommand.MAPC => MapCollection((uint)dw2 & 0xFFFF, Processor(dw2), (dw2 & Gits.Valid) != 0),
                ItsCommand.MAPTI => MapEvent(device, eventId, (uint)(dw1 >> 32), (uint)dw2 & 0xFFFF),
                ItsCommand.MAPI => MapEvent(device, eventId, eventId, (uint)dw2 & 0xFFFF),
                ItsCommand.MOVI => MoveEvent(device, eventId, (uint)dw2 & 0xFFFF),
                ItsCommand.MOVALL => MoveAll(Processor(dw2), Processor(dw3)),
                ItsCommand.INT or ItsCommand.CLEAR or ItsCommand.DISCARD or ItsCommand.INV => OnEvent(command, device, eventId),
                ItsCommand.INVALL => InvalidateCollection((uint)dw2 & 0xFFFF),
                ItsCommand.SYNC => null,
                _ => "no such command",
            };
            if (problem is not null)
            {
                gic.log.Once($"its command {(byte)command:x}", LogLevel.Warning, $"gic: ITS command {command} for device 0x{device:x}, event 0x{eventId:x} skipped: {problem}");
            }
        }

        /// <summary>RDbase, bits 50:16: a processor number.</summary>
        private static ulong Processor(ulong dw) => dw >> 16 & 0x7_FFFF_FFFF;

        private string? MapDevice(uint device, uint eventBits, ulong dw2)
        {
            if (!TryFindDevice(device, out var entry))
            {
                return "the device table has no such entry";
            }

            ForgetTranslations();
            if ((dw2 & Gits.Valid) == 0)
            {
                return TryWrite64(entry, 0) ? null : "the device table is not in RAM";
            }

            if (eventBits + 1 > Gits.EventIdBits)
            {
                return $"{eventBits + 1} bits of EventID, at most {Gits.EventIdBits} are implemented";
            }

            return TryWrite64(entry, Gits.Valid | (dw2 & Gits.IttAddress) | eventBits) ? null : "the device table is not in RAM";
        }

        private string? MapCollection(uint collection, ulong processor, bool valid)
        {
            if (!TryFindEntry(collectionTable, collection, out var entry))
            {
                return $"the collection table has no entry {collection}";
            }

            if (valid && processor >= (ulong)gic.vcpus.Length)
            {
                return $"there is no redistributor {processor}";
            }

            ForgetTranslations();
            return TryWrite64(entry, valid ? Gits.Valid | processor : 0) ? null : "the collection table is not in RAM";
        }

        private string? MapEvent(uint device, uint eventId, uint intid, uint collection)
        {
            if (!TryFindEvent(device, eventId, out var entry, out var problem))
            {
                return problem;
            }

            if (intid is < Lpi.First or >= Lpi.End)
            {
                return $"INTID {intid} is not an LPI";
            }

            if (!TryFindEntry(collectionTable, collection, out _))
            {
                return $"the collection table has no entry {collection}";
            }

            ForgetTranslations();
            if (!TryWriteEvent(entry, intid, collection))
            {
                return "the translation table is not in RAM";
            }

            if (TryFindTarget(collection, out var target))
            {
                LoadConfiguration(target, intid);
            }

            return null;
        }

        private string? MoveEvent(uint device, uint eventId, uint collection)
        {
            if (!TryFindEvent(device, eventId, out var entry, out var problem))
            {
                return problem;
            }

            if (!TryReadEvent(entry, out var intid, out var oldCollection))
            {
                return "the event is not mapped";
            }

            if (!TryFindTarget(collection, out var target))
            {
                return $"collection {collection} is not mapped";
            }

            ForgetTranslations();
            if (!TryWriteEvent(entry, intid, collection))
            {
                return "the translation table is not in RAM";
            }

            if (TryFindTarget(oldCollection, out var old) && old != target && ClearPending(old, intid))
            {
                SetPending(target, intid);
            }

            return null;
        }

        private string? MoveAll(ulong from, ulong to)
        {
            if (from >= (ulong)gic.vcpus.Length || to >= (ulong)gic.vcpus.Length)
            {
                return $"there is no redistributor {Math.Max(from, to)}";
            }

            var (a, b) = (gic.vcpus[from], gic.vcpus[to]);
            if (a == b || a.Lpis is not { Count: > 0 } source)
            {
                return null;
            }

            if (!b.LpisEnabled || b.Lpis is not { } destination)
            {
                return $"LPIs are disabled on redistributor {to}";
            }

            if (destination.Count == 0)
            {
                (a.Lpis, b.Lpis) = (destination, source);
            }
            else
            {
                destination.TakeFrom(source);
            }

            gic.Refresh(a);
            gic.Refresh(b);
            return null;
        }

        private string? OnEvent(ItsCommand command, uint device, uint eventId)
        {
            if (!TryFindEvent(device, eventId, out var entry, out var problem))
            {
                return problem;
            }

            if (!TryReadEvent(entry, out var intid, out var collection))
            {
                return "the event is not mapped";
            }

            var mapped = TryFindTarget(collection, out var target);
            if (command == ItsCommand.DISCARD)
            {
                ForgetTranslations();
                if (mapped)
                {
                    ClearPending(target, intid);
                }

                return TryWrite64(entry, 0) ? null : "the translation table is not in RAM";
            }

            if (!mapped)
            {
                return $"collection {collection} is not mapped";
            }

            switch (command)
            {
                case ItsCommand.INT:
                    SetPending(target, intid);
                    break;
                case ItsCommand.CLEAR:
                    ClearPending(target, intid);
                    break;
                default:
                    LoadConfiguration(target, intid);
                    break;
            }

            return null;
        }

        private string? InvalidateCollection(uint collection)
        {
            if (!TryFindTarget(collection, out var target))
            {
                return $"collection {collection} is not mapped";
            }

            if (!staleConfiguration.Contains(target))
            {
                staleConfiguration.Add(target);
            }

            return null;
        }
    }
}
