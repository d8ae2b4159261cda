// The slow halves of the memory micro-ops, shared by the interpreter and compiled code.
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Interpreter;

/// <summary>Each method performs one memory micro-op whose inline probe failed and returns a <see cref="Status"/>.</summary>
public static unsafe class MemoryOps
{
    /// <summary>Any single load.</summary>
    public static int Load(CpuState* s, MicroOp* op, ulong va)
    {
        var (size, form) = LoadForm(op->Kind);
        var value = default(UInt128);
        var status = MemoryAccess.Load(s, op, va, size, &value);
        if (status != Status.Fault)
        {
            Extend((byte*)s + op->D, value, size, form);
        }

        return status;
    }

    /// <summary>Any single store.</summary>
    public static int Store(CpuState* s, MicroOp* op, ulong va) =>
        MemoryAccess.Store(s, op, va, StoreSize(op->Kind), (byte*)s + op->D);

    /// <summary>Any load of a pair: both halves are read before either register is written.</summary>
    public static int LoadPair(CpuState* s, MicroOp* op, ulong va)
    {
        var size = PairSize(op->Kind);
        UInt128 first = default, second = default;
        var status = MemoryAccess.Load(s, op, va, size, &first);
        if (status == Status.Fault)
        {
            return status;
        }

        var status2 = MemoryAccess.Load(s, op, va + (ulong)size, size, &second);
        if (status2 == Status.Fault)
        {
            return status2;
        }

        var form = op->Kind is MicroOpKind.LdP32 or MicroOpKind.LdP64 ? Form.Zero : Form.Vector;
        Extend((byte*)s + op->D, first, size, form);
        Extend((byte*)s + op->B, second, size, form);
        return status | status2;
    }

    /// <summary>Any store of a pair: both pages are checked before either half is written.</summary>
    public static int StorePair(CpuState* s, MicroOp* op, ulong va)
    {
        var size = PairSize(op->Kind);
        if (((va ^ (va + (ulong)(2 * size) - 1)) & TlbEntry.PageMask) != 0)
        {
            // A fault on the second page must leave the first unwritten: translate it for writing first, by its lowest byte (the address that faults).
            MemoryAccess.Probe(s, op, (va + (ulong)(2 * size) - 1) & TlbEntry.PageMask, 1, write: true, out var probe);
            if (probe == Status.Fault)
            {
                // The lower address faults first if both do.
                MemoryAccess.Probe(s, op, va, 1, write: true, out _);
                return Status.Fault;
            }
        }

        var status = MemoryAccess.Store(s, op, va, size, (byte*)s + op->D);
        return status == Status.Fault ? status : status | MemoryAccess.Store(s, op, va + (ulong)size, size, (byte*)s + op->B);
    }

    /// <summary>LdUnprivileged.</summary>
    public static int LoadUnprivileged(CpuState* s, MicroOp* op)
    {
        var size = 1 << (int)(op->Aux & 3);
        var form = (op->Aux & 4) == 0 ? Form.Zero : (op->Aux & 8) == 0 ? Form.Signed : Form.Signed32;
        var value = default(UInt128);
        var status = MemoryAccess.Load(s, op, *(ulong*)((byte*)s + op->A) + (ulong)op->Imm, size, &value, unprivileged: true);
        if (status != Status.Fault)
        {
            Extend((byte*)s + op->D, value, size, form);
        }

        return status;
    }

    /// <summary>StUnprivileged.</summary>
    public static int StoreUnprivileged(CpuState* s, MicroOp* op) =>
        MemoryAccess.Store(s, op, *(ulong*)((byte*)s + op->A) + (ulong)op->Imm, 1 << (int)(op->Aux & 3), (byte*)s + op->D, unprivileged: true);

    /// <summary>CheckAlignment failed. C bit 0: the access writes.</summary>
    public static int AlignmentFault(CpuState* s, MicroOp* op)
    {
        s->ExactRetired = s->Retired - op->Left;
        return CpuState.OwnerOf(s).PermitsUnaligned(*(ulong*)((byte*)s + op->A) + (ulong)op->Imm, (int)op->Aux + 1, (op->C & 1) != 0) ? Status.Continue : Status.Fault;
    }

    /// <summary>CheckSp failed.</summary>
    public static int StackAlignmentFault(CpuState* s, MicroOp* op)
    {
        s->ExactRetired = s->Retired - op->Left;
        CpuState.OwnerOf(s).RecordStackAlignmentFault();
        return Status.Fault;
    }

    /// <summary>
    /// Copies the micro-ops that are left of the current instruction, with an end that leaves the block after it, and returns the first of them.
    /// </summary>
    public static MicroOp* RestOfInstruction(CpuState* s, MicroOp* op, Block* block)
    {
        var end = block->Ops + block->OpCount;
        if (op < block->Ops || op >= end)
        {
            // Already out of line.
            return op + 1;
        }

        var to = s->Scratch;
        var left = op->Left;
        for (op++; op < end && op->Left == left && op->Kind != MicroOpKind.Jump; op++)
        {
            *to++ = *op;
        }

        // A jump of the instruction itself (a call that pushes) is its end too, taken without following a link.
        *to = default;
        to->Kind = MicroOpKind.EndScratch;
        to->Left = (ushort)(left - 1);
        to->Imm = op < end && op->Left == left ? op->Imm : (long)block->OffsetOf(left - 1);
        return s->Scratch;
    }

    private enum Form
    {
        Zero,
        Signed,
        Signed32,
        Vector,
    }

    private static void Extend(byte* slot, UInt128 value, int size, Form form)
    {
        var low = (ulong)value;
        switch (form)
        {
            case Form.Vector:
                *(UInt128*)slot = value;
                break;
            case Form.Signed:
                *(ulong*)slot = size switch { 1 => (ulong)(sbyte)low, 2 => (ulong)(short)low, _ => (ulong)(int)low };
                break;
            case Form.Signed32:
                *(ulong*)slot = size == 1 ? (uint)(sbyte)low : (uint)(short)low;
                break;
            default:
                *(ulong*)slot = low;
                break;
        }
    }

    private static (int Size, Form Form) LoadForm(MicroOpKind kind) => kind switch
    {
        MicroOpKind.Ld8 or MicroOpKind.Ld8X => (1, Form.Zero),
        MicroOpKind.Ld16 or MicroOpKind.Ld16X => (2, Form.Zero),
        MicroOpKind.Ld32 or MicroOpKind.Ld32X => (4, Form.Zero),
        MicroOpKind.Ld64 or MicroOpKind.Ld64X => (8, Form.Zero),
        MicroOpKind.LdS8 or MicroOpKind.LdS8X => (1, Form.Signed),
        MicroOpKind.LdS16 or MicroOpKind.LdS16X => (2, Form.Signed),
        MicroOpKind.LdS32 or MicroOpKind.LdS32X => (4, Form.Signed),
        MicroOpKind.LdS8To32 or MicroOpKind.LdS8To32X => (1, Form.Signed32),
        MicroOpKind.LdS16To32 or MicroOpKind.LdS16To32X => (2, Form.Signed32),
        MicroOpKind.LdV8 or MicroOpKind.LdV8X => (1, Form.Vector),
        MicroOpKind.LdV16 or MicroOpKind.LdV16X => (2, Form.Vector),
        MicroOpKind.LdV32 or MicroOpKind.LdV32X => (4, Form.Vector),
        MicroOpKind.LdV64 or MicroOpKind.LdV64X => (8, Form.Vector),
        _ => (16, Form.Vector),
    };

    private static int StoreSize(MicroOpKind kind) => kind switch
    {
        MicroOpKind.St8 or MicroOpKind.St8X => 1,
        MicroOpKind.St16 or MicroOpKind.St16X => 2,
        MicroOpKind.St32 or MicroOpKind.St32X => 4,
        MicroOpKind.St64 or MicroOpKind.St64X => 8,
        _ => 16,
    };

    private static int PairSize(MicroOpKind kind) => kind switch
    {
        MicroOpKind.LdP32 or MicroOpKind.LdPV32 or MicroOpKind.StP32 => 4,
        MicroOpKind.LdP64 or MicroOpKind.LdPV64 or MicroOpKind.StP64 => 8,
        _ => 16,
    };
}
