// What instruction helpers ask of the A64 vCPU they run on.
namespace Emu.Cpu.Arm64.Translate;

/// <summary>
/// Records exceptions that no other guest ISA has; the A64 vCPU implements it. The helper then returns <see cref="Ir.Status.Fault"/>, and the
/// vCPU takes what was recorded with PC at the instruction. When nothing was recorded the instruction is executed again.
/// </summary>
public interface IA64Exceptions
{
    /// <summary>Records a Data Abort "unsupported Exclusive or Atomic access" (DFSC 0b110101).</summary>
    /// <param name="va">Faulting address.</param>
    /// <param name="write">WnR.</param>
    void RecordUnsupportedExclusive(ulong va, bool write);

    /// <summary>Records a synchronous exception without a fault address.</summary>
    /// <param name="exceptionClass">ESR_ELx.EC.</param>
    /// <param name="iss">ESR_ELx.ISS.</param>
    void RecordException(int exceptionClass, uint iss);
}
