// AES round steps for AESE, AESD, AESMC, AESIMC: by the host's AES instructions, or portable (FIPS 197 section 5).
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Helpers, and the portable steps they fall back to.</summary>
public static unsafe class AesRounds
{
    private static readonly byte[] SBox = BuildSBox();
    private static readonly byte[] InverseSBox = Invert(SBox);

    /// <summary>AESE: ShiftRows(SubBytes(D ^ A)).</summary>
    internal static void Encrypt(CpuState* s, MicroOp* op)
    {
        var state = Slots.Load<byte>(s, op->D) ^ Slots.Load<byte>(s, op->A);
        *(Vector128<byte>*)((byte*)s + op->D) = Aes.IsSupported ? Aes.EncryptLast(state, Vector128<byte>.Zero) : SubBytesShiftRows(state);
    }

    /// <summary>AESD: InvShiftRows(InvSubBytes(D ^ A)).</summary>
    internal static void Decrypt(CpuState* s, MicroOp* op)
    {
        var state = Slots.Load<byte>(s, op->D) ^ Slots.Load<byte>(s, op->A);
        *(Vector128<byte>*)((byte*)s + op->D) = Aes.IsSupported ? Aes.DecryptLast(state, Vector128<byte>.Zero) : InverseSubBytesShiftRows(state);
    }

    /// <summary>AESMC: MixColumns(A). The host has it only as a part of a round: undo the rest of the round first.</summary>
    internal static void Mix(CpuState* s, MicroOp* op)
    {
        var state = Slots.Load<byte>(s, op->A);
        *(Vector128<byte>*)((byte*)s + op->D) = Aes.IsSupported
            ? Aes.Encrypt(Aes.DecryptLast(state, Vector128<byte>.Zero), Vector128<byte>.Zero)
            : MixColumns(state);
    }

    /// <summary>AESIMC: InvMixColumns(A).</summary>
    internal static void InverseMix(CpuState* s, MicroOp* op)
    {
        var state = Slots.Load<byte>(s, op->A);
        *(Vector128<byte>*)((byte*)s + op->D) = Aes.IsSupported ? Aes.InverseMixColumns(state) : InverseMixColumns(state);
    }

    /// <summary>SubBytes, then ShiftRows: byte (row, column) comes from (row, column + row).</summary>
    public static Vector128<byte> SubBytesShiftRows(Vector128<byte> state) => Substitute(state, SBox, 1);

    /// <summary>InvSubBytes, then InvShiftRows: byte (row, column) comes from (row, column - row).</summary>
    public static Vector128<byte> InverseSubBytesShiftRows(Vector128<byte> state) => Substitute(state, InverseSBox, -1);

    /// <summary>MixColumns: each column times {03}x^3 + {01}x^2 + {01}x + {02}.</summary>
    public static Vector128<byte> MixColumns(Vector128<byte> state)
    {
        var doubled = Double(state);
        var next = Rotate(state, 1);
        return doubled ^ next ^ Rotate(doubled, 1) ^ Rotate(state, 2) ^ Rotate(state, 3);
    }

    /// <summary>InvMixColumns: MixColumns after adding {04} times the bytes and their opposites in the column.</summary>
    public static Vector128<byte> InverseMixColumns(Vector128<byte> state)
    {
        var four = Double(Double(state ^ Rotate(state, 2)));
        return MixColumns(state ^ four);
    }

    // Column c, row r is byte 4c + r; a row's source lies direction * r columns on.
    private static Vector128<byte> Substitute(Vector128<byte> state, byte[] box, int direction)
    {
        var from = (byte*)&state;
        var result = Vector128<byte>.Zero;
        for (var i = 0; i < 16; i++)
        {
            ((byte*)&result)[i] = box[from[(i + (4 * direction * (i & 3))) & 15]];
        }

        return result;
    }

    /// <summary>Byte i of each column from byte i + n.</summary>
    private static Vector128<byte> Rotate(Vector128<byte> v, int n)
    {
        var words = v.AsUInt32();
        return ((words >>> (8 * n)) | (words << (32 - (8 * n)))).AsByte();
    }

    /// <summary>Bytes times x modulo x^8 + x^4 + x^3 + x + 1.</summary>
    private static Vector128<byte> Double(Vector128<byte> v) =>
        (v << 1) ^ (Vector128.LessThan(v.AsSByte(), Vector128<sbyte>.Zero).AsByte() & Vector128.Create((byte)0x1B));

    // The inverse in GF(2^8), then the affine map with constant 0x63.
    private static byte[] BuildSBox()
    {
        var box = new byte[256];
        byte p = 1, q = 1;
        do
        {
            // p runs through the powers of 3, q through their inverses.
            p ^= (byte)((p << 1) ^ ((p & 0x80) != 0 ? 0x1B : 0));
            q ^= (byte)(q << 1);
            q ^= (byte)(q << 2);
            q ^= (byte)(q << 4);
            q ^= (byte)((q & 0x80) != 0 ? 0x09 : 0);
            var rotated = q ^ byte.RotateLeft(q, 1) ^ byte.RotateLeft(q, 2) ^ byte.RotateLeft(q, 3) ^ byte.RotateLeft(q, 4);
            box[p] = (byte)(rotated ^ 0x63);
        }
        while (p != 1);
        box[0] = 0x63;
        return box;
    }

    private static byte[] Invert(byte[] box)
    {
        var inverse = new byte[256];
        for (var i = 0; i < 256; i++)
        {
            inverse[box[i]] = (byte)i;
        }

        return inverse;
    }
}
