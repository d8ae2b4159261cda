// Terminal backend: pipes and a pseudo-terminal in place of the user's terminal.
using System.Runtime.InteropServices;
using System.Text;
using Emu.Devices.Serial;

namespace Emu.Devices.Tests.Serial;

public sealed unsafe partial class TtyBackendTests : IDisposable
{
    private const int ReadWriteNoControl = 0x102;
    private const int LocalFlagsOffset = 12;
    private const uint ICANON = 2;
    private const uint ECHO = 8;

    private readonly List<int> descriptors = [];

    public void Dispose()
    {
        foreach (var descriptor in descriptors)
        {
            _ = close(descriptor);
        }
    }

    [Fact]
    public void Pipe_IsReadToItsEnd_WithoutEscapes_AndOutputGoesOn()
    {
        var (inRead, inWrite) = Pipe();
        var (outRead, outWrite) = Pipe();
        var sink = new CollectingSink();
        using (var tty = new TtyBackend(inRead, outWrite))
        {
            Assert.False(tty.IsTerminal);
            var quit = false;
            tty.QuitRequested += () => quit = true;
            tty.Start(sink);
            Put(inWrite, "ab\u0001xc");
            Support.WaitFor(() => sink.Text == "ab\u0001xc", "input");
            Close(inWrite);
            Thread.Sleep(20);
            tty.Write("still here"u8);
            Assert.Equal("still here", Get(outRead, 10));
            Assert.False(quit);
        }
    }

    [Fact]
    public void Pipe_LargerThanTheQueue_IsHeldBackAndArrivesWhole()
    {
        var (inRead, inWrite) = Pipe();
        var sink = new CollectingSink(10);
        using var tty = new TtyBackend(inRead, Pipe().Write);
        tty.Start(sink);
        var text = string.Concat(Enumerable.Range(0, 60_000).Select(i => i.ToString()));
        var sender = new Thread(() =>
        {
            Put(inWrite, text);
            Close(inWrite);
        });
        sender.Start();
        Support.WaitFor(() => sink.Text.Length == 10, "what is taken");
        Thread.Sleep(50);
        Assert.Equal(10, sink.Text.Length);
        sink.Limit = int.MaxValue;
        tty.Resume();
        Support.WaitFor(() => sink.Text.Length == text.Length, "the whole text");
        sender.Join();
        Assert.Equal(text, sink.Text);
    }

    [Fact]
    public void ClosedOutput_IsNoError()
    {
        var (outRead, outWrite) = Pipe();
        Close(outRead);
        using var tty = new TtyBackend(Pipe().Read, outWrite);
        tty.Start(new CollectingSink());
        tty.Write("lost"u8);
        tty.Flush();
        tty.Write("lost too"u8);
        tty.Flush();
    }

    [Fact]
    public void Dispose_EndsAReaderThatWaits_AndFlushes()
    {
        var (outRead, outWrite) = Pipe();
        var tty = new TtyBackend(Pipe().Read, outWrite);
        tty.Start(new CollectingSink());
        tty.Write("last words"u8);
        tty.Dispose();
        Assert.Equal("last words", Get(outRead, 10));
    }

    [Fact]
    public void Terminal_IsRawWhileRunning_AndAsBeforeAfterwards()
    {
        var (_, slave) = Terminal();
        var before = Settings(slave);
        Assert.NotEqual(0u, LocalFlags(slave) & (ICANON | ECHO));
        using (var tty = new TtyBackend(slave, slave))
        {
            Assert.True(tty.IsTerminal);
            Assert.Equal(before, Settings(slave));
            tty.Start(new CollectingSink());
            Assert.Equal(0u, LocalFlags(slave) & (ICANON | ECHO));
        }

        Assert.Equal(before, Settings(slave));
    }

    [Fact]
    public void Terminal_ControlCharactersReachTheGuest_AndEscapesDoNot()
    {
        var (master, slave) = Terminal();
        var sink = new CollectingSink();
        using var quit = new ManualResetEventSlim();
        using var tty = new TtyBackend(slave, slave);
        tty.QuitRequested += quit.Set;
        tty.Start(sink);
        Put(master, "a\u0003\u001a\r\u0001\u0001");
        Support.WaitFor(() => sink.Text == "a\u0003\u001a\r\u0001", "input");
        Put(master, "\u0001h");
        Assert.Equal(EscapeSequenceFilter.HelpText, Get(master, EscapeSequenceFilter.HelpText.Length));
        Put(master, "\u0001j");
        Assert.Equal(EscapeSequenceFilter.UnknownText, Get(master, EscapeSequenceFilter.UnknownText.Length));
        Assert.False(quit.IsSet);
        Put(master, "\u0001x");
        Patience.For(quit, "nobody asked to quit");
        Assert.Equal("a\u0003\u001a\r\u0001", sink.Text);
    }

    [Fact]
    public void Terminal_QuitWorksWhileTheGuestTakesNoInput()
    {
        var (master, slave) = Terminal();
        using var quit = new ManualResetEventSlim();
        using var tty = new TtyBackend(slave, slave);
        tty.QuitRequested += quit.Set;
        tty.Start(new CollectingSink(0));
        for (var i = 0; i < 100; i++)
        {
            Put(master, new string('x', 1000));
        }

        Put(master, "\u0001x");
        Patience.For(quit, "nobody asked to quit");
    }

    [Fact]
    public void Terminal_BackendMayBeDisposedByTheQuitHandler()
    {
        var (master, slave) = Terminal();
        var before = Settings(slave);
        using var done = new ManualResetEventSlim();
        var tty = new TtyBackend(slave, slave);
        tty.QuitRequested += () =>
        {
            tty.Dispose();
            done.Set();
        };
        tty.Start(new CollectingSink());
        Put(master, "\u0001x");
        Patience.For(done, "nobody asked to quit");
        Assert.Equal(before, Settings(slave));
    }

    [LibraryImport("libc")]
    private static partial int pipe(int* descriptors);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    [LibraryImport("libc")]
    private static partial nint read(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc")]
    private static partial nint write(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc")]
    private static partial int posix_openpt(int flags);

    [LibraryImport("libc")]
    private static partial int grantpt(int descriptor);

    [LibraryImport("libc")]
    private static partial int unlockpt(int descriptor);

    [LibraryImport("libc")]
    private static partial int ptsname_r(int descriptor, byte* name, nuint length);

    [LibraryImport("libc")]
    private static partial int open(byte* path, int flags);

    [LibraryImport("libc")]
    private static partial int tcgetattr(int descriptor, byte* settings);

    private (int Read, int Write) Pipe()
    {
        var both = stackalloc int[2];
        Assert.Equal(0, pipe(both));
        descriptors.Add(both[0]);
        descriptors.Add(both[1]);
        return (both[0], both[1]);
    }

    private (int Master, int Slave) Terminal()
    {
        var master = posix_openpt(ReadWriteNoControl);
        Assert.True(master >= 0);
        var name = stackalloc byte[64];
        Assert.Equal(0, grantpt(master) | unlockpt(master) | ptsname_r(master, name, 64));
        var slave = open(name, ReadWriteNoControl);
        Assert.True(slave >= 0);
        descriptors.Add(slave);
        descriptors.Add(master);
        return (master, slave);
    }

    private void Close(int descriptor)
    {
        descriptors.Remove(descriptor);
        _ = close(descriptor);
    }

    private static void Put(int descriptor, string text)
    {
        var data = Encoding.Latin1.GetBytes(text);
        fixed (byte* p = data)
        {
            for (var done = 0; done < data.Length;)
            {
                var n = write(descriptor, p + done, (nuint)(data.Length - done));
                Assert.True(n > 0);
                done += (int)n;
            }
        }
    }

    private static string Get(int descriptor, int length)
    {
        var data = new byte[length];
        fixed (byte* p = data)
        {
            for (var done = 0; done < length;)
            {
                var n = read(descriptor, p + done, (nuint)(length - done));
                Assert.True(n > 0);
                done += (int)n;
            }
        }

        return Encoding.Latin1.GetString(data);
    }

    private static byte[] Settings(int descriptor)
    {
        var settings = new byte[128];
        fixed (byte* p = settings)
        {
            Assert.Equal(0, tcgetattr(descriptor, p));
        }

        return settings;
    }

    private static uint LocalFlags(int descriptor) => BitConverter.ToUInt32(Settings(descriptor), LocalFlagsOffset);
}
