// Vector micro-ops in emitted code, through System.Runtime.Intrinsics.
using System.Collections.Concurrent;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit.Il;

internal sealed unsafe partial class RegionEmitter
{
    private static readonly Type Bytes = typeof(Vector128<byte>);
    private static readonly Type Halves = typeof(Vector128<ushort>);
    private static readonly Type Words = typeof(Vector128<uint>);
    private static readonly Type Doubles = typeof(Vector128<ulong>);
    private static readonly MethodInfo CreateBroadcast = Method(typeof(Vector128), nameof(Vector128.Create), typeof(ulong));
    private const int VectorBytes = 16;

    private static readonly MethodInfo As = typeof(Vector128).GetMethod(nameof(Vector128.As))!;
    private static readonly MethodInfo MoveScalar = Method(typeof(Sse2), nameof(Sse2.MoveScalar), Doubles);
    private static readonly MethodInfo ToScalar = typeof(Vector128).GetMethod(nameof(Vector128.ToScalar))!.MakeGenericMethod(typeof(ulong));
    private static readonly ConcurrentDictionary<(Type From, Type To), MethodInfo> Casts = [];
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

    /// <summary>Locals that hold what is stored in vector slots: within a block, what was read or written once is not loaded again.</summary>
    private readonly Dictionary<ushort, LocalBuilder> vectors = [];

    /// <summary>Slots whose local is valid here.</summary>
    private readonly HashSet<ushort> knownVectors = [];

    private bool EmitVector(MicroOp* op)
    {
        switch (op->Kind)
        {
            case MicroOpKind.VMov:
                PushVector(op->A, Doubles);
                PopVector(op->D, Doubles);
                return true;
            case MicroOpKind.VMov64 when ClearsUpper(op - 1, op):
                return true;
            case MicroOpKind.VMov64 when knownVectors.Contains(op->A):
                PushVector(op->A, Doubles);
                ClearUpper();
                PopVector(op->D, Doubles);
                return true;
            case MicroOpKind.VMov64:
                Load64(op->A);
                il.Emit(OpCodes.Call, CreateScalar);
                PopVector(op->D, Doubles);
                return true;
            case MicroOpKind.VMovI or MicroOpKind.VMovI64:
                il.Emit(OpCodes.Ldc_I8, op->Imm);
                il.Emit(OpCodes.Call, op->Kind == MicroOpKind.VMovI ? CreateBroadcast : CreateScalar);
                PopVector(op->D, Doubles);
                return true;
            case MicroOpKind.VAndNot or MicroOpKind.VOrNot:
                PushVector(op->A, Doubles);
                PushVector(op->B, Doubles);
                il.Emit(OpCodes.Call, Complement);
                il.Emit(OpCodes.Call, VectorBinary[op->Kind == MicroOpKind.VAndNot ? MicroOpKind.VAnd : MicroOpKind.VOr].Method);
                PopVector(op, Doubles);
                return true;
            case MicroOpKind.CallVector:
                return EmitKnownVector(op);
        }

        if (VectorBinary.TryGetValue(op->Kind, out var binary))
        {
            PushVector(op->A, binary.Type);
            PushVector(op->B, binary.Type);
            il.Emit(OpCodes.Call, binary.Method);
            PopVector(op, binary.Type);
            return true;
        }

        if (VectorBroadcast.TryGetValue(op->Kind, out var broadcast))
        {
            if (op->Kind == MicroOpKind.VDup64)
            {
                Load64(op->A);
            }
            else
            {
                Load32(op->A);
            }

            il.Emit(OpCodes.Call, broadcast.Method);
            PopVector(op, broadcast.Type);
            return true;
        }

        return false;
    }

    /// <summary>CallVector: what has a name is computed here, for the rest the helper is called.</summary>
    private bool EmitKnownVector(MicroOp* op)
    {
        var operation = (VectorOperation)(op->C >> 8);
        var bytes = op->C & 0xFF;
        if (operation == VectorOperation.None || bytes < 8)
        {
            ForgetVector(op->D);
            EmitCall(op);
            return true;
        }

        var method = HostVectorOperations.For(operation);
        var type = method.ReturnType;
        foreach (var parameter in method.GetParameters())
        {
            switch (parameter.Name)
            {
                case "d": PushVector(op->D, type); break;
                case "a": PushVector(op->A, type); break;
                case "b": PushVector(op->B, type); break;
                default: il.Emit(OpCodes.Ldc_I4, (int)op->Aux); break;
            }
        }

        il.Emit(OpCodes.Call, method);
        if (bytes == 8)
        {
            Cast(type, Doubles);
            ClearUpper();
            type = Doubles;
        }

        PopVector(op->D, type);
        return true;
    }

    /// <summary>Whether the second of two micro-ops does nothing but clear the upper half of what the first computes.</summary>
    private bool ClearsUpper(MicroOp* op, MicroOp* next) =>
        op >= current.Block->Ops && next < current.Block->Ops + current.Block->OpCount && next->Kind == MicroOpKind.VMov64 && next->D == op->D && next->A == op->D
        && next->Left == op->Left && (op->Kind is MicroOpKind.VAndNot or MicroOpKind.VOrNot || VectorBinary.ContainsKey(op->Kind) || VectorBroadcast.ContainsKey(op->Kind));

    /// <summary>Clears the upper half of the vector on the stack.</summary>
    private void ClearUpper()
    {
        if (Sse2.IsSupported)
        {
            il.Emit(OpCodes.Call, MoveScalar);
        }
        else
        {
            il.Emit(OpCodes.Call, ToScalar);
            il.Emit(OpCodes.Call, CreateScalar);
        }
    }

    /// <summary>Pushes a 16-byte slot.</summary>
    private void PushVector(ushort slot, Type type)
    {
        if (knownVectors.Contains(slot))
        {
            il.Emit(OpCodes.Ldloc, vectors[slot]);
        }
        else
        {
            Address(slot);
            il.Emit(OpCodes.Ldobj, Doubles);
            if (slot % VectorBytes == 0)
            {
                il.Emit(OpCodes.Dup);
                il.Emit(OpCodes.Stloc, LocalOf(slot));
            }
        }

        Cast(Doubles, type);
    }

    /// <summary>Pops the result of a micro-op; with its upper half cleared when that is all the next one does.</summary>
    private void PopVector(MicroOp* op, Type type)
    {
        if (ClearsUpper(op, op + 1))
        {
            Cast(type, Doubles);
            ClearUpper();
            type = Doubles;
        }

        PopVector(op->D, type);
    }

    /// <summary>Pops a 16-byte slot. It is stored at once: exits and helpers find it there.</summary>
    private void PopVector(ushort slot, Type type)
    {
        ForgetVector(slot);
        Cast(type, Doubles);
        var local = LocalOf(slot);
        il.Emit(OpCodes.Stloc, local);
        Address(slot);
        il.Emit(OpCodes.Ldloc, local);
        il.Emit(OpCodes.Stobj, Doubles);
        if (slot % VectorBytes != 0)
        {
            knownVectors.Clear();
        }
    }

    private void Cast(Type from, Type to)
    {
        if (from != to)
        {
            var cast = Casts.GetOrAdd((from, to), static types =>
                As.MakeGenericMethod(types.From.GetGenericArguments()[0], types.To.GetGenericArguments()[0]));
            il.Emit(OpCodes.Call, cast);
        }
    }

    private LocalBuilder LocalOf(ushort slot)
    {
        if (!vectors.TryGetValue(slot, out var local))
        {
            vectors[slot] = local = il.DeclareLocal(Doubles);
        }

        knownVectors.Add(slot);
        return local;
    }

    /// <summary>Something is stored in the vector that a slot lies in.</summary>
    private void ForgetVector(ushort slot) => knownVectors.Remove((ushort)(slot & -VectorBytes));
}
