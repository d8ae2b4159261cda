// SHA-512 (FIPS 180-4) and SHA-3 (FIPS 202) helpers.
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Helpers: A = Vn, B = Vm, C = Va; D is a source of the SHA512 ones.</summary>
internal static unsafe class Sha512Rounds
{
    /// <summary>SHA512H: the Sigma1 and choose part of two rounds.</summary>
    public static void Hash(CpuState* s, MicroOp* op)
    {
        var w = Slots.Load<ulong>(s, op->D);
        var x = Slots.Load<ulong>(s, op->A);
        var y = Slots.Load<ulong>(s, op->B);
        var (x0, x1, y0, y1) = (x.GetElement(0), x.GetElement(1), y.GetElement(0), y.GetElement(1));
        var high = ((y1 & x0) ^ (~y1 & x1)) + Sum1(y1) + w.GetElement(1);
        var t = high + y0;
        var low = ((t & y1) ^ (~t & x0)) + Sum1(t) + w.GetElement(0);
        Store(s, op, Vector128.Create(low, high));
    }

    /// <summary>SHA512H2: the Sigma0 and majority part of two rounds.</summary>
    public static void Hash2(CpuState* s, MicroOp* op)
    {
        var w = Slots.Load<ulong>(s, op->D);
        var x0 = Slots.Load<ulong>(s, op->A).GetElement(0);
        var y = Slots.Load<ulong>(s, op->B);
        var (y0, y1) = (y.GetElement(0), y.GetElement(1));
        var high = ((x0 & y1) ^ (x0 & y0) ^ (y1 & y0)) + Sum0(y0) + w.GetElement(1);
        var low = ((high & y0) ^ (high & y1) ^ (y1 & y0)) + Sum0(high) + w.GetElement(0);
        Store(s, op, Vector128.Create(low, high));
    }

    /// <summary>SHA512SU0.</summary>
    public static void Schedule0(CpuState* s, MicroOp* op)
    {
        var w = Slots.Load<ulong>(s, op->D);
        var t = Vector128.Create(w.GetElement(1), *(ulong*)((byte*)s + op->A));
        Store(s, op, w + (Ror(t, 1) ^ Ror(t, 8) ^ (t >>> 7)));
    }

    /// <summary>SHA512SU1.</summary>
    public static void Schedule1(CpuState* s, MicroOp* op)
    {
        var x = Slots.Load<ulong>(s, op->A);
        Store(s, op, Slots.Load<ulong>(s, op->D) + (Ror(x, 19) ^ Ror(x, 61) ^ (x >>> 6)) + Slots.Load<ulong>(s, op->B));
    }

    /// <summary>EOR3: A ^ B ^ C.</summary>
    public static void Eor3(CpuState* s, MicroOp* op) =>
        Store(s, op, Slots.Load<ulong>(s, op->A) ^ Slots.Load<ulong>(s, op->B) ^ Slots.Load<ulong>(s, op->C));

    /// <summary>BCAX: A ^ (B AND NOT C).</summary>
    public static void Bcax(CpuState* s, MicroOp* op) =>
        Store(s, op, Slots.Load<ulong>(s, op->A) ^ (Slots.Load<ulong>(s, op->B) & ~Slots.Load<ulong>(s, op->C)));

    /// <summary>RAX1: A ^ ROL(B, 1).</summary>
    public static void Rax1(CpuState* s, MicroOp* op) =>
        Store(s, op, Slots.Load<ulong>(s, op->A) ^ Ror(Slots.Load<ulong>(s, op->B), 63));

    /// <summary>XAR: ROR(A ^ B, Aux).</summary>
    public static void Xar(CpuState* s, MicroOp* op)
    {
        var v = Slots.Load<ulong>(s, op->A) ^ Slots.Load<ulong>(s, op->B);
        Store(s, op, op->Aux == 0 ? v : Ror(v, (int)op->Aux));
    }

    private static ulong Sum0(ulong x) => ulong.RotateRight(x, 28) ^ ulong.RotateRight(x, 34) ^ ulong.RotateRight(x, 39);

    private static ulong Sum1(ulong x) => ulong.RotateRight(x, 14) ^ ulong.RotateRight(x, 18) ^ ulong.RotateRight(x, 41);

    private static Vector128<ulong> Ror(Vector128<ulong> v, int n) => (v >>> n) | (v << (64 - n));

    private static void Store(CpuState* s, MicroOp* op, Vector128<ulong> value) => *(Vector128<ulong>*)((byte*)s + op->D) = value;
}
