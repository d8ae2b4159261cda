// A run of guest memory that a descriptor names, checked to be RAM.
namespace Emu.Devices.Virtio;

/// <summary>A buffer of a descriptor chain: lies inside one RAM region, so the host pointer is good for the whole length.</summary>
/// <param name="address">Guest-physical address.</param>
/// <param name="host">Host address of the first byte.</param>
/// <param name="length">Bytes, at least 1.</param>
public readonly unsafe struct GuestSegment(ulong address, byte* host, uint length)
{
    /// <summary>Guest-physical address.</summary>
    public ulong Address => address;

    /// <summary>Host address of the first byte.</summary>
    public byte* Host => host;

    /// <summary>Bytes.</summary>
    public uint Length => length;
}
