// Buffered output: bursts, prompt arrival, nothing lost at exit, slow and dead readers.
using System.Diagnostics;
using System.Text;
using Emu.Devices.Serial;

namespace Emu.Devices.Tests.Serial;

public class OutputWriterTests
{
    [Fact]
    public void ByteByByteOutput_BecomesFewWrites_AndDisposeLosesNothing()
    {
        var text = new StringBuilder();
        var writes = 0;
        var watch = Stopwatch.StartNew();
        using (var writer = new OutputWriter("test", data =>
        {
            writes++;
            text.Append(Encoding.ASCII.GetString(data));
            return true;
        }))
        {
            for (var i = 0; i < 100_000; i++)
            {
                writer.Write([(byte)('0' + (i % 10))]);
            }
        }

        Assert.Equal(100_000, text.Length);
        Assert.Equal("0123456789", text.ToString(99_990, 10));

        // One for each burst, which lasts for some milliseconds however busy the host is, and one whenever the buffer is full.
        Assert.InRange(writes, 1, watch.ElapsedMilliseconds + 100);
    }

    [Fact]
    public void ALoneCharacter_ArrivesWithoutFlush()
    {
        using var arrived = new ManualResetEventSlim();
        using var writer = new OutputWriter("test", data =>
        {
            arrived.Set();
            return true;
        });
        Thread.Sleep(20);
        writer.Write("x"u8);
        Patience.For(arrived, "the character does not arrive");
    }

    [Fact]
    public void Flush_ReturnsAfterTheDataHasReachedTheHost()
    {
        var total = 0;
        using var writer = new OutputWriter("test", data =>
        {
            Thread.Sleep(20);
            total += data.Length;
            return true;
        });
        writer.Write("abc"u8);
        writer.Flush();
        Assert.Equal(3, total);
    }

    [Fact]
    public void StuckReader_BlocksTheWriterAtTheLimit_UntilWaitsAreCancelled()
    {
        var release = new TaskCompletionSource();
        using var stuck = new ManualResetEventSlim();
        var writer = new OutputWriter("test", _ =>
        {
            stuck.Set();
            release.Task.GetAwaiter().GetResult();
            return true;
        });
        writer.Write("x"u8);
        Patience.For(stuck, "the character does not arrive");
        var guest = new Thread(() =>
        {
            writer.Write(new byte[OutputWriter.Limit]);
            writer.Write("y"u8);
        });
        guest.Start();
        Assert.False(guest.Join(100));
        writer.CancelWaits();
        Patience.Join(guest);
        var end = new Background(writer.Dispose);
        end.Join();
        release.SetResult();
    }

    [Fact]
    public void DeadReader_DropsOutputAndNeverBlocks()
    {
        using var writer = new OutputWriter("test", _ => false);
        writer.Write("x"u8);
        writer.Flush();
        for (var i = 0; i < 3; i++)
        {
            writer.Write(new byte[OutputWriter.Limit]);
        }

        writer.Flush();
    }
}
