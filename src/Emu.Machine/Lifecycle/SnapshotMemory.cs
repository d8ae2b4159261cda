// RAM in a snapshot: a sparse file as long as RAM, and a hash of each chunk that holds data; read back by mapping the file copy-on-write, or
// in full where another process works on RAM too.
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>Writes RAM to a file, checks it and maps it.</summary>
internal static unsafe class SnapshotMemory
{
    /// <summary>Bytes that are written and hashed together, at most.</summary>
    private const ulong Chunk = 1 << 20;

    private const ulong Page = 4096;

    /// <summary>Writes every page that is not zero, and into the state file what it takes to check them.</summary>
    /// <param name="path">The file to make.</param>
    /// <param name="writer">The state file.</param>
    /// <param name="ram">RAM and the host memory behind it.</param>
    public static void Write(string path, SnapshotWriter writer, IReadOnlyList<(RamRegion Region, HostMemory Host)> ram)
    {
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        RandomAccess.SetLength(file, ram.Sum(r => (long)r.Region.Length));
        long start = 0;
        writer.U32((uint)ram.Count);
        foreach (var (region, host) in ram)
        {
            writer.U64(region.Start);
            writer.U64(region.Length);
            var hashes = new List<(uint Index, ulong Hash)>();
            using var touched = new TouchedPages();
            for (ulong offset = 0; offset < region.Length; offset += Chunk)
            {
                var length = Math.Min(Chunk, region.Length - offset);
                if (!HoldsData(touched, host, offset, length))
                {
                    continue;
                }

                WriteRuns(file, region.Host + offset, length, start + (long)offset);
                hashes.Add(((uint)(offset / Chunk), SnapshotDirectory.Hash(new ReadOnlySpan<byte>(region.Host + offset, (int)length))));
            }

            writer.U32((uint)hashes.Count);
            foreach (var (index, hash) in hashes)
            {
                writer.U32(index);
                writer.U64(hash);
            }

            start += (long)region.Length;
        }

        RandomAccess.FlushToDisk(file);
    }

    /// <summary>Maps the file over RAM, or reads it into shared RAM.</summary>
    /// <returns>The check of its contents, which has begun: nobody writes to RAM before the end of its first part.</returns>
    /// <exception cref="InvalidDataException">The file is not as long as it was, or RAM is laid out otherwise.</exception>
    public static SnapshotMemoryCheck Map(string path, SnapshotReader reader, IReadOnlyList<(RamRegion Region, HostMemory Host)> ram)
    {
        using var file = File.OpenHandle(path);
        long expected = 0;
        foreach (var (region, _) in ram)
        {
            expected += (long)region.Length;
        }

        if (RandomAccess.GetLength(file) is var length && length != expected)
        {
            throw new InvalidDataException($"memory is {length} bytes long, expected {expected}");
        }

        if (reader.U32() != ram.Count)
        {
            throw new InvalidDataException($"the number of RAM regions differs, expected {ram.Count}");
        }

        long start = 0;
        var chunks = new List<SnapshotChunk>();
        foreach (var (region, host) in ram)
        {
            if (reader.U64() != region.Start || reader.U64() != region.Length)
            {
                throw new InvalidDataException($"RAM at 0x{region.Start:x} differs");
            }

            var shared = host.Descriptor >= 0;
            if (!shared)
            {
                host.MapCopyOnWrite(file, start);
            }

            for (var count = reader.U32(); count > 0; count--)
            {
                var offset = reader.U32() * Chunk;
                if (offset >= region.Length)
                {
                    throw new InvalidDataException($"a chunk lies outside of RAM at 0x{region.Start:x}");
                }

                var bytes = (int)Math.Min(Chunk, region.Length - offset);
                chunks.Add(new SnapshotChunk((nint)(region.Host + offset), start + (long)offset, bytes, reader.U64()));
                if (shared)
                {
                    host.Fill(file, start + (long)offset, offset, bytes);
                }
            }

            start += (long)region.Length;
        }

        return new SnapshotMemoryCheck(path, chunks);
    }

    private static bool HoldsData(TouchedPages touched, HostMemory host, ulong offset, ulong length)
    {
        for (var at = offset; at < offset + length; at += Page)
        {
            if (touched.MayHoldData(host, at) && IsData(host.Pointer + at))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsData(byte* page) => new ReadOnlySpan<byte>(page, (int)Page).ContainsAnyExcept((byte)0);

    /// <summary>Writes the runs of pages that are not zero; the rest stays a hole.</summary>
    private static void WriteRuns(Microsoft.Win32.SafeHandles.SafeFileHandle file, byte* address, ulong length, long position)
    {
        for (ulong at = 0; at < length;)
        {
            var end = at;
            while (end < length && IsData(address + end))
            {
                end += Page;
            }

            if (end > at)
            {
                RandomAccess.Write(file, new ReadOnlySpan<byte>(address + at, (int)(end - at)), position + (long)at);
            }

            at = end + Page;
        }
    }
}
