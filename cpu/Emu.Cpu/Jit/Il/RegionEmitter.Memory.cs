// Memory micro-ops in emitted code: the TLB probe inline, a side exit when it fails.
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Jit.Il;

internal sealed unsafe partial class RegionEmitter
{
    private static readonly int ReadTagOffset = (int)Marshal.OffsetOf<TlbEntry>(nameof(TlbEntry.ReadTag));
    private static readonly int WriteTagOffset = (int)Marshal.OffsetOf<TlbEntry>(nameof(TlbEntry.WriteTag));
    private static readonly int AddendOffset = (int)Marshal.OffsetOf<TlbEntry>(nameof(TlbEntry.Addend));
    private static readonly MethodInfo CreateScalar = Method(typeof(Vector128), nameof(Vector128.CreateScalar), typeof(ulong));

    private static readonly MethodInfo QuickRead = typeof(QuickAccess).GetMethod(nameof(QuickAccess.Read))!;
    private static readonly MethodInfo QuickWrite = typeof(QuickAccess).GetMethod(nameof(QuickAccess.Write))!;
    private static readonly MethodInfo QuickReadUnprivileged = typeof(QuickAccess).GetMethod(nameof(QuickAccess.ReadUnprivileged))!;
    private static readonly MethodInfo QuickWriteUnprivileged = typeof(QuickAccess).GetMethod(nameof(QuickAccess.WriteUnprivileged))!;

    /// <summary>va = host address of an access, asked of a helper; leaves to the interpreter when there is none.</summary>
    private void CallProbe(MicroOp* op, int size, bool write)
    {
        var unprivileged = op->Kind is MicroOpKind.LdUnprivileged or MicroOpKind.StUnprivileged;
        il.Emit(OpCodes.Ldarg_0);
        PushAddress(op);
        il.Emit(OpCodes.Ldc_I4, size - 1);
        il.Emit(OpCodes.Call, write ? unprivileged ? QuickWriteUnprivileged : QuickWrite : unprivileged ? QuickReadUnprivileged : QuickRead);
        il.Emit(OpCodes.Stloc, va);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Brfalse, ResumeAt(op));
    }

    private bool EmitMemory(MicroOp* op)
    {
        switch (op->Kind)
        {
            case MicroOpKind.Ld8 or MicroOpKind.Ld8X:
                return EmitLoad(op, 1, OpCodes.Ldind_U1, OpCodes.Conv_U8);
            case MicroOpKind.Ld16 or MicroOpKind.Ld16X:
                return EmitLoad(op, 2, OpCodes.Ldind_U2, OpCodes.Conv_U8);
            case MicroOpKind.Ld32 or MicroOpKind.Ld32X:
                return EmitLoad(op, 4, OpCodes.Ldind_U4, OpCodes.Conv_U8);
            case MicroOpKind.Ld64 or MicroOpKind.Ld64X:
                return EmitLoad(op, 8, OpCodes.Ldind_I8, OpCodes.Nop);
            case MicroOpKind.LdS8 or MicroOpKind.LdS8X:
                return EmitLoad(op, 1, OpCodes.Ldind_I1, OpCodes.Conv_I8);
            case MicroOpKind.LdS16 or MicroOpKind.LdS16X:
                return EmitLoad(op, 2, OpCodes.Ldind_I2, OpCodes.Conv_I8);
            case MicroOpKind.LdS32 or MicroOpKind.LdS32X:
                return EmitLoad(op, 4, OpCodes.Ldind_I4, OpCodes.Conv_I8);
            case MicroOpKind.LdS8To32 or MicroOpKind.LdS8To32X:
                return EmitLoad(op, 1, OpCodes.Ldind_I1, OpCodes.Conv_U8);
            case MicroOpKind.LdS16To32 or MicroOpKind.LdS16To32X:
                return EmitLoad(op, 2, OpCodes.Ldind_I2, OpCodes.Conv_U8);
            case MicroOpKind.LdV8 or MicroOpKind.LdV8X:
                return EmitVectorLoad(op, 1, OpCodes.Ldind_U1);
            case MicroOpKind.LdV16 or MicroOpKind.LdV16X:
                return EmitVectorLoad(op, 2, OpCodes.Ldind_U2);
            case MicroOpKind.LdV32 or MicroOpKind.LdV32X:
                return EmitVectorLoad(op, 4, OpCodes.Ldind_U4);
            case MicroOpKind.LdV64 or MicroOpKind.LdV64X:
                return EmitVectorLoad(op, 8, OpCodes.Ldind_I8);
            case MicroOpKind.LdV128 or MicroOpKind.LdV128X:
                Access(op, 16, write: false);
                il.Emit(OpCodes.Ldloc, va);
                il.Emit(OpCodes.Ldobj, Doubles);
                PopVector(op->D, Doubles);
                return true;
            case MicroOpKind.St8 or MicroOpKind.St8X:
                return EmitStore(op, 1, OpCodes.Stind_I1);
            case MicroOpKind.St16 or MicroOpKind.St16X:
                return EmitStore(op, 2, OpCodes.Stind_I2);
            case MicroOpKind.St32 or MicroOpKind.St32X:
                return EmitStore(op, 4, OpCodes.Stind_I4);
            case MicroOpKind.St64 or MicroOpKind.St64X:
                return EmitStore(op, 8, OpCodes.Stind_I8);
            case MicroOpKind.St128 or MicroOpKind.St128X:
                Access(op, 16, write: true);
                il.Emit(OpCodes.Ldloc, va);
                PushVector(op->D, Doubles);
                il.Emit(OpCodes.Stobj, Doubles);
                return true;
            case MicroOpKind.LdP32 or MicroOpKind.LdP64:
            {
                var size = op->Kind == MicroOpKind.LdP32 ? 4 : 8;
                Access(op, size * 2, write: false);
                for (var i = 0; i < 2; i++)
                {
                    var slot = i == 0 ? op->D : op->B;
                    BeginStore(slot);
                    il.Emit(OpCodes.Ldloc, va);
                    Displace(i * size);
                    il.Emit(size == 4 ? OpCodes.Ldind_U4 : OpCodes.Ldind_I8);
                    if (size == 4)
                    {
                        il.Emit(OpCodes.Conv_U8);
                    }

                    EndStore64(slot);
                }

                return true;
            }

            case MicroOpKind.LdPV32 or MicroOpKind.LdPV64 or MicroOpKind.LdPV128:
            {
                var size = op->Kind == MicroOpKind.LdPV32 ? 4 : op->Kind == MicroOpKind.LdPV64 ? 8 : 16;
                Access(op, size * 2, write: false);
                for (var i = 0; i < 2; i++)
                {
                    il.Emit(OpCodes.Ldloc, va);
                    Displace(i * size);
                    if (size == 16)
                    {
                        il.Emit(OpCodes.Ldobj, Doubles);
                    }
                    else
                    {
                        il.Emit(size == 4 ? OpCodes.Ldind_U4 : OpCodes.Ldind_I8);
                        il.Emit(OpCodes.Conv_U8);
                        il.Emit(OpCodes.Call, CreateScalar);
                    }

                    PopVector(i == 0 ? op->D : op->B, Doubles);
                }

                return true;
            }

            case MicroOpKind.StP32 or MicroOpKind.StP64 or MicroOpKind.StP128:
            {
                var size = op->Kind == MicroOpKind.StP32 ? 4 : op->Kind == MicroOpKind.StP64 ? 8 : 16;
                Access(op, size * 2, write: true);
                for (var i = 0; i < 2; i++)
                {
                    var slot = i == 0 ? op->D : op->B;
                    il.Emit(OpCodes.Ldloc, va);
                    Displace(i * size);
                    if (size == 16)
                    {
                        PushVector(slot, Doubles);
                        il.Emit(OpCodes.Stobj, Doubles);
                    }
                    else
                    {
                        Load(slot, narrow: size == 4);
                        il.Emit(size == 4 ? OpCodes.Stind_I4 : OpCodes.Stind_I8);
                    }
                }

                return true;
            }

            case MicroOpKind.LdUnprivileged:
            {
                var signed = (op->Aux & 4) != 0;
                return EmitLoad(
                    op,
                    1 << (int)(op->Aux & 3),
                    (op->Aux & 3) switch
                    {
                        0 => signed ? OpCodes.Ldind_I1 : OpCodes.Ldind_U1,
                        1 => signed ? OpCodes.Ldind_I2 : OpCodes.Ldind_U2,
                        2 => signed ? OpCodes.Ldind_I4 : OpCodes.Ldind_U4,
                        _ => OpCodes.Ldind_I8,
                    },
                    (op->Aux & 3) == 3 ? OpCodes.Nop : signed && (op->Aux & 8) == 0 ? OpCodes.Conv_I8 : OpCodes.Conv_U8);
            }

            case MicroOpKind.StUnprivileged:
                return EmitStore(op, 1 << (int)(op->Aux & 3), (op->Aux & 3) switch { 0 => OpCodes.Stind_I1, 1 => OpCodes.Stind_I2, 2 => OpCodes.Stind_I4, _ => OpCodes.Stind_I8 });
            case MicroOpKind.CheckAlignment:
                Load64(op->A);
                if (op->Imm != 0)
                {
                    il.Emit(OpCodes.Ldc_I8, op->Imm);
                    il.Emit(OpCodes.Add);
                }

                il.Emit(OpCodes.Ldc_I8, (long)op->Aux);
                il.Emit(OpCodes.And);
                il.Emit(OpCodes.Brtrue, ResumeAt(op));
                return true;
            case MicroOpKind.CheckSp:
                Load64(op->A);
                il.Emit(OpCodes.Ldc_I8, 15L);
                il.Emit(OpCodes.And);
                il.Emit(OpCodes.Brtrue, ResumeAt(op));
                return true;
            case MicroOpKind.Fence:
            {
                var alone = il.DefineLabel();
                Address(ParallelOffset);
                il.Emit(OpCodes.Ldind_I4);
                il.Emit(OpCodes.Brfalse, alone);
                il.Emit(OpCodes.Call, MemoryBarrier);
                il.MarkLabel(alone);
                return true;
            }

            default:
                return false;
        }
    }

    private static bool IsIndexed(MicroOpKind kind) => kind switch
    {
        MicroOpKind.Ld8X or MicroOpKind.Ld16X or MicroOpKind.Ld32X or MicroOpKind.Ld64X or MicroOpKind.LdS8X or MicroOpKind.LdS16X
            or MicroOpKind.LdS32X or MicroOpKind.LdS8To32X or MicroOpKind.LdS16To32X or MicroOpKind.LdV8X or MicroOpKind.LdV16X
            or MicroOpKind.LdV32X or MicroOpKind.LdV64X or MicroOpKind.LdV128X or MicroOpKind.St8X or MicroOpKind.St16X or MicroOpKind.St32X
            or MicroOpKind.St64X or MicroOpKind.St128X => true,
        _ => false,
    };

    /// <summary>Pushes the guest address of an access.</summary>
    private void PushAddress(MicroOp* op)
    {
        Load64(op->A);
        if (IsIndexed(op->Kind))
        {
            Load64(op->B);
            if (op->C != 0)
            {
                Shift(OpCodes.Shl, op->C);
            }

            il.Emit(OpCodes.Add);
        }

        if (op->Imm != 0)
        {
            il.Emit(OpCodes.Ldc_I8, op->Imm);
            il.Emit(OpCodes.Add);
        }
    }

    /// <summary>Pushes the address of the TLB entry for va.</summary>
    private void PushEntry(Action pushTable)
    {
        // Shifted once at the end, it needs one register beside the address.
        pushTable();
        il.Emit(OpCodes.Ldloc, va);
        Shift(OpCodes.Shr_Un, TlbEntry.FoldShift - TlbEntry.IndexShift);
        il.Emit(OpCodes.Ldc_I8, ~((long)(TlbEntry.IndexMask & ~TlbEntry.FoldMask) << TlbEntry.IndexShift));
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Xor);
        Shift(OpCodes.Shr_Un, TlbEntry.IndexShift);
        il.Emit(OpCodes.Ldc_I8, (long)TlbEntry.IndexMask);
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Add);
    }

    /// <summary>va = address; entry = its TLB entry; leaves to the interpreter unless the tag permits the whole access.</summary>
    private void Probe(MicroOp* op, int size, int tagOffset)
    {
        PushAddress(op);
        il.Emit(OpCodes.Stloc, va);
        PushEntry(() =>
        {
            if (op->Kind is MicroOpKind.LdUnprivileged or MicroOpKind.StUnprivileged)
            {
                LoadState(TlbUnprivilegedOffset);
            }
            else
            {
                il.Emit(OpCodes.Ldloc, tlb);
            }
        });
        il.Emit(OpCodes.Stloc, entry);
        il.Emit(OpCodes.Ldloc, va);
        if (size > 1)
        {
            il.Emit(OpCodes.Ldc_I8, (long)size - 1);
            il.Emit(OpCodes.Add);
        }

        il.Emit(OpCodes.Ldc_I8, unchecked((long)TlbEntry.PageMask));
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Ldloc, entry);
        Displace(tagOffset);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Bne_Un, ResumeAt(op));
    }

    private void Displace(int offset)
    {
        if (offset != 0)
        {
            il.Emit(OpCodes.Ldc_I4, offset);
            il.Emit(OpCodes.Add);
        }
    }

    private bool EmitLoad(MicroOp* op, int size, OpCode load, OpCode extend)
    {
        Access(op, size, write: false);
        BeginStore(op->D);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(load);
        if (extend != OpCodes.Nop)
        {
            // LdS*To32: the sign extends to 32 bits (the load did that), the rest is zero.
            il.Emit(extend);
        }

        EndStore64(op->D);
        return true;
    }

    private bool EmitVectorLoad(MicroOp* op, int size, OpCode load)
    {
        Access(op, size, write: false);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(load);
        il.Emit(OpCodes.Conv_U8);
        il.Emit(OpCodes.Call, CreateScalar);
        PopVector(op->D, Doubles);
        return true;
    }

    private bool EmitStore(MicroOp* op, int size, OpCode store)
    {
        Access(op, size, write: true);
        il.Emit(OpCodes.Ldloc, va);
        Load(op->D, narrow: size < 8);
        il.Emit(store);
        return true;
    }
}
