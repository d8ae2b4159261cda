// Condition flags in emitted code: kept as operation and operands, compared directly, packed at exits only.
using System.Reflection.Emit;
using Emu.Cpu.Interpreter;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit.Il;

internal sealed unsafe partial class RegionEmitter
{
    private static readonly System.Reflection.MethodInfo PackMethod = typeof(LazyFlags).GetMethod(nameof(LazyFlags.Pack))!;
    private static readonly System.Reflection.MethodInfo CurrentMethod = typeof(LazyFlags).GetMethod(nameof(LazyFlags.Current))!;
    private static readonly System.Reflection.MethodInfo FlushMethod = typeof(LazyFlags).GetMethod(nameof(LazyFlags.Flush))!;

    private static readonly Dictionary<FlagKind, System.Reflection.MethodInfo> DirectPack = new()
    {
        [FlagKind.Sub64] = typeof(FlagMath).GetMethod(nameof(FlagMath.Sub64))!,
        [FlagKind.Sub32] = typeof(FlagMath).GetMethod(nameof(FlagMath.Sub32))!,
        [FlagKind.Add64] = typeof(FlagMath).GetMethod(nameof(FlagMath.Add64))!,
        [FlagKind.Add32] = typeof(FlagMath).GetMethod(nameof(FlagMath.Add32))!,
    };

    /// <summary>A condition of the A64 kind, recovered from the mask of flag values it holds for.</summary>
    private enum Condition
    {
        Eq,
        Ne,
        Cs,
        Cc,
        Mi,
        Pl,
        Vs,
        Vc,
        Hi,
        Ls,
        Ge,
        Lt,
        Gt,
        Le,
        Always,
        Other,
    }

    private static readonly Dictionary<uint, Condition> Conditions = BuildConditions();

    private static Dictionary<uint, Condition> BuildConditions()
    {
        var map = new Dictionary<uint, Condition> { [0xFFFF] = Condition.Always };
        Func<bool, bool, bool, bool, bool>[] tests =
        [
            (n, z, c, v) => z,
            (n, z, c, v) => c,
            (n, z, c, v) => n,
            (n, z, c, v) => v,
            (n, z, c, v) => c && !z,
            (n, z, c, v) => n == v,
            (n, z, c, v) => n == v && !z,
        ];
        for (var i = 0; i < tests.Length; i++)
        {
            uint mask = 0;
            for (var f = 0; f < 16; f++)
            {
                if (tests[i]((f & 8) != 0, (f & 4) != 0, (f & 2) != 0, (f & 1) != 0))
                {
                    mask |= 1u << f;
                }
            }

            map[mask] = (Condition)(i * 2);
            map[~mask & 0xFFFF] = (Condition)((i * 2) + 1);
        }

        return map;
    }

    /// <summary>Records that flagA and flagB (just stored) hold the operands of the newest flags.</summary>
    private void SetFlagKind(FlagKind kind)
    {
        flags = kind;
        flagsPacked = false;
    }

    /// <summary>Before a place that is reached with several forms: <see cref="flagKind"/> says which one.</summary>
    private void FlagKindToLocal()
    {
        if (writesFlags && flags != FlagKind.Dynamic)
        {
            il.Emit(OpCodes.Ldc_I4, (int)flags);
            il.Emit(OpCodes.Stloc, flagKind);
        }
    }

    private void PushFlagKind()
    {
        if (flags == FlagKind.Dynamic)
        {
            il.Emit(OpCodes.Ldloc, flagKind);
        }
        else
        {
            il.Emit(OpCodes.Ldc_I4, (int)flags);
        }
    }

    /// <summary>Pushes the packed flags.</summary>
    private void PushPackedFlags()
    {
        if (DirectPack.TryGetValue(flags, out var pack))
        {
            PushOperands(flags is FlagKind.Sub32 or FlagKind.Add32);
            il.Emit(OpCodes.Call, pack);
            return;
        }

        switch (flags)
        {
            case FlagKind.Memory when flagsPacked:
                LoadState(CpuState.FlagsOffset);
                break;
            case FlagKind.Memory:
                il.Emit(OpCodes.Ldarg_0);
                il.Emit(OpCodes.Call, CurrentMethod);
                break;
            case FlagKind.Packed:
                il.Emit(OpCodes.Ldloc, flagA);
                break;
            default:
                il.Emit(OpCodes.Ldarg_0);
                PushFlagKind();
                il.Emit(OpCodes.Ldloc, flagA);
                il.Emit(OpCodes.Ldloc, flagB);
                il.Emit(OpCodes.Call, PackMethod);
                break;
        }
    }

    /// <summary>Packs the flags into state: for helpers that read or write them.</summary>
    private void FlushFlags()
    {
        if (flags != FlagKind.Memory || !flagsPacked)
        {
            il.Emit(OpCodes.Ldarg_0);
            PushFlagKind();
            il.Emit(OpCodes.Ldloc, flagA);
            il.Emit(OpCodes.Ldloc, flagB);
            il.Emit(OpCodes.Call, FlushMethod);
            flags = FlagKind.Memory;
            flagsPacked = true;
        }
    }

    /// <summary>The flags were just written to <see cref="CpuState.Flags"/>: any lazy form there is out of date.</summary>
    private void FlagsWrittenPacked()
    {
        if (flags != FlagKind.Memory || !flagsPacked)
        {
            Address(LazyKindOffset);
            il.Emit(OpCodes.Ldc_I4, (int)FlagKind.Memory);
            il.Emit(OpCodes.Stind_I4);
            flags = FlagKind.Memory;
            flagsPacked = true;
        }
    }

    private void Shift(OpCode shift, int amount)
    {
        il.Emit(OpCodes.Ldc_I4, amount);
        il.Emit(shift);
    }

    /// <summary>Jumps when the condition with this mask holds.</summary>
    private void BranchIfCondition(uint mask, Label target)
    {
        var c = Conditions.GetValueOrDefault(mask & 0xFFFF, Condition.Other);
        if (c == Condition.Always)
        {
            il.Emit(OpCodes.Br, target);
            return;
        }

        switch (flags)
        {
            case FlagKind.Sub64 or FlagKind.Sub32 when CompareBranch(c) is { } branch:
                PushOperands(flags == FlagKind.Sub32);
                il.Emit(branch, target);
                return;
            case FlagKind.Sub64 or FlagKind.Sub32 or FlagKind.Add64 or FlagKind.Add32 when c is Condition.Mi or Condition.Pl or Condition.Eq or Condition.Ne:
                PushOperands(flags is FlagKind.Sub32 or FlagKind.Add32);
                il.Emit(flags is FlagKind.Sub64 or FlagKind.Sub32 ? OpCodes.Sub : OpCodes.Add);
                BranchOnResult(c, flags is FlagKind.Sub32 or FlagKind.Add32, target);
                return;
            case FlagKind.Logic64 or FlagKind.Logic32 when c is not Condition.Other:
                BranchOnLogic(c, flags == FlagKind.Logic32, target);
                return;
            default:
                il.Emit(OpCodes.Ldc_I4, (int)(mask & 0xFFFF));
                PushPackedFlags();
                il.Emit(OpCodes.Conv_I4);
                il.Emit(OpCodes.Shr_Un);
                il.Emit(OpCodes.Ldc_I4_1);
                il.Emit(OpCodes.And);
                il.Emit(OpCodes.Brtrue, target);
                return;
        }
    }

    private static OpCode? CompareBranch(Condition c) => c switch
    {
        Condition.Eq => OpCodes.Beq,
        Condition.Ne => OpCodes.Bne_Un,
        Condition.Cs => OpCodes.Bge_Un,
        Condition.Cc => OpCodes.Blt_Un,
        Condition.Hi => OpCodes.Bgt_Un,
        Condition.Ls => OpCodes.Ble_Un,
        Condition.Ge => OpCodes.Bge,
        Condition.Lt => OpCodes.Blt,
        Condition.Gt => OpCodes.Bgt,
        Condition.Le => OpCodes.Ble,
        _ => null,
    };

    private void PushOperands(bool narrow)
    {
        il.Emit(OpCodes.Ldloc, flagA);
        if (narrow)
        {
            il.Emit(OpCodes.Conv_I4);
        }

        il.Emit(OpCodes.Ldloc, flagB);
        if (narrow)
        {
            il.Emit(OpCodes.Conv_I4);
        }
    }

    private void PushZero(bool narrow)
    {
        if (narrow)
        {
            il.Emit(OpCodes.Ldc_I4_0);
        }
        else
        {
            il.Emit(OpCodes.Ldc_I8, 0L);
        }
    }

    private void BranchOnResult(Condition c, bool narrow, Label target)
    {
        PushZero(narrow);
        il.Emit(c switch { Condition.Eq => OpCodes.Beq, Condition.Ne => OpCodes.Bne_Un, Condition.Mi => OpCodes.Blt, _ => OpCodes.Bge }, target);
    }

    /// <summary>C and V are clear, so every condition is one of the result's sign and zero.</summary>
    private void BranchOnLogic(Condition c, bool narrow, Label target)
    {
        switch (c)
        {
            case Condition.Cs or Condition.Vs or Condition.Hi:
                return;
            case Condition.Cc or Condition.Vc or Condition.Ls:
                il.Emit(OpCodes.Br, target);
                return;
        }

        il.Emit(OpCodes.Ldloc, flagA);
        if (narrow)
        {
            il.Emit(OpCodes.Conv_I4);
        }

        PushZero(narrow);
        il.Emit(
            c switch
            {
                Condition.Eq => OpCodes.Beq,
                Condition.Ne => OpCodes.Bne_Un,
                Condition.Mi or Condition.Lt => OpCodes.Blt,
                Condition.Pl or Condition.Ge => OpCodes.Bge,
                Condition.Gt => OpCodes.Bgt,
                _ => OpCodes.Ble,
            },
            target);
    }

    /// <summary>Pushes the carry flag, 0 or 1, as 64 bits.</summary>
    private void PushCarry()
    {
        if (flags == FlagKind.Sub64)
        {
            il.Emit(OpCodes.Ldloc, flagA);
            il.Emit(OpCodes.Ldloc, flagB);
            il.Emit(OpCodes.Clt_Un);
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Xor);
            il.Emit(OpCodes.Conv_U8);
            return;
        }

        PushPackedFlags();
        Shift(OpCodes.Shr_Un, 1);
        il.Emit(OpCodes.Ldc_I8, 1L);
        il.Emit(OpCodes.And);
    }

    /// <summary>flags = condition ? flags of (kind, A, B or Imm) : C.</summary>
    private void EmitConditionalCompare(MicroOp* op, FlagKind kind, bool immediate)
    {
        var holds = il.DefineLabel();
        var done = il.DefineLabel();
        var narrow = kind is FlagKind.Sub32 or FlagKind.Add32;
        var packed = il.DeclareLocal(typeof(long));
        BranchIfCondition(op->Aux, holds);
        il.Emit(OpCodes.Ldc_I8, (long)op->C);
        il.Emit(OpCodes.Stloc, packed);
        il.Emit(OpCodes.Br, done);
        il.MarkLabel(holds);
        Load(op->A, narrow);
        if (immediate)
        {
            PushInteger(op->Imm, narrow);
        }
        else
        {
            Load(op->B, narrow);
        }

        il.Emit(OpCodes.Call, DirectPack[kind]);
        il.Emit(OpCodes.Stloc, packed);
        il.MarkLabel(done);
        il.Emit(OpCodes.Ldloc, packed);
        il.Emit(OpCodes.Stloc, flagA);
        SetFlagKind(FlagKind.Packed);
    }

    /// <summary>Pushes a 64-bit operand, its low half zero-extended when narrow.</summary>
    private void Operand(ushort slot, bool narrow)
    {
        if (narrow)
        {
            Load32(slot);
            il.Emit(OpCodes.Conv_U8);
        }
        else
        {
            Load64(slot);
        }
    }

    /// <summary>D = A op B or Imm, and the flags.</summary>
    private void EmitFlagArithmetic(MicroOp* op, FlagKind kind, bool immediate)
    {
        var narrow = kind is FlagKind.Sub32 or FlagKind.Add32;
        Operand(op->A, narrow);
        if (immediate)
        {
            il.Emit(OpCodes.Ldc_I8, narrow ? (uint)op->Imm : op->Imm);
        }
        else
        {
            Operand(op->B, narrow);
        }

        il.Emit(OpCodes.Stloc, flagB);
        il.Emit(OpCodes.Stloc, flagA);
        if (op->D != CpuState.Sink)
        {
            BeginStore(op->D);
            il.Emit(OpCodes.Ldloc, flagA);
            il.Emit(OpCodes.Ldloc, flagB);
            il.Emit(kind is FlagKind.Sub64 or FlagKind.Sub32 ? OpCodes.Sub : OpCodes.Add);
            if (narrow)
            {
                il.Emit(OpCodes.Conv_U4);
                EndStore32(op->D);
            }
            else
            {
                EndStore64(op->D);
            }
        }

        SetFlagKind(kind);
    }

    /// <summary>The value on the stack (64 bits, zero-extended when narrow) is the result of a logical operation: flags and D.</summary>
    private void EndFlagLogic(MicroOp* op, bool narrow)
    {
        il.Emit(OpCodes.Stloc, flagA);
        if (op->D != CpuState.Sink)
        {
            BeginStore(op->D);
            il.Emit(OpCodes.Ldloc, flagA);
            EndStore64(op->D);
        }

        SetFlagKind(narrow ? FlagKind.Logic32 : FlagKind.Logic64);
    }
}
