// Runs single A64 instructions from decode to interpreter, on V registers, FPCR, FPSR and flags.
using Emu.Core;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Blocks;
using Emu.Cpu.Interpreter;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Tests.Fp;

/// <summary>A vCPU's state without a vCPU: enough for instructions that neither fault nor touch memory.</summary>
internal sealed unsafe class FpMachine : IDisposable
{
    private readonly HostMemory memory = new(2 * Arm64State.Size);
    private readonly BlockBuilder builder = new();
    private readonly A64Translator translator = new();

    /// <summary>The state.</summary>
    public Arm64State* State => (Arm64State*)memory.Pointer;

    /// <summary>Half <paramref name="half"/> of Vn.</summary>
    public ref ulong V(int n, int half = 0) => ref *(ulong*)(memory.Pointer + Arm64State.V(n) + (half * 8));

    /// <summary>Xn.</summary>
    public ref ulong X(int n) => ref *(ulong*)(memory.Pointer + CpuState.Register(n));

    /// <summary>Whether the instruction is one: false when the decoder or its handler calls it UNDEFINED.</summary>
    public bool Translate(uint word)
    {
        // An undefined instruction ends the block after itself; the handler is asked directly so that the two cannot be confused.
        var row = A64Decoder.Decode(word);
        if (row is not { Status: A64RowStatus.Implemented })
        {
            return false;
        }

        builder.Begin(0);
        translator.TranslateBlock(builder, A64Mode.None, (byte*)&word, 4, 1);
        return row.Handler(translator, word);
    }

    /// <summary>Translates an instruction for <see cref="Run"/>.</summary>
    public void Load(uint word)
    {
        Assert.NotNull(A64Decoder.Decode(word));
        builder.Begin(0);
        translator.TranslateBlock(builder, A64Mode.None, (byte*)&word, 4, 1);
        builder.Finish();
        State->Head.Limit = ulong.MaxValue;
    }

    /// <summary>The first micro-op of the loaded instruction.</summary>
    public MicroOpKind FirstKind => builder.Ops->Kind;

    /// <summary>Runs the loaded instruction.</summary>
    public void Run()
    {
        var block = new Block { Ops = builder.Ops, OpCount = builder.OpCount, Count = 1, Length = 4, Heat = int.MaxValue };
        Interpreter.Interpreter.Run((CpuState*)State, &block);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        builder.Dispose();
        memory.Dispose();
    }
}
