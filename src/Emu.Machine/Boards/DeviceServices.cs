// What the machine's devices are made with: one bundle for all of them.
using Emu.Core;
using Emu.Devices.Serial;
using Emu.Devices.Virtio.Balloon;

namespace Emu.Machine.Boards;

/// <summary>A machine's side of its devices.</summary>
public sealed record DeviceServices
{
    /// <summary>Guest memory.</summary>
    public required PhysicalAddressSpace Memory { get; init; }

    /// <summary>Machine time.</summary>
    public required Clock Clock { get; init; }

    /// <summary>Messages.</summary>
    public required Log Log { get; init; }

    /// <summary>Takes requests for a stop.</summary>
    public required IMachineControl Control { get; init; }

    /// <summary>Random numbers: the host's, or in deterministic mode the machine's own sequence.</summary>
    public required Func<ulong> Random { get; init; }

    /// <summary>Deterministic mode: runs an action on the machine's thread between two turns. Null in host time.</summary>
    public Action<Action>? Post { get; init; }

    /// <summary>Makes the gate that stands before a console's input; null for none.</summary>
    public Func<ICharInputGate?> CreateInputGate { get; init; } = static () => null;

    /// <summary>Gives pages of RAM back to the host.</summary>
    public required DiscardPages Discard { get; init; }
}
