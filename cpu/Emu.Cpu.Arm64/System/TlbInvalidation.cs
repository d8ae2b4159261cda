// One TLB maintenance operation, as it is applied here and sent to other vCPUs.
namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>What a TLBI drops.</summary>
public enum TlbInvalidationKind
{
    /// <summary>Everything (VMALLE1).</summary>
    All,

    /// <summary>A run of addresses, whatever the ASID (VAE1 and VAAE1 and their range forms: dropping more than asked for is allowed).</summary>
    Range,

    /// <summary>One address space (ASIDE1).</summary>
    Asid,
}

/// <summary>A TLB maintenance operation.</summary>
/// <param name="Kind">What to drop.</param>
/// <param name="First">First address, tag removed and sign-extended from bit 55.</param>
/// <param name="Last">Last address.</param>
/// <param name="Asid">Address space.</param>
public readonly record struct TlbInvalidation(TlbInvalidationKind Kind, ulong First = 0, ulong Last = 0, uint Asid = 0)
{
    /// <summary>Decodes the register operand of a TLBI by address or ASID.</summary>
    /// <param name="op2">op2 of the instruction: 0 all, 2 by ASID, else by address.</param>
    /// <param name="operand">Xt (Arm ARM C5.5).</param>
    public static TlbInvalidation Decode(uint op2, ulong operand)
    {
        switch (op2)
        {
            case 0:
                return new TlbInvalidation(TlbInvalidationKind.All);
            case 2:
                return new TlbInvalidation(TlbInvalidationKind.Asid, Asid: (uint)(operand >> 48));
            default:
                // VA[55:12] in bits 43:0.
                var va = (ulong)((long)(operand << 20) >> 8);

                // The page may be of any granule: 64 KiB around the address hold it.
                return new TlbInvalidation(TlbInvalidationKind.Range, va, va + 0xFFF);
        }
    }

    /// <summary>Decodes the register operand of a TLBI by range (FEAT_TLBIRANGE).</summary>
    /// <param name="operand">Xt: TG 47:46, SCALE 45:44, NUM 43:39, BaseADDR 36:0.</param>
    /// <param name="largeAddresses">TCR.DS: BaseADDR counts 64 KiB.</param>
    public static TlbInvalidation DecodeRange(ulong operand, bool largeAddresses)
    {
        var granule = (int)((operand >> 46) & 3) switch { 1 => 12, 2 => 14, 3 => 16, _ => 0 };
        if (granule == 0)
        {
            // Reserved: the architecture lets it drop nothing or anything.
            return new TlbInvalidation(TlbInvalidationKind.All);
        }

        var scale = (int)((operand >> 44) & 3);
        var pages = (((operand >> 39) & 31) + 1) << ((5 * scale) + 1);
        var baseShift = largeAddresses ? 16 : granule;
        var first = (ulong)((long)(operand << 27) >> 27) << baseShift;
        var length = pages << granule;
        var last = first + length - 1;
        return last < first ? new TlbInvalidation(TlbInvalidationKind.All) : new TlbInvalidation(TlbInvalidationKind.Range, first, last);
    }
}
