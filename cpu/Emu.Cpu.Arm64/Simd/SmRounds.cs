// SM3 (GB/T 32905) and SM4 (GB/T 32907) helpers.
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Helpers: A = Vn, B = Vm, C = Va; Aux = element index. D is a source of the SM3 rounds and schedules and of SM4E.</summary>
internal static unsafe class SmRounds
{
    private static readonly byte[] SBox = BuildSBox();

    /// <summary>SM3SS1.</summary>
    public static void Ss1(CpuState* s, MicroOp* op)
    {
        var n = Slots.Load<uint>(s, op->A).GetElement(3);
        var m = Slots.Load<uint>(s, op->B).GetElement(3);
        var a = Slots.Load<uint>(s, op->C).GetElement(3);
        Store(s, op, Vector128.Create(0, 0, 0, Rol(Rol(n, 12) + m + a, 7)));
    }

    /// <summary>SM3TT1A: parity.</summary>
    public static void Tt1A(CpuState* s, MicroOp* op) => Tt1(s, op, majority: false);

    /// <summary>SM3TT1B: majority.</summary>
    public static void Tt1B(CpuState* s, MicroOp* op) => Tt1(s, op, majority: true);

    /// <summary>SM3TT2A: parity.</summary>
    public static void Tt2A(CpuState* s, MicroOp* op) => Tt2(s, op, choose: false);

    /// <summary>SM3TT2B: choose.</summary>
    public static void Tt2B(CpuState* s, MicroOp* op) => Tt2(s, op, choose: true);

    /// <summary>SM3PARTW1.</summary>
    public static void PartW1(CpuState* s, MicroOp* op)
    {
        var m = Slots.Load<uint>(s, op->B);
        var e = Slots.Load<uint>(s, op->D) ^ Slots.Load<uint>(s, op->A);
        var r0 = P1(e.GetElement(0) ^ Rol(m.GetElement(1), 15));
        var r1 = P1(e.GetElement(1) ^ Rol(m.GetElement(2), 15));
        var r2 = P1(e.GetElement(2) ^ Rol(m.GetElement(3), 15));
        var r3 = P1(e.GetElement(3) ^ Rol(r0, 15));
        Store(s, op, Vector128.Create(r0, r1, r2, r3));
    }

    /// <summary>SM3PARTW2.</summary>
    public static void PartW2(CpuState* s, MicroOp* op)
    {
        var m = Slots.Load<uint>(s, op->B);
        var t = Slots.Load<uint>(s, op->A) ^ ((m << 7) | (m >>> 25));
        var r = Slots.Load<uint>(s, op->D) ^ t;
        Store(s, op, r.WithElement(3, r.GetElement(3) ^ P1(Rol(t.GetElement(0), 15))));
    }

    /// <summary>SM4E: four rounds on D with the keys of A.</summary>
    public static void Encrypt(CpuState* s, MicroOp* op)
    {
        var d = Slots.Load<uint>(s, op->D);
        var key = Slots.Load<uint>(s, op->A);
        var (x0, x1, x2, x3) = (d.GetElement(0), d.GetElement(1), d.GetElement(2), d.GetElement(3));
        for (var i = 0; i < 4; i++)
        {
            var t = Substitute(x1 ^ x2 ^ x3 ^ key.GetElement(i));
            t ^= Rol(t, 2) ^ Rol(t, 10) ^ Rol(t, 18) ^ Rol(t, 24);
            (x0, x1, x2, x3) = (x1, x2, x3, t ^ x0);
        }

        Store(s, op, Vector128.Create(x0, x1, x2, x3));
    }

    /// <summary>SM4EKEY: four rounds of the key schedule on A with the constants of B.</summary>
    public static void Key(CpuState* s, MicroOp* op)
    {
        var n = Slots.Load<uint>(s, op->A);
        var constants = Slots.Load<uint>(s, op->B);
        var (x0, x1, x2, x3) = (n.GetElement(0), n.GetElement(1), n.GetElement(2), n.GetElement(3));
        for (var i = 0; i < 4; i++)
        {
            var t = Substitute(x1 ^ x2 ^ x3 ^ constants.GetElement(i));
            t ^= Rol(t, 13) ^ Rol(t, 23);
            (x0, x1, x2, x3) = (x1, x2, x3, t ^ x0);
        }

        Store(s, op, Vector128.Create(x0, x1, x2, x3));
    }

    private static void Tt1(CpuState* s, MicroOp* op, bool majority)
    {
        var d = Slots.Load<uint>(s, op->D);
        var (d1, d2, d3) = (d.GetElement(1), d.GetElement(2), d.GetElement(3));
        var word = Slots.Load<uint>(s, op->B).GetElement((int)op->Aux);
        var ss2 = Slots.Load<uint>(s, op->A).GetElement(3) ^ Rol(d3, 12);
        var t = (majority ? (d3 & d1) | (d3 & d2) | (d1 & d2) : d1 ^ d2 ^ d3) + d.GetElement(0) + ss2 + word;
        Store(s, op, Vector128.Create(d1, Rol(d2, 9), d3, t));
    }

    private static void Tt2(CpuState* s, MicroOp* op, bool choose)
    {
        var d = Slots.Load<uint>(s, op->D);
        var (d1, d2, d3) = (d.GetElement(1), d.GetElement(2), d.GetElement(3));
        var word = Slots.Load<uint>(s, op->B).GetElement((int)op->Aux);
        var t = (choose ? (d3 & d2) | (~d3 & d1) : d1 ^ d2 ^ d3) + d.GetElement(0) + Slots.Load<uint>(s, op->A).GetElement(3) + word;
        Store(s, op, Vector128.Create(d1, Rol(d2, 19), d3, t ^ Rol(t, 9) ^ Rol(t, 17)));
    }

    private static uint P1(uint x) => x ^ Rol(x, 15) ^ Rol(x, 23);

    private static uint Rol(uint x, int n) => uint.RotateLeft(x, n);

    private static uint Substitute(uint x) =>
        SBox[x & 0xFF] | ((uint)SBox[(x >> 8) & 0xFF] << 8) | ((uint)SBox[(x >> 16) & 0xFF] << 16) | ((uint)SBox[x >> 24] << 24);

    private static void Store(CpuState* s, MicroOp* op, Vector128<uint> value) => *(Vector128<uint>*)((byte*)s + op->D) = value;

    // S(x) = A * inverse(A * x + 0xD3) + 0xD3, A the circulant bit matrix of 0xA7, in GF(2^8) modulo x^8+x^7+x^6+x^5+x^4+x^2+1.
    private static byte[] BuildSBox()
    {
        var box = new byte[256];
        for (var i = 0; i < 256; i++)
        {
            box[i] = Affine(Inverse(Affine((byte)i)));
        }

        return box;
    }

    private static byte Affine(byte x)
    {
        var y = 0;
        for (var i = 0; i < 8; i++)
        {
            y |= (System.Numerics.BitOperations.PopCount((uint)(x & byte.RotateLeft(0xA7, i))) & 1) << i;
        }

        return (byte)(y ^ 0xD3);
    }

    private static byte Inverse(byte x)
    {
        for (var y = 1; y < 256; y++)
        {
            if (Product(x, (byte)y) == 1)
            {
                return (byte)y;
            }
        }

        return 0;
    }

    private static byte Product(byte a, byte b)
    {
        const int Polynomial = 0x1F5;
        var p = 0;
        for (var i = 7; i >= 0; i--)
        {
            p <<= 1;
            p ^= (p & 0x100) != 0 ? Polynomial : 0;
            p ^= ((b >> i) & 1) != 0 ? a : 0;
        }

        return (byte)p;
    }
}
