// How the runners run a vCPU: directly, or through somebody who watches.
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>Stands between a runner and its vCPUs (tracing).</summary>
public interface IVcpuDriver
{
    /// <summary>Runs a vCPU as <see cref="IVcpu.Run"/> does. One vCPU at a time: the machine has one, or is in deterministic mode.</summary>
    VcpuExit Run(IVcpu vcpu, ulong retiredLimit);
}
