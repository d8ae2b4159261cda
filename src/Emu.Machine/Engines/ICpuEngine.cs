// What the machine needs of a CPU engine: vCPUs made to its wiring, an entry state, and counters for --stats.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Machine.Engines;

/// <summary>An engine for one machine: it makes all its vCPUs, and knows them for PSCI, exclusives and TLB maintenance between them.</summary>
public interface ICpuEngine : IDisposable
{
    /// <summary>Name as --engine takes it.</summary>
    string Name { get; }

    /// <summary>Whether its CPUs have the performance monitors (FEAT_PMUv3), so that the device tree says so.</summary>
    bool HasPmu { get; }

    /// <summary>Counters since power-on.</summary>
    IEngineStatistics Statistics { get; }

    /// <summary>Makes the next vCPU. Called for index 0, 1, 2... before anything runs.</summary>
    IVcpu CreateVcpu(in VcpuConfiguration configuration);

    /// <summary>
    /// After <see cref="IVcpu.Reset"/>: powers the vCPU on and sets the state Linux's boot protocol asks for: EL1h, DAIF masked, MMU off,
    /// X0 = <paramref name="argument"/>, X1 to X3 = 0.
    /// </summary>
    /// <param name="vcpu">One this engine made.</param>
    /// <param name="entry">Guest-physical address of the first instruction.</param>
    /// <param name="argument">X0: guest-physical address of the device tree.</param>
    void SetBootState(IVcpu vcpu, ulong entry, ulong argument);
}

/// <summary>An engine's counters.</summary>
public interface IEngineStatistics
{
    /// <summary>Blocks translated since power-on.</summary>
    ulong BlocksTranslated { get; }

    /// <summary>Further counters, in a stable order. Names are lower case with underscores; they become keys of --stats.</summary>
    IEnumerable<(string Name, double Value)> Counters { get; }
}

/// <summary>A vCPU's wiring.</summary>
public readonly struct VcpuConfiguration
{
    /// <summary>Index from 0.</summary>
    public required int Index { get; init; }

    /// <summary>MPIDR_EL1.</summary>
    public required ulong Mpidr { get; init; }

    /// <summary>Guest memory.</summary>
    public required PhysicalAddressSpace Memory { get; init; }

    /// <summary>Time: the generic timers count it, and arm their deadlines on it.</summary>
    public required Clock Clock { get; init; }

    /// <summary>Where PSCI and semihosting requests go.</summary>
    public required IMachineControl Control { get; init; }

    /// <summary>Devices behind system registers: the GIC's CPU interface.</summary>
    public required ISystemRegisterDevice[] SystemRegisterDevices { get; init; }

    /// <summary>Resets this vCPU's interface to the interrupt controller, as a reset of the PE does (PSCI CPU_OFF, CPU_ON).</summary>
    public required Action ResetCpuInterface { get; init; }

    /// <summary>CNTPS: EL3 physical timer, INTID 29.</summary>
    public required IInterruptLine SecureTimer { get; init; }

    /// <summary>CNTP: EL1 physical timer, INTID 30.</summary>
    public required IInterruptLine PhysicalTimer { get; init; }

    /// <summary>CNTV: EL1 virtual timer, INTID 27.</summary>
    public required IInterruptLine VirtualTimer { get; init; }

    /// <summary>CNTHP: EL2 physical timer, INTID 26.</summary>
    public required IInterruptLine HypervisorTimer { get; init; }

    /// <summary>PMU overflow, INTID 23.</summary>
    public required IInterruptLine Pmu { get; init; }

    /// <summary>The semihosting console, or null when HLT #0xF000 is UNDEFINED.</summary>
    public required ISemihostingConsole? Semihosting { get; init; }

    /// <summary>Seed of the vCPU's random numbers (RNDR, TRNG), or null to draw from the host.</summary>
    public required ulong? RandomSeed { get; init; }

    /// <summary>Messages.</summary>
    public required Log Log { get; init; }
}
