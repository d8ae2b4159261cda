// The disks of one run of a guest that boots from a disk: an overlay that takes what the guest writes, and the command of --exec.
using System.Text;
using Emu.Core;
using Emu.Devices.Storage.Qcow2;

namespace Emu.Cli.Guests;

/// <summary>Makes the files; they are there until it is disposed, or longer where the user names them.</summary>
internal sealed class DiskGuest : IDisposable
{
    /// <summary>By this serial number the guest knows the disk that holds a command.</summary>
    private const string CommandSerial = "emu-exec";

    private const int SectorBytes = 512;

    /// <summary>A system with many programs runs much more code than a kernel and a shell.</summary>
    private const ulong CodeCacheBytes = 512UL << 20;

    private readonly List<TemporaryFile> files = [];
    private readonly string systemDisk;
    private readonly string? commandDisk;

    /// <summary>Makes them.</summary>
    /// <param name="image">The guest's image.</param>
    /// <param name="overlay">Where what the guest writes is kept, made if it is not there; null for a file that ends with the run.</param>
    /// <param name="command">Shell command to run, or null.</param>
    /// <param name="commandFile">Where the command is kept, or null for a file that ends with the run.</param>
    /// <exception cref="EmuException">A file cannot be written.</exception>
    public DiskGuest(string image, string? overlay, string? command, string? commandFile)
    {
        try
        {
            image = Path.GetFullPath(image);
            if (overlay is null || !File.Exists(overlay))
            {
                overlay = Write(overlay, Qcow2Overlay.Create(image, "raw", (ulong)new FileInfo(image).Length));
            }

            systemDisk = $"path=\"{overlay}\",image_type=qcow2,backing_files=on";
            if (command is not null)
            {
                // The guest takes the zeros off again.
                var text = Encoding.UTF8.GetBytes(command);
                Array.Resize(ref text, (text.Length + SectorBytes - 1) / SectorBytes * SectorBytes);
                commandDisk = $"path=\"{Write(commandFile, text)}\",image_type=raw,readonly=on,serial={CommandSerial}";
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The machine of a run.</summary>
    /// <param name="firmware">The firmware it boots by, or null when the user chose.</param>
    public GuestDefaults Defaults(string? firmware) => new()
    {
        Firmware = firmware,
        FirstDisks = [systemDisk],
        LastDisks = commandDisk is null ? [] : [commandDisk],
        Nets = ["mode=user"],
        CodeCacheBytes = CodeCacheBytes,
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in files)
        {
            file.Dispose();
        }
    }

    private string Write(string? path, byte[] content)
    {
        if (path is null)
        {
            files.Add(new TemporaryFile(content));
            return files[^1].Path;
        }

        try
        {
            File.WriteAllBytes(path, content);
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EmuException($"'{path}' cannot be written; give a file in a directory you may write to", e);
        }
    }
}
