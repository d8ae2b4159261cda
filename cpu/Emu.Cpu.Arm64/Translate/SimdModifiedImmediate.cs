// Advanced SIMD modified immediate, integer forms: MOVI, MVNI, ORR, BIC (Arm ARM C4.1.96; AdvSIMDExpandImm). FMOV is with the floating-point rows.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the modified-immediate group.</summary>
internal static unsafe class SimdModifiedImmediate
{
    public static A64Row[] Rows =>
    [
        new("MOVI (32-bit shifted)", "0q00111100000abc0ss001defghddddd", &Movi, fp: true),
        new("ORR (vector, immediate, 32-bit)", "0q00111100000abc0ss101defghddddd", &Orr, fp: true),
        new("MOVI (16-bit shifted)", "0q00111100000abc10s001defghddddd", &Movi, fp: true),
        new("ORR (vector, immediate, 16-bit)", "0q00111100000abc10s101defghddddd", &Orr, fp: true),
        new("MOVI (32-bit shifting ones)", "0q00111100000abc110s01defghddddd", &Movi, fp: true),
        new("MOVI (8-bit)", "0q00111100000abc111001defghddddd", &Movi, fp: true),
        new("MVNI (32-bit shifted)", "0q10111100000abc0ss001defghddddd", &Mvni, fp: true),
        new("BIC (vector, immediate, 32-bit)", "0q10111100000abc0ss101defghddddd", &Bic, fp: true),
        new("MVNI (16-bit shifted)", "0q10111100000abc10s001defghddddd", &Mvni, fp: true),
        new("BIC (vector, immediate, 16-bit)", "0q10111100000abc10s101defghddddd", &Bic, fp: true),
        new("MVNI (32-bit shifting ones)", "0q10111100000abc110s01defghddddd", &Mvni, fp: true),
        new("MOVI (64-bit)", "0q10111100000abc111001defghddddd", &Movi64, fp: true),
    ];

    private static uint Imm8(uint w) => ((w >> 11) & 0xE0) | ((w >> 5) & 0x1F);

    private static ulong Expand(uint w)
    {
        ulong imm8 = Imm8(w);
        var cmode = (int)(w >> 12) & 15;
        switch (cmode >> 1)
        {
            case 0 or 1 or 2 or 3:
                return (imm8 << (8 * (cmode >> 1))) * 0x0000_0001_0000_0001;
            case 4 or 5:
                return (imm8 << (8 * ((cmode >> 1) & 1))) * 0x0001_0001_0001_0001;
            case 6:
                return ((cmode & 1) == 0 ? (imm8 << 8) | 0xFF : (imm8 << 16) | 0xFFFF) * 0x0000_0001_0000_0001;
            default:
                return imm8 * 0x0101_0101_0101_0101;
        }
    }

    private static void Set(A64Translator t, uint w, ulong value) =>
        t.B.Emit(Q(w) ? MicroOpKind.VMovI : MicroOpKind.VMovI64, D(w), imm: (long)value);

    private static bool Movi(A64Translator t, uint w)
    {
        Set(t, w, Expand(w));
        return true;
    }

    private static bool Mvni(A64Translator t, uint w)
    {
        Set(t, w, ~Expand(w));
        return true;
    }

    private static bool Movi64(A64Translator t, uint w)
    {
        ulong value = 0;
        for (var i = 0; i < 8; i++)
        {
            value |= (Imm8(w) >> i & 1) != 0 ? 0xFFUL << (8 * i) : 0;
        }

        Set(t, w, value);
        return true;
    }

    private static bool Orr(A64Translator t, uint w)
    {
        t.B.Emit(MicroOpKind.VMovI, Temp(0), imm: (long)Expand(w));
        Direct(t, w, MicroOpKind.VOr, D(w), Temp(0));
        return true;
    }

    private static bool Bic(A64Translator t, uint w)
    {
        t.B.Emit(MicroOpKind.VMovI, Temp(0), imm: (long)Expand(w));
        Direct(t, w, MicroOpKind.VAndNot, D(w), Temp(0));
        return true;
    }
}
