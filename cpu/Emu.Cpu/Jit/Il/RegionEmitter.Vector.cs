// Vector micro-ops in emitted code, through System.Runtime.Intrinsics.
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit.Il;

internal sealed unsafe partial class RegionEmitter
{
    private static readonly Type Bytes = typeof(Vector128<byte>);
    private static readonly Type Halves = typeof(Vector128<ushort>);
    private static readonly Type Words = typeof(Vector128<uint>);
    private static readonly Type Doubles = typeof(Vector128<ulong>);
    private static readonly MethodInfo CreateBroadcast = Method(typeof(Vector128), nameof(Vector128.Create), typeof(ulong));
    private static readonly Dictionary<MicroOpKind, (Type Type, MethodInfo Method)> VectorBinary = BuildVectorBinary();
    private static readonly Dictionary<MicroOpKind, (Type Type, MethodInfo Method)> VectorBroadcast = new()
    {
        [MicroOpKind.VDup8] = (Bytes, Method(typeof(Vector128), nameof(Vector128.Create), typeof(byte))),
        [MicroOpKind.VDup16] = (Halves, Method(typeof(Vector128), nameof(Vector128.Create), typeof(ushort))),
        [MicroOpKind.VDup32] = (Words, Method(typeof(Vector128), nameof(Vector128.Create), typeof(uint))),
        [MicroOpKind.VDup64] = (Doubles, CreateBroadcast),
    };

    private static Dictionary<MicroOpKind, (Type Type, MethodInfo Method)> BuildVectorBinary()
    {
        var map = new Dictionary<MicroOpKind, (Type, MethodInfo)>
        {
            [MicroOpKind.VAnd] = (Doubles, Operator(Doubles, "op_BitwiseAnd")),
            [MicroOpKind.VOr] = (Doubles, Operator(Doubles, "op_BitwiseOr")),
            [MicroOpKind.VXor] = (Doubles, Operator(Doubles, "op_ExclusiveOr")),
        };
        Type[] types = [Bytes, Halves, Words, Doubles];
        MicroOpKind[] add = [MicroOpKind.VAdd8, MicroOpKind.VAdd16, MicroOpKind.VAdd32, MicroOpKind.VAdd64];
        MicroOpKind[] sub = [MicroOpKind.VSub8, MicroOpKind.VSub16, MicroOpKind.VSub32, MicroOpKind.VSub64];
        MicroOpKind[] equal = [MicroOpKind.VCmpEq8, MicroOpKind.VCmpEq16, MicroOpKind.VCmpEq32, MicroOpKind.VCmpEq64];
        var equals = typeof(Vector128).GetMethods().Single(m => m.Name == nameof(Vector128.Equals) && m.IsGenericMethodDefinition);
        for (var i = 0; i < 4; i++)
        {
            map[add[i]] = (types[i], Operator(types[i], "op_Addition"));
            map[sub[i]] = (types[i], Operator(types[i], "op_Subtraction"));
            map[equal[i]] = (types[i], equals.MakeGenericMethod(types[i].GetGenericArguments()[0]));
        }

        return map;
    }

    private static MethodInfo Operator(Type type, string name) =>
        type.GetMethod(name, [type, type]) ?? throw new MissingMethodException(type.Name, name);

    private static readonly MethodInfo Complement = Doubles.GetMethod("op_OnesComplement", [Doubles])!;

    private bool EmitVector(MicroOp* op)
    {
        switch (op->Kind)
        {
            case MicroOpKind.VMov:
                Address(op->D);
                LoadVector(op->A, Doubles);
                il.Emit(OpCodes.Stobj, Doubles);
                return true;
            case MicroOpKind.VMov64:
                Address(op->D);
                Load64(op->A);
                il.Emit(OpCodes.Call, CreateScalar);
                il.Emit(OpCodes.Stobj, Doubles);
                return true;
            case MicroOpKind.VMovI or MicroOpKind.VMovI64:
                Address(op->D);
                il.Emit(OpCodes.Ldc_I8, op->Imm);
                il.Emit(OpCodes.Call, op->Kind == MicroOpKind.VMovI ? CreateBroadcast : CreateScalar);
                il.Emit(OpCodes.Stobj, Doubles);
                return true;
            case MicroOpKind.VAndNot or MicroOpKind.VOrNot:
                Address(op->D);
                LoadVector(op->A, Doubles);
                LoadVector(op->B, Doubles);
                il.Emit(OpCodes.Call, Complement);
                il.Emit(OpCodes.Call, VectorBinary[op->Kind == MicroOpKind.VAndNot ? MicroOpKind.VAnd : MicroOpKind.VOr].Method);
                il.Emit(OpCodes.Stobj, Doubles);
                return true;
        }

        if (VectorBinary.TryGetValue(op->Kind, out var binary))
        {
            Address(op->D);
            LoadVector(op->A, binary.Type);
            LoadVector(op->B, binary.Type);
            il.Emit(OpCodes.Call, binary.Method);
            il.Emit(OpCodes.Stobj, binary.Type);
            return true;
        }

        if (VectorBroadcast.TryGetValue(op->Kind, out var broadcast))
        {
            Address(op->D);
            if (op->Kind == MicroOpKind.VDup64)
            {
                Load64(op->A);
            }
            else
            {
                Load32(op->A);
            }

            il.Emit(OpCodes.Call, broadcast.Method);
            il.Emit(OpCodes.Stobj, broadcast.Type);
            return true;
        }

        return false;
    }

    private void LoadVector(ushort slot, Type type)
    {
        Address(slot);
        il.Emit(OpCodes.Ldobj, type);
    }
}
