// The GICv3 ITS: registers, commands with tables in guest memory, messages that reach the right vCPU, and LPIs in the redistributors.
using Emu.Core;
using Emu.Devices.Irq;
using static Emu.Devices.Tests.GicHarness;

namespace Emu.Devices.Tests;

public sealed unsafe class GicItsTests : IDisposable
{
    private const ulong Ram = 0x4000_0000, RamSize = 8 << 20, ItsBase = 0x0800_0000, Doorbell = ItsBase + 0x1_0040;
    private const ulong DeviceTable = Ram, CollectionTable = Ram + 0x8_0000, Queue = Ram + 0x9_0000, Configuration = Ram + 0xA_0000;
    private const ulong Pending = Ram + 0xC_0000, Itt = Ram + 0x20_0000, SecondLevel = Ram + 0x30_0000;
    private const uint Ctlr = 0, Typer = 8, Cbaser = 0x80, Cwriter = 0x88, Creadr = 0x90, Baser = 0x100;
    private const byte MAPD = 8, MAPC = 9, MAPTI = 10, MAPI = 11, INV = 12, INVALL = 13, MOVALL = 14, DISCARD = 15, MOVI = 1, INT = 3, CLEAR = 4, SYNC = 5;

    private readonly HostMemory host = new(RamSize);
    private readonly StringWriter logText = new();
    private readonly PhysicalAddressSpace memory;
    private readonly Gic gic;
    private readonly RecordingCpu[] cpus;
    private ulong written;

    public GicItsTests()
    {
        memory = new PhysicalAddressSpace(Log.Null);
        memory.AddRam("ram", Ram, RamSize, host.Pointer);
        (gic, cpus) = MakeGic();
    }

    public void Dispose()
    {
        memory.Dispose();
        host.Dispose();
    }

    private (Gic, RecordingCpu[]) MakeGic()
    {
        var inputs = Enumerable.Range(0, 3).Select(_ => new RecordingCpu()).ToArray();
        var g = new Gic([Mpidr(0), Mpidr(1), Mpidr(2)], 64, new Log(logText), new ItsOptions(memory, ItsBase));
        for (var i = 0; i < 3; i++)
        {
            g.Connect(i, inputs[i]);
        }

        return (g, inputs);
    }

    private ulong Its(uint offset, int size = 8) => gic.ItsFrames!.Read(offset, size);

    private void SetIts(uint offset, ulong value, int size = 8) => gic.ItsFrames!.Write(offset, size, value);

    private void Gicr(int vcpu, ulong offset, ulong value, int size) => gic.RedistributorFrames.Write(((ulong)vcpu * RedistributorStride) + offset, size, value);

    private ulong Sys(int vcpu, ushort register) => gic.ReadSystemRegister(vcpu, register, 1, false);

    private int Ack(int vcpu) => (int)Sys(vcpu, Encode(12, 12, 0));

    private void Eoi(int vcpu, int intid) => gic.WriteSystemRegister(vcpu, Encode(12, 12, 1), 1, false, (ulong)intid);

    private void Command(byte command, uint device = 0, ulong dw1 = 0, ulong dw2 = 0, ulong dw3 = 0)
    {
        var at = Queue + written;
        memory.Write(at, 8, command | ((ulong)device << 32));
        memory.Write(at + 8, 8, dw1);
        memory.Write(at + 16, 8, dw2);
        memory.Write(at + 24, 8, dw3);
        written = (written + 32) % 0x1_0000;
        SetIts(Cwriter, written);
        Assert.Equal(written, Its(Creadr));
    }

    private void Configure(uint intid, byte priority, bool enabled = true) =>
        memory.Write(Configuration + intid - 8192, 1, (byte)(priority | 2 | (enabled ? 1 : 0)));

    private void MapEvent(uint device, uint eventId, uint intid, uint collection) => Command(MAPTI, device, eventId | ((ulong)intid << 32), collection);

    /// <summary>The way Linux brings everything up: tables, redistributors, then collections n = vCPU n and a device of 32 events.</summary>
    private void Start(bool indirect = false, uint device = 8, bool lpis = true)
    {
        gic.DistributorFrame.Write(0, 4, 3);
        SetIts(Baser, (1UL << 63) | DeviceTable | (2UL << 8) | 7 | (indirect ? 1UL << 62 : 0));
        SetIts(Baser + 8, (1UL << 63) | CollectionTable);
        SetIts(Cbaser, (1UL << 63) | Queue | 15);
        if (indirect)
        {
            memory.Write(DeviceTable + (device * 8 / 0x1_0000 * 8), 8, (1UL << 63) | SecondLevel);
        }

        for (var i = 0; i < 3; i++)
        {
            gic.WriteSystemRegister(i, PMR, 1, false, 0xF8);
            gic.WriteSystemRegister(i, Encode(12, 12, 7), 1, false, 1);
            if (lpis)
            {
                EnableLpis(i);
            }
        }

        SetIts(Ctlr, 1, 4);
        for (var i = 0u; i < 3; i++)
        {
            Command(MAPC, 0, 0, (1UL << 63) | (i << 16) | i);
        }

        Command(MAPD, device, 4, (1UL << 63) | Itt);
    }

    private void EnableLpis(int vcpu)
    {
        Gicr(vcpu, 0x70, Configuration | 15, 8);
        Gicr(vcpu, 0x78, Pending + ((ulong)vcpu * 0x1_0000), 8);
        Gicr(vcpu, 0, 1, 4);
    }

    private void Send(uint eventId, uint device = 8) => gic.Msi!.Send(Doorbell, eventId, device);

    [Fact]
    public void Identification_SaysWhatIsThere_AndOnlyWithAnIts()
    {
        var plain = new GicHarness();
        Assert.Null(plain.Gic.ItsFrames);
        Assert.Null(plain.Gic.Msi);
        Assert.Equal(0u, plain.Gicd(TYPER) >> 17 & 1);
        var typer = (uint)gic.DistributorFrame.Read(TYPER, 4);
        Assert.Equal(1u, typer >> 17 & 1);
        Assert.Equal(15u, typer >> 19 & 31);
        Assert.Equal(1u, gic.RedistributorFrames.Read(8, 8) & 1);
        Assert.Equal(0x3Bu, Its(0xFFE8, 4));
        Assert.Equal(1u | (7 << 4) | (15 << 8) | (15 << 13), Its(Typer));
        Assert.Equal(0x8000_0000u, Its(Ctlr, 4));
        SetIts(Baser, ulong.MaxValue);
        Assert.Equal(0x107u, Its(Baser) >> 48 & 0x71F);
        Assert.Equal(1u, Its(Baser) >> 62 & 1);
        SetIts(Baser + 8, ulong.MaxValue);
        Assert.Equal(0x407u, Its(Baser + 8) >> 48 & 0x71F);
        Assert.Equal(0u, Its(Baser + 8) >> 62 & 1);
        Assert.Equal(0u, Its(Baser + 16));
    }

    [Theory]
    [InlineData(false, 8u)]
    [InlineData(true, 8u)]
    [InlineData(true, 0x2008u)]
    public void Message_BecomesAnLpi_OnTheVcpuOfItsCollection(bool indirect, uint device)
    {
        Configure(8195, 0xA0);
        Start(indirect, device);
        MapEvent(device, 3, 8195, 1);
        Send(3, device);
        Assert.False(cpus[0].Irq);
        Assert.True(cpus[1].Irq);
        Assert.Equal(8195, Ack(1));
        Assert.False(cpus[1].Irq);
        Assert.Equal(0xA0u, Sys(1, RPR));
        Send(3, device);
        Assert.Equal(1023, Ack(1)); // Not above the running priority.
        Eoi(1, 8195);
        Assert.Equal(0xFFu, Sys(1, RPR));
        Assert.Equal(8195, Ack(1)); // Pending again while the first ran: an LPI has no active state.
        Eoi(1, 8195);
        Assert.Equal(1023, Ack(1));
    }

    [Fact]
    public void Messages_FromElsewhere_AreDropped()
    {
        Configure(8195, 0xA0);
        Start();
        MapEvent(8, 3, 8195, 0);
        Send(4);
        Send(32);
        Send(3, 9);
        Send(uint.MaxValue, uint.MaxValue);
        gic.Msi!.Send(Doorbell + 4, 3, 8);
        SetIts(0x1_0040, 3, 4);
        Assert.Equal(1023, Ack(0));
        Assert.Contains("not GITS_TRANSLATER", logText.ToString());
        SetIts(Ctlr, 0, 4);
        Send(3);
        Assert.Equal(1023, Ack(0));
    }

    [Fact]
    public void ConfigurationChanges_CountFromInvOn()
    {
        Start();
        Configure(8195, 0xA0, enabled: false);
        MapEvent(8, 3, 8195, 0);
        Send(3);
        Assert.Equal(1023, Ack(0));
        Configure(8195, 0xA0);
        Assert.False(cpus[0].Irq);
        Command(INV, 8, 3);
        Assert.True(cpus[0].Irq);
        Configure(8195, 0xA0, enabled: false);
        Command(INVALL, 0, 0, 0);
        Assert.False(cpus[0].Irq);
        Configure(8195, 0x80);
        Command(INVALL, 0, 0, 0);
        Assert.Equal(8195, Ack(0));
        Assert.Equal(0x80u, Sys(0, RPR));
    }

    [Fact]
    public void Priorities_AndInterrupts_BelowAndAbove()
    {
        Start();
        Configure(8200, 0xC0);
        Configure(8201, 0x40);
        Configure(60000, 0x40);
        MapEvent(8, 0, 8200, 0);
        MapEvent(8, 1, 60000, 0);
        MapEvent(8, 2, 8201, 0);
        Send(0);
        Send(1);
        Send(2);
        Assert.Equal(8201, Ack(0));
        Eoi(0, 8201);
        Assert.Equal(60000, Ack(0));
        Eoi(0, 60000);
        gic.WriteSystemRegister(0, PMR, 1, false, 0xC0);
        Assert.False(cpus[0].Irq);
        gic.WriteSystemRegister(0, PMR, 1, false, 0xF0);
        Assert.True(cpus[0].Irq);
        Assert.Equal(8200, Ack(0));
    }

    [Fact]
    public void Movi_AndMovall_TakePendingStateAlong()
    {
        Configure(8195, 0xA0);
        Configure(8196, 0xA0);
        Start();
        MapEvent(8, 3, 8195, 0);
        MapEvent(8, 4, 8196, 0);
        Send(3);
        Command(MOVI, 8, 3, 2);
        Assert.False(cpus[0].Irq);
        Assert.Equal(8195, Ack(2));
        Eoi(2, 8195);
        Send(3);
        Assert.Equal(8195, Ack(2));
        Eoi(2, 8195);
        Send(4);
        Command(MOVALL, 0, 0, 0, 1 << 16);
        Assert.False(cpus[0].Irq);
        Assert.Equal(8196, Ack(1));
        Eoi(1, 8196);
        Send(3);
        Send(4);
        Command(MOVALL, 0, 0, 0, 2 << 16);
        Assert.Equal(8195, Ack(2));
        Eoi(2, 8195);
        Assert.Equal(8196, Ack(2));
    }

    [Fact]
    public void IntClearDiscard_AndUnmapping()
    {
        Configure(8195, 0xA0);
        Start();
        MapEvent(8, 3, 8195, 0);
        Command(INT, 8, 3);
        Assert.True(cpus[0].Irq);
        Command(CLEAR, 8, 3);
        Assert.False(cpus[0].Irq);
        Send(3);
        Command(DISCARD, 8, 3);
        Assert.False(cpus[0].Irq);
        Send(3);
        Assert.False(cpus[0].Irq);
        Command(MAPTI, 8, 3 | (8195UL << 32), 0);
        Send(3);
        Assert.Equal(8195, Ack(0));
        Eoi(0, 8195);
        Command(MAPC, 0, 0, 0);
        Send(3);
        Assert.Equal(1023, Ack(0));
        Command(MAPC, 0, 0, (1UL << 63) | (2UL << 16));
        Send(3);
        Assert.Equal(8195, Ack(2));
        Eoi(2, 8195);
        Command(MAPD, 8, 0, 0);
        Send(3);
        Assert.Equal(1023, Ack(2));
        Command(MAPD, 8, 13, (1UL << 63) | Itt);
        Configure(8192, 0xA0);
        Command(MAPI, 8, 8192, 1);
        Command(SYNC);
        Send(8192);
        Assert.Equal(8192, Ack(1));
    }

    [Fact]
    public void DisablingLpis_WritesThePendingTable_AndEnablingReadsIt()
    {
        Configure(8195, 0xA0);
        Start();
        MapEvent(8, 3, 8195, 1);
        Send(3);
        Gicr(1, 0x70, 0, 8); // Fixed while enabled.
        Gicr(1, 0, 0, 4);
        Assert.False(cpus[1].Irq);
        Assert.Equal(8u, memory.Read(Pending + 0x1_0000 + (8192 / 8), 1));
        Send(3); // Dropped.
        Gicr(1, 0, 1, 4);
        Assert.Equal(3u, gic.RedistributorFrames.Read(RedistributorStride, 4));
        Assert.Equal(8195, Ack(1));
        Eoi(1, 8195);
        Gicr(1, 0, 0, 4);
        memory.Write(Pending + 0x1_0000 + (8192 / 8), 1, 8);
        Gicr(1, 0x78, (Pending + 0x1_0000) | (1UL << 62), 8);
        Assert.Equal(Pending + 0x1_0000, gic.RedistributorFrames.Read(RedistributorStride + 0x78, 8));
        Gicr(1, 0, 1, 4);
        Assert.False(cpus[1].Irq);
    }

    [Fact]
    public void BadCommands_AndTables_AreSkipped_AndTheQueueGoesOn()
    {
        Configure(8195, 0xA0);
        Start();
        Command(0x7F);
        Command(MAPD, 0x1_0000, 4, (1UL << 63) | Itt);
        Command(MAPD, 9, 31, (1UL << 63) | Itt);
        Command(MAPC, 0, 0, (1UL << 63) | (3UL << 16));
        Command(MAPC, 0, 0, (1UL << 63) | 0xFFFF);
        MapEvent(9, 0, 8195, 0);
        MapEvent(8, 32, 8195, 0);
        MapEvent(8, 3, 100, 0);
        MapEvent(8, 3, 65536, 0);
        MapEvent(8, 3, 8195, 0xFFFF);
        Command(MOVI, 8, 3, 1);
        Command(INT, 8, 3);
        Command(INVALL, 0, 0, 7);
        Command(MOVALL, 0, 0, 9 << 16, 0);
        Command(MAPD, 10, 4, (1UL << 63) | 0x1000);
        MapEvent(10, 0, 8195, 0);
        Assert.Equal(1023, Ack(0));
        MapEvent(8, 3, 8195, 0);
        Send(3);
        Assert.Equal(8195, Ack(0));
        SetIts(Cwriter, 0xF_FFE0);
        Assert.Equal(written, Its(Cwriter));
        SetIts(Ctlr, 0, 4);
        SetIts(Cbaser, (1UL << 63) | 0x1000);
        SetIts(Ctlr, 1, 4);
        SetIts(Cwriter, 0x40);
        Assert.Equal(0x40u, Its(Creadr));
    }

    [Fact]
    public void Snapshot_RoundTrips_WithPendingLpis_AndResetForgetsThem()
    {
        Configure(8195, 0xA0);
        Configure(8196, 0x80);
        Start();
        MapEvent(8, 3, 8195, 1);
        MapEvent(8, 4, 8196, 1);
        Send(3);
        Send(4);
        Configure(8196, 0x80, enabled: false); // Not yet read by the redistributor: the copy must not see it either.
        var state = PciHarness.Save(gic);
        var (copy, inputs) = MakeGic();
        PciHarness.Restore(copy, state);
        Assert.Equal(state, PciHarness.Save(copy));
        Assert.True(inputs[1].Irq);
        Assert.Equal(8196, (int)copy.ReadSystemRegister(1, Encode(12, 12, 0), 1, false));
        copy.Msi!.Send(Doorbell, 3, 8);
        Assert.Throws<InvalidDataException>(() => PciHarness.Restore(new GicHarness(3).Gic, state));
        gic.Reset();
        Assert.False(cpus[1].Irq);
        Send(3);
        Assert.Equal(1023, Ack(1));
        Assert.Equal(0u, gic.RedistributorFrames.Read(RedistributorStride + 0x70, 8));
    }

    [Fact]
    public void BestLpi_AgreesWithAPlainSearch_UnderRandomUse()
    {
        var random = new Random(5);
        Start();
        var priority = new byte[64];
        var enabled = new bool[64];
        var pending = new int[64];
        Array.Fill(pending, -1);
        var where = new int[32];
        for (var e = 0u; e < 32; e++)
        {
            where[e] = random.Next(3);
            MapEvent(8, e, 8192 + (e * 1000), (uint)where[e]);
        }

        for (var i = 0; i < 20_000; i++)
        {
            var e = (uint)random.Next(32);
            switch (random.Next(6))
            {
                case 0:
                    (priority[e], enabled[e]) = ((byte)(random.Next(4) * 0x20), random.Next(3) != 0);
                    Configure(8192 + (e * 1000), priority[e], enabled[e]);
                    Command(random.Next(2) == 0 ? INV : INVALL, 8, e, 0);
                    break;
                case 1:
                    Command(CLEAR, 8, e);
                    pending[e] = -1;
                    break;
                case 2:
                    var to = random.Next(3);
                    Command(MOVI, 8, e, (uint)to);
                    pending[e] = pending[e] == where[e] ? to : pending[e];
                    where[e] = to;
                    break;
                case 3:
                    var (a, b) = (random.Next(3), random.Next(3));
                    for (var n = 0; n < 32; n++)
                    {
                        pending[n] = pending[n] == a ? b : pending[n];
                    }

                    Command(MOVALL, 0, 0, (ulong)a << 16, (ulong)b << 16);
                    MoveBack(pending, where);
                    break;
                default:
                    Send(e);
                    pending[e] = where[e];
                    break;
            }

            for (var v = 0; v < 3; v++)
            {
                var expected = Enumerable.Range(0, 32).Where(n => pending[n] == v && enabled[n]).OrderBy(n => priority[n]).ThenBy(n => n).Select(n => 8192 + (n * 1000)).FirstOrDefault(1023);
                Assert.Equal(expected, (int)Sys(v, Encode(12, 12, 2)));
            }
        }
    }

    // MOVALL leaves the mappings alone; software moves them first. Here they follow, so that an LPI is pending in one place only.
    private void MoveBack(int[] pending, int[] where)
    {
        for (var e = 0u; e < 32; e++)
        {
            if (pending[e] >= 0 && pending[e] != where[e])
            {
                where[e] = pending[e];
                MapEvent(8, e, 8192 + (e * 1000), (uint)where[e]);
            }
        }
    }

    [Fact]
    public void HostileRegisters_Commands_AndTables_NeverThrow()
    {
        var random = new Random(6);
        Start();
        int[] sizes = [1, 2, 4, 8, 8, 8, 3, -1];
        uint[] registers = [Ctlr, Cbaser, Cwriter, Creadr, Baser, Baser + 8, 0x1_0040];
        for (var i = 0; i < 100_000; i++)
        {
            var value = random.Next(3) switch { 0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue), 1 => (1UL << 63) | (Ram + ((ulong)random.Next(256) << 12)), _ => (ulong)random.Next(0x1000) & ~31ul };
            switch (random.Next(8))
            {
                case 0:
                    SetIts(registers[random.Next(registers.Length)] + (uint)random.Next(2) * 4, value, sizes[random.Next(sizes.Length)]);
                    break;
                case 1:
                    gic.ItsFrames!.Read((ulong)random.Next(0x2_0000), sizes[random.Next(sizes.Length)]);
                    break;
                case 2:
                    Gicr(random.Next(3), (ulong)(random.Next(2) == 0 ? 0x70 : 0x78), value, 8);
                    Gicr(random.Next(3), 0, (ulong)random.Next(2), 4);
                    break;
                case 3:
                    memory.Write(Ram + ((ulong)random.Next(0x10_0000) & ~7ul), 8, value);
                    break;
                case 4:
                    SetIts(Ctlr, 1, 4);
                    SetIts(Cwriter, (ulong)random.Next(64) * 32);
                    break;
                case 5:
                    var at = Queue + ((ulong)random.Next(64) * 32);
                    memory.Write(at, 8, (ulong)(uint)random.Next(17) | ((ulong)(uint)random.Next(16) << 32));
                    memory.Write(at + 8, 8, (ulong)(uint)random.Next(40) | ((ulong)(uint)random.Next(8190, 8200) << 32));
                    memory.Write(at + 16, 8, value);
                    break;
                case 6:
                    Eoi(random.Next(3), random.Next(0x1_0400));
                    Ack(random.Next(3));
                    break;
                default:
                    Send((uint)random.Next(40), (uint)random.Next(16));
                    break;
            }
        }

        var state = PciHarness.Save(gic);
        var (copy, _) = MakeGic();
        PciHarness.Restore(copy, state);
        Assert.Equal(state, PciHarness.Save(copy));
    }
}
