// A snapshot on disk: config.json (how to build the machine), state (its sections) and memory (RAM, sparse), each checked on load.
using System.Text;
using System.Text.Json;
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>What config.json holds.</summary>
/// <param name="Format">Format of the directory: <see cref="SnapshotDirectory.Format"/>.</param>
/// <param name="Arguments">The machine's options as the command line takes them.</param>
/// <param name="WorkingDirectory">What relative paths in them are relative to.</param>
public sealed record SnapshotConfiguration(int Format, IReadOnlyList<string> Arguments, string WorkingDirectory);

/// <summary>Reads and writes the three files of a snapshot.</summary>
/// <param name="path">The directory.</param>
public sealed class SnapshotDirectory(string path)
{
    /// <summary>Format of the directory that this build writes and reads.</summary>
    public const int Format = 1;

    private const string ConfigurationName = "config.json";
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

    private string ConfigurationPath => System.IO.Path.Combine(Path, ConfigurationName);

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

    /// <summary>Writes config.json: last, so that a directory without one is no snapshot.</summary>
    public void WriteConfiguration(SnapshotConfiguration configuration)
    {
        using var stream = File.Create(ConfigurationPath);
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteNumber("format", configuration.Format);
            writer.WriteString("workingDirectory", configuration.WorkingDirectory);
            writer.WriteStartArray("arguments");
            foreach (var argument in configuration.Arguments)
            {
                writer.WriteStringValue(argument);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        stream.Flush(flushToDisk: true);
    }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="EmuException">Not a snapshot, damaged, or of another format.</exception>
    public SnapshotConfiguration ReadConfiguration()
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(ConfigurationPath));
            var root = document.RootElement;
            var format = root.GetProperty("format").GetInt32();
            if (format != Format)
            {
                throw new EmuException($"snapshot {Path} has format {format}; this build reads format {Format}");
            }

            return new SnapshotConfiguration(
                format,
                [.. root.GetProperty("arguments").EnumerateArray().Select(a => a.GetString() ?? throw new JsonException("an argument is null"))],
                root.GetProperty("workingDirectory").GetString() ?? throw new JsonException("workingDirectory is null"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmuException($"{Path} is not a snapshot: {e.Message}");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new EmuException($"snapshot {Path} is damaged: {ConfigurationName}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>Writes the state file.</summary>
    /// <param name="write">Writes the sections.</param>
    public void WriteState(Action<SnapshotWriter> write)
    {
        using var buffer = new MemoryStream();
        buffer.Write(Magic);
        write(new SnapshotWriter(buffer));
        new SnapshotWriter(buffer).U64(Hash(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
        using var file = File.Create(StatePath);
        buffer.WriteTo(file);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Reads and checks the state file.</summary>
    /// <returns>A reader at the first section.</returns>
    /// <exception cref="EmuException">Missing or damaged.</exception>
    public SnapshotReader ReadState()
    {
        byte[] bytes;
        try
        {
            using var file = File.OpenRead(StatePath);
            if (file.Length < Magic.Length + HashLength || file.Length > LargestState)
            {
                throw new EmuException($"snapshot {Path} is damaged: {StateName} is {file.Length} bytes long");
            }

            bytes = new byte[file.Length];
            file.ReadExactly(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmuException($"snapshot {Path} is damaged: {e.Message}");
        }

        if (!bytes.AsSpan(0, Magic.Length).SequenceEqual(Magic))
        {
            throw new EmuException($"snapshot {Path} is damaged: {StateName} does not begin with {Encoding.ASCII.GetString(Magic)}");
        }

        if (BitConverter.ToUInt64(bytes, bytes.Length - HashLength) != Hash(bytes.AsSpan(0, bytes.Length - HashLength)))
        {
            throw new EmuException($"snapshot {Path} is damaged: the hash of {StateName} is wrong");
        }

        return new SnapshotReader(new MemoryStream(bytes, Magic.Length, bytes.Length - Magic.Length - HashLength, writable: false));
    }

    /// <summary>The hash that guards state and memory.</summary>
    public static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = new XxHash64(0);
        hash.Append(bytes);
        return hash.Finish();
    }
}
