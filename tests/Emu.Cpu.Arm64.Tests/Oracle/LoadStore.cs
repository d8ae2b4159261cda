// The load/store classes of A64 (Arm ARM C4.1, "Loads and Stores") and the address each computes.
namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Addressing classes.</summary>
public enum LoadStoreClass
{
    /// <summary>Not one that is generated.</summary>
    Other,

    /// <summary>Advanced SIMD structures.</summary>
    Structure,

    /// <summary>Load/store exclusive, and pairs.</summary>
    Exclusive,

    /// <summary>Load-acquire, store-release.</summary>
    Ordered,

    /// <summary>CAS, CASP.</summary>
    CompareAndSwap,

    /// <summary>PC-relative.</summary>
    Literal,

    /// <summary>LDAPUR, STLUR.</summary>
    OrderedUnscaled,

    /// <summary>Register pairs, every mode.</summary>
    Pair,

    /// <summary>imm9 without writeback, LDTR and STTR too.</summary>
    Unscaled,

    /// <summary>imm9 after the access.</summary>
    PostIndex,

    /// <summary>imm9 before the access.</summary>
    PreIndex,

    /// <summary>LSE atomics and LDAPR.</summary>
    Atomic,

    /// <summary>Register offset.</summary>
    Register,

    /// <summary>imm12, scaled.</summary>
    Unsigned,
}

/// <summary>Decodes enough of a load or store to give it operands.</summary>
public static class LoadStore
{
    /// <summary>The word is in the loads and stores.</summary>
    public static bool Is(uint word) => (word & 0x0A00_0000) == 0x0800_0000;

    /// <summary>Register fields that the manual shows as (1)(1)(1)(1)(1): Rs, Rt2; and Ra of SMULH and UMULH.</summary>
    public static uint ShouldBeOne(uint word)
    {
        const uint Rs = 31 << 16, Rt2 = 31 << 10;
        if (!Is(word))
        {
            return (word & 0xFF60_8000) == 0x9B40_0000 ? Rt2 : 0;
        }

        return Classify(word) switch
        {
            LoadStoreClass.Ordered => Rs | Rt2,
            LoadStoreClass.CompareAndSwap => Rt2,
            LoadStoreClass.Exclusive when (word & (1 << 21)) != 0 => (word & (1 << 22)) != 0 ? Rs : 0,
            LoadStoreClass.Exclusive => (word & (1 << 22)) != 0 ? Rs | Rt2 : Rt2,
            _ => 0,
        };
    }

    /// <summary>Its class.</summary>
    public static LoadStoreClass Classify(uint word)
    {
        switch ((word >> 24) & 0x3F)
        {
            case 0x0C or 0x0D:
                return LoadStoreClass.Structure;
            case 0x08:
                var o2 = (word & (1 << 23)) != 0;
                var o1 = (word & (1 << 21)) != 0;
                return o2 ? (o1 ? LoadStoreClass.CompareAndSwap : LoadStoreClass.Ordered)
                    : o1 && word >> 31 == 0 ? LoadStoreClass.CompareAndSwap
                    : LoadStoreClass.Exclusive;
            case 0x18 or 0x1C:
                return LoadStoreClass.Literal;
            case 0x19:
                return (word & 0x0020_0C00) == 0 ? LoadStoreClass.OrderedUnscaled : LoadStoreClass.Other;
            case 0x28 or 0x29 or 0x2C or 0x2D:
                return LoadStoreClass.Pair;
            case 0x39 or 0x3D:
                return LoadStoreClass.Unsigned;
            case 0x38 or 0x3C:
                var low = (word >> 10) & 3;
                if ((word & (1 << 21)) == 0)
                {
                    return low switch
                    {
                        1 => LoadStoreClass.PostIndex,
                        3 => LoadStoreClass.PreIndex,
                        _ => LoadStoreClass.Unscaled,
                    };
                }

                return low switch { 0 => LoadStoreClass.Atomic, 2 => LoadStoreClass.Register, _ => LoadStoreClass.Other };
            default:
                return LoadStoreClass.Other;
        }
    }

    /// <summary>Log2 of the bytes of one register of a single-register access.</summary>
    public static int Scale(uint word) =>
        (word & (1 << 26)) != 0 && (word & (1 << 23)) != 0 ? 4 : (int)(word >> 30);

    /// <summary>The immediate added to the base before the access, in bytes.</summary>
    public static long Offset(uint word)
    {
        switch (Classify(word))
        {
            case LoadStoreClass.Unsigned:
                return (long)((word >> 10) & 0xFFF) << Scale(word);
            case LoadStoreClass.Unscaled or LoadStoreClass.PreIndex or LoadStoreClass.OrderedUnscaled:
                return (long)((ulong)word << 43) >> 55;
            case LoadStoreClass.Pair when ((word >> 23) & 3) != 1:
                var vector = (word & (1 << 26)) != 0;
                var scale = vector ? 2 + (int)(word >> 30) : 2 + (int)(word >> 31);
                return ((long)((ulong)word << 42) >> 57) << scale;
            default:
                return 0;
        }
    }
}
