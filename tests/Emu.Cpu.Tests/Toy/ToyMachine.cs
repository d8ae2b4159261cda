// A machine of toy vCPUs: RAM, a ROM, a device window, and a compiler if the test wants one.
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;
using Emu.Cpu.Jit;
using Emu.Cpu.Jit.Il;

namespace Emu.Cpu.Tests.Toy;

/// <summary>How blocks run.</summary>
public enum Engine
{
    Interpreter,
    Jit,
}

/// <summary>The machine. RAM is mapped at 0, the ROM and the device above it.</summary>
public sealed unsafe class ToyMachine : IDisposable
{
    public const ulong RamBytes = 4 << 20;
    public const ulong RomBase = 0x100_0000;
    public const ulong DeviceBase = 0x200_0000;

    private readonly HostMemory ram = new(RamBytes);
    private readonly HostMemory rom = new(0x10000);

    /// <summary>Makes a machine.</summary>
    /// <param name="vcpus">How many vCPUs it has.</param>
    /// <param name="engine">How blocks run.</param>
    /// <param name="codeLimit">Bytes of the block cache.</param>
    /// <param name="compiledLimit">Bytes of compiled code.</param>
    /// <param name="threshold">Entries after which a block is compiled.</param>
    /// <param name="synchronous">
    /// Blocks are compiled at the entry that asks: what region is formed then, and so what is counted, does not depend on when the compiler's thread runs.
    /// </param>
    /// <param name="eager">What was asked for is compiled at once; else when it runs on.</param>
    public ToyMachine(
        int vcpus = 1,
        Engine engine = Engine.Interpreter,
        ulong codeLimit = CodeCache.DefaultLimit,
        long compiledLimit = long.MaxValue / 2,
        int threshold = 1,
        bool synchronous = false,
        bool eager = true)
    {
        Memory = new PhysicalAddressSpace(new Log(TextWriter.Null, LogLevel.Error));
        Memory.AddRam("ram", 0, RamBytes, ram.Pointer);
        Memory.AddRam("rom", RomBase, 0x10000, rom.Pointer, readOnly: true);
        Device = new ToyDevice();
        Memory.AddMmio("device", DeviceBase, 0x1000, Device);
        BackEnd = new TrackingBackEnd();
        var compiler = engine == Engine.Jit ? new JitCompiler(BackEnd, compiledLimit) { Synchronous = synchronous, Eager = eager } : null;
        Shared = new VcpuShared(Memory, codeLimit) { Compiler = compiler };
        compiler?.Start(Shared.Code, threshold, threshold - (threshold / 6));
        Cpus = [.. Enumerable.Range(0, vcpus).Select(i => new ToyVcpu(i, this))];
        foreach (var c in Cpus)
        {
            c.State->Parallel = vcpus > 1 ? 1 : 0;
        }
    }

    public PhysicalAddressSpace Memory { get; }

    public VcpuShared Shared { get; }

    public CodeCache Code => Shared.Code;

    public JitCompiler Compiler => Shared.Compiler!;

    public TrackingBackEnd BackEnd { get; }

    public ToyDevice Device { get; }

    public ToyVcpu[] Cpus { get; }

    public ToyVcpu Cpu => Cpus[0];

    public byte* Ram => ram.Pointer;

    public byte* Rom => rom.Pointer;

    public bool VariableLength { get; set; }

    public bool CodeWriteEndsBlock { get; set; }

    public int BlockInstructions { get; set; } = 32;

    public Action? OnTranslate { get; set; }

    public Action? OnTranslated { get; set; }

    public List<MicroOp[]> Patterns { get; } = [];

    /// <summary>Puts instructions into RAM behind the engine's back.</summary>
    public void Assemble(ulong address, params uint[] words) => MemoryMarshal.AsBytes<uint>(words).CopyTo(new Span<byte>(ram.Pointer + address, words.Length * 4));

    /// <summary>A new custom instruction.</summary>
    public uint Custom(params MicroOp[] ops)
    {
        Patterns.Add(ops);
        return Asm.Custom(Patterns.Count - 1);
    }

    public ulong Read64(ulong address) => *(ulong*)(ram.Pointer + address);

    public uint Read32(ulong address) => *(uint*)(ram.Pointer + address);

    /// <summary>Runs a vCPU from an address until it halts, and has everything hot compiled.</summary>
    public void RunToHalt(ulong pc, ToyVcpu? cpu = null)
    {
        cpu ??= Cpu;
        cpu.State->Halted = 0;
        cpu.Pc = pc;
        VcpuExit exit;
        do
        {
            exit = cpu.Run(cpu.Retired + 1_000_000);
        }
        while (exit == VcpuExit.Kicked);

        Assert.Equal(VcpuExit.Halted, exit);
        Shared.Compiler?.Drain();
    }

    /// <summary>Links were formed by running; compiles every cached block of a range as the entry of its region, on this thread.</summary>
    public int CompileAll(ulong start, ulong end, CompileTier tier = CompileTier.Full)
    {
        var compiled = 0;
        for (var pa = start; pa < end; pa += 4)
        {
            var b = Code.Find(pa, Cpu.State->ModeKey);
            if (b != null && b->Code == null)
            {
                var code = BackEnd.Compile(tier == CompileTier.Quick ? RegionBuilder.BuildAlone(Code, b, tier) : RegionBuilder.Build(Code, b));
                Assert.NotNull(code);
                Keep.Add(code);
                b->Code = (void*)code.Entry;
                b->Heat = 0;
                b->EntriesLeft = QuickEntries;
                compiled++;
            }
        }

        return compiled;
    }

    /// <summary>Entries of code of the lower tier before it leaves to ask for a region.</summary>
    private const int QuickEntries = 5;

    public List<CompiledCode> Keep { get; } = [];

    public void Dispose()
    {
        Shared.Dispose();
        foreach (var c in Cpus)
        {
            c.Dispose();
        }

        ram.Dispose();
        rom.Dispose();
        Memory.Dispose();
    }
}

/// <summary>The IL back end, with the code it made remembered weakly and a gate to hold it up.</summary>
public sealed class TrackingBackEnd : ICompilerBackEnd
{
    private readonly IlBackEnd il = new();

    public List<WeakReference> Made { get; } = [];

    public Action? BeforeCompile { get; set; }

    public string Name => "tracking";

    public CompiledCode? Compile(Region region)
    {
        BeforeCompile?.Invoke();
        var code = il.Compile(region);
        if (code != null)
        {
            lock (Made)
            {
                Made.Add(new WeakReference(code.Owner));
            }
        }

        return code;
    }
}

/// <summary>A device that writes down what it is asked.</summary>
public sealed class ToyDevice : IMmioDevice
{
    public List<(bool Write, ulong Offset, int Size, ulong Value)> Accesses { get; } = [];

    public Action<ulong, ulong>? OnWrite { get; set; }

    public ulong Read(ulong offset, int size)
    {
        lock (Accesses)
        {
            Accesses.Add((false, offset, size, 0));
            return 0x0123_4567_89AB_CDEF + (offset * 0x0101_0101_0101_0101) + (ulong)Accesses.Count;
        }
    }

    public void Write(ulong offset, int size, ulong value)
    {
        lock (Accesses)
        {
            Accesses.Add((true, offset, size, value));
        }

        OnWrite?.Invoke(offset, value);
    }
}
