// How an A64 vCPU is wired to its machine: identity, time, interrupt controller, console and randomness.
using Emu.Core;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>What Arm semihosting's :tt is connected to. Thread-safe.</summary>
public interface ISemihostingConsole
{
    /// <summary>Takes what SYS_WRITEC, SYS_WRITE0 and SYS_WRITE print.</summary>
    void Write(ReadOnlySpan<byte> data);

    /// <summary>The next character for SYS_READ, or -1 at the end of input.</summary>
    int ReadByte();
}

/// <summary>A vCPU's wiring.</summary>
public sealed class Arm64VcpuConfiguration
{
    /// <summary>Index from 0.</summary>
    public required int Index { get; init; }

    /// <summary>MPIDR_EL1.</summary>
    public required ulong Mpidr { get; init; }

    /// <summary>Time: the generic timers count it, and arm their deadlines on it.</summary>
    public required Clock Clock { get; init; }

    /// <summary>Where PSCI and semihosting requests go.</summary>
    public required IMachineControl Control { get; init; }

    /// <summary>Devices behind system registers: the GIC's CPU interface.</summary>
    public IReadOnlyList<ISystemRegisterDevice> SystemRegisterDevices { get; init; } = [];

    /// <summary>Resets this vCPU's interface to the interrupt controller, as a reset of the PE does (PSCI CPU_OFF, CPU_ON).</summary>
    public Action ResetCpuInterface { get; init; } = () => { };

    /// <summary>CNTPS: EL3 physical timer, INTID 29.</summary>
    public IInterruptLine SecureTimer { get; init; } = UnconnectedLine.Instance;

    /// <summary>CNTP: EL1 physical timer, INTID 30.</summary>
    public IInterruptLine PhysicalTimer { get; init; } = UnconnectedLine.Instance;

    /// <summary>CNTV: EL1 virtual timer, INTID 27.</summary>
    public IInterruptLine VirtualTimer { get; init; } = UnconnectedLine.Instance;

    /// <summary>CNTHP: EL2 physical timer, INTID 26.</summary>
    public IInterruptLine HypervisorTimer { get; init; } = UnconnectedLine.Instance;

    /// <summary>PMU overflow, INTID 23.</summary>
    public IInterruptLine Pmu { get; init; } = UnconnectedLine.Instance;

    /// <summary>The semihosting console, or null when HLT #0xF000 is UNDEFINED.</summary>
    public ISemihostingConsole? Semihosting { get; init; }

    /// <summary>Seed of the vCPU's random numbers (RNDR, TRNG), or null to draw from the host.</summary>
    public ulong? RandomSeed { get; init; }

    /// <summary>Messages.</summary>
    public Log Log { get; init; } = Log.Null;
}
