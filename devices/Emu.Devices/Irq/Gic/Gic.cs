// The GICv3 interrupt controller (Arm IHI 0069) with one Security state: construction, input wires, and which interrupt each vCPU sees.
using System.Numerics;
using Emu.Core;

namespace Emu.Devices.Irq;

/// <summary>
/// A GICv3: distributor, one redistributor and one CPU interface a vCPU. One Security state (GICD_CTLR.DS = 1), affinity routing always on,
/// 32 priorities, Group 1 as IRQ and Group 0 as FIQ. Thread-safe: one lock guards everything except the fast path of ICC_PMR_EL1.
/// </summary>
public sealed partial class Gic : ISnapshotable, ISystemRegisterDevice
{
    /// <summary>Most vCPUs.</summary>
    public const int MaximumVcpus = 256;

    /// <summary>Most SPIs (INTIDs 32 to 991).</summary>
    public const int MaximumSpis = 960;

    /// <summary>The INTID of the first SPI.</summary>
    public const int FirstSpi = 32;

    private const int FirstPpi = 16;
    private const uint BestIntidMask = 0xFFFF;

    private readonly Lock gate = new();
    private readonly Log log;
    private readonly Its? its;
    private readonly GicVcpu[] vcpus;
    private readonly Dictionary<ulong, GicVcpu> byAffinity = [];
    private readonly InterruptBank[] spis;
    private readonly ulong[] routes;
    private readonly GicVcpu?[] targets;
    private readonly Line[] spiLines;
    private readonly Line[] ppiLines;

    // Bit n: some SPI of bank n is deliverable. A vCPU's scan visits these banks only.
    private uint banksWithWork;

    // SPIs in 1 of N mode; while there are none, enabling a group on a vCPU need not look at the routes.
    private int oneOfNCount;

    // GICD_CTLR, the group enables: bit 0 and bit 1 as in GicVcpu.GroupEnables.
    private uint distributorEnables;

    /// <summary>Creates the controller in its reset state; <see cref="Connect"/> attaches the CPUs once they exist.</summary>
    /// <param name="affinities">MPIDR_EL1 of each vCPU by index (only the affinity fields count): 1 to <see cref="MaximumVcpus"/>, all different.</param>
    /// <param name="spiCount">SPIs: a multiple of 32, 32 to <see cref="MaximumSpis"/>; INTIDs 32 to 31 + spiCount.</param>
    /// <param name="log">Receives accesses to reserved registers at <see cref="LogLevel.Debug"/>.</param>
    /// <param name="itsOptions">Makes an ITS and LPIs, or null for a controller without them.</param>
    public Gic(ReadOnlySpan<ulong> affinities, int spiCount, Log log, ItsOptions? itsOptions = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(affinities.Length, 1, nameof(affinities));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(affinities.Length, MaximumVcpus, nameof(affinities));
        if (spiCount is < 32 or > MaximumSpis || spiCount % 32 != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(spiCount), spiCount, $"a multiple of 32 from 32 to {MaximumSpis} is needed");
        }

        this.log = log;
        spis = new InterruptBank[spiCount / 32];
        for (var i = 0; i < spis.Length; i++)
        {
            spis[i] = new InterruptBank(i + 1, null);
        }

        vcpus = new GicVcpu[affinities.Length];
        for (var i = 0; i < vcpus.Length; i++)
        {
            vcpus[i] = new GicVcpu(i, affinities[i] & Gicd.IROUTER_Affinity, spis.Length);
            byAffinity.Add(vcpus[i].Affinity, vcpus[i]);
        }

        routes = new ulong[spiCount];
        targets = new GicVcpu?[spiCount];
        spiLines = new Line[spiCount];
        for (var i = 0; i < spiCount; i++)
        {
            spiLines[i] = new Line(this, spis[i / 32], 1u << (i & 31));
        }

        ppiLines = new Line[vcpus.Length * FirstPpi];
        for (var i = 0; i < ppiLines.Length; i++)
        {
            ppiLines[i] = new Line(this, vcpus[i / FirstPpi].Bank, 1u << (FirstPpi + (i % FirstPpi)));
        }

        DistributorFrame = new DistributorWindow(this);
        RedistributorFrames = new RedistributorWindow(this);
        its = itsOptions is null ? null : new Its(this, itsOptions);
        Rebuild();
    }

    /// <summary>The distributor's registers, 64 KiB.</summary>
    public IMmioDevice DistributorFrame { get; }

    /// <summary>The redistributors' registers, <see cref="RedistributorFramesLength"/> bytes: RD_base and SGI_base of vCPU 0, then of vCPU 1, ...</summary>
    public IMmioDevice RedistributorFrames { get; }

    /// <summary>Bytes of <see cref="DistributorFrame"/>.</summary>
    public static ulong DistributorFrameLength => Gicr.FrameSize;

    /// <summary>Bytes of <see cref="RedistributorFrames"/>: 128 KiB a vCPU.</summary>
    public ulong RedistributorFramesLength => (ulong)vcpus.Length * Gicr.Stride;

    /// <summary>The ITS's registers, <see cref="ItsFramesLength"/> bytes: control, then GITS_TRANSLATER. Null without an ITS.</summary>
    public IMmioDevice? ItsFrames => its;

    /// <summary>Where devices send their MSIs; null without an ITS.</summary>
    public IMsiSink? Msi => its;

    /// <summary>Bytes of <see cref="ItsFrames"/>.</summary>
    public static ulong ItsFramesLength => Gits.FramesSize;

    /// <summary>Number of SPIs.</summary>
    public int SpiCount => routes.Length;

    /// <summary>Attaches a CPU's inputs and drives them to their present level.</summary>
    public void Connect(int vcpu, ICpuInterruptInput input)
    {
        lock (gate)
        {
            var c = vcpus[vcpu];
            c.Input = input;
            Drive(c, GicVcpu.IrqOutput | GicVcpu.FiqOutput);
        }
    }

    /// <summary>The wire of an SPI; the same object each time.</summary>
    /// <param name="intid">32 to 31 + <see cref="SpiCount"/>.</param>
    public IInterruptLine Spi(int intid)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(intid, FirstSpi);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(intid, FirstSpi + routes.Length - 1);
        return spiLines[intid - FirstSpi];
    }

    /// <summary>The wire of a vCPU's PPI (timers, PMU, maintenance); the same object each time.</summary>
    /// <param name="vcpu">Index of the vCPU.</param>
    /// <param name="intid">16 to 31.</param>
    public IInterruptLine Ppi(int vcpu, int intid)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vcpu, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vcpu, vcpus.Length - 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(intid, FirstPpi);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(intid, FirstSpi - 1);
        return ppiLines[(vcpu * FirstPpi) + intid - FirstPpi];
    }

    /// <summary>
    /// Power-on reset of the whole controller. Wires keep their level. Redistributors come up awake, as EL3 firmware hands them over:
    /// software at EL1 (UEFI) need not know GICR_WAKER.
    /// </summary>
    public void Reset()
    {
        lock (gate)
        {
            distributorEnables = 0;
            Array.Clear(routes);
            foreach (var bank in spis)
            {
                bank.Reset();
            }

            foreach (var c in vcpus)
            {
                c.Bank.Reset();
                c.Asleep = false;
                c.ResetCpuInterface();
            }

            its?.Reset();
            Rebuild();
        }
    }

    /// <summary>Resets one CPU interface with its PE (PSCI CPU_OFF, CPU_ON): it masks everything and takes no part in 1 of N routing.</summary>
    public void ResetCpuInterface(int vcpu)
    {
        lock (gate)
        {
            var c = vcpus[vcpu];
            c.ResetCpuInterface();
            RetargetOneOfN();
            Refresh(c);
        }
    }

    /// <summary>Recomputes everything derived after reset or restore, and drives every output afresh.</summary>
    private void Rebuild()
    {
        banksWithWork = 0;
        oneOfNCount = 0;
        Array.Clear(targets);
        foreach (var bank in spis)
        {
            NoteWork(bank);
        }

        foreach (var c in vcpus)
        {
            Array.Clear(c.Routed);
            c.UpdateDerived();
        }

        for (var spi = 0; spi < routes.Length; spi++)
        {
            oneOfNCount += (routes[spi] & Gicd.IROUTER_IRM) != 0 ? 1 : 0;
            if (targets[spi] == null && ResolveRoute(spi) is { } target)
            {
                targets[spi] = target;
                target.Routed[spi >> 5] |= 1u << (spi & 31);
            }
        }

        foreach (var c in vcpus)
        {
            c.Best = GicVcpu.NoInterrupt;
            c.Outputs = 0;
            Drive(c, GicVcpu.IrqOutput | GicVcpu.FiqOutput);
            Refresh(c);
        }
    }

    /// <summary>The bank that holds an INTID as a vCPU sees it, or null if there is no such interrupt.</summary>
    private InterruptBank? FindBank(GicVcpu c, uint intid) =>
        intid < FirstSpi ? c.Bank : intid < (uint)(FirstSpi + routes.Length) ? spis[(intid >> 5) - 1] : null;

    /// <summary>Follows up on a change of state of some interrupts of a bank.</summary>
    /// <param name="bank">The bank.</param>
    /// <param name="changed">The interrupts that changed.</param>
    private void BankChanged(InterruptBank bank, uint changed)
    {
        if (bank.Owner is { } owner)
        {
            Refresh(owner);
            return;
        }

        NoteWork(bank);
        GicVcpu? last = null;
        for (; changed != 0; changed &= changed - 1)
        {
            var target = targets[((bank.Index - 1) * 32) + BitOperations.TrailingZeroCount(changed)];
            if (target != null && target != last)
            {
                Refresh(target);
                last = target;
            }
        }
    }

    private void NoteWork(InterruptBank bank)
    {
        var bit = 1u << (bank.Index - 1);
        banksWithWork = bank.Deliverable != 0 ? banksWithWork | bit : banksWithWork & ~bit;
    }

    /// <summary>Finds a vCPU's highest priority pending interrupt again and drives its outputs.</summary>
    private void Refresh(GicVcpu c)
    {
        var best = GicVcpu.NoInterrupt;
        var groups = distributorEnables & c.GroupEnables;
        if (groups != 0 && !c.Asleep)
        {
            best = Better(best, c.Bank, c.Bank.Deliverable, groups);
            for (var left = banksWithWork; left != 0; left &= left - 1)
            {
                var i = BitOperations.TrailingZeroCount(left);
                best = Better(best, spis[i], spis[i].Deliverable & c.Routed[i], groups);
            }

            // LPIs are always Group 1.
            if (c.Lpis is { } lpis && (groups & Gicd.CTLR_EnableGrp1) != 0)
            {
                best = Math.Min(best, lpis.Best);
            }
        }

        Volatile.Write(ref c.Best, best);
        UpdateOutputs(c);
    }

    private static uint Better(uint best, InterruptBank bank, uint candidates, uint groups)
    {
        candidates &= ((groups & 2) != 0 ? bank.Group : 0) | ((groups & 1) != 0 ? ~bank.Group : 0);
        for (; candidates != 0; candidates &= candidates - 1)
        {
            var bit = BitOperations.TrailingZeroCount(candidates);
            var packed = ((uint)bank.Priority[bit] << 24) | ((bank.Group >> bit & 1) << 16) | (uint)((bank.Index * 32) + bit);
            best = Math.Min(best, packed);
        }

        return best;
    }

    /// <summary>
    /// Drives IRQ and FIQ to what the best interrupt, the mask and the running priority ask for. The mask may change meanwhile, without
    /// the lock: outputs are stored before the mask is read again, and <see cref="WritePriorityMask"/> stores the mask before it reads the
    /// outputs, so at least one of the two sees the other's store.
    /// </summary>
    private static void UpdateOutputs(GicVcpu c)
    {
        while (true)
        {
            var mask = Volatile.Read(ref c.Pmr);
            var wanted = c.WantedOutputs(c.Best, mask);
            var changed = wanted ^ c.Outputs;
            if (changed != 0)
            {
                Volatile.Write(ref c.Outputs, wanted);
                Drive(c, changed);
            }

            Interlocked.MemoryBarrier();
            if (Volatile.Read(ref c.Pmr) == mask)
            {
                return;
            }
        }
    }

    private static void Drive(GicVcpu c, uint outputs)
    {
        if (c.Input is not { } input)
        {
            return;
        }

        if ((outputs & GicVcpu.IrqOutput) != 0)
        {
            input.SetInterrupt(CpuInterrupt.Irq, (c.Outputs & GicVcpu.IrqOutput) != 0);
        }

        if ((outputs & GicVcpu.FiqOutput) != 0)
        {
            input.SetInterrupt(CpuInterrupt.Fiq, (c.Outputs & GicVcpu.FiqOutput) != 0);
        }
    }

    /// <summary>Logs an access that reads as zero or is ignored. Off by default, so that a guest cannot make it cost anything.</summary>
    private void Reserved(string frame, bool write, ulong offset, int size)
    {
        if (log.Level >= LogLevel.Debug)
        {
            var kind = write ? "write" : "read";
            log.Once($"gic {frame} {kind} {offset:x} {size}", LogLevel.Debug, $"gic: {size}-byte {kind} of {frame} offset 0x{offset:x} is reserved: RAZ/WI");
        }
    }

    /// <summary>An input wire: an SPI, or a PPI of one vCPU.</summary>
    private sealed class Line(Gic gic, InterruptBank bank, uint mask) : IInterruptLine
    {
        public void Set(bool level)
        {
            // Only this wire changes this bit, so the unlocked look is exact for a single driver and linearizable for several.
            if ((Volatile.Read(ref bank.Level) & mask) != 0 == level)
            {
                return;
            }

            lock (gic.gate)
            {
                if ((bank.Level & mask) != 0 == level)
                {
                    return;
                }

                var before = bank.Deliverable;
                bank.SetLevel(mask, level);
                var changed = before ^ bank.Deliverable;
                if (changed != 0)
                {
                    gic.BankChanged(bank, changed);
                }
            }
        }
    }
}
