// A driver that means harm: requests that are nearly right, rings and registers that are not, resets, BARs that move, and snapshots in between.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Virtio;
using static Emu.Devices.Tests.MockVirtioDriver;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>Plays with one device. Everything it does is a function of the seed, except what threads of the device make of it.</summary>
internal sealed class HostileDriver
{
    /// <summary>Offset in RAM of the buffers that requests use.</summary>
    public const ulong Arena = 0x80_0000;

    private const ulong ArenaSize = 0x40_0000;
    private const ulong Rings = PciHarness.RamBase + 0x10_0000;
    private const ulong RingStride = 0x4000;
    private const ushort LargestRing = 64;
    private const int NegotiationTries = 50;
    private const ushort Next = 1, Write = 2, Indirect = 4, AvailableFlag = 1 << 7, UsedFlag = 1 << 15;
    private static readonly int[] Sizes = [1, 2, 4, 8, 4, 2, 3, 0, -1, 16];
    private static readonly uint[] Regions = [0, 0x10, 0x20, 0x2000, 0x4000, 0x4000, 0x4020, 0x6000, 0x8000, 0x48000, 0x7_FFF0];

    private readonly FuzzBench bench;
    private readonly FuzzTarget target;
    private readonly Random random;
    private readonly IMmioDevice window;
    private readonly bool isVirtio;
    private Ring[] rings = [];
    private ulong features;

    /// <param name="bench">The machine.</param>
    /// <param name="target">What requests look like.</param>
    /// <param name="seed">Of everything.</param>
    public HostileDriver(FuzzBench bench, FuzzTarget target, int seed)
    {
        this.bench = bench;
        this.target = target;
        random = new Random(seed);
        window = bench.Subject.Device.Bars[0].Window;
        isVirtio = bench.Subject.Device is VirtioPciTransport;
    }

    /// <summary>Accesses of the device's registers and configuration space, notifications, moves of time, resets and snapshots so far.</summary>
    public long Operations { get; private set; }

    /// <summary>Requests made available.</summary>
    public long Requests { get; private set; }

    /// <summary>Requests that came back through a split ring, as its index says.</summary>
    public long Returned { get; private set; }

    /// <summary>Times the device asked for a reset.</summary>
    public long Breaks { get; private set; }

    private bool IsPacked => (features & VirtioFeature.RingPacked) != 0;

    /// <summary>Does something.</summary>
    public void Step()
    {
        if (isVirtio && (rings.Length == 0 || random.Next(400) == 0 || (Read(Status, 1) & 0x4F) != 0x0F))
        {
            Start();
        }

        switch (random.Next(isVirtio ? 100 : 20))
        {
            case < 3:
                ConfigurationSpace();
                break;
            case < 6:
                Registers();
                break;
            case 6:
                bench.Subject.HostEvent?.Invoke(random);
                break;
            case 7 when random.Next(20) == 0:
                SaveAndRestore();
                break;
            case 8 when random.Next(10) == 0:
                bench.Harness.Segment.Reset();
                rings = [];
                Operations++;
                break;
            case < 20:
                Advance(100_000);
                break;
            case < 24:
                Scribble();
                break;
            default:
                Request(rings[random.Next(rings.Length)]);
                break;
        }
    }

    private ulong Read(uint offset, int size)
    {
        Operations++;
        return window.Read(offset, size);
    }

    private void Set(uint offset, int size, ulong value)
    {
        Operations++;
        window.Write(offset, size, value);
    }

    /// <summary>Brings the device up as the specification says, with features by chance.</summary>
    private void Start()
    {
        Breaks += (Read(Status, 1) & VirtioStatus.NeedsReset) != 0 ? 1 : 0;
        Returned += IsPacked ? 0 : rings.Sum(r => Math.Min((long)bench.Memory.Read(r.Device + 2, 2), r.Offered));
        for (var tries = 0; tries < NegotiationTries && !TryNegotiate(); tries++)
        {
        }

        var count = (int)Math.Min(Read(QueueCount, 2), 16);
        rings = new Ring[count];
        for (var i = 0; i < count; i++)
        {
            rings[i] = SetUp(i);
        }

        EnableInterrupts();
        Set(Status, 1, 15);
    }

    /// <summary>Features by chance; false when the device refuses them, because one lacks what it needs.</summary>
    private bool TryNegotiate()
    {
        Set(Status, 1, 0);
        Set(Status, 1, 3);
        Set(DeviceFeatureSelect, 4, 0);
        var offered = Read(DeviceFeature, 4);
        Set(DeviceFeatureSelect, 4, 1);
        offered |= Read(DeviceFeature, 4) << 32;
        features = VirtioFeature.Version1 | (offered & (ulong)random.NextInt64(long.MinValue, long.MaxValue));
        Set(DriverFeatureSelect, 4, 0);
        Set(DriverFeature, 4, (uint)features);
        Set(DriverFeatureSelect, 4, 1);
        Set(DriverFeature, 4, features >> 32);
        Set(Status, 1, 11);
        return (Read(Status, 1) & VirtioStatus.FeaturesOk) != 0;
    }

    private void EnableInterrupts()
    {
        const int Vectors = 4;
        for (var v = 0u; v < Vectors; v++)
        {
            Set(0x8000 + (v * 16), 8, 0x0804_0040);
            Set(0x8008 + (v * 16), 8, v);
        }

        Operations++;
        bench.Harness.Segment.WriteConfig(bench.Slot << 3, bench.Subject.Device.Msix!.Offset + 2, 2, 0x8000);
    }

    private Ring SetUp(int index)
    {
        Set(QueueSelect, 2, (ulong)index);
        var size = (ushort)Math.Min(Read(QueueSize, 2), (ulong)(LargestRing >> random.Next(4)));
        var ring = new Ring(index, size, Rings + ((ulong)index * RingStride));
        unsafe
        {
            var start = bench.Memory.TryGetPointer(ring.Descriptors, RingStride, forWrite: true);
            new Span<byte>(start, (int)RingStride).Clear();
        }

        Set(QueueSize, 2, size);
        Set(QueueDesc, 8, random.Next(200) == 0 ? Address() : ring.Descriptors);
        Set(QueueDriver, 8, random.Next(200) == 0 ? Address() : ring.Driver);
        Set(QueueDevice, 8, random.Next(200) == 0 ? Address() : ring.Device);
        Set(QueueVector, 2, (ulong)random.Next(4));
        Set(QueueEnable, 2, random.Next(50) == 0 ? 0u : 1);
        return ring;
    }

    /// <summary>A request: right in the main, one in eight with something wrong.</summary>
    private void Request(Ring ring)
    {
        var (message, reply) = target.Compose(random, ring.Index);
        Span<(ulong Address, uint Length, ushort Flags)> list = stackalloc (ulong, uint, ushort)[8];
        var count = 0;
        var at = PciHarness.RamBase + Arena + (ulong)random.NextInt64((long)ArenaSize - 0x1_0000);
        if (message is { Length: > 0 })
        {
            if (random.Next(10) == 0)
            {
                message[random.Next(message.Length)] ^= (byte)(1 << random.Next(8));
            }

            bench.Memory.TryWriteRam(at, message);
            Split(list, ref count, at, message.Length, 0);
        }

        if (reply > 0)
        {
            Split(list, ref count, random.Next(30) == 0 ? Address() : at + 0x8000, reply, Write);
        }

        if (count == 0)
        {
            return;
        }

        if (random.Next(8) == 0)
        {
            ref var victim = ref list[random.Next(count)];
            switch (random.Next(4))
            {
                case 0:
                    victim.Address = Address();
                    break;
                case 1:
                    victim.Length = Length();
                    break;
                case 2:
                    victim.Flags ^= (ushort)(1 << random.Next(16));
                    break;
                default:
                    victim.Length = 0;
                    break;
            }
        }

        // A ring that overflows is broken: seldom. Seconds pass, for a request of gigabytes takes that long.
        if (++ring.Waiting > ring.Size / 7 && random.Next(40) != 0)
        {
            Advance(int.MaxValue);
        }

        Requests++;
        ring.Offered++;
        if ((features & VirtioFeature.IndirectDescriptors) != 0 && random.Next(2) == 0)
        {
            var table = at + 0xC000;
            for (var i = 0; i < count; i++)
            {
                var last = i == count - 1;
                Descriptor(table + ((ulong)i * 16), list[i].Address, list[i].Length, (ushort)(list[i].Flags | (last || IsPacked ? 0 : Next)), (ushort)(i + 1));
            }

            list[0] = (table, (uint)(count * 16), Indirect);
            count = 1;
        }

        if (IsPacked)
        {
            OfferPacked(ring, list[..count]);
        }
        else
        {
            OfferSplit(ring, list[..count]);
        }

        if (random.Next(8) != 0)
        {
            Set(0x6000 + ((uint)ring.Index * 4), 2, (ulong)ring.Index);
        }
    }

    /// <summary>Cuts a buffer into up to three descriptors.</summary>
    private void Split(Span<(ulong Address, uint Length, ushort Flags)> list, ref int count, ulong address, int length, ushort flags)
    {
        for (var pieces = random.Next(3); pieces > 0 && length > 1; pieces--)
        {
            var part = random.Next(1, length);
            list[count++] = (address, (uint)part, flags);
            address += (ulong)part;
            length -= part;
        }

        list[count++] = (address, (uint)length, flags);
    }

    private void OfferSplit(Ring ring, ReadOnlySpan<(ulong Address, uint Length, ushort Flags)> list)
    {
        var head = ring.Next;
        for (var i = 0; i < list.Length; i++)
        {
            var last = i == list.Length - 1;
            var next = (ushort)((ring.Next + 1) % ring.Size);
            Descriptor(ring.Descriptors + (ring.Next * 16ul), list[i].Address, list[i].Length, (ushort)(list[i].Flags | (last ? 0 : Next)),
                random.Next(100) == 0 ? (ushort)random.Next(0x1_0000) : next);
            ring.Next = next;
        }

        var entry = random.Next(100) == 0 ? (ushort)random.Next(0x1_0000) : head;
        bench.Memory.Write(ring.Driver + 4 + (ulong)(ring.Available % ring.Size * 2), 2, entry);
        ring.Available += (ushort)(random.Next(200) == 0 ? random.Next(0x1_0000) : 1);
        bench.Memory.Write(ring.Driver + 2, 2, ring.Available);
    }

    private void OfferPacked(Ring ring, ReadOnlySpan<(ulong Address, uint Length, ushort Flags)> list)
    {
        for (var i = 0; i < list.Length; i++)
        {
            var last = i == list.Length - 1;
            var flags = (ushort)(list[i].Flags | (last ? 0 : Next) | (ring.Wrap ? AvailableFlag : UsedFlag));
            Descriptor(ring.Descriptors + (ring.Next * 16ul), list[i].Address, list[i].Length,
                random.Next(100) == 0 ? (ushort)random.Next(0x1_0000) : ring.Next, flags);
            if (++ring.Next == ring.Size)
            {
                ring.Next = 0;
                ring.Wrap = !ring.Wrap;
            }
        }
    }

    private void Descriptor(ulong at, ulong address, uint length, ushort word12, ushort word14)
    {
        Span<byte> d = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(d, address);
        BinaryPrimitives.WriteUInt32LittleEndian(d[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(d[12..], word12);
        BinaryPrimitives.WriteUInt16LittleEndian(d[14..], word14);
        bench.Memory.TryWriteRam(at, d);
    }

    /// <summary>Anything into a ring.</summary>
    private void Scribble()
    {
        var ring = rings[random.Next(rings.Length)];
        var area = random.Next(3) switch { 0 => ring.Descriptors, 1 => ring.Driver, _ => ring.Device };
        var length = area == ring.Descriptors ? ring.Size * 16 : area == ring.Driver ? (ring.Size * 2) + 6 : (ring.Size * 8) + 6;
        bench.Memory.Write(area + (ulong)random.Next(length), 1, (ulong)random.Next(256));
    }

    private void Registers()
    {
        var offset = Regions[random.Next(Regions.Length)] + (uint)random.Next(0x20);
        var size = Sizes[random.Next(Sizes.Length)];
        if (random.Next(3) == 0)
        {
            Read(offset, size);
        }
        else
        {
            Set(offset, size, random.Next(2) == 0 ? (ulong)random.Next(4) : (ulong)random.NextInt64(long.MinValue, long.MaxValue));
        }
    }

    private void ConfigurationSpace()
    {
        Operations++;
        var offset = random.Next(4) switch { 0 => random.Next(0x1000), 1 => 0x10 + (random.Next(6) * 4), 2 => 4, _ => 0x40 + random.Next(0x90) };
        var size = random.Next(1, 9);
        if (random.Next(3) == 0)
        {
            bench.Harness.Segment.ReadConfig(bench.Slot << 3, offset, size);
        }
        else
        {
            bench.Harness.Segment.WriteConfig(bench.Slot << 3, offset, size, random.Next(2) == 0 ? (ulong)random.Next(0x10000) : (ulong)random.NextInt64(long.MinValue, long.MaxValue));
        }
    }

    private void Advance(int most)
    {
        Operations++;
        if (bench.Clock is DeterministicClock clock)
        {
            clock.Set(clock.Now + (ulong)random.Next(most));
            clock.RunDueTimers();
        }
        else if (isVirtio && random.Next(4) == 0)
        {
            Thread.Yield();
        }

        if (most == int.MaxValue)
        {
            foreach (var ring in rings)
            {
                ring.Waiting = 0;
            }
        }
    }

    /// <summary>A snapshot taken now is the same after it was restored.</summary>
    private void SaveAndRestore()
    {
        Operations++;
        var segment = bench.Harness.Segment;
        segment.Pause();
        var state = PciHarness.Save(segment);
        PciHarness.Restore(segment, state);
        if (bench.Clock is DeterministicClock)
        {
            Assert.Equal(state, PciHarness.Save(segment));
        }

        segment.Resume();
    }

    private ulong Address() => random.Next(6) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => Rings + (ulong)random.Next(0x8000),
        2 => PciHarness.RamBase + PciHarness.RamSize - (ulong)random.Next(0x2000),
        3 => 0x1_0000_0000 + (ulong)random.Next(0x20_0000),
        4 => PciHarness.RamBase - (ulong)random.Next(64),
        _ => PciHarness.RamBase + Arena + (ulong)random.Next(0x10_0000),
    };

    private uint Length() => random.Next(4) switch
    {
        0 => uint.MaxValue,
        1 => (uint)random.Next(1 << 24),
        2 => (uint)random.NextInt64(1L << 32),
        _ => (uint)random.Next(600),
    };

    /// <summary>The driver's place in a ring.</summary>
    private sealed class Ring(int index, ushort size, ulong start)
    {
        public int Index => index;

        public ushort Size => size;

        public ulong Descriptors => start;

        public ulong Driver => start + 0x1000;

        public ulong Device => start + 0x2000;

        /// <summary>Requests made available.</summary>
        public int Offered { get; set; }

        /// <summary>Requests made available since the device last had much time.</summary>
        public int Waiting { get; set; }

        public ushort Next { get; set; }

        public ushort Available { get; set; }

        public bool Wrap { get; set; } = true;
    }
}
