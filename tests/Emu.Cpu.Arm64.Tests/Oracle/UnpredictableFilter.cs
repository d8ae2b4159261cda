// Encodings that the architecture leaves CONSTRAINED UNPREDICTABLE: two correct implementations may differ.
namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Predicate over words; loads and stores, and the flag instructions whose CRm should be zero.</summary>
public static class UnpredictableFilter
{
    /// <summary>Whether a word is CONSTRAINED UNPREDICTABLE (Arm ARM K1.2).</summary>
    public static bool IsUnpredictable(uint word)
    {
        if (!LoadStore.Is(word))
        {
            // CFINV, XAFLAG, AXFLAG: CRm is (0)(0)(0)(0) in the manual's diagram.
            return (word & 0xFFFF_F01F) == 0xD500_401F && ((word >> 5) & 7) < 3 && (word & 0xF00) != 0;
        }

        uint t = word & 31, n = (word >> 5) & 31, t2 = (word >> 10) & 31, s = (word >> 16) & 31;
        var vector = (word & (1 << 26)) != 0;
        var load = (word & (1 << 22)) != 0;
        switch (LoadStore.Classify(word))
        {
            case LoadStoreClass.Pair:
                var mode = (word >> 23) & 3;
                var writeback = mode is 1 or 3;
                return (load && t == t2) || (writeback && !vector && n != 31 && (n == t || n == t2));
            case LoadStoreClass.PostIndex or LoadStoreClass.PreIndex:
                return !vector && n == t && n != 31;
            case LoadStoreClass.Exclusive:
                var pair = (word & (1 << 21)) != 0;
                if (load)
                {
                    return pair && t == t2;
                }

                return s == t || (s == n && n != 31) || (pair && s == t2);
            default:
                return false;
        }
    }
}
