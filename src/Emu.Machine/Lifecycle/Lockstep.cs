// Runs two deterministic machines side by side, and has them meet at the same instruction counts.
namespace Emu.Machine.Lifecycle;

/// <summary>How a lockstep run ended.</summary>
/// <param name="First">End of the first machine.</param>
/// <param name="Second">End of the second machine.</param>
/// <param name="Alone">The count that one machine reached after the other had ended before it, or null.</param>
public readonly record struct LockstepEnd(RunOutcome First, RunOutcome Second, ulong? Alone);

/// <summary>
/// Two fresh machines, each on its own thread. Where both have retired the same number of instructions, both stand still and an action sees them.
/// The guest of one goes on when the other has come as far, so neither runs on past a difference.
/// </summary>
/// <param name="first">The first machine.</param>
/// <param name="second">The second machine.</param>
public sealed class Lockstep(VirtualMachine first, VirtualMachine second)
{
    private readonly object gate = new();
    private readonly bool[] waiting = new bool[2];
    private readonly bool[] ended = new bool[2];
    private Func<ulong, ulong> meet = null!;
    private ulong next;
    private ulong? alone;
    private int meetings;

    /// <summary>Runs both until the action ends it, or both have ended.</summary>
    /// <param name="start">Count of the first meeting.</param>
    /// <param name="action">Called with the count while both stand there; gives the next one, or <see cref="ulong.MaxValue"/> to stop both.</param>
    public LockstepEnd Run(ulong start, Func<ulong, ulong> action)
    {
        meet = action;
        first.SetCheckpoint(start, count => Arrive(0, count));
        second.SetCheckpoint(start, count => Arrive(1, count));
        RunOutcome other = default;
        var thread = new Thread(() => other = RunOne(1, second)) { IsBackground = true, Name = "second machine" };
        thread.Start();
        var outcome = RunOne(0, first);
        thread.Join();
        return new LockstepEnd(outcome, other, alone);
    }

    private RunOutcome RunOne(int side, VirtualMachine machine)
    {
        try
        {
            return machine.Run();
        }
#pragma warning disable CA1031 // Whatever one machine fails with, the other must not wait for it for ever.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return new RunOutcome(RunEnd.Failure, Failure: e);
        }
        finally
        {
            lock (gate)
            {
                ended[side] = true;
                Monitor.PulseAll(gate);
            }
        }
    }

    /// <summary>On a machine's thread: it stands at a meeting.</summary>
    private ulong Arrive(int side, ulong count)
    {
        lock (gate)
        {
            if (waiting[1 - side])
            {
                waiting[1 - side] = false;
                next = meet(count);
                meetings++;
                Monitor.PulseAll(gate);
            }
            else
            {
                waiting[side] = true;
                var before = meetings;
                while (meetings == before && !ended[1 - side])
                {
                    Monitor.Wait(gate);
                }

                if (meetings == before)
                {
                    waiting[side] = false;
                    alone = count;
                    next = ulong.MaxValue;
                }
            }

            if (next == ulong.MaxValue)
            {
                (side == 0 ? first : second).Control.Stop(new RunOutcome(RunEnd.Quit));
            }

            return next;
        }
    }
}
