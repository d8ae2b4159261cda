// Who watches a vCPU instruction by instruction: tracing and debugging.
namespace Emu.Cpu;

/// <summary>Is told of every instruction of an observed run (<see cref="Vcpu.RunObserved"/>), on the vCPU's thread.</summary>
public unsafe interface IInstructionObserver
{
    /// <summary>An instruction is about to run; <see cref="CpuState.Pc"/> and <see cref="CpuState.Retired"/> are those before it.</summary>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="code">Its bytes in host memory.</param>
    void Before(Vcpu vcpu, byte* code);

    /// <summary>It ran, or faulted: the exception is taken after this call.</summary>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="faulted">It did not complete.</param>
    /// <returns>Whether to go on observing; false takes effect at the end of the block.</returns>
    bool After(Vcpu vcpu, bool faulted);
}
