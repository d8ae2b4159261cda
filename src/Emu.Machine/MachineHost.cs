// What a machine gets from the program around it: messages, the serial port's host end, the semihosting console, the engine.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Devices.Serial;
using Emu.Machine.Engines;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Machine;

/// <summary>The machine's surroundings.</summary>
public sealed record MachineHost
{
    /// <summary>Messages.</summary>
    public required Log Log { get; init; }

    /// <summary>Makes the host end of the serial port, or null for a machine without one. Called once all input files are known to be good;
    /// the machine disposes it.</summary>
    public Func<ICharBackend?> CreateSerial { get; init; } = static () => null;

    /// <summary>Makes the host end of the virtio console, or null for a machine without one. The machine disposes it.</summary>
    public Func<ICharBackend?> CreateConsole { get; init; } = static () => null;

    /// <summary>Makes the console of Arm semihosting, when the options turn it on. Gets the serial port's host end.</summary>
    public Func<ICharBackend?, ISemihostingConsole?> CreateSemihosting { get; init; } = static _ => null;

    /// <summary>A person types on the serial port: deterministic mode then sleeps through idle time.</summary>
    public bool Interactive { get; init; }

    /// <summary>Runs the vCPUs in place of their own run loop (tracing), or null.</summary>
    public IVcpuDriver? Driver { get; init; }

    /// <summary>Makes the CPU engine.</summary>
    public Func<MachineOptions, ICpuEngine> CreateEngine { get; init; } = EngineFactory.Create;
}
