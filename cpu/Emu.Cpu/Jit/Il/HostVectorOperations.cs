// Integer operations on whole vectors as compiled code has them.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit.Il;

/// <summary>
/// One method for each <see cref="VectorOperation"/>, with its name; the runtime inlines them into compiled code. The parameters are those of d, a and b
/// that the operation reads, vectors, in this order, and last, if it has one, the amount.
/// </summary>
public static class HostVectorOperations
{
    private const VectorOperation LaneBits = VectorOperation.Size | VectorOperation.Signed;

    private static readonly Type[] Unsigned = [typeof(byte), typeof(ushort), typeof(uint), typeof(ulong)];
    private static readonly Type[] Signed = [typeof(sbyte), typeof(short), typeof(int), typeof(long)];
    private static readonly MethodInfo?[] Methods = new MethodInfo?[256];

    /// <summary>The element type of an operation.</summary>
    internal static Type Lane(VectorOperation operation) =>
        ((operation & VectorOperation.Signed) != 0 ? Signed : Unsigned)[(int)(operation & VectorOperation.Size)];

    /// <summary>The method of an operation, for its lanes.</summary>
    internal static MethodInfo For(VectorOperation operation) =>
        Methods[(int)operation] ??= typeof(HostVectorOperations).GetMethod((operation & ~LaneBits).ToString())!.MakeGenericMethod(Lane(operation));

    /// <inheritdoc cref="VectorOperation.ShiftLeft"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> ShiftLeft<T>(Vector128<T> a, int amount) => a << amount;

    /// <inheritdoc cref="VectorOperation.ShiftRight"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> ShiftRight<T>(Vector128<T> a, int amount) =>
        amount == Unsafe.SizeOf<T>() * 8 ? (a >> (amount - 1)) >> 1 : a >> amount;

    /// <inheritdoc cref="VectorOperation.ShiftRightAccumulate"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> ShiftRightAccumulate<T>(Vector128<T> d, Vector128<T> a, int amount) => d + ShiftRight(a, amount);

    /// <inheritdoc cref="VectorOperation.ShiftLeftInsert"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> ShiftLeftInsert<T>(Vector128<T> d, Vector128<T> a, int amount) => (a << amount) | (d & ~(Vector128<T>.AllBitsSet << amount));

    /// <inheritdoc cref="VectorOperation.ShiftRightInsert"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> ShiftRightInsert<T>(Vector128<T> d, Vector128<T> a, int amount) =>
        amount == Unsafe.SizeOf<T>() * 8 ? d : (a >>> amount) | (d & ~(Vector128<T>.AllBitsSet >>> amount));

    /// <inheritdoc cref="VectorOperation.Multiply"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Multiply<T>(Vector128<T> a, Vector128<T> b) => a * b;

    /// <inheritdoc cref="VectorOperation.MultiplyAdd"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> MultiplyAdd<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) => d + (a * b);

    /// <inheritdoc cref="VectorOperation.MultiplySubtract"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> MultiplySubtract<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) => d - (a * b);

    /// <inheritdoc cref="VectorOperation.Maximum"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Maximum<T>(Vector128<T> a, Vector128<T> b) => Vector128.Max(a, b);

    /// <inheritdoc cref="VectorOperation.Minimum"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Minimum<T>(Vector128<T> a, Vector128<T> b) => Vector128.Min(a, b);

    /// <inheritdoc cref="VectorOperation.Greater"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Greater<T>(Vector128<T> a, Vector128<T> b) => Vector128.GreaterThan(a, b);

    /// <inheritdoc cref="VectorOperation.GreaterOrEqual"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> GreaterOrEqual<T>(Vector128<T> a, Vector128<T> b) => Vector128.GreaterThanOrEqual(a, b);

    /// <inheritdoc cref="VectorOperation.Test"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Test<T>(Vector128<T> a, Vector128<T> b) => ~Vector128.Equals(a & b, Vector128<T>.Zero);

    /// <inheritdoc cref="VectorOperation.Select"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Select<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) => b ^ ((b ^ a) & d);

    /// <inheritdoc cref="VectorOperation.InsertIfTrue"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> InsertIfTrue<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) => d ^ ((d ^ a) & b);

    /// <inheritdoc cref="VectorOperation.InsertIfFalse"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> InsertIfFalse<T>(Vector128<T> d, Vector128<T> a, Vector128<T> b) => a ^ ((d ^ a) & b);

    /// <inheritdoc cref="VectorOperation.Not"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Not<T>(Vector128<T> a) => ~a;

    /// <inheritdoc cref="VectorOperation.Negate"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Negate<T>(Vector128<T> a) => -a;

    /// <inheritdoc cref="VectorOperation.EqualZero"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> EqualZero<T>(Vector128<T> a) => Vector128.Equals(a, Vector128<T>.Zero);
}
