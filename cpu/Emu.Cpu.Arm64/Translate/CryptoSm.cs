// Cryptographic SM3 and SM4 (Arm ARM C4.1.96).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of SM3 and SM4.</summary>
internal static unsafe class CryptoSm
{
    public static A64Row[] Rows =>
    [
        new("SM3SS1", "11001110010mmmmm0aaaaannnnnddddd", &Ss1, "FEAT_SM3", fp: true),
        new("SM3TT1A", "11001110010mmmmm10ii00nnnnnddddd", &Tt1A, "FEAT_SM3", fp: true),
        new("SM3TT1B", "11001110010mmmmm10ii01nnnnnddddd", &Tt1B, "FEAT_SM3", fp: true),
        new("SM3TT2A", "11001110010mmmmm10ii10nnnnnddddd", &Tt2A, "FEAT_SM3", fp: true),
        new("SM3TT2B", "11001110010mmmmm10ii11nnnnnddddd", &Tt2B, "FEAT_SM3", fp: true),
        new("SM3PARTW1", "11001110011mmmmm110000nnnnnddddd", &PartW1, "FEAT_SM3", fp: true),
        new("SM3PARTW2", "11001110011mmmmm110001nnnnnddddd", &PartW2, "FEAT_SM3", fp: true),
        new("SM4E", "1100111011000000100001nnnnnddddd", &Sm4E, "FEAT_SM4", fp: true),
        new("SM4EKEY", "11001110011mmmmm110010nnnnnddddd", &Sm4Ekey, "FEAT_SM4", fp: true),
    ];

    private static bool Call(A64Translator t, uint w, delegate*<CpuState*, MicroOp*, void> helper, uint aux = 0)
    {
        t.B.Call(helper, D(w), N(w), M(w), A64Translator.V(w >> 10), aux);
        return true;
    }

    private static uint Index(uint w) => (w >> 12) & 3;

    private static bool Ss1(A64Translator t, uint w) => Call(t, w, &SmRounds.Ss1);

    private static bool Tt1A(A64Translator t, uint w) => Call(t, w, &SmRounds.Tt1A, Index(w));

    private static bool Tt1B(A64Translator t, uint w) => Call(t, w, &SmRounds.Tt1B, Index(w));

    private static bool Tt2A(A64Translator t, uint w) => Call(t, w, &SmRounds.Tt2A, Index(w));

    private static bool Tt2B(A64Translator t, uint w) => Call(t, w, &SmRounds.Tt2B, Index(w));

    private static bool PartW1(A64Translator t, uint w) => Call(t, w, &SmRounds.PartW1);

    private static bool PartW2(A64Translator t, uint w) => Call(t, w, &SmRounds.PartW2);

    private static bool Sm4E(A64Translator t, uint w) => Call(t, w, &SmRounds.Encrypt);

    private static bool Sm4Ekey(A64Translator t, uint w) => Call(t, w, &SmRounds.Key);
}
