// Stops every vCPU outside of guest code while one thread changes what they all share.
namespace Emu.Cpu;

/// <summary>
/// vCPU threads are inside the gate while they run guest code. <see cref="Run"/> asks them all out, runs its action alone, and lets them in again.
/// </summary>
public sealed class ExclusiveGate
{
    private readonly object gate = new();
    private readonly object one = new();
    private readonly List<Vcpu> vcpus = [];
    private int inside;
    private bool closed;

    /// <summary>Registers a vCPU that passes the gate.</summary>
    public void Attach(Vcpu vcpu)
    {
        lock (gate)
        {
            vcpus.Add(vcpu);
        }
    }

    /// <summary>Enters; waits while an exclusive action runs.</summary>
    public void Enter()
    {
        lock (gate)
        {
            while (closed)
            {
                Monitor.Wait(gate);
            }

            inside++;
        }
    }

    /// <summary>Leaves.</summary>
    public void Leave()
    {
        lock (gate)
        {
            inside--;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Runs an action with no vCPU inside. The caller must be outside itself.</summary>
    public void Run(Action action)
    {
        lock (one)
        {
            lock (gate)
            {
                closed = true;
                foreach (var v in vcpus)
                {
                    v.Request(VcpuRequest.Exclusive);
                }

                while (inside != 0)
                {
                    Monitor.Wait(gate);
                }
            }

            try
            {
                action();
            }
            finally
            {
                lock (gate)
                {
                    closed = false;
                    Monitor.PulseAll(gate);
                }
            }
        }
    }
}
