// Which rows of the decode table are not compared with the reference, and why.
using Emu.Cpu.Arm64.Decode;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Decides by row; every exclusion has a reason a person can check.</summary>
public static class RowFilter
{
    // Features that qemu-user 7.2 does not have; their rows are tested with vectors computed by hand from the manual's pseudo-code.
    private static readonly string[] NotInReference =
    [
        "FEAT_MOPS", "FEAT_WFxT", "FEAT_CSSC", "FEAT_HBC", "FEAT_LRCPC3", "FEAT_LSE128", "FEAT_THE", "FEAT_LS64", "FEAT_LS64_V",
        "FEAT_LS64_ACCDATA", "FEAT_CPA", "FEAT_AFP", "FEAT_RPRES", "FEAT_EBF16", "FEAT_D128", "FEAT_SYSREG128", "FEAT_SYSINSTR128",
        "FEAT_GCS", "FEAT_CHK", "FEAT_CLRBHB", "FEAT_SPECRES2", "FEAT_FAMINMAX", "FEAT_LUT", "FEAT_FP8", "FEAT_PAuth_LR", "FEAT_XS",
    ];

    // Rows whose results the reference gets wrong; the manual's pseudo-code was followed by hand.
    private static readonly (string Name, string Reason)[] WrongInReference =
    [
        ("FCVTZS (scalar SIMD, fixed-point, half)", "the reference writes the sign of the result beyond its 16 bits; the vector form is compared"),
    ];

    /// <summary>Why a row is not compared, or null when it is.</summary>
    public static string? Reason(A64Row row)
    {
        if (row.Status == A64RowStatus.NotYet)
        {
            return "not implemented yet";
        }

        var mask = row.Mask;
        var word = row.Value;
        if (row.Status == A64RowStatus.Undefined)
        {
            // What the reference lacks too must be UNDEFINED on both.
            var lacking = LoadStore.Is(word) || IsDataProcessing(word);
            return lacking && Array.IndexOf(NotInReference, row.Feature) >= 0 ? null : "UNDEFINED by choice: the reference may have it, or traps";
        }

        if (Array.IndexOf(NotInReference, row.Feature) >= 0)
        {
            return $"{row.Feature} is newer than the reference";
        }

        foreach (var (name, reason) in WrongInReference)
        {
            if (row.Name == name)
            {
                return reason;
            }
        }

        if ((word & 0xFF00_0000) == 0xD400_0000 && (mask & 0xFF00_0000) == 0xFF00_0000)
        {
            return "generates an exception; the reference's kernel interface would answer it";
        }

        if (IsPointerAuthentication(row))
        {
            return "pointer authentication: the algorithm is implementation defined";
        }

        if ((word & 0xFE00_0000) == 0xD600_0000 && ((word >> 21) & 15) is 4 or 5)
        {
            return "exception return or debug state: not at EL0";
        }

        if ((word & 0xFFC0_0000) == 0xD500_0000)
        {
            return SystemReason(row);
        }

        return null;
    }

    /// <summary>
    /// FJCVTZS of a denormal that FPCR.FZ flushes clears Z (FPToFixedJS: value zero, but the fraction is not); the reference sets it. The
    /// row is compared with FZ clear.
    /// </summary>
    public static bool NeedsNoFlushing(A64Row row) => row.Feature == "FEAT_JSCVT";

    /// <summary>FPCR, FPSR and NZCV accesses replace the fields of the MRS and MSR rows.</summary>
    public static bool IsRegisterMove(A64Row row) =>
        ((row.Value | ~row.Mask) & 0xFFD0_0000) == 0xD510_0000 && (row.Value & 0xFFD0_0000) is 0xD510_0000 or 0xD500_0000 && row.Name.StartsWith('M');

    private static bool IsDataProcessing(uint word) => ((word >> 25) & 15) is 5 or 7 or 8 or 9 or 13 or 15;

    private static bool IsPointerAuthentication(A64Row row)
    {
        if (row.Name.StartsWith("XPAC", StringComparison.Ordinal))
        {
            return false;
        }

        return row.Feature.StartsWith("FEAT_PAuth", StringComparison.Ordinal) || row.Feature.StartsWith("FEAT_FPAC", StringComparison.Ordinal);
    }

    private static string? SystemReason(A64Row row)
    {
        if (IsRegisterMove(row))
        {
            return null;
        }

        if (row.Name is "SYS" or "SYSL")
        {
            return "cache and TLB maintenance: the reference zeroes 512 bytes by DC ZVA, the rest leaves nothing to compare";
        }

        // No effect that a program at EL0 could see but its own flow of control, or the flags.
        string[] compared = ["NOP", "HINT", "YIELD", "SEV", "SEVL", "DGH", "CSDB", "XPACLRI", "BTI", "DMB", "DSB", "ISB", "SB", "CFINV", "AXFLAG", "XAFLAG", "CLREX", "PSSBB", "SSBB", "ESB", "TSB CSYNC", "PSB CSYNC"];
        return Array.IndexOf(compared, row.Name) >= 0 ? null : "system instruction: its effect or trap is not EL0 state";
    }
}
