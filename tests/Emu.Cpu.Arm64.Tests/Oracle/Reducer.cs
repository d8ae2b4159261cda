// Makes a differing case small: fewer instructions, fewer registers that are not zero, less memory.
using System.Runtime.InteropServices;
using System.Text;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Reduces one case: Emu against a reference of its own, or compiled code against the interpreter.</summary>
public sealed unsafe class Reducer
{
    private readonly ReferenceProcess? reference;
    private readonly OracleMachine? interpreter;
    private readonly OracleMachine machine;
    private readonly byte[] window = new byte[OracleLayout.WindowSize];
    private OracleRecord expected;
    private OracleRecord actual;
    private readonly byte[] expectedWindow = new byte[OracleLayout.WindowSize];

    /// <summary>Compares an Emu with the reference.</summary>
    public Reducer(ReferenceProcess reference, OracleMachine machine)
    {
        this.reference = reference;
        this.machine = machine;
    }

    /// <summary>Compares compiled code with the interpreter.</summary>
    public Reducer(OracleMachine interpreter, OracleMachine compiler)
    {
        this.interpreter = interpreter;
        machine = compiler;
    }

    private string ExpectedName => reference != null ? "reference" : "interpreter";

    private string ActualName => reference != null ? "Emu" : "compiled";

    /// <summary>Reduces and describes.</summary>
    public OracleFinding Reduce(OracleCase original, int state, byte[] pool)
    {
        var groups = original.Groups;
        var s = original.States[state];
        pool.AsSpan(original.PoolOffsets[state], OracleLayout.WindowSize).CopyTo(window);
        if (!Differs(groups, s))
        {
            var names = string.Join(", ", groups.Select(g => g.Name));
            return new OracleFinding(groups[^1].Name, $"differs only in its batch, not alone: {names}", "");
        }

        // Instructions, from the last: what follows the difference goes first.
        for (var i = groups.Length - 1; i >= 0 && groups.Length > 1; i--)
        {
            var fewer = groups.Where((_, n) => n != i).ToArray();
            if (Differs(fewer, s))
            {
                groups = fewer;
            }
        }

        for (var r = 0; r < OracleState.RegisterCount; r++)
        {
            var simpler = s;
            simpler[r] = 0;
            if (s[r] != 0 && Differs(groups, simpler))
            {
                s = simpler;
            }
        }

        for (var bit = 0; bit < 32; bit++)
        {
            var simpler = s;
            simpler.Fpcr &= ~(1UL << bit);
            if (simpler.Fpcr != s.Fpcr && Differs(groups, simpler))
            {
                s = simpler;
            }
        }

        for (var size = OracleLayout.WindowSize; size >= 8; size /= 4)
        {
            for (var at = 0; at < OracleLayout.WindowSize; at += size)
            {
                var part = window.AsSpan(at, size);
                if (!part.ContainsAnyExcept((byte)0))
                {
                    continue;
                }

                var kept = part.ToArray();
                part.Clear();
                if (!Differs(groups, s))
                {
                    kept.CopyTo(part);
                }
            }
        }

        Differs(groups, s);
        return Describe(groups, s);
    }

    private bool Differs(InstructionGroup[] groups, OracleState s)
    {
        // The window is compared byte by byte here: every group counts as one that uses memory.
        var withMemory = groups.Select(g => g with { UsesMemory = true }).ToArray();
        var c = new OracleCase { Groups = withMemory, States = [s], PoolOffsets = [0], Slot = 0 };
        if (reference != null)
        {
            reference.Submit(ReferenceProcess.Pack([c], window, returnMemory: true, out var length));
            actual = RunOn(machine, c);
            var answer = reference.Receive(length);
            expected = MemoryMarshal.Read<OracleRecord>(answer);
            answer.AsSpan(OracleLayout.RecordSize).CopyTo(expectedWindow);
        }
        else
        {
            expected = RunOn(interpreter!, c);
            new ReadOnlySpan<byte>(interpreter!.Window, OracleLayout.WindowSize).CopyTo(expectedWindow);

            // The first run makes the blocks hot.
            RunOn(machine, c);
            machine.Shared.Compiler!.Drain();
            actual = RunOn(machine, c, load: false);
        }

        return !MemoryMarshal.AsBytes(new ReadOnlySpan<OracleRecord>(in expected)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<OracleRecord>(in actual)));
    }

    private OracleRecord RunOn(OracleMachine on, OracleCase c, bool load = true)
    {
        if (load)
        {
            on.Load(0, c.Place());
        }

        window.CopyTo(new Span<byte>(on.Window, OracleLayout.WindowSize));
        OracleRecord result;
        var before = c.States[0];
        on.Run(0, &before, &result, usesMemory: true);
        return result;
    }

    private OracleFinding Describe(InstructionGroup[] groups, OracleState s)
    {
        var text = new StringBuilder();
        var words = groups.SelectMany(g => g.Words).ToArray();
        var last = groups[^1];
        text.Append(last.Name).Append(": ");
        var lines = RunnerBuild.Disassemble(words);
        for (var i = 0; i < words.Length; i++)
        {
            text.Append($"{words[i]:x8} {lines[i]}; ");
        }

        text.Append("before");
        for (var r = 0; r < OracleState.RegisterCount; r++)
        {
            if (s[r] != 0)
            {
                text.Append($" {OracleState.RegisterName(r)}={s.Format(r)}");
            }
        }

        text.Append("; ").Append(ExpectedName);
        Changes(text, s, expected.State, actual.State);
        if (expected.Outcome != OracleOutcome.Done || actual.Outcome != OracleOutcome.Done)
        {
            text.Append($" {OracleOutcome.Name(expected.Outcome)} at {expected.State.Pc - OracleLayout.CodeAddress(0):x}");
        }

        text.Append("; ").Append(ActualName);
        Changes(text, s, actual.State, expected.State);
        if (expected.Outcome != OracleOutcome.Done || actual.Outcome != OracleOutcome.Done)
        {
            text.Append($" {OracleOutcome.Name(actual.Outcome)} at {actual.State.Pc - OracleLayout.CodeAddress(0):x}");
        }

        var emuWindow = new ReadOnlySpan<byte>(machine.Window, OracleLayout.WindowSize);
        for (var i = 0; i < OracleLayout.WindowSize; i += 8)
        {
            if (!expectedWindow.AsSpan(i, 8).SequenceEqual(emuWindow.Slice(i, 8)))
            {
                text.Append($"; M{i:x} {ExpectedName} {Convert.ToHexStringLower(expectedWindow.AsSpan(i, 8))} {ActualName} {Convert.ToHexStringLower(emuWindow.Slice(i, 8))}");
            }
        }

        return new OracleFinding(last.Name, text.ToString(), Regression.Write(last.Name, OracleCase.Place(groups, OracleLayout.CodeAddress(0)), s, window, in expected, expectedWindow));
    }

    // What a side changed, where the sides differ.
    private static void Changes(StringBuilder text, in OracleState before, in OracleState after, in OracleState other)
    {
        for (var r = 0; r < OracleState.RegisterCount; r++)
        {
            if (after[r] != other[r])
            {
                text.Append($" {OracleState.RegisterName(r)}={after.Format(r)}");
            }
        }
    }
}
