// The contract a device offers to the physical address space: register reads and writes at an offset.
namespace Emu.Core;

/// <summary>
/// A device whose registers are reached through guest-physical addresses. Called on any vCPU thread; an implementation
/// guards its own state. No value that a guest can supply may make it throw.
/// </summary>
public interface IMmioDevice
{
    /// <summary>Reads <paramref name="size"/> bytes (1, 2, 4 or 8), little-endian, zero-extended.</summary>
    /// <param name="offset">Byte offset from the start of the mapped region.</param>
    /// <param name="size">Access size in bytes: 1, 2, 4 or 8.</param>
    ulong Read(ulong offset, int size);

    /// <summary>Writes the low <paramref name="size"/> bytes of <paramref name="value"/>.</summary>
    void Write(ulong offset, int size, ulong value);
}
