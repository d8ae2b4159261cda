// What a driver of virtio-blk does, for tests: requests with header, data and status, and the configuration by name.
using System.Buffers.Binary;

namespace Emu.Devices.Tests;

/// <summary>The block driver on a bench.</summary>
internal sealed class BlockDriver(VirtioBench bench)
{
    public const uint In = 0, Out = 1, Flush = 4, GetId = 8, Discard = 11, WriteZeroes = 13;
    public const byte Ok = 0, IoError = 1, Unsupported = 2;
    public const ulong ReadOnlyBit = 1 << 5, FlushBit = 1 << 9, WceBit = 1 << 11, MultiQueueBit = 1 << 12, DiscardBit = 1 << 13, WriteZeroesBit = 1 << 14;

    public MockVirtioDriver M => bench.Driver;

    public ulong Config(int offset, int size) => M.Memory.Read(M.Bar + 0x4000 + (ulong)offset, size);

    public void SetWriteBack(bool on) => M.Memory.Write(M.Bar + 0x4020, 1, on ? 1u : 0);

    public ulong Header(uint type, ulong sector)
    {
        var header = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), sector);
        return M.Put(header);
    }

    /// <summary>A status byte that no device writes.</summary>
    public ulong StatusByte() => M.Put([0xEE]);

    /// <summary>One request with the data in pieces of an odd length.</summary>
    public (byte Status, byte[] Data, uint Written) Do(uint type, ulong sector, ReadOnlySpan<byte> data, int reads = 0, int queue = 0, int piece = 1000)
    {
        List<MockBuffer> buffers = [new(Header(type, sector), 16, false)];
        for (var at = 0; at < data.Length; at += piece)
        {
            var part = data.Slice(at, Math.Min(piece, data.Length - at));
            buffers.Add(new MockBuffer(M.Put(part), (uint)part.Length, false));
        }

        var target = reads == 0 ? 0 : M.Allocate((uint)reads);
        for (var at = 0; at < reads; at += piece)
        {
            buffers.Add(new MockBuffer(target + (ulong)at, (uint)Math.Min(piece, reads - at), true));
        }

        var status = StatusByte();
        buffers.Add(new MockBuffer(status, 1, true));
        var written = bench.Do(queue, [.. buffers]);
        return (M.Fetch(status, 1)[0], reads == 0 ? [] : M.Fetch(target, reads), written);
    }

    public byte Write(ulong sector, ReadOnlySpan<byte> data) => Do(Out, sector, data).Status;

    public byte[] Read(ulong sector, int length)
    {
        var (status, data, written) = Do(In, sector, [], length);
        Assert.Equal(Ok, status);
        Assert.Equal((uint)length + 1, written);
        return data;
    }

    public static byte[] Range(ulong sector, uint count, uint flags = 0)
    {
        var range = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(range, sector);
        BinaryPrimitives.WriteUInt32LittleEndian(range.AsSpan(8), count);
        BinaryPrimitives.WriteUInt32LittleEndian(range.AsSpan(12), flags);
        return range;
    }
}
