// One run of the hostile driver against one kind of device, and what came of it.
namespace Emu.Devices.Tests.Fuzz;

/// <summary>What a run did.</summary>
/// <param name="Name">The device.</param>
/// <param name="Operations">Accesses, notifications, moves of time, resets and snapshots.</param>
/// <param name="Requests">Requests made available (ITS: commands).</param>
/// <param name="Returned">Of them, those seen to come back (split rings).</param>
/// <param name="Breaks">Times the device asked for a reset (ITS: commands that stalled or were ignored are not seen).</param>
/// <param name="Interrupts">Interrupts that reached the host's sink.</param>
internal readonly record struct FuzzResult(string Name, long Operations, long Requests, long Returned, long Breaks, long Interrupts)
{
    public override string ToString() => $"{Name,-16} {Operations,12:N0} operations {Requests,12:N0} requests {Returned,12:N0} returned {Breaks,10:N0} broken rings {Interrupts,12:N0} interrupts";
}

/// <summary>Runs.</summary>
internal static class FuzzRun
{
    /// <summary>A device lives for so many operations; then a new one starts.</summary>
    private const int OperationsPerBench = 250_000;

    private static long steps;

    /// <summary>Steps of all runs so far: what stands still when a device is stuck.</summary>
    public static long Steps => Interlocked.Read(ref steps);

    /// <summary>Counts a step.</summary>
    public static void Progress() => Interlocked.Increment(ref steps);

    /// <summary>Plays until so many operations are done.</summary>
    /// <param name="target">The device.</param>
    /// <param name="seed">Of everything.</param>
    /// <param name="operations">How many.</param>
    /// <param name="threaded">On host time, with the device's threads.</param>
    public static FuzzResult Play(FuzzTarget target, int seed, long operations, bool threaded)
    {
        var result = new FuzzResult(target.Name + (threaded ? " threads" : ""), 0, 0, 0, 0, 0);
        for (var round = 0; result.Operations < operations; round++)
        {
            using var bench = new FuzzBench(target, threaded);
            var driver = new HostileDriver(bench, target, (seed * 7919) + round);
            var goal = Math.Min(OperationsPerBench, operations - result.Operations);
            while (driver.Operations < goal)
            {
                driver.Step();
                Progress();
            }

            result = result with
            {
                Operations = result.Operations + driver.Operations,
                Requests = result.Requests + driver.Requests,
                Returned = result.Returned + driver.Returned,
                Breaks = result.Breaks + driver.Breaks,
                Interrupts = result.Interrupts + bench.Msi.Count,
            };
        }

        return result;
    }
}
