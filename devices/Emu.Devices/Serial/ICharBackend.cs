// Consumer-side contracts of a serial port: where its characters go, where they come from, and the gate between host and device.
namespace Emu.Devices.Serial;

/// <summary>Takes characters that arrive from the host: a device, or a gate in front of one.</summary>
public interface ICharSink
{
    /// <summary>
    /// Offers characters. Any host thread. The sender keeps what was not taken and offers it again when
    /// <see cref="ICharBackend.Resume"/> says that there is room.
    /// </summary>
    /// <param name="data">Characters in order of arrival.</param>
    /// <returns>How many of them were taken, from the front: 0 to the length.</returns>
    int Receive(ReadOnlySpan<byte> data);
}

/// <summary>
/// The host end of a serial port. Output methods are called on vCPU threads, one character at a time, and only append to a buffer.
/// <see cref="IDisposable.Dispose"/> writes out everything that is still buffered.
/// </summary>
public interface ICharBackend : IDisposable
{
    /// <summary>Sends characters of the guest to the host. They arrive within a few milliseconds, and always before
    /// <see cref="IDisposable.Dispose"/> returns. Blocks only while about 1 MiB waits for a slow reader.</summary>
    void Write(ReadOnlySpan<byte> data);

    /// <summary>Begins to read host input and to offer it to <paramref name="sink"/>. Called once, when the machine starts.</summary>
    void Start(ICharSink sink);

    /// <summary>The sink that refused characters has room again: offers the rest, on the caller's thread.
    /// The caller holds no lock that <see cref="ICharSink.Receive"/> takes.</summary>
    void Resume();

    /// <summary>Returns when everything written so far has reached the host, or the host end is gone.</summary>
    void Flush();

    /// <summary>The machine is about to stop: no <see cref="Write"/> blocks from now on, so that vCPU threads can be joined even when
    /// nobody reads the output. Characters that do not fit the buffer are then dropped.</summary>
    void CancelWaits();
}

/// <summary>
/// Stands between a backend and a device: backend → gate → device. A deterministic machine puts in a gate that queues
/// characters and hands them on at an instruction count of its own choice.
/// </summary>
public interface ICharInputGate : ICharSink
{
    /// <summary>Connects both ends; called once by the device's constructor, before any input.</summary>
    /// <param name="device">Where characters go.</param>
    /// <param name="backend">Whom to ask for more.</param>
    void Attach(ICharSink device, ICharBackend backend);

    /// <summary>The device, which had refused characters, can take some now. Called on the vCPU thread whose register access
    /// made the room, with no lock of the device held; the gate may call <see cref="ICharSink.Receive"/> of the device.</summary>
    void RoomAvailable();
}

/// <summary>The gate of a machine that runs in host time: passes straight through.</summary>
public sealed class PassThroughGate : ICharInputGate
{
    private ICharSink? device;
    private ICharBackend? backend;

    /// <inheritdoc/>
    public void Attach(ICharSink device, ICharBackend backend)
    {
        this.device = device;
        this.backend = backend;
    }

    /// <inheritdoc/>
    public int Receive(ReadOnlySpan<byte> data) => device?.Receive(data) ?? 0;

    /// <inheritdoc/>
    public void RoomAvailable() => backend?.Resume();
}
