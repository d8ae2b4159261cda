// Remembers whether the console stands at the start of a line, so that what is printed after the guest's output gets a line of its own.
using Emu.Devices.Serial;

namespace Emu.Cli.Host;

/// <summary>Passes everything on to another back end.</summary>
/// <param name="inner">The real back end.</param>
internal sealed class LineTracker(ICharBackend inner) : ICharBackend
{
    /// <summary>Whether the last character was a line feed, or there was none.</summary>
    public bool AtLineStart { get; private set; } = true;

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> data)
    {
        if (!data.IsEmpty)
        {
            AtLineStart = data[^1] == (byte)'\n';
        }

        inner.Write(data);
    }

    /// <inheritdoc/>
    public void Start(ICharSink sink) => inner.Start(sink);

    /// <inheritdoc/>
    public void Resume() => inner.Resume();

    /// <inheritdoc/>
    public void Flush() => inner.Flush();

    /// <inheritdoc/>
    public void CancelWaits() => inner.CancelWaits();

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();
}
