// Scalar floating-point micro-ops in emitted code: the host's operation inline, the helper where it may differ.
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics.X86;
using Emu.Cpu.Ir;
using ArmSimd = System.Runtime.Intrinsics.Arm.AdvSimd;

namespace Emu.Cpu.Jit.Il;

internal sealed unsafe partial class RegionEmitter
{
    private static readonly bool Fused = Fma.IsSupported || ArmSimd.Arm64.IsSupported;
    private static readonly MethodInfo FusedDouble = Method(typeof(Math), nameof(Math.FusedMultiplyAdd), typeof(double), typeof(double), typeof(double));
    private static readonly MethodInfo FusedSingle = Method(typeof(MathF), nameof(MathF.FusedMultiplyAdd), typeof(float), typeof(float), typeof(float));
    private static readonly MethodInfo DoubleBits = Method(typeof(BitConverter), nameof(BitConverter.DoubleToInt64Bits), typeof(double));
    private static readonly MethodInfo SingleBits = Method(typeof(BitConverter), nameof(BitConverter.SingleToInt32Bits), typeof(float));

    private readonly FloatEnvironment? floats;
    private readonly List<(Label Slow, Label Done, nint Op, ulong Dirty)> slowFloats = [];

    private bool EmitFloat(MicroOp* op)
    {
        if (op->Kind == MicroOpKind.FVector)
        {
            EmitFloatVector(op);
            return true;
        }

        if (op->Kind is < MicroOpKind.FAdd64 or > MicroOpKind.FMulSub32)
        {
            return false;
        }

        var single = op->Kind >= MicroOpKind.FAdd32;
        var operation = single ? op->Kind - MicroOpKind.FAdd32 + MicroOpKind.FAdd64 : op->Kind;
        var fused = operation is MicroOpKind.FMulAdd64 or MicroOpKind.FMulSub64;
        if (floats == null || (fused && !Fused) || IsRegister(op->A) || IsRegister(op->B) || IsRegister(op->C) || IsRegister(op->D))
        {
            ForgetVector(op->D);
            EmitCall(op);
            return true;
        }

        var slow = il.DefineLabel();
        var done = il.DefineLabel();
        FloatGuard(slow);
        LoadFloat(op->A, single);
        if (operation == MicroOpKind.FMulSub64)
        {
            il.Emit(OpCodes.Neg);
        }

        LoadFloat(op->B, single);
        if (fused)
        {
            LoadFloat(op->C, single);
            il.Emit(OpCodes.Call, single ? FusedSingle : FusedDouble);
        }
        else
        {
            il.Emit(operation switch { MicroOpKind.FAdd64 => OpCodes.Add, MicroOpKind.FSub64 => OpCodes.Sub, MicroOpKind.FMul64 => OpCodes.Mul, _ => OpCodes.Div });
            if (single)
            {
                il.Emit(OpCodes.Conv_R4);
            }
        }

        il.Emit(OpCodes.Call, single ? SingleBits : DoubleBits);
        if (single)
        {
            il.Emit(OpCodes.Conv_U8);
        }

        il.Emit(OpCodes.Stloc, va);

        // Exponent field from 2 up to the last finite one but one: normal, and neither rounded up from a tiny result nor near overflow.
        var fieldShift = single ? 23 : 52;
        var fieldMask = single ? 0xFF : 0x7FF;
        il.Emit(OpCodes.Ldloc, va);
        Shift(OpCodes.Shr_Un, fieldShift);
        il.Emit(OpCodes.Conv_I4);
        il.Emit(OpCodes.Ldc_I4, fieldMask);
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Ldc_I4_2);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Ldc_I4, fieldMask - 4);
        il.Emit(OpCodes.Bgt_Un, slow);
        ForgetVector(op->D);
        Address(op->D);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Call, CreateScalar);
        il.Emit(OpCodes.Stobj, Doubles);
        il.MarkLabel(done);
        slowFloats.Add((slow, done, (nint)op, dirty));
        return true;
    }

    private void EmitFloatVector(MicroOp* op)
    {
        if (floats == null || !VectorOperations.TryGetValue((VectorFloatOperation)op->C, out var method))
        {
            ForgetVector(op->D);
            EmitCall(op);
            return;
        }

        var slow = il.DefineLabel();
        var done = il.DefineLabel();
        ForgetVector(op->D);
        FloatGuard(slow);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldc_I4, (int)op->D);
        il.Emit(OpCodes.Ldc_I4, (int)op->A);
        il.Emit(OpCodes.Ldc_I4, (int)op->B);
        il.Emit(OpCodes.Call, method);
        il.Emit(OpCodes.Brfalse, slow);
        il.MarkLabel(done);
        slowFloats.Add((slow, done, (nint)op, dirty));
    }

    private static readonly Dictionary<VectorFloatOperation, MethodInfo> VectorOperations = BuildVectorOperations();

    private static Dictionary<VectorFloatOperation, MethodInfo> BuildVectorOperations()
    {
        var map = new Dictionary<VectorFloatOperation, MethodInfo>();
        void Register(VectorFloatOperation operation, string name)
        {
            Type[] parameters = [typeof(nint), typeof(int), typeof(int), typeof(int)];
            map[operation] = Method(typeof(HostVectors), name + "64", parameters);
            map[operation | VectorFloatOperation.Single] = Method(typeof(HostVectors), name + "32", parameters);
        }

        Register(VectorFloatOperation.Add, "Add");
        Register(VectorFloatOperation.Subtract, "Subtract");
        Register(VectorFloatOperation.Multiply, "Multiply");
        Register(VectorFloatOperation.Multiply | VectorFloatOperation.ByElement, "MultiplyByElement");
        Register(VectorFloatOperation.Divide, "Divide");
        if (Fused)
        {
            Register(VectorFloatOperation.MultiplyAdd, "MultiplyAdd");
            Register(VectorFloatOperation.MultiplyAdd | VectorFloatOperation.ByElement, "MultiplyAddByElement");
            Register(VectorFloatOperation.MultiplySubtract, "MultiplySubtract");
        }

        return map;
    }

    /// <summary>Goes to <paramref name="slow"/> unless the guest's floating-point environment is one that host arithmetic may stand for.</summary>
    private void FloatGuard(Label slow)
    {
        Address(floats!.ControlSlot);
        il.Emit(OpCodes.Ldind_I4);
        il.Emit(OpCodes.Ldc_I4, unchecked((int)floats!.ControlMask));
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Brtrue, slow);
        Address(floats!.StatusSlot);
        il.Emit(OpCodes.Ldind_I4);
        il.Emit(OpCodes.Ldc_I4, unchecked((int)floats!.Inexact));
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Brfalse, slow);
    }

    private void LoadFloat(ushort slot, bool single)
    {
        Address(slot);
        il.Emit(single ? OpCodes.Ldind_R4 : OpCodes.Ldind_R8);
    }

    /// <summary>The helper calls of the operations above, out of the way.</summary>
    private void EmitSlowFloats()
    {
        foreach (var (slow, done, op, atDirty) in slowFloats)
        {
            il.MarkLabel(slow);
            dirty = atDirty;
            EmitCall((MicroOp*)op);
            il.Emit(OpCodes.Br, done);
        }
    }
}
