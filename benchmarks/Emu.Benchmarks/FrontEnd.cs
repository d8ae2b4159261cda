// From guest bytes to micro-ops to machine code: what an instruction costs before it runs.
using BenchmarkDotNet.Attributes;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;

namespace Emu.Benchmarks;

/// <summary>Per instruction of busybox's code.</summary>
public unsafe class FrontEnd
{
    private const int Words = 65_536;
    private const int PageBytes = 4096;

    private readonly BlockBuilder builder = new();
    private BenchMachine machine = null!;
    private uint[] code = [];

    /// <summary>Puts the code into RAM.</summary>
    [GlobalSetup]
    public void Setup()
    {
        machine = new BenchMachine();
        code = RealCode.Read(Words);
        code.CopyTo(new Span<uint>(machine.At(BenchMachine.Data), Words));
    }

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        machine.Dispose();
        builder.Dispose();
    }

    /// <summary>Finds the decode row.</summary>
    [Benchmark(OperationsPerInvoke = Words)]
    public int Decode()
    {
        var known = 0;
        foreach (var word in code)
        {
            known += A64Decoder.Decode(word) is null ? 0 : 1;
        }

        return known;
    }

    /// <summary>Decodes, translates and optimizes blocks.</summary>
    [Benchmark(OperationsPerInvoke = Words)]
    public int Translate()
    {
        var operations = 0;
        var bytes = machine.At(BenchMachine.Data);
        for (var at = 0; at < Words * sizeof(uint);)
        {
            var offset = at & (PageBytes - 1);
            builder.Begin(offset);
            machine.Cpu.TranslateBlock(builder, bytes + at, PageBytes - offset, int.MaxValue);
            builder.Finish();
            operations += builder.OpCount;
            at += builder.InstructionCount * sizeof(uint);
        }

        return operations;
    }
}

/// <summary>Finding a block: by hash of its physical address, and from the jump cache by an indirect branch.</summary>
public unsafe class BlockLookup
{
    private const int Blocks = 4096;
    private const int BlockWords = 2;
    private const ulong Branches = 200_000;

    // ret: each block ends at once.
    private const uint Return = 0xD65F03C0;
    private BenchMachine machine = null!;

    /// <summary>Fills the block cache.</summary>
    [GlobalSetup]
    public void Setup()
    {
        machine = new BenchMachine();
        for (var i = 0; i < Blocks * BlockWords; i++)
        {
            ((uint*)machine.At(BenchMachine.Data))[i] = Return;
        }

        for (var i = 0; i < Blocks; i++)
        {
            machine.Cpu.Code.Translate(machine.Cpu, At(i), machine.Cpu.State->ModeKey, machine.Region);
        }

        machine.Load(0xD61F0020, 0xD61F0040); // br x1; br x2
        (machine.Cpu.X(1), machine.Cpu.X(2)) = (BenchMachine.Code + 4, BenchMachine.Code);
    }

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Cleanup() => machine.Dispose();

    /// <summary>One block of 4096 in the block cache.</summary>
    [Benchmark(OperationsPerInvoke = Blocks)]
    public nint BlockCache()
    {
        nint sum = 0;
        for (var i = 0; i < Blocks; i++)
        {
            sum += (nint)machine.Cpu.Code.Find(At(i), machine.Cpu.State->ModeKey);
        }

        return sum;
    }

    /// <summary>An indirect branch from block to block on the interpreter.</summary>
    [Benchmark(OperationsPerInvoke = (int)Branches)]
    public void JumpCache()
    {
        machine.Cpu.State->Pc = BenchMachine.Code;
        machine.Run(Branches);
    }

    private static ulong At(int i) => BenchMachine.Data + (ulong)(i * BlockWords * sizeof(uint));
}
