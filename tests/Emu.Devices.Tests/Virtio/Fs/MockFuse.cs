// The guest's side of virtio-fs for tests: FUSE requests over the request queue (Linux: include/uapi/linux/fuse.h, 7.31).
using System.Buffers.Binary;
using System.Text;

namespace Emu.Devices.Tests.Virtio.Fs;

/// <summary>Speaks FUSE through one request queue.</summary>
internal sealed class MockFuse(MockVirtioDriver driver)
{
    private const uint Lookup = 1, Open = 14, Read = 15, Init = 26, Create = 35, Write = 16, Release = 18, DestroySession = 38;
    private const int HeaderIn = 40, HeaderOut = 16;
    private const uint ReplyRoom = 0x2_0000;
    private readonly ulong request = driver.Allocate(0x1_1000, 4096);
    private readonly ulong reply = driver.Allocate(ReplyRoom, 4096);
    private ulong unique;

    public const ulong Root = 1;

    /// <summary>Greets the server; returns its minor version.</summary>
    public uint Start()
    {
        var body = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(body, 7);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(4), 31);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(8), 65536);
        var answer = Do(Init, 0, body);
        Assert.Equal(7u, BinaryPrimitives.ReadUInt32LittleEndian(answer));
        return BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(4));
    }

    /// <summary>Finds a name; its node, or minus errno.</summary>
    public long Find(ulong directory, string name)
    {
        var (error, body) = Try(Lookup, directory, [.. Encoding.UTF8.GetBytes(name), 0]);
        return error != 0 ? error : BinaryPrimitives.ReadInt64LittleEndian(body);
    }

    public ulong OpenFile(ulong node, uint flags = 0)
    {
        var body = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(body, flags);
        return BinaryPrimitives.ReadUInt64LittleEndian(Do(Open, node, body));
    }

    public byte[] ReadFile(ulong node, ulong handle, ulong offset, uint size)
    {
        var body = new byte[40];
        BinaryPrimitives.WriteUInt64LittleEndian(body, handle);
        BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(8), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), size);

        // The server fills what there is, as Linux gives it: no more room than asked for.
        return Do(Read, node, body, size);
    }

    /// <summary>Makes a read available, with buffers of its own, and does not wait; returns where the data will be.</summary>
    public ulong BeginRead(ulong node, ulong handle, ulong offset, uint size)
    {
        var message = new byte[HeaderIn + 40];
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)message.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), Read);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(8), ++unique);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(16), node);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(40), handle);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(48), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(56), size);
        var sent = driver.Put(message);
        var answer = driver.Allocate(HeaderOut + size);
        driver.Queues[1].Add(new MockBuffer(sent, HeaderIn, false), new MockBuffer(sent + HeaderIn, 40, false), new MockBuffer(answer, HeaderOut, true), new MockBuffer(answer + HeaderOut, size, true));
        return answer + HeaderOut;
    }

    /// <summary>Says goodbye, as an unmount does.</summary>
    public void Destroy() => Do(DestroySession, 0, []);

    public uint WriteFile(ulong node, ulong handle, ulong offset, byte[] data)
    {
        var body = new byte[40];
        BinaryPrimitives.WriteUInt64LittleEndian(body, handle);
        BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(8), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), (uint)data.Length);
        return BinaryPrimitives.ReadUInt32LittleEndian(Do(Write, node, [.. body, .. data]));
    }

    /// <summary>Makes a file; node and handle.</summary>
    public (ulong Node, ulong Handle) CreateFile(ulong directory, string name)
    {
        var body = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(body, 0x8042);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(4), 0x81A4);
        var answer = Do(Create, directory, [.. body, .. Encoding.UTF8.GetBytes(name), 0]);
        return (BinaryPrimitives.ReadUInt64LittleEndian(answer), BinaryPrimitives.ReadUInt64LittleEndian(answer.AsSpan(128)));
    }

    public void Close(ulong node, ulong handle)
    {
        var body = new byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(body, handle);
        Do(Release, node, body);
    }

    private byte[] Do(uint operation, ulong node, byte[] body, uint room = ReplyRoom - HeaderOut)
    {
        var (error, answer) = Try(operation, node, body, room);
        Assert.True(error == 0, $"operation {operation} failed with {error}");
        return answer;
    }

    /// <summary>One request: header, body, and room for the answer in two buffers.</summary>
    private (int Error, byte[] Answer) Try(uint operation, ulong node, byte[] body, uint room = ReplyRoom - HeaderOut)
    {
        var header = new byte[HeaderIn];
        BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)(HeaderIn + body.Length));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), operation);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), ++unique);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(16), node);
        Assert.True(driver.Memory.TryWriteRam(request, header));
        Assert.True(driver.Memory.TryWriteRam(request + HeaderIn, body));
        var q = driver.Queues[1];
        q.Add(new MockBuffer(request, HeaderIn, false), new MockBuffer(request + HeaderIn, (uint)body.Length, false),
            new MockBuffer(reply, HeaderOut, true), new MockBuffer(reply + HeaderOut, room, true));
        q.Notify();
        (ushort Id, uint Written)? used = null;
        Assert.True(SpinWait.SpinUntil(() => (used = q.TakeUsed()) is not null, Patience.Limit), $"operation {operation} is not answered");
        var answer = driver.Fetch(reply, (int)used!.Value.Written);
        Assert.Equal(answer.Length, (int)BinaryPrimitives.ReadUInt32LittleEndian(answer));
        Assert.Equal(unique, BinaryPrimitives.ReadUInt64LittleEndian(answer.AsSpan(8)));
        return (BinaryPrimitives.ReadInt32LittleEndian(answer.AsSpan(4)), answer[HeaderOut..]);
    }
}
