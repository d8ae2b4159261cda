// The guest's side of virtio-vsock for tests: packets both ways, with credit.
using System.Runtime.InteropServices;
using Emu.Devices.Virtio;

namespace Emu.Devices.Tests.Virtio.Vsock;

/// <summary>struct virtio_vsock_hdr.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal record struct Packet(ulong SourceCid, ulong DestinationCid, uint SourcePort, uint DestinationPort, uint Length, ushort Type, ushort Operation, uint Flags, uint BufferSize, uint Forwarded);

/// <summary>Drives one device; single-threaded.</summary>
internal sealed class MockVsockGuest
{
    public const ushort Request = 1, Response = 2, Reset = 3, Shutdown = 4, ReadWrite = 5, CreditUpdate = 6, CreditRequest = 7;
    private const uint BufferBytes = 4096;

    private readonly Dictionary<ushort, ulong> posted = [];
    private readonly ulong transmitBuffer;
    private readonly Action? pump;

    public MockVsockGuest(PciHarness harness, int slot, Action? pump = null, int buffers = 16, ulong features = VirtioFeature.DefaultRing)
    {
        this.pump = pump;
        Driver = new MockVirtioDriver(harness, slot).Start(features, 32);
        transmitBuffer = Driver.Allocate(0x2_0000, 4096);
        Post(buffers);
    }

    public MockVirtioDriver Driver { get; }

    /// <summary>Room that packets announce.</summary>
    public uint BufferSize { get; set; } = 64 * 1024;

    /// <summary>Bytes that the guest's program took.</summary>
    public uint Forwarded { get; set; }

    /// <summary>Packets that came and were not asked for yet.</summary>
    public Queue<(Packet Header, byte[] Data)> Inbox { get; } = new();

    public void Post(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Offer(Driver.Allocate(BufferBytes));
        }

        Driver.Notify(0);
    }

    public Packet Header(ushort operation, uint guestPort, uint hostPort, int length = 0, uint flags = 0) =>
        new(3, 2, guestPort, hostPort, (uint)length, 1, operation, flags, BufferSize, Forwarded);

    public void Send(ushort operation, uint guestPort, uint hostPort, ReadOnlySpan<byte> data = default, uint flags = 0) =>
        SendRaw(Header(operation, guestPort, hostPort, data.Length, flags), data);

    public void SendRaw(Packet header, ReadOnlySpan<byte> data = default)
    {
        Assert.True(Driver.Memory.TryWriteRam(transmitBuffer, MemoryMarshal.AsBytes(new ReadOnlySpan<Packet>(in header))));
        Assert.True(Driver.Memory.TryWriteRam(transmitBuffer + 44, data));
        var q = Driver.Queues[1];
        if (data.IsEmpty)
        {
            q.Add(new MockBuffer(transmitBuffer, 44, false));
        }
        else
        {
            q.Add(new MockBuffer(transmitBuffer, 44, false), new MockBuffer(transmitBuffer + 44, (uint)data.Length, false));
        }

        q.Notify();
        Assert.True(SpinWait.SpinUntil(() => q.TakeUsed() is not null, Patience.Limit), "the device did not take the packet");
    }

    /// <summary>The next packet of one kind; credit updates are noted and passed over.</summary>
    public (Packet Header, byte[] Data) Expect(ushort operation)
    {
        (Packet Header, byte[] Data) got = default;
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    pump?.Invoke();
                    Poll();
                    while (Inbox.TryDequeue(out got))
                    {
                        if (got.Header.Operation is not (CreditUpdate or CreditRequest) || got.Header.Operation == operation)
                        {
                            return true;
                        }
                    }

                    return false;
                },
                Patience.Limit),
            $"operation {operation} did not come");
        Assert.Equal(operation, got.Header.Operation);
        return got;
    }

    /// <summary>Takes what came; buffers are posted again unless <paramref name="again"/> says no.</summary>
    public void Poll(bool again = true)
    {
        var q = Driver.Queues[0];
        while (q.TakeUsed() is { } used)
        {
            Assert.True(posted.Remove(used.Id, out var at));
            var bytes = Driver.Fetch(at, (int)used.Written);
            Inbox.Enqueue((MemoryMarshal.Read<Packet>(bytes), bytes[44..]));
            if (again)
            {
                Offer(at);
                q.Notify();
            }
        }
    }

    private void Offer(ulong at) => posted.Add(Driver.Queues[0].Add(new MockBuffer(at, 44, true), new MockBuffer(at + 44, BufferBytes - 44, true)), at);
}
