// What the JIT's back end pays for a block: micro-ops to IL to machine code.
using BenchmarkDotNet.Attributes;
using Emu.Cpu.Blocks;
using Emu.Cpu.Jit;
using Emu.Cpu.Jit.Il;

namespace Emu.Benchmarks;

/// <summary>Per block. Few invocations: compiled methods stay in memory until the garbage collector takes them.</summary>
[InvocationCount(64)]
public unsafe class Compilation
{
    private readonly IlBackEnd backEnd = new();
    private BenchMachine machine = null!;
    private Block* block;

    /// <summary>The block: its kind and its instructions.</summary>
    [Params("alu-4", "alu-16", "load-4", "load-16")]
    public string Code { get; set; } = "";

    /// <summary>Translates the block.</summary>
    [GlobalSetup]
    public void Setup()
    {
        machine = new BenchMachine();
        var parts = Code.Split('-');
        var words = new uint[int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture)];
        for (var i = 0; i < words.Length - 1; i++)
        {
            words[i] = parts[0] == "alu" ? 0x8B030042u : 0xF9400024u + ((uint)i << 10);
        }

        words[^1] = 0x14000000; // b .
        machine.Load(words);
        block = machine.Cpu.Code.Translate(machine.Cpu, BenchMachine.Code, machine.Cpu.State->ModeKey, machine.Region);
    }

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Cleanup() => machine.Dispose();

    /// <summary>One block.</summary>
    [Benchmark]
    public CompiledCode? Compile() => backEnd.Compile(RegionBuilder.Build(machine.Cpu.Code, block));
}
