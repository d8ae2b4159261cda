// One line for each difference ever found: bytes, before, after. Replayed without the reference.
using System.Globalization;
using System.Text;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>
/// A line "name | words | before | after | outcome". Words are placed from the first slot on and end in the branch to the exit. Registers
/// and window bytes (Mhex offset=bytes) that before does not name are zero; what after does not name is as before.
/// </summary>
public sealed unsafe class Regression
{
    private Regression(string name, uint[] words)
    {
        Name = name;
        Words = words;
    }

    /// <summary>Row of the last instruction, and what was wrong.</summary>
    public string Name { get; }

    /// <summary>The code.</summary>
    public uint[] Words { get; }

    private OracleState before;
    private OracleState after;
    private readonly byte[] windowBefore = new byte[OracleLayout.WindowSize];
    private readonly byte[] windowAfter = new byte[OracleLayout.WindowSize];
    private ulong outcome;
    private int stop;

    /// <summary>Reads a line.</summary>
    public static Regression Parse(string line)
    {
        var parts = line.Split('|', StringSplitOptions.TrimEntries);
        if (parts.Length != 5)
        {
            throw new FormatException($"a regression has 5 parts between bars, this line has {parts.Length}: {line}");
        }

        var r = new Regression(parts[0], [.. parts[1].Split(' ').Select(w => uint.Parse(w, NumberStyles.HexNumber, CultureInfo.InvariantCulture))]);
        Assign(parts[2], ref r.before, r.windowBefore);
        r.after = r.before;
        r.windowBefore.CopyTo(r.windowAfter, 0);
        Assign(parts[3], ref r.after, r.windowAfter);
        var end = parts[4].Split('@');
        r.outcome = ulong.Parse(end[0], CultureInfo.InvariantCulture);
        r.stop = end.Length > 1 ? int.Parse(end[1], CultureInfo.InvariantCulture) : -1;
        return r;
    }

    /// <summary>Runs it; null, or what differed.</summary>
    public string? Replay(OracleMachine machine)
    {
        machine.Load(0, Words);
        windowBefore.CopyTo(new Span<byte>(machine.Window, OracleLayout.WindowSize));
        OracleRecord result;
        var start = before;
        machine.Run(0, &start, &result, usesMemory: true);
        var text = new StringBuilder();
        for (var r = 0; r < OracleState.RegisterCount; r++)
        {
            if (result.State[r] != after[r])
            {
                text.Append($" {OracleState.RegisterName(r)}={result.State.Format(r)}, expected {after.Format(r)};");
            }
        }

        for (var i = 0; i < OracleLayout.WindowSize; i++)
        {
            if (machine.Window[i] != windowAfter[i])
            {
                text.Append($" M{i:x}={machine.Window[i]:x2}, expected {windowAfter[i]:x2};");
            }
        }

        if (result.Outcome != outcome)
        {
            text.Append($" {OracleOutcome.Name(result.Outcome)}, expected {OracleOutcome.Name(outcome)};");
        }

        if (stop >= 0 && result.State.Pc != OracleLayout.CodeAddress(0) + ((ulong)stop * 4))
        {
            text.Append($" stopped at {result.State.Pc:x}, expected word {stop};");
        }

        return text.Length == 0 ? null : $"{Name}:{text}";
    }

    /// <summary>The line of a reduced case.</summary>
    public static string Write(string name, uint[] words, in OracleState before, ReadOnlySpan<byte> windowBefore, in OracleRecord after, ReadOnlySpan<byte> windowAfter)
    {
        var text = new StringBuilder(name);
        text.Append(" | ").AppendJoin(' ', words.Select(w => w.ToString("x8", CultureInfo.InvariantCulture))).Append(" |");
        OracleState zero = default;
        List(text, in before, in zero, windowBefore, new byte[OracleLayout.WindowSize]);
        text.Append(" |");
        List(text, in after.State, in before, windowAfter, windowBefore);
        text.Append(CultureInfo.InvariantCulture, $" | {after.Outcome}");
        if (after.Outcome != OracleOutcome.Done)
        {
            text.Append(CultureInfo.InvariantCulture, $"@{(after.State.Pc - OracleLayout.CodeAddress(0)) / 4}");
        }

        return text.ToString();
    }

    private static void List(StringBuilder text, in OracleState state, in OracleState than, ReadOnlySpan<byte> window, ReadOnlySpan<byte> windowThan)
    {
        for (var r = 0; r < OracleState.RegisterCount; r++)
        {
            if (state[r] != than[r])
            {
                text.Append($" {OracleState.RegisterName(r)}={state.Format(r)}");
            }
        }

        for (var i = 0; i < OracleLayout.WindowSize; i += 8)
        {
            if (!window.Slice(i, 8).SequenceEqual(windowThan.Slice(i, 8)))
            {
                text.Append($" M{i:x}={Convert.ToHexStringLower(window.Slice(i, 8))}");
            }
        }
    }

    private static void Assign(string text, ref OracleState state, byte[] window)
    {
        foreach (var item in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = item.IndexOf('=', StringComparison.Ordinal);
            var name = item[..equals];
            var value = item[(equals + 1)..].Replace("_", "", StringComparison.Ordinal);
            if (name[0] == 'M')
            {
                Convert.FromHexString(value).CopyTo(window, int.Parse(name.AsSpan(1), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                continue;
            }

            var register = OracleState.RegisterNumber(name);
            state[register] = register >= 0
                ? UInt128.Parse(value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                : throw new FormatException($"no register is called {name}");
        }
    }
}
