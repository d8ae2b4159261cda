// What the serial, RTC and GPIO tests share: a recorded interrupt line, a backend in memory, snapshot helpers, and waiting.
using Emu.Core;
using Emu.Devices.Serial;

namespace Emu.Devices.Tests.Serial;

internal sealed class TestLine : IInterruptLine
{
    public bool Level { get; private set; }

    public int Assertions { get; private set; }

    public void Set(bool level)
    {
        if (level && !Level)
        {
            Assertions++;
        }

        Level = level;
    }
}

/// <summary>Keeps output in a list and input in the queue that real backends use.</summary>
internal sealed class MemoryBackend : ICharBackend
{
    private readonly InputQueue queue = new();

    public List<byte> Output { get; } = [];

    public int Resumes { get; private set; }

    public void Type(ReadOnlySpan<byte> data) => queue.Enqueue(data);

    public void Write(ReadOnlySpan<byte> data) => Output.AddRange(data);

    public void Start(ICharSink sink) => queue.Attach(sink);

    public void Resume()
    {
        Resumes++;
        queue.Resume();
    }

    public void Flush() { }

    public void CancelWaits() { }

    public void Dispose() { }
}

/// <summary>Collects what a backend delivers, taking at most <paramref name="limit"/> bytes in all.</summary>
internal sealed class CollectingSink(int limit = int.MaxValue) : ICharSink
{
    private readonly List<byte> data = [];

    public int Limit { get; set; } = limit;

    public string Text
    {
        get
        {
            lock (data)
            {
                return System.Text.Encoding.Latin1.GetString(data.ToArray());
            }
        }
    }

    public int Receive(ReadOnlySpan<byte> offered)
    {
        lock (data)
        {
            var taken = Math.Min(offered.Length, Limit - data.Count);
            data.AddRange(offered[..taken]);
            return taken;
        }
    }
}

internal static class Support
{
    public static byte[] Save(ISnapshotable device)
    {
        var stream = new MemoryStream();
        device.Save(new SnapshotWriter(stream));
        return stream.ToArray();
    }

    public static void Restore(ISnapshotable device, byte[] state) => device.Restore(new SnapshotReader(new MemoryStream(state)));

    /// <summary>Waits for another thread's work.</summary>
    public static void WaitFor(Func<bool> condition, string what) => Patience.Until(condition, $"timed out waiting for {what}");

    /// <summary>Random accesses of every size at and around every register; fails if anything throws.</summary>
    public static void Hammer(IMmioDevice device, int seed, Action<Random> between)
    {
        var random = new Random(seed);
        for (var i = 0; i < 50_000; i++)
        {
            var offset = random.Next(8) switch
            {
                0 => (ulong)random.NextInt64(),
                1 => ulong.MaxValue - (ulong)random.Next(16),
                2 => (ulong)random.Next(0x1010),
                _ => (ulong)random.Next(0x450 / 4) * 4,
            };
            var size = 1 << random.Next(4);
            if (random.Next(2) == 0)
            {
                device.Write(offset, size, (ulong)random.NextInt64(long.MinValue, long.MaxValue));
            }
            else
            {
                device.Read(offset, size);
            }

            between(random);
        }
    }
}
