// The virtio file system device (device type 26; virtio 1.2, 5.11): a vhost-user device with a tag.
using System.Buffers.Binary;
using System.Text;
using Emu.Core;
using Emu.Devices.Virtio.VhostUser;

namespace Emu.Devices.Virtio.Fs;

/// <summary>Configuration of a file system device.</summary>
/// <param name="Name">Name for messages, such as "fs0".</param>
/// <param name="Tag">What the guest mounts: 1 to 36 bytes.</param>
/// <param name="SocketPath">Socket of a running virtiofsd (<c>virtiofsd --socket-path=PATH -o source=DIRECTORY</c>).</param>
/// <param name="RequestQueues">Queues for requests: 1 and up; one more is for urgent ones.</param>
/// <param name="QueueSize">Entries of each queue: a power of two.</param>
public sealed record FsOptions(string Name, string Tag, string SocketPath, int RequestQueues = 1, ushort QueueSize = 1024)
{
    /// <summary>How long a virtiofsd that does not listen yet is waited for.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>Makes file system devices.</summary>
/// <remarks>
/// Wiring: allocate guest RAM as <c>new HostMemory(length, shared: true)</c> and name it in <see cref="PhysicalAddressSpace.AddRam"/>, then
/// <c>FsDevice.Create(new FsOptions("fs0", tag, socket), memory, clock, post, log)</c> goes behind a <see cref="VirtioPciTransport"/> like any other
/// device; it throws in deterministic mode (<c>post</c> not null). Dispose it when the machine ends.
/// </remarks>
public static class FsDevice
{
    /// <summary>Device type.</summary>
    public const ushort DeviceType = 26;

    private const uint FuseForget = 2;
    private const uint FuseDestroy = 38;
    private const uint FuseBatchForget = 42;
    private const int TagBytes = 36;
    private const int ConfigBytes = TagBytes + 4;
    private const int MaximumQueues = 64;

    /// <summary>Connects a device to its virtiofsd.</summary>
    /// <exception cref="EmuException">Bad options, or nobody listens.</exception>
    public static VhostUserDevice Create(FsOptions options, PhysicalAddressSpace memory, Clock clock, Action<Action>? post, Log log)
    {
        var tag = Encoding.UTF8.GetBytes(options.Tag);
        if (tag.Length is 0 or > TagBytes || tag.Contains((byte)0))
        {
            throw new EmuException($"{options.Name}: the tag '{options.Tag}' must be 1 to {TagBytes} bytes long");
        }

        if (options.RequestQueues is < 1 or > MaximumQueues)
        {
            throw new EmuException($"{options.Name}: {options.RequestQueues} request queues are not possible: give 1 to {MaximumQueues}");
        }

        if (options.QueueSize is < 2 or > VirtQueue.MaximumSize || !System.Numerics.BitOperations.IsPow2(options.QueueSize))
        {
            throw new EmuException($"{options.Name}: a queue of {options.QueueSize} entries is not possible: give a power of two from 2 to {VirtQueue.MaximumSize}");
        }

        var config = new byte[ConfigBytes];
        tag.CopyTo(config, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(TagBytes), (uint)options.RequestQueues);
        return new VhostUserDevice(
            new VhostUserOptions
            {
                Name = options.Name,
                Type = DeviceType,
                SocketPath = options.SocketPath,
                Patience = options.Patience,
                QueueSizes = [.. Enumerable.Repeat(options.QueueSize, options.RequestQueues + 1)],
                Configuration = config,
                HoldsState = HoldsState,
                StateAdvice = "use virtiofsd 1.11 or newer (Debian 13 has 1.13), or unmount the file system in the guest before",
            },
            memory,
            clock,
            post,
            log);
    }

    /// <summary>A server knows a guest from its first request to the one that unmounts (Linux: enum fuse_opcode).</summary>
    private static bool HoldsState(bool before, DescriptorChain request)
    {
        // struct fuse_in_header: length, then operation.
        Span<byte> header = stackalloc byte[2 * sizeof(uint)];
        request.Read(0, header);
        return BinaryPrimitives.ReadUInt32LittleEndian(header[sizeof(uint)..]) switch
        {
            FuseDestroy => false,
            FuseForget or FuseBatchForget => before,
            _ => true,
        };
    }
}
