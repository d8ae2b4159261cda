// Every AdvSIMD row against hashes that a reference CPU made (Oracle/oracle.c, Oracle/words.py, Oracle/vectors.txt).
using System.Globalization;
using System.Text;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Tests.Support;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Tests.Simd;

/// <summary>The set-up of a trial and the order of hashing are those of oracle.c.</summary>
public sealed unsafe class SimdOracleTests
{
    private const int Trials = 6;
    private const int BufferBytes = 4096;
    private const ulong Buffer = FlatMachine.RamBase + 0x1000;
    private const ulong FpsrQc = 1UL << 27;

    private static readonly ulong[] Corners =
        [0, 1, 2, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0x8000000000000001, ulong.MaxValue, ulong.MaxValue - 1];

    private ulong seed;

    private static string[] Lines()
    {
        using var stream = typeof(SimdOracleTests).Assembly.GetManifestResourceStream("Emu.Cpu.Arm64.Tests.Simd.Oracle.vectors.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public void EveryInstruction_LeavesTheStateOfTheReferenceCpu()
    {
        using var machine = new FlatMachine();
        using var cpu = new SimdVcpu(machine);
        var report = new StringBuilder();
        var mismatches = 0;
        var row = "";
        foreach (var line in Lines())
        {
            if (line[0] == '#')
            {
                row = line[2..];
                continue;
            }

            var word = uint.Parse(line.AsSpan(0, 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var expected = line[9..];
            var actual = Run(machine, cpu, word);
            if (actual != expected && ++mismatches <= 400)
            {
                report.Append(CultureInfo.InvariantCulture, $"{word:x8} {row}: expected {expected}, is {actual}\n");
            }
        }

        Assert.True(mismatches == 0, $"{mismatches} mismatches\n{report}");
    }

    [Fact]
    public void EveryRow_HasAnAllocatedInstructionAmongTheVectors()
    {
        var tested = new HashSet<A64Row>();
        foreach (var line in Lines())
        {
            if (line[0] != '#' && !line.EndsWith("undefined", StringComparison.Ordinal))
            {
                tested.Add(A64Decoder.Decode(uint.Parse(line.AsSpan(0, 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture))!);
            }
        }

        // The decoder makes its own row objects: compared by name and pattern.
        var names = tested.Select(r => r.Name + r.Pattern).ToHashSet();
        Assert.Empty(SimdRows.Rows.Where(r => !names.Contains(r.Name + r.Pattern)).Select(r => r.Name));
    }

    [Fact]
    public void EveryRow_TrapsWhereFpIsTrapped()
    {
        using var machine = new FlatMachine();
        using var cpu = new SimdVcpu(machine);
        cpu.Mode |= A64Mode.FpTrapped;
        Assert.All(SimdRows.Rows, row => Assert.Equal(MicroOpKind.CallEnd, cpu.Translate(row.Value)[0].Kind));
        Assert.All(SimdRows.Rows, row => Assert.True(row.Fp));
    }

    private ulong Next()
    {
        var z = seed += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    private ulong Operand()
    {
        var kind = (int)Next() & 7;
        if (kind >= 4)
        {
            return Next();
        }

        var bits = 8 << kind;
        ulong value = 0;
        for (var i = 0; i < 64; i += bits)
        {
            var r = (int)Next() & 7;
            var lane = Corners[r];
            if (r is >= 3 and <= 5)
            {
                lane = (lane >> (64 - bits)) | (bits < 64 ? lane & 1 : 0);
            }

            value |= (bits == 64 ? lane : lane & ((1UL << bits) - 1)) << i;
        }

        return value;
    }

    private static ulong Mix(ulong h, ulong v)
    {
        h = (h ^ v) * 0x100000001B3;
        return h ^ (h >> 29);
    }

    private string Run(FlatMachine machine, SimdVcpu cpu, uint word)
    {
        if (cpu.IsUndefined(word))
        {
            return "undefined";
        }

        var pc = cpu.Place(word);
        ulong total = 0;
        for (var n = 0; n < Trials; n++)
        {
            SetUp(machine, cpu, word, n);
            if (!cpu.Execute(pc))
            {
                return $"fault {cpu.Fault}";
            }

            total = Mix(total, Hash(machine, cpu));
        }

        return ((uint)(total ^ (total >> 32))).ToString("x8", CultureInfo.InvariantCulture);
    }

    private void SetUp(FlatMachine machine, SimdVcpu cpu, uint word, int trial)
    {
        seed = ((ulong)word << 8) | (uint)trial;
        for (var i = 0; i < 32; i++)
        {
            var low = Operand();
            cpu.V(i) = new UInt128(Operand(), low);
        }

        for (var i = 1; i <= 15; i++)
        {
            cpu.X(i) = Operand();
        }

        var buffer = (ulong*)machine.At(Buffer);
        for (var i = 0; i < BufferBytes / 8; i++)
        {
            buffer[i] = Next();
        }

        cpu.X(1) = Buffer + 1024 + (Next() & 15);
        cpu.X(2) = Buffer + 2048 + (Next() & 63);
        cpu.A64->Fpsr = 0;
    }

    private static ulong Hash(FlatMachine machine, SimdVcpu cpu)
    {
        var h = 0xCBF29CE484222325UL;
        for (var i = 0; i < 32; i++)
        {
            h = Mix(Mix(h, (ulong)cpu.V(i)), (ulong)(cpu.V(i) >> 64));
        }

        for (var i = 1; i <= 15; i++)
        {
            h = Mix(h, i <= 2 ? cpu.X(i) - Buffer : cpu.X(i));
        }

        h = Mix(h, (cpu.A64->Fpsr & FpsrQc) != 0 ? 1UL : 0);
        var buffer = (ulong*)machine.At(Buffer);
        for (var i = 960 / 8; i < 2304 / 8; i++)
        {
            h = Mix(h, buffer[i]);
        }

        return h;
    }
}
