// Damaged and hostile images: random bytes in headers and tables give one line or a status, never a crash, a hang or a wild access.
using System.Buffers.Binary;
using System.Diagnostics;
using Emu.Core;
using Emu.Devices.Storage;

namespace Emu.Devices.Tests.Storage;

/// <summary>Seeded mutation of images of every format.</summary>
public sealed class FuzzTests : StorageTest
{
    [QemuTheory]
    [InlineData("qcow2", "cluster_size=4096", 2500)]
    [InlineData("qcow2", "cluster_size=512,refcount_bits=1", 800)]
    [InlineData("qcow2", "cluster_size=65536,compat=0.10", 800)]
    [InlineData("qcow2c", "cluster_size=4096,compression_type=zlib", 800)]
    [InlineData("qcow2c", "cluster_size=4096,compression_type=zstd", 800)]
    [InlineData("vhdx", "block_size=1048576", 300)]
    [InlineData("vpc", "subformat=fixed,force_size", 500)]
    public void DamagedImage_EndsInALineOrAStatus(string format, string features, int rounds)
    {
        var original = Create(format, features);
        var places = InterestingPlaces(original, format);
        var opened = 0;
        var buffer = new byte[1 << 16];
        for (var seed = 0; seed < rounds; seed++)
        {
            var random = new Random(seed);
            var bytes = Mutate(original, places, random);
            var watch = Stopwatch.StartNew();
            try
            {
                using var disk = DiskImage.Open(new FaultyFile(bytes) { Limit = 64 << 20 }, new DiskImageOptions { BackingFiles = seed % 2 == 0 });
                opened++;
                Assert.True(disk.Capacity > 0 && disk.Capacity <= long.MaxValue);
                for (var i = 0; i < 24; i++)
                {
                    var limit = random.Next(3) == 0 ? disk.Capacity : Math.Min(disk.Capacity, 1 << 20);
                    var length = (int)Math.Min((ulong)random.Next(1, buffer.Length), limit);
                    var offset = (ulong)random.NextInt64(0, (long)(limit - (ulong)length) + 1);
                    var status = random.Next(6) switch
                    {
                        0 => disk.Write(offset, buffer.AsSpan(0, length)),
                        1 => disk.Discard(offset, (ulong)length),
                        2 => disk.WriteZeroes(offset, (ulong)length, random.Next(2) == 0),
                        3 => disk.Flush(),
                        _ => disk.Read(offset, buffer.AsSpan(0, length)),
                    };
                    Assert.True(Enum.IsDefined(status));
                }
            }
            catch (EmuException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                Assert.InRange(e.Message.Length, 20, 600);
            }

            Assert.True(watch.Elapsed < Patience.Limit, $"seed {seed} took {watch.Elapsed}");
        }

        Assert.True(opened > rounds / 20, $"only {opened} of {rounds} images could be opened: the mutations are too coarse");
    }

    private byte[] Create(string format, string features)
    {
        var raw = PathOf("model.raw");
        var image = PathOf("image");
        File.WriteAllBytes(raw, Pattern(1 << 20, seed: 11));
        string[] compress = format == "qcow2c" ? ["-c"] : [];
        QemuImg.Run(["convert", .. compress, "-f", "raw", "-O", format == "qcow2c" ? "qcow2" : format, "-o", features, raw, image]);
        return File.ReadAllBytes(image);
    }

    /// <summary>Where the header and the tables are.</summary>
    private static (int Start, int Length)[] InterestingPlaces(byte[] image, string format)
    {
        if (format == "vhdx")
        {
            return [(64 << 10, 80), (128 << 10, 80), (192 << 10, 128), (256 << 10, 128), (1 << 20, 4096), (2 << 20, 512), (3 << 20, 64), ((3 << 20) - (1 << 16), 64)];
        }

        if (format == "vpc")
        {
            return [(image.Length - 512, 88)];
        }

        var cluster = 1 << image[23];
        var l1 = (int)BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(40));
        var refcounts = (int)BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(48));
        var block = (int)BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(refcounts));
        var l2 = (int)(BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(l1)) & 0x00FF_FFFF_FFFF_FE00);
        return [(0, 112), (0, cluster), (l1, 16), (refcounts, 16), (block, Math.Min(cluster, 1024)), (l2, Math.Min(cluster, 2048)), (l2, cluster)];
    }

    private static byte[] Mutate(byte[] original, (int Start, int Length)[] places, Random random)
    {
        var bytes = (byte[])original.Clone();
        for (var n = random.Next(1, 5); n > 0; n--)
        {
            var (start, length) = places[random.Next(places.Length)];
            var at = Math.Min(start + random.Next(length), bytes.Length - 8);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    random.NextBytes(bytes.AsSpan(at & ~7, 8));
                    break;
                case 3:
                    bytes.AsSpan(at & ~7, 8).Fill(0xFF);
                    break;
                default:
                    // One table entry over another: shared clusters, tables as data.
                    bytes.AsSpan((start + random.Next(length)) & ~7, 8).ToArray().CopyTo(bytes.AsSpan(Math.Min(at & ~7, bytes.Length - 8)));
                    break;
            }
        }

        return bytes;
    }
}
