// What the keys of --disk choose about the device; DiskImageOptions says the rest.
using System.Numerics;
using System.Text;
using Emu.Core;

namespace Emu.Devices.Virtio.Block;

/// <summary>Choices of a block device.</summary>
/// <param name="Name">Name for messages and snapshots, unique in a machine: the option's id, or "disk0".</param>
public sealed record VirtioBlockOptions(string Name)
{
    /// <summary>Most queues of a device.</summary>
    public const int MaximumQueues = 256;

    /// <summary>Request queues (num_queues=): 1 to <see cref="MaximumQueues"/>; one a vCPU is best.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>Entries of each queue (queue_size=): a power of two, 2 to 32768.</summary>
    public int QueueSize { get; init; } = 128;

    /// <summary>What the guest sees as the disk's serial number (serial=): at most 20 bytes.</summary>
    public string Serial { get; init; } = "";

    /// <summary>Checks the values.</summary>
    /// <exception cref="EmuException">A value is out of range; the message says what would be right.</exception>
    internal VirtioBlockOptions Checked()
    {
        if (Queues is < 1 or > MaximumQueues)
        {
            throw new EmuException($"{Name}: num_queues={Queues} is not possible: give 1 to {MaximumQueues}");
        }

        if (QueueSize is < 2 or > VirtQueue.MaximumSize || !BitOperations.IsPow2(QueueSize))
        {
            throw new EmuException($"{Name}: queue_size={QueueSize} is not possible: give a power of two from 2 to {VirtQueue.MaximumSize}");
        }

        if (Encoding.UTF8.GetByteCount(Serial) > BlockLimit.IdBytes)
        {
            throw new EmuException($"{Name}: serial={Serial} is too long: a serial number has at most {BlockLimit.IdBytes} bytes");
        }

        return this;
    }
}
