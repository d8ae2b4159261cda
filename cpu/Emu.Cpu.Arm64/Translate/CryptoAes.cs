// Cryptographic AES (Arm ARM C4.1.96, FEAT_AES).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of AES.</summary>
internal static unsafe class CryptoAes
{
    public static A64Row[] Rows =>
    [
        new("AESE", "0100111000101000010010nnnnnddddd", &Aese, "FEAT_AES", fp: true),
        new("AESD", "0100111000101000010110nnnnnddddd", &Aesd, "FEAT_AES", fp: true),
        new("AESMC", "0100111000101000011010nnnnnddddd", &Aesmc, "FEAT_AES", fp: true),
        new("AESIMC", "0100111000101000011110nnnnnddddd", &Aesimc, "FEAT_AES", fp: true),
    ];

    private static bool Aese(A64Translator t, uint w)
    {
        t.B.Call(&AesRounds.Encrypt, D(w), N(w));
        return true;
    }

    private static bool Aesd(A64Translator t, uint w)
    {
        t.B.Call(&AesRounds.Decrypt, D(w), N(w));
        return true;
    }

    private static bool Aesmc(A64Translator t, uint w)
    {
        t.B.Call(&AesRounds.Mix, D(w), N(w));
        return true;
    }

    private static bool Aesimc(A64Translator t, uint w)
    {
        t.B.Call(&AesRounds.InverseMix, D(w), N(w));
        return true;
    }
}
