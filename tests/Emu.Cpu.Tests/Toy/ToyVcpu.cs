// A vCPU of the toy ISA: a translator of a screenful and paging that the test controls.
using Emu.Core;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Tests.Toy;

/// <summary>Where a virtual page goes.</summary>
public readonly record struct ToyMapping(ulong Physical, bool Read = true, bool Write = true, bool Execute = true, bool User = true, TlbInfo Info = TlbInfo.None);

/// <summary>A recorded exception.</summary>
public readonly record struct ToyFault(string Kind, ulong Address, ulong Pc, ulong Retired);

/// <summary>A vCPU of the toy ISA.</summary>
public sealed unsafe class ToyVcpu : Vcpu
{
    /// <summary>Bytes of state: the head, vectors from 1024 on, free slots from 2048 on.</summary>
    public const int StateBytes = 8192;

    /// <summary>First vector slot.</summary>
    public const ushort Vectors = 1024;

    private readonly ToyMachine machine;
    private (string Kind, ulong Address) pending;
    private int interruptsTaken;

    public ToyVcpu(int index, ToyMachine machine)
        : base(index, StateBytes, machine.Shared)
    {
        this.machine = machine;
        SwitchContext(0);
    }

    /// <summary>Pages that are not mapped to themselves, by context and page number.</summary>
    public Dictionary<(int Context, ulong Page), ToyMapping> Map { get; } = [];

    /// <summary>Exceptions taken.</summary>
    public List<ToyFault> Faults { get; } = [];

    /// <summary>What happens after a fault; by default the vCPU halts at the instruction.</summary>
    public Action<ToyVcpu>? OnFault { get; set; }

    /// <summary>What happens on an interrupt; by default the inputs are cleared.</summary>
    public Action<ToyVcpu>? OnInterrupt { get; set; }

    /// <summary>Counted once <see cref="OnInterrupt"/> is through: who waits for it may assert the input again.</summary>
    public int InterruptsTaken => Volatile.Read(ref interruptsTaken);

    public int EventsReceived { get; private set; }

    public int Context { get; private set; }

    public override string SnapshotName => "toy";

    public override bool VariableLengthInstructions => machine.VariableLength;

    public override bool CodeWriteEndsBlock => machine.CodeWriteEndsBlock;

    public ulong this[int register]
    {
        get => *(ulong*)((byte*)State + CpuState.Register(register));
        set => *(ulong*)((byte*)State + CpuState.Register(register)) = value;
    }

    public ulong Pc
    {
        get => State->Pc;
        set => State->Pc = value;
    }

    /// <summary>Selects an address space, as a page-table base register would.</summary>
    public void SwitchContext(int context)
    {
        Context = context;
        State->Tlb = Tlb.Select(new TlbContext(1, (uint)context, 0), out _).Pointer;
        State->TlbUnprivileged = Tlb.Select(new TlbContext(0, (uint)context, 0), out _).Pointer;
        State->PcTag = (ulong)context << 56;
    }

    /// <summary>Drops everything known about a virtual page, as a TLB maintenance instruction would. On the vCPU's thread.</summary>
    public void FlushPage(ulong va)
    {
        foreach (var t in Tlb.Tables)
        {
            t.FlushPage(va);
        }

        FlushJumpCachePage(va);
    }

    /// <summary>Records an exception; the helper that calls it returns <see cref="Status.Fault"/>.</summary>
    public void Record(string kind, ulong address) => pending = (kind, address);

    public override void TranslateBlock(BlockBuilder builder, byte* code, int available, int maximum)
    {
        var limit = Math.Min(maximum, machine.BlockInstructions);
        machine.OnTranslate?.Invoke();
        while (!builder.Ended)
        {
            builder.NextInstruction(4);
            Emit(builder, *(uint*)(code + builder.Offset));
            if (!builder.Ended && (builder.InstructionCount == limit || !builder.HasRoom || builder.Offset + 8 > available))
            {
                builder.EndHere();
            }
        }

        machine.OnTranslated?.Invoke();
    }

    public override bool PermitsUnaligned(ulong va, int size, bool write)
    {
        Record("alignment", va);
        return false;
    }

    public override void RecordStackAlignmentFault() => Record("stack", 0);

    public override void Reset()
    {
        Faults.Clear();
        State->Halted = 0;
    }

    public override void Save(SnapshotWriter writer)
    {
    }

    public override void Restore(SnapshotReader reader)
    {
    }

    protected override bool Translate(ulong va, AccessKind kind, bool unprivileged, out Translation translation)
    {
        var mapped = Map.TryGetValue((Context, va >> 12), out var m) ? m : new ToyMapping(va & TlbEntry.PageMask);
        var permitted = kind switch { AccessKind.Read => mapped.Read, AccessKind.Write => mapped.Write, _ => mapped.Execute };
        if (!permitted || (unprivileged && !mapped.User))
        {
            Record(kind.ToString(), va);
            translation = default;
            return false;
        }

        translation = new Translation
        {
            PhysicalPage = mapped.Physical & TlbEntry.PageMask,
            Readable = mapped.Read && (!unprivileged || mapped.User),
            Writable = mapped.Write && (!unprivileged || mapped.User),
            Info = mapped.Info,
        };
        return true;
    }

    protected override void TakeFault()
    {
        Faults.Add(new ToyFault(pending.Kind, pending.Address, State->Pc, State->Retired));
        if (OnFault != null)
        {
            OnFault(this);
        }
        else
        {
            State->Halted = 1;
        }
    }

    protected override void TakeInterrupt()
    {
        if (OnInterrupt != null)
        {
            OnInterrupt(this);
        }
        else
        {
            Interlocked.Exchange(ref State->InterruptLines, 0);
        }

        Interlocked.Increment(ref interruptsTaken);
    }

    protected override bool HasWakeup() => Volatile.Read(ref State->InterruptLines) != 0;

    protected override void RecordFetchAbort(ulong va) => Record("abort", va);

    protected override bool TryPowerOn() => false;

    protected override void EventReceived() => EventsReceived++;

    private void Emit(BlockBuilder b, uint word)
    {
        int rd = (int)(word >> 8) & 31, ra = (int)(word >> 16) & 31, rb = (int)(word >> 24) & 31;
        ushort d = CpuState.Register(rd), a = CpuState.Register(ra), c = CpuState.Register(rb);
        long small = (sbyte)(word >> 24), wide = (short)(word >> 16);
        switch ((ToyOp)(byte)word)
        {
            case ToyOp.MovI: b.Emit(MicroOpKind.MovI, d, imm: wide); break;
            case ToyOp.Add: b.Emit(MicroOpKind.Add64, d, a, c); break;
            case ToyOp.AddI: b.Emit(MicroOpKind.AddI64, d, a, imm: small); break;
            case ToyOp.SubS: b.Emit(MicroOpKind.SubS64, d, a, c); break;
            case ToyOp.SubSI: b.Emit(MicroOpKind.SubSI64, d, a, imm: small); break;
            case ToyOp.Load: b.Emit(MicroOpKind.Ld64, d, a, imm: small * 8); break;
            case ToyOp.Store: b.Emit(MicroOpKind.St64, d, a, imm: small * 8); break;
            case ToyOp.Store32: b.Emit(MicroOpKind.St32, d, a, imm: small * 4); break;
            case ToyOp.LoadPost:
            {
                var t = b.Temp();
                b.Emit(MicroOpKind.Ld64, t, a);
                b.Emit(MicroOpKind.AddI64, a, a, imm: 8);
                b.Emit(MicroOpKind.Mov64, d, t);
                break;
            }

            case ToyOp.LoadPairPost:
            {
                ushort t = b.Temp(), u = b.Temp();
                b.Emit(MicroOpKind.LdP64, t, a, u);
                b.Emit(MicroOpKind.AddI64, a, a, imm: 16);
                b.Emit(MicroOpKind.Mov64, d, t);
                b.Emit(MicroOpKind.Mov64, c, u);
                break;
            }

            case ToyOp.StorePair: b.Emit(MicroOpKind.StP64, d, a, c); break;
            case ToyOp.Jump: b.Jump(((int)word >> 8) * 4L); break;
            case ToyOp.BranchIf: b.Branch(MicroOpKind.BranchIf, CpuState.Zero, wide * 4, Asm.Conditions[rd & 15]); break;
            case ToyOp.BranchZero: b.Branch(MicroOpKind.BranchZero64, d, wide * 4, 0); break;
            case ToyOp.BranchNotZero: b.Branch(MicroOpKind.BranchNotZero64, d, wide * 4, 0); break;
            case ToyOp.Call:
                b.Emit(MicroOpKind.LeaPc, CpuState.Register(30), imm: b.Offset + 4);
                b.Jump(((int)word >> 8) * 4L, BranchHint.Call);
                break;
            case ToyOp.JumpReg: b.Emit(MicroOpKind.JumpReg, a: d, imm: d == CpuState.Register(30) ? BranchHint.Return : BranchHint.Jump); break;
            case ToyOp.Halt: b.CallEnd(&ToyHelpers.Halt); break;
            case ToyOp.FaultIf: b.CallChecked(&ToyHelpers.FaultIf, a: d); break;
            case ToyOp.LeaveAfter:
                b.CallChecked(&ToyHelpers.LeaveAfter, d);
                b.Emit(MicroOpKind.AddI64, d, d, imm: 1);
                break;
            case ToyOp.PushJump:
                b.Emit(MicroOpKind.St64, CpuState.Register(30), CpuState.Register(31), imm: -8);
                b.Emit(MicroOpKind.AddI64, CpuState.Register(31), CpuState.Register(31), imm: -8);
                b.Jump(((int)word >> 8) * 4L);
                break;
            case ToyOp.SetContext: b.CallEnd(&ToyHelpers.SetContext, a: d); break;
            case ToyOp.SetContextInside: b.CallChecked(&ToyHelpers.SetContextInside, a: d); break;
            case ToyOp.FlushPage: b.CallChecked(&ToyHelpers.FlushPage, a: d); break;
            case ToyOp.Custom: EmitCustom(b, machine.Patterns[(int)(word >> 8)]); break;
            default: b.CallEnd(&ToyHelpers.Undefined); break;
        }
    }

    private static void EmitCustom(BlockBuilder b, MicroOp[] ops)
    {
        foreach (var op in ops)
        {
            switch (op.Kind)
            {
                case MicroOpKind.Jump: b.Jump(op.Imm, op.Aux); break;
                case MicroOpKind.CallEnd: b.CallEnd((delegate*<CpuState*, MicroOp*, int>)op.Imm, op.D, op.A, op.B, op.Aux); break;
                case >= MicroOpKind.BranchIf and <= MicroOpKind.BranchBitClear: b.Branch(op.Kind, op.A, op.Imm, op.Aux); break;
                case MicroOpKind.LeaPc: b.Emit(op.Kind, op.D, imm: b.Offset + op.Imm); break;
                default: b.Emit(op.Kind, op.D, op.A, op.B, op.Imm, op.Aux, op.C); break;
            }
        }
    }
}
