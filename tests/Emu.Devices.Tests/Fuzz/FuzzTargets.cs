// Every kind of device that the hostile driver plays with. A new device adds itself here.
using System.Buffers.Binary;
using Emu.Devices.Pci;
using Emu.Devices.Serial;
using Emu.Devices.Virtio.Balloon;
using Emu.Devices.Virtio.Block;
using Emu.Devices.Virtio.Console;
using Emu.Devices.Virtio.Pmem;
using Emu.Devices.Virtio.Rng;
using Emu.Devices.Virtio.Rtc;
using Emu.Devices.Virtio.Watchdog;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>The list.</summary>
internal static class FuzzTargets
{
    private static readonly uint[] BlockTypes = [0, 0, 1, 1, 4, 8, 11, 13, 14, 99];

    /// <summary>All kinds.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("blk", b => b.Virtio(new VirtioBlock(new VirtioBlockOptions("blk") { Queues = 3, QueueSize = 64, Serial = "FUZZ" }, new FuzzDisk(false), b.Clock, b.Log)), Block),
        new("blk-readonly", b => b.Virtio(new VirtioBlock(new VirtioBlockOptions("blk"), new FuzzDisk(true), b.Clock, b.Log)), Block),
        new("console", Console, (random, queue) => new FuzzRequest(queue == 0 ? [] : FuzzTarget.Noise(random, random.Next(64)), queue == 0 ? random.Next(64) : 0)),
        new("rng", b => b.Virtio(new VirtioRng("rng", b.Clock, 5)), (random, _) => new FuzzRequest([], random.Next(256))),
        new("balloon", Balloon, BalloonPages),
        new("pmem", Pmem, (random, _) => new FuzzRequest([(byte)random.Next(2), 0, 0, 0], 4)),
        new("watchdog", b => b.Virtio(new VirtioWatchdog("watchdog", b.Clock, b.Control, b.Log)), (random, _) => new FuzzRequest([], random.Next(3))),
        new("rtc", b => b.Virtio(new VirtioRtc("rtc", b.Clock)), Rtc),
        new("net", NetTargets.Card, NetTargets.Packet),
        new("vsock", NetTargets.Sockets, NetTargets.SocketPacket),
        new("iommu", IommuTargets.Iommu, IommuTargets.Request),
        new("blk-iommu", IommuTargets.Disk, Block),
        new("pvpanic", b => new FuzzSubject(new Pvpanic(b.Control, b.Log)), (_, _) => default),
        new("echo", b => b.Virtio(new EchoDevice()), (random, _) => new FuzzRequest(FuzzTarget.Noise(random, random.Next(64)), random.Next(64))),
    ];

    private static FuzzRequest Block(Random random, int queue)
    {
        var type = BlockTypes[random.Next(BlockTypes.Length)];
        var ranges = type is 11 or 13;
        var message = new byte[16 + (ranges ? random.Next(1, 4) * 16 : type == 1 ? random.Next(5) * 512 : 0)];
        BinaryPrimitives.WriteUInt32LittleEndian(message, type);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(8), (ulong)random.Next(2100));
        for (var at = 16; ranges && at < message.Length; at += 16)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(at), (ulong)random.Next(2100));
            BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(at + 8), (uint)random.Next(64));
            BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(at + 12), (uint)(random.Next(8) == 0 ? random.Next(4) : 0));
        }

        return new FuzzRequest(message, (type == 0 ? random.Next(5) * 512 : type == 8 ? 20 : 0) + 1);
    }

    private static FuzzSubject Console(FuzzBench bench)
    {
        var backend = new CountingBackend();
        var console = new VirtioConsole(new VirtioConsoleOptions("console", 80, 25), backend);
        backend.Start(console.Input);
        return bench.Virtio(console) with
        {
            HostEvent = random =>
            {
                backend.Type(FuzzTarget.Noise(random, random.Next(100)));
                console.Resize((ushort)random.Next(3), 25);
            },
        };
    }

    private static unsafe FuzzSubject Balloon(FuzzBench bench)
    {
        var balloon = new VirtioBalloon(new VirtioBalloonOptions("balloon", FreePageReporting: true), bench.Memory, (region, offset, length) =>
        {
            Assert.True(((offset | length) & 0xFFF) == 0 && offset <= region.Length && length <= region.Length - offset);
            new Span<byte>(region.Host + offset, (int)length).Clear();
        }, bench.Clock);
        return bench.Virtio(balloon) with { HostEvent = random => balloon.Resize((ulong)random.Next(16) << 12) };
    }

    private static FuzzRequest BalloonPages(Random random, int queue)
    {
        if (queue == 2)
        {
            return new FuzzRequest([], random.Next(1 << 14));
        }

        // Pages of the arena only, mostly: the driver's own rings would be gone all the time.
        var list = new byte[random.Next(20) * 4];
        var page = (uint)((PciHarness.RamBase + HostileDriver.Arena) >> 12);
        for (var at = 0; at < list.Length; at += 4)
        {
            page = random.Next(40) == 0 ? (uint)random.Next() : page + (uint)random.Next(3);
            BinaryPrimitives.WriteUInt32LittleEndian(list.AsSpan(at), page);
        }

        return new FuzzRequest(list, 0);
    }

    private static unsafe FuzzSubject Pmem(FuzzBench bench)
    {
        const ulong Start = 0x1_0000_0000;
        var path = Path.GetTempFileName();
        using (var content = File.OpenWrite(path))
        {
            content.SetLength((long)PmemFile.Granularity);
        }

        var file = new PmemFile(path, discardWrites: true);
        File.Delete(path);
        bench.Memory.AddRam("pmem", Start, file.Length, file.Pointer);
        return bench.Virtio(new VirtioPmem("pmem", file, Start, bench.Clock, bench.Log)) with { Release = file.Dispose };
    }

    private static FuzzRequest Rtc(Random random, int queue)
    {
        var message = new byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(message, (ushort)((random.Next(2) * 0x1000) + random.Next(4)));
        message[8] = (byte)(random.Next(8) == 0 ? 1 : 0);
        return new FuzzRequest(message, 16);
    }

    /// <summary>Swallows output.</summary>
    private sealed class CountingBackend : ICharBackend
    {
        private readonly InputQueue queue = new();

        public void Type(ReadOnlySpan<byte> data) => queue.Enqueue(data);

        public void Write(ReadOnlySpan<byte> data) { }

        public void Start(ICharSink sink) => queue.Attach(sink);

        public void Resume() => queue.Resume();

        public void Flush() { }

        public void CancelWaits() { }

        public void Dispose() { }
    }
}
