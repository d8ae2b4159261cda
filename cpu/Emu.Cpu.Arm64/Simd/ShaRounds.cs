// SHA-1 and SHA-256 helpers (FIPS 180-4; Arm ARM pseudo-code SHAhashUpdate, SHA256hash).
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Helpers: D is also a source; A = Vn, B = Vm.</summary>
internal static unsafe class ShaRounds
{
    /// <summary>SHA1C: choose.</summary>
    public static void Sha1C(CpuState* s, MicroOp* op) => Sha1Rounds<Choose>(s, op);

    /// <summary>SHA1P: parity.</summary>
    public static void Sha1P(CpuState* s, MicroOp* op) => Sha1Rounds<Parity>(s, op);

    /// <summary>SHA1M: majority.</summary>
    public static void Sha1M(CpuState* s, MicroOp* op) => Sha1Rounds<Majority>(s, op);

    /// <summary>SHA1SU0.</summary>
    public static void Sha1Su0(CpuState* s, MicroOp* op)
    {
        var d = Slots.Load<ulong>(s, op->D);
        var n = Slots.Load<ulong>(s, op->A);
        Store(s, op, (Vector128.Create(d.GetElement(1), n.GetElement(0)) ^ d ^ Slots.Load<ulong>(s, op->B)).AsUInt32());
    }

    /// <summary>SHA1SU1.</summary>
    public static void Sha1Su1(CpuState* s, MicroOp* op)
    {
        var d = Slots.Load<uint>(s, op->D);
        var n = Slots.Load<uint>(s, op->A);
        var t0 = d.GetElement(0) ^ n.GetElement(1);
        var t1 = d.GetElement(1) ^ n.GetElement(2);
        var t2 = d.GetElement(2) ^ n.GetElement(3);
        var t3 = d.GetElement(3);
        Store(s, op, Vector128.Create(Rol(t0, 1), Rol(t1, 1), Rol(t2, 1), Rol(t3, 1) ^ Rol(t0, 2)));
    }

    /// <summary>SHA1H.</summary>
    public static void Sha1H(CpuState* s, MicroOp* op) =>
        Store(s, op, Vector128.CreateScalar(Rol(*(uint*)((byte*)s + op->A), 30)));

    /// <summary>SHA256H: D = ABCD, A = EFGH; the new ABCD.</summary>
    public static void Sha256H(CpuState* s, MicroOp* op) =>
        Store(s, op, Sha256Rounds(Slots.Load<uint>(s, op->D), Slots.Load<uint>(s, op->A), Slots.Load<uint>(s, op->B)).X);

    /// <summary>SHA256H2: D = EFGH, A = ABCD; the new EFGH.</summary>
    public static void Sha256H2(CpuState* s, MicroOp* op) =>
        Store(s, op, Sha256Rounds(Slots.Load<uint>(s, op->A), Slots.Load<uint>(s, op->D), Slots.Load<uint>(s, op->B)).Y);

    /// <summary>SHA256SU0.</summary>
    public static void Sha256Su0(CpuState* s, MicroOp* op)
    {
        var d = Slots.Load<uint>(s, op->D);
        var n = Slots.Load<uint>(s, op->A);
        var t = Vector128.Create(d.GetElement(1), d.GetElement(2), d.GetElement(3), n.GetElement(0));
        Store(s, op, d + (((t >>> 7) | (t << 25)) ^ ((t >>> 18) | (t << 14)) ^ (t >>> 3)));
    }

    /// <summary>SHA256SU1.</summary>
    public static void Sha256Su1(CpuState* s, MicroOp* op)
    {
        var d = Slots.Load<uint>(s, op->D);
        var n = Slots.Load<uint>(s, op->A);
        var m = Slots.Load<uint>(s, op->B);
        var r0 = Sigma(m.GetElement(2)) + d.GetElement(0) + n.GetElement(1);
        var r1 = Sigma(m.GetElement(3)) + d.GetElement(1) + n.GetElement(2);
        var r2 = Sigma(r0) + d.GetElement(2) + n.GetElement(3);
        var r3 = Sigma(r1) + d.GetElement(3) + m.GetElement(0);
        Store(s, op, Vector128.Create(r0, r1, r2, r3));
    }

    private static uint Sigma(uint x) => Ror(x, 17) ^ Ror(x, 19) ^ (x >> 10);

    private static uint Rol(uint x, int n) => uint.RotateLeft(x, n);

    private static uint Ror(uint x, int n) => uint.RotateRight(x, n);

    private static void Store(CpuState* s, MicroOp* op, Vector128<uint> value) => *(Vector128<uint>*)((byte*)s + op->D) = value;

    private interface IFunction
    {
        static abstract uint Of(uint x, uint y, uint z);
    }

    private readonly struct Choose : IFunction
    {
        public static uint Of(uint x, uint y, uint z) => ((y ^ z) & x) ^ z;
    }

    private readonly struct Parity : IFunction
    {
        public static uint Of(uint x, uint y, uint z) => x ^ y ^ z;
    }

    private readonly struct Majority : IFunction
    {
        public static uint Of(uint x, uint y, uint z) => (x & y) | ((x | y) & z);
    }

    // Four rounds: D = A B C D of the hash, A = E in its low word, B = schedule words with the constant added.
    private static void Sha1Rounds<TFunction>(CpuState* s, MicroOp* op) where TFunction : struct, IFunction
    {
        var x = Slots.Load<uint>(s, op->D);
        var w = Slots.Load<uint>(s, op->B);
        var (a, b, c, d) = (x.GetElement(0), x.GetElement(1), x.GetElement(2), x.GetElement(3));
        var e = *(uint*)((byte*)s + op->A);
        for (var i = 0; i < 4; i++)
        {
            var t = e + Rol(a, 5) + TFunction.Of(b, c, d) + w.GetElement(i);
            (a, b, c, d, e) = (t, a, Rol(b, 30), c, d);
        }

        Store(s, op, Vector128.Create(a, b, c, d));
    }

    private static (Vector128<uint> X, Vector128<uint> Y) Sha256Rounds(Vector128<uint> x, Vector128<uint> y, Vector128<uint> w)
    {
        var (a, b, c, d) = (x.GetElement(0), x.GetElement(1), x.GetElement(2), x.GetElement(3));
        var (e, f, g, h) = (y.GetElement(0), y.GetElement(1), y.GetElement(2), y.GetElement(3));
        for (var i = 0; i < 4; i++)
        {
            var t1 = h + (Ror(e, 6) ^ Ror(e, 11) ^ Ror(e, 25)) + Choose.Of(e, f, g) + w.GetElement(i);
            var t2 = (Ror(a, 2) ^ Ror(a, 13) ^ Ror(a, 22)) + Majority.Of(a, b, c);
            (a, b, c, d, e, f, g, h) = (t1 + t2, a, b, c, d + t1, e, f, g);
        }

        return (Vector128.Create(a, b, c, d), Vector128.Create(e, f, g, h));
    }
}
