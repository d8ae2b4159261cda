// Emu's side of the comparison: a whole A64 vCPU that runs cases at EL0 behind page tables, on either engine.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Jit;
using Emu.Cpu.Jit.Il;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>
/// RAM at the runner's addresses, page tables that map what the runner maps, and a few instructions at EL1: they switch the MMU on, enter EL0
/// by ERET, and wait in every exception vector, where the outcome is read from ESR_EL1.
/// </summary>
public sealed unsafe class OracleMachine : IDisposable
{
    private const ulong RamSize = 0x20_0000;

    // Privileged pages, in the same 2 MiB as everything else.
    private const ulong Level0 = 0x4010_0000;
    private const ulong Level1 = 0x4010_1000;
    private const ulong Level2 = 0x4010_2000;
    private const ulong Level3 = 0x4010_3000;
    private const ulong Vectors = 0x4010_4000;
    private const ulong Boot = 0x4010_5000;
    private const ulong Enter = 0x4010_5100;

    // VMSAv8-64 descriptors: table or page, AF, inner shareable, attribute 0; AP[1] and not UXN for EL0.
    private const ulong TableDescriptor = 3;
    private const ulong PageDescriptor = 3 | (1 << 10) | (3 << 8);
    private const ulong UserPage = PageDescriptor | (1 << 6);
    private const ulong PrivilegedPage = PageDescriptor | (1UL << 54);

    private const uint Wfi = 0xD503_207F;
    private const uint Eret = 0xD69F_03E0;

    // 48-bit TTBR0, inner and outer write-back, inner shareable, TTBR1 disabled, TBI0, 48-bit physical: as Linux user space sees it.
    private const ulong Tcr = 16 | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 23) | (16UL << 16) | (2UL << 30) | (5UL << 32) | (1UL << 37);

    // M, C, I, and what Linux lets EL0 do: UCI, UCT, DZE, nTWE, nTWI; SPAN and the bits that read as one.
    private const ulong SctlrUser = 1 | (1 << 2) | (1 << 12) | (1 << 26) | (1 << 15) | (1 << 14) | (1 << 18) | (1 << 16) | SctlrMscEn | SctlrAuthentication;
    private const ulong SctlrMscEn = 1UL << 33;

    // EnIA, EnIB, EnDA, EnDB.
    private const ulong SctlrAuthentication = (1UL << 31) | (1UL << 30) | (1UL << 27) | (1UL << 13);
    private const ulong SctlrRes1 = (1 << 29) | (1 << 28) | (1 << 23) | (1 << 22) | (1 << 20) | (1 << 11) | (1 << 8) | (1 << 7);

    // ESR_ELx.EC.
    private const ulong UnknownClass = 0x00;
    private const ulong IllegalStateClass = 0x0E;
    private const ulong TrappedSystemClass = 0x18;
    private const ulong AuthenticationClass = 0x1C;
    private const ulong InstructionAbortClass = 0x20;
    private const ulong DataAbortClass = 0x24;
    private const ulong PcAlignmentClass = 0x22;
    private const ulong SpAlignmentClass = 0x26;
    private const ulong BreakpointClass = 0x3C;
    private const ulong AlignmentStatus = 0x21;

    private const int MaximumRetired = (OracleLayout.MaximumWords * InstructionGroup.MaximumLoops) + 64;

    private readonly HostMemory ram = new(RamSize);
    private readonly Arm64Cluster cluster;

    /// <summary>Creates it and runs it up to EL0's door.</summary>
    /// <param name="compile">Blocks are compiled at their first entry.</param>
    /// <param name="keys">Pointer authentication keys of QARMA5, in the state's order; <see cref="ReferenceKeys.Recorded"/> when not given.</param>
    public OracleMachine(bool compile, ReadOnlySpan<ulong> keys = default)
    {
        Memory = new PhysicalAddressSpace(Log.Null);
        Memory.AddRam("ram", OracleLayout.Scratch, RamSize, ram.Pointer);
        Shared = new VcpuShared(Memory, 16 << 20)
        {
            Compiler = compile ? new JitCompiler(new IlBackEnd { Floats = Arm64State.Floats }, 64 << 20) : null,
        };
        Shared.Compiler?.Start(Shared.Code, 0);
        cluster = new Arm64Cluster(Shared, A64Features.Implemented.With(A64Feature.WFxT, true))
        {
            PointerAuthenticationAlgorithm = PointerAuthenticationAlgorithm.Qarma5,
        };
        Vcpu = cluster.Create(new Arm64VcpuConfiguration
        {
            Index = 0,
            Mpidr = 0x8000_0000,
            Clock = new DeterministicClock(DeterministicClock.DefaultEpochSeconds),
            Control = new NoControl(),
            RandomSeed = 1,
        });
        BuildTables();
        BuildCode();
        Vcpu.SetBootState(Boot, 0xFF);
        (keys.IsEmpty ? ReferenceKeys.Recorded : keys).CopyTo(new Span<ulong>(&Vcpu.Arm64->ApiaKeyLo, 10));
        Vcpu.X(1) = Tcr;
        Vcpu.X(2) = Level0;
        Vcpu.X(3) = Vectors;
        Vcpu.X(4) = 3 << 20;
        Vcpu.X(5) = SctlrUser | SctlrRes1;
        if (Vcpu.Run(100) != VcpuExit.Halted)
        {
            throw new InvalidOperationException($"the vCPU did not reach its first WFI: PC {Vcpu.ProgramCounter:x}");
        }
    }

    /// <summary>The map.</summary>
    public PhysicalAddressSpace Memory { get; }

    /// <summary>Shared parts.</summary>
    public VcpuShared Shared { get; }

    /// <summary>The vCPU.</summary>
    public Arm64Vcpu Vcpu { get; }

    /// <summary>Host address of the window.</summary>
    public byte* Window => At(OracleLayout.Window);

    /// <summary>Writes a code into its slot.</summary>
    public void Load(int slot, ReadOnlySpan<uint> words) => Store(OracleLayout.CodeAddress(slot), words);

    /// <summary>Runs a slot from a state; the window is already filled.</summary>
    /// <returns>Instructions retired in the slot.</returns>
    public int Run(int slot, OracleState* before, OracleRecord* after, bool usesMemory)
    {
        var s = Vcpu.State;
        var a = Vcpu.Arm64;
        ref var el1 = ref a->System.El1;
        Buffer.MemoryCopy(before->X, s, 31 * 8, 31 * 8);
        Buffer.MemoryCopy(before->V, (byte*)s + Arm64State.VectorsOffset, 512, 512);
        a->Fpcr = before->Fpcr;
        a->Fpsr = before->Fpsr;
        a->System.SpEl0 = before->X[31];
        a->System.TpidrEl0 = before->X[0];
        el1.Spsr = before->Nzcv << 28;
        el1.Elr = OracleLayout.CodeAddress(slot);
        s->Pc = Enter;
        s->ExclusiveAddress = ulong.MaxValue;
        s->Halted = 0;
        var start = s->Retired;
        var exit = Vcpu.Run(start + MaximumRetired);
        Buffer.MemoryCopy(s, after->State.X, 31 * 8, 31 * 8);
        Buffer.MemoryCopy((byte*)s + Arm64State.VectorsOffset, after->State.V, 512, 512);
        after->State.X[31] = a->System.SpEl0;
        after->State.Nzcv = el1.Spsr >> 28;
        after->State.Fpcr = a->Fpcr;
        after->State.Fpsr = a->Fpsr;
        after->State.Pc = el1.Elr;
        after->Outcome = exit == VcpuExit.Halted ? Outcome(el1.Esr, el1.Elr) : ulong.MaxValue;
        after->Hash = usesMemory ? OracleLayout.Hash(Window) : 0;

        // ERET and WFI are not the case's.
        return (int)(s->Retired - start) - 2;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        cluster.Dispose();
        Memory.Dispose();
        ram.Dispose();
    }

    private static ulong Outcome(ulong esr, ulong elr) => (esr >> 26) switch
    {
        UnknownClass or IllegalStateClass or TrappedSystemClass or AuthenticationClass => OracleOutcome.Undefined,
        BreakpointClass => OracleOutcome.Breakpoint,
        InstructionAbortClass => elr == OracleLayout.Exit ? OracleOutcome.Done : OracleOutcome.Fault,
        DataAbortClass => (esr & 0x3F) == AlignmentStatus ? OracleOutcome.Alignment : OracleOutcome.Fault,
        PcAlignmentClass or SpAlignmentClass => OracleOutcome.Alignment,
        var other => 1000 + other,
    };

    private byte* At(ulong pa) => ram.Pointer + (pa - OracleLayout.Scratch);

    private void Store(ulong pa, ReadOnlySpan<uint> words)
    {
        words.CopyTo(new Span<uint>(At(pa), words.Length));
        Memory.NotifyWritten(pa, (ulong)words.Length * 4);
    }

    private void BuildTables()
    {
        *(ulong*)At(Level0) = Level1 | TableDescriptor;
        ((ulong*)At(Level1))[OracleLayout.Scratch >> 30] = Level2 | TableDescriptor;
        *(ulong*)At(Level2) = Level3 | TableDescriptor;
        Map(OracleLayout.Scratch, OracleLayout.ScratchSize, UserPage);
        Map(OracleLayout.Code, OracleLayout.CodeSize, UserPage);
        Map(Level0, Enter + 0x1000 - Level0, PrivilegedPage);
    }

    private void Map(ulong va, ulong length, ulong descriptor)
    {
        for (var page = va; page < va + length; page += 0x1000)
        {
            ((ulong*)At(Level3))[(page >> 12) & 511] = (page & ~0xFFFUL) | descriptor;
        }
    }

    private void BuildCode()
    {
        for (ulong vector = 0; vector < 0x800; vector += 0x80)
        {
            Store(Vectors + vector, [Wfi]);
        }

        // MSR MAIR, TCR, TTBR0, VBAR, CPACR, SCTLR of EL1 from X0 to X5; ISB; WFI.
        Store(Boot, [0xD518_A200, 0xD518_2041, 0xD518_2002, 0xD518_C003, 0xD518_1044, 0xD518_1005, 0xD503_3FDF, Wfi]);
        Store(Enter, [Eret]);
    }

    private sealed class NoControl : IMachineControl
    {
        public void RequestStop(MachineStop reason, int exitCode = 0) =>
            throw new InvalidOperationException("a case at EL0 stopped the machine");
    }
}
