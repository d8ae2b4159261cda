// Which rows of the decode table a comparison executed, how often, and which it left out, in lines for people.
using System.Globalization;
using Emu.Cpu.Arm64.Decode;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Counts by row. A case that branches is counted up to its first branch.</summary>
public sealed class OracleCoverage
{
    private static readonly Dictionary<A64Row, int> Index = A64Decoder.Rows.Select((r, i) => (r, i)).ToDictionary(p => p.r, p => p.i);

    private readonly long[] counts = new long[A64Decoder.Rows.Count];

    /// <summary>Unallocated words that were executed, which must be UNDEFINED.</summary>
    public long Unallocated { get; private set; }

    /// <summary>Place of a row in <see cref="A64Decoder.Rows"/>; -1 for null.</summary>
    public static int IndexOf(A64Row? row) => row == null ? -1 : Index[row];

    /// <summary>Executions of a row.</summary>
    public long this[A64Row row] => counts[Index[row]];

    /// <summary>Adds what a case executed.</summary>
    public unsafe void Count(OracleCase c, OracleRecord* after)
    {
        // A group that faulted was executed too.
        var stop = after->Outcome == OracleOutcome.Done ? ulong.MaxValue : after->State.Pc;
        var at = OracleLayout.CodeAddress(c.Slot);
        foreach (var g in c.Groups)
        {
            if (at > stop)
            {
                return;
            }

            at += (ulong)g.Words.Length * 4;
            if (g.RowIndex >= 0)
            {
                counts[g.RowIndex]++;
            }
            else
            {
                Unallocated++;
            }

            if (g.Branches)
            {
                return;
            }
        }
    }

    /// <summary>Adds another count to this one.</summary>
    public void Add(OracleCoverage other)
    {
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] += other.counts[i];
        }

        Unallocated += other.Unallocated;
    }

    /// <summary>One line on what was covered, then one for each reason that left rows out.</summary>
    /// <param name="reference">What was compared with.</param>
    /// <param name="drawn">The rows that were to be covered.</param>
    public IEnumerable<string> Describe(Reference reference, IReadOnlyCollection<A64Row> drawn)
    {
        var least = drawn.MinBy(r => this[r])!;
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"coverage with {reference.Name}: {drawn.Count(r => this[r] > 0)} of {drawn.Count} rows executed, {drawn.Sum(r => this[r]) / drawn.Count} times on average, {this[least]} times at least ({least.Name}), and {Unallocated} unallocated words; decode table: {counts.Length} rows");
        foreach (var reason in A64Decoder.Rows.Select(r => (r, Why: RowFilter.Reason(r, reference))).Where(p => p.Why != null).GroupBy(p => p.Why))
        {
            yield return $"not compared with {reference.Name}, {reason.Count()} rows: {reason.Key}: {string.Join("; ", reason.Select(p => p.r.Name))}";
        }
    }
}
