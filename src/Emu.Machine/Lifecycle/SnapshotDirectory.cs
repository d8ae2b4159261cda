// A snapshot on disk: state (how to build the machine, and its sections) and memory (RAM, sparse), each checked on load.
using System.Text;
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>Reads and writes the files of a snapshot.</summary>
/// <param name="path">The directory.</param>
public sealed class SnapshotDirectory(string path)
{
    /// <summary>Format of the directory that this build writes and reads.</summary>
    public const uint Format = 2;

    private const string StateName = "state";
    private const string MemoryName = "memory";

    /// <summary>First bytes of the state file.</summary>
    private static readonly byte[] Magic = "EMUSTATE"u8.ToArray();

    /// <summary>State is some hundred KiB; a file larger than this is not one.</summary>
    private const long LargestState = 1L << 30;

    private const int HashLength = sizeof(ulong);

    /// <summary>Path of the directory.</summary>
    public string Path { get; } = path;

    /// <summary>Path of the RAM's file.</summary>
    public string MemoryPath => System.IO.Path.Combine(Path, MemoryName);

    private string StatePath => System.IO.Path.Combine(Path, StateName);

    /// <summary>Makes the directory, or takes an empty one.</summary>
    /// <exception cref="EmuException">It cannot be made, or holds something.</exception>
    public void Create()
    {
        try
        {
            Directory.CreateDirectory(Path);
            if (Directory.EnumerateFileSystemEntries(Path).Any())
            {
                throw new EmuException($"snapshot directory {Path} is not empty; give a new one");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmuException($"cannot make the snapshot directory {Path}: {e.Message}");
        }
    }

    /// <summary>Writes the state file: last, so that a directory without one is no snapshot.</summary>
    /// <param name="arguments">How to build the machine: its options as the command line takes them, with full paths.</param>
    /// <param name="write">Writes the sections, and RAM beside them.</param>
    public void WriteState(IReadOnlyList<string> arguments, Action<SnapshotWriter> write)
    {
        using var buffer = new MemoryStream();
        buffer.Write(Magic);
        var writer = new SnapshotWriter(buffer);
        writer.U32(Format);
        writer.U32((uint)arguments.Count);
        foreach (var argument in arguments)
        {
            writer.String(argument);
        }

        write(writer);
        writer.U64(Hash(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
        using var file = File.Create(StatePath);
        buffer.WriteTo(file);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Reads and checks the state file.</summary>
    /// <returns>How to build the machine, and a reader at the first section.</returns>
    /// <exception cref="EmuException">Not a snapshot, damaged, or of another format.</exception>
    public (IReadOnlyList<string> Arguments, SnapshotReader Sections) ReadState()
    {
        byte[] bytes;
        try
        {
            using var file = File.OpenHandle(StatePath);
            var length = RandomAccess.GetLength(file);
            if (length < Magic.Length + HashLength || length > LargestState)
            {
                throw new EmuException($"snapshot {Path} is damaged: {StateName} is {length} bytes long");
            }

            bytes = new byte[length];
            if (RandomAccess.Read(file, bytes, 0) != bytes.Length)
            {
                throw new EmuException($"snapshot {Path} is damaged: {StateName} ended early");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmuException($"{Path} is not a snapshot: {e.Message}");
        }

        if (!bytes.AsSpan(0, Magic.Length).SequenceEqual(Magic))
        {
            throw new EmuException($"snapshot {Path} is damaged: {StateName} does not begin with {Encoding.ASCII.GetString(Magic)}");
        }

        if (BitConverter.ToUInt64(bytes, bytes.Length - HashLength) != Hash(bytes.AsSpan(0, bytes.Length - HashLength)))
        {
            throw new EmuException($"snapshot {Path} is damaged: the hash of {StateName} is wrong");
        }

        var reader = new SnapshotReader(new MemoryStream(bytes, Magic.Length, bytes.Length - Magic.Length - HashLength, writable: false));
        try
        {
            return (ReadArguments(reader), reader);
        }
        catch (InvalidDataException e)
        {
            throw new EmuException($"snapshot {Path} is damaged: {e.Message}");
        }
    }

    private List<string> ReadArguments(SnapshotReader reader)
    {
        var format = reader.U32();
        if (format != Format)
        {
            throw new EmuException($"snapshot {Path} has format {format}; this build reads format {Format}");
        }

        var arguments = new List<string>();
        for (var count = reader.U32(); count > 0; count--)
        {
            arguments.Add(reader.String());
        }

        return arguments;
    }

    /// <summary>The hash that guards state and memory.</summary>
    public static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = new XxHash64(0);
        hash.Append(bytes);
        return hash.Finish();
    }
}
