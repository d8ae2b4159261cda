// virtio-pmem: the file is the memory, a flush makes it durable, and bad files are refused.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Tests.Storage;
using Emu.Devices.Virtio.Pmem;

namespace Emu.Devices.Tests;

public class VirtioPmemTests : StorageTest
{
    private const ulong Start = 0x1_0000_0000;

    public static TheoryData<ulong> Layouts => VirtioBench.Layouts;

    private string MakeFile(long length)
    {
        var path = PathOf("pmem");
        using var file = File.Create(path);
        file.SetLength(length);
        return path;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public unsafe void GuestWrites_AreInTheFile_AndFlushSucceeds(ulong features)
    {
        var path = MakeFile(4 << 20);
        using (var file = new PmemFile(path))
        {
            using var bench = new VirtioBench(b => new VirtioPmem("pmem0", file, Start, b.Clock, b.Log));
            var m = bench.Driver;
            m.Memory.AddRam("pmem0", Start, file.Length, file.Pointer);
            m.Start(features);
            Assert.Equal(Start, BinaryPrimitives.ReadUInt64LittleEndian(m.ReadDeviceConfig(0, 8)));
            Assert.Equal(4u << 20, BinaryPrimitives.ReadUInt64LittleEndian(m.ReadDeviceConfig(8, 8)));
            m.Memory.Write(Start + 0x12_3000, 8, 0x1122_3344_5566_7788);
            Assert.Equal(0u, Request(bench, 0));
            Assert.Equal(uint.MaxValue, Request(bench, 1));
            Assert.Equal(0u, bench.Do(0, new MockBuffer(m.Put(new byte[4]), 4, false)));
            Assert.Equal(4u, bench.Do(0, new MockBuffer(m.Allocate(16), 16, true)));
            var state = bench.Save();
            bench.Restore(state);
            Assert.Equal(state, bench.Save());
        }

        Assert.Equal(0x1122_3344_5566_7788, BitConverter.ToInt64(File.ReadAllBytes(path), 0x12_3000));

        static uint Request(VirtioBench bench, byte type)
        {
            var answer = bench.Driver.Put([9, 9, 9, 9]);
            Assert.Equal(4u, bench.Do(0, new MockBuffer(bench.Driver.Put([type, 0, 0, 0]), 4, false), new MockBuffer(answer, 4, true)));
            return BinaryPrimitives.ReadUInt32LittleEndian(bench.Driver.Fetch(answer, 4));
        }
    }

    [Fact]
    public unsafe void DiscardedWrites_LeaveTheFileAsItWas()
    {
        var path = MakeFile(2 << 20);
        using (var file = new PmemFile(path, discardWrites: true))
        {
            *file.Pointer = 5;
            Assert.True(file.Flush());
        }

        Assert.Equal(0, File.ReadAllBytes(path)[0]);
    }

    [Fact]
    public void FilesThatCannotBeUsed_AreRefusedInOneLine()
    {
        var path = MakeFile(1 << 20);
        Refused("multiple of 2 MiB", () => new PmemFile(path));
        Refused("multiple of 2 MiB", () => new PmemFile(path, 0));
        Refused("discard_writes", () => new PmemFile(path, 2 << 20, discardWrites: true));
        Refused("cannot be used", () => new PmemFile(PathOf("nothing")));
        Refused("cannot be used", () => new PmemFile(Path.GetDirectoryName(path)!));
        using var grown = new PmemFile(path, 4 << 20);
        Assert.Equal(4u << 20, grown.Length);
        Refused("cannot be used", () => new PmemFile(path));

        static void Refused(string expected, Func<PmemFile> open) =>
            Assert.Contains(expected, Assert.Throws<EmuException>(open).Message, StringComparison.Ordinal);
    }
}
