// Serial backend on the emulator's own standard input and output (--serial tty).
using System.Runtime.InteropServices;
using System.Text;

namespace Emu.Devices.Serial;

/// <summary>
/// The user's terminal, or whatever standard input and output are. A terminal is made raw and the <see cref="EscapeSequenceFilter"/>
/// listens on it; a pipe or a file is passed on as it is until its end, after which the guest simply gets no more input.
/// </summary>
public sealed unsafe class TtyBackend : ICharBackend
{
    private const int ReadBytes = 1024;

    private readonly InputQueue queue = new();
    private readonly EscapeSequenceFilter filter = new();
    private readonly OutputWriter writer;
    private readonly int input;
    private readonly int output;
    private readonly int wake;
    private RawTerminal? terminal;
    private Thread? thread;
    private bool disposed;

    /// <summary>Prepares the backend; nothing is read and no setting changes before <see cref="Start"/>.</summary>
    /// <param name="inputDescriptor">Where input comes from; standard input by default.</param>
    /// <param name="outputDescriptor">Where output goes; standard output by default.</param>
    public TtyBackend(int inputDescriptor = 0, int outputDescriptor = 1)
    {
        input = inputDescriptor;
        output = outputDescriptor;
        IsTerminal = RawTerminal.IsTerminal(input);
        wake = Libc.eventfd(0, 0);
        writer = new OutputWriter("tty output", data => Libc.WriteAll(output, data));
    }

    /// <summary>Ctrl-A X was typed. Raised on the input thread; output waits are already cancelled, so the machine can be stopped at once.</summary>
    public event Action? QuitRequested;

    /// <summary>Ctrl-A S was typed. Raised on the input thread; what it returns is printed on a line of its own.</summary>
    public Func<string>? SnapshotRequested { get; set; }

    /// <summary>Ctrl-A P was typed. Raised on the input thread.</summary>
    public event Action? PowerButtonRequested;

    /// <summary>Whether input is a terminal; it is raw, and needs "\r\n" line ends, from <see cref="Start"/> to <see cref="Dispose"/>.</summary>
    public bool IsTerminal { get; }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> data) => writer.Write(data);

    /// <inheritdoc/>
    public void Start(ICharSink sink)
    {
        queue.Attach(sink);
        if (IsTerminal)
        {
            terminal = new RawTerminal(input);
        }

        thread = new Thread(ReadLoop) { IsBackground = true, Name = "tty input" };
        thread.Start();
    }

    /// <inheritdoc/>
    public void Resume() => queue.Resume();

    /// <inheritdoc/>
    public void Flush() => writer.Flush();

    /// <inheritdoc/>
    public void CancelWaits() => writer.CancelWaits();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        queue.Close();
        var one = 1UL;
        _ = Libc.write(wake, (byte*)&one, 8);

        // The input thread may itself be the one that ends the machine, in answer to Ctrl-A X.
        if (thread != null && thread != Thread.CurrentThread)
        {
            thread.Join();
            _ = Libc.close(wake);
        }

        writer.Dispose();
        terminal?.Dispose();
    }

    private void ReadLoop()
    {
        var buffer = stackalloc byte[ReadBytes];
        var descriptors = stackalloc Libc.PollDescriptor[2];
        while (IsTerminal || queue.WaitForRoom(ReadBytes))
        {
            descriptors[0] = new Libc.PollDescriptor { Descriptor = input, Events = Libc.POLLIN };
            descriptors[1] = new Libc.PollDescriptor { Descriptor = wake, Events = Libc.POLLIN };
            if (Libc.poll(descriptors, 2, -1) < 0)
            {
                if (Marshal.GetLastPInvokeError() == Libc.EINTR)
                {
                    continue;
                }

                return;
            }

            if (descriptors[1].Returned != 0)
            {
                return;
            }

            var n = Libc.read(input, buffer, ReadBytes);
            if (n > 0)
            {
                Accept(new ReadOnlySpan<byte>(buffer, (int)n));
            }
            else if (n == 0 || Marshal.GetLastPInvokeError() is not (Libc.EINTR or Libc.EAGAIN))
            {
                return;
            }
        }
    }

    private void Accept(ReadOnlySpan<byte> data)
    {
        if (!IsTerminal)
        {
            queue.Enqueue(data);
            return;
        }

        Span<byte> forward = stackalloc byte[ReadBytes];
        var length = 0;
        foreach (var character in data)
        {
            switch (filter.Next(character))
            {
                case EscapeAction.Forward:
                    forward[length++] = character;
                    break;
                case EscapeAction.Quit:
                    writer.CancelWaits();
                    QuitRequested?.Invoke();
                    break;
                case EscapeAction.Snapshot:
                    writer.Write(Encoding.UTF8.GetBytes($"\r\n{SnapshotRequested?.Invoke() ?? "this machine cannot be saved"}\r\n"));
                    break;
                case EscapeAction.PowerButton:
                    PowerButtonRequested?.Invoke();
                    break;
                case EscapeAction.Help:
                    writer.Write(Encoding.ASCII.GetBytes(EscapeSequenceFilter.HelpText));
                    break;
                case EscapeAction.Unknown:
                    writer.Write(Encoding.ASCII.GetBytes(EscapeSequenceFilter.UnknownText));
                    break;
                default:
                    break;
            }
        }

        queue.Enqueue(forward[..length]);
    }
}
