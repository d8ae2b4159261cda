// A back end for tests: a wire whose other end is two lists.
using Emu.Core;
using Emu.Devices.Host;
using Emu.Devices.Net;

namespace Emu.Devices.Tests.Virtio.Net;

/// <summary>Runs on the test's thread, as back ends do in deterministic mode.</summary>
internal sealed class WireBackend(NetOffload accepts = NetOffload.None, NetOffload gives = NetOffload.None)
    : LoopBackend("wire", new DeterministicClock(0), action => action())
{
    private readonly NetFrame frame = new();

    public List<(byte[] Data, NetHeader Header)> Sent { get; } = [];

    public Queue<(byte[] Data, NetHeader Header)> Waiting { get; } = new();

    public NetOffload GuestTakes { get; private set; }

    public override NetOffload Accepts => accepts;

    public override NetOffload Gives => gives;

    public void Plug(bool up) => SetLink(up);

    public void Deliver(byte[] data, NetHeader header = default)
    {
        Waiting.Enqueue((data, header));
        Kick();
    }

    public override void SetGuestOffloads(NetOffload offloads, int mtu) => GuestTakes = offloads;

    public override void Prepare(PollSet set) { }

    protected override void Carry(PollSet set)
    {
        while (Port.TryTake(frame))
        {
            Sent.Add((frame.Data.ToArray(), frame.Header));
        }

        while (Waiting.TryPeek(out var next))
        {
            frame.Set(next.Data);
            frame.Header = next.Header;
            if (!Port.TryDeliver(frame))
            {
                return;
            }

            Waiting.Dequeue();
        }
    }

    protected override void Close() { }
}
