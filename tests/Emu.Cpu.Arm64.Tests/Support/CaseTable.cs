// Text tables of instruction tests: "assembly | words | x0..x5 nzcv [v0..v3] | what changed", run on a FlatVcpu.
using System.Globalization;
using System.Text;

namespace Emu.Cpu.Arm64.Tests.Support;

/// <summary>
/// Runs the lines of a case table. Before each: X0 to X5, NZCV and V0 to V3 from the line, X6 and SP at the middle of a 256-byte buffer with a
/// fixed pattern. The last column lists every register, flag and buffer doubleword (m and its offset) that differs afterwards; everything
/// else must be as before.
/// </summary>
public static unsafe class CaseTable
{
    private const ulong Code = FlatMachine.RamBase + 0x1000;
    private const ulong Buffer = FlatMachine.RamBase + 0x1_0000;
    private const int BufferDoublewords = 32;
    private const int MiddleOffset = 0x80;

    /// <summary>Runs every line of an embedded table; returns the lines that failed, with what was different.</summary>
    public static List<string> Run(string resource, out int count)
    {
        using var stream = typeof(CaseTable).Assembly.GetManifestResourceStream(resource)!;
        using var reader = new StreamReader(stream);
        using var machine = new FlatMachine();
        using var cpu = new FlatVcpu(machine);
        var failures = new List<string>();
        count = 0;
        while (reader.ReadLine() is { } line)
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            count++;
            if (RunLine(cpu, line) is { } difference)
            {
                failures.Add($"{line}\n    got: {difference}");
            }
        }

        return failures;
    }

    private static ulong Pattern(int i) =>
        (0x0102_0304_0506_0708UL * (ulong)(i + 1)) ^ ((i & 1) != 0 ? 0x8080_8080_8080_8080UL : 0) ^ ((ulong)i * 0x9E37_79B9_7F4A_7C15UL);

    private static string? RunLine(FlatVcpu cpu, string line)
    {
        var columns = line.Split('|', StringSplitOptions.TrimEntries);
        var words = columns[1].Split(' ').Select(w => uint.Parse(w, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
        var inputs = columns[2].Split(' ').Select(Hex).ToArray();
        var middle = Buffer + MiddleOffset;

        cpu.Machine.Load(Code, words);
        var memory = (ulong*)cpu.Machine.At(Buffer);
        for (var i = 0; i < BufferDoublewords; i++)
        {
            memory[i] = Pattern(i);
        }

        for (var i = 0; i < 6; i++)
        {
            cpu.X(i) = (ulong)inputs[i];
        }

        cpu.X(6) = middle;
        cpu.X(31) = middle;
        cpu.State->Flags = (ulong)inputs[6];
        cpu.State->ExclusiveAddress = ulong.MaxValue;
        for (var i = 0; i < 4; i++)
        {
            cpu.V(i) = inputs.Length > 7 ? inputs[7 + i] : 0;
        }

        var retired = cpu.State->Retired;
        var fault = cpu.Execute(Code, words.Length);

        var changed = new StringBuilder();
        if (fault != FlatFault.None)
        {
            changed.Append(CultureInfo.InvariantCulture, $" {fault}");
        }

        if (cpu.State->Retired - retired != (ulong)words.Length || cpu.State->Pc != Code + ((ulong)words.Length * 4))
        {
            changed.Append(CultureInfo.InvariantCulture, $" pc={cpu.State->Pc:x}");
        }

        for (var i = 0; i < 6; i++)
        {
            Difference($"x{i}", (ulong)inputs[i], cpu.X(i));
        }

        Difference("x6", middle, cpu.X(6));
        Difference("sp", middle, cpu.X(31));
        Difference("nzcv", (ulong)inputs[6], cpu.State->Flags);
        for (var i = 0; i < 4; i++)
        {
            Difference($"v{i}", inputs.Length > 7 ? inputs[7 + i] : 0, cpu.V(i));
        }

        for (var i = 0; i < BufferDoublewords; i++)
        {
            Difference(FormattableString.Invariant($"m{i * 8:x}"), Pattern(i), memory[i]);
        }

        var got = changed.ToString().TrimStart();
        return got == columns[3] ? null : got;

        void Difference(string name, UInt128 before, UInt128 after)
        {
            if (before != after)
            {
                changed.Append(CultureInfo.InvariantCulture, $" {name}={after:x}");
            }
        }
    }

    private static UInt128 Hex(string text) => UInt128.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
