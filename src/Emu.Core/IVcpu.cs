// The contract every CPU engine's virtual processor meets, and why its run loop returned: what the machine drives.
namespace Emu.Core;

/// <summary>Why <see cref="IVcpu.Run"/> returned.</summary>
public enum VcpuExit
{
    /// <summary>The instruction limit was reached, to the exact instruction.</summary>
    LimitReached,

    /// <summary>The vCPU waits for an interrupt (WFI, WFE past its event, HLT); <see cref="IVcpu.WaitForWork"/> sleeps until there is work.</summary>
    Halted,

    /// <summary>The vCPU is powered off (PSCI CPU_OFF, or not yet started).</summary>
    PoweredOff,

    /// <summary><see cref="IVcpu.Kick"/> was called: look at what the machine wants, then call Run again.</summary>
    Kicked,

    /// <summary>The guest asked the machine for something through <see cref="IMachineControl"/> (power-off, reset, exit).</summary>
    MachineRequest,
}

/// <summary>A virtual processor, run by one thread at a time.</summary>
public interface IVcpu : ISnapshotable, ICpuInterruptInput
{
    /// <summary>Index from 0.</summary>
    int Index { get; }

    /// <summary>Instructions retired since power-on. Exact between runs; inside a run it may count a whole block ahead.</summary>
    ulong Retired { get; }

    /// <summary>Inside a run, for what an instruction calls (a device register, a system register): the instructions retired before that one.
    /// Not defined between runs.</summary>
    ulong ExactRetired { get; }

    /// <summary>The guest's program counter (for messages).</summary>
    ulong ProgramCounter { get; }

    /// <summary>Runs guest instructions until <see cref="Retired"/> reaches the limit or something else ends the run.</summary>
    /// <param name="retiredLimit">Absolute count of retired instructions to stop at; <see cref="ulong.MaxValue"/> for none.</param>
    VcpuExit Run(ulong retiredLimit);

    /// <summary>After <see cref="VcpuExit.Halted"/> or <see cref="VcpuExit.PoweredOff"/>: sleeps on the host until an interrupt, an event, a start or a kick.</summary>
    void WaitForWork();

    /// <summary>Whether a halted or powered-off vCPU could run now (deterministic scheduling).</summary>
    bool HasWork { get; }

    /// <summary>
    /// Makes a running or sleeping vCPU return soon with <see cref="VcpuExit.Kicked"/>; a kick that comes between runs ends the next one.
    /// Any thread. Called from inside a run (a timer register was written), the run ends before the next block: deterministic mode then
    /// runs on to the new deadline, to the exact instruction.
    /// </summary>
    void Kick();

    /// <summary>Power-on reset. The machine then sets entry state on the boot vCPU.</summary>
    void Reset();
}

/// <summary>Why the guest ends.</summary>
public enum MachineStop
{
    /// <summary>Not stopped.</summary>
    None,

    /// <summary>Guest power-off (PSCI SYSTEM_OFF, ACPI S5).</summary>
    PowerOff,

    /// <summary>Guest reset (PSCI SYSTEM_RESET, watchdog).</summary>
    Reset,

    /// <summary>Guest panic (pvpanic).</summary>
    Panic,

    /// <summary>The guest gave an exit code (Arm semihosting SYS_EXIT).</summary>
    ExitCode,
}

/// <summary>What CPUs and devices may ask of the machine. Thread-safe; returns at once, the machine stops its vCPUs soon after.</summary>
public interface IMachineControl
{
    /// <summary>Asks for a stop; the first request wins.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="exitCode">For <see cref="MachineStop.ExitCode"/>: the status the emulator exits with, 0 to 255.</param>
    void RequestStop(MachineStop reason, int exitCode = 0);
}
