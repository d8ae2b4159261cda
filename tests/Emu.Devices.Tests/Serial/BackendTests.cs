// File, null and socket backends against the real host.
using System.Net.Sockets;
using System.Text;
using Emu.Core;
using Emu.Devices.Serial;

namespace Emu.Devices.Tests.Serial;

public sealed class BackendTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("emu-serial-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private string At(string name) => Path.Combine(directory, name);

    [Fact]
    public void File_IsEmptiedAndGetsEverything()
    {
        File.WriteAllText(At("log"), "old content that is longer");
        using (var backend = new FileBackend(At("log"), Log.Null))
        {
            backend.Start(new CollectingSink());
            backend.Write("new "u8);
            backend.Flush();
            Assert.Equal("new ", File.ReadAllText(At("log")));
            backend.Write("text"u8);
        }

        Assert.Equal("new text", File.ReadAllText(At("log")));
    }

    [Theory]
    [InlineData("missing/log")]
    [InlineData(".")]
    public void File_ThatCannotBeWritten_IsAOneLineError(string name)
    {
        var error = Assert.Throws<EmuException>(() => new FileBackend(At(name), Log.Null));
        Assert.DoesNotContain('\n', error.Message);
        Assert.Contains(name, error.Message);
    }

    [Fact]
    public void File_FullDisk_IsToldOnceAndOutputIsDropped()
    {
        var messages = new SharedText();
        using (var backend = new FileBackend("/dev/full", new Log(messages)))
        {
            backend.Write("x"u8);
            backend.Flush();
            backend.Write("y"u8);
            backend.Flush();
        }

        Assert.Single(messages.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Null_SwallowsOutput()
    {
        using var backend = new NullBackend();
        var sink = new CollectingSink();
        backend.Start(sink);
        backend.Write("x"u8);
        backend.Resume();
        backend.Flush();
        Assert.Equal("", sink.Text);
    }

    [Fact]
    public void Socket_CarriesBothDirections_AndAClientMayComeBack()
    {
        var path = At("s");
        var sink = new CollectingSink();
        using (var backend = new SocketBackend(path))
        {
            backend.Start(sink);
            backend.Write("nobody hears this"u8);
            for (var round = 0; round < 2; round++)
            {
                using var client = Connect(path);
                client.Send("in\n"u8);
                var expected = string.Concat(Enumerable.Repeat("in\n", round + 1));
                Support.WaitFor(() => sink.Text == expected, "input");
                backend.Write("o"u8);
                backend.Write("ut"u8);
                Assert.Equal("out", ReceiveText(client, 3));
            }
        }

        Assert.False(File.Exists(path));
    }

    [Fact]
    public void Socket_SecondClientWaitsForTheFirstToLeave()
    {
        var sink = new CollectingSink();
        using var backend = new SocketBackend(At("s"));
        backend.Start(sink);
        var first = Connect(At("s"));
        first.Send("1"u8);
        Support.WaitFor(() => sink.Text == "1", "first client");
        using var second = Connect(At("s"));
        second.Send("2"u8);
        Thread.Sleep(50);
        Assert.Equal("1", sink.Text);
        first.Dispose();
        Support.WaitFor(() => sink.Text == "12", "second client");
    }

    [Fact]
    public void Socket_InputIsHeldUntilTheDeviceTakesIt()
    {
        var sink = new CollectingSink(2);
        using var backend = new SocketBackend(At("s"));
        backend.Start(sink);
        using var client = Connect(At("s"));
        client.Send("abcdef"u8);
        Support.WaitFor(() => sink.Text == "ab", "the first two");
        sink.Limit = 6;
        Support.WaitFor(
            () =>
            {
                backend.Resume();
                return sink.Text == "abcdef";
            },
            "the rest");
    }

    [Fact]
    public void Socket_OutputToAClientThatVanished_IsNoError()
    {
        var sink = new CollectingSink();
        using var backend = new SocketBackend(At("s"));
        backend.Start(sink);
        using (var client = Connect(At("s")))
        {
            client.Send("x"u8);
            Support.WaitFor(() => sink.Text == "x", "input");
        }

        for (var i = 0; i < 100; i++)
        {
            backend.Write(new byte[1000]);
        }

        backend.Flush();
        using var next = Connect(At("s"));
        next.Send("y"u8);
        Support.WaitFor(() => sink.Text == "xy", "the next client");
    }

    [Fact]
    public void Socket_DisposeWithAConnectedClient_SendsTheRestAndCloses()
    {
        var sink = new CollectingSink();
        var backend = new SocketBackend(At("s"));
        backend.Start(sink);
        using var client = Connect(At("s"));
        client.Send("x"u8);
        Support.WaitFor(() => sink.Text == "x", "input");
        backend.Write("bye"u8);
        backend.Dispose();
        Assert.Equal("bye", ReceiveText(client, 3));
        Assert.Equal(0, client.Receive(new byte[1]));
    }

    [Fact]
    public void Socket_StaleFileOfADeadProcess_IsReplaced()
    {
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            dead.Bind(new UnixDomainSocketEndPoint(At("real")));

            // .NET unlinks the bound path on close: a second link to it stays behind, as after a crash.
            File.Move(At("real"), At("s"));
        }

        Assert.True(File.Exists(At("s")));
        using var backend = new SocketBackend(At("s"));
        backend.Start(new CollectingSink());
        using var client = Connect(At("s"));
        Assert.True(client.Connected);
    }

    [Fact]
    public void Socket_PathOfAFile_IsAnErrorAndTheFileStays()
    {
        File.WriteAllText(At("s"), "precious");
        var error = Assert.Throws<EmuException>(() => new SocketBackend(At("s")));
        Assert.Contains("no socket", error.Message);
        Assert.Equal("precious", File.ReadAllText(At("s")));
    }

    [Fact]
    public void Socket_InUse_IsAnErrorAndTheOwnerKeepsWorking()
    {
        var sink = new CollectingSink();
        using var owner = new SocketBackend(At("s"));
        owner.Start(sink);
        var error = Assert.Throws<EmuException>(() => new SocketBackend(At("s")));
        Assert.Contains("in use", error.Message);
        using var client = Connect(At("s"));
        client.Send("x"u8);
        Support.WaitFor(() => sink.Text == "x", "input");
    }

    [Fact]
    public void Socket_ImpossiblePaths_AreOneLineErrors()
    {
        foreach (var path in new[] { "", At(new string('x', 200)), At("missing/s") })
        {
            var error = Assert.Throws<EmuException>(() => new SocketBackend(path));
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    private static Socket Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = (int)Patience.Limit.TotalMilliseconds };
        socket.Connect(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    private static string ReceiveText(Socket client, int length)
    {
        var data = new byte[length];
        for (var done = 0; done < length;)
        {
            var n = client.Receive(data.AsSpan(done));
            Assert.True(n > 0, "connection closed early");
            done += n;
        }

        return Encoding.ASCII.GetString(data);
    }
}
