// A bare machine for tests of the system level: RAM, a clock moved by hand, vCPUs, and A64 words put together by name.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Ir;
using Emu.Cpu.Jit;
using Emu.Cpu.Jit.Il;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

internal sealed class RecordingControl : IMachineControl
{
    public List<(MachineStop Reason, int Code)> Requests { get; } = [];

    public void RequestStop(MachineStop reason, int exitCode = 0) => Requests.Add((reason, exitCode));
}

internal sealed class RecordingLine : IInterruptLine
{
    public bool Level { get; private set; }

    public void Set(bool level) => Level = level;
}

internal sealed class RecordingConsole : ISemihostingConsole
{
    public List<byte> Output { get; } = [];

    public Queue<byte> Input { get; } = [];

    public void Write(ReadOnlySpan<byte> data) => Output.AddRange(data.ToArray());

    public int ReadByte() => Input.TryDequeue(out var b) ? b : -1;
}

internal sealed unsafe class TestMachine : IDisposable
{
    public const ulong Ram = 0x4000_0000;
    public const ulong RamSize = 16 << 20;
    public const ulong Code = Ram + 0x10000;
    public const ulong Vectors = Ram + 0x20000;
    public const ulong Data = Ram + 0x30000;

    private readonly HostMemory ram = new(RamSize);
    private readonly PhysicalAddressSpace memory = new(Log.Null);

    /// <param name="vcpus">vCPUs.</param>
    /// <param name="parallel">They run on threads of their own.</param>
    /// <param name="features">What they implement.</param>
    /// <param name="seed">Of RNDR.</param>
    /// <param name="compiles">Every block is compiled at its second entry, on the vCPU's thread.</param>
    public TestMachine(int vcpus = 1, bool parallel = false, A64FeatureSet? features = null, ulong? seed = 1, bool compiles = false)
    {
        memory.AddRam("ram", Ram, RamSize, ram.Pointer);
        var compiler = compiles ? new JitCompiler(new IlBackEnd { Floats = Arm64State.Floats }, JitCompiler.DefaultLimit) { Synchronous = true } : null;
        var shared = new VcpuShared(memory, 16 << 20) { Compiler = compiler };
        compiler?.Start(shared.Code, 1);
        Cluster = new Arm64Cluster(shared, features, parallel);
        for (var i = 0; i < vcpus; i++)
        {
            Lines.Add(new RecordingLine());
            PhysicalLines.Add(new RecordingLine());
            PmuLines.Add(new RecordingLine());
            Cluster.Create(new Arm64VcpuConfiguration
            {
                Index = i,
                Mpidr = 0x8000_0000 | (uint)i,
                Clock = Clock,
                Control = Control,
                VirtualTimer = Lines[i],
                PhysicalTimer = PhysicalLines[i],
                Pmu = PmuLines[i],
                Semihosting = Console,
                RandomSeed = seed,
            });
        }

        // Every vector and what follows it does nothing, so that a run over an exception always ends at its limit.
        for (ulong offset = 0; offset < 0x1000; offset += 4)
        {
            Put(Vectors + offset, A64.Nop);
        }

        Cpu.SetBootState(Code, 0);
        Cpu.Arm64->System.El1.Vbar = Vectors;
    }

    public DeterministicClock Clock { get; } = new(0);

    public RecordingControl Control { get; } = new();

    public RecordingConsole Console { get; } = new();

    public List<RecordingLine> Lines { get; } = [];

    public List<RecordingLine> PhysicalLines { get; } = [];

    public List<RecordingLine> PmuLines { get; } = [];

    public Arm64Cluster Cluster { get; }

    public Arm64Vcpu Cpu => Cluster.Vcpus[0];

    public Arm64State* State => Cpu.Arm64;

    public ref SystemRegisters Registers => ref Cpu.Arm64->System;

    /// <summary>Puts instructions at an address.</summary>
    public void Put(ulong address, params uint[] words)
    {
        for (var i = 0; i < words.Length; i++)
        {
            *(uint*)(ram.Pointer + (address - Ram) + (ulong)(i * 4)) = words[i];
        }

        memory.NotifyWritten(address, (ulong)words.Length * 4);
    }

    public ref ulong Word(ulong physical) => ref *(ulong*)(ram.Pointer + (physical - Ram));

    /// <summary>Runs exactly so many instructions.</summary>
    public VcpuExit Run(int instructions) => Cpu.Run(Cpu.Retired + (ulong)instructions);

    /// <summary>Puts instructions at <see cref="Code"/> and runs them all.</summary>
    public void Execute(params uint[] words)
    {
        Put(Code, words);
        Cpu.State->Pc = Code;
        Run(words.Length);
    }

    /// <summary>Executes an instruction that faults: it does not retire; the exception is taken and the first vector instruction (a NOP) runs.</summary>
    public void ExecuteFaulting(uint word, ulong at = Code)
    {
        Put(at, word);
        Cpu.State->Pc = at;
        Run(1);
    }

    /// <summary>Enters EL0 at an address by ERET.</summary>
    public void EnterEl0(ulong pc)
    {
        Registers.El1.Elr = pc;
        Registers.El1.Spsr = 0;
        Put(Vectors + 0xF00, A64.Eret);
        Cpu.State->Pc = Vectors + 0xF00;
        Run(1);
    }

    public uint ExceptionClass => (uint)(Registers.El1.Esr >> 26);

    public uint Iss => (uint)Registers.El1.Esr & 0x1FF_FFFF;

    /// <summary>Loads a doubleword as the vCPU would now.</summary>
    public ulong Load(ulong va)
    {
        MicroOp op = default;
        ulong value = 0;
        Assert.Equal(Status.Continue, MemoryAccess.Load(Cpu.State, &op, va, 8, &value));
        return value;
    }

    public void Dispose()
    {
        Cluster.Dispose();
        memory.Dispose();
        ram.Dispose();
    }
}

/// <summary>Instruction words.</summary>
internal static class A64
{
    public const uint Nop = 0xD503201F;
    public const uint Wfi = 0xD503207F;
    public const uint Wfe = 0xD503205F;
    public const uint Sev = 0xD503209F;
    public const uint Isb = 0xD5033FDF;
    public const uint Dsb = 0xD5033F9F;
    public const uint Eret = 0xD69F03E0;
    public const uint Undefined = 0x00000000;
    public const uint Smc = 0xD4000003;
    public const uint HltSemihosting = 0xD45E0000;

    public static uint Svc(uint n) => 0xD4000001 | (n << 5);

    public static uint Hvc(uint n) => 0xD4000002 | (n << 5);

    public static uint Brk(uint n) => 0xD4200000 | (n << 5);

    public static uint DaifSet(uint n) => 0xD50340DF | (n << 8);

    public static uint DaifClr(uint n) => 0xD50340FF | (n << 8);

    public static uint MsrSpSel(uint n) => 0xD50040BF | (n << 8);

    public static uint MsrPan(uint n) => 0xD500409F | (n << 8);

    public static uint Register(uint op0, uint op1, uint crn, uint crm, uint op2) => (op0 << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5);

    public static uint Mrs(uint rt, uint register) => 0xD5200000 | register | rt;

    public static uint Msr(uint register, uint rt) => 0xD5000000 | register | rt;

    public static uint Sys(uint op1, uint crn, uint crm, uint op2, uint rt) => 0xD5080000 | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | rt;

    public static uint DcZva(uint rt) => Sys(3, 7, 4, 1, rt);

    public static uint DcCvac(uint rt) => Sys(3, 7, 10, 1, rt);

    public static uint AtS1E1R(uint rt) => Sys(0, 7, 8, 0, rt);

    public static uint AtS1E1W(uint rt) => Sys(0, 7, 8, 1, rt);

    public static uint AtS1E0R(uint rt) => Sys(0, 7, 8, 2, rt);

    public static uint AtS1E0W(uint rt) => Sys(0, 7, 8, 3, rt);
}
