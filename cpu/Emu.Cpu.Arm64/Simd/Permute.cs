// Element rearrangement: ZIP, UZP, TRN, EXT, REV and table lookup.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Helpers of the permute instructions.</summary>
internal static unsafe class Permute
{
    private static Vector128<byte> Iota => Vector128.Create((byte)0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    /// <summary>Even elements of b:a.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> UnzipEven<T>(Vector128<T> a, Vector128<T> b) where T : unmanaged =>
        sizeof(T) == 1 ? Vector128.Narrow(a.AsUInt16(), b.AsUInt16()).As<byte, T>()
        : sizeof(T) == 2 ? Vector128.Narrow(a.AsUInt32(), b.AsUInt32()).As<ushort, T>()
        : sizeof(T) == 4 ? Vector128.Narrow(a.AsUInt64(), b.AsUInt64()).As<uint, T>()
        : Vector128.Create(a.GetLower(), b.GetLower());

    /// <summary>Odd elements of b:a.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> UnzipOdd<T>(Vector128<T> a, Vector128<T> b) where T : unmanaged =>
        sizeof(T) == 1 ? Vector128.Narrow(a.AsUInt16() >>> 8, b.AsUInt16() >>> 8).As<byte, T>()
        : sizeof(T) == 2 ? Vector128.Narrow(a.AsUInt32() >>> 16, b.AsUInt32() >>> 16).As<ushort, T>()
        : sizeof(T) == 4 ? Vector128.Narrow(a.AsUInt64() >>> 32, b.AsUInt64() >>> 32).As<uint, T>()
        : Vector128.Create(a.GetUpper(), b.GetUpper());

    /// <summary>UZP1.</summary>
    public static void Uzp1<T>(CpuState* s, MicroOp* op) where T : unmanaged
    {
        var (a, b) = Halves<T>(s, op);
        Slots.Put(s, op, UnzipEven(a, b));
    }

    /// <summary>UZP2.</summary>
    public static void Uzp2<T>(CpuState* s, MicroOp* op) where T : unmanaged
    {
        var (a, b) = Halves<T>(s, op);
        Slots.Put(s, op, UnzipOdd(a, b));
    }

    /// <summary>ZIP1.</summary>
    public static void Zip1<T>(CpuState* s, MicroOp* op) where T : unmanaged =>
        Slots.Put(s, op, ZipLow(Slots.Load<T>(s, op->A), Slots.Load<T>(s, op->B)));

    /// <summary>ZIP2: of 8-byte vectors, the second half of what ZIP1 interleaves.</summary>
    public static void Zip2<T>(CpuState* s, MicroOp* op) where T : unmanaged
    {
        var a = Slots.Load<T>(s, op->A);
        var b = Slots.Load<T>(s, op->B);
        if (op->C == 16)
        {
            Slots.Put(s, op, ZipHigh(a, b));
        }
        else
        {
            Slots.PutLow(s, op, ZipLow(a, b).AsUInt64().GetElement(1));
        }
    }

    /// <summary>TRN1: even elements of A and B interleaved.</summary>
    public static void Trn1<T>(CpuState* s, MicroOp* op) where T : unmanaged
    {
        var a = Slots.Load<T>(s, op->A);
        var b = Slots.Load<T>(s, op->B);
        var result = sizeof(T) == 1 ? ((a.AsUInt16() & Vector128.Create((ushort)0xFF)) | (b.AsUInt16() << 8)).As<ushort, T>()
            : sizeof(T) == 2 ? ((a.AsUInt32() & Vector128.Create(0xFFFFu)) | (b.AsUInt32() << 16)).As<uint, T>()
            : sizeof(T) == 4 ? ((a.AsUInt64() & Vector128.Create(0xFFFF_FFFFUL)) | (b.AsUInt64() << 32)).As<ulong, T>()
            : Vector128.Create(a.GetLower(), b.GetLower());
        Slots.Put(s, op, result);
    }

    /// <summary>TRN2: odd elements of A and B interleaved.</summary>
    public static void Trn2<T>(CpuState* s, MicroOp* op) where T : unmanaged
    {
        var a = Slots.Load<T>(s, op->A);
        var b = Slots.Load<T>(s, op->B);
        var result = sizeof(T) == 1 ? ((a.AsUInt16() >>> 8) | (b.AsUInt16() & Vector128.Create((ushort)0xFF00))).As<ushort, T>()
            : sizeof(T) == 2 ? ((a.AsUInt32() >>> 16) | (b.AsUInt32() & Vector128.Create(0xFFFF_0000u))).As<uint, T>()
            : sizeof(T) == 4 ? ((a.AsUInt64() >>> 32) | (b.AsUInt64() & Vector128.Create(0xFFFF_FFFF_0000_0000UL))).As<ulong, T>()
            : Vector128.Create(a.GetUpper(), b.GetUpper());
        Slots.Put(s, op, result);
    }

    /// <summary>EXT: bytes Aux and up of B:A.</summary>
    public static void Ext(CpuState* s, MicroOp* op)
    {
        var a = Slots.Load<byte>(s, op->A);
        var b = Slots.Load<byte>(s, op->B);
        if (op->C == 16)
        {
            // Shuffle gives zero for indices above 15, and indices below zero wrap to above.
            var i = Iota + Vector128.Create((byte)op->Aux);
            Slots.Put(s, op, Vector128.Shuffle(a, i) | Vector128.Shuffle(b, i - Vector128.Create((byte)16)));
        }
        else
        {
            var pair = Vector128.Create(a.AsUInt64().ToScalar(), b.AsUInt64().ToScalar()).AsByte();
            Slots.Put(s, op, Vector128.Shuffle(pair, Iota + Vector128.Create((byte)op->Aux)));
        }
    }

    /// <summary>REV64, REV32, REV16: byte i comes from byte i XOR Aux.</summary>
    public static void Reverse(CpuState* s, MicroOp* op) =>
        Slots.Put(s, op, Vector128.Shuffle(Slots.Load<byte>(s, op->A), Iota ^ Vector128.Create((byte)op->Aux)));

    /// <summary>TBL, TBX: B = indices; Aux[4:0] = first table register, Aux[9:8] = registers - 1, Aux[16] = TBX.</summary>
    public static void Table(CpuState* s, MicroOp* op)
    {
        var index = Slots.Load<byte>(s, op->B);
        var first = op->Aux & 31;
        var count = ((op->Aux >> 8) & 3) + 1;
        var sixteen = Vector128.Create((byte)16);
        var i = index;
        var result = Vector128<byte>.Zero;
        for (uint k = 0; k < count; k++)
        {
            result |= Vector128.Shuffle(Slots.Load<byte>(s, Arm64State.V((int)((first + k) & 31))), i);
            i -= sixteen;
        }

        if ((op->Aux & 0x10000) != 0)
        {
            var inTable = Vector128.LessThan(index, Vector128.Create((byte)(count * 16)));
            result |= Vector128.AndNot(Slots.Load<byte>(s, op->D), inTable);
        }

        Slots.Put(s, op, result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<T> A, Vector128<T> B) Halves<T>(CpuState* s, MicroOp* op) where T : unmanaged
    {
        var a = Slots.Load<T>(s, op->A);
        var b = Slots.Load<T>(s, op->B);
        if (op->C == 16)
        {
            return (a, b);
        }

        a = Vector128.Create(a.AsUInt64().ToScalar(), b.AsUInt64().ToScalar()).As<ulong, T>();
        return (a, a);
    }

    /// <summary>Lower elements of a and b in turn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> ZipLow<T>(Vector128<T> a, Vector128<T> b) where T : unmanaged =>
        sizeof(T) == 1 ? (Vector128.WidenLower(a.AsByte()) | (Vector128.WidenLower(b.AsByte()) << 8)).As<ushort, T>()
        : sizeof(T) == 2 ? (Vector128.WidenLower(a.AsUInt16()) | (Vector128.WidenLower(b.AsUInt16()) << 16)).As<uint, T>()
        : sizeof(T) == 4 ? (Vector128.WidenLower(a.AsUInt32()) | (Vector128.WidenLower(b.AsUInt32()) << 32)).As<ulong, T>()
        : Vector128.Create(a.GetLower(), b.GetLower());

    /// <summary>Upper elements of a and b in turn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> ZipHigh<T>(Vector128<T> a, Vector128<T> b) where T : unmanaged =>
        sizeof(T) == 1 ? (Vector128.WidenUpper(a.AsByte()) | (Vector128.WidenUpper(b.AsByte()) << 8)).As<ushort, T>()
        : sizeof(T) == 2 ? (Vector128.WidenUpper(a.AsUInt16()) | (Vector128.WidenUpper(b.AsUInt16()) << 16)).As<uint, T>()
        : sizeof(T) == 4 ? (Vector128.WidenUpper(a.AsUInt32()) | (Vector128.WidenUpper(b.AsUInt32()) << 32)).As<ulong, T>()
        : Vector128.Create(a.GetUpper(), b.GetUpper());
}
