// Chooses and makes the CPU engine of a machine: the one place that knows which engines this build has.
using Emu.Machine.Options;

namespace Emu.Machine.Engines;

/// <summary>Makes engines.</summary>
public static class EngineFactory
{
    /// <summary>Makes the engine that the options ask for.</summary>
    public static ICpuEngine Create(MachineOptions options) => new SoftwareEngine(options);
}
