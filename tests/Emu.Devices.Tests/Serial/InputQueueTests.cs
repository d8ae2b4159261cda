// Pending host input: order, back-pressure, limits.
using Emu.Devices.Serial;

namespace Emu.Devices.Tests.Serial;

public class InputQueueTests
{
    [Fact]
    public void InputBeforeTheSinkIsAttached_IsDeliveredFirst()
    {
        var queue = new InputQueue();
        var sink = new CollectingSink();
        queue.Enqueue("ab"u8);
        queue.Attach(sink);
        queue.Enqueue("c"u8);
        Assert.Equal("abc", sink.Text);
    }

    [Fact]
    public void RefusedInput_WaitsForResume_InOrder()
    {
        var queue = new InputQueue();
        var sink = new CollectingSink(3);
        queue.Attach(sink);
        queue.Enqueue("abcde"u8);
        queue.Enqueue("fgh"u8);
        Assert.Equal("abc", sink.Text);
        sink.Limit = 7;
        queue.Resume();
        Assert.Equal("abcdefg", sink.Text);
        sink.Limit = int.MaxValue;
        queue.Enqueue("i"u8);
        Assert.Equal("abcdefghi", sink.Text);
    }

    [Fact]
    public void ManySmallSteps_KeepTheStream()
    {
        var queue = new InputQueue();
        var sink = new CollectingSink(0);
        queue.Attach(sink);
        var expected = "";
        for (var i = 0; i < 3000; i++)
        {
            expected += i;
            queue.Enqueue(System.Text.Encoding.ASCII.GetBytes(i.ToString()));
            sink.Limit += 3;
            queue.Resume();
        }

        sink.Limit = int.MaxValue;
        queue.Resume();
        Assert.Equal(expected, sink.Text);
    }

    [Fact]
    public void InputBeyondTheLimit_IsDropped()
    {
        var queue = new InputQueue();
        queue.Enqueue(new byte[InputQueue.Limit - 1]);
        queue.Enqueue("xyz"u8);
        var sink = new CollectingSink();
        queue.Attach(sink);
        Assert.Equal(InputQueue.Limit, sink.Text.Length);
        Assert.EndsWith("x", sink.Text);
    }

    [Fact]
    public void WaitForRoom_BlocksWhileFull_AndEndsWithRoomOrClose()
    {
        var queue = new InputQueue();
        Assert.True(queue.WaitForRoom(InputQueue.Limit));
        queue.Enqueue(new byte[InputQueue.Limit]);
        var result = false;
        var waiter = new Thread(() => result = queue.WaitForRoom(1));
        waiter.Start();
        Assert.False(waiter.Join(50));
        queue.Attach(new CollectingSink());
        Patience.Join(waiter);
        Assert.True(result);
        queue.Close();
        Assert.False(queue.WaitForRoom(1));
    }
}
