// A virtio device for tests of transport and queues: returns the readable bytes, in upper case, in the writable ones.
using Emu.Core;
using Emu.Devices.Virtio;

namespace Emu.Devices.Tests;

/// <summary>Works on the notifying thread, as a device does in deterministic mode.</summary>
internal sealed class EchoDevice(int queueCount = 2, ushort size = 256, ushort type = 42, ulong ring = VirtioFeature.DefaultRing | VirtioFeature.RingPacked | VirtioFeature.RingReset)
    : VirtioDevice("echo", type, [.. Enumerable.Repeat(size, queueCount)])
{
    private readonly DescriptorChain chain = new();
    private readonly byte[] buffer = new byte[4096];
    private VirtQueue?[] queues = [];

    public override ulong DeviceFeatures => 0b101;

    public override ulong RingFeatures => ring;

    public bool Active => queues.Length != 0;

    public bool Suppress { get; set; } = true;

    public int Served { get; private set; }

    public uint Register { get; private set; } = 0x1122_3344;

    public VirtQueue? Queue(int index) => queues[index];

    public void Change() => Transport.ConfigChanged();

    public override void ReadConfig(int offset, Span<byte> data)
    {
        for (var i = 0; i < data.Length && offset + i < 4; i++)
        {
            data[i] = (byte)(Register >> (8 * (offset + i)));
        }
    }

    public override void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
        if (offset == 0 && data.Length == 4)
        {
            Register = BitConverter.ToUInt32(data);
        }
    }

    public override void Activate(VirtQueue?[] queues, ulong features) => this.queues = queues;

    public override void Reset() => queues = [];

    public override void ResetQueue(int queue) => queues[queue] = null;

    public override void EnableQueue(VirtQueue queue) => queues[queue.Index] = queue;

    public override void Notify(int queue)
    {
        if (queue >= queues.Length || queues[queue] is not { } q)
        {
            return;
        }

        do
        {
            if (Suppress)
            {
                q.DisableNotifications();
            }

            while (q.TryPop(chain))
            {
                var n = chain.Read(0, buffer);
                for (var i = 0; i < n; i++)
                {
                    buffer[i] = buffer[i] is >= (byte)'a' and <= (byte)'z' ? (byte)(buffer[i] - 32) : buffer[i];
                }

                q.Push(chain, (uint)chain.Write(0, buffer.AsSpan(0, n)));
                Served++;
            }

            q.Signal();
        }
        while (Suppress && q.EnableNotifications());
    }

    public override void Save(SnapshotWriter writer) => writer.U32(Register);

    public override void Restore(SnapshotReader reader) => Register = reader.U32();
}
