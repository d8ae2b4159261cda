// Serial backend that writes the guest's output to a file (--serial file=PATH).
using Emu.Core;

namespace Emu.Devices.Serial;

/// <summary>Output to a file, which is emptied first; no input.</summary>
public sealed class FileBackend : ICharBackend
{
    private readonly FileStream file;
    private readonly OutputWriter writer;

    /// <summary>Creates or empties the file.</summary>
    /// <param name="path">Where to write.</param>
    /// <param name="log">Told once when writing fails later, as on a full disk.</param>
    /// <exception cref="EmuException">The file cannot be written.</exception>
    public FileBackend(string path, Log log)
    {
        try
        {
            file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EmuException($"serial file '{path}' cannot be written ({e.Message}): give a file in a directory you may write to", e);
        }

        writer = new OutputWriter("serial file", data =>
        {
            try
            {
                file.Write(data);
                return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                log.Write(LogLevel.Error, $"serial file '{path}': {e.Message}; further output is dropped");
                return false;
            }
            catch (ObjectDisposedException)
            {
                // A write that was stuck past the grace of CancelWaits, as on a FIFO that nobody reads.
                return false;
            }
        });
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> data) => writer.Write(data);

    /// <inheritdoc/>
    public void Start(ICharSink sink) { }

    /// <inheritdoc/>
    public void Resume() { }

    /// <inheritdoc/>
    public void Flush() => writer.Flush();

    /// <inheritdoc/>
    public void CancelWaits() => writer.CancelWaits();

    /// <inheritdoc/>
    public void Dispose()
    {
        writer.Dispose();
        file.Dispose();
    }
}
