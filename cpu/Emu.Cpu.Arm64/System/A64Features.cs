// What the CPU implements: one list of features, the ID register fields each sets, and the ID register values made from them.
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>Optional features of the architecture, by the manual's FEAT_ names.</summary>
public enum A64Feature
{
    /// <summary>Floating point.</summary>
    FP,

    /// <summary>Advanced SIMD.</summary>
    AdvSIMD,

    /// <summary>Half-precision arithmetic.</summary>
    FP16,

    /// <summary>AES instructions.</summary>
    AES,

    /// <summary>64-bit polynomial multiply.</summary>
    PMULL,

    /// <summary>SHA-1.</summary>
    SHA1,

    /// <summary>SHA-256.</summary>
    SHA256,

    /// <summary>SHA-512.</summary>
    SHA512,

    /// <summary>SHA-3.</summary>
    SHA3,

    /// <summary>SM3.</summary>
    SM3,

    /// <summary>SM4.</summary>
    SM4,

    /// <summary>CRC32.</summary>
    CRC32,

    /// <summary>Atomic instructions.</summary>
    LSE,

    /// <summary>Rounding double multiply accumulate.</summary>
    RDM,

    /// <summary>Dot product.</summary>
    DotProd,

    /// <summary>FP16 to FP32 multiply accumulate.</summary>
    FHM,

    /// <summary>Flag manipulation.</summary>
    FlagM,

    /// <summary>Flag manipulation, second part.</summary>
    FlagM2,

    /// <summary>Random number registers.</summary>
    RNG,

    /// <summary>JavaScript conversion.</summary>
    JSCVT,

    /// <summary>Complex arithmetic.</summary>
    FCMA,

    /// <summary>Load-acquire RCpc.</summary>
    LRCPC,

    /// <summary>Load-acquire RCpc, immediate forms.</summary>
    LRCPC2,

    /// <summary>Rounding to 32- and 64-bit integers.</summary>
    FRINTTS,

    /// <summary>Speculation barrier.</summary>
    SB,

    /// <summary>Speculation restriction instructions.</summary>
    SPECRES,

    /// <summary>BFloat16.</summary>
    BF16,

    /// <summary>Int8 matrix multiply.</summary>
    I8MM,

    /// <summary>Data gathering hint.</summary>
    DGH,

    /// <summary>DC CVAP.</summary>
    DPB,

    /// <summary>DC CVADP.</summary>
    DPB2,

    /// <summary>Pointer authentication (implementation-defined algorithm), with FPAC.</summary>
    PAuth,

    /// <summary>Branch target identification.</summary>
    BTI,

    /// <summary>WFIT and WFET.</summary>
    WFxT,

    /// <summary>Memory copy and set.</summary>
    MOPS,

    /// <summary>Data independent timing.</summary>
    DIT,

    /// <summary>Speculative store bypass safe, with MSR and MRS.</summary>
    SSBS2,

    /// <summary>Branch predictors do not leak between contexts.</summary>
    CSV2,

    /// <summary>Speculative loads that fault give no data.</summary>
    CSV3,

    /// <summary>Privileged access never.</summary>
    PAN,

    /// <summary>AT S1E1RP and S1E1WP.</summary>
    PAN2,

    /// <summary>SCTLR_ELx.EPAN.</summary>
    PAN3,

    /// <summary>LDLAR and STLLR (Armv8.1), with no limited-ordering region: they order as LDAR and STLR do.</summary>
    LOR,

    /// <summary>User access override.</summary>
    UAO,

    /// <summary>Hierarchical permission disables.</summary>
    HPDS,

    /// <summary>16-bit VMID.</summary>
    VMID16,

    /// <summary>Hardware update of the Access flag and dirty state.</summary>
    HAFDBS,

    /// <summary>Common not private.</summary>
    TTCNP,

    /// <summary>Translation table level hint in TLBI.</summary>
    TTL,

    /// <summary>TLBI Outer Shareable.</summary>
    TLBIOS,

    /// <summary>TLBI by range.</summary>
    TLBIRANGE,

    /// <summary>EL0 kept out of halves of the address map.</summary>
    E0PD,

    /// <summary>Self-synchronized counter views.</summary>
    ECV,

    /// <summary>16 KiB granule.</summary>
    Gran16K,

    /// <summary>64 KiB granule.</summary>
    Gran64K,

    /// <summary>52-bit virtual addresses with the 64 KiB granule.</summary>
    LVA,

    /// <summary>52-bit physical addresses with the 64 KiB granule.</summary>
    LPA,

    /// <summary>52-bit addresses with the 4 and 16 KiB granules.</summary>
    LPA2,

    /// <summary>Performance monitors, version 3 (with FEAT_PMUv3p1).</summary>
    PMUv3,

    /// <summary>Small translation tables: TCR.TxSZ up to 48.</summary>
    TTST,
}

/// <summary>A set of features. Immutable.</summary>
/// <param name="Bits">A bit for each <see cref="A64Feature"/>.</param>
public readonly record struct A64FeatureSet(ulong Bits)
{
    /// <summary>Makes a set.</summary>
    public static A64FeatureSet Of(params ReadOnlySpan<A64Feature> features)
    {
        ulong bits = 0;
        foreach (var f in features)
        {
            bits |= 1UL << (int)f;
        }

        return new A64FeatureSet(bits);
    }

    /// <summary>Whether a feature is in the set.</summary>
    public bool Has(A64Feature feature) => ((Bits >> (int)feature) & 1) != 0;

    /// <summary>The set with a feature added or removed.</summary>
    public A64FeatureSet With(A64Feature feature, bool present) =>
        new(present ? Bits | (1UL << (int)feature) : Bits & ~(1UL << (int)feature));
}

/// <summary>Finds features by name.</summary>
public static class A64FeatureNames
{
    private static readonly Dictionary<string, int> ByName = IndexNames();

    /// <summary>The feature of a name as the manual writes it, without FEAT_; or null.</summary>
    public static A64Feature? Find(string name) => ByName.TryGetValue(name, out var value) ? (A64Feature)value : null;

    private static Dictionary<string, int> IndexNames()
    {
        var names = Enum.GetNames<A64Feature>();
        var result = new Dictionary<string, int>(names.Length, StringComparer.Ordinal);
        for (var i = 0; i < names.Length; i++)
        {
            result.Add(names[i], i);
        }

        return result;
    }
}

/// <summary>The features of this CPU and the ID registers that tell of them.</summary>
public static class A64Features
{
    /// <summary>What is implemented: the one list. A feature joins it when its rows exist.</summary>
    public static A64FeatureSet Implemented { get; } = A64FeatureSet.Of(
        A64Feature.FP, A64Feature.AdvSIMD, A64Feature.AES, A64Feature.PMULL, A64Feature.SHA1, A64Feature.SHA256, A64Feature.CRC32, A64Feature.LSE,
        A64Feature.SB, A64Feature.SPECRES, A64Feature.DPB, A64Feature.DPB2, A64Feature.DGH, A64Feature.DIT, A64Feature.SSBS2, A64Feature.CSV2, A64Feature.CSV3,
        A64Feature.PAN, A64Feature.PAN2, A64Feature.PAN3, A64Feature.LOR, A64Feature.UAO, A64Feature.HPDS, A64Feature.VMID16, A64Feature.HAFDBS, A64Feature.TTCNP,
        A64Feature.TTL, A64Feature.TLBIOS, A64Feature.TLBIRANGE, A64Feature.E0PD, A64Feature.ECV, A64Feature.Gran16K, A64Feature.Gran64K,
        A64Feature.LVA, A64Feature.LPA, A64Feature.LPA2, A64Feature.TTST, A64Feature.BTI, A64Feature.WFxT, A64Feature.PMUv3,
        A64Feature.LRCPC, A64Feature.LRCPC2, A64Feature.FlagM, A64Feature.FlagM2, A64Feature.PAuth, A64Feature.MOPS,
        A64Feature.FP16, A64Feature.RDM, A64Feature.DotProd, A64Feature.FHM, A64Feature.JSCVT, A64Feature.FCMA, A64Feature.FRINTTS, A64Feature.BF16, A64Feature.I8MM, A64Feature.SHA512, A64Feature.SHA3, A64Feature.SM3, A64Feature.SM4);

    /// <summary>
    /// MIDR_EL1: implementer 0x00 (reserved for software use), variant 0, architecture 0xF (see the ID registers), part 0x051, revision 0.
    /// </summary>
    public const ulong Midr = 0x000F_0510;

    /// <summary>
    /// CTR_EL0: IDC (clean to the point of unification is not needed), no DIC (IC IVAU is what orders a store on one CPU against a
    /// translation on another), 64-byte lines, granules of 64 bytes, PIPT.
    /// </summary>
    public const ulong Ctr = 0x9444_C004;

    /// <summary>DCZID_EL0.BS: DC ZVA clears 2^4 words, 64 bytes.</summary>
    public const ulong Dczid = 4;

    /// <summary>CLIDR_EL1: separate first-level caches, unified second level, coherency point behind it, unification before the first.</summary>
    public const ulong Clidr = (2UL << 24) | (4 << 3) | 3;

    /// <summary>Hardware breakpoints (ID_AA64DFR0_EL1.BRPs + 1).</summary>
    public const int Breakpoints = 6;

    /// <summary>Hardware watchpoints (ID_AA64DFR0_EL1.WRPs + 1).</summary>
    public const int Watchpoints = 4;

    private const int CrmOp2Bits = 64;

    /// <summary>A field of an ID register that a feature raises to a value. Rows of one field ascend.</summary>
    private readonly record struct Field(A64Feature Feature, IdRegister Register, int Shift, uint Value);

    private enum IdRegister
    {
        Pfr0 = (4 << 3) | 0,
        Pfr1 = (4 << 3) | 1,
        Dfr0 = (5 << 3) | 0,
        Isar0 = (6 << 3) | 0,
        Isar1 = (6 << 3) | 1,
        Isar2 = (6 << 3) | 2,
        Mmfr0 = (7 << 3) | 0,
        Mmfr1 = (7 << 3) | 1,
        Mmfr2 = (7 << 3) | 2,
    }

    private static readonly Field[] Fields =
    [
        new(A64Feature.FP, IdRegister.Pfr0, 16, 0), new(A64Feature.FP16, IdRegister.Pfr0, 16, 1),
        new(A64Feature.AdvSIMD, IdRegister.Pfr0, 20, 0), new(A64Feature.FP16, IdRegister.Pfr0, 20, 1),
        new(A64Feature.DIT, IdRegister.Pfr0, 48, 1), new(A64Feature.CSV2, IdRegister.Pfr0, 56, 1), new(A64Feature.CSV3, IdRegister.Pfr0, 60, 1),
        new(A64Feature.BTI, IdRegister.Pfr1, 0, 1), new(A64Feature.SSBS2, IdRegister.Pfr1, 4, 2),
        new(A64Feature.PMUv3, IdRegister.Dfr0, 8, 4),
        new(A64Feature.AES, IdRegister.Isar0, 4, 1), new(A64Feature.PMULL, IdRegister.Isar0, 4, 2),
        new(A64Feature.SHA1, IdRegister.Isar0, 8, 1),
        new(A64Feature.SHA256, IdRegister.Isar0, 12, 1), new(A64Feature.SHA512, IdRegister.Isar0, 12, 2),
        new(A64Feature.CRC32, IdRegister.Isar0, 16, 1), new(A64Feature.LSE, IdRegister.Isar0, 20, 2), new(A64Feature.RDM, IdRegister.Isar0, 28, 1),
        new(A64Feature.SHA3, IdRegister.Isar0, 32, 1), new(A64Feature.SM3, IdRegister.Isar0, 36, 1), new(A64Feature.SM4, IdRegister.Isar0, 40, 1),
        new(A64Feature.DotProd, IdRegister.Isar0, 44, 1), new(A64Feature.FHM, IdRegister.Isar0, 48, 1),
        new(A64Feature.FlagM, IdRegister.Isar0, 52, 1), new(A64Feature.FlagM2, IdRegister.Isar0, 52, 2),
        new(A64Feature.TLBIOS, IdRegister.Isar0, 56, 1), new(A64Feature.TLBIRANGE, IdRegister.Isar0, 56, 2), new(A64Feature.RNG, IdRegister.Isar0, 60, 1),
        new(A64Feature.DPB, IdRegister.Isar1, 0, 1), new(A64Feature.DPB2, IdRegister.Isar1, 0, 2),
        new(A64Feature.PAuth, IdRegister.Isar1, 8, 5), new(A64Feature.JSCVT, IdRegister.Isar1, 12, 1), new(A64Feature.FCMA, IdRegister.Isar1, 16, 1),
        new(A64Feature.LRCPC, IdRegister.Isar1, 20, 1), new(A64Feature.LRCPC2, IdRegister.Isar1, 20, 2), new(A64Feature.PAuth, IdRegister.Isar1, 28, 1),
        new(A64Feature.FRINTTS, IdRegister.Isar1, 32, 1), new(A64Feature.SB, IdRegister.Isar1, 36, 1), new(A64Feature.SPECRES, IdRegister.Isar1, 40, 1),
        new(A64Feature.BF16, IdRegister.Isar1, 44, 1), new(A64Feature.DGH, IdRegister.Isar1, 48, 1), new(A64Feature.I8MM, IdRegister.Isar1, 52, 1),
        new(A64Feature.WFxT, IdRegister.Isar2, 0, 2), new(A64Feature.MOPS, IdRegister.Isar2, 16, 1),
        new(A64Feature.Gran16K, IdRegister.Mmfr0, 20, 1), new(A64Feature.LPA2, IdRegister.Mmfr0, 20, 2), new(A64Feature.Gran64K, IdRegister.Mmfr0, 24, 0),
        new(A64Feature.LPA2, IdRegister.Mmfr0, 28, 1), new(A64Feature.LPA, IdRegister.Mmfr0, 0, 6), new(A64Feature.ECV, IdRegister.Mmfr0, 60, 1),
        new(A64Feature.HAFDBS, IdRegister.Mmfr1, 0, 2), new(A64Feature.VMID16, IdRegister.Mmfr1, 4, 2), new(A64Feature.HPDS, IdRegister.Mmfr1, 12, 1),
        new(A64Feature.LOR, IdRegister.Mmfr1, 16, 1),
        new(A64Feature.PAN, IdRegister.Mmfr1, 20, 1), new(A64Feature.PAN2, IdRegister.Mmfr1, 20, 2), new(A64Feature.PAN3, IdRegister.Mmfr1, 20, 3),
        new(A64Feature.TTCNP, IdRegister.Mmfr2, 0, 1), new(A64Feature.UAO, IdRegister.Mmfr2, 4, 1), new(A64Feature.LVA, IdRegister.Mmfr2, 16, 1), new(A64Feature.TTST, IdRegister.Mmfr2, 28, 1),
        new(A64Feature.TTL, IdRegister.Mmfr2, 48, 1), new(A64Feature.E0PD, IdRegister.Mmfr2, 60, 1),
    ];

    /// <summary>
    /// The values of the ID space op0=3, op1=0, CRn=0, indexed by CRm * 8 + op2. Registers of AArch32 and unallocated ones are zero.
    /// </summary>
    /// <param name="features">What is implemented.</param>
    /// <param name="gicSystemRegisters">The GIC CPU interface is reached by system registers.</param>
    /// <param name="algorithm">Which of the pointer authentication fields are set: API and GPI, or APA and GPA.</param>
    public static ulong[] IdRegisters(
        A64FeatureSet features, bool gicSystemRegisters, PointerAuthenticationAlgorithm algorithm = PointerAuthenticationAlgorithm.Fast)
    {
        var values = new ulong[CrmOp2Bits];

        // EL0 and EL1 in AArch64 only, no EL2, no EL3; FP and Advanced SIMD start as absent (0xF), as do the 64 KiB granule (0xF) and the OS double lock (0xF).
        values[(int)IdRegister.Pfr0] = 0x0000_0000_00FF_0011 | (gicSystemRegisters ? 1UL << 24 : 0);
        values[(int)IdRegister.Dfr0] = 6 | ((ulong)(Breakpoints - 1) << 12) | ((ulong)(Watchpoints - 1) << 20) | (0xFUL << 36);

        // 48-bit physical addresses, 16-bit ASIDs, little-endian only.
        values[(int)IdRegister.Mmfr0] = 0x0F00_0025;
        foreach (var f in Fields)
        {
            if (features.Has(f.Feature))
            {
                ref var v = ref values[(int)f.Register];
                v = (v & ~(0xFUL << f.Shift)) | ((ulong)f.Value << f.Shift);
            }
        }

        if (algorithm == PointerAuthenticationAlgorithm.Qarma5)
        {
            // API to APA, GPI to GPA: each lies four bits below.
            const ulong ImplementationDefined = (0xFUL << 8) | (0xFUL << 28);
            ref var isar1 = ref values[(int)IdRegister.Isar1];
            isar1 = (isar1 & ~ImplementationDefined) | ((isar1 & ImplementationDefined) >> 4);
        }

        return values;
    }

    /// <summary>CCSIDR_EL1 for a CSSELR_EL1 value: 64 KiB 4-way first-level caches, 1 MiB 16-way second level, 64-byte lines.</summary>
    /// <param name="csselr">CSSELR_EL1: Level in bits 3:1, InD in bit 0.</param>
    public static ulong Ccsidr(ulong csselr) => (csselr & 15) switch
    {
        0 or 1 => (255UL << 13) | (3 << 3) | 2,
        2 => (1023UL << 13) | (15 << 3) | 2,
        _ => 0,
    };
}
