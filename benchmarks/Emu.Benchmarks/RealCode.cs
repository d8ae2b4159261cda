// Real A64 code for the decoder and the translator: the text of a program that the caller names, Debian's busybox by default.
using System.Buffers.Binary;

namespace Emu.Benchmarks;

/// <summary>Reads instruction words.</summary>
internal static class RealCode
{
    private const string Variable = "EMU_BENCHMARK_ELF";

    /// <summary>The first words of the ELF file's executable segment.</summary>
    public static uint[] Read(int words)
    {
        const int ProgramHeaderOffset = 32;
        const int ProgramHeaderSize = 54;
        const int Executable = 1;

        // Headers and PLT come first in a segment, then the functions.
        const int Skipped = 0x4000;
        var path = Environment.GetEnvironmentVariable(Variable) ?? throw new InvalidOperationException($"{Variable} is not set; run benchmarks/micro");
        var file = File.ReadAllBytes(path);
        var at = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(ProgramHeaderOffset));
        var size = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(ProgramHeaderSize));
        while (BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at)) != 1 || (BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 4)) & Executable) == 0)
        {
            at += size;
        }

        var offset = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at + 8)) + Skipped;
        var result = new uint[words];
        for (var i = 0; i < words; i++)
        {
            result[i] = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(offset + (i * sizeof(uint))));
        }

        return result;
    }
}
