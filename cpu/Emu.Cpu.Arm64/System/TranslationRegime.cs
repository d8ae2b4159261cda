// The parameters of a stage 1 walk, unpacked from TCR_ELx once a write to it: one for each half of the address space.
namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>What TCR_ELx says of the half of the virtual address space that one TTBR covers (Arm ARM D8.2).</summary>
public struct TranslationHalf
{
    /// <summary>The VA size is out of range or the granule is reserved: every access is a level 0 translation fault.</summary>
    public bool Invalid;

    /// <summary>EPDn: walks are disabled.</summary>
    public bool Disabled;

    /// <summary>E0PDn: unprivileged accesses fault.</summary>
    public bool UnprivilegedDisabled;

    /// <summary>TBIn: the top byte of data addresses is ignored.</summary>
    public bool TopByteIgnored;

    /// <summary>TBIn without TBIDn: the top byte of instruction addresses is ignored, too.</summary>
    public bool TopByteIgnoredForInstructions;

    /// <summary>HPDn: permissions in table descriptors are ignored.</summary>
    public bool HierarchyDisabled;

    /// <summary>52-bit descriptor format (TCR.DS) is in use.</summary>
    public bool LargeAddresses;

    /// <summary>Log2 of the granule: 12, 14 or 16.</summary>
    public int GranuleShift;

    /// <summary>Address bits translated: 64 - TnSZ.</summary>
    public int InputSize;

    /// <summary>Level the walk starts at.</summary>
    public int StartLevel;

    /// <summary>Log2 of the output address range (TCR.IPS, capped by what is implemented for the granule).</summary>
    public int OutputSize;

    /// <summary>Descriptors of the 64 KiB granule hold address bits 51:48 in bits 15:12 (FEAT_LPA), whatever the output range.</summary>
    public bool LargeLeaves;

    /// <summary>TCR.SHn: the shareability of memory where descriptors of <see cref="LargeAddresses"/> have no room for it.</summary>
    public byte Shareability;

    /// <summary>TTBR holds address bits 51:48 in bits 5:2.</summary>
    public bool LargeBase;
}

/// <summary>A stage 1 translation regime as the control registers describe it.</summary>
public struct TranslationRegime
{
    /// <summary>The half that TTBR0 covers.</summary>
    public TranslationHalf Low;

    /// <summary>The half that TTBR1 covers.</summary>
    public TranslationHalf High;

    /// <summary>TCR.HA: the Access flag is set by hardware.</summary>
    public bool HardwareAccessFlag;

    /// <summary>TCR.HD: dirty state is managed by hardware.</summary>
    public bool HardwareDirty;

    /// <summary>TCR.A1: the ASID is in TTBR1.</summary>
    public bool AsidInTtbr1;

    /// <summary>TCR.AS: ASIDs have 16 bits.</summary>
    public bool LargeAsid;

    private static readonly int[] OutputSizes = [32, 36, 40, 42, 44, 48, 52, 52];

    /// <summary>TCR.TG0 to log2 of the granule; 0 is reserved.</summary>
    private static readonly int[] Granules0 = [12, 16, 14, 0];

    /// <summary>TCR.TG1 to log2 of the granule; 0 is reserved.</summary>
    private static readonly int[] Granules1 = [0, 14, 12, 16];

    /// <summary>Unpacks TCR_EL1.</summary>
    /// <param name="tcr">TCR_EL1 (Arm ARM D17.2.131).</param>
    /// <param name="features">What is implemented.</param>
    public static TranslationRegime FromTcrEl1(ulong tcr, A64FeatureSet features)
    {
        bool Bit(int n) => ((tcr >> n) & 1) != 0;
        var ds = Bit(59) && features.Has(A64Feature.LPA2);
        var output = OutputSizes[(tcr >> 32) & 7];
        var regime = new TranslationRegime
        {
            HardwareAccessFlag = Bit(39) && features.Has(A64Feature.HAFDBS),
            HardwareDirty = Bit(39) && Bit(40) && features.Has(A64Feature.HAFDBS),
            AsidInTtbr1 = Bit(22),
            LargeAsid = Bit(36),
        };
        regime.Low = Half((int)(tcr & 63), Granules0[(tcr >> 14) & 3], ds, output, features);
        regime.Low.Shareability = (byte)((tcr >> 12) & 3);
        regime.Low.Disabled = Bit(7);
        regime.Low.TopByteIgnored = Bit(37);
        regime.Low.TopByteIgnoredForInstructions = Bit(37) && !(Bit(51) && features.Has(A64Feature.PAuth));
        regime.Low.HierarchyDisabled = Bit(41) && features.Has(A64Feature.HPDS);
        regime.Low.UnprivilegedDisabled = Bit(55) && features.Has(A64Feature.E0PD);
        regime.High = Half((int)((tcr >> 16) & 63), Granules1[(tcr >> 30) & 3], ds, output, features);
        regime.High.Shareability = (byte)((tcr >> 28) & 3);
        regime.High.Disabled = Bit(23);
        regime.High.TopByteIgnored = Bit(38);
        regime.High.TopByteIgnoredForInstructions = Bit(38) && !(Bit(52) && features.Has(A64Feature.PAuth));
        regime.High.HierarchyDisabled = Bit(42) && features.Has(A64Feature.HPDS);
        regime.High.UnprivilegedDisabled = Bit(56) && features.Has(A64Feature.E0PD);
        return regime;
    }

    /// <summary>Log2 of the physical address range (ID_AA64MMFR0_EL1.PARange).</summary>
    public static int PhysicalSize(A64FeatureSet features) => features.Has(A64Feature.LPA) || features.Has(A64Feature.LPA2) ? 52 : 48;

    private static TranslationHalf Half(int size, int granule, bool ds, int output, A64FeatureSet features)
    {
        var present = granule switch
        {
            12 => true,
            14 => features.Has(A64Feature.Gran16K),
            16 => features.Has(A64Feature.Gran64K),
            _ => false,
        };
        var shift = present ? granule : 12;
        var half = new TranslationHalf { GranuleShift = shift, LargeAddresses = ds && shift != 16 };
        var minimum = half.LargeAddresses || (shift == 16 && features.Has(A64Feature.LVA)) ? 12 : 16;
        var maximum = !features.Has(A64Feature.TTST) ? 39 : shift == 16 ? 47 : 48;
        var largeOutput = shift == 16 ? features.Has(A64Feature.LPA) : half.LargeAddresses;
        half.OutputSize = Math.Min(output, largeOutput ? 52 : 48);
        half.LargeBase = half.LargeAddresses || (shift == 16 && half.OutputSize == 52);

        // Sizes out of range are a level 0 translation fault (one of the choices of Arm ARM D8.2.4).
        half.Invalid = !present || size < minimum || size > maximum;
        half.InputSize = 64 - Math.Clamp(size, minimum, maximum);
        var stride = shift - 3;
        half.StartLevel = 4 - ((half.InputSize - shift + stride - 1) / stride);
        half.LargeLeaves = shift == 16 && features.Has(A64Feature.LPA);
        return half;
    }
}

/// <summary>What a walk is made for.</summary>
public enum WalkPurpose
{
    /// <summary>An access: descriptors are updated by hardware where TCR says so.</summary>
    Access,

    /// <summary>AT, IC or DC: the dirty state is never updated (Arm ARM, SetDirtyState).</summary>
    Maintenance,
}

/// <summary>Outcome of a walk.</summary>
public struct WalkResult
{
    /// <summary>Fault kind, or <see cref="FaultStatus.None"/>.</summary>
    public FaultStatus Status;

    /// <summary>Level of the fault.</summary>
    public int Level;

    /// <summary>Physical address of the byte asked for.</summary>
    public ulong Physical;

    /// <summary>Size of the page or block in bytes.</summary>
    public ulong Size;

    /// <summary>Bytes that a TLB may hold as one translation: <see cref="Size"/>, or the run of entries with the Contiguous hint.</summary>
    public ulong Reach;

    /// <summary>The translation is of more than one page of its granule: a TLB invalidation of any address in it drops all of it.</summary>
    public bool Large;

    /// <summary>nG: the translation belongs to the current ASID.</summary>
    public bool NonGlobal;

    /// <summary>GP: guarded page (FEAT_BTI).</summary>
    public bool Guarded;

    /// <summary>EL0 has data access.</summary>
    public bool UserAccessible;

    /// <summary>The access asked for reads may be made.</summary>
    public bool Readable;

    /// <summary>Writes may be made, and need no table update first.</summary>
    public bool Writable;

    /// <summary>Memory attribute byte of MAIR_ELx.</summary>
    public byte Attribute;

    /// <summary>SH of the descriptor.</summary>
    public byte Shareability;

    /// <summary>ISS.xFSC or PAR_EL1.FST.</summary>
    public readonly uint StatusCode => Status switch
    {
        FaultStatus.External or FaultStatus.Alignment or FaultStatus.UnsupportedUpdate => (uint)Status,

        // Level -1, of 52-bit addresses with the 4 KiB granule, has codes of its own.
        FaultStatus.AddressSize when Level < 0 => 0x29,
        FaultStatus.Translation when Level < 0 => 0x2B,
        FaultStatus.ExternalOnWalk when Level < 0 => 0x13,
        _ => (uint)Status | (uint)Level,
    };

    /// <summary>Device memory type.</summary>
    public readonly bool IsDevice => (Attribute & 0xF0) == 0;

    /// <summary>PAR_EL1.SH: Outer Shareable for Device and for Normal Non-cacheable memory, whatever the descriptor says.</summary>
    public readonly uint ReportedShareability => IsDevice || Attribute == NonCacheable ? OuterShareable : Shareability;

    private const byte NonCacheable = 0x44;
    private const uint OuterShareable = 2;
}
