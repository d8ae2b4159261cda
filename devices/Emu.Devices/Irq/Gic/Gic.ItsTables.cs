// The ITS's tables in guest memory: devices (flat or two-level), collections, and each device's interrupt translation table.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Irq;

public sealed partial class Gic
{
    // Entries, 8 bytes each, all with Valid in bit 63 and zero when unmapped:
    //   device       ITT address [51:8], EventID bits minus one [4:0]
    //   collection   processor number [15:0]
    //   translation  collection [47:32], INTID [31:0]
    private sealed partial class Its
    {
        private const ulong EventBitsField = 0x1F;
        private const ulong ProcessorField = 0xFFFF;
        private const int CollectionShift = 32;

        /// <summary>Finds the LPI and the vCPU of an event.</summary>
        private bool TryTranslate(uint device, uint eventId, out uint intid, out GicVcpu target)
        {
            target = null!;
            return TryFindEvent(device, eventId, out var address, out _) && TryReadEvent(address, out intid, out var collection)
                ? TryFindTarget(collection, out target)
                : Fail(out intid);
        }

        private static bool Fail(out uint intid)
        {
            intid = 0;
            return false;
        }

        /// <summary>The address of an event's translation entry: the device must be mapped and the EventID in its range.</summary>
        private bool TryFindEvent(uint device, uint eventId, out ulong address, out string problem)
        {
            address = 0;
            if (!TryFindDevice(device, out var entry) || !TryRead64(entry, out var d) || (d & Gits.Valid) == 0)
            {
                problem = "its device is not mapped";
                return false;
            }

            if (eventId >> (int)((d & EventBitsField) + 1) != 0)
            {
                problem = "its EventID is out of range";
                return false;
            }

            problem = "";
            address = (d & Gits.IttAddress) + (eventId * Gits.EntryBytes);
            return true;
        }

        private bool TryReadEvent(ulong address, out uint intid, out uint collection)
        {
            var ok = TryRead64(address, out var e);
            intid = (uint)e;
            collection = (uint)(e >> CollectionShift) & 0xFFFF;
            return ok && (e & Gits.Valid) != 0 && intid is >= Lpi.First and < Lpi.End;
        }

        private bool TryWriteEvent(ulong address, uint intid, uint collection) =>
            TryWrite64(address, Gits.Valid | ((ulong)collection << CollectionShift) | intid);

        /// <summary>The vCPU of a collection.</summary>
        private bool TryFindTarget(uint collection, out GicVcpu target)
        {
            target = null!;
            if (!TryFindEntry(collectionTable, collection, out var address) || !TryRead64(address, out var c) || (c & Gits.Valid) == 0
                || (c & ProcessorField) >= (ulong)gic.vcpus.Length)
            {
                return false;
            }

            target = gic.vcpus[c & ProcessorField];
            return true;
        }

        private bool TryFindDevice(uint device, out ulong address)
        {
            address = 0;
            return device >> (int)Gits.DeviceIdBits == 0 && TryFindEntry(deviceTable, device, out address);
        }

        /// <summary>The address of an entry of a table that a BASER describes (IHI 0069, 5.2: pages of 4, 16 or 64 KiB; one or two levels).</summary>
        private bool TryFindEntry(ulong baser, uint index, out ulong address)
        {
            address = 0;
            if ((baser & Gits.Valid) == 0)
            {
                return false;
            }

            var pageBits = (baser >> 8 & 3) switch { 0 => 12, 1 => 14, _ => 16 };
            var pageSize = 1UL << pageBits;
            var start = baser & Gits.BASER_Address & ~(pageSize - 1);
            if (pageBits == 16)
            {
                // With 64 KiB pages, bits 15:12 hold bits 51:48 of the address.
                start |= (baser >> 12 & 0xF) << 48;
            }

            var length = ((baser & 0xFF) + 1) << pageBits;
            var offset = index * Gits.EntryBytes;
            if ((baser & Gits.BASER_Indirect) == 0)
            {
                address = start + offset;
                return offset < length;
            }

            var first = (offset >> pageBits) * 8;
            if (first >= length || !TryRead64(start + first, out var page) || (page & Gits.Valid) == 0)
            {
                return false;
            }

            address = (page & Gits.PageAddress & ~(pageSize - 1)) + (offset & (pageSize - 1));
            return true;
        }

        private bool TryRead64(ulong address, out ulong value)
        {
            Span<byte> bytes = stackalloc byte[8];
            var ok = memory.TryReadRam(address, bytes);
            value = ok ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
            return ok;
        }

        private bool TryWrite64(ulong address, ulong value)
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            return memory.TryWriteRam(address, bytes);
        }
    }
}
