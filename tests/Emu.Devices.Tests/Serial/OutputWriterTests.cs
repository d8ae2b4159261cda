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
        Assert.InRange(writes, 1, 2000);
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
        Assert.True(arrived.Wait(2000));
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
        var writer = new OutputWriter("test", _ =>
        {
            release.Task.GetAwaiter().GetResult();
            return true;
        });
        writer.Write("x"u8);
        Thread.Sleep(50);
        var guest = new Thread(() =>
        {
            writer.Write(new byte[OutputWriter.Limit]);
            writer.Write("y"u8);
        });
        guest.Start();
        Assert.False(guest.Join(100));
        writer.CancelWaits();
        Assert.True(guest.Join(5000));
        var watch = Stopwatch.StartNew();
        writer.Dispose();
        Assert.True(watch.ElapsedMilliseconds < 5000);
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
