// The two headers of a VHDX file: the valid one with the higher sequence number counts, the other is written next (MS-VHDX 2.2.2).
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Storage.Host;
using static Emu.Devices.Storage.Vhdx.VhdxFormat;

namespace Emu.Devices.Storage.Vhdx;

/// <summary>The current header.</summary>
internal sealed class VhdxHeader
{
    private readonly byte[] bytes = new byte[HeaderBytes];
    private bool isSecond;

    /// <summary>Reads the headers.</summary>
    /// <exception cref="EmuException">None is usable.</exception>
    public VhdxHeader(IImageFile file)
    {
        var found = false;
        ulong sequence = 0;
        var candidate = new byte[HeaderBytes];
        foreach (var second in (ReadOnlySpan<bool>)[false, true])
        {
            DiskImage.ReadOrThrow(file, second ? Header2Offset : Header1Offset, candidate);
            var number = BinaryPrimitives.ReadUInt64LittleEndian(candidate.AsSpan(HeaderSequenceOffset));
            if (IsValid(candidate, HeaderSignature) && (!found || number > sequence))
            {
                candidate.CopyTo(bytes, 0);
                (found, sequence, isSecond) = (true, number, second);
            }
        }

        if (!found)
        {
            throw new EmuException($"disk image '{file.Path}' is damaged: neither of its two VHDX headers is valid");
        }

        var version = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(HeaderVersionOffset));
        var logVersion = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(HeaderLogVersionOffset));
        if (version != 1 || logVersion != 0)
        {
            throw new EmuException($"disk image '{file.Path}' is VHDX version {version} with log version {logVersion}: versions 1 and 0 are supported");
        }

        LogOffset = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(HeaderLogOffsetOffset));
        LogLength = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(HeaderLogLengthOffset));
        if (LogLength == 0 || LogLength % Megabyte != 0 || LogOffset < FirstRegionOffset || LogOffset % Megabyte != 0
            || LogOffset > file.Length || LogLength > file.Length - LogOffset)
        {
            throw new EmuException($"disk image '{file.Path}' is damaged: its VHDX log at {LogOffset} is not inside the file");
        }
    }

    /// <summary>Where the log is.</summary>
    public ulong LogOffset { get; }

    /// <summary>Length of the log in bytes, a multiple of 1 MiB.</summary>
    public uint LogLength { get; }

    /// <summary>What the entries of the log in use carry; empty if the log holds nothing.</summary>
    public Guid LogGuid => new(bytes.AsSpan(HeaderLogGuidOffset, 16));

    /// <summary>Writes the header twice, each time the one that is not current, so that both are new and one was valid at every moment.</summary>
    public DiskStatus Update(IImageFile file, Guid logGuid, bool isFirstWrite)
    {
        for (var i = 0; i < 2; i++)
        {
            var next = (byte[])bytes.Clone();
            BinaryPrimitives.WriteUInt64LittleEndian(next.AsSpan(HeaderSequenceOffset), BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(HeaderSequenceOffset)) + 1);
            _ = logGuid.TryWriteBytes(next.AsSpan(HeaderLogGuidOffset));
            if (isFirstWrite && i == 0)
            {
                // 2.2.2: both change when a file is opened and its content is about to change.
                _ = Guid.NewGuid().TryWriteBytes(next.AsSpan(HeaderFileWriteGuidOffset));
                _ = Guid.NewGuid().TryWriteBytes(next.AsSpan(HeaderDataWriteGuidOffset));
            }

            Seal(next);
            var status = file.Write(isSecond ? Header1Offset : Header2Offset, next);
            if (status == DiskStatus.Ok)
            {
                status = file.Flush();
            }

            if (status != DiskStatus.Ok)
            {
                return status;
            }

            next.CopyTo(bytes, 0);
            isSecond = !isSecond;
        }

        return DiskStatus.Ok;
    }
}
