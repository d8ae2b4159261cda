// Chooses and makes the CPU engine of a machine: the one place that knows which engines this build has.
using Emu.Core;
using Emu.Machine.Options;

namespace Emu.Machine.Engines;

/// <summary>Makes engines.</summary>
public static class EngineFactory
{
    /// <summary>Makes the engine that the options ask for.</summary>
    /// <exception cref="EmuException">This build has none for the guest.</exception>
    public static ICpuEngine Create(MachineOptions options, Log log) =>
        throw new EmuException($"--engine {options.Engine.ToString().ToLowerInvariant()}: this build has no CPU engine for arm64 guests");
}
