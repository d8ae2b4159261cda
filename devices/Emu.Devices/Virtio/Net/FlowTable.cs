// Receive steering: frames of a flow go to the queue pair that the guest last sent on for that flow (virtio 1.2, 5.1.6.5.5).
using Emu.Devices.Net;

namespace Emu.Devices.Virtio.Net;

/// <summary>Remembers queue pairs by a hash of addresses and ports that is the same in both directions.</summary>
internal sealed class FlowTable
{
    private const int Size = 1024;

    private readonly byte[] pairs = new byte[Size];

    public void Clear() => Array.Clear(pairs);

    public Span<byte> State => pairs;

    public void Learn(ReadOnlySpan<byte> frame, int pair) => pairs[Hash(frame)] = (byte)pair;

    public int Find(ReadOnlySpan<byte> frame) => pairs[Hash(frame)];

    private static int Hash(ReadOnlySpan<byte> frame)
    {
        var layout = FrameLayout.Of(frame);
        if (!layout.IsIp4 && !layout.IsIp6)
        {
            return 0;
        }

        // One's complement sums do not mind which end is the source.
        var sum = InternetChecksum.Add(layout.Protocol, layout.Addresses(frame));
        if (layout.IsTcp(frame) || layout.IsUdp)
        {
            sum = InternetChecksum.Add(sum, frame.Slice(layout.Transport, 4));
        }

        return (int)(((uint)InternetChecksum.Fold(sum) * 0x9E37_79B1u) >> 22);
    }
}
