// Runs all vCPUs on one thread, in turns of a fixed number of instructions, with time made of retired instructions alone.
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>
/// Deterministic mode. Everything the guest sees is a function of its own instructions:
/// <list type="bullet">
/// <item>The vCPUs that can run take turns in index order, <see cref="Quantum"/> instructions each.</item>
/// <item>One retired instruction, on whichever vCPU, is one nanosecond. Time is thus one sequence through all turns, and never runs
/// backwards between two vCPUs, which a guest's clock code relies on; N busy vCPUs each see a clock N times as fast as one does.</item>
/// <item>A timer fires at the exact instruction of its deadline: a turn stops there, runs the callbacks, and goes on.</item>
/// <item>When every vCPU sleeps, time jumps to the next deadline.</item>
/// <item>The outside world enters between two turns only, through <see cref="HostInputQueue"/>.</item>
/// </list>
/// </summary>
public sealed class DeterministicRunner : Runner
{
    /// <summary>Instructions of a turn: long enough that switching costs nothing, short enough that a spinning vCPU waits 50 µs for its peer.</summary>
    public const ulong Quantum = 50_000;

    private readonly DeterministicClock clock;
    private readonly HostInputQueue input;
    private readonly bool[] asleep;
    private readonly ulong? stopAt;
    private readonly bool pacedIdle;
    private readonly Func<ulong> timeInTurn;
    private IVcpu current;
    private ulong turnTime;
    private ulong turnStart;
    private ulong runUntil;
    private ulong total;
    private ulong passStart;
    private int position;
    private bool running;
    private ulong checkpoint = ulong.MaxValue;
    private Func<ulong, ulong>? atCheckpoint;
    private bool inTurn;
    private bool restored;

    /// <summary>Creates the runner.</summary>
    /// <param name="vcpus">vCPUs by index.</param>
    /// <param name="control">Stop requests.</param>
    /// <param name="clock">The machine's clock, which only this runner moves.</param>
    /// <param name="input">Events from outside.</param>
    /// <param name="stopAt">Instructions over all vCPUs to stop at, to the exact one.</param>
    /// <param name="pacedIdle">A person sits at the console: sleep away idle time instead of jumping over it.</param>
    public DeterministicRunner(
        IReadOnlyList<IVcpu> vcpus, StopControl control, DeterministicClock clock, HostInputQueue input, ulong? stopAt = null, bool pacedIdle = false)
        : base(vcpus, control)
    {
        this.clock = clock;
        this.input = input;
        this.stopAt = stopAt;
        this.pacedIdle = pacedIdle;
        asleep = new bool[vcpus.Count];
        current = vcpus[0];
        timeInTurn = () => turnTime + ((running ? current.ExactRetired : current.Retired) - turnStart);
        clock.Rearmed += ShortenRun;
    }

    /// <inheritdoc/>
    public override ulong Instructions => Volatile.Read(ref total);

    /// <summary>
    /// Has an action called on the machine's thread when exactly so many instructions were retired, with the machine standing still there as
    /// <c>--stop-at</c> would leave it. The guest goes on afterwards as if nothing had happened. Before <see cref="Start"/>.
    /// </summary>
    /// <param name="first">Instructions over all vCPUs.</param>
    /// <param name="reached">Gets the count; returns the next one, larger, or <see cref="ulong.MaxValue"/> for none.</param>
    public void SetCheckpoint(ulong first, Func<ulong, ulong> reached)
    {
        checkpoint = first;
        atCheckpoint = reached;
    }

    /// <inheritdoc/>
    public override void Start()
    {
        if (!restored)
        {
            Array.Clear(asleep);
            position = 0;
            inTurn = false;
        }

        restored = false;
        StartThread("machine", Loop);
    }

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        writer.U64(total);
        writer.U64(passStart);
        writer.U32((uint)position);
        writer.Bool(inTurn);
        writer.U64(turnTime);
        writer.U64(inTurn ? current.Retired - turnStart : 0);
        foreach (var sleeps in asleep)
        {
            writer.Bool(sleeps);
        }
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        total = reader.U64();
        passStart = reader.U64();
        position = (int)reader.U32();
        inTurn = reader.Bool();
        turnTime = reader.U64();
        var done = reader.U64();
        for (var i = 0; i < asleep.Length; i++)
        {
            asleep[i] = reader.Bool();
        }

        if ((uint)position > (uint)Vcpus.Length || (inTurn && position == Vcpus.Length) || done > Quantum)
        {
            throw new InvalidDataException($"schedule: vCPU {position}, {done} instructions into its turn");
        }

        current = Vcpus[Math.Min(position, Vcpus.Length - 1)];
        turnStart = current.Retired - done;
        restored = true;
    }

    /// <inheritdoc/>
    protected override void Wake()
    {
        base.Wake();
        input.Wake();
    }

    private void Loop()
    {
        while (!Control.IsStopping)
        {
            if (position == 0 && !inTurn)
            {
                ParkWhilePaused();
                input.Deliver();
                clock.RunDueTimers();
                passStart = total;
            }

            for (; position < Vcpus.Length && !Control.IsStopping; position++)
            {
                if (inTurn || !asleep[position] || Vcpus[position].HasWork)
                {
                    Turn(position);
                }
            }

            position = 0;
            if (total == passStart && !MustLeave)
            {
                Idle();
            }
        }
    }

    /// <summary>Runs a vCPU's turn, or the rest of one that a snapshot was taken in.</summary>
    private void Turn(int index)
    {
        if (!inTurn)
        {
            current = Vcpus[index];
            turnStart = current.Retired;
            turnTime = clock.Now;
            asleep[index] = false;
            inTurn = true;
        }

        clock.Source = timeInTurn;
        while (!Control.IsStopping)
        {
            // A pause stands inside the turn, so that the turns after it are the same as without one.
            ParkWhilePaused();
            clock.RunDueTimers();
            PassCheckpoint();
            var done = current.Retired - turnStart;
            if (done >= Quantum || total == stopAt)
            {
                break;
            }

            var now = turnTime + done;
            var limit = Math.Min(Math.Min(stopAt ?? ulong.MaxValue, SnapshotAt ?? ulong.MaxValue), checkpoint) - total;
            var step = Math.Min(limit, Math.Min(Quantum - done, clock.NextDeadline - now));
            runUntil = now + step;
            running = true;
            var exit = Run(current, turnStart + done + step);
            running = false;
            runUntil = 0;
            Volatile.Write(ref total, total + (current.Retired - turnStart - done));
            CheckSnapshot(total);
            if (exit is VcpuExit.Halted or VcpuExit.PoweredOff)
            {
                asleep[index] = true;
                break;
            }
        }

        clock.Set(turnTime + (current.Retired - turnStart));
        clock.Source = null;
        PassCheckpoint();
        inTurn = false;
        if (total == stopAt)
        {
            Control.Stop(new RunOutcome(RunEnd.InstructionLimit));
        }
    }

    private void PassCheckpoint()
    {
        if (total == checkpoint)
        {
            checkpoint = atCheckpoint!(total);
        }
    }

    /// <summary>A timer was armed. When it is due before the run in progress ends, the run ends now and goes on to the new deadline.</summary>
    private void ShortenRun()
    {
        if (runUntil != 0 && clock.NextDeadline < runUntil)
        {
            runUntil = 0;
            current.Kick();
        }
    }

    private void Idle()
    {
        var deadline = clock.NextDeadline;
        if (deadline == ulong.MaxValue)
        {
            // Only the world outside, or a stop, can end this.
            input.Wait(Timeout.Infinite);
        }
        else if (deadline > clock.Now && (!pacedIdle || !input.Wait((int)Math.Min((deadline - clock.Now + 999_999) / 1_000_000, 60_000))))
        {
            clock.Set(deadline);
        }
    }
}
