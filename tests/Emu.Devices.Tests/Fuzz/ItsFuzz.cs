// The hostile driver of the ITS: registers, commands and tables by chance, messages, and snapshots in between.
using Emu.Core;
using Emu.Devices.Irq;
using static Emu.Devices.Tests.GicHarness;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>A GIC with an ITS and three vCPUs, and RAM between guard zones.</summary>
internal sealed class ItsFuzz : IDisposable
{
    private const ulong Ram = PciHarness.RamBase, ItsBase = 0x0800_0000, Doorbell = ItsBase + 0x1_0040;
    private const ulong DeviceTable = Ram, CollectionTable = Ram + 0x8_0000, Queue = Ram + 0x9_0000, Configuration = Ram + 0xA_0000;
    private const ulong Pending = Ram + 0xC_0000, Itt = Ram + 0x20_0000;
    private const uint Ctlr = 0, Cbaser = 0x80, Cwriter = 0x88, Baser = 0x100;
    private const int Vcpus = 3;
    private static readonly int[] Sizes = [1, 2, 4, 8, 8, 8, 3, -1];
    private static readonly uint[] Registers = [Ctlr, Cbaser, Cwriter, 0x90, Baser, Baser + 8, 0x1_0040];
    private static readonly byte[] Commands = [1, 3, 4, 5, 8, 8, 9, 9, 10, 10, 10, 11, 12, 13, 14, 15];

    private readonly PciHarness harness = new();
    private readonly Random random;
    private readonly Gic gic;
    private readonly RecordingCpu[] cpus;
    private ulong written;

    /// <param name="seed">Of everything.</param>
    public ItsFuzz(int seed)
    {
        random = new Random(seed);
        cpus = [.. Enumerable.Range(0, Vcpus).Select(_ => new RecordingCpu())];
        gic = Make(cpus);
    }

    public long Operations { get; private set; }

    public long CommandCount { get; private set; }

    public long Interrupts => cpus.Sum(c => c.Calls);

    /// <summary>Plays until so many operations are done.</summary>
    public static FuzzResult Play(int seed, long operations)
    {
        const int OperationsPerGic = 250_000;
        var result = new FuzzResult("its", 0, 0, 0, 0, 0);
        for (var round = 0; result.Operations < operations; round++)
        {
            using var fuzz = new ItsFuzz((seed * 7919) + round);
            var goal = Math.Min(OperationsPerGic, operations - result.Operations);
            while (fuzz.Operations < goal)
            {
                fuzz.Step();
                FuzzRun.Progress();
            }

            fuzz.SaveAndRestore();
            result = result with
            {
                Operations = result.Operations + fuzz.Operations,
                Requests = result.Requests + fuzz.CommandCount,
                Interrupts = result.Interrupts + fuzz.Interrupts,
            };
        }

        return result;
    }

    public void Dispose()
    {
        harness.AssertGuardsIntact();
        harness.Dispose();
    }

    private void Step()
    {
        switch (random.Next(Operations == 0 ? 1 : 2000))
        {
            case < 8:
                Start();
                break;
            case 8:
                SaveAndRestore();
                break;
            case < 25:
                Set(Registers[random.Next(Registers.Length)] + ((uint)random.Next(2) * 4), Value(), Sizes[random.Next(Sizes.Length)]);
                break;
            case < 200:
                Operations++;
                gic.ItsFrames!.Read((ulong)random.Next(0x2_0000), Sizes[random.Next(Sizes.Length)]);
                break;
            case < 205:
                Redistributor(random.Next(Vcpus), (ulong)(random.Next(2) == 0 ? 0x70 : 0x78), Value(), 8);
                Redistributor(random.Next(Vcpus), 0, (ulong)random.Next(2), 4);
                break;
            case < 250:
                harness.Memory.Write(Ram + ((ulong)random.Next(0x10_0000) & ~7ul), 8, Value());
                break;
            case < 1000:
                Command();
                break;
            case < 1400:
                Operations += 2;
                var vcpu = random.Next(Vcpus);
                var intid = gic.ReadSystemRegister(vcpu, Encode(12, 12, 0), 1, false);
                gic.WriteSystemRegister(vcpu, Encode(12, 12, 1), 1, false, random.Next(20) == 0 ? (ulong)random.Next(0x1_0400) : intid);
                break;
            default:
                Operations++;
                gic.Msi!.Send(random.Next(50) == 0 ? Value() : Doorbell, (uint)random.Next(40), (uint)random.Next(random.Next(50) == 0 ? 0x2_0000 : 16));
                break;
        }
    }

    /// <summary>The way Linux brings everything up.</summary>
    private void Start()
    {
        gic.DistributorFrame.Write(0, 4, 3);
        Set(Ctlr, 0, 4);
        Set(Baser, (1UL << 63) | DeviceTable | (2UL << 8) | 7, 8);
        Set(Baser + 8, (1UL << 63) | CollectionTable, 8);
        Set(Cbaser, (1UL << 63) | Queue | 15, 8);
        written = 0;
        for (var i = 0; i < Vcpus; i++)
        {
            gic.WriteSystemRegister(i, PMR, 1, false, 0xF8);
            gic.WriteSystemRegister(i, Encode(12, 12, 7), 1, false, 1);
            Redistributor(i, 0x70, Configuration | 15, 8);
            Redistributor(i, 0x78, Pending + ((ulong)i * 0x1_0000), 8);
            Redistributor(i, 0, 1, 4);
        }

        Set(Ctlr, 1, 4);
    }

    /// <summary>A command that may well be right: few devices, events, interrupts and collections, so that they meet.</summary>
    private void Command()
    {
        var at = Queue + written;
        var command = Commands[random.Next(Commands.Length)];
        var device = (ulong)(uint)random.Next(16) << 32;
        var wild = random.Next(20) == 0;
        var eventId = (ulong)(uint)random.Next(40) | ((ulong)(uint)random.Next(8190, 8240) << 32);
        var collection = (ulong)random.Next(5);
        harness.Memory.Write(at, 8, wild ? Value() : command | device);
        harness.Memory.Write(at + 8, 8, wild ? Value() : command == 8 ? (ulong)random.Next(8) : eventId);
        harness.Memory.Write(at + 16, 8, wild ? Value() : command switch
        {
            8 => ((ulong)random.Next(2) << 63) | (Itt + ((ulong)random.Next(32) << 12)),
            9 => ((ulong)(random.Next(4) == 0 ? 0 : 1) << 63) | ((ulong)random.Next(4) << 16) | collection,
            14 => (ulong)random.Next(4) << 16,
            _ => collection,
        });
        harness.Memory.Write(at + 24, 8, wild ? Value() : (ulong)random.Next(4) << 16);
        harness.Memory.Write(Configuration + (ulong)random.Next(64), 1, (ulong)random.Next(256) | 1);
        written = (written + 32) % 0x1_0000;
        CommandCount++;
        Set(Cwriter, written, 8);
    }

    private void SaveAndRestore()
    {
        Operations++;
        var state = PciHarness.Save(gic);
        var copy = Make([.. Enumerable.Range(0, Vcpus).Select(_ => new RecordingCpu())]);
        PciHarness.Restore(copy, state);
        Assert.Equal(state, PciHarness.Save(copy));
    }

    private Gic Make(RecordingCpu[] inputs)
    {
        var g = new Gic([Mpidr(0), Mpidr(1), Mpidr(2)], 64, Log.Null, new ItsOptions(harness.Memory, ItsBase));
        for (var i = 0; i < Vcpus; i++)
        {
            g.Connect(i, inputs[i]);
        }

        return g;
    }

    private void Set(uint offset, ulong value, int size)
    {
        Operations++;
        gic.ItsFrames!.Write(offset, size, value);
    }

    private void Redistributor(int vcpu, ulong offset, ulong value, int size)
    {
        Operations++;
        gic.RedistributorFrames.Write(((ulong)vcpu * RedistributorStride) + offset, size, value);
    }

    private ulong Value() => random.Next(3) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => (1UL << 63) | (Ram + ((ulong)random.Next(0x1100) << 12)),
        _ => (ulong)random.Next(0x1000) & ~31ul,
    };
}
