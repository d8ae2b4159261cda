// Which rows of the decode table are not compared with a reference, and why.
using Emu.Cpu.Arm64.Decode;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Decides by row; every exclusion has a reason a person can check.</summary>
public static class RowFilter
{
    // UNDEFINED at EL0 on every CPU, whatever it implements above.
    private static readonly string[] UndefinedAtEl0 = ["UDF", "HVC", "SMC", "HLT", "DCPS1", "DCPS2", "DCPS3", "ERET", "ERETAA, ERETAB", "DRPS", "SYSL"];

    /// <summary>Why a row is not compared, or null when it is.</summary>
    public static string? Reason(A64Row row, Reference reference)
    {
        if (row.Status == A64RowStatus.NotYet)
        {
            // The reference is started without them: UNDEFINED on both until they are implemented.
            var vector = row.Feature.StartsWith("FEAT_SVE", StringComparison.Ordinal) || row.Feature.StartsWith("FEAT_SME", StringComparison.Ordinal);
            return row.Name.EndsWith("rest of the space", StringComparison.Ordinal) ? "what the rows of its family leave of their space, which a draw hardly meets"
                : vector ? null : $"not implemented yet, and {reference.Name} cannot be without {row.Feature} in user mode";
        }

        if (IsAlwaysUndefined(row))
        {
            return row.Name.StartsWith("ERETA", StringComparison.Ordinal) && !reference.KnownKeys ? Authentication(reference) : null;
        }

        var lacking = reference.Lacking.Contains(row.Feature);
        if (row.Status == A64RowStatus.Undefined)
        {
            // What the reference lacks too must be UNDEFINED on both.
            return lacking ? null : $"UNDEFINED by choice, and {reference.Name} has {row.Feature}";
        }

        if (lacking)
        {
            return $"{reference.Name} does not have {row.Feature}";
        }

        foreach (var (name, reason) in reference.Wrong)
        {
            if (row.Name == name)
            {
                return reason;
            }
        }

        if (IsPointerAuthentication(row) && !reference.KnownKeys)
        {
            return Authentication(reference);
        }

        return row.Name switch
        {
            "SVC" => "calls the system: the reference's kernel interface would answer it",
            "WFI" => "waits for an interrupt: none comes in user mode",
            _ => null,
        };
    }

    /// <summary>A row of which every word is UNDEFINED at EL0: it ends its sequence.</summary>
    public static bool IsAlwaysUndefined(A64Row row) => Array.IndexOf(UndefinedAtEl0, row.Name) >= 0;

    /// <summary>
    /// FJCVTZS of a denormal that FPCR.FZ flushes clears Z (FPToFixedJS: value zero, but the fraction is not); qemu 7.2 sets it. The row is
    /// compared with FZ clear there.
    /// </summary>
    public static bool NeedsNoFlushing(A64Row row, Reference reference) => row.Feature == "FEAT_JSCVT" && reference == Reference.Installed;

    /// <summary>MRS and MSR (register): the registers moved are chosen, not drawn.</summary>
    public static bool IsRegisterMove(A64Row row) => row.Name is "MRS" or "MSR (register)";

    /// <summary>Signs or authenticates; XPAC does neither.</summary>
    public static bool IsPointerAuthentication(A64Row row) =>
        row.Feature == "FEAT_PAuth" && !row.Name.StartsWith("XPAC", StringComparison.Ordinal);

    private static string Authentication(Reference reference) => $"pointer authentication: {reference.Name} has FEAT_PAuth without FEAT_FPAC";
}
