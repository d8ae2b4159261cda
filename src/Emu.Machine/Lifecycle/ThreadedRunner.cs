// Runs every vCPU on a host thread of its own, in host time.
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>The normal way to run: as fast as the host goes.</summary>
public sealed class ThreadedRunner : Runner
{
    private readonly ulong[] retired;
    private readonly ulong? stopAt;

    /// <summary>Creates the runner.</summary>
    /// <param name="vcpus">vCPUs by index.</param>
    /// <param name="control">Stop requests.</param>
    /// <param name="stopAt">Instructions to stop at, to the exact one; only for a machine of one vCPU.</param>
    public ThreadedRunner(IReadOnlyList<IVcpu> vcpus, StopControl control, ulong? stopAt = null)
        : base(vcpus, control)
    {
        retired = new ulong[vcpus.Count];
        this.stopAt = stopAt;
    }

    /// <inheritdoc/>
    public override ulong Instructions
    {
        get
        {
            ulong sum = 0;
            for (var i = 0; i < retired.Length; i++)
            {
                sum += Volatile.Read(ref retired[i]);
            }

            return sum;
        }
    }

    /// <inheritdoc/>
    public override void Start()
    {
        foreach (var vcpu in Vcpus)
        {
            StartThread($"vcpu{vcpu.Index}", () => Loop(vcpu));
        }
    }

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        foreach (var count in retired)
        {
            writer.U64(count);
        }
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        for (var i = 0; i < retired.Length; i++)
        {
            retired[i] = reader.U64();
        }
    }

    private void Loop(IVcpu vcpu)
    {
        ref var count = ref retired[vcpu.Index];
        while (!Control.IsStopping)
        {
            ParkWhilePaused();
            var before = vcpu.Retired;
            var limit = Math.Min(stopAt ?? ulong.MaxValue, SnapshotAt ?? ulong.MaxValue);
            var exit = Run(vcpu, limit == ulong.MaxValue ? limit : before + (limit - count));
            Volatile.Write(ref count, count + (vcpu.Retired - before));
            CheckSnapshot(count);
            if (exit == VcpuExit.LimitReached && count == stopAt)
            {
                Control.Stop(new RunOutcome(RunEnd.InstructionLimit));
            }
            else if (exit is VcpuExit.Halted or VcpuExit.PoweredOff && !MustLeave)
            {
                vcpu.WaitForWork();
            }
        }
    }
}
