// An image file in memory whose operations fail on demand: disk full, I/O errors, power loss.
using Emu.Devices.Storage;
using Emu.Devices.Storage.Host;

namespace Emu.Devices.Tests.Storage;

/// <summary>A file whose changes are counted and can fail. Thread-safe.</summary>
/// <param name="content">Initial bytes.</param>
/// <param name="readOnly">Refuse writes.</param>
internal sealed unsafe class FaultyFile(byte[] content, bool readOnly = false) : IImageFile
{
    private readonly Lock gate = new();
    private readonly List<(ulong Offset, byte[] Bytes)> unflushed = [];
    private byte[] bytes = content;
    private byte[] durable = [.. content];

    public string Path => "/memory/disk.img";

    public (ulong Device, ulong Inode) Identity => (0, 0);

    public ulong Length => (ulong)bytes.Length;

    public bool IsReadOnly { get; } = readOnly;

    public uint BlockSize => 512;

    /// <summary>Changing operations until every further one fails with <see cref="Fault"/>; counts down.</summary>
    public int ChangesLeft { get; set; } = int.MaxValue;

    /// <summary>How operations fail.</summary>
    public DiskStatus Fault { get; set; } = DiskStatus.IoError;

    /// <summary>Reads fail too.</summary>
    public bool FailReads { get; set; }

    /// <summary>Bytes the file may grow to.</summary>
    public ulong Limit { get; set; } = 1 << 30;

    /// <summary>Writes since the last flush.</summary>
    public int Unflushed
    {
        get
        {
            using var _ = gate.EnterScope();
            return unflushed.Count;
        }
    }

    /// <summary>The file as it is now.</summary>
    public byte[] Content
    {
        get
        {
            using var _ = gate.EnterScope();
            return [.. bytes];
        }
    }

    /// <summary>The file after a loss of power: what was flushed, and of the rest what a random order of arrival left, sector by sector.</summary>
    public byte[] AfterPowerLoss(Random random)
    {
        using var _ = gate.EnterScope();
        var result = new byte[bytes.Length];
        durable.AsSpan(0, Math.Min(durable.Length, result.Length)).CopyTo(result);
        foreach (var (offset, data) in unflushed)
        {
            for (var at = 0; at < data.Length;)
            {
                var part = (int)Math.Min(data.Length - at, 512 - (((long)offset + at) & 511));
                if (random.Next(2) == 0 && (int)offset + at + part <= result.Length)
                {
                    data.AsSpan(at, part).CopyTo(result.AsSpan((int)offset + at));
                }

                at += part;
            }
        }

        return result;
    }

    public DiskStatus Read(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        using var _ = gate.EnterScope();
        if (FailReads)
        {
            return DiskStatus.IoError;
        }

        foreach (var segment in segments)
        {
            var target = new Span<byte>(segment.Pointer, (int)segment.Length);
            target.Clear();
            if (offset < Length)
            {
                bytes.AsSpan((int)offset, (int)Math.Min((ulong)target.Length, Length - offset)).CopyTo(target);
            }

            offset += segment.Length;
        }

        return DiskStatus.Ok;
    }

    public DiskStatus Write(ulong offset, ReadOnlySpan<DiskSegment> segments)
    {
        using var _ = gate.EnterScope();
        foreach (var segment in segments)
        {
            if (IsReadOnly || ChangesLeft-- <= 0)
            {
                ChangesLeft = 0;
                return Fault;
            }

            var end = offset + segment.Length;
            if (end > Limit)
            {
                return DiskStatus.NoSpace;
            }

            if (end > Length)
            {
                Array.Resize(ref bytes, (int)end);
            }

            var data = new Span<byte>(segment.Pointer, (int)segment.Length).ToArray();
            data.CopyTo(bytes, (int)offset);
            unflushed.Add((offset, data));
            offset = end;
        }

        return DiskStatus.Ok;
    }

    public DiskStatus Flush()
    {
        using var _ = gate.EnterScope();
        if (ChangesLeft-- <= 0)
        {
            ChangesLeft = 0;
            return Fault;
        }

        unflushed.Clear();
        durable = [.. bytes];
        return DiskStatus.Ok;
    }

    public DiskStatus PunchHole(ulong offset, ulong length) => ZeroRange(offset, length);

    public DiskStatus ZeroRange(ulong offset, ulong length)
    {
        var zeroes = new byte[offset < Length ? Math.Min(length, Length - offset) : 0];
        return zeroes.Length == 0 ? DiskStatus.Ok : this.Write(offset, zeroes);
    }

    public DiskStatus SetLength(ulong length)
    {
        using var _ = gate.EnterScope();
        if (length > Limit)
        {
            return DiskStatus.NoSpace;
        }

        Array.Resize(ref bytes, (int)length);
        return DiskStatus.Ok;
    }

    public void Dispose() { }
}
