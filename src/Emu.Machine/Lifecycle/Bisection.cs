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

/// <summary>The search: compares at some counts of a run, then again at more counts between the last equal and the first different one.</summary>
/// <remarks>Each pass runs both guests from power-on, side by side. An interval shrinks to a 64th per pass.</remarks>
public sealed class Bisection
{
    /// <summary>Instructions between two comparisons of the first pass.</summary>
    private const ulong FirstStride = 16_000_000;

    private const ulong IntervalsPerPass = 64;

    private readonly Func<VirtualMachine> createFirst;
    private readonly Func<VirtualMachine> createSecond;
    private readonly Action<string> progress;
    private int comparisons;

    /// <summary>Prepares a search.</summary>
    /// <param name="createFirst">Makes the first machine, the same each time: in deterministic mode, ending when the guest resets.</param>
    /// <param name="createSecond">Makes the second one.</param>
    /// <param name="progress">Gets a line about each pass.</param>
    public Bisection(Func<VirtualMachine> createFirst, Func<VirtualMachine> createSecond, Action<string> progress)
    {
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
        var stride = to == ulong.MaxValue ? FirstStride : Math.Clamp((to - from) / IntervalsPerPass, 1, FirstStride);
        var pass = RunPass(from, to, stride, from);
        if (pass.High is not { } high)
        {
            return new BisectionResult.Same(pass.Low, comparisons);
        }

        var low = high <= from ? 0 : pass.Low;
        while (high - low > 1)
        {
            progress($"equal after {low} instructions, different after {high}");
            stride = ((high - low) + IntervalsPerPass - 1) / IntervalsPerPass;
            pass = RunPass(low + stride, high, stride, low);
            if (pass.High is not { } nearer)
            {
                return new BisectionResult.Unstable(low, high);
            }

            (low, high) = (Math.Max(low, pass.Low), nearer);
        }

        return Report(low, high);
    }

    /// <summary>Compares at <paramref name="start"/> and every <paramref name="stride"/> after it; at <paramref name="end"/> at the latest.</summary>
    /// <returns>The last count where they were equal (or <paramref name="known"/>), and the first where they were not.</returns>
    private (ulong Low, ulong? High) RunPass(ulong start, ulong end, ulong stride, ulong known)
    {
        using var first = createFirst();
        using var second = createSecond();
        var comparison = new StateComparison(first, second);
        var low = known;
        ulong? high = null;
        var result = new Lockstep(first, second).Run(start, count =>
        {
            comparisons++;
            if (!comparison.Equal())
            {
                high = count;
                return ulong.MaxValue;
            }

            low = count;
            return count >= end ? ulong.MaxValue : count + Math.Min(stride, end - count);
        });
        Check(result.First, "first");
        Check(result.Second, "second");
        if (high is null && result.Alone is not null)
        {
            // One guest ended: after the count at which it did, only the other goes on.
            var ended = result.First.End == RunEnd.Quit ? second : first;
            high = ended.Instructions + 1;
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
            else
            {
                low = first.Instructions;
            }
        }

        return (low, high);
    }

    private BisectionResult.Different Report(ulong low, ulong high)
    {
        using var first = createFirst();
        using var second = createSecond();
        var report = new DivergenceReport(first, second);
        var result = new Lockstep(first, second).Run(low, count =>
        {
            if (count == low)
            {
                report.Before();
                return high;
            }

            report.After();
            return ulong.MaxValue;
        });
        if (!report.Complete)
        {
            report.Ended(result);
        }

        return new BisectionResult.Different(high) { Report = report.Lines };
    }

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
