// The IL of each micro-op kind.
using System.Buffers.Binary;
using System.Numerics;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics;
using Emu.Cpu.Interpreter;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit.Il;

internal sealed unsafe partial class RegionEmitter
{
    private static MethodInfo Method(Type type, string name, params Type[] parameters) =>
        type.GetMethod(name, parameters) ?? throw new MissingMethodException(type.Name, name);

    private static readonly MethodInfo Rotate64 = Method(typeof(BitOperations), nameof(BitOperations.RotateRight), typeof(ulong), typeof(int));
    private static readonly MethodInfo Rotate32 = Method(typeof(BitOperations), nameof(BitOperations.RotateRight), typeof(uint), typeof(int));
    private static readonly MethodInfo Leading64 = Method(typeof(BitOperations), nameof(BitOperations.LeadingZeroCount), typeof(ulong));
    private static readonly MethodInfo Leading32 = Method(typeof(BitOperations), nameof(BitOperations.LeadingZeroCount), typeof(uint));
    private static readonly MethodInfo Reverse64 = Method(typeof(BinaryPrimitives), nameof(BinaryPrimitives.ReverseEndianness), typeof(ulong));
    private static readonly MethodInfo Reverse32 = Method(typeof(BinaryPrimitives), nameof(BinaryPrimitives.ReverseEndianness), typeof(uint));
    private static readonly MethodInfo ReverseBits64 = Method(typeof(BitHelpers), nameof(BitHelpers.ReverseBits), typeof(ulong));
    private static readonly MethodInfo ReverseBits32 = Method(typeof(BitHelpers), nameof(BitHelpers.ReverseBits), typeof(uint));
    private static readonly MethodInfo HighUnsigned = Method(typeof(BitHelpers), nameof(BitHelpers.MultiplyHigh), typeof(ulong), typeof(ulong));
    private static readonly MethodInfo HighSigned = Method(typeof(BitHelpers), nameof(BitHelpers.MultiplyHigh), typeof(long), typeof(long));
    private static readonly MethodInfo AddWithCarry64 = Method(typeof(BitHelpers), nameof(BitHelpers.AddWithCarry64), typeof(nint), typeof(ulong), typeof(ulong), typeof(uint));
    private static readonly MethodInfo AddWithCarry32 = Method(typeof(BitHelpers), nameof(BitHelpers.AddWithCarry32), typeof(nint), typeof(uint), typeof(uint), typeof(uint));
    private static readonly MethodInfo MemoryBarrier = Method(typeof(Interlocked), nameof(Interlocked.MemoryBarrier));

    private void EmitOp(MicroOp* op)
    {
        if (EmitMove(op) || EmitArithmetic(op) || EmitBits(op) || EmitFlagOp(op) || EmitMemory(op) || EmitVector(op) || EmitFloat(op) || EmitHelper(op) || EmitEnd(op))
        {
            return;
        }

        throw new InvalidOperationException($"micro-op {op->Kind} has no IL");
    }

    private bool EmitMove(MicroOp* op)
    {
        switch (op->Kind)
        {
            case MicroOpKind.MovI:
                BeginStore(op->D);
                il.Emit(OpCodes.Ldc_I8, op->Imm);
                EndStore64(op->D);
                return true;
            case MicroOpKind.Mov64:
                BeginStore(op->D);
                Load64(op->A);
                EndStore64(op->D);
                return true;
            case MicroOpKind.Mov32:
                BeginStore(op->D);
                Load32(op->A);
                EndStore32(op->D);
                return true;
            case MicroOpKind.LeaPc:
                BeginStore(op->D);
                il.Emit(OpCodes.Ldloc, pc);
                il.Emit(OpCodes.Ldc_I8, current.Delta + op->Imm);
                il.Emit(OpCodes.Add);
                EndStore64(op->D);
                return true;
            default:
                return false;
        }
    }

    /// <summary>D = A op B.</summary>
    private bool Binary(MicroOp* op, bool narrow, OpCode code, bool invertB = false)
    {
        BeginStore(op->D);
        Load(op->A, narrow);
        Load(op->B, narrow);
        if (invertB)
        {
            il.Emit(OpCodes.Not);
        }

        il.Emit(code);
        End(op->D, narrow);
        return true;
    }

    /// <summary>D = A op immediate.</summary>
    private bool BinaryImmediate(MicroOp* op, bool narrow, OpCode code, long immediate)
    {
        BeginStore(op->D);
        Load(op->A, narrow);
        if (narrow)
        {
            il.Emit(OpCodes.Ldc_I4, (int)immediate);
        }
        else
        {
            il.Emit(OpCodes.Ldc_I8, immediate);
        }

        il.Emit(code);
        End(op->D, narrow);
        return true;
    }

    private bool ShiftImmediate(MicroOp* op, bool narrow, OpCode code)
    {
        BeginStore(op->D);
        Load(op->A, narrow);
        il.Emit(OpCodes.Ldc_I4, (int)op->Aux);
        il.Emit(code);
        End(op->D, narrow);
        return true;
    }

    private bool ShiftVariable(MicroOp* op, bool narrow, OpCode code)
    {
        BeginStore(op->D);
        Load(op->A, narrow);
        Load32(op->B);
        il.Emit(OpCodes.Ldc_I4, narrow ? 31 : 63);
        il.Emit(OpCodes.And);
        il.Emit(code);
        End(op->D, narrow);
        return true;
    }

    private void Load(ushort slot, bool narrow)
    {
        if (narrow)
        {
            Load32(slot);
        }
        else
        {
            Load64(slot);
        }
    }

    private void End(ushort slot, bool narrow)
    {
        if (narrow)
        {
            EndStore32(slot);
        }
        else
        {
            EndStore64(slot);
        }
    }

    private bool EmitArithmetic(MicroOp* op)
    {
        switch (op->Kind)
        {
            case MicroOpKind.Add64 or MicroOpKind.Add32:
                return Binary(op, op->Kind == MicroOpKind.Add32, OpCodes.Add);
            case MicroOpKind.AddI64 or MicroOpKind.AddI32:
                return BinaryImmediate(op, op->Kind == MicroOpKind.AddI32, OpCodes.Add, op->Imm);
            case MicroOpKind.Sub64 or MicroOpKind.Sub32:
                return Binary(op, op->Kind == MicroOpKind.Sub32, OpCodes.Sub);
            case MicroOpKind.AddShl64 or MicroOpKind.AddShl32 or MicroOpKind.SubShl64 or MicroOpKind.SubShl32:
            {
                var narrow = op->Kind is MicroOpKind.AddShl32 or MicroOpKind.SubShl32;
                BeginStore(op->D);
                Load(op->A, narrow);
                Load(op->B, narrow);
                Shift(OpCodes.Shl, (int)op->Aux);
                il.Emit(op->Kind is MicroOpKind.AddShl64 or MicroOpKind.AddShl32 ? OpCodes.Add : OpCodes.Sub);
                End(op->D, narrow);
                return true;
            }

            case MicroOpKind.Mul64 or MicroOpKind.Mul32:
                return Binary(op, op->Kind == MicroOpKind.Mul32, OpCodes.Mul);
            case MicroOpKind.MulAdd64 or MicroOpKind.MulAdd32 or MicroOpKind.MulSub64 or MicroOpKind.MulSub32:
            {
                var narrow = op->Kind is MicroOpKind.MulAdd32 or MicroOpKind.MulSub32;
                BeginStore(op->D);
                Load(op->C, narrow);
                Load(op->A, narrow);
                Load(op->B, narrow);
                il.Emit(OpCodes.Mul);
                il.Emit(op->Kind is MicroOpKind.MulAdd64 or MicroOpKind.MulAdd32 ? OpCodes.Add : OpCodes.Sub);
                End(op->D, narrow);
                return true;
            }

            case MicroOpKind.SMulAddL or MicroOpKind.SMulSubL or MicroOpKind.UMulAddL or MicroOpKind.UMulSubL:
            {
                var extend = op->Kind is MicroOpKind.SMulAddL or MicroOpKind.SMulSubL ? OpCodes.Conv_I8 : OpCodes.Conv_U8;
                BeginStore(op->D);
                Load64(op->C);
                Load32(op->A);
                il.Emit(extend);
                Load32(op->B);
                il.Emit(extend);
                il.Emit(OpCodes.Mul);
                il.Emit(op->Kind is MicroOpKind.SMulAddL or MicroOpKind.UMulAddL ? OpCodes.Add : OpCodes.Sub);
                EndStore64(op->D);
                return true;
            }

            case MicroOpKind.SMulH or MicroOpKind.UMulH:
                BeginStore(op->D);
                Load64(op->A);
                Load64(op->B);
                il.Emit(OpCodes.Call, op->Kind == MicroOpKind.SMulH ? HighSigned : HighUnsigned);
                EndStore64(op->D);
                return true;
            case MicroOpKind.UDiv64 or MicroOpKind.UDiv32 or MicroOpKind.SDiv64 or MicroOpKind.SDiv32:
                EmitDivision(op);
                return true;
            case MicroOpKind.Adc64 or MicroOpKind.Adc32 or MicroOpKind.Sbc64 or MicroOpKind.Sbc32:
            {
                var narrow = op->Kind is MicroOpKind.Adc32 or MicroOpKind.Sbc32;
                BeginStore(op->D);
                Load(op->A, narrow);
                Load(op->B, narrow);
                if (op->Kind is MicroOpKind.Sbc64 or MicroOpKind.Sbc32)
                {
                    il.Emit(OpCodes.Not);
                }

                il.Emit(OpCodes.Add);
                PushCarry();
                if (narrow)
                {
                    il.Emit(OpCodes.Conv_I4);
                }

                il.Emit(OpCodes.Add);
                End(op->D, narrow);
                return true;
            }

            default:
                return false;
        }
    }

    private void EmitDivision(MicroOp* op)
    {
        var narrow = op->Kind is MicroOpKind.UDiv32 or MicroOpKind.SDiv32;
        var signed = op->Kind is MicroOpKind.SDiv64 or MicroOpKind.SDiv32;
        var zero = il.DefineLabel();
        var minusOne = il.DefineLabel();
        var done = il.DefineLabel();
        var result = il.DeclareLocal(narrow ? typeof(int) : typeof(long));
        Load(op->B, narrow);
        il.Emit(OpCodes.Brfalse, zero);
        if (signed)
        {
            Load(op->B, narrow);
            PushInteger(-1, narrow);
            il.Emit(OpCodes.Beq, minusOne);
        }

        Load(op->A, narrow);
        Load(op->B, narrow);
        il.Emit(signed ? OpCodes.Div : OpCodes.Div_Un);
        il.Emit(OpCodes.Stloc, result);
        il.Emit(OpCodes.Br, done);
        if (signed)
        {
            il.MarkLabel(minusOne);
            Load(op->A, narrow);
            il.Emit(OpCodes.Neg);
            il.Emit(OpCodes.Stloc, result);
            il.Emit(OpCodes.Br, done);
        }

        il.MarkLabel(zero);
        PushInteger(0, narrow);
        il.Emit(OpCodes.Stloc, result);
        il.MarkLabel(done);
        BeginStore(op->D);
        il.Emit(OpCodes.Ldloc, result);
        End(op->D, narrow);
    }

    private void PushInteger(long value, bool narrow)
    {
        if (narrow)
        {
            il.Emit(OpCodes.Ldc_I4, (int)value);
        }
        else
        {
            il.Emit(OpCodes.Ldc_I8, value);
        }
    }

    private bool EmitBits(MicroOp* op)
    {
        switch (op->Kind)
        {
            case MicroOpKind.And64 or MicroOpKind.And32:
                return Binary(op, op->Kind == MicroOpKind.And32, OpCodes.And);
            case MicroOpKind.AndI64 or MicroOpKind.AndI32:
                return BinaryImmediate(op, op->Kind == MicroOpKind.AndI32, OpCodes.And, op->Imm);
            case MicroOpKind.Or64 or MicroOpKind.Or32:
                return Binary(op, op->Kind == MicroOpKind.Or32, OpCodes.Or);
            case MicroOpKind.OrI64 or MicroOpKind.OrI32:
                return BinaryImmediate(op, op->Kind == MicroOpKind.OrI32, OpCodes.Or, op->Imm);
            case MicroOpKind.Xor64 or MicroOpKind.Xor32:
                return Binary(op, op->Kind == MicroOpKind.Xor32, OpCodes.Xor);
            case MicroOpKind.XorI64 or MicroOpKind.XorI32:
                return BinaryImmediate(op, op->Kind == MicroOpKind.XorI32, OpCodes.Xor, op->Imm);
            case MicroOpKind.AndNot64 or MicroOpKind.AndNot32:
                return Binary(op, op->Kind == MicroOpKind.AndNot32, OpCodes.And, invertB: true);
            case MicroOpKind.OrNot64 or MicroOpKind.OrNot32:
                return Binary(op, op->Kind == MicroOpKind.OrNot32, OpCodes.Or, invertB: true);
            case MicroOpKind.XorNot64 or MicroOpKind.XorNot32:
                return Binary(op, op->Kind == MicroOpKind.XorNot32, OpCodes.Xor, invertB: true);
            case MicroOpKind.ShlI64 or MicroOpKind.ShlI32:
                return ShiftImmediate(op, op->Kind == MicroOpKind.ShlI32, OpCodes.Shl);
            case MicroOpKind.ShrI64 or MicroOpKind.ShrI32:
                return ShiftImmediate(op, op->Kind == MicroOpKind.ShrI32, OpCodes.Shr_Un);
            case MicroOpKind.SarI64 or MicroOpKind.SarI32:
                return ShiftImmediate(op, op->Kind == MicroOpKind.SarI32, OpCodes.Shr);
            case MicroOpKind.Shl64 or MicroOpKind.Shl32:
                return ShiftVariable(op, op->Kind == MicroOpKind.Shl32, OpCodes.Shl);
            case MicroOpKind.Shr64 or MicroOpKind.Shr32:
                return ShiftVariable(op, op->Kind == MicroOpKind.Shr32, OpCodes.Shr_Un);
            case MicroOpKind.Sar64 or MicroOpKind.Sar32:
                return ShiftVariable(op, op->Kind == MicroOpKind.Sar32, OpCodes.Shr);
            case MicroOpKind.RorI64 or MicroOpKind.RorI32 or MicroOpKind.Ror64 or MicroOpKind.Ror32:
            {
                var narrow = op->Kind is MicroOpKind.RorI32 or MicroOpKind.Ror32;
                BeginStore(op->D);
                Load(op->A, narrow);
                if (op->Kind is MicroOpKind.RorI64 or MicroOpKind.RorI32)
                {
                    il.Emit(OpCodes.Ldc_I4, (int)op->Aux);
                }
                else
                {
                    Load32(op->B);
                }

                il.Emit(OpCodes.Call, narrow ? Rotate32 : Rotate64);
                End(op->D, narrow);
                return true;
            }

            case MicroOpKind.Extract64 or MicroOpKind.Extract32:
            {
                var narrow = op->Kind == MicroOpKind.Extract32;
                BeginStore(op->D);
                Load(op->A, narrow);
                Shift(OpCodes.Shl, (narrow ? 32 : 64) - (int)op->Aux);
                Load(op->B, narrow);
                Shift(OpCodes.Shr_Un, (int)op->Aux);
                il.Emit(OpCodes.Or);
                End(op->D, narrow);
                return true;
            }

            case MicroOpKind.BitInsert64 or MicroOpKind.BitInsert32 or MicroOpKind.BitMove64 or MicroOpKind.BitMove32:
            {
                var narrow = op->Kind is MicroOpKind.BitInsert32 or MicroOpKind.BitMove32;
                BeginStore(op->D);
                Load(op->D, narrow);
                PushInteger(~op->Imm, narrow);
                il.Emit(OpCodes.And);
                Load(op->A, narrow);
                Shift(op->Kind is MicroOpKind.BitInsert64 or MicroOpKind.BitInsert32 ? OpCodes.Shl : OpCodes.Shr_Un, op->C);
                PushInteger(op->Imm, narrow);
                il.Emit(OpCodes.And);
                il.Emit(OpCodes.Or);
                End(op->D, narrow);
                return true;
            }

            case MicroOpKind.SignedField64 or MicroOpKind.SignedField32:
            {
                var narrow = op->Kind == MicroOpKind.SignedField32;
                BeginStore(op->D);
                Load(op->A, narrow);
                Shift(OpCodes.Shl, op->C);
                Shift(OpCodes.Shr, (int)op->Aux);
                End(op->D, narrow);
                return true;
            }

            case MicroOpKind.Clz64 or MicroOpKind.Clz32:
                BeginStore(op->D);
                Load(op->A, op->Kind == MicroOpKind.Clz32);
                il.Emit(OpCodes.Call, op->Kind == MicroOpKind.Clz32 ? Leading32 : Leading64);
                EndStore32(op->D);
                return true;
            case MicroOpKind.Cls64 or MicroOpKind.Cls32:
            {
                var narrow = op->Kind == MicroOpKind.Cls32;
                BeginStore(op->D);
                Load(op->A, narrow);
                Load(op->A, narrow);
                Shift(OpCodes.Shr, 1);
                il.Emit(OpCodes.Xor);
                il.Emit(OpCodes.Call, narrow ? Leading32 : Leading64);
                il.Emit(OpCodes.Ldc_I4_1);
                il.Emit(OpCodes.Sub);
                EndStore32(op->D);
                return true;
            }

            case MicroOpKind.RBit64 or MicroOpKind.RBit32:
                return Unary(op, op->Kind == MicroOpKind.RBit32, op->Kind == MicroOpKind.RBit32 ? ReverseBits32 : ReverseBits64);
            case MicroOpKind.Rev64:
                return Unary(op, narrow: false, Reverse64);
            case MicroOpKind.Rev32:
                return Unary(op, narrow: true, Reverse32);
            case MicroOpKind.Rev32In64:
                BeginStore(op->D);
                Load64(op->A);
                il.Emit(OpCodes.Call, Reverse64);
                il.Emit(OpCodes.Ldc_I4, 32);
                il.Emit(OpCodes.Call, Rotate64);
                EndStore64(op->D);
                return true;
            case MicroOpKind.Rev16In64 or MicroOpKind.Rev16In32:
            {
                var narrow = op->Kind == MicroOpKind.Rev16In32;
                const long Mask = 0x00FF_00FF_00FF_00FF;
                BeginStore(op->D);
                Load(op->A, narrow);
                PushInteger(Mask, narrow);
                il.Emit(OpCodes.And);
                Shift(OpCodes.Shl, 8);
                Load(op->A, narrow);
                Shift(OpCodes.Shr_Un, 8);
                PushInteger(Mask, narrow);
                il.Emit(OpCodes.And);
                il.Emit(OpCodes.Or);
                End(op->D, narrow);
                return true;
            }

            case MicroOpKind.Field:
                BeginStore(op->D);
                Load64(op->A);
                if (op->C != 0)
                {
                    Shift(OpCodes.Shr_Un, op->C);
                }

                il.Emit(OpCodes.Ldc_I8, op->Imm);
                il.Emit(OpCodes.And);
                EndStore64(op->D);
                return true;
            case MicroOpKind.FieldInZero:
                BeginStore(op->D);
                Load64(op->A);
                il.Emit(OpCodes.Ldc_I8, op->Imm);
                il.Emit(OpCodes.And);
                Shift(OpCodes.Shl, op->C);
                EndStore64(op->D);
                return true;
            case MicroOpKind.SExt8:
                return Extend(op, OpCodes.Conv_I1, wide: true);
            case MicroOpKind.SExt16:
                return Extend(op, OpCodes.Conv_I2, wide: true);
            case MicroOpKind.SExt32:
                return Extend(op, OpCodes.Conv_I4, wide: true);
            case MicroOpKind.SExt8To32:
                return Extend(op, OpCodes.Conv_I1, wide: false);
            case MicroOpKind.SExt16To32:
                return Extend(op, OpCodes.Conv_I2, wide: false);
            default:
                return false;
        }
    }

    private bool Unary(MicroOp* op, bool narrow, MethodInfo method)
    {
        BeginStore(op->D);
        Load(op->A, narrow);
        il.Emit(OpCodes.Call, method);
        End(op->D, narrow);
        return true;
    }

    private bool Extend(MicroOp* op, OpCode conversion, bool wide)
    {
        BeginStore(op->D);
        Load32(op->A);
        il.Emit(conversion);
        if (wide)
        {
            il.Emit(OpCodes.Conv_I8);
            EndStore64(op->D);
        }
        else
        {
            EndStore32(op->D);
        }

        return true;
    }

    private bool EmitFlagOp(MicroOp* op)
    {
        switch (op->Kind)
        {
            case MicroOpKind.AddS64 or MicroOpKind.AddSI64:
                EmitFlagArithmetic(op, FlagKind.Add64, op->Kind == MicroOpKind.AddSI64);
                return true;
            case MicroOpKind.AddS32 or MicroOpKind.AddSI32:
                EmitFlagArithmetic(op, FlagKind.Add32, op->Kind == MicroOpKind.AddSI32);
                return true;
            case MicroOpKind.SubS64 or MicroOpKind.SubSI64:
                EmitFlagArithmetic(op, FlagKind.Sub64, op->Kind == MicroOpKind.SubSI64);
                return true;
            case MicroOpKind.SubS32 or MicroOpKind.SubSI32:
                EmitFlagArithmetic(op, FlagKind.Sub32, op->Kind == MicroOpKind.SubSI32);
                return true;
            case MicroOpKind.AndS64 or MicroOpKind.AndSI64 or MicroOpKind.AndNotS64 or MicroOpKind.AndS32 or MicroOpKind.AndSI32 or MicroOpKind.AndNotS32:
            {
                var narrow = op->Kind is MicroOpKind.AndS32 or MicroOpKind.AndSI32 or MicroOpKind.AndNotS32;
                Operand(op->A, narrow);
                if (op->Kind is MicroOpKind.AndSI64 or MicroOpKind.AndSI32)
                {
                    il.Emit(OpCodes.Ldc_I8, narrow ? (uint)op->Imm : op->Imm);
                }
                else
                {
                    Operand(op->B, narrow);
                }

                if (op->Kind is MicroOpKind.AndNotS64 or MicroOpKind.AndNotS32)
                {
                    il.Emit(OpCodes.Not);
                }

                il.Emit(OpCodes.And);
                EndFlagLogic(op, narrow);
                return true;
            }

            case MicroOpKind.AdcS64 or MicroOpKind.AdcS32 or MicroOpKind.SbcS64 or MicroOpKind.SbcS32:
            {
                var narrow = op->Kind is MicroOpKind.AdcS32 or MicroOpKind.SbcS32;
                BeginStore(op->D);
                il.Emit(OpCodes.Ldarg_0);
                Load(op->A, narrow);
                Load(op->B, narrow);
                if (op->Kind is MicroOpKind.SbcS64 or MicroOpKind.SbcS32)
                {
                    il.Emit(OpCodes.Not);
                }

                PushCarry();
                il.Emit(OpCodes.Conv_U4);
                il.Emit(OpCodes.Call, narrow ? AddWithCarry32 : AddWithCarry64);
                End(op->D, narrow);
                FlagsWrittenPacked();
                return true;
            }

            case MicroOpKind.CCmp64 or MicroOpKind.CCmpI64:
                EmitConditionalCompare(op, FlagKind.Sub64, op->Kind == MicroOpKind.CCmpI64);
                return true;
            case MicroOpKind.CCmp32 or MicroOpKind.CCmpI32:
                EmitConditionalCompare(op, FlagKind.Sub32, op->Kind == MicroOpKind.CCmpI32);
                return true;
            case MicroOpKind.CCmn64 or MicroOpKind.CCmnI64:
                EmitConditionalCompare(op, FlagKind.Add64, op->Kind == MicroOpKind.CCmnI64);
                return true;
            case MicroOpKind.CCmn32 or MicroOpKind.CCmnI32:
                EmitConditionalCompare(op, FlagKind.Add32, op->Kind == MicroOpKind.CCmnI32);
                return true;
            case >= MicroOpKind.Select64 and <= MicroOpKind.SelectNeg64 or >= MicroOpKind.Select32 and <= MicroOpKind.SelectNeg32:
                EmitSelect(op);
                return true;
            case MicroOpKind.GetFlags:
                BeginStore(op->D);
                PushPackedFlags();
                Shift(OpCodes.Shl, 28);
                EndStore64(op->D);
                return true;
            case MicroOpKind.SetFlags:
                Load64(op->A);
                Shift(OpCodes.Shr_Un, 28);
                il.Emit(OpCodes.Ldc_I8, 15L);
                il.Emit(OpCodes.And);
                il.Emit(OpCodes.Stloc, flagA);
                SetFlagKind(FlagKind.Packed);
                return true;
            default:
                return false;
        }
    }

    private void EmitSelect(MicroOp* op)
    {
        var narrow = op->Kind >= MicroOpKind.Select32;
        var holds = il.DefineLabel();
        var done = il.DefineLabel();
        var result = il.DeclareLocal(typeof(long));
        BranchIfCondition(op->Aux, holds);
        Load(op->B, narrow);
        switch (op->Kind)
        {
            case MicroOpKind.SelectInc64 or MicroOpKind.SelectInc32:
                PushInteger(1, narrow);
                il.Emit(OpCodes.Add);
                break;
            case MicroOpKind.SelectNot64 or MicroOpKind.SelectNot32:
                il.Emit(OpCodes.Not);
                break;
            case MicroOpKind.SelectNeg64 or MicroOpKind.SelectNeg32:
                il.Emit(OpCodes.Neg);
                break;
        }

        if (narrow)
        {
            il.Emit(OpCodes.Conv_U8);
        }

        il.Emit(OpCodes.Stloc, result);
        il.Emit(OpCodes.Br, done);
        il.MarkLabel(holds);
        Operand(op->A, narrow);
        il.Emit(OpCodes.Stloc, result);
        il.MarkLabel(done);
        BeginStore(op->D);
        il.Emit(OpCodes.Ldloc, result);
        EndStore64(op->D);
    }

    private bool EmitHelper(MicroOp* op)
    {
        if ((MicroOpTable.Traits(op->Kind) & MicroOpTraits.Helper) != 0)
        {
            knownVectors.Clear();
        }

        switch (op->Kind)
        {
            case MicroOpKind.Call or MicroOpKind.CallFlags:
                if (op->Kind == MicroOpKind.CallFlags)
                {
                    FlushFlags();
                }

                EmitCall(op);
                return true;
            case MicroOpKind.CallPure:
                SpillOperands(op);
                il.Emit(OpCodes.Ldarg_0);
                Constant((nint)op);
                Constant((nint)op->Imm);
                il.EmitCalli(OpCodes.Calli, CallingConventions.Standard, typeof(int), [typeof(nint), typeof(nint)], null);
                il.Emit(OpCodes.Brtrue, ResumeAt(op));
                if (IsRegister(op->D))
                {
                    ReloadRegisters(1UL << (op->D >> 3));
                    dirty &= ~(1UL << (op->D >> 3));
                }

                return true;
            case MicroOpKind.CallChecked:
            {
                var go = il.DefineLabel();
                SpillRegisters(dirty);
                FlushFlags();
                StoreRetired();
                StorePc(current.Delta);
                EmitStatusCall(op);
                il.Emit(OpCodes.Ldloc, condition);
                il.Emit(OpCodes.Brfalse, go);
                EmitStatusReturn(op);
                il.MarkLabel(go);
                dirty = 0;
                ReloadRegisters(used);

                // The helper may have switched the address space.
                LoadState(TlbOffset);
                il.Emit(OpCodes.Stloc, tlb);
                return true;
            }

            case MicroOpKind.CallEnd:
                SpillRegisters(dirty);
                FlushFlags();
                StoreRetired();
                StorePc(current.Delta + op->C);
                EmitStatusCall(op);
                EmitEndStatus(op);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Calls a void helper.</summary>
    private void EmitCall(MicroOp* op)
    {
        SpillOperands(op);
        il.Emit(OpCodes.Ldarg_0);
        Constant((nint)op);
        Constant((nint)op->Imm);
        il.EmitCalli(OpCodes.Calli, CallingConventions.Standard, typeof(void), [typeof(nint), typeof(nint)], null);
        if (IsRegister(op->D))
        {
            ReloadRegisters(1UL << (op->D >> 3));
            dirty &= ~(1UL << (op->D >> 3));
        }
    }

    private void EmitStatusCall(MicroOp* op)
    {
        il.Emit(OpCodes.Ldarg_0);
        Constant((nint)op);
        Constant((nint)op->Imm);
        il.EmitCalli(OpCodes.Calli, CallingConventions.Standard, typeof(int), [typeof(nint), typeof(nint)], null);
        il.Emit(OpCodes.Stloc, condition);
    }

    private void EmitStatusReturn(MicroOp* op)
    {
        StoreSide(current.Handle, (nint)op);
        Address(SideStatusOffset);
        il.Emit(OpCodes.Ldloc, condition);
        il.Emit(OpCodes.Stind_I4);
        Return(CompiledExit.HelperStatus);
    }

    /// <summary>CallEnd: a fault goes back to the instruction, anything else leaves to the outer loop.</summary>
    private void EmitEndStatus(MicroOp* op)
    {
        var left = il.DefineLabel();
        il.Emit(OpCodes.Ldloc, condition);
        il.Emit(OpCodes.Ldc_I4, Status.Fault);
        il.Emit(OpCodes.Bne_Un, left);
        StorePc(current.Delta);
        EmitStatusReturn(op);
        il.MarkLabel(left);
        Return(CompiledExit.OuterLoop);
    }

    /// <summary>Stores the dirty registers among a helper's operands.</summary>
    private void SpillOperands(MicroOp* op)
    {
        ulong mask = 0;
        foreach (var slot in (ReadOnlySpan<ushort>)[op->D, op->A, op->B, op->Kind == MicroOpKind.CallVector ? CpuState.Zero : op->C])
        {
            if (IsRegister(slot))
            {
                mask |= 1UL << (slot >> 3);
            }
        }

        SpillRegisters(mask & (dirty | TemporaryMask));
    }

    private bool EmitEnd(MicroOp* op)
    {
        switch (op->Kind)
        {
            case MicroOpKind.Jump:
                EmitExit(0, op->Imm, (op->C & 1) != 0);
                return true;
            case MicroOpKind.JumpReg:
                Load64(op->A);
                il.Emit(OpCodes.Stloc, outPc);
                if (op->Imm == BranchHint.Return)
                {
                    EmitReturn();
                }
                else
                {
                    EmitArrival(op->Aux);
                    PushReturn();
                    EmitChain(NoSlot);
                }

                return true;
        }

        var taken = il.DefineLabel();
        switch (op->Kind)
        {
            case MicroOpKind.BranchIf:
                BranchIfCondition(op->Aux, taken);
                break;
            case MicroOpKind.BranchZero64 or MicroOpKind.BranchZero32:
                Load(op->A, op->Kind == MicroOpKind.BranchZero32);
                il.Emit(OpCodes.Brfalse, taken);
                break;
            case MicroOpKind.BranchNotZero64 or MicroOpKind.BranchNotZero32:
                Load(op->A, op->Kind == MicroOpKind.BranchNotZero32);
                il.Emit(OpCodes.Brtrue, taken);
                break;
            case MicroOpKind.BranchBitSet or MicroOpKind.BranchBitClear:
                Load64(op->A);
                il.Emit(OpCodes.Ldc_I8, 1L << (int)op->Aux);
                il.Emit(OpCodes.And);
                il.Emit(op->Kind == MicroOpKind.BranchBitSet ? OpCodes.Brtrue : OpCodes.Brfalse, taken);
                break;
            default:
                return false;
        }

        var atDirty = dirty;
        var atFlags = flags;
        EmitExit(0, current.Block->Length, (op->C & 1) != 0);
        dirty = atDirty;
        flags = atFlags;
        il.MarkLabel(taken);
        EmitExit(1, op->Imm, (op->C & 2) != 0);
        return true;
    }
}
