// Pointer authentication codes: where they sit in a pointer, and the two algorithms that compute them (FEAT_PAuth).
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>How a code is computed. ID_AA64ISAR1_EL1 tells the guest: API and GPI, or APA and GPA.</summary>
public enum PointerAuthenticationAlgorithm
{
    /// <summary>A short mixing function (IMPLEMENTATION DEFINED algorithm: API, GPI).</summary>
    Fast = 0,

    /// <summary>QARMA5 (architected algorithm: APA, GPA). About thirty times slower.</summary>
    Qarma5 = 1,
}

/// <summary>The bits of a pointer a code may use, from TCR_ELx.</summary>
/// <param name="Bottom">Lowest bit of the field.</param>
/// <param name="Tbi">The top byte is ignored: it is left alone.</param>
public readonly record struct PointerLayout(int Bottom, bool Tbi)
{
    /// <summary>Mask of the bits that carry the code; bit 55 selects the address range and is never part of it.</summary>
    public ulong CodeMask => (Tbi ? 0x007F_FFFF_FFFF_FFFFUL : 0xFF7F_FFFF_FFFF_FFFFUL) & (ulong.MaxValue << Bottom);

    /// <summary>The pointer with its extension bits all equal to <paramref name="select"/>.</summary>
    public ulong Extend(ulong pointer, bool select)
    {
        var mask = CodeMask | (1UL << 55);
        return select ? pointer | mask : pointer & ~mask;
    }
}

/// <summary>AddPAC(), Auth(), Strip() and ComputePAC() (Arm ARM J1.1, D8.10). Codes are XORed into the pointer and checked with a fault (FEAT_PAuth2, FEAT_FPAC, FEAT_FPACCOMBINE).</summary>
public static unsafe class PointerAuthentication
{
    private const int TcrT1szShift = 16;
    private const ulong TszMask = 0x3F;
    private const int TcrTbi0 = 37;
    private const int TcrTbi1 = 38;
    private const int TcrTbid0 = 51;
    private const int TcrTbid1 = 52;
    private const int TcrHighLevelTbi = 20;
    private const int TcrHighLevelTbid = 29;

    // Outside of this range TCR_ELx.TxSZ is taken as the nearer end (16 without FEAT_LVA; 12 with it, which the walker refuses when absent).
    private const int SmallestTsz = 12;
    private const int LargestTsz = 48;

    /// <summary>Layout of the pointers whose bit 55 is <paramref name="high"/>.</summary>
    /// <param name="a">State: exception level and TCR.</param>
    /// <param name="high">Bit 55.</param>
    /// <param name="data">Data address rather than instruction address (TBID).</param>
    public static PointerLayout LayoutOf(Arm64State* a, bool high, bool data)
    {
        var el = (int)(a->System.CurrentEl >> 2);
        int tsz;
        bool tbi;
        if (el <= 1)
        {
            var tcr = a->System.El1.Tcr;
            tsz = (int)((high ? tcr >> TcrT1szShift : tcr) & TszMask);
            tbi = Bit(tcr, high ? TcrTbi1 : TcrTbi0) && (data || !Bit(tcr, high ? TcrTbid1 : TcrTbid0));
        }
        else
        {
            var tcr = el == 2 ? a->System.El2.Tcr : a->System.El3.Tcr;
            tsz = (int)(tcr & TszMask);
            tbi = Bit(tcr, TcrHighLevelTbi) && (data || !Bit(tcr, TcrHighLevelTbid));
        }

        return new(64 - Math.Clamp(tsz, SmallestTsz, LargestTsz), tbi);
    }

    /// <summary>CodeMask of the EL1&amp;0 regime for [data * 2 + bit 55], worked out again only when TCR_EL1 changed: every function of a guest kernel asks twice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* Masks(Arm64State* a)
    {
        if (a->PointerMasksTcr != a->System.El1.Tcr || a->PointerMasks[0] == 0)
        {
            RefreshMasks(a);
        }

        return a->PointerMasks;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RefreshMasks(Arm64State* a)
    {
        for (var i = 0; i < 4; i++)
        {
            a->PointerMasks[i] = LayoutOf(a, (i & 1) != 0, (i & 2) != 0).CodeMask;
        }

        a->PointerMasksTcr = a->System.El1.Tcr;
    }

    /// <summary>AddPAC(): the pointer with its code.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Add(Arm64State* a, ulong pointer, ulong modifier, ulong keyLow, ulong keyHigh, bool data, PointerAuthenticationAlgorithm algorithm)
    {
        // Canonical pointers of the EL1&0 regime: bits 63 and 55 agree, so whichever selects is the same.
        if (algorithm == PointerAuthenticationAlgorithm.Fast && a->System.CurrentEl <= 4 && ((pointer ^ (pointer << 8)) >> 63) == 0)
        {
            var high = pointer >> 63;
            var mask = Masks(a)[(data ? 2 : 0) + (int)high];
            var extension = (0 - high) & mask;
            return pointer ^ (Mix((pointer & ~mask) | extension, modifier, keyLow, keyHigh) & mask);
        }

        return AddInGeneral(a, pointer, modifier, keyLow, keyHigh, data, algorithm);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong AddInGeneral(Arm64State* a, ulong pointer, ulong modifier, ulong keyLow, ulong keyHigh, bool data, PointerAuthenticationAlgorithm algorithm)
    {
        var anyTbi = (int)(a->System.CurrentEl >> 2) <= 1
            ? LayoutOf(a, high: false, data).Tbi || LayoutOf(a, high: true, data).Tbi
            : LayoutOf(a, high: false, data).Tbi;
        var select = Bit(pointer, anyTbi ? 55 : 63);
        var layout = new PointerLayout(LayoutOf(a, select, data).Bottom, LayoutOf(a, Bit(pointer, 55), data).Tbi);
        var code = Compute(layout.Extend(pointer, select), modifier, keyLow, keyHigh, algorithm);
        var result = pointer ^ (code & layout.CodeMask);
        return select ? result | (1UL << 55) : result & ~(1UL << 55);
    }

    /// <summary>Auth(): removes the code. False when it was not the right one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryAuthenticate(Arm64State* a, ulong pointer, ulong modifier, ulong keyLow, ulong keyHigh, bool data, PointerAuthenticationAlgorithm algorithm, out ulong result)
    {
        if (algorithm == PointerAuthenticationAlgorithm.Fast && a->System.CurrentEl <= 4)
        {
            var high = (pointer >> 55) & 1;
            var mask = Masks(a)[(data ? 2 : 0) + (int)high];
            var plain = (pointer & ~mask) | ((0 - high) & mask);
            result = pointer ^ (Mix(plain, modifier, keyLow, keyHigh) & mask);
            return result == plain;
        }

        return TryAuthenticateInGeneral(a, pointer, modifier, keyLow, keyHigh, data, algorithm, out result);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryAuthenticateInGeneral(Arm64State* a, ulong pointer, ulong modifier, ulong keyLow, ulong keyHigh, bool data, PointerAuthenticationAlgorithm algorithm, out ulong result)
    {
        var select = Bit(pointer, 55);
        var layout = LayoutOf(a, select, data);
        var original = layout.Extend(pointer, select);
        result = pointer ^ (Compute(original, modifier, keyLow, keyHigh, algorithm) & layout.CodeMask);
        return result == original;
    }

    /// <summary>Strip(): the pointer without its code, unchecked.</summary>
    public static ulong Strip(Arm64State* a, ulong pointer, bool data)
    {
        var select = Bit(pointer, 55);
        return LayoutOf(a, select, data).Extend(pointer, select);
    }

    /// <summary>ComputePAC().</summary>
    /// <param name="x">Pointer.</param>
    /// <param name="y">Modifier.</param>
    /// <param name="keyLow">APxKeyLo_EL1.</param>
    /// <param name="keyHigh">APxKeyHi_EL1.</param>
    /// <param name="algorithm">How.</param>
    public static ulong Compute(ulong x, ulong y, ulong keyLow, ulong keyHigh, PointerAuthenticationAlgorithm algorithm) =>
        algorithm == PointerAuthenticationAlgorithm.Fast ? Mix(x, y, keyLow, keyHigh) : Qarma.Qarma5(x, y, keyHigh, keyLow);

    // Three multiply-and-fold rounds: every input bit reaches every output bit. Not a cryptographic function.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong x, ulong y, ulong keyLow, ulong keyHigh)
    {
        var h = (x ^ keyLow) * 0x9E37_79B9_7F4A_7C15;
        h ^= h >> 32;
        h = (h + (y ^ keyHigh)) * 0xD6E8_FEB8_6659_FD93;
        h ^= h >> 29;
        h = (h + BitOperations.RotateLeft(y, 23) + keyLow) * 0xA24B_AED4_963E_E407;
        return h ^ (h >> 32);
    }

    private static bool Bit(ulong value, int bit) => ((value >> bit) & 1) != 0;
}
