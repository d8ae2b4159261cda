// What compiled code looks at before it computes with the host's floating point.
namespace Emu.Cpu.Jit;

/// <summary>
/// Host arithmetic stands for the guest's when the control word rounds to nearest and flushes nothing, the cumulative inexact flag is set already
/// (so that no operation has another to set), and the result is a normal number well inside the range: then no operand was a NaN or an infinity,
/// nothing overflowed and nothing was tiny before rounding.
/// </summary>
/// <param name="ControlSlot">Slot of the control word; its low 32 bits count.</param>
/// <param name="ControlMask">Bits of it that must be clear.</param>
/// <param name="StatusSlot">Slot of the status word; its low 32 bits count.</param>
/// <param name="Inexact">The bit of it that must be set.</param>
public sealed record FloatEnvironment(int ControlSlot, uint ControlMask, int StatusSlot, uint Inexact);
