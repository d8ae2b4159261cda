// The guest's side of a network card, for tests: receive buffers, frames with headers, commands.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Emu.Devices.Net;
using Emu.Devices.Virtio;

namespace Emu.Devices.Tests.Virtio.Net;

/// <summary>A frame as the driver got it.</summary>
internal sealed record ReceivedFrame(byte[] Data, NetHeader Header, int Buffers, int Queue);

/// <summary>Drives one card; single-threaded.</summary>
internal sealed class MockNetDriver
{
    public const ulong Csum = 1, GuestCsum = 2, GuestOffloadsControl = 4, Mtu = 8, Mac = 32, GuestTso4 = 1 << 7, GuestTso6 = 1 << 8, GuestEcn = 1 << 9, GuestUfo = 1 << 10;
    public const ulong HostTso4 = 1 << 11, HostTso6 = 1 << 12, HostEcn = 1 << 13, HostUfo = 1 << 14, Mergeable = 1 << 15, Status = 1 << 16;
    public const ulong Control = 1 << 17, ControlRx = 1 << 18, ControlVlan = 1 << 19, Announce = 1 << 21, MultiQueue = 1 << 22, ControlMac = 1 << 23;

    private readonly uint bufferLength;
    private readonly int pairs;
    private readonly Dictionary<ushort, ulong>[] posted;
    private readonly ulong transmitBuffer;
    private readonly ulong commandBuffer;

    public MockNetDriver(PciHarness harness, int slot, ulong features, int pairs = 1, uint bufferLength = 1526, ushort size = 64, ulong heap = PciHarness.RamBase + 0x10_0000, int buffers = 32)
    {
        Driver = new MockVirtioDriver(harness, slot, heap).Start(features, size);
        this.bufferLength = bufferLength;
        this.pairs = pairs;
        posted = [.. Enumerable.Range(0, pairs).Select(_ => new Dictionary<ushort, ulong>())];
        transmitBuffer = Driver.Allocate(0x1_1000, 4096);
        commandBuffer = Driver.Allocate(4096);
        for (var p = 0; p < pairs; p++)
        {
            for (var i = 0; i < buffers; i++)
            {
                Post(p, Driver.Allocate(bufferLength));
            }

            Driver.Notify(p * 2);
        }
    }

    public MockVirtioDriver Driver { get; }

    /// <summary>Frames taken so far and not looked at.</summary>
    public Queue<ReceivedFrame> Inbox { get; } = new();

    /// <summary>Puts a buffer into a receive queue.</summary>
    public void Post(int pair, ulong address)
    {
        var id = Driver.Queues[pair * 2].Add(new MockBuffer(address, bufferLength, true));
        posted[pair].Add(id, address);
    }

    /// <summary>Sends a frame in two buffers, and waits until the card has taken it.</summary>
    public void Send(ReadOnlySpan<byte> frame, NetHeader header = default, int pair = 0)
    {
        Span<byte> wire = stackalloc byte[12];
        MemoryMarshal.Write(wire, in header);
        Assert.True(Driver.Memory.TryWriteRam(transmitBuffer, wire));
        Assert.True(Driver.Memory.TryWriteRam(transmitBuffer + 12, frame));
        SendRaw(pair, new MockBuffer(transmitBuffer, 12, false), new MockBuffer(transmitBuffer + 12, (uint)frame.Length, false));
    }

    public void SendRaw(int pair, params ReadOnlySpan<MockBuffer> buffers)
    {
        var q = Driver.Queues[(pair * 2) + 1];
        q.Add(buffers);
        q.Notify();
        Assert.True(SpinWait.SpinUntil(() => q.TakeUsed() is not null, Patience.Limit), "the card did not take the frame");
    }

    /// <summary>Runs a control command and returns its answer.</summary>
    public byte Command(byte kind, byte code, params ReadOnlySpan<byte> data)
    {
        Assert.True(Driver.Memory.TryWriteRam(commandBuffer, [kind, code, .. data]));
        Driver.Memory.Write(commandBuffer + 4000, 1, 0xEE);
        var q = Driver.Queues[^1];
        q.Add(new MockBuffer(commandBuffer, (uint)data.Length + 2, false), new MockBuffer(commandBuffer + 4000, 1, true));
        q.Notify();
        Assert.True(SpinWait.SpinUntil(() => q.TakeUsed() is not null, Patience.Limit), "the card did not answer the command");
        return (byte)Driver.Memory.Read(commandBuffer + 4000, 1);
    }

    /// <summary>Takes what was received into <see cref="Inbox"/> and posts the buffers again.</summary>
    public int Poll()
    {
        var count = 0;
        for (var p = 0; p < pairs; p++)
        {
            var q = Driver.Queues[p * 2];
            while (TakeFrame(p, q) is { } frame)
            {
                Inbox.Enqueue(frame);
                count++;
                q.Notify();
            }
        }

        return count;
    }

    /// <summary>The next frame that a test looks for; others are dropped.</summary>
    public ReceivedFrame Wait(Func<ReceivedFrame, bool> wanted, string what, Action? pump = null)
    {
        ReceivedFrame? found = null;
        var ok = SpinWait.SpinUntil(
            () =>
            {
                pump?.Invoke();
                Poll();
                while (found is null && Inbox.TryDequeue(out var next))
                {
                    found = wanted(next) ? next : null;
                }

                return found is not null;
            },
            Patience.Limit);
        Assert.True(ok, $"{what} did not come");
        return found!;
    }

    private ReceivedFrame? TakeFrame(int pair, MockVirtQueue q)
    {
        if (q.TakeUsed() is not { } first)
        {
            return null;
        }

        var bytes = Claim(pair, first);
        var header = MemoryMarshal.Read<NetHeader>(bytes);
        var buffers = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(10));
        var data = bytes[12..].ToList();
        for (var i = 1; i < buffers; i++)
        {
            data.AddRange(Claim(pair, q.TakeUsed() ?? throw new InvalidOperationException("a frame came without all of its buffers")));
        }

        return new ReceivedFrame([.. data], header, buffers, pair * 2);
    }

    private byte[] Claim(int pair, (ushort Id, uint Written) used)
    {
        Assert.True(posted[pair].Remove(used.Id, out var at));
        Assert.InRange(used.Written, 1u, bufferLength);
        var data = Driver.Fetch(at, (int)used.Written);
        Post(pair, at);
        return data;
    }
}
