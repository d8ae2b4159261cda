// The open-ended form of the device fuzz: dotnet run -c Release --project tests/Emu.Devices.Tests -- fuzz (see tests/README.md).
using System.Diagnostics;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>Plays with every device in turn, with a new seed each round, until enough operations are done.</summary>
internal static class FuzzCommand
{
    private const string Usage = "usage: fuzz [--operations N] [--seed N] [--device NAME] [--stuck-after SECONDS]";

    /// <summary>Operations of a device before the next one's turn.</summary>
    private const long Turn = 250_000;

    /// <summary>Runs; 1 when a device failed, 2 for wrong arguments.</summary>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        long operations = 10_000_000;
        var seed = 1;
        var stuckAfter = 300;
        string? device = null;
        for (var i = 0; i < arguments.Length; i += 2)
        {
            var value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            var known = arguments[i] switch
            {
                "--operations" => long.TryParse(value, out operations) && operations > 0,
                "--seed" => int.TryParse(value, out seed),
                "--stuck-after" => int.TryParse(value, out stuckAfter) && stuckAfter > 0,
                "--device" => (device = value).Length != 0,
                _ => false,
            };
            if (!known)
            {
                Console.Error.WriteLine(Usage);
                return 2;
            }
        }

        var turns = FuzzTargets.All
            .SelectMany(t => new (string Name, Func<int, FuzzResult> Play)[]
            {
                (t.Name, s => FuzzRun.Play(t, s, Turn, threaded: false)),
                (t.Name + " threads", s => FuzzRun.Play(t, s, Turn / 4, threaded: true)),
            })
            .Append(("its", s => ItsFuzz.Play(s, Turn)))
            .Append(("fw-cfg", s => FirmwareFuzz.PlayFwCfg(s, Turn)))
            .Append(("cfi-flash", s => FirmwareFuzz.PlayFlash(s, Turn)))
            .Where(t => device is null || t.Name.Split(' ')[0] == device)
            .ToArray();
        if (turns.Length == 0)
        {
            Console.Error.WriteLine($"no device is called {device}: there are {string.Join(", ", FuzzTargets.All.Select(t => t.Name))}, its, fw-cfg and cfi-flash");
            return 2;
        }

        return Play(turns, operations, seed, stuckAfter);
    }

    private static int Play((string Name, Func<int, FuzzResult> Play)[] turns, long operations, int seed, int stuckAfter)
    {
        var watch = Stopwatch.StartNew();
        var totals = turns.Select(t => new FuzzResult(t.Name, 0, 0, 0, 0, 0)).ToArray();
        for (; totals.Sum(t => t.Operations) < operations; seed++)
        {
            for (var i = 0; i < turns.Length; i++)
            {
                using var alarm = Watch($"{turns[i].Name}, seed {seed}", stuckAfter);
                try
                {
                    var r = turns[i].Play(seed);
                    totals[i] = totals[i] with
                    {
                        Operations = totals[i].Operations + r.Operations,
                        Requests = totals[i].Requests + r.Requests,
                        Returned = totals[i].Returned + r.Returned,
                        Breaks = totals[i].Breaks + r.Breaks,
                        Interrupts = totals[i].Interrupts + r.Interrupts,
                    };
                }
                catch (Exception e)
                {
                    Console.WriteLine($"{turns[i].Name}, seed {seed}: {e}");
                    return 1;
                }
            }

            Console.WriteLine($"seed {seed}: {totals.Sum(t => t.Operations):N0} operations in {watch.Elapsed.TotalSeconds:N0} s");
        }

        foreach (var total in totals)
        {
            Console.WriteLine(total);
        }

        Console.WriteLine($"{totals.Sum(t => t.Operations):N0} operations clean");
        return 0;
    }

    /// <summary>Ends the process when no step was done in a time: a busy host is slow, but it gets on.</summary>
    private static Timer Watch(string what, int seconds)
    {
        var last = -1L;
        return new Timer(
            _ =>
            {
                if (Interlocked.Exchange(ref last, FuzzRun.Steps) == FuzzRun.Steps)
                {
                    Environment.FailFast($"{what}: stuck for {seconds} s");
                }
            },
            null,
            TimeSpan.FromSeconds(seconds),
            TimeSpan.FromSeconds(seconds));
    }
}
