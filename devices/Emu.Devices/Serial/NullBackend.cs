// Serial backend without a host end: output vanishes, input never comes (--serial null).
namespace Emu.Devices.Serial;

/// <summary>Drops output and has no input.</summary>
public sealed class NullBackend : ICharBackend
{
    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> data) { }

    /// <inheritdoc/>
    public void Start(ICharSink sink) { }

    /// <inheritdoc/>
    public void Resume() { }

    /// <inheritdoc/>
    public void Flush() { }

    /// <inheritdoc/>
    public void CancelWaits() { }

    /// <inheritdoc/>
    public void Dispose() { }
}
