// Input of the virtio console: characters go straight into the buffers that the guest offers.
namespace Emu.Devices.Virtio.Console;

public sealed partial class VirtioConsole
{
    private readonly Lock receiver = new();
    private readonly DescriptorChain buffer = new();
    private VirtQueue? receiveQueue;
    private bool paused;

    /// <summary>The sender holds characters that were not taken.</summary>
    private bool refused;

    /// <inheritdoc/>
    public int Receive(ReadOnlySpan<byte> data)
    {
        lock (receiver)
        {
            var taken = 0;
            if (receiveQueue is { } queue && !paused)
            {
                // A ring's length of buffers at most: they may be empty, and offered again and again by another vCPU.
                for (var left = (int)queue.Size; left > 0 && taken < data.Length && Pop(queue); left--)
                {
                    var n = buffer.Write(0, data[taken..]);
                    queue.Push(buffer, (uint)n);
                    taken += n;
                }

                queue.Signal();
            }

            refused |= taken < data.Length;
            return taken;
        }
    }

    /// <summary>The next buffer. When there is none, the driver is asked to tell of the next one.</summary>
    private bool Pop(VirtQueue queue) => queue.TryPop(buffer) || (queue.EnableNotifications() && queue.TryPop(buffer));

    private void StartReceiver(VirtQueue? queue)
    {
        lock (receiver)
        {
            receiveQueue = queue;

            // A sender may have been refused before there was a queue, or by another state of the device.
            refused = true;
        }
    }

    /// <summary>The driver offered buffers: outside the lock, the sender is asked for what it holds.</summary>
    private void BuffersOffered()
    {
        bool ask;
        lock (receiver)
        {
            ask = refused && !paused && receiveQueue is not null;
            refused &= !ask;
        }

        if (ask)
        {
            input.RoomAvailable();
        }
    }

    private void PauseReceiver()
    {
        lock (receiver)
        {
            paused = true;
        }
    }

    private void ResumeReceiver()
    {
        lock (receiver)
        {
            paused = false;
        }

        BuffersOffered();
    }
}
