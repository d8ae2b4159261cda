// The virtio console (virtio 1.2, 5.3), one port: queues, configuration and transmission; input is in VirtioConsole.Receive.cs.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Serial;

namespace Emu.Devices.Virtio.Console;

/// <summary>Choices of a console.</summary>
/// <param name="Name">Name for messages and snapshots.</param>
/// <param name="Columns">Columns of the host's window; 0 if not known.</param>
/// <param name="Rows">Rows of the host's window; 0 if not known.</param>
public sealed record VirtioConsoleOptions(string Name, ushort Columns = 0, ushort Rows = 0);

/// <summary>
/// A console on a serial back end. Output takes no time: it is appended to the back end's buffer on the notifying thread. Input waits on the
/// host's side until the guest offers buffers.
/// </summary>
/// <remarks>
/// Wiring: as for <see cref="Pl011"/>: <c>var console = new VirtioConsole(options, backend, gate)</c> behind a <see cref="VirtioPciTransport"/>,
/// then <c>backend.Start(console.Input)</c> when the machine starts; the back end is the caller's to dispose of. A change of the window's size
/// goes to <see cref="Resize"/>, in deterministic mode through the machine's input queue.
/// </remarks>
public sealed partial class VirtioConsole : VirtioDevice, ICharSink, IRequestHandler
{
    /// <summary>Device type.</summary>
    public const ushort DeviceType = 3;

    /// <summary>Bytes of one request that are printed at most; the rest is dropped. Linux sends 4 KiB.</summary>
    public const int MaximumOutput = 1 << 20;

    /// <summary>VIRTIO_CONSOLE_F_SIZE: cols and rows are valid.</summary>
    private const ulong SizeFeature = 1;

    // Configuration (5.3.4).
    private const int ColumnsOffset = 0;
    private const int RowsOffset = 2;
    private const int ConfigSize = 4;

    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;
    private const ushort QueueSize = 256;
    private const byte SnapshotVersion = 1;

    private readonly ICharBackend backend;
    private readonly ICharInputGate input;
    private readonly NotifiedQueue transmitter;

    /// <summary>Columns | rows &lt;&lt; 16.</summary>
    private uint size;

    /// <summary>Creates a console.</summary>
    /// <param name="options">Name and size.</param>
    /// <param name="backend">Host end.</param>
    /// <param name="gate">Stands before the receiver; straight through when null.</param>
    public VirtioConsole(VirtioConsoleOptions options, ICharBackend backend, ICharInputGate? gate = null)
        : base(options.Name, DeviceType, QueueSize, QueueSize)
    {
        this.backend = backend;
        size = options.Columns | ((uint)options.Rows << 16);
        transmitter = new NotifiedQueue(this);
        input = gate ?? new PassThroughGate();
        input.Attach(this, backend);
    }

    /// <summary>Where the back end delivers input: the gate.</summary>
    public ICharSink Input => input;

    /// <inheritdoc/>
    public override ulong DeviceFeatures => SizeFeature;

    /// <summary>The host's window has another size: the guest is told.</summary>
    public void Resize(ushort columns, ushort rows)
    {
        var now = columns | ((uint)rows << 16);
        if (Interlocked.Exchange(ref size, now) != now)
        {
            Transport.ConfigChanged();
        }
    }

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[ConfigSize];
        var now = Volatile.Read(ref size);
        BinaryPrimitives.WriteUInt16LittleEndian(config[ColumnsOffset..], (ushort)now);
        BinaryPrimitives.WriteUInt16LittleEndian(config[RowsOffset..], (ushort)(now >> 16));
        if (offset < ConfigSize)
        {
            config[offset..Math.Min(ConfigSize, offset + data.Length)].CopyTo(data);
        }
    }

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features)
    {
        StartReceiver(queues[ReceiveQueue]);
        transmitter.Start(queues[TransmitQueue]);
    }

    /// <inheritdoc/>
    public override void Notify(int queue)
    {
        if (queue == TransmitQueue)
        {
            transmitter.Serve();
        }
        else
        {
            BuffersOffered();
        }
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        StartReceiver(null);
        transmitter.Stop();
    }

    /// <inheritdoc/>
    public override void Pause()
    {
        PauseReceiver();
        transmitter.Pause();
    }

    /// <inheritdoc/>
    public override void Resume()
    {
        transmitter.Resume();
        ResumeReceiver();
    }

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        writer.U8(SnapshotVersion);
        writer.U32(Volatile.Read(ref size));
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        reader.Version(SnapshotVersion, Name);
        Volatile.Write(ref size, reader.U32());
    }

    /// <summary>Prints the readable part of a request.</summary>
    unsafe uint IRequestHandler.Handle(DescriptorChain chain)
    {
        var left = MaximumOutput;
        foreach (ref readonly var s in chain.Readable)
        {
            var length = (int)Math.Min(s.Length, (uint)left);
            if (length == 0)
            {
                break;
            }

            backend.Write(new ReadOnlySpan<byte>(s.Host, length));
            left -= length;
        }

        return 0;
    }
}
