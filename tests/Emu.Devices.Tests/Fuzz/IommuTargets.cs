// The IOMMU under a hostile driver, and a disk behind one whose mappings come and go.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Virtio;
using Emu.Devices.Virtio.Block;
using Emu.Devices.Virtio.Iommu;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>The targets.</summary>
internal static class IommuTargets
{
    private const ulong Buffers = PciHarness.RamBase + HostileDriver.Arena;
    private const ulong MessageWindow = 0x0804_0000;
    private static readonly uint[] Numbers = [0, 1, 2, 8, 16, 0x1_0008, uint.MaxValue];

    /// <summary>The IOMMU itself, with two devices behind it that look something up now and then.</summary>
    public static FuzzSubject Iommu(FuzzBench bench)
    {
        var table = new IommuTable(48);
        IDmaTranslation[] devices = [table.CreateEndpoint(), table.CreateEndpoint()];
        table.Place(devices[0], 8);
        table.Place(devices[1], 0x1_0008);
        return bench.Virtio(new VirtioIommu("iommu", table, MessageWindow, MessageWindow + 0xFFFF)) with
        {
            HostEvent = random =>
            {
                var address = Address(random);
                if (devices[random.Next(2)].TryTranslate(address, random.Next(2) == 0, out var physical, out var length))
                {
                    Assert.True(length != 0 && physical + (length - 1) >= physical && ((physical ^ address) & 0xFFF) == 0);
                }

                if (bench.Clock is DeterministicClock)
                {
                    var saved = Save(table);
                    table.Restore(new SnapshotReader(new MemoryStream(saved)));
                    Assert.Equal(saved, Save(table));
                }
            },
        };
    }

    /// <summary>A request that has a chance to be right.</summary>
    public static FuzzRequest Request(Random random, int queue)
    {
        if (queue == 1)
        {
            return new FuzzRequest([], random.Next(8) == 0 ? random.Next(24) : 24);
        }

        var type = random.Next(1, random.Next(20) == 0 ? 9 : 6);
        var message = new byte[type switch { 1 or 2 => 20, 3 => 36, 4 => 28, _ => 72 }];
        message[0] = (byte)type;
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), Numbers[random.Next(Numbers.Length)]);
        if (type <= 2)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), Numbers[random.Next(Numbers.Length)]);
            message[12] = (byte)(type == 1 && random.Next(10) == 0 ? 1 : 0);
        }
        else if (type <= 4)
        {
            var start = Address(random);
            BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(8), start);
            BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(16), start + ((ulong)random.Next(1, type == 3 ? 8 : 4096) << 12) - 1);
            if (type == 3)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(24), PciHarness.RamBase + ((ulong)random.Next(4096) << 12));
                message[32] = (byte)random.Next(4);
            }
        }

        return new FuzzRequest(message, type == 5 ? 68 : 4);
    }

    /// <summary>A disk whose view of memory is mostly the machine's own, with holes and detours.</summary>
    public static FuzzSubject Disk(FuzzBench bench)
    {
        const uint Domain = 1, Endpoint = 8;
        var table = new IommuTable(64);
        var view = table.CreateEndpoint();
        table.Place(view, Endpoint);
        var disk = new VirtioBlock(new VirtioBlockOptions("blk") { Queues = 2, QueueSize = 64 }, new FuzzDisk(false), bench.Clock, bench.Log);
        return bench.Virtio(disk, view) with
        {
            HostEvent = random =>
            {
                switch (random.Next(16))
                {
                    case 0:
                        table.Unmap(Domain, 0, ulong.MaxValue);
                        break;
                    case 1:
                        table.Detach(Domain, Endpoint);
                        break;
                    case 2:
                        var at = Address(random);
                        table.Map(Domain, new IommuMapping(at, at + 0xFFFF, Address(random), (IommuAccess)random.Next(4)));
                        break;
                    case 3:
                        table.Bypass = random.Next(4) != 0;
                        break;
                    case < 8:
                        // Buffers page by page, and the pages shuffled: no request stays in one piece.
                        table.Attach(Domain, Endpoint, false);
                        table.Unmap(Domain, 0, ulong.MaxValue);
                        table.Map(Domain, new IommuMapping(PciHarness.RamBase, Buffers - 1, PciHarness.RamBase, IommuAccess.All));
                        for (var page = Buffers; page < PciHarness.RamBase + PciHarness.RamSize; page += 0x1000)
                        {
                            table.Map(Domain, new IommuMapping(page, page + 0xFFF, page ^ 0x3000, IommuAccess.All));
                        }

                        break;
                    default:
                        table.Attach(Domain, Endpoint, false);
                        table.Map(Domain, new IommuMapping(PciHarness.RamBase, PciHarness.RamBase + PciHarness.RamSize - 1, PciHarness.RamBase, IommuAccess.All));
                        break;
                }
            },
        };
    }

    private static byte[] Save(IommuTable table)
    {
        using var stream = new MemoryStream();
        table.Save(new SnapshotWriter(stream));
        return stream.ToArray();
    }

    private static ulong Address(Random random) => random.Next(8) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => ulong.MaxValue - (ulong)random.Next(0x2000),
        2 => MessageWindow + (ulong)random.Next(0x2000),
        _ => (ulong)random.Next(4096) << 12,
    };
}
