// Interrupt contracts: the wire a device pulls, the sink an MSI goes to, and the inputs of a CPU that a controller drives.
namespace Emu.Core;

/// <summary>A level-sensitive wire into an interrupt controller. Thread-safe; never calls back into the caller.</summary>
public interface IInterruptLine
{
    /// <summary>Drives the wire: true asserts it. Setting the level it already has does nothing.</summary>
    void Set(bool level);
}

/// <summary>An <see cref="IInterruptLine"/> that goes nowhere, for a device built without an interrupt.</summary>
public sealed class UnconnectedLine : IInterruptLine
{
    /// <summary>The one instance.</summary>
    public static readonly UnconnectedLine Instance = new();

    private UnconnectedLine() { }

    /// <inheritdoc/>
    public void Set(bool level) { }
}

/// <summary>Where message-signalled interrupts go (GICv3 ITS, local APICs).</summary>
public interface IMsiSink
{
    /// <summary>Delivers one MSI write.</summary>
    /// <param name="address">Guest-physical doorbell address from the MSI(-X) table.</param>
    /// <param name="data">Message data.</param>
    /// <param name="deviceId">Requester: (segment &amp; 0xFF) &lt;&lt; 8 | devfn.</param>
    void Send(ulong address, uint data, uint deviceId);
}

/// <summary>The interrupt inputs of a CPU, as an interrupt controller drives them.</summary>
public enum CpuInterrupt
{
    /// <summary>IRQ (A64), INTR (x86).</summary>
    Irq = 0,

    /// <summary>FIQ (A64), NMI (x86).</summary>
    Fiq = 1,

    /// <summary>Virtual IRQ (A64).</summary>
    VirtualIrq = 2,

    /// <summary>Virtual FIQ (A64).</summary>
    VirtualFiq = 3,
}

/// <summary>What an interrupt controller needs of a CPU. Thread-safe, lock-free, returns at once.</summary>
public interface ICpuInterruptInput
{
    /// <summary>Drives one input; a CPU that sleeps in WFI wakes when an input is asserted.</summary>
    void SetInterrupt(CpuInterrupt kind, bool level);
}
