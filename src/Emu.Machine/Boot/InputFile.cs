// Opens the files a user names, turning every failure into one line that names the option and the file.
using Emu.Core;
using Microsoft.Win32.SafeHandles;

namespace Emu.Machine.Boot;

/// <summary>A file to boot from.</summary>
public sealed class InputFile : IDisposable
{
    private readonly SafeFileHandle handle;
    private readonly string what;

    private InputFile(string what, string path, SafeFileHandle handle, long length)
    {
        this.what = what;
        this.handle = handle;
        Path = path;
        Length = length;
    }

    /// <summary>Path as the user gave it.</summary>
    public string Path { get; }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>Opens a regular file for reading.</summary>
    /// <param name="what">What it is, for messages: "--kernel".</param>
    /// <param name="path">Path.</param>
    /// <exception cref="EmuException">It cannot be read, or is empty.</exception>
    public static InputFile Open(string what, string path)
    {
        if (path.Length == 0)
        {
            throw new EmuException($"{what}: the path is empty; give a file");
        }

        if (Directory.Exists(path))
        {
            throw new EmuException($"{what} '{path}' is a directory; give a file");
        }

        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
            var length = RandomAccess.GetLength(handle);
            if (length == 0)
            {
                throw new EmuException($"{what} '{path}' is empty or not a regular file");
            }

            return new InputFile(what, path, handle, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException or EmuException)
        {
            handle?.Dispose();
            throw e switch
            {
                EmuException => e,
                FileNotFoundException or DirectoryNotFoundException => new EmuException($"{what} '{path}': no such file", e),
                UnauthorizedAccessException => new EmuException($"{what} '{path}': permission denied; make the file readable", e),
                _ => new EmuException($"{what} '{path}' cannot be read; give a regular file", e),
            };
        }
    }

    /// <summary>Fills a buffer from an offset.</summary>
    /// <exception cref="EmuException">The file is shorter, or the host fails to read it.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                var count = RandomAccess.Read(handle, destination, offset);
                if (count == 0)
                {
                    throw new EmuException($"{what} '{Path}' became shorter while it was read; try again");
                }

                offset += count;
                destination = destination[count..];
            }
        }
        catch (IOException e)
        {
            throw new EmuException($"{what} '{Path}': the host failed to read it", e);
        }
    }

    /// <summary>The whole file, or a part of it.</summary>
    /// <exception cref="EmuException">The part is not in the file, is over 2 GiB, or the host fails to read it.</exception>
    public byte[] ReadBytes(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Length || length > Length - offset || length > Array.MaxLength)
        {
            throw new EmuException($"{what} '{Path}' is damaged: it names bytes it does not have");
        }

        var bytes = new byte[length];
        Read(offset, bytes);
        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();
}
