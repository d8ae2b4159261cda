// The log of a VHDX file: replayed when the file was not closed, written before any change of the block table (MS-VHDX 2.3).
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Vhdx.VhdxFormat;

namespace Emu.Devices.Storage.Vhdx;

/// <summary>Writer and reader of log entries.</summary>
/// <param name="file">The image file.</param>
/// <param name="header">The current header.</param>
internal sealed class VhdxLog(IImageFile file, VhdxHeader header)
{
    // 2.3.1.1: the header of an entry.
    private const int EntryLengthOffset = 8;
    private const int TailOffset = 12;
    private const int SequenceOffset = 16;
    private const int DescriptorCountOffset = 24;
    private const int LogGuidOffset = 32;
    private const int FlushedFileOffset = 48;
    private const int LastFileOffset = 56;

    private uint head;
    private ulong sequence = 1;

    /// <summary>Sectors of 4 KiB that one entry can change. An entry takes less than a third of the log, so that one that starts over at its
    /// beginning never lies over the one before, which counts until the new one is complete.</summary>
    public int MaximumSectors => (int)Math.Min(header.LogLength / 3 / LogSectorBytes - 2, 120);

    private static ReadOnlySpan<byte> EntrySignature => "loge"u8;

    private static ReadOnlySpan<byte> DataDescriptor => "desc"u8;

    private static ReadOnlySpan<byte> ZeroDescriptor => "zero"u8;

    private static ReadOnlySpan<byte> DataSector => "data"u8;

    /// <summary>Applies the newest complete sequence of entries to the file.</summary>
    /// <exception cref="EmuException">There is none, or it cannot be applied.</exception>
    public void Replay()
    {
        var log = new byte[header.LogLength];
        DiskImage.ReadOrThrow(file, header.LogOffset, log);
        var entries = new Dictionary<uint, (ulong Sequence, uint Length, uint Tail)>();
        for (uint at = 0; at < header.LogLength; at += LogSectorBytes)
        {
            if (Parse(log, at) is { } entry)
            {
                entries[at] = entry;
            }
        }

        // 2.3.2: a sequence is the entries in a row, numbered in a row, from the one that the last one names as tail; the one with the highest number counts.
        List<uint>? best = null;
        ulong bestSequence = 0;
        foreach (var (_, last) in entries.Where(e => e.Value.Sequence > bestSequence).ToArray())
        {
            var chain = new List<uint>();
            var at = last.Tail;
            while (chain.Count < entries.Count && entries.TryGetValue(at, out var entry)
                && (chain.Count == 0 || entry.Sequence == entries[chain[^1]].Sequence + 1))
            {
                chain.Add(at);
                if (entry.Sequence == last.Sequence)
                {
                    if (last.Sequence > bestSequence)
                    {
                        (best, bestSequence) = (chain, last.Sequence);
                    }

                    break;
                }

                at = (at + entry.Length) % header.LogLength;
            }
        }

        if (best is null)
        {
            throw new EmuException($"disk image '{file.Path}' is damaged: it was not closed, and its log holds no complete entry to repair it with");
        }

        foreach (var at in best)
        {
            Apply(log, at);
        }

        if (file.Flush() != DiskStatus.Ok)
        {
            throw new EmuException($"disk image '{file.Path}': the log cannot be replayed, the host reports an I/O error");
        }
    }

    /// <summary>Makes a change of some 4 KiB sectors durable in the log; it replaces the entry before, which was applied.</summary>
    public DiskStatus Append(Guid logGuid, IReadOnlyList<(ulong Offset, byte[] Bytes)> sectors)
    {
        var descriptorBytes = (LogEntryHeaderBytes + sectors.Count * LogDescriptorBytes + LogSectorBytes - 1) / LogSectorBytes * LogSectorBytes;
        var entry = new byte[descriptorBytes + sectors.Count * LogSectorBytes];
        if (head + entry.Length > header.LogLength)
        {
            head = 0;
        }

        EntrySignature.CopyTo(entry);
        Put32(entry, EntryLengthOffset, (uint)entry.Length);
        Put32(entry, TailOffset, head);
        Put64(entry, SequenceOffset, sequence);
        Put32(entry, DescriptorCountOffset, (uint)sectors.Count);
        _ = logGuid.TryWriteBytes(entry.AsSpan(LogGuidOffset));
        var length = file.Length / Megabyte * Megabyte;
        Put64(entry, FlushedFileOffset, length);
        Put64(entry, LastFileOffset, length);
        for (var i = 0; i < sectors.Count; i++)
        {
            var descriptor = entry.AsSpan(LogEntryHeaderBytes + i * LogDescriptorBytes, LogDescriptorBytes);
            var (offset, bytes) = sectors[i];
            DataDescriptor.CopyTo(descriptor);
            bytes.AsSpan(LogSectorBytes - 4, 4).CopyTo(descriptor[4..]);
            bytes.AsSpan(0, 8).CopyTo(descriptor[8..]);
            BinaryPrimitives.WriteUInt64LittleEndian(descriptor[16..], offset);
            BinaryPrimitives.WriteUInt64LittleEndian(descriptor[24..], sequence);

            var sector = entry.AsSpan(descriptorBytes + i * LogSectorBytes, LogSectorBytes);
            DataSector.CopyTo(sector);
            BinaryPrimitives.WriteUInt32LittleEndian(sector[4..], (uint)(sequence >> 32));
            bytes.AsSpan(8, LogDataBytes).CopyTo(sector[8..]);
            BinaryPrimitives.WriteUInt32LittleEndian(sector[(LogSectorBytes - 4)..], (uint)sequence);
        }

        Seal(entry);
        var status = file.Write(header.LogOffset + head, entry);
        if (status != DiskStatus.Ok)
        {
            return status;
        }

        head = (head + (uint)entry.Length) % header.LogLength;
        sequence++;
        return file.Flush();
    }

    private static void Put32(byte[] entry, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(offset), value);

    private static void Put64(byte[] entry, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(entry.AsSpan(offset), value);

    /// <summary>The bytes of an entry, which may go on at the start of the log.</summary>
    private static byte[] Take(byte[] log, uint at, uint length)
    {
        var entry = new byte[length];
        var first = (int)Math.Min(length, (uint)log.Length - at);
        log.AsSpan((int)at, first).CopyTo(entry);
        log.AsSpan(0, (int)length - first).CopyTo(entry.AsSpan(first));
        return entry;
    }

    private (ulong Sequence, uint Length, uint Tail)? Parse(byte[] log, uint at)
    {
        var start = log.AsSpan((int)at);
        if (!start[..4].SequenceEqual(EntrySignature) || new Guid(start.Slice(LogGuidOffset, 16)) != header.LogGuid)
        {
            return null;
        }

        var length = BinaryPrimitives.ReadUInt32LittleEndian(start[EntryLengthOffset..]);
        var tail = BinaryPrimitives.ReadUInt32LittleEndian(start[TailOffset..]);
        var number = BinaryPrimitives.ReadUInt64LittleEndian(start[SequenceOffset..]);
        var count = BinaryPrimitives.ReadUInt32LittleEndian(start[DescriptorCountOffset..]);
        if (length == 0 || length % LogSectorBytes != 0 || length > header.LogLength || tail % LogSectorBytes != 0 || tail >= header.LogLength
            || number == 0 || LogEntryHeaderBytes + (ulong)count * LogDescriptorBytes > length)
        {
            return null;
        }

        var entry = Take(log, at, length);
        if (!IsValid(entry, EntrySignature))
        {
            return null;
        }

        // Every descriptor and data sector carries the number of the entry, or the entry was not written whole.
        var data = (LogEntryHeaderBytes + (int)count * LogDescriptorBytes + LogSectorBytes - 1) / LogSectorBytes * LogSectorBytes;
        for (var i = 0; i < count; i++)
        {
            var descriptor = entry.AsSpan(LogEntryHeaderBytes + i * LogDescriptorBytes, LogDescriptorBytes);
            var isData = descriptor[..4].SequenceEqual(DataDescriptor);
            if ((!isData && !descriptor[..4].SequenceEqual(ZeroDescriptor)) || BinaryPrimitives.ReadUInt64LittleEndian(descriptor[24..]) != number
                || BinaryPrimitives.ReadUInt64LittleEndian(descriptor[16..]) % LogSectorBytes != 0)
            {
                return null;
            }

            if (!isData)
            {
                if (BinaryPrimitives.ReadUInt64LittleEndian(descriptor[8..]) % LogSectorBytes != 0)
                {
                    return null;
                }

                continue;
            }

            if (data + LogSectorBytes > length)
            {
                return null;
            }

            var sector = entry.AsSpan(data, LogSectorBytes);
            data += LogSectorBytes;
            if (!sector[..4].SequenceEqual(DataSector) || BinaryPrimitives.ReadUInt32LittleEndian(sector[4..]) != (uint)(number >> 32)
                || BinaryPrimitives.ReadUInt32LittleEndian(sector[(LogSectorBytes - 4)..]) != (uint)number)
            {
                return null;
            }
        }

        return (number, length, tail);
    }

    private void Apply(byte[] log, uint at)
    {
        var entry = Take(log, at, BinaryPrimitives.ReadUInt32LittleEndian(log.AsSpan((int)at + EntryLengthOffset)));
        var count = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(DescriptorCountOffset));
        var flushed = BinaryPrimitives.ReadUInt64LittleEndian(entry.AsSpan(FlushedFileOffset));
        var last = BinaryPrimitives.ReadUInt64LittleEndian(entry.AsSpan(LastFileOffset));
        if (flushed > file.Length)
        {
            throw new EmuException($"disk image '{file.Path}' is damaged: it has {file.Length} bytes, and its log says {flushed}");
        }

        // 2.3.1.1: the file is at least as long as it was; a length far beyond the file is damage, not growth.
        if (last > file.Length && last - file.Length > 64UL << 40)
        {
            throw new EmuException($"disk image '{file.Path}' is damaged: its log says it has {last} bytes");
        }

        var status = last > file.Length ? file.SetLength(last) : DiskStatus.Ok;
        var data = (LogEntryHeaderBytes + (int)count * LogDescriptorBytes + LogSectorBytes - 1) / LogSectorBytes * LogSectorBytes;
        var sector = new byte[LogSectorBytes];
        for (var i = 0; i < count && status == DiskStatus.Ok; i++)
        {
            var descriptor = entry.AsSpan(LogEntryHeaderBytes + i * LogDescriptorBytes, LogDescriptorBytes);
            var offset = BinaryPrimitives.ReadUInt64LittleEndian(descriptor[16..]);
            if (descriptor[..4].SequenceEqual(ZeroDescriptor))
            {
                var length = BinaryPrimitives.ReadUInt64LittleEndian(descriptor[8..]);
                status = offset > file.Length || length > file.Length - offset ? DiskStatus.IoError : file.Zero(offset, length, punch: false);
                continue;
            }

            descriptor.Slice(8, 8).CopyTo(sector);
            entry.AsSpan(data + 8, LogDataBytes).CopyTo(sector.AsSpan(8));
            descriptor.Slice(4, 4).CopyTo(sector.AsSpan(LogSectorBytes - 4));
            data += LogSectorBytes;
            status = offset > file.Length ? DiskStatus.IoError : file.Write(offset, sector);
        }

        if (status != DiskStatus.Ok)
        {
            throw new EmuException($"disk image '{file.Path}': its log cannot be replayed: {(status == DiskStatus.NoSpace ? "the host's disk is full" : "the host reports an I/O error, or the log is damaged")}");
        }
    }
}
