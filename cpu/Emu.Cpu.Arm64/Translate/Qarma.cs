// The QARMA-64 block cipher with five rounds and the sigma-2 substitution box: the architected pointer authentication algorithm.
using System.Numerics;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>QARMA5 (R. Avanzi, "The QARMA Block Cipher Family"; Arm ARM ComputePACQARMA5()). Cell 0 is the most significant nibble.</summary>
public static class Qarma
{
    private const int Rounds = 5;
    private const ulong Alpha = 0xC0AC_29B7_C97C_50DD;

    private static readonly ulong[] RoundConstants =
        [0, 0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0, 0x082E_FA98_EC4E_6C89, 0x4528_21E6_38D0_1377];

    private static readonly byte[] Substitution = [11, 6, 8, 15, 12, 0, 9, 14, 3, 7, 4, 5, 13, 2, 1, 10];
    private static readonly byte[] InverseSubstitution = Invert(Substitution);
    private static readonly byte[] Shuffle = [0, 11, 6, 13, 10, 1, 12, 7, 5, 14, 3, 8, 15, 4, 9, 2];
    private static readonly byte[] InverseShuffle = Invert(Shuffle);
    private static readonly byte[] TweakShuffle = [6, 5, 14, 15, 0, 1, 2, 3, 7, 12, 13, 4, 8, 9, 10, 11];
    private static readonly byte[] InverseTweakShuffle = Invert(TweakShuffle);

    // Cells of the tweak that pass through the LFSR: 0, 1, 3, 4, 8, 11, 13.
    private const int TweakLfsrCells = (1 << 0) | (1 << 1) | (1 << 3) | (1 << 4) | (1 << 8) | (1 << 11) | (1 << 13);

    /// <summary>Encrypts <paramref name="x"/> under tweak <paramref name="y"/>.</summary>
    /// <param name="x">Text.</param>
    /// <param name="y">Tweak.</param>
    /// <param name="w0">Whitening key: K&lt;127:64&gt; in the manual, the high half of a key register.</param>
    /// <param name="k0">Core key: K&lt;63:0&gt;, the low half.</param>
    public static ulong Qarma5(ulong x, ulong y, ulong w0, ulong k0)
    {
        var w1 = BitOperations.RotateRight(w0, 1) ^ (w0 >> 63);
        var tweak = y;
        var v = x ^ w0;
        for (var i = 0; i < Rounds; i++)
        {
            v ^= k0 ^ tweak ^ RoundConstants[i];
            if (i > 0)
            {
                v = Multiply(Permute(v, Shuffle));
            }

            v = Substitute(v, Substitution);
            tweak = NextTweak(tweak);
        }

        v ^= w1 ^ tweak;
        v = Substitute(Multiply(Permute(v, Shuffle)), Substitution);
        v = Multiply(Permute(v, Shuffle)) ^ k0;
        v = Substitute(Permute(v, InverseShuffle), InverseSubstitution);
        v = Permute(Multiply(v), InverseShuffle) ^ w0 ^ tweak;
        for (var i = Rounds - 1; i >= 0; i--)
        {
            v = Substitute(v, InverseSubstitution);
            if (i > 0)
            {
                v = Permute(Multiply(v), InverseShuffle);
            }

            tweak = PreviousTweak(tweak);
            v ^= k0 ^ tweak ^ RoundConstants[i] ^ Alpha;
        }

        return v ^ w1;
    }

    private static byte[] Invert(byte[] permutation)
    {
        var inverse = new byte[16];
        for (var i = 0; i < 16; i++)
        {
            inverse[permutation[i]] = (byte)i;
        }

        return inverse;
    }

    private static uint Cell(ulong v, int cell) => (uint)(v >> (60 - (cell * 4))) & 15;

    private static ulong Permute(ulong v, byte[] from)
    {
        ulong result = 0;
        for (var i = 0; i < 16; i++)
        {
            result = (result << 4) | Cell(v, from[i]);
        }

        return result;
    }

    private static ulong Substitute(ulong v, byte[] box)
    {
        ulong result = 0;
        for (var i = 0; i < 16; i++)
        {
            result = (result << 4) | box[Cell(v, i)];
        }

        return result;
    }

    private static uint RotateCell(uint cell, int by) => ((cell << by) | (cell >> (4 - by))) & 15;

    // Each column by the circulant matrix (0, rho, rho^2, rho); cells are in rows of four.
    private static ulong Multiply(ulong v)
    {
        ulong result = 0;
        for (var i = 0; i < 16; i++)
        {
            var cell = RotateCell(Cell(v, (i + 4) & 15), 1) ^ RotateCell(Cell(v, (i + 8) & 15), 2) ^ RotateCell(Cell(v, (i + 12) & 15), 1);
            result = (result << 4) | cell;
        }

        return result;
    }

    private static ulong NextTweak(ulong tweak)
    {
        ulong result = 0;
        for (var i = 0; i < 16; i++)
        {
            var cell = Cell(tweak, TweakShuffle[i]);
            if (((TweakLfsrCells >> i) & 1) != 0)
            {
                cell = (cell >> 1) | (((cell ^ (cell >> 1)) & 1) << 3);
            }

            result = (result << 4) | cell;
        }

        return result;
    }

    private static ulong PreviousTweak(ulong tweak)
    {
        ulong before = 0;
        for (var i = 0; i < 16; i++)
        {
            var cell = Cell(tweak, i);
            if (((TweakLfsrCells >> i) & 1) != 0)
            {
                cell = ((cell << 1) & 15) | ((cell ^ (cell >> 3)) & 1);
            }

            before = (before << 4) | cell;
        }

        return Permute(before, InverseTweakShuffle);
    }
}
