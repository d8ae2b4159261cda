// Where a guest ISA's translator puts the micro-ops of one block.
using System.Runtime.InteropServices;
using Emu.Core;

namespace Emu.Cpu.Ir;

/// <summary>
/// Builds one block. Used under the code cache's lock, one block at a time, and reused: nothing is allocated for a block here.
/// A translator calls <see cref="NextInstruction"/> before each instruction and then emits its micro-ops; a micro-op that may fault comes
/// before the instruction's guest-visible writes. After <see cref="Ended"/> nothing may be emitted.
/// </summary>
public sealed unsafe class BlockBuilder : IDisposable
{
    /// <summary>Micro-ops a block holds at most.</summary>
    public const int Capacity = 512;

    /// <summary>Room kept for one instruction: the most micro-ops it may emit.</summary>
    public const int InstructionReserve = 64;

    // Room for the offsets behind the micro-ops: private blocks keep them there.
    private readonly HostMemory memory = new(Capacity * ((ulong)sizeof(MicroOp) + sizeof(ushort)));
    private readonly ushort[] offsets = new ushort[Capacity];
    private int temporaries;

    /// <summary>The micro-ops emitted so far.</summary>
    public MicroOp* Ops => (MicroOp*)memory.Pointer;

    /// <summary>Number of micro-ops emitted.</summary>
    public int OpCount { get; private set; }

    /// <summary>Number of instructions begun.</summary>
    public int InstructionCount { get; private set; }

    /// <summary>A block-ending micro-op was emitted.</summary>
    public bool Ended { get; private set; }

    /// <summary>Offset of the current instruction from the block's first byte.</summary>
    public int Offset { get; private set; }

    /// <summary>Bytes of the current instruction.</summary>
    public int InstructionLength { get; private set; }

    /// <summary>Offset of the block's first byte within its 4 KiB page: decides which exits may be linked.</summary>
    public int PageOffset { get; private set; }

    /// <summary>Scratch for the translator, cleared for each block (A64: whether SP was already checked).</summary>
    public uint TranslatorState { get; set; }

    /// <summary>There is room for one more instruction.</summary>
    public bool HasRoom => OpCount + InstructionReserve <= Capacity;

    /// <summary>Offset of each instruction.</summary>
    public ReadOnlySpan<ushort> Offsets => offsets.AsSpan(0, InstructionCount);

    /// <summary>Starts a block.</summary>
    /// <param name="pageOffset">Address of its first byte modulo 4096.</param>
    public void Begin(int pageOffset)
    {
        OpCount = 0;
        InstructionCount = 0;
        Ended = false;
        Offset = 0;
        InstructionLength = 0;
        PageOffset = pageOffset;
        TranslatorState = 0;
        temporaries = 0;
    }

    /// <summary>Starts an instruction.</summary>
    /// <param name="length">Its bytes.</param>
    public void NextInstruction(int length)
    {
        Offset += InstructionLength;
        InstructionLength = length;
        offsets[InstructionCount++] = (ushort)Offset;
        temporaries = 0;
    }

    /// <summary>A fresh temporary of the current instruction.</summary>
    public ushort Temp()
    {
        if (temporaries == CpuState.TemporaryCount)
        {
            throw new InvalidOperationException("translator uses more temporaries than an instruction has");
        }

        return CpuState.Temporary(temporaries++);
    }

    /// <summary>Emits a micro-op of the current instruction.</summary>
    public void Emit(MicroOpKind kind, ushort d = CpuState.Sink, ushort a = CpuState.Zero, ushort b = CpuState.Zero, long imm = 0, uint aux = 0, ushort c = 0)
    {
        var op = Ops + OpCount++;
        op->Kind = kind;
        op->D = d;
        op->A = a;
        op->B = b;
        op->Imm = imm;
        op->Aux = aux;
        op->C = c;
        op->Left = (ushort)(InstructionCount - 1);
        if ((MicroOpTable.Traits(kind) & MicroOpTraits.EndsBlock) != 0)
        {
            Ended = true;
        }
    }

    /// <summary>Emits a call of a helper that cannot fault, reads only slots D, A, B, C, writes only D, and vector or FP state.</summary>
    public void Call(delegate*<CpuState*, MicroOp*, void> helper, ushort d = CpuState.Sink, ushort a = CpuState.Zero, ushort b = CpuState.Zero, ushort c = CpuState.Zero, uint aux = 0) =>
        Emit(MicroOpKind.Call, d, a, b, (long)helper, aux, c);

    /// <summary>Emits a call of a helper as <see cref="Call"/> does, to which C is no slot.</summary>
    /// <param name="helper">The helper; it reads C's low byte only.</param>
    /// <param name="d">Destination.</param>
    /// <param name="a">First source.</param>
    /// <param name="b">Second source.</param>
    /// <param name="c">Bytes of the result.</param>
    /// <param name="aux">An immediate.</param>
    /// <param name="operation">What it computes, if that has a name.</param>
    public void CallVector(delegate*<CpuState*, MicroOp*, void> helper, ushort d, ushort a, ushort b = CpuState.Zero, ushort c = 0, uint aux = 0, VectorOperation operation = VectorOperation.None) =>
        Emit(MicroOpKind.CallVector, d, a, b, (long)helper, aux, (ushort)(c | ((uint)operation << 8)));

    /// <summary>Emits a call of a helper that cannot fault and reads or writes the condition flags.</summary>
    public void CallFlags(delegate*<CpuState*, MicroOp*, void> helper, ushort d = CpuState.Sink, ushort a = CpuState.Zero, ushort b = CpuState.Zero, ushort c = 0, uint aux = 0) =>
        Emit(MicroOpKind.CallFlags, d, a, b, (long)helper, aux, c);

    /// <summary>Emits a call of a helper that touches only slots D, A, B, C and either succeeds or faults with nothing changed.</summary>
    public void CallPure(delegate*<CpuState*, MicroOp*, int> helper, ushort d = CpuState.Sink, ushort a = CpuState.Zero, ushort b = CpuState.Zero, ushort c = CpuState.Zero, uint aux = 0) =>
        Emit(MicroOpKind.CallPure, d, a, b, (long)helper, aux, c);

    /// <summary>Emits a call of a helper that returns a <see cref="Status"/>.</summary>
    public void CallChecked(delegate*<CpuState*, MicroOp*, int> helper, ushort d = CpuState.Sink, ushort a = CpuState.Zero, ushort b = CpuState.Zero, ushort c = 0, uint aux = 0) =>
        Emit(MicroOpKind.CallChecked, d, a, b, (long)helper, aux, c);

    /// <summary>Emits a call of a helper that ends the block: it sees Pc at the next instruction, and returns <see cref="Status.ExitPc"/> or <see cref="Status.Fault"/>.</summary>
    public void CallEnd(delegate*<CpuState*, MicroOp*, int> helper, ushort d = CpuState.Sink, ushort a = CpuState.Zero, ushort b = CpuState.Zero, uint aux = 0) =>
        Emit(MicroOpKind.CallEnd, d, a, b, (long)helper, aux, (ushort)(Offset + InstructionLength));

    /// <summary>Emits a jump to an offset from the current instruction.</summary>
    /// <param name="offset">In bytes.</param>
    /// <param name="hint">A <see cref="BranchHint"/>.</param>
    public void Jump(long offset, uint hint = BranchHint.Jump) =>
        Emit(MicroOpKind.Jump, imm: Offset + offset, aux: hint, c: (ushort)(InPage(Offset + offset) ? 1 : 0));

    /// <summary>Emits a conditional branch to an offset from the current instruction; not taken goes to the next one.</summary>
    /// <param name="kind">A Branch kind.</param>
    /// <param name="a">Slot tested, if the kind tests one.</param>
    /// <param name="offset">From the current instruction, in bytes.</param>
    /// <param name="aux">Condition mask or bit number.</param>
    public void Branch(MicroOpKind kind, ushort a, long offset, uint aux) =>
        Emit(kind, a: a, imm: Offset + offset, aux: aux, c: (ushort)((InPage(Offset + InstructionLength) ? 1 : 0) | (InPage(Offset + offset) ? 2 : 0)));

    /// <summary>Ends the block where the next instruction follows (size limit, page end, or state that changes translation).</summary>
    public void EndHere() => Jump(InstructionLength);

    /// <summary>Finishes: turns instruction indices into <see cref="MicroOp.Left"/>.</summary>
    public void Finish()
    {
        for (var i = 0; i < OpCount; i++)
        {
            Ops[i].Left = (ushort)(InstructionCount - Ops[i].Left);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();

    private bool InPage(long offset) => (ulong)(PageOffset + offset) < 4096;
}
