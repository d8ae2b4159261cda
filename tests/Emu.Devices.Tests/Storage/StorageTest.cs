// What the image tests share: a directory of their own, and random work on an image beside a model of its bytes.
using Emu.Core;
using Emu.Devices.Storage;

namespace Emu.Devices.Tests.Storage;

/// <summary>Base of the image tests.</summary>
public abstract class StorageTest : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("emu-storage-").FullName;

    /// <inheritdoc/>
    public void Dispose()
    {
        Directory.Delete(directory, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>A path in the test's directory.</summary>
    protected string PathOf(string name) => Path.Combine(directory, name);

    /// <summary>Opens an image.</summary>
    protected static IDiskImage Open(string path, bool readOnly = false, bool backing = false, DiskImageType type = DiskImageType.Auto, bool direct = false, bool sparse = true, Log? log = null) =>
        DiskImage.Open(path, new DiskImageOptions { ReadOnly = readOnly, BackingFiles = backing, ImageType = type, Direct = direct, Sparse = sparse, Log = log ?? Log.Null });

    /// <summary>Bytes that differ from sector to sector, with stretches of zeroes.</summary>
    protected static byte[] Pattern(int length, int seed)
    {
        var random = new Random(seed);
        var bytes = new byte[length];
        for (var at = 0; at < length;)
        {
            var part = Math.Min(length - at, random.Next(1, 200) * 512);
            switch (random.Next(3))
            {
                case 0:
                    random.NextBytes(bytes.AsSpan(at, part));
                    break;
                case 1:
                    bytes.AsSpan(at, part).Fill((byte)random.Next(1, 256));
                    break;
            }

            at += part;
        }

        return bytes;
    }

    /// <summary>Reads the whole disk.</summary>
    protected static byte[] ReadAll(IDiskImage image)
    {
        var bytes = new byte[image.Capacity];
        Assert.Equal(DiskStatus.Ok, image.Read(0, bytes));
        return bytes;
    }

    /// <summary>The same bytes; names the first that differs.</summary>
    protected static void AssertSame(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var at = expected.CommonPrefixLength(actual);
        Assert.True(at == expected.Length, at == expected.Length ? "" : $"{what}: byte {at} is {actual[at]:x2}, expected {expected[at]:x2}");
    }

    /// <summary>Random reads, writes, discards, zeroes and flushes, each checked against the model.</summary>
    /// <param name="image">The image.</param>
    /// <param name="model">The bytes of the disk; kept up to date.</param>
    /// <param name="seed">Of the random numbers.</param>
    /// <param name="operations">How many.</param>
    /// <param name="largest">Bytes of the largest transfer.</param>
    protected static unsafe void Work(IDiskImage image, byte[] model, int seed, int operations, int largest)
    {
        var random = new Random(seed);
        var buffer = new byte[largest];
        for (var i = 0; i < operations; i++)
        {
            var unit = random.Next(4) == 0 ? 1 : 512;
            var length = Math.Max(unit, (int)(Math.Pow(random.NextDouble(), 3) * largest) / unit * unit);
            var offset = (int)(random.NextInt64(0, model.Length - length + 1) / unit * unit);
            var what = $"operation {i} at {offset}+{length}";
            switch (random.Next(12))
            {
                case < 6:
                    random.NextBytes(buffer.AsSpan(0, length));
                    buffer.AsSpan(0, length).CopyTo(model.AsSpan(offset));
                    fixed (byte* p = buffer)
                    {
                        var cut = (uint)random.Next(0, length + 1);
                        DiskSegment[] segments = [new(p, cut), new(p, 0), new(p + cut, (uint)length - cut)];
                        Assert.True(image.Write((ulong)offset, segments) == DiskStatus.Ok, what);
                    }

                    break;
                case < 9:
                    Assert.True(image.Read((ulong)offset, buffer.AsSpan(0, length)) == DiskStatus.Ok, what);
                    AssertSame(model.AsSpan(offset, length), buffer.AsSpan(0, length), what);
                    break;
                case 9:
                    Assert.True(image.Discard((ulong)offset, (ulong)length) is DiskStatus.Ok or DiskStatus.Unsupported, what);
                    Assert.True(image.Read((ulong)offset, buffer.AsSpan(0, length)) == DiskStatus.Ok, what);
                    for (var k = 0; k < length; k++)
                    {
                        if (buffer[k] != model[offset + k])
                        {
                            Assert.True(buffer[k] == 0, what);
                            model[offset + k] = 0;
                        }
                    }

                    break;
                case 10:
                    Assert.True(image.WriteZeroes((ulong)offset, (ulong)length, random.Next(2) == 0) == DiskStatus.Ok, what);
                    model.AsSpan(offset, length).Clear();
                    break;
                default:
                    Assert.True(image.Flush() == DiskStatus.Ok, what);
                    break;
            }
        }
    }
}
