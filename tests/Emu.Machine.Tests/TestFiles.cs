// Files for the tests: a directory that goes away, and kernels made of a header and filler.
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Emu.Machine.Tests;

/// <summary>A temporary directory.</summary>
public sealed class TestFiles : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-test-");

    /// <summary>Writes a file.</summary>
    public string Write(string name, byte[] content)
    {
        var path = Path.Combine(directory.FullName, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>A path in the directory.</summary>
    public string Name(string name) => Path.Combine(directory.FullName, name);

    /// <inheritdoc/>
    public void Dispose() => directory.Delete(recursive: true);

    /// <summary>An arm64 Image: header, then bytes that count up.</summary>
    public static byte[] Image(int length = 4096, ulong textOffset = 0, ulong imageSize = 8192, ulong flags = 0xA)
    {
        var image = new byte[length];
        for (var i = 64; i < length; i++)
        {
            image[i] = (byte)i;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(8), textOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(16), imageSize);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(24), flags);
        Encoding.ASCII.GetBytes("ARMd").CopyTo(image, 56);
        return image;
    }

    /// <summary>Compresses with gzip.</summary>
    public static byte[] Gzip(byte[] data)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest))
        {
            gzip.Write(data);
        }

        return output.ToArray();
    }

    /// <summary>Wraps a payload as EFI zboot.</summary>
    public static byte[] Zboot(byte[] payload, string compression)
    {
        const int PayloadOffset = 1024;
        var file = new byte[PayloadOffset + payload.Length + 100];
        Encoding.ASCII.GetBytes("MZ").CopyTo(file, 0);
        Encoding.ASCII.GetBytes("zimg").CopyTo(file, 4);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(8), PayloadOffset);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(12), payload.Length);
        Encoding.ASCII.GetBytes(compression).CopyTo(file, 24);
        payload.CopyTo(file, PayloadOffset);
        return file;
    }
}
