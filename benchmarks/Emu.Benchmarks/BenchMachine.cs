// A vCPU with RAM and the MMU on: what the benchmarks run instructions on.
using Emu.Core;
using Emu.Cpu;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Jit;

namespace Emu.Benchmarks;

/// <summary>One A64 vCPU at EL1, its gigabyte from <see cref="RamBase"/> on mapped to itself as normal memory.</summary>
public sealed unsafe class BenchMachine : IDisposable
{
    /// <summary>Start of RAM.</summary>
    public const ulong RamBase = 0x4000_0000;

    /// <summary>Where programs are put.</summary>
    public const ulong Code = RamBase + 0x10_0000;

    /// <summary>Data of the programs.</summary>
    public const ulong Data = RamBase + 0x100_0000;

    /// <summary>Bytes of RAM.</summary>
    public const ulong RamSize = 64 << 20;

    private const ulong Table = RamBase + 0x8_0000;

    // A level 1 table entry for 1 GiB: block, Access flag, Inner Shareable, attribute 0.
    private const ulong BlockDescriptor = 1 | (1 << 10) | (3 << 8);

    // TCR_EL1: 39-bit VA from TTBR0, 4 KiB granule, write-back cacheable, Inner Shareable, no walks from TTBR1.
    private const ulong Tcr = 25 | (1 << 8) | (1 << 10) | (3 << 12) | (1UL << 23);
    private const ulong CpacrFpOn = 3 << 20;
    private const ulong MairWriteBack = 0xFF;
    private const ulong SctlrMmuOn = 0x30D0_0801 | 4 | 0x1000;

    private readonly HostMemory ram = new(RamSize);

    /// <summary>Creates it and turns the MMU on.</summary>
    /// <param name="compiler">The compiler, or null for the interpreter alone.</param>
    public BenchMachine(JitCompiler? compiler = null)
    {
        Memory = new PhysicalAddressSpace(Log.Null);
        Region = Memory.AddRam("ram", RamBase, RamSize, ram.Pointer);
        Cluster = new Arm64Cluster(new VcpuShared(Memory) { Compiler = compiler });
        Cpu = Cluster.Create(new Arm64VcpuConfiguration { Index = 0, Mpidr = 1UL << 31, Clock = new DeterministicClock(0), Control = new NoControl() });
        ((ulong*)At(Table))[1] = RamBase | BlockDescriptor;
        Load(
            0xD5182000, // msr ttbr0_el1, x0
            0xD5182041, // msr tcr_el1, x1
            0xD518A202, // msr mair_el1, x2
            0xD5181044, // msr cpacr_el1, x4
            0xD5181003, // msr sctlr_el1, x3
            0xD5033FDF); // isb
        Cpu.SetBootState(Code, 0);
        (Cpu.X(0), Cpu.X(1), Cpu.X(2), Cpu.X(3), Cpu.X(4)) = (Table, Tcr, MairWriteBack, SctlrMmuOn, CpacrFpOn);
        Run(6);
    }

    /// <summary>The map.</summary>
    public PhysicalAddressSpace Memory { get; }

    /// <summary>RAM.</summary>
    public RamRegion Region { get; }

    /// <summary>The vCPUs.</summary>
    public Arm64Cluster Cluster { get; }

    /// <summary>The vCPU.</summary>
    public Arm64Vcpu Cpu { get; }

    /// <summary>Host address of a guest-physical address.</summary>
    public byte* At(ulong physical) => ram.Pointer + (physical - RamBase);

    /// <summary>Puts instructions at <see cref="Code"/>, where the vCPU goes on.</summary>
    public void Load(params ReadOnlySpan<uint> words)
    {
        words.CopyTo(new Span<uint>(At(Code), words.Length));
        Memory.NotifyWritten(Code, (ulong)words.Length * sizeof(uint));
        Cpu.State->Pc = Code;
    }

    /// <summary>Runs so many instructions.</summary>
    public void Run(ulong instructions) => Cpu.Run(Cpu.Retired + instructions);

    /// <inheritdoc/>
    public void Dispose()
    {
        Cluster.Dispose();
        Memory.Dispose();
        ram.Dispose();
    }

    private sealed class NoControl : IMachineControl
    {
        public void RequestStop(MachineStop reason, int exitCode = 0) { }
    }
}
