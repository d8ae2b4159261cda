// The A64 vCPU: construction, reset, entry state, and the mode that blocks are keyed by.
using Emu.Core;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>
/// A software AArch64 processing element. Exception levels 0 and 1 exist at run time; state is banked for EL2 and EL3. Split by role:
/// exceptions, translation, TLB contexts, maintenance between vCPUs, power, snapshot.
/// </summary>
public sealed unsafe partial class Arm64Vcpu : Vcpu, IA64Exceptions
{
    private const int StackPointer = 31;
    private const ulong MonitorOpen = ulong.MaxValue;

    private readonly Arm64State* a;
    private readonly A64Translator translator;
    private readonly ulong[] modeByLevel = new ulong[4];
    private readonly ulong sctlrMask;

    internal Arm64Vcpu(Arm64Cluster cluster, Arm64VcpuConfiguration configuration)
        : base(configuration.Index, Arm64State.Size, cluster.Shared)
    {
        Cluster = cluster;
        Configuration = configuration;
        a = (Arm64State*)State;
        State->Parallel = cluster.Parallel ? 1 : 0;
        sctlrMask = SystemRegisterTable.SctlrMaskOf(cluster.Features);
        HasGicRegisters = configuration.SystemRegisterDevices.Count != 0;
        IdRegisters = A64Features.IdRegisters(cluster.Features, HasGicRegisters, cluster.PointerAuthenticationAlgorithm);
        translator = new A64Translator { Vcpu = this, PointerAuthenticationAlgorithm = cluster.PointerAuthenticationAlgorithm };
        foreach (var device in configuration.SystemRegisterDevices)
        {
            foreach (var encoding in device.Registers)
            {
                deviceRegisters[encoding] = device;
            }
        }

        PhysicalTimer = new GenericTimer(configuration.Clock, configuration.PhysicalTimer, &a->System.CntpCtl, &a->System.CntpCval, null);
        VirtualTimer = new GenericTimer(configuration.Clock, configuration.VirtualTimer, &a->System.CntvCtl, &a->System.CntvCval, &a->System.CntvoffEl2);
        Monitors = new PerformanceMonitors(this, configuration);
        InitializeTables();
        Reset();
    }

    /// <summary>By encoding. Of int, for which the runtime has dictionaries without its compiler.</summary>
    private readonly Dictionary<int, ISystemRegisterDevice> deviceRegisters = [];

    /// <summary>The other vCPUs.</summary>
    public Arm64Cluster Cluster { get; }

    /// <summary>Wiring.</summary>
    public Arm64VcpuConfiguration Configuration { get; }

    /// <summary>The state.</summary>
    public Arm64State* Arm64 => a;

    /// <summary>ID space values by CRm * 8 + op2.</summary>
    public ulong[] IdRegisters { get; }

    /// <summary>The GIC CPU interface is reached by system registers.</summary>
    public bool HasGicRegisters { get; }

    /// <summary>CNTP.</summary>
    public GenericTimer PhysicalTimer { get; }

    /// <summary>CNTV.</summary>
    public GenericTimer VirtualTimer { get; }

    /// <summary>The performance monitors.</summary>
    public PerformanceMonitors Monitors { get; }

    /// <summary>PSTATE.EL.</summary>
    public int ExceptionLevel => (int)(a->System.CurrentEl >> 2);

    /// <inheritdoc/>
    public override string SnapshotName => $"vcpu{Index}";

    /// <inheritdoc/>
    public override bool VariableLengthInstructions => false;

    /// <inheritdoc/>
    public override bool CodeWriteEndsBlock => false;

    /// <summary>General register n; 31 is the current stack pointer.</summary>
    public ref ulong X(int n) => ref *(ulong*)((byte*)State + CpuState.Register(n));

    /// <inheritdoc/>
    public override void TranslateBlock(BlockBuilder builder, byte* code, int available, int maximum) =>
        translator.TranslateBlock(builder, (A64Mode)State->ModeKey, code, available, maximum);

    /// <summary>The device behind a system register, or null.</summary>
    public ISystemRegisterDevice? DeviceOf(ushort encoding) => deviceRegisters.GetValueOrDefault(encoding);

    /// <summary>Cold reset: registers as the architecture resets them, powered off until <see cref="SetBootState"/> or PSCI CPU_ON.</summary>
    public override void Reset()
    {
        ResetCore();
        Unfinished = 0;
        a->System.PowerState = (ulong)PowerState.Off;
        a->System.RandomState = Configuration.RandomSeed ?? 0;
        PoweredOff = true;
    }

    /// <summary>Powers the vCPU on at EL1h with DAIF masked and the MMU off, as Linux's boot protocol asks.</summary>
    /// <param name="pc">Guest-physical address of the first instruction.</param>
    /// <param name="x0">X0; the other registers are zero.</param>
    public void SetBootState(ulong pc, ulong x0)
    {
        State->Pc = pc;
        X(0) = x0;
        a->System.PowerState = (ulong)PowerState.On;
        PoweredOff = false;
    }

    /// <summary>Values of a warm reset of the PE: general state is zero, PSTATE is EL1h with everything masked, the timers are off.</summary>
    private void ResetCore()
    {
        var s = State;
        var retainedRandom = a->System.RandomState;
        var retainedPower = a->System.PowerState;
        new Span<byte>((byte*)s, CpuState.RegistersOffset + (32 * sizeof(ulong))).Clear();
        new Span<byte>((byte*)s + Arm64State.VectorsOffset, Arm64State.Size - Arm64State.VectorsOffset).Clear();
        s->Flags = 0;
        s->Pc = 0;
        s->Halted = 0;
        s->LinkFrom = null;
        s->ExclusiveAddress = MonitorOpen;
        s->ExclusiveLow = 0;
        s->ExclusiveHigh = 0;
        s->ExclusiveSize = 0;
        s->ExclusivePhysical = 0;
        ref var r = ref a->System;
        r.RandomState = retainedRandom;
        r.PowerState = retainedPower;
        r.CurrentEl = 1 << 2;
        r.SpSel = 1;
        r.Daif = Pstate.Daif;
        r.El1.Sctlr = Sctlr.Res1 | (Cluster.Features.Has(A64Feature.PAN) ? Sctlr.SPAN : 0);
        r.Cntfrq = GenericTimer.Frequency;
        r.OsLock = 2;
        fault = default;
        Btype = BranchType.None;
        PhysicalTimer.Update();
        VirtualTimer.Update();
        StateReplaced();
    }

    /// <inheritdoc/>
    public override bool ChecksAlignmentFirst => (a->System.El1.Sctlr & Sctlr.A) != 0;

    /// <summary>Everything derived from the registers is made again.</summary>
    private void StateReplaced()
    {
        refusedStamp = NoStamp;
        Tlb.FlushAll();
        largestMask = SmallestLargeMask;
        FlushCodeLookups();
        RegimeChanged();
        ForgetContext();
        ModeChanged();
        SelectTables();
        DebugChanged();
        Monitors.Restored();
    }

    /// <summary>The banked registers of EL1 to EL3.</summary>
    private ref ExceptionLevelRegisters Level(int el) => ref (&a->System.El1)[el - 1];

    /// <summary>The registers that control an exception level: EL0 is controlled by EL1.</summary>
    private ref ExceptionLevelRegisters Controls(int el) => ref Level(Math.Max(el, 1));

    /// <summary>A register that the block key depends on changed (SCTLR, CPACR, MDSCR, OS lock).</summary>
    internal void ModeChanged()
    {
        for (var el = 0; el <= 1; el++)
        {
            var sctlr = Controls(el).Sctlr;
            var mode = (A64Mode)el;
            var fpen = (a->System.El1.Cptr >> 20) & 3;
            if (el == 0 ? fpen != 3 : (fpen & 1) == 0)
            {
                mode |= A64Mode.FpTrapped;
            }

            mode |= (sctlr & (el == 0 ? Sctlr.SA0 : Sctlr.SA)) != 0 ? A64Mode.CheckSp : 0;
            mode |= (sctlr & Sctlr.A) != 0 ? A64Mode.CheckAlignment : 0;
            modeByLevel[el] = (ulong)mode;
        }

        UpdateMode();
    }

    /// <summary>Sets the block key from PSTATE. Cheap: runs on every exception and return.</summary>
    internal void UpdateMode()
    {
        ref var r = ref a->System;
        var el = r.CurrentEl >> 2;
        var key = modeByLevel[el];
        if (el != 0 && r.SpSel == 0)
        {
            key |= (ulong)A64Mode.StackPointerEl0;
        }

        if ((r.Mdscr & 1) != 0 && StepEnabled())
        {
            key |= (ulong)A64Mode.SoftwareStep;
        }

        if ((breakpointLevels & (1u << (int)el)) != 0)
        {
            key |= (ulong)A64Mode.Breakpoints;
        }

        State->ModeKey = key;
    }

    /// <summary>Changes PSTATE.EL and PSTATE.SP: banks the stack pointer, selects TLB tables and the block key.</summary>
    private void EnterLevel(int el, ulong spSel)
    {
        ref var r = ref a->System;
        if (Monitors.Counting)
        {
            Monitors.Synchronize(State->Retired);
        }

        *StackSlot((int)(r.CurrentEl >> 2), r.SpSel) = X(StackPointer);
        X(StackPointer) = *StackSlot(el, spSel);
        r.CurrentEl = (ulong)el << 2;
        r.SpSel = spSel;
        SelectTables();
        UpdateMode();
    }

    /// <summary>MSR SPSel.</summary>
    internal void SetSpSel(ulong value) => EnterLevel(ExceptionLevel, value & 1);

    private ulong* StackSlot(int el, ulong spSel) => el == 0 || spSel == 0 ? &a->System.SpEl0 : &(&a->System.El1)[el - 1].Sp;
}
