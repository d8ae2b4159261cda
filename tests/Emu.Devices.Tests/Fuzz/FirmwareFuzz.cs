// The hostile driver of flash and fw_cfg: commands, requests and registers by chance, host failures, and snapshots in between.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Firmware;
using Emu.Devices.Tests.Storage;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>Both devices, each with a run of its own.</summary>
internal static class FirmwareFuzz
{
    /// <summary>A device lives for so many operations; then a new one starts.</summary>
    private const long OperationsPerDevice = 50_000;

    private static readonly int[] Sizes = [4, 4, 4, 4, 2, 1, 8];

    /// <summary>Plays with fw_cfg until so many operations are done.</summary>
    public static FuzzResult PlayFwCfg(int seed, long operations) => Play("fw-cfg", seed, operations, static s => new Configuration(s));

    /// <summary>Plays with the flash until so many operations are done.</summary>
    public static FuzzResult PlayFlash(int seed, long operations) => Play("cfi-flash", seed, operations, static s => new Bank(s));

    private static FuzzResult Play(string name, int seed, long operations, Func<int, Player> create)
    {
        var result = new FuzzResult(name, 0, 0, 0, 0, 0);
        for (var round = 0; result.Operations < operations; round++)
        {
            using var player = create((seed * 7919) + round);
            for (var left = Math.Min(OperationsPerDevice, operations - result.Operations); left > 0; left--)
            {
                player.Step();
                FuzzRun.Progress();
                result = result with { Operations = result.Operations + 1 };
            }

            player.Check();
            result = result with { Requests = result.Requests + player.Requests, Returned = result.Returned + player.Returned };
        }

        return result;
    }

    private abstract class Player(int seed) : IDisposable
    {
        protected Random Random { get; } = new(seed);

        protected PciHarness Harness { get; } = new();

        public long Requests { get; protected set; }

        public long Returned { get; protected set; }

        public abstract void Step();

        public abstract void Check();

        public virtual void Dispose()
        {
            Harness.AssertGuardsIntact();
            Harness.Dispose();
        }

        protected ulong Wild() => Random.Next(4) switch
        {
            0 => (ulong)Random.NextInt64(long.MinValue, long.MaxValue),
            1 => ulong.MaxValue - (ulong)Random.Next(0x2000),
            2 => PciHarness.RamBase + PciHarness.RamSize - (ulong)Random.Next(0x2000),
            _ => PciHarness.RamBase + (ulong)Random.Next((int)PciHarness.RamSize),
        };
    }

    /// <summary>fw_cfg.</summary>
    private sealed class Configuration : Player
    {
        private const ulong Request = PciHarness.RamBase + 0x10_0000, Target = PciHarness.RamBase + 0x20_0000;
        private const int KernelLength = 100_000;
        private const uint ReadAndSelect = 2 | 8;
        private readonly FwCfg device;

        public Configuration(int seed)
            : base(seed)
        {
            device = Make();
            Harness.Memory.AddMmio("fw_cfg", 0x0903_0000, FwCfg.RegistersLength, device);
        }

        public override void Step()
        {
            switch (Random.Next(100))
            {
                case 0:
                    var state = PciHarness.Save(device);
                    var copy = Make();
                    PciHarness.Restore(copy, state);
                    Assert.Equal(state, PciHarness.Save(copy));
                    break;
                case 1:
                    device.Reset();
                    break;
                case < 30:
                    device.Read((ulong)Random.Next(0x18), Sizes[Random.Next(Sizes.Length)]);
                    break;
                case < 45:
                    device.Write((ulong)Random.Next(0x18), Sizes[Random.Next(Sizes.Length)], Wild());
                    break;
                case < 60:
                    device.Write(8, 2, (ulong)Random.Next(0x40) << 8);
                    break;
                case < 65:
                    device.Write(0x10, 8, BinaryPrimitives.ReverseEndianness(Wild()));
                    break;
                case < 90:
                    Ask((uint)Random.Next(64) | ((uint)Random.Next(0x24) << 16), Random.Next(8) == 0 ? (uint)Wild() : (uint)Random.Next(0x4000), Random.Next(3) == 0 ? Wild() : Target);
                    break;
                default:
                    Check();
                    break;
            }
        }

        /// <summary>A request that is right gives what the item has.</summary>
        public override void Check()
        {
            var length = (uint)Random.Next(1, KernelLength + 100);
            Assert.Equal(0u, Ask(ReadAndSelect | ((uint)FwCfgItem.KernelData << 16), length, Target));
            var at = Random.Next((int)length);
            Assert.Equal(at < KernelLength ? (byte)(at * 7) : 0UL, Harness.Memory.Read(Target + (ulong)at, 1));
            Returned++;
        }

        private uint Ask(uint control, uint length, ulong address)
        {
            Requests++;
            Span<byte> request = stackalloc byte[16];
            BinaryPrimitives.WriteUInt32BigEndian(request, control);
            BinaryPrimitives.WriteUInt32BigEndian(request[4..], length);
            BinaryPrimitives.WriteUInt64BigEndian(request[8..], address);
            Assert.True(Harness.Memory.TryWriteRam(Request, request));
            device.Write(0x10, 8, BinaryPrimitives.ReverseEndianness(Request));
            return BinaryPrimitives.ReverseEndianness((uint)Harness.Memory.Read(Request, 4));
        }

        private FwCfg Make()
        {
            var made = new FwCfg(Harness.Memory, Log.Null);
            made.Add(FwCfgItem.KernelData, KernelLength, static (offset, destination) =>
            {
                for (var i = 0; i < destination.Length; i++)
                {
                    destination[i] = (byte)((offset + i) * 7);
                }
            });
            made.Add(FwCfgItem.InitrdData, 100, static (_, _) => throw new EmuException("gone"));
            made.AddFile("etc/a", "first"u8.ToArray());
            made.Seal();
            return made;
        }
    }

    /// <summary>The flash, with a file under it that fails now and then.</summary>
    private sealed class Bank : Player
    {
        private const ulong Base = 0x0400_0000;
        private const uint Length = 2 * CfiFlash.BlockBytes;
        private static readonly byte[] Commands = [0x10, 0x20, 0x20, 0x40, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xB0, 0xD0, 0xD0, 0xD0, 0xE8, 0xE8, 0xFF, 0xFF, 0x01, 0x2F, 0x00];
        private readonly FaultyFile file = new(new byte[Length]);
        private readonly CfiFlash bank;
        private uint place;

        public Bank(int seed)
            : base(seed) => bank = new CfiFlash(Harness.Memory, Base, new FlashStore(file));

        public override void Step()
        {
            place = Random.Next(4) == 0 ? (uint)Random.Next((int)Length) & ~3u : Math.Min(place + 4, Length - 4);
            switch (Random.Next(1000))
            {
                case 0:
                    Check();
                    break;
                case 1:
                    SaveAndRestore();
                    break;
                case 2:
                    bank.Reset();
                    break;
                case 3:
                    file.ChangesLeft = file.ChangesLeft < 100 ? int.MaxValue : Random.Next(3);
                    break;
                case < 20:
                    Buffered();
                    break;
                case < 200:
                    Harness.Memory.Read(Base + place + (ulong)Random.Next(4), 1);
                    break;
                case < 300:
                    bank.Read((ulong)Random.Next((int)Length + 8), Sizes[Random.Next(Sizes.Length)]);
                    break;
                case < 400:
                    bank.Write((ulong)Random.Next((int)Length + 8), Sizes[Random.Next(Sizes.Length)], Wild());
                    break;
                default:
                    var command = (ulong)Commands[Random.Next(Commands.Length)];
                    Harness.Memory.Write(Base + place, Random.Next(8) == 0 ? 2 : 4, command | (command << 16));
                    break;
            }
        }

        /// <summary>The file has what the guest reads, unless it failed; an erase and a program that are right are done.</summary>
        public override void Check()
        {
            file.ChangesLeft = int.MaxValue;
            bank.Reset();
            var block = place & ~(CfiFlash.BlockBytes - 1);
            Write(block, 0x0020_0020, 0x00D0_00D0, 0x0040_0040, 0x1234_5678, 0x00FF_00FF);
            Assert.Equal(0x1234_5678UL, Harness.Memory.Read(Base + block, 4));
            Assert.Equal(0xFFFF_FFFFUL, Harness.Memory.Read(Base + block + 4, 4));
            var contents = new byte[Length];
            Assert.True(Harness.Memory.FindRam(Base) is not null || Shown());
            Assert.True(Harness.Memory.TryReadRam(Base, contents));
            Assert.True(contents.AsSpan().SequenceEqual(file.Content));
            Returned++;
        }

        public override void Dispose()
        {
            bank.Dispose();
            base.Dispose();
        }

        /// <summary>Reads until the memory is shown.</summary>
        private bool Shown()
        {
            for (var i = 0; i < 100; i++)
            {
                bank.Read(0, 4);
            }

            return Harness.Memory.FindRam(Base) is not null;
        }

        private void Buffered()
        {
            var words = (uint)Random.Next(1, 34);
            Write(place, 0x00E8_00E8, (words - 1) * 0x0001_0001);
            for (uint i = 0; i < words; i++)
            {
                Write(Math.Min(place + (i * 4), Length - 4), (uint)Random.Next());
            }

            Write(place, Random.Next(4) == 0 ? 0x00FF_00FFu : 0x00D0_00D0u);
            Requests++;
        }

        private void SaveAndRestore()
        {
            file.ChangesLeft = int.MaxValue;
            var state = PciHarness.Save(bank);
            bank.Write(place, 4, 0x0020_0020);
            bank.Write(place, 4, 0x00D0_00D0);
            PciHarness.Restore(bank, state);
            Assert.Equal(state, PciHarness.Save(bank));
        }

        private void Write(uint offset, params ReadOnlySpan<uint> values)
        {
            foreach (var value in values)
            {
                bank.Write(offset, 4, value);
            }
        }
    }
}
