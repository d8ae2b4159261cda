// Finds the first instruction after which two machines that should be the same are not.
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>What a bisection found.</summary>
public abstract record BisectionResult
{
    /// <summary>Both guests ended, or the last count was reached, without a difference.</summary>
    /// <param name="Instructions">Retired until then.</param>
    /// <param name="Comparisons">Counts at which they were compared.</param>
    public sealed record Same(ulong Instructions, int Comparisons) : BisectionResult;

    /// <summary>A difference was there once and not when the guests ran again.</summary>
    /// <param name="Low">Equal there.</param>
    /// <param name="High">Different there, once.</param>
    public sealed record Unstable(ulong Low, ulong High) : BisectionResult;

    /// <summary>The first difference.</summary>
    /// <param name="Instruction">Equal before this instruction (counted from 1 over all vCPUs), different after it.</param>
    public sealed record Different(ulong Instruction) : BisectionResult
    {
        /// <summary>What was said of both machines at that point.</summary>
        public required IReadOnlyList<string> Report { get; init; }
    }
}

/// <summary>The search: compares at some counts of a run, then at more counts between the last equal and the first different one.</summary>
/// <remarks>
/// Each pass runs both guests from power-on, side by side. Standing still at a count is not free: the interpreter finishes the block that the
/// count cuts, so what compiled code does wrong in it does not happen. The search therefore ends with passes that stand still at one new count
/// only, and are cut before it where the passes that found the interval were. What compiled code does wrong shows then
/// at the end of the piece that it runs without looking at the limit: a block, or several in a row. In the last passes the machines compile what
/// is cut (<see cref="Options.MachineOptions.CompileCuts"/>), and it shows where it happens.
/// </remarks>
public sealed class Bisection
{
    /// <summary>Instructions between two comparisons of the first pass.</summary>
    private const ulong FirstStride = 16_000_000;

    /// <summary>Comparisons of the passes after it.</summary>
    private const ulong ProbesPerPass = 64;

    /// <summary>Intervals up to this one are halved.</summary>
    private const ulong HalvedInterval = 64 * 1024;

    /// <summary>Instructions of the longest piece of compiled code, or more.</summary>
    private const ulong LongestPiece = 512;

    private readonly Func<bool, VirtualMachine> createFirst;
    private readonly Func<bool, VirtualMachine> createSecond;
    private readonly Action<string> progress;
    private readonly Func<ulong, uint, string> disassemble;
    private readonly List<ulong> cuts = [];
    private int comparisons;

    /// <summary>Prepares a search.</summary>
    /// <param name="createFirst">
    /// Makes the first machine, the same each time: in deterministic mode, ending when the guest resets; with
    /// <see cref="Options.MachineOptions.CompileCuts"/> as it is told.
    /// </param>
    /// <param name="createSecond">Makes the second one.</param>
    /// <param name="progress">Gets a line about each pass.</param>
    /// <param name="disassemble">Gives the text of an instruction from its address and encoding.</param>
    public Bisection(
        Func<bool, VirtualMachine> createFirst, Func<bool, VirtualMachine> createSecond, Action<string> progress, Func<ulong, uint, string> disassemble)
    {
        this.disassemble = disassemble;
        this.createFirst = createFirst;
        this.createSecond = createSecond;
        this.progress = progress;
    }

    /// <summary>Searches.</summary>
    /// <param name="from">Instruction count of the first comparison; a difference that is there already is searched before it.</param>
    /// <param name="to">The last count to look at, or <see cref="ulong.MaxValue"/> for the guest's end.</param>
    /// <exception cref="EmuException">A machine failed, or was stopped by its time limit.</exception>
    public BisectionResult Find(ulong from, ulong to)
    {
        var stride = to == ulong.MaxValue ? FirstStride : Math.Clamp((to - from) / ProbesPerPass, 1, FirstStride);
        var pass = RunPass(Every(from, stride, to));
        if (pass.High is not { } high)
        {
            return new BisectionResult.Same(pass.End, comparisons);
        }

        cuts.AddRange(pass.Equal);
        var low = cuts.LastOrDefault();
        while (high - low > HalvedInterval)
        {
            progress($"equal after {low} instructions, different after {high}");
            stride = (high - low + ProbesPerPass - 1) / ProbesPerPass;
            pass = RunPass(Every(low + stride, stride, high));
            if (pass.High is not { } nearer)
            {
                // The new cuts hid it. Between the counts known so far it is there.
                break;
            }

            cuts.AddRange(pass.Equal);
            low = cuts.LastOrDefault();
            high = nearer;
        }

        var first = high;
        while (high - low > 1)
        {
            progress($"equal after {low} instructions, different after {high}");
            var middle = low + ((high - low) / 2);
            pass = RunPass([middle]);
            if (pass.High is null)
            {
                low = middle;
            }
            else
            {
                high = Math.Min(pass.High.Value, middle);
            }
        }

        if (Report(high, compileCuts: false) is not { } found)
        {
            return new BisectionResult.Unstable(low, first);
        }

        return Narrow(high) is { } exact && exact < high ? Report(exact, compileCuts: true) ?? found : found;
    }

    /// <summary>The first different instruction of the piece of compiled code that ends at a difference. Null when it is not there where the piece is cut.</summary>
    private ulong? Narrow(ulong end)
    {
        if (RunPass([end], compileCuts: true).High is null)
        {
            return null;
        }

        var (low, high) = (end - Math.Min(end, LongestPiece), end);
        while (high - low > 1)
        {
            progress($"different after {high} instructions, where cuts are compiled");
            var middle = low + ((high - low) / 2);
            if (RunPass([middle], compileCuts: true).High is { } nearer)
            {
                high = Math.Min(nearer, middle);
            }
            else
            {
                low = middle;
            }
        }

        return high;
    }

    /// <summary>start, start + stride... and the end.</summary>
    private static IEnumerable<ulong> Every(ulong start, ulong stride, ulong end)
    {
        for (var count = start; count < end; count += stride)
        {
            yield return count;
        }

        if (end != ulong.MaxValue)
        {
            yield return end;
        }
    }

    /// <summary>Runs both and compares at counts.</summary>
    /// <returns>The equal counts and the first different one, if there is one; and how far the guests came.</returns>
    private (List<ulong> Equal, ulong? High, ulong End) RunPass(IEnumerable<ulong> probes, bool compileCuts = false)
    {
        using var first = createFirst(compileCuts);
        using var second = createSecond(compileCuts);
        var comparison = new StateComparison(first, second);
        var before = CutsBefore(compileCuts);
        using var counts = before.Concat(probes).GetEnumerator();
        var known = before.Length;
        var equal = new List<ulong>();
        ulong? high = null;
        counts.MoveNext();
        var result = new Lockstep(first, second).Run(counts.Current, count =>
        {
            if (--known < 0)
            {
                comparisons++;
                if (!comparison.Equal())
                {
                    high = count;
                    return ulong.MaxValue;
                }

                equal.Add(count);
            }

            return counts.MoveNext() ? counts.Current : ulong.MaxValue;
        });
        Check(result.First, "first");
        Check(result.Second, "second");
        if (high is null && result.Alone is not null)
        {
            // One guest ended: after the count at which it did, only the other goes on.
            high = (result.First.End == RunEnd.Quit ? second : first).Instructions + 1;
        }
        else if (high is null && result.First.End != RunEnd.Quit)
        {
            comparisons++;
            if (first.Instructions != second.Instructions)
            {
                high = Math.Min(first.Instructions, second.Instructions) + 1;
            }
            else if (result.First != result.Second || !comparison.Equal())
            {
                high = first.Instructions;
            }
        }

        return (equal, high, Math.Max(first.Instructions, second.Instructions));
    }

    /// <summary>Runs to the difference once more. Null when it is not there.</summary>
    private BisectionResult.Different? Report(ulong high, bool compileCuts)
    {
        var lines = new List<string>(new BlockTrace(() => createFirst(false), disassemble).Before(high));
        using var first = createFirst(compileCuts);
        using var second = createSecond(compileCuts);
        var comparison = new StateComparison(first, second);
        using var counts = CutsBefore(compileCuts).Where(c => c < high).Append(high).GetEnumerator();
        counts.MoveNext();
        var result = new Lockstep(first, second).Run(counts.Current, count => counts.MoveNext() ? counts.Current : ulong.MaxValue);
        if (result.First.End != RunEnd.Quit || result.Second.End != RunEnd.Quit)
        {
            lines.Add($"the first machine ended with {result.First.End} after {first.Instructions} instructions, the second with {result.Second.End} after {second.Instructions}");
        }
        else if (comparison.Equal())
        {
            return null;
        }

        lines.Add("differences after it, first | second:");
        lines.AddRange(comparison.Differences().Select(d => $"  {d}"));
        return new BisectionResult.Different(high) { Report = lines };
    }

    /// <summary>Where passes stand still before their own counts. Those that compile what is cut see everything anyway.</summary>
    private ulong[] CutsBefore(bool compileCuts) => compileCuts ? [] : [.. cuts];

    private static void Check(RunOutcome outcome, string which)
    {
        if (outcome.End == RunEnd.Failure)
        {
            throw outcome.Failure as EmuException ?? new EmuException($"the {which} machine failed: {outcome.Failure!.Message}", outcome.Failure);
        }

        if (outcome.End == RunEnd.TimeLimit)
        {
            throw new EmuException("--time-limit ended a pass before the search was over; give each pass more time, or a smaller --to");
        }
    }
}
