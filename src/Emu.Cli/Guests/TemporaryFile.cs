// A file without a name: it is gone when the process is, however that ends.
using Emu.Core;
using Microsoft.Win32.SafeHandles;

namespace Emu.Cli.Guests;

/// <summary>The file; it can be opened by <see cref="Path"/> as long as this object is not disposed.</summary>
internal sealed class TemporaryFile : IDisposable
{
    /// <summary>Where large temporary files go on a Linux system (file hierarchy standard); TMPDIR comes first.</summary>
    private const string DefaultDirectory = "/var/tmp";

    private readonly SafeFileHandle handle;

    /// <summary>Creates it.</summary>
    /// <param name="content">What it holds.</param>
    /// <exception cref="EmuException">The directory for temporary files cannot be written to.</exception>
    public TemporaryFile(ReadOnlySpan<byte> content)
    {
        var directory = Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } chosen ? chosen
            : Directory.Exists(DefaultDirectory) ? DefaultDirectory
            : System.IO.Path.GetTempPath();
        var name = System.IO.Path.Combine(directory, $"emu-{Guid.NewGuid():N}");
        try
        {
            handle = File.OpenHandle(name, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            File.Delete(name);
            RandomAccess.Write(handle, content, 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            handle?.Dispose();
            throw new EmuException($"no temporary file can be written in {directory}; give a directory with room in TMPDIR", e);
        }
    }

    /// <summary>Opens the same file again.</summary>
    public string Path => $"/proc/self/fd/{handle.DangerousGetHandle()}";

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();
}
