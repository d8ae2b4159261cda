// A disk in memory that fails now and then, and checks what the block device asks of it.
using Emu.Devices.Storage;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>Asserts the contract: ranges on the disk, and segments that can be read and written.</summary>
internal sealed unsafe class FuzzDisk(bool readOnly) : IDiskImage
{
    private readonly Lock gate = new();
    private readonly byte[] bytes = new byte[1 << 20];
    private readonly Random random = new(1);

    public string Format => "raw";

    public ulong Capacity => (ulong)bytes.Length;

    public uint LogicalBlockSize => 512;

    public bool IsReadOnly => readOnly;

    public bool SupportsDiscard => !readOnly;

    public uint DiscardGranularity => 4096;

    public DiskStatus Read(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        lock (gate)
        {
            foreach (var s in segments)
            {
                Range(offset, s.Length).CopyTo(new Span<byte>(s.Pointer, (int)s.Length));
                offset += s.Length;
            }

            return Outcome();
        }
    }

    public DiskStatus Write(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        lock (gate)
        {
            Assert.False(readOnly);
            foreach (var s in segments)
            {
                new Span<byte>(s.Pointer, (int)s.Length).CopyTo(Range(offset, s.Length));
                offset += s.Length;
            }

            return Outcome();
        }
    }

    public DiskStatus Flush()
    {
        lock (gate)
        {
            return Outcome();
        }
    }

    public DiskStatus Discard(ulong offset, ulong length) => WriteZeroes(offset, length, true);

    public DiskStatus WriteZeroes(ulong offset, ulong length, bool mayUnmap)
    {
        lock (gate)
        {
            Assert.False(readOnly);
            Range(offset, length).Clear();
            return Outcome();
        }
    }

    public void Dispose() { }

    private Span<byte> Range(ulong offset, ulong length)
    {
        Assert.True(offset <= Capacity && length <= Capacity - offset, $"the device asked for 0x{offset:x}+0x{length:x} of a disk of 0x{Capacity:x}");
        return bytes.AsSpan((int)offset, (int)length);
    }

    private DiskStatus Outcome() => random.Next(32) switch { 0 => DiskStatus.IoError, 1 => DiskStatus.NoSpace, 2 => DiskStatus.Unsupported, _ => DiskStatus.Ok };
}
