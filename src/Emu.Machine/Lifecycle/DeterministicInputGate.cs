// Holds serial input of a deterministic machine back until a turn has ended.
using Emu.Devices.Serial;

namespace Emu.Machine.Lifecycle;

/// <summary>Between a serial back end and its device: characters wait here, and enter the device through <see cref="HostInputQueue"/>.</summary>
/// <param name="input">Where deliveries queue.</param>
public sealed class DeterministicInputGate(HostInputQueue input) : ICharInputGate
{
    private const int Capacity = 4096;

    private readonly object gate = new();
    private readonly byte[] waiting = new byte[Capacity];
    private ICharSink? device;
    private ICharBackend? backend;
    private int count;
    private bool posted;
    private bool refused;

    /// <inheritdoc/>
    public void Attach(ICharSink device, ICharBackend backend)
    {
        this.device = device;
        this.backend = backend;
    }

    /// <inheritdoc/>
    public int Receive(ReadOnlySpan<byte> data)
    {
        lock (gate)
        {
            var taken = Math.Min(data.Length, Capacity - count);
            data[..taken].CopyTo(waiting.AsSpan(count));
            count += taken;
            refused |= taken < data.Length;
            Post();
            return taken;
        }
    }

    /// <inheritdoc/>
    public void RoomAvailable()
    {
        lock (gate)
        {
            Post();
        }
    }

    private void Post()
    {
        if (count > 0 && !posted)
        {
            posted = true;
            input.Post(Deliver);
        }
    }

    /// <summary>On the machine's thread, between turns: gives the device what it takes; the rest waits for <see cref="RoomAvailable"/>.</summary>
    private void Deliver()
    {
        Span<byte> offer = stackalloc byte[Pl011.FifoDepth];
        while (true)
        {
            int length;
            bool resume;
            lock (gate)
            {
                posted = false;
                length = Math.Min(count, offer.Length);
                waiting.AsSpan(0, length).CopyTo(offer);
            }

            var taken = length == 0 ? 0 : device!.Receive(offer[..length]);
            lock (gate)
            {
                waiting.AsSpan(taken, count - taken).CopyTo(waiting);
                count -= taken;
                resume = refused && count < Capacity;
                refused &= !resume;
            }

            if (resume)
            {
                backend!.Resume();
            }

            if (taken < length || length == 0)
            {
                return;
            }
        }
    }
}
