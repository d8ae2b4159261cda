// A GIC with recording CPUs and short names for its registers, the way a driver uses them.
using Emu.Core;

namespace Emu.Devices.Tests;

/// <summary>CPU inputs that remember their level and count their changes.</summary>
internal sealed class RecordingCpu : ICpuInterruptInput
{
    private readonly bool[] levels = new bool[4];

    public bool Irq => levels[(int)CpuInterrupt.Irq];

    public bool Fiq => levels[(int)CpuInterrupt.Fiq];

    public int Calls { get; private set; }

    public void SetInterrupt(CpuInterrupt kind, bool level)
    {
        Calls++;
        levels[(int)kind] = level;
    }
}

/// <summary>The controller, its CPUs, and accessors. Encodings and offsets are written out here, apart from the device's own tables.</summary>
internal sealed class GicHarness
{
    public const ulong CTLR = 0, TYPER = 4, IIDR = 8;
    public const ulong IGROUPR = 0x80, ISENABLER = 0x100, ICENABLER = 0x180, ISPENDR = 0x200, ICPENDR = 0x280, ISACTIVER = 0x300, ICACTIVER = 0x380;
    public const ulong IPRIORITYR = 0x400, ICFGR = 0xC00, IROUTER = 0x6000;
    public const ulong RedistributorStride = 0x20000, SgiBase = 0x10000, WAKER = 0x14;

    public static readonly ushort PMR = Encode(4, 6, 0), RPR = Encode(12, 11, 3), DIR = Encode(12, 11, 1), ControlRegister = Encode(12, 12, 4), SRE = Encode(12, 12, 5);
    public static readonly ushort SGI1R = Encode(12, 11, 5), ASGI1R = Encode(12, 11, 6), SGI0R = Encode(12, 11, 7);
    public static readonly ushort AP0R0 = Encode(12, 8, 4), AP1R0 = Encode(12, 9, 0);
    private static readonly ushort[] Iar = [Encode(12, 8, 0), Encode(12, 12, 0)];
    private static readonly ushort[] Eoir = [Encode(12, 8, 1), Encode(12, 12, 1)];
    private static readonly ushort[] Hppir = [Encode(12, 8, 2), Encode(12, 12, 2)];
    private static readonly ushort[] Bpr = [Encode(12, 8, 3), Encode(12, 12, 3)];
    private static readonly ushort[] Igrpen = [Encode(12, 12, 6), Encode(12, 12, 7)];

    /// <summary>Builds a GIC. Affinities follow the machine: Aff0 = id &amp; 15, Aff1 = id &gt;&gt; 4.</summary>
    /// <param name="vcpus">Number of vCPUs.</param>
    /// <param name="enabled">Both groups on everywhere, PMR open, and every interrupt in Group 1.</param>
    public GicHarness(int vcpus = 1, bool enabled = true)
    {
        Cpus = [.. Enumerable.Range(0, vcpus).Select(_ => new RecordingCpu())];
        Gic = new Emu.Devices.Irq.Gic([.. Enumerable.Range(0, vcpus).Select(Mpidr)], 256, Log.Null);
        for (var i = 0; i < vcpus; i++)
        {
            Gic.Connect(i, Cpus[i]);
        }

        if (!enabled)
        {
            return;
        }

        Gicd(CTLR, 3);
        for (ulong n = 1; n < 9; n++)
        {
            Gicd(IGROUPR + (n * 4), 0xFFFF_FFFF);
        }

        for (var i = 0; i < vcpus; i++)
        {
            Gicr(i, SgiBase + IGROUPR, 0xFFFF_FFFF);
            Sys(i, PMR, 0xF8);
            Sys(i, Igrpen[0], 1);
            Sys(i, Igrpen[1], 1);
        }
    }

    public Emu.Devices.Irq.Gic Gic { get; }

    public RecordingCpu[] Cpus { get; }

    public static ushort Encode(int crn, int crm, int op2) => (ushort)((3 << 14) | (0 << 11) | (crn << 7) | (crm << 3) | op2);

    public static ulong Mpidr(int vcpu) => 0x8000_0000UL | ((ulong)vcpu & 15) | ((ulong)vcpu >> 4 << 8);

    public uint Gicd(ulong offset) => (uint)Gic.DistributorFrame.Read(offset, 4);

    public void Gicd(ulong offset, uint value) => Gic.DistributorFrame.Write(offset, 4, value);

    public uint Gicr(int vcpu, ulong offset) => (uint)Gic.RedistributorFrames.Read(((ulong)vcpu * RedistributorStride) + offset, 4);

    public void Gicr(int vcpu, ulong offset, uint value) => Gic.RedistributorFrames.Write(((ulong)vcpu * RedistributorStride) + offset, 4, value);

    public ulong Sys(int vcpu, ushort register) => Gic.ReadSystemRegister(vcpu, register, 1, false);

    public void Sys(int vcpu, ushort register, ulong value) => Gic.WriteSystemRegister(vcpu, register, 1, false, value);

    public int Ack(int vcpu = 0, int group = 1) => (int)Sys(vcpu, Iar[group]);

    public void Eoi(int intid, int vcpu = 0, int group = 1) => Sys(vcpu, Eoir[group], (ulong)intid);

    public int Peek(int vcpu = 0, int group = 1) => (int)Sys(vcpu, Hppir[group]);

    public void SetBinaryPoint(int group, uint value, int vcpu = 0) => Sys(vcpu, Bpr[group], value);

    public uint BinaryPoint(int group, int vcpu = 0) => (uint)Sys(vcpu, Bpr[group]);

    public void GroupEnable(int group, bool on, int vcpu = 0) => Sys(vcpu, Igrpen[group], on ? 1u : 0);

    public uint GroupEnable(int group, int vcpu = 0) => (uint)Sys(vcpu, Igrpen[group]);

    /// <summary>Sets up an SPI: enabled, with a priority, trigger, and a vCPU.</summary>
    public void SetUpSpi(int intid, byte priority = 0xA0, bool edge = false, int vcpu = 0)
    {
        Gic.DistributorFrame.Write(IPRIORITYR + (ulong)intid, 1, priority);
        var cfg = ICFGR + ((ulong)intid / 16 * 4);
        var bit = 2u << (intid % 16 * 2);
        Gicd(cfg, edge ? Gicd(cfg) | bit : Gicd(cfg) & ~bit);
        Gic.DistributorFrame.Write(IROUTER + ((ulong)intid * 8), 8, Mpidr(vcpu) & 0xFF_00FF_FFFF);
        Bit(ISENABLER, intid);
    }

    /// <summary>Sets up an SGI or PPI of a vCPU.</summary>
    public void SetUpPrivate(int vcpu, int intid, byte priority = 0xA0)
    {
        Gic.RedistributorFrames.Write(((ulong)vcpu * RedistributorStride) + SgiBase + IPRIORITYR + (ulong)intid, 1, priority);
        Gicr(vcpu, SgiBase + ISENABLER, 1u << intid);
    }

    /// <summary>Writes one SPI's bit of a distributor register.</summary>
    public void Bit(ulong family, int intid) => Gicd(family + ((ulong)intid / 32 * 4), 1u << (intid % 32));

    /// <summary>Reads one SPI's bit of a distributor register.</summary>
    public bool ReadBit(ulong family, int intid) => (Gicd(family + ((ulong)intid / 32 * 4)) >> (intid % 32) & 1) != 0;

    public void Line(int intid, bool level) => Gic.Spi(intid).Set(level);

    public byte[] Save()
    {
        var stream = new MemoryStream();
        Gic.Save(new SnapshotWriter(stream));
        return stream.ToArray();
    }

    public void Restore(byte[] state) => Gic.Restore(new SnapshotReader(new MemoryStream(state)));
}
