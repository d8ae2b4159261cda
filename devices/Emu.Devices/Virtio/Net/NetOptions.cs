// What a network card is configured with.
using Emu.Core;
using Emu.Devices.Net;

namespace Emu.Devices.Virtio.Net;

/// <summary>Configuration of a <see cref="NetDevice"/>.</summary>
public sealed record NetOptions
{
    /// <summary>Smallest MTU: what IPv4 demands (RFC 791).</summary>
    public const int MinimumMtu = 68;

    /// <summary>Largest MTU.</summary>
    public const int MaximumMtu = 65535;

    /// <summary>MTU of Ethernet.</summary>
    public const int DefaultMtu = 1500;

    /// <summary>Most queue pairs.</summary>
    public const int MaximumPairs = 16;

    /// <summary>Name for messages, such as "net0".</summary>
    public required string Name { get; init; }

    /// <summary>The card's address.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>Largest IP packet of a frame, in bytes.</summary>
    public int Mtu { get; init; } = DefaultMtu;

    /// <summary>Receive and transmit queues together: an even number, 2 to 32. The control queue comes on top.</summary>
    public int QueueCount { get; init; } = 2;

    /// <summary>Entries of each queue: a power of two, 16 to 32768.</summary>
    public ushort QueueSize { get; init; } = 256;

    /// <summary>Offer partial checksums.</summary>
    public bool OffloadChecksum { get; init; } = true;

    /// <summary>Offer unsegmented TCP.</summary>
    public bool OffloadTso { get; init; } = true;

    /// <summary>Offer unfragmented UDP.</summary>
    public bool OffloadUfo { get; init; } = true;

    /// <summary>Checks the numbers.</summary>
    /// <exception cref="EmuException">A number is out of range.</exception>
    public void Validate()
    {
        if (Mtu is < MinimumMtu or > MaximumMtu)
        {
            throw new EmuException($"{Name}: an MTU of {Mtu} is not possible: give {MinimumMtu} to {MaximumMtu}");
        }

        if (QueueCount is < 2 or > MaximumPairs * 2 || QueueCount % 2 != 0)
        {
            throw new EmuException($"{Name}: {QueueCount} queues are not possible: give an even number from 2 to {MaximumPairs * 2}");
        }

        if (QueueSize is < 16 or > VirtQueue.MaximumSize || !System.Numerics.BitOperations.IsPow2(QueueSize))
        {
            throw new EmuException($"{Name}: a queue of {QueueSize} entries is not possible: give a power of two from 16 to {VirtQueue.MaximumSize}");
        }

        if (Mac.IsMulticast || Mac.Value == 0)
        {
            throw new EmuException($"{Name}: {Mac} is not the address of one card: give an even first byte");
        }
    }
}
