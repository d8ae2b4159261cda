// Which features need which others: a CPU that had the one without the other could not exist, or could not be told of in the ID registers.
namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>Dependencies between <see cref="A64Feature"/>s (Arm ARM A2.2 and the ID register fields that several features share).</summary>
public static class A64FeatureRules
{
    private static readonly (A64Feature Feature, A64Feature[] Needs)[] Rules =
    [
        (A64Feature.FP, [A64Feature.AdvSIMD]), (A64Feature.AdvSIMD, [A64Feature.FP]),
        (A64Feature.FP16, [A64Feature.AdvSIMD]), (A64Feature.FHM, [A64Feature.FP16]), (A64Feature.JSCVT, [A64Feature.FP]),
        (A64Feature.FCMA, [A64Feature.AdvSIMD]), (A64Feature.FRINTTS, [A64Feature.FP]), (A64Feature.BF16, [A64Feature.AdvSIMD]),
        (A64Feature.I8MM, [A64Feature.AdvSIMD]), (A64Feature.RDM, [A64Feature.AdvSIMD]), (A64Feature.DotProd, [A64Feature.AdvSIMD]),
        (A64Feature.AES, [A64Feature.AdvSIMD]), (A64Feature.PMULL, [A64Feature.AES]), (A64Feature.SHA1, [A64Feature.AdvSIMD]),
        (A64Feature.SHA256, [A64Feature.SHA1]), (A64Feature.SHA512, [A64Feature.SHA256]), (A64Feature.SHA3, [A64Feature.SHA512]),
        (A64Feature.SM3, [A64Feature.AdvSIMD]), (A64Feature.SM4, [A64Feature.SM3]),
        (A64Feature.LRCPC2, [A64Feature.LRCPC]), (A64Feature.FlagM2, [A64Feature.FlagM]), (A64Feature.DPB2, [A64Feature.DPB]),
        (A64Feature.PAN2, [A64Feature.PAN]), (A64Feature.PAN3, [A64Feature.PAN2]), (A64Feature.TLBIRANGE, [A64Feature.TLBIOS]),
        (A64Feature.LVA, [A64Feature.Gran64K]), (A64Feature.LPA, [A64Feature.Gran64K]), (A64Feature.LPA2, [A64Feature.Gran16K, A64Feature.LPA]),
    ];

    /// <summary>A feature of the set that needs one the set has not, and that one; null when the set is sound.</summary>
    public static (A64Feature Feature, A64Feature Needs)? Violation(A64FeatureSet features)
    {
        foreach (var (feature, needs) in Rules)
        {
            foreach (var needed in needs)
            {
                if (features.Has(feature) && !features.Has(needed))
                {
                    return (feature, needed);
                }
            }
        }

        return null;
    }
}
