// --trace: exact windows, the same lines on both engines, and a guest that does not notice.
using System.Globalization;

namespace Emu.Cli.Tests;

public sealed class TraceTests : IDisposable
{
    private const int From = 40_000_000;
    private const int Count = 30_000;

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-trace-test-");

    public void Dispose() => directory.Delete(recursive: true);

    [Fact]
    public void Window_IsExact_SameOnBothEngines_AndChangesNothing()
    {
        string[] run = ["--deterministic=1", "--cpus", "boot=2", "--stop-at", "45000000", "--state-hash", "--serial", "null"];
        var plain = DebianGuest.Run("true", run);
        Assert.Equal(0, plain.Status);
        var jit = Trace("jit", run);
        var interpreter = Trace("interpreter", run);
        Assert.Equal(plain.Output, jit.Output);
        Assert.Equal(plain.Output, interpreter.Output);
        Assert.Equal(jit.Lines, interpreter.Lines);

        // Every instruction that retires is there once; those that fault have a line of their own before.
        var instructions = jit.Lines.Where(l => l[0] != '#').Select(l => (Index: int.Parse(l.Split(' ')[0], CultureInfo.InvariantCulture), Faulted: l.Contains(" ; faults"))).ToArray();
        Assert.Equal(Enumerable.Range(From, Count), instructions.Where(i => !i.Faulted).Select(i => i.Index));
    }

    [Fact]
    public void BareMetalProgram_ShowsInstructionsAndChanges()
    {
        var (image, trace) = (Path.Combine(directory.FullName, "Image"), Path.Combine(directory.FullName, "trace"));
        File.WriteAllBytes(image, Program(
            0xD2824681, // mov x1, #0x1234
            0xD2A80803, // mov x3, #0x40400000
            0x91200063, // add x3, x3, #0x800
            0xD518C003, // msr vbar_el1, x3
            0x8B010022, // add x2, x1, x1
            0xF100043F, // cmp x1, #1
            0x9E670020)); // fmov d0, x1: traps, as floating point is off
        var result = EmuProcess.Run(null, ["run", "--kernel", image, "--serial", "null", "--stop-at", "10", "--time-limit", "1500", "--trace", trace]);
        Assert.Equal("", result.Error);
        Assert.Equal(0, result.Status);
        var lines = File.ReadAllLines(trace);
        Assert.Matches("^0 cpu0 el1 0000000040400000 [0-9a-f]{8} b #0x40400040 ;$", lines[0]);
        Assert.Equal("1 cpu0 el1 0000000040400040 d2824681 mov x1, #0x1234 ; x1=0000000000001234", lines[1].Replace("movz", "mov", StringComparison.Ordinal));
        Assert.EndsWith(" ; x3=0000000040400000", lines[2], StringComparison.Ordinal);
        Assert.Equal("3 cpu0 el1 0000000040400048 91200063 add x3, x3, #0x800 ; x3=0000000040400800", lines[3]);
        Assert.Equal("4 cpu0 el1 000000004040004c d518c003 msr vbar_el1, x3 ; vbar_el1=40400800", lines[4]);
        Assert.Equal("5 cpu0 el1 0000000040400050 8b010022 add x2, x1, x1 ; x2=0000000000002468", lines[5]);
        Assert.Equal("6 cpu0 el1 0000000040400054 f100043f cmp x1, #1 ; nzcv=0010", lines[6]);
        Assert.StartsWith("7 cpu0 el1 0000000040400058 9e670020 fmov d0, x1 ; faults", lines[7], StringComparison.Ordinal);
        Assert.StartsWith("# cpu0 exception:", lines[8], StringComparison.Ordinal);
        Assert.Contains(" elr_el1=40400058", lines[8], StringComparison.Ordinal);
        Assert.Contains(" esr_el1=1fe00000", lines[8], StringComparison.Ordinal);
        Assert.Equal("7 cpu0 el1 0000000040400a00 14000000 b #0x40400a00 ;", lines[9]);
        Assert.Equal(12, lines.Length);
    }

    [Fact]
    public void WindowBehindTheEnd_GivesAnEmptyFile()
    {
        var trace = Path.Combine(directory.FullName, "trace");
        var result = DebianGuest.Run("true", "--serial", "null", "--stop-at", "1000", "--trace", trace, "--trace-from", "5000", "--trace-count", "10");
        Assert.Equal(0, result.Status);
        Assert.Equal("", File.ReadAllText(trace));
    }

    /// <summary>An arm64 Image whose code begins behind its header, with a loop at the vector of its own exceptions.</summary>
    private static byte[] Program(params uint[] code)
    {
        const int HeaderBytes = 64;
        const int Vector = 0xA00;
        const uint Branch = 0x14000000;
        var bytes = new byte[Vector + sizeof(uint)];
        BitConverter.TryWriteBytes(bytes, Branch | (HeaderBytes / sizeof(uint)));
        BitConverter.TryWriteBytes(bytes.AsSpan(16), (ulong)bytes.Length);
        "ARMd"u8.CopyTo(bytes.AsSpan(56));
        Buffer.BlockCopy(code, 0, bytes, HeaderBytes, code.Length * sizeof(uint));
        BitConverter.TryWriteBytes(bytes.AsSpan(Vector), Branch);
        return bytes;
    }

    private (string Output, string[] Lines) Trace(string engine, string[] run)
    {
        var trace = Path.Combine(directory.FullName, engine);
        var result = DebianGuest.Run(
            "true", [.. run, "--engine", engine, "--trace", trace, "--trace-from", From.ToString(CultureInfo.InvariantCulture), "--trace-count", Count.ToString(CultureInfo.InvariantCulture)]);
        Assert.Equal("", result.Error);
        Assert.Equal(0, result.Status);
        return (result.Output, File.ReadAllLines(trace));
    }
}
