// Finds the row of an instruction word: rows bucketed by the top bits, the one with the most fixed bits wins.
using System.Numerics;
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.Decode;

/// <summary>The decode table of A64. Every chapter contributes its rows; overlapping rows are resolved by specificity.</summary>
public static class A64Decoder
{
    private const int BucketShift = 21;

    private static readonly A64Row[] All = Collect();
    private static readonly A64Row[]?[] Buckets = new A64Row[1 << (32 - BucketShift)][];

    /// <summary>Every row.</summary>
    public static IReadOnlyList<A64Row> Rows => All;

    /// <summary>The row of an instruction, or null when the encoding is unallocated.</summary>
    public static A64Row? Decode(uint instruction)
    {
        var i = instruction >> BucketShift;
        foreach (var row in Buckets[i] ?? Fill(i))
        {
            if ((instruction & row.Mask) == row.Value)
            {
                return row;
            }
        }

        return null;
    }

    private static A64Row[] Fill(uint bucket)
    {
        const uint Top = uint.MaxValue << BucketShift;
        var top = bucket << BucketShift;
        var rows = new List<A64Row>();
        foreach (var row in All)
        {
            if ((top & row.Mask & Top) == (row.Value & Top))
            {
                // Stable: equal specificity keeps the order of the tables.
                var at = rows.Count;
                while (at > 0 && BitOperations.PopCount(rows[at - 1].Mask) < BitOperations.PopCount(row.Mask))
                {
                    at--;
                }

                rows.Insert(at, row);
            }
        }

        return Buckets[bucket] = [.. rows];
    }

    private static A64Row[] Collect() =>
    [
        .. DataProcessingImmediate.Rows,
        .. DataProcessingRegister.Rows,
        .. Branches.Rows,
        .. LoadsStores.Rows,
        .. Atomics.Rows,
        .. SystemInstructions.Rows,
        .. FpSimdRows.Rows,
        .. ScalableVectorRows.Rows,
    ];
}
