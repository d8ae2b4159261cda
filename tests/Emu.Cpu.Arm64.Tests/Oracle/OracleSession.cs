// Generates batches, runs them on the reference and on Emu at the same time, and compares.
using System.Diagnostics;
using System.Runtime.InteropServices;
using Emu.Cpu.Arm64.Decode;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>What a session runs.</summary>
public sealed record OracleOptions
{
    /// <summary>Seed of everything.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The emulator compared with.</summary>
    public Reference Reference { get; init; } = Reference.Installed;

    /// <summary>Initial states of each code.</summary>
    public int States { get; init; } = 8;

    /// <summary>Parts of row names, or FEAT_ names, separated by '|'; empty for all.</summary>
    public string Rows { get; init; } = "";

    /// <summary>One case in this many runs on compiled code too; 0 for none.</summary>
    public int CompileOneIn { get; init; } = 10;

    /// <summary>Floating-point rows only, one to a case, with the operands of <see cref="FloatingPointSweep"/>.</summary>
    public bool Sweep { get; init; }

    /// <summary>Instructions under test to compare, at least.</summary>
    public long Instructions { get; init; } = long.MaxValue;

    /// <summary>Time after which no batch is begun.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.MaxValue;

    /// <summary>Told each finding as it is made.</summary>
    public Action<OracleFinding>? Found { get; init; }
}

/// <summary>A difference, reduced.</summary>
/// <param name="Name">Row of the last instruction.</param>
/// <param name="Report">A line for people.</param>
/// <param name="Regression">A line for regressions.txt.</param>
public sealed record OracleFinding(string Name, string Report, string Regression);

/// <summary>One reference process, one interpreting and one compiling Emu, one thread.</summary>
public sealed unsafe class OracleSession : IDisposable
{
    private const int MaximumCases = 256;
    private const int MaximumStates = 8192;
    private const int MaximumGroups = 24;
    private const int PoolBytes = 16384;
    private const int LoopWords = 5;

    private readonly OracleOptions options;
    private readonly ulong[] keys;
    private readonly ReferenceProcess reference;
    private readonly OracleMachine interpreter;
    private readonly OracleMachine? compiler;
    private readonly InstructionGenerator generator;
    private readonly FloatingPointSweep? sweep;
    private readonly int casesPerBatch;
    private readonly List<OracleFinding> findings = [];
    private ulong batches;

    private sealed class Batch
    {
        public required List<OracleCase> Cases { get; init; }

        public required byte[] Pool { get; init; }

        public required OracleRecord[] Interpreted { get; init; }

        public int AnswerLength { get; set; }
    }

    /// <summary>Creates a session.</summary>
    public OracleSession(OracleOptions options)
    {
        this.options = options;
        casesPerBatch = Math.Clamp(MaximumStates / options.States, 1, MaximumCases);
        generator = new InstructionGenerator(options.Reference, options.Rows);
        if (generator.Rows.Count == 0)
        {
            throw new ArgumentException($"no row that is compared has \"{options.Rows}\" in its name");
        }

        sweep = options.Sweep ? new FloatingPointSweep(generator.Rows, options.Reference) : null;
        keys = options.Reference.KnownKeys ? ReferenceKeys.Find(options.Reference) : [];
        reference = new ReferenceProcess(options.Reference);
        interpreter = new OracleMachine(compile: false, keys);
        compiler = options.CompileOneIn > 0 ? new OracleMachine(compile: true, keys) : null;
    }

    /// <summary>Instructions under test whose effects were compared (those that only prepare operands are not counted).</summary>
    public long Instructions { get; private set; }

    /// <summary>The part of <see cref="Instructions"/> that ran on compiled code as well.</summary>
    public long CompiledInstructions { get; private set; }

    /// <summary>Cases, a code and a state each.</summary>
    public long Cases { get; private set; }

    /// <summary>Cases that differed; each row is reported once.</summary>
    public long Mismatches { get; private set; }

    /// <summary>Reported differences.</summary>
    public IReadOnlyList<OracleFinding> Findings => findings;

    /// <summary>How often each row was executed, counted on the way up to the first branch.</summary>
    public OracleCoverage Coverage { get; } = new();

    /// <summary>The rows this session draws from; one that was reported is not drawn again.</summary>
    public IReadOnlyList<A64Row> Rows => sweep?.Rows ?? generator.Rows;

    /// <summary>Runs until the instructions or the time are used up.</summary>
    public void Run()
    {
        var clock = Stopwatch.StartNew();
        Batch? pending = null;
        while (true)
        {
            Batch? next = null;
            if (Instructions < options.Instructions && clock.Elapsed < options.TimeLimit)
            {
                next = Generate();
                reference.Submit(ReferenceProcess.Pack(next.Cases, next.Pool, returnMemory: false, out var length));
                next.AnswerLength = length;
            }

            if (pending != null)
            {
                Compare(pending, MemoryMarshal.Cast<byte, OracleRecord>(reference.Receive(pending.AnswerLength)));
            }

            if (next == null)
            {
                return;
            }

            Interpret(next);
            if (compiler != null)
            {
                Compile(next);
            }

            pending = next;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        reference.Dispose();
        interpreter.Dispose();
        compiler?.Dispose();
        generator.Dispose();
    }

    private Batch Generate()
    {
        var random = new OracleRandom(options.Seed, batches++);
        var pool = new byte[PoolBytes];
        StateGenerator.FillPool(random, pool);
        var cases = new List<OracleCase>(casesPerBatch);
        for (var i = 0; i < casesPerBatch; i++)
        {
            cases.Add(sweep == null ? GenerateCase(random, i) : GenerateSweep(sweep, random, i));
        }

        return new Batch { Cases = cases, Pool = pool, Interpreted = new OracleRecord[casesPerBatch * options.States] };
    }

    private OracleCase GenerateCase(OracleRandom random, int slot)
    {
        var count = random.OneIn(3) ? 1 + random.Next(4) : 1 + random.Next(MaximumGroups);
        var groups = new List<InstructionGroup>(count);
        var words = 1;
        bool noFlushing = false, writesFpcr = false, undefined = false;
        var loop = random.OneIn(4) ? InstructionGroup.Loop((uint)random.Next(31)) : null;
        while (groups.Count < count && !undefined)
        {
            var g = generator.Draw(random, out undefined);
            var needs = g?.Row != null && RowFilter.NeedsNoFlushing(g.Row, options.Reference);
            if (g == null || (needs && writesFpcr) || (noFlushing && g.WritesFpcr) || (loop != null && g.WritesThreadPointer))
            {
                undefined = false;
                continue;
            }

            noFlushing |= needs;
            writesFpcr |= g.WritesFpcr;

            words += g.Words.Length;
            if (words > OracleLayout.MaximumWords - LoopWords)
            {
                break;
            }

            groups.Add(g);
        }

        if (loop != null && !undefined)
        {
            groups.Add(loop);
        }

        var states = new OracleState[options.States];
        var offsets = new int[options.States];
        fixed (OracleState* s = states)
        {
            for (var i = 0; i < states.Length; i++)
            {
                StateGenerator.Fill(random, s + i);
                s[i].Fpcr &= noFlushing ? ~(1UL << 24) : ulong.MaxValue;
                offsets[i] = random.Next((PoolBytes - OracleLayout.WindowSize) / 16) * 16;
            }
        }

        return new OracleCase
        {
            Groups = [.. groups],
            PreparingWords = groups.Sum(g => g.Words.Length - 1),
            States = states,
            PoolOffsets = offsets,
            Slot = slot,
            Compile = options.CompileOneIn > 0 && random.OneIn(options.CompileOneIn),
        };
    }

    private OracleCase GenerateSweep(FloatingPointSweep source, OracleRandom random, int slot)
    {
        var row = source.Next();
        var word = FloatingPointSweep.Place(generator.DrawWord(random, row), row);
        var states = new OracleState[options.States];
        source.Fill(random, word, states);
        return new OracleCase
        {
            Groups = [new InstructionGroup([word], row, Placement.None, 0, false)],
            States = states,
            PoolOffsets = new int[states.Length],
            Slot = slot,
            Compile = options.CompileOneIn > 0 && random.OneIn(options.CompileOneIn),
        };
    }

    private void Interpret(Batch batch)
    {
        var index = 0;
        fixed (OracleRecord* results = batch.Interpreted)
        {
            foreach (var c in batch.Cases)
            {
                interpreter.Load(c.Slot, c.Place());
            }

            foreach (var c in batch.Cases)
            {
                for (var s = 0; s < c.States.Length; s++)
                {
                    var result = results + index++;
                    var retired = RunCase(interpreter, c, s, batch.Pool, result);
                    Instructions += UnderTest(c, s, retired);
                    Coverage.Count(c, result);
                    Cases++;
                }
            }
        }
    }

    // What ran but the words that only prepare; a case that ended early may have run few of those.
    private static int UnderTest(OracleCase c, int state, int retired) => Math.Max(retired - (c.PreparingWords * c.Loops(state)) - 1, 1);

    // The first pass makes every block hot and is compared itself; the second runs what was compiled.
    private void Compile(Batch batch)
    {
        var selected = batch.Cases.Where(c => c.Compile && !c.Groups.Any(g => generator.IsMuted(g.Name))).ToList();
        foreach (var c in selected)
        {
            compiler!.Load(c.Slot, c.Place());
        }

        OracleRecord result;
        for (var pass = 0; pass < 2; pass++)
        {
            foreach (var c in selected)
            {
                var index = c.Slot * options.States;
                for (var s = 0; s < c.States.Length; s++)
                {
                    var compiledBefore = compiler!.Vcpu.State->CompiledRetired;
                    var retired = RunCase(compiler, c, s, batch.Pool, &result);
                    var compiled = (int)(compiler.Vcpu.State->CompiledRetired - compiledBefore);
                    CompiledInstructions += compiled * (long)UnderTest(c, s, retired) / Math.Max(Math.Max(retired, compiled), 1);

                    if (!SameResult(in result, in batch.Interpreted[index + s]))
                    {
                        Mismatches++;
                        if (!c.Groups.Any(g => generator.IsMuted(g.Name)))
                        {
                            Add(new Reducer(interpreter, compiler!).Reduce(c, s, batch.Pool));
                        }

                        // The reduction used a slot.
                        foreach (var other in selected)
                        {
                            compiler!.Load(other.Slot, other.Place());
                        }

                        break;
                    }
                }
            }

            compiler!.Shared.Compiler!.Drain();
        }
    }

    private static int RunCase(OracleMachine machine, OracleCase c, int state, byte[] pool, OracleRecord* result)
    {
        var memory = c.UsesMemory;
        if (memory)
        {
            pool.AsSpan(c.PoolOffsets[state], OracleLayout.WindowSize).CopyTo(new Span<byte>(machine.Window, OracleLayout.WindowSize));
            machine.Memory.NotifyWritten(OracleLayout.Window, OracleLayout.WindowSize);
        }

        fixed (OracleState* before = &c.States[state])
        {
            return machine.Run(c.Slot, before, result, memory);
        }
    }

    private void Compare(Batch batch, ReadOnlySpan<OracleRecord> answers)
    {
        var index = 0;
        foreach (var c in batch.Cases)
        {
            for (var s = 0; s < c.States.Length; s++, index++)
            {
                if (SameResult(in answers[index], in batch.Interpreted[index]))
                {
                    continue;
                }

                Mismatches++;
                if (!c.Groups.Any(g => generator.IsMuted(g.Name)))
                {
                    Report(c, s, batch.Pool);
                }
            }
        }
    }

    private static bool SameResult(in OracleRecord a, in OracleRecord b) =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<OracleRecord>(in a)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<OracleRecord>(in b)));

    // The reference may still be working on the next batch: reductions have a process of their own.
    private void Report(OracleCase c, int state, byte[] pool)
    {
        using var own = new ReferenceProcess(options.Reference);
        var reducer = new Reducer(own, interpreter);
        Add(reducer.Reduce(c, state, pool));
    }

    private void Add(OracleFinding finding)
    {
        generator.Mute(finding.Name);
        findings.Add(finding);
        options.Found?.Invoke(finding);
    }
}
