// Recognizes a kernel file - arm64 Image, plain, gzip-compressed or as EFI zboot - and gives its bytes; names what every other file is.
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Emu.Core;

namespace Emu.Machine.Boot;

/// <summary>An arm64 kernel, opened and checked.</summary>
public sealed class KernelImage : IDisposable
{
    private const string What = "--kernel";

    /// <summary>Largest kernel accepted, unpacked: a bound on what a hostile gzip file can make us allocate.</summary>
    private const int MaximumUnpacked = 512 << 20;

    private const int ProbeLength = 0x400;

    private const ushort GzipMagic = 0x8B1F;
    private const ushort DosMagic = 0x5A4D;
    private const uint ElfMagic = 0x464C_457F;
    private const int ElfMachineField = 18;
    private const ushort ElfMachine386 = 3;
    private const ushort ElfMachineX64 = 62;

    /// <summary>x86 boot protocol: the boot sector's signature, then "HdrS" (Linux Documentation/arch/x86/boot.rst).</summary>
    private const int X86BootFlagField = 0x1FE;
    private const ushort X86BootFlag = 0xAA55;
    private const int X86HeaderMagicField = 0x202;
    private const uint X86HeaderMagic = 0x5372_6448;

    /// <summary>EFI zboot: "zimg", then where the compressed Image is (Linux drivers/firmware/efi/libstub/zboot-header.S).</summary>
    private const int ZbootMagicField = 4;
    private const uint ZbootMagic = 0x676D_697A;
    private const int ZbootPayloadOffsetField = 8;
    private const int ZbootPayloadSizeField = 12;
    private const int ZbootCompressionField = 24;
    private const int ZbootCompressionLength = 32;

    private readonly InputFile? file;
    private readonly byte[]? unpacked;

    private KernelImage(string path, Arm64ImageHeader header, InputFile? file, byte[]? unpacked)
    {
        Path = path;
        Header = header;
        this.file = file;
        this.unpacked = unpacked;
    }

    /// <summary>Path as the user gave it.</summary>
    public string Path { get; }

    /// <summary>The Image's header.</summary>
    public Arm64ImageHeader Header { get; }

    /// <summary>Bytes of the Image as loaded, without BSS.</summary>
    public long Length => unpacked?.Length ?? file!.Length;

    /// <summary>Bytes of RAM the kernel takes from its load address.</summary>
    public ulong MemorySize => Math.Max(Header.ImageSize, (ulong)Length);

    /// <summary>Opens a kernel.</summary>
    /// <exception cref="EmuException">Missing, unreadable, damaged, or not an arm64 kernel.</exception>
    public static KernelImage Open(string path)
    {
        var file = InputFile.Open(What, path);
        try
        {
            var probe = file.ReadBytes(0, Math.Min(file.Length, ProbeLength));
            if (Arm64ImageHeader.TryParse(probe) is { } header)
            {
                return new KernelImage(path, Check(path, header), file, null);
            }

            byte[] image;
            using (file)
            {
                image = Unpack(path, Payload(path, file, probe));
            }

            return Arm64ImageHeader.TryParse(image) is { } inner
                ? new KernelImage(path, Check(path, inner), null, image)
                : throw NotAKernel(path, image.AsSpan(0, Math.Min(image.Length, ProbeLength)), "what it unpacks to");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether firmware can start it: the Image is an EFI program, too.</summary>
    public bool HasEfiStub
    {
        get
        {
            Span<byte> start = stackalloc byte[2];
            Read(0, start);
            return U16(start, 0) == DosMagic;
        }
    }

    /// <summary>Reads a part of the Image.</summary>
    /// <param name="offset">First byte; offset and length lie inside.</param>
    /// <param name="destination">Where it goes.</param>
    public void Read(long offset, Span<byte> destination)
    {
        if (unpacked is not null)
        {
            unpacked.AsSpan((int)offset, destination.Length).CopyTo(destination);
        }
        else
        {
            file!.Read(offset, destination);
        }
    }

    /// <summary>Copies the Image.</summary>
    /// <param name="destination">Exactly <see cref="Length"/> bytes.</param>
    public void CopyTo(Span<byte> destination) => Read(0, destination);

    /// <inheritdoc/>
    public void Dispose() => file?.Dispose();

    /// <summary>The gzip stream inside a compressed kernel file.</summary>
    private static byte[] Payload(string path, InputFile file, byte[] probe)
    {
        if (U16(probe, 0) == GzipMagic)
        {
            return file.ReadBytes(0, file.Length);
        }

        if (U16(probe, 0) != DosMagic || U32(probe, ZbootMagicField) != ZbootMagic)
        {
            throw NotAKernel(path, probe, "the file");
        }

        var name = probe.AsSpan(ZbootCompressionField, ZbootCompressionLength);
        var end = name.IndexOf((byte)0);
        var compression = Encoding.ASCII.GetString(end < 0 ? name : name[..end]);
        if (compression != "gzip")
        {
            throw new EmuException($"{What} '{path}' is an EFI zboot image compressed with {Printable(compression)}; only gzip is supported: give the uncompressed Image");
        }

        return file.ReadBytes(U32(probe, ZbootPayloadOffsetField), U32(probe, ZbootPayloadSizeField));
    }

    private static byte[] Unpack(string path, byte[] gzip)
    {
        using var output = new MemoryStream(Math.Min(gzip.Length, MaximumUnpacked / 4) * 3);
        try
        {
            using var input = new GZipStream(new MemoryStream(gzip), CompressionMode.Decompress);
            var buffer = new byte[1 << 16];
            for (int count; (count = input.Read(buffer)) > 0;)
            {
                if (output.Length + count > MaximumUnpacked)
                {
                    throw new EmuException($"{What} '{path}' unpacks to more than {MaximumUnpacked >> 20}M; that is not a kernel");
                }

                output.Write(buffer, 0, count);
            }
        }
        catch (InvalidDataException e)
        {
            throw new EmuException($"{What} '{path}' is damaged: its gzip data does not unpack; fetch it again", e);
        }

        return output.ToArray();
    }

    private static Arm64ImageHeader Check(string path, Arm64ImageHeader header)
    {
        if (header.IsBigEndian)
        {
            throw new EmuException($"{What} '{path}' is a big-endian arm64 kernel; give a little-endian one");
        }

        const ulong Limit = Boards.Arm64Layout.MaximumRam;
        return header.TextOffset > Limit || header.ImageSize > Limit
            ? throw new EmuException($"{What} '{path}' is damaged: its header asks for more memory than a machine can have")
            : header;
    }

    private static EmuException NotAKernel(string path, ReadOnlySpan<byte> probe, string subject)
    {
        var isElf = U32(probe, 0) == ElfMagic;
        var machine = isElf ? U16(probe, ElfMachineField) : 0;
        if ((U16(probe, X86BootFlagField) == X86BootFlag && U32(probe, X86HeaderMagicField) == X86HeaderMagic) || machine is ElfMachine386 or ElfMachineX64)
        {
            return new EmuException($"{What} '{path}' is an x86 kernel; this version runs arm64 guests: give an arm64 Image");
        }

        return isElf
            ? new EmuException($"{What} '{path}' is an ELF file; give the arm64 Image made from it (objcopy -O binary)")
            : new EmuException($"{What} '{path}' is not a kernel: {subject} has no arm64 Image header (\"ARM\\x64\" at byte 56), plain, gzip-compressed or as EFI zboot");
    }

    private static string Printable(string text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c))
            {
                return "an unknown method";
            }
        }

        return text.Length == 0 ? "an unknown method" : text;
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) =>
        offset + 4 <= bytes.Length ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]) : 0;

    private static ushort U16(ReadOnlySpan<byte> bytes, int offset) =>
        offset + 2 <= bytes.Length ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]) : (ushort)0;
}
