// Directed cases for the floating-point rows: every pair of the values that matter under every FPCR, and a scan over all exponents.
using Emu.Cpu.Arm64.Decode;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>
/// Cases of one instruction each. A row's cases walk over (FPCR, first operand, second operand) by a stride that meets every combination
/// once before it meets one again; every third case scans the first operand over signs, exponents and leading fraction bits instead.
/// </summary>
public sealed unsafe class FloatingPointSweep
{
    private const uint Rd = 0, Rn = 2, Rm = 3, Ra = 4;

    /// <summary>FPCR settings: RMode, FZ, DN, AHP, FZ16.</summary>
    public const int Settings = 64;

    private const ulong Stride = 0x9E37_79B1;
    private const ulong FlushBit = 1 << 24;

    private readonly Reference reference;
    private readonly A64Row[] rows;
    private readonly ulong[] walked;
    private readonly ulong[] scanned;
    private readonly Dictionary<int, ulong[]> values = new() { [16] = Values(5, 10), [32] = Values(8, 23), [64] = Values(11, 52) };
    private int next;
    private int round;

    /// <summary>Creates a sweep over the rows among <paramref name="all"/> that compute with floating point.</summary>
    /// <param name="reference">What they are compared with.</param>
    public FloatingPointSweep(IEnumerable<A64Row> all, Reference reference)
    {
        this.reference = reference;
        rows = [.. all.Where(IsFloatingPoint)];
        walked = new ulong[rows.Length];
        scanned = new ulong[rows.Length];
    }

    /// <summary>Rows swept.</summary>
    public IReadOnlyList<A64Row> Rows => rows;

    /// <summary>Combinations of a row with one or two operands.</summary>
    public int Combinations => Settings * values[32].Length * values[32].Length;

    /// <summary>A row of floating-point arithmetic, comparison, conversion or estimate (URECPE and URSQRTE too).</summary>
    public static bool IsFloatingPoint(A64Row row) =>
        row.Fp && row.Status == A64RowStatus.Implemented
        && (row.Name[0] == 'F' || row.Name.StartsWith("BF", StringComparison.Ordinal) || row.Name.Contains("CVTF", StringComparison.Ordinal)
            || row.Name is "URECPE" or "URSQRTE");

    /// <summary>The next row's word, with the operands where the states put them.</summary>
    /// <param name="word">A word of the row; its fields but for registers are kept.</param>
    /// <param name="row">Its row.</param>
    public static uint Place(uint word, A64Row row)
    {
        ReadOnlySpan<(int Low, uint Register)> fields = [(0, Rd), (5, Rn), (16, Rm), (10, Ra)];
        foreach (var (low, register) in fields)
        {
            if ((row.Mask & (31u << low)) == 0 && row.Pattern.AsSpan(27 - low, 5).IndexOfAnyExcept(row.Pattern[27 - low]) < 0)
            {
                word = (word & ~(31u << low)) | (register << low);
            }
        }

        return word;
    }

    /// <summary>The row of the next case.</summary>
    public A64Row Next()
    {
        next = (next + 1) % rows.Length;
        round += next == 0 ? 1 : 0;
        return rows[next];
    }

    /// <summary>States of a case of the row that <see cref="Next"/> returned.</summary>
    public void Fill(OracleRandom random, uint word, Span<OracleState> states)
    {
        var row = rows[next];
        var size = random.OneIn(8) ? 16 << random.Next(3) : ElementSize(row, word, round);
        var scan = round % 3 == 2;
        var list = values[size];
        var lanes = 64 / size;
        var combinations = (ulong)(list.Length * list.Length * Settings);
        for (var i = 0; i < states.Length; i++)
        {
            fixed (OracleState* s = &states[i])
            {
                StateGenerator.Fill(random, s);
                var setting = 0UL;
                for (var half = 0; half < 2; half++)
                {
                    ulong first = 0, second = 0;
                    for (var lane = 0; lane < lanes; lane++)
                    {
                        ulong a;
                        var at = unchecked(walked[next]++ * Stride) % combinations;
                        var b = list[at / Settings % (ulong)list.Length];
                        if (scan)
                        {
                            a = Scan(size, scanned[next]++);
                        }
                        else
                        {
                            a = list[at / Settings / (ulong)list.Length];
                        }

                        setting = half + lane == 0 ? at % Settings : setting;
                        first |= a << (lane * size);
                        second |= b << (lane * size);
                    }

                    s->V[(Rn * 2) + half] = first;
                    s->V[(Rm * 2) + half] = second;
                }

                s->X[Rn] = random.Integer();
                s->Fpcr = Fpcr(setting) & (RowFilter.NeedsNoFlushing(row, reference) ? ~FlushBit : ulong.MaxValue);
                s->Fpsr = 0;
            }
        }
    }

    private static ulong Fpcr(ulong setting) =>
        ((setting & 3) << 22) | (((setting >> 2) & 1) << 24) | (((setting >> 3) & 1) << 25) | (((setting >> 4) & 1) << 26) | (((setting >> 5) & 1) << 19);

    // Bits of the source's elements. Widening and narrowing rows take their turns.
    private static int ElementSize(A64Row row, uint word, int round)
    {
        var name = row.Name;
        if (name.StartsWith("BF", StringComparison.Ordinal) || name.StartsWith("FCVTL", StringComparison.Ordinal) || name.StartsWith("FCVTN", StringComparison.Ordinal) || name.StartsWith("FMLAL", StringComparison.Ordinal) || name.StartsWith("FMLSL", StringComparison.Ordinal))
        {
            return 16 << (round & 1);
        }

        if ((word & 0x5F00_0000) == 0x1E00_0000)
        {
            return ((word >> 22) & 3) switch { 1 => 64, 3 => 16, _ => 32 };
        }

        return name.Contains("half", StringComparison.Ordinal) ? 16 : (word & (1 << 22)) != 0 ? 64 : 32;
    }

    // All halves; of the others every sign and exponent with the fraction bits that the estimates' tables take and one below.
    private static ulong Scan(int size, ulong n) => size switch
    {
        16 => n & 0xFFFF,
        32 => ((n & 0x7_FFFF) << 13) | ((n & 1) != 0 ? 0x1FFFUL : 0),
        _ => ((n & 0x3F_FFFF) << 42) | ((n & 1) != 0 ? 0x3FF_FFFF_FFFFUL : 0),
    };

    // Zeros, denormals and normals at their edges, integers and halves at the edges of conversions, infinities, NaNs of every kind.
    private static ulong[] Values(int exponentBits, int fractionBits)
    {
        var one = ((1UL << (exponentBits - 1)) - 1) << fractionBits;
        var unit = 1UL << fractionBits;
        var infinity = ((1UL << exponentBits) - 1) << fractionBits;
        var quiet = 1UL << (fractionBits - 1);
        var sign = 1UL << (exponentBits + fractionBits);
        ulong Power(int n) => one + (unit * (ulong)n);
        List<ulong> list =
        [
            0, 1, unit - 1, unit >> 1, unit, unit + 1, 2 * unit, one - 1, one, one + 1, one | quiet, Power(1), Power(1) | (quiet >> 1), Power(3) + 5, one - unit,
            one - unit + 1, one - unit - 1, infinity - 1, infinity - unit, infinity, infinity | 1, infinity | (quiet >> 1), infinity | quiet, infinity | quiet | 1,
        ];
        foreach (var n in (ReadOnlySpan<int>)[7, 8, 15, 16, 31, 32, 63, 64])
        {
            if (n <= (1 << (exponentBits - 1)) - 1)
            {
                list.AddRange([Power(n), Power(n) - 1]);
            }
        }

        return [.. list, .. list.Select(v => v | sign)];
    }
}
