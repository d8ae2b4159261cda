// A64 disassembly by Capstone; what Capstone does not know is named by the decode table.
using Emu.Core;
using Emu.Cpu.Arm64.Decode;
using Gee.External.Capstone;
using Gee.External.Capstone.Arm64;

namespace Emu.Debug;

/// <summary>Turns instruction words into text. Not thread-safe.</summary>
public sealed class A64Disassembler : IDisposable
{
    /// <summary>Texts kept: a trace's loops are disassembled once.</summary>
    private const int MaximumCached = 65_536;

    private readonly CapstoneArm64Disassembler capstone;
    private readonly Dictionary<(ulong Pc, uint Word), string> cache = [];
    private readonly byte[] bytes = new byte[sizeof(uint)];

    /// <summary>Loads Capstone.</summary>
    /// <exception cref="EmuException">Its library cannot be loaded on this host.</exception>
    public A64Disassembler()
    {
        try
        {
            capstone = CapstoneDisassembler.CreateArm64Disassembler(Arm64DisassembleMode.LittleEndian);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or TypeInitializationException or EntryPointNotFoundException)
        {
            throw new EmuException("disassembly needs the Capstone library beside the program (libcapstone.so), and it cannot be loaded; build emu again on this host", e);
        }
    }

    /// <summary>The text of an instruction: "add x0, x1, x2", or ".inst 0x...: NAME".</summary>
    /// <param name="pc">Its virtual address, for the targets of branches.</param>
    /// <param name="word">The instruction.</param>
    public string Disassemble(ulong pc, uint word)
    {
        if (cache.TryGetValue((pc, word), out var known))
        {
            return known;
        }

        if (cache.Count == MaximumCached)
        {
            cache.Clear();
        }

        BitConverter.TryWriteBytes(bytes, word);
        var decoded = capstone.Disassemble(bytes, (long)pc);
        var text = decoded.Length == 1
            ? $"{decoded[0].Mnemonic} {decoded[0].Operand}".TrimEnd()
            : $".inst 0x{word:x8}: {A64Decoder.Decode(word)?.Name ?? "unallocated"}";
        cache[(pc, word)] = text;
        return text;
    }

    /// <inheritdoc/>
    public void Dispose() => capstone.Dispose();
}
