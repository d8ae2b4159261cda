// Every micro-op kind: interpreter and compiled code against the oracle, with random operands, aliasing, values and conditions.
using Emu.Cpu.Ir;
using Emu.Cpu.Jit;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.MicroOps;

public sealed class MicroOpDifferentialTests
{
    private const int Variants = 6;
    private const int Values = 16;

    private static readonly MicroOpKind[] FlagProducers =
    [
        MicroOpKind.Fence, MicroOpKind.AddS64, MicroOpKind.AddS32, MicroOpKind.SubS64, MicroOpKind.SubS32, MicroOpKind.AndS64, MicroOpKind.AndSI32,
        MicroOpKind.AndNotS32, MicroOpKind.AddSI32, MicroOpKind.SubSI32, MicroOpKind.SubSI64, MicroOpKind.AdcS64, MicroOpKind.SbcS32, MicroOpKind.CCmp64,
        MicroOpKind.CCmnI32, MicroOpKind.SetFlags, MicroOpKind.CallFlags,
    ];

    /// <summary>Kinds that no translator emits into a block; they have tests of their own.</summary>
    private static readonly MicroOpKind[] NotInBlocks = [MicroOpKind.EndScratch, MicroOpKind.Count];

    public static TheoryData<MicroOpKind> Kinds => [.. Enum.GetValues<MicroOpKind>().Except(NotInBlocks)];

    public static TheoryData<MicroOpKind> FlagReaders =>
        [.. Enum.GetValues<MicroOpKind>().Except(NotInBlocks).Where(k => (MicroOpTable.Traits(k) & (MicroOpTraits.ReadsFlags | MicroOpTraits.Helper)) == MicroOpTraits.ReadsFlags)];

    [Fact]
    public void EveryKind_HasARowOfTraitsAndACase()
    {
        Assert.Equal((int)MicroOpKind.Count, Enum.GetValues<MicroOpKind>().Length - 1);
        Assert.Equal((int)MicroOpKind.Count - 1, Kinds.Count);
        foreach (var kind in Enum.GetValues<MicroOpKind>().Except([MicroOpKind.Count, MicroOpKind.Fence]))
        {
            Assert.NotEqual(MicroOpTraits.None, MicroOpTable.Traits(kind));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Kind_DoesWhatItsDefinitionSays(MicroOpKind kind)
    {
        var seed = 1000 + (int)kind;
        var random = new RandomOps(new Random(seed));
        using var harness = new BlockHarness();
        for (var variant = 0; variant < Variants; variant++)
        {
            MicroOp[] ops = [random.Make(kind)];
            harness.Build(ops);
            var code = harness.Compile(variant % 2 == 0 ? CompileTier.Full : CompileTier.Quick);
            for (var i = 0; i < Values; i++)
            {
                harness.Randomize(random);
                harness.Check(ops, code, flushTlb: i % 3 == 0, () => $"seed {seed} variant {variant} values {i}: {RandomOps.Show(ops[0])} {Operands(harness, ops[0])}");
            }
        }
    }

    [Fact]
    public void NamedVectorOperation_DoesWhatItsNameSays_InEveryLane()
    {
        using var harness = new BlockHarness();
        foreach (var name in VectorLanes.Names)
        {
            var random = new RandomOps(new Random(7000 + (int)name));
            for (var variant = 0; variant < 16; variant++)
            {
                MicroOp[] ops = [random.NamedVectorCall(name), random.NamedVectorCall(name)];
                harness.Build(ops);
                var code = harness.Compile(CompileTier.Full);
                for (var i = 0; i < 4; i++)
                {
                    harness.Randomize(random);
                    harness.Check(ops, code, flushTlb: false, () => $"{name} variant {variant} values {i}: {RandomOps.Show(ops[0])}; {RandomOps.Show(ops[1])}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(FlagReaders))]
    public void FlagReader_SeesTheFlagsOfEveryProducer_ForEveryCondition(MicroOpKind kind)
    {
        var seed = 5000 + (int)kind;
        var random = new RandomOps(new Random(seed));
        using var harness = new BlockHarness();
        foreach (var producer in FlagProducers)
        {
            if ((MicroOpTable.Traits(kind) & MicroOpTraits.EndsBlock) != 0)
            {
                for (var c = 0; c < 18; c++)
                {
                    CheckSequence(harness, random, [Producer(random, producer), Reader(random, kind, c, 0)], seed);
                }

                continue;
            }

            var ops = new List<MicroOp>();
            var conditions = HasCondition(kind) ? 18 : 2;
            for (var c = 0; c < conditions; c++)
            {
                ops.Add(Producer(random, producer));
                ops.Add(Reader(random, kind, c, 2304 + (c * 16)));
                ops.Add(new MicroOp { Kind = MicroOpKind.GetFlags, D = (ushort)(2304 + (c * 16) + 8), A = CpuState.Zero });
            }

            CheckSequence(harness, random, [.. ops], seed);
        }
    }

    [Fact]
    public void RandomSequences_InOneBlock_AgreeWithTheOracle()
    {
        var kinds = Enum.GetValues<MicroOpKind>().Except(NotInBlocks).ToArray();
        var straight = kinds.Where(k => (MicroOpTable.Traits(k) & MicroOpTraits.EndsBlock) == 0).ToArray();
        var ends = kinds.Where(k => (MicroOpTable.Traits(k) & MicroOpTraits.EndsBlock) != 0).ToArray();
        using var harness = new BlockHarness();
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new RandomOps(new Random(seed));
            var ops = new MicroOp[random.Random.Next(2, 24)];
            for (var i = 0; i < ops.Length; i++)
            {
                ops[i] = random.Make(i == ops.Length - 1 ? ends[random.Random.Next(ends.Length)] : straight[random.Random.Next(straight.Length)]);
                if (ops[i].Kind == MicroOpKind.Jump || ops[i].Kind is >= MicroOpKind.BranchIf and <= MicroOpKind.BranchBitClear)
                {
                    ops[i].Imm = random.Random.Next(-8, 8) * 4;
                    ops[i].C = 0;
                }
            }

            CheckSequence(harness, random, ops, seed);
        }
    }

    private static MicroOp Producer(RandomOps random, MicroOpKind producer)
    {
        var op = random.Make(producer);
        if (random.Random.Next(2) == 0 && op.Kind != MicroOpKind.CallFlags)
        {
            op.D = CpuState.Sink;
        }

        return op;
    }

    private static MicroOp Reader(RandomOps random, MicroOpKind kind, int condition, int slot)
    {
        var op = random.Make(kind);
        if (HasCondition(kind))
        {
            op.Aux = condition < 16 ? Toy.Asm.Conditions[condition] : (uint)random.Random.Next(0x10000);
        }

        if (slot != 0 && (MicroOpTable.Traits(kind) & MicroOpTraits.WritesD) != 0)
        {
            op.D = (ushort)slot;
        }

        if ((MicroOpTable.Traits(kind) & MicroOpTraits.EndsBlock) != 0)
        {
            op.Imm = random.Random.Next(-8, 8) * 4;
            op.C = 0;
        }

        return op;
    }

    private static bool HasCondition(MicroOpKind kind) =>
        kind is MicroOpKind.BranchIf || kind.ToString() is var name && (name.StartsWith("CC", StringComparison.Ordinal) || name.StartsWith("Select", StringComparison.Ordinal));

    private static void CheckSequence(BlockHarness harness, RandomOps random, MicroOp[] ops, int seed)
    {
        harness.Build(ops);
        var code = harness.Compile(seed % 4 == 0 ? CompileTier.Quick : CompileTier.Full);
        for (var i = 0; i < 4; i++)
        {
            harness.Randomize(random);
            harness.Check(ops, code, flushTlb: i % 2 == 0, () => $"seed {seed} values {i}:\n" + string.Join("\n", ops.Select(o => RandomOps.Show(o))));
        }
    }

    private static string Operands(BlockHarness h, in MicroOp op) =>
        op.C + 8 <= 8192 && op.D + 8 <= 8192
            ? $"a=0x{h.Get(op.A):x} b=0x{h.Get(op.B):x} d=0x{h.Get(op.D):x} flags={h.Get(CpuState.FlagsOffset)}"
            : string.Empty;
}
