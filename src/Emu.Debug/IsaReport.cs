// The coverage report of the A64 instruction set: every row of the decode table with its group and status, and the counts.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Debug;

/// <summary>A row of the decode table as the report shows it.</summary>
/// <param name="Row">The row.</param>
/// <param name="Group">The encoding group of the manual's top-level table (Arm ARM C4.1), or the extension.</param>
/// <param name="Status">What becomes of the encoding on this CPU.</param>
public sealed record IsaEntry(A64Row Row, string Group, A64RowStatus Status);

/// <summary>Counts of one group.</summary>
/// <param name="Group">The group.</param>
/// <param name="Implemented">Rows that are translated.</param>
/// <param name="Undefined">Rows that are UNDEFINED by choice.</param>
/// <param name="NotYet">Rows that are to come.</param>
public sealed record IsaCount(string Group, int Implemented, int Undefined, int NotYet)
{
    /// <summary>Rows.</summary>
    public int Total => Implemented + Undefined + NotYet;
}

/// <summary>Makes the report.</summary>
public static class IsaReport
{
    // Bits 28:25 of an instruction are the first thing that tells groups apart.
    private const int TopShift = 25;
    private const int TopMask = 15;

    private static readonly string[] Groups =
    [
        "Reserved", "Data processing - immediate", "Branches, exceptions, system", "Loads and stores", "Data processing - register",
        "Floating-point and Advanced SIMD", "MTE", "SVE", "SVE2", "SME",
    ];

    /// <summary>Every row, by group in the order of the manual, and in the order of the tables within one.</summary>
    public static IReadOnlyList<IsaEntry> Entries { get; } =
        [.. A64Decoder.Rows.Select(r => new IsaEntry(r, GroupOf(r), StatusOf(r))).OrderBy(e => Array.IndexOf(Groups, e.Group))];

    /// <summary>Counts by group, and of all under "Total".</summary>
    public static IReadOnlyList<IsaCount> Counts()
    {
        var counts = Groups.Select(g => Count(g, Entries.Where(e => e.Group == g))).Where(c => c.Total > 0).ToList();
        counts.Add(Count("Total", Entries));
        return counts;
    }

    /// <summary>How a status is written.</summary>
    public static string Text(A64RowStatus status) => status switch
    {
        A64RowStatus.Implemented => "implemented",
        A64RowStatus.Undefined => "undefined",
        _ => "not-yet",
    };

    private static IsaCount Count(string group, IEnumerable<IsaEntry> entries)
    {
        var all = entries.ToList();
        int Of(A64RowStatus status) => all.Count(e => e.Status == status);
        return new IsaCount(group, Of(A64RowStatus.Implemented), Of(A64RowStatus.Undefined), Of(A64RowStatus.NotYet));
    }

    /// <summary>A row that is translated and belongs to a feature this CPU does not have is UNDEFINED.</summary>
    private static A64RowStatus StatusOf(A64Row row) =>
        row.Status == A64RowStatus.Implemented && row.Required is { } feature && !A64Features.Implemented.Has(feature) ? A64RowStatus.Undefined : row.Status;

    private static string GroupOf(A64Row row) => row.Feature switch
    {
        "FEAT_MTE" or "FEAT_MTE2" => "MTE",
        "FEAT_SVE" => "SVE",
        "FEAT_SVE2" or "FEAT_SVE2p1" => "SVE2",
        "FEAT_SME" or "FEAT_SME2" => "SME",
        _ => ((row.Value >> TopShift) & TopMask) switch
        {
            0 => "Reserved",
            8 or 9 => "Data processing - immediate",
            10 or 11 => "Branches, exceptions, system",
            5 or 13 => "Data processing - register",
            7 or 15 => "Floating-point and Advanced SIMD",
            _ => "Loads and stores",
        },
    };
}
