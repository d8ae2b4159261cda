// Decompression of clusters: raw deflate, and zstd through the C library that Debian's package manager itself needs.
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Emu.Devices.Storage.Qcow2;

/// <summary>Decompression.</summary>
internal static unsafe partial class Qcow2Compression
{
    private const string ZstdLibrary = "libzstd.so.1";
    private static readonly Lazy<bool> HasZstd = new(() => NativeLibrary.TryLoad(ZstdLibrary, out _));

    /// <summary>Whether zstd clusters can be read on this host.</summary>
    public static bool IsZstdAvailable => HasZstd.Value;

    /// <summary>Fills <paramref name="output"/>; false if the input is damaged. Input after the compressed data is ignored.</summary>
    public static bool Decompress(byte[] input, byte[] output, bool isZstd)
    {
        if (isZstd)
        {
            return IsZstdAvailable && Zstd(input, output);
        }

        try
        {
            using var stream = new DeflateStream(new MemoryStream(input), CompressionMode.Decompress);
            return stream.ReadAtLeast(output, output.Length, throwOnEndOfStream: false) == output.Length;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static bool Zstd(byte[] input, byte[] output)
    {
        var context = ZSTD_createDCtx();
        if (context == 0)
        {
            return false;
        }

        try
        {
            fixed (byte* source = input, destination = output)
            {
                var from = new Buffer { Pointer = source, Size = (nuint)input.Length };
                var to = new Buffer { Pointer = destination, Size = (nuint)output.Length };
                while (to.Position < to.Size)
                {
                    var before = (from.Position, to.Position);
                    if (ZSTD_isError(ZSTD_decompressStream(context, &to, &from)) != 0 || before == (from.Position, to.Position))
                    {
                        return false;
                    }
                }
            }

            return true;
        }
        finally
        {
            _ = ZSTD_freeDCtx(context);
        }
    }

    [LibraryImport(ZstdLibrary)]
    private static partial nint ZSTD_createDCtx();

    [LibraryImport(ZstdLibrary)]
    private static partial nuint ZSTD_freeDCtx(nint context);

    [LibraryImport(ZstdLibrary)]
    private static partial nuint ZSTD_decompressStream(nint context, Buffer* output, Buffer* input);

    [LibraryImport(ZstdLibrary)]
    private static partial uint ZSTD_isError(nuint code);

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Buffer
    {
        public byte* Pointer;
        public nuint Size;
        public nuint Position;
    }
}
