// Cryptographic SHA1, SHA256, SHA512 and SHA3 (Arm ARM C4.1.96).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the SHA families.</summary>
internal static unsafe class CryptoSha
{
    public static A64Row[] Rows =>
    [
        new("SHA1C", "01011110000mmmmm000000nnnnnddddd", &Sha1C, "FEAT_SHA1", fp: true),
        new("SHA1P", "01011110000mmmmm000100nnnnnddddd", &Sha1P, "FEAT_SHA1", fp: true),
        new("SHA1M", "01011110000mmmmm001000nnnnnddddd", &Sha1M, "FEAT_SHA1", fp: true),
        new("SHA1SU0", "01011110000mmmmm001100nnnnnddddd", &Sha1Su0, "FEAT_SHA1", fp: true),
        new("SHA1H", "0101111000101000000010nnnnnddddd", &Sha1H, "FEAT_SHA1", fp: true),
        new("SHA1SU1", "0101111000101000000110nnnnnddddd", &Sha1Su1, "FEAT_SHA1", fp: true),
        new("SHA256H", "01011110000mmmmm010000nnnnnddddd", &Sha256H, "FEAT_SHA256", fp: true),
        new("SHA256H2", "01011110000mmmmm010100nnnnnddddd", &Sha256H2, "FEAT_SHA256", fp: true),
        new("SHA256SU1", "01011110000mmmmm011000nnnnnddddd", &Sha256Su1, "FEAT_SHA256", fp: true),
        new("SHA256SU0", "0101111000101000001010nnnnnddddd", &Sha256Su0, "FEAT_SHA256", fp: true),
        new("SHA512H", "11001110011mmmmm100000nnnnnddddd", &Sha512H, "FEAT_SHA512", fp: true),
        new("SHA512H2", "11001110011mmmmm100001nnnnnddddd", &Sha512H2, "FEAT_SHA512", fp: true),
        new("SHA512SU1", "11001110011mmmmm100010nnnnnddddd", &Sha512Su1, "FEAT_SHA512", fp: true),
        new("SHA512SU0", "1100111011000000100000nnnnnddddd", &Sha512Su0, "FEAT_SHA512", fp: true),
        new("RAX1", "11001110011mmmmm100011nnnnnddddd", &Rax1, "FEAT_SHA3", fp: true),
        new("EOR3", "11001110000mmmmm0aaaaannnnnddddd", &Eor3, "FEAT_SHA3", fp: true),
        new("BCAX", "11001110001mmmmm0aaaaannnnnddddd", &Bcax, "FEAT_SHA3", fp: true),
        new("XAR", "11001110100mmmmmiiiiiinnnnnddddd", &Xar, "FEAT_SHA3", fp: true),
    ];

    private static bool Call(A64Translator t, uint w, delegate*<CpuState*, MicroOp*, void> helper, uint aux = 0)
    {
        t.B.Call(helper, D(w), N(w), M(w), A64Translator.V(w >> 10), aux);
        return true;
    }

    private static bool Sha1C(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha1C);

    private static bool Sha1P(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha1P);

    private static bool Sha1M(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha1M);

    private static bool Sha1Su0(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha1Su0);

    private static bool Sha1H(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha1H);

    private static bool Sha1Su1(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha1Su1);

    private static bool Sha256H(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha256H);

    private static bool Sha256H2(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha256H2);

    private static bool Sha256Su0(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha256Su0);

    private static bool Sha256Su1(A64Translator t, uint w) => Call(t, w, &ShaRounds.Sha256Su1);

    private static bool Sha512H(A64Translator t, uint w) => Call(t, w, &Sha512Rounds.Hash);

    private static bool Sha512H2(A64Translator t, uint w) => Call(t, w, &Sha512Rounds.Hash2);

    private static bool Sha512Su0(A64Translator t, uint w) => Call(t, w, &Sha512Rounds.Schedule0);

    private static bool Sha512Su1(A64Translator t, uint w) => Call(t, w, &Sha512Rounds.Schedule1);

    private static bool Rax1(A64Translator t, uint w) => Call(t, w, &Sha512Rounds.Rax1);

    private static bool Eor3(A64Translator t, uint w) => Call(t, w, &Sha512Rounds.Eor3);

    private static bool Bcax(A64Translator t, uint w) => Call(t, w, &Sha512Rounds.Bcax);

    private static bool Xar(A64Translator t, uint w) => Call(t, w, &Sha512Rounds.Xar, (w >> 10) & 63);
}
