// Builds one block from micro-ops and runs it on the interpreter, on compiled code and on the oracle from the same state.
using Emu.Core;
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;
using Emu.Cpu.Jit;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.MicroOps;

/// <summary>The harness. Each micro-op is an instruction of its own.</summary>
public sealed unsafe class BlockHarness : IDisposable
{
    /// <summary>Where data accesses of random micro-ops go: around this page boundary.</summary>
    public const ulong Data = 0x8000;

    private const ulong DataStart = 0x6000;
    private const int DataBytes = 0x4000;
    private const ulong BlockPc = 0x1000;

    private readonly ToyMachine machine = new();
    private readonly HostMemory memory = new(65536);
    private readonly BlockBuilder builder = new();

    public BlockHarness()
    {
        Initial = new byte[ToyVcpu.StateBytes];
        Guest = new byte[DataBytes];
    }

    /// <summary>State before the block (only guest-visible slots are used).</summary>
    public byte[] Initial { get; }

    /// <summary>Guest memory before the block.</summary>
    public byte[] Guest { get; }

    public Block* Block { get; private set; }

    public void Build(IReadOnlyList<MicroOp> ops)
    {
        builder.Begin(0);
        foreach (var op in ops)
        {
            builder.NextInstruction(4);
            builder.Emit(op.Kind, op.D, op.A, op.B, op.Imm, op.Aux, op.Kind == MicroOpKind.CallEnd ? (ushort)(builder.Offset + 4) : op.C);
        }

        if (!builder.Ended)
        {
            builder.NextInstruction(4);
            builder.Emit(MicroOpKind.Jump, imm: builder.Offset + 4);
        }

        builder.Finish();
        Block = (Block*)memory.Pointer;
        *Block = default;
        Block->Ops = (MicroOp*)(Block + 1);
        Block->Count = builder.InstructionCount;
        Block->OpCount = builder.OpCount;
        Block->Length = builder.InstructionCount * 4;
        Block->Physical = BlockPc;
        Block->Heat = int.MaxValue;
        new Span<MicroOp>(builder.Ops, builder.OpCount).CopyTo(new Span<MicroOp>(Block->Ops, builder.OpCount));
    }

    /// <summary>Fills registers, vectors and free slots from a generator.</summary>
    public void Randomize(RandomOps ops)
    {
        for (var slot = 0; slot < 256; slot += 8)
        {
            Set(slot, ops.Value());
        }

        for (var slot = (int)ToyVcpu.Vectors; slot < 1024 + 128; slot += 8)
        {
            Set(slot, ops.Random.Next(3) == 0 ? 0x0101_8080_FFFF_0000 : ops.Value());
        }

        for (var slot = 2048; slot < 2048 + 64; slot += 8)
        {
            Set(slot, ops.Value());
        }

        Set(CpuState.FlagsOffset, (ulong)ops.Random.Next(16));
        Set(CpuState.Register(RandomOps.BaseRegister), Data + (ulong)(ops.Random.Next(3) == 0 ? 0 : ops.Random.Next(-48, 48)));
        Set(CpuState.Register(RandomOps.IndexRegister), (ulong)(long)ops.Random.Next(-40, 40));
        ops.Random.NextBytes(Guest);
    }

    /// <summary>Runs the block on the oracle and both engines; fails with <paramref name="what"/> when they differ.</summary>
    public void Check(IReadOnlyList<MicroOp> ops, CompiledCode code, bool flushTlb, Func<string> what)
    {
        var expected = new OracleState
        {
            Slots = (byte[])Initial.Clone(),
            Memory = new byte[DataStart + DataBytes],
            BlockPc = BlockPc,
            BlockLength = (ulong)Block->Length,
            Helpers = OracleHelpers.All,
        };
        Guest.CopyTo(expected.Memory, (int)DataStart);
        expected[CpuState.Sink] = 0;
        var retired = 0;
        var faulted = false;
        foreach (var op in ops)
        {
            var placed = op;
            placed.C = op.Kind == MicroOpKind.CallEnd ? (ushort)((retired + 1) * 4) : op.C;
            if (!MicroOpOracle.Execute(expected, placed))
            {
                faulted = true;
                break;
            }

            retired++;
            if (expected.Helpers.Count != 0 && OracleHelpers.Leaves(expected))
            {
                expected.Target ??= BlockPc + (ulong)(retired * 4);
                break;
            }
        }

        if (!faulted && expected.Target == null)
        {
            expected.Target = BlockPc + (ulong)Block->Length;
            retired = Block->Count;
        }

        var pc = faulted ? BlockPc + (ulong)(retired * 4) : expected.Target!.Value;
        Run(null, flushTlb, expected, pc, (ulong)retired, faulted, "interpreter", what);
        Run(code, flushTlb, expected, pc, (ulong)retired, faulted, "compiled", what);
    }

    public CompiledCode Compile(CompileTier tier = CompileTier.Full)
    {
        Block->EntriesLeft = int.MaxValue;
        var region = new Region { Instructions = Block->Count, Tier = tier };
        region.Blocks.Add(new RegionBlock { Handle = (nint)Block, Delta = 0 });
        var code = machine.BackEnd.Compile(region);
        Assert.NotNull(code);
        return code;
    }

    public ulong Get(int slot) => BitConverter.ToUInt64(Initial, slot);

    public void Set(int slot, ulong value) => BitConverter.TryWriteBytes(Initial.AsSpan(slot, 8), value);

    public void Dispose()
    {
        machine.Dispose();
        memory.Dispose();
        builder.Dispose();
    }

    private void Run(CompiledCode? code, bool flushTlb, OracleState expected, ulong pc, ulong retired, bool faulted, string engine, Func<string> what)
    {
        var cpu = machine.Cpu;
        var s = cpu.State;
        var bytes = (byte*)s;
        foreach (var (start, length) in Visible)
        {
            Initial.AsSpan(start, length).CopyTo(new Span<byte>(bytes + start, length));
        }

        *(ulong*)(bytes + CpuState.Zero) = 0;
        Guest.CopyTo(new Span<byte>(machine.Ram + DataStart, DataBytes));
        s->Pc = BlockPc;
        s->Retired = 1000;
        s->Limit = ulong.MaxValue;
        if (flushTlb)
        {
            cpu.Tlb.FlushAll();
        }

        Block->Code = code == null ? null : (void*)code.Entry;
        Block->Heat = code == null ? int.MaxValue : 0;
        var exit = Interpreter.Interpreter.Run(s, Block);
        Assert.True(exit == (faulted ? BlockExit.Fault : BlockExit.Left), $"{engine}: left with {exit}: {what()}");
        foreach (var (start, length) in Visible)
        {
            for (var slot = start; slot < start + length; slot += 8)
            {
                var actual = *(ulong*)(bytes + slot);
                Assert.True(actual == expected[slot], $"{engine}: slot {slot} is 0x{actual:x}, expected 0x{expected[slot]:x}: {what()}");
            }
        }

        Assert.True(s->Pc == pc, $"{engine}: PC 0x{s->Pc:x}, expected 0x{pc:x}: {what()}");
        Assert.True(s->Retired == 1000 + retired, $"{engine}: retired {s->Retired - 1000}, expected {retired}: {what()}");
        var same = new ReadOnlySpan<byte>(machine.Ram + DataStart, DataBytes).SequenceEqual(expected.Memory.AsSpan((int)DataStart));
        Assert.True(same, $"{engine}: memory differs: {what()}");
    }

    /// <summary>Registers, flags, vectors and free slots.</summary>
    private static readonly (int Start, int Length)[] Visible = [(0, 256), (CpuState.FlagsOffset, 8), (1024, 128), (2048, 2048)];
}

/// <summary>The helpers of <see cref="ToyHelpers"/> for the oracle.</summary>
internal static unsafe class OracleHelpers
{
    public static readonly Dictionary<long, Action<OracleState, MicroOp>> All = new()
    {
        [(long)(delegate*<CpuState*, MicroOp*, void>)&ToyHelpers.Mix] = (s, op) => s[op.D] += (s[op.A] * 31) + (s[op.B] * 17) + s[op.C],
        [(long)(delegate*<CpuState*, MicroOp*, void>)&ToyHelpers.MixVector] = (s, op) => s[op.D] += (s[op.A] * 31) + (s[op.B] * 17) + (op.C & 0xFFu),
        [(long)(delegate*<CpuState*, MicroOp*, void>)&ToyHelpers.NamedVector] = (s, op) =>
        {
            var result = new byte[16];
            VectorLanes.Compute(op, s.Slots.AsSpan(op.D, 16), s.Slots.AsSpan(op.A, 16), s.Slots.AsSpan(op.B, 16), result);
            result.CopyTo(s.Slots, op.D);
        },
        [(long)(delegate*<CpuState*, MicroOp*, void>)&ToyHelpers.MixFlags] = (s, op) =>
        {
            var a = s[op.A];
            s[op.D] = s.Flags + a;
            s.Flags = (s.Flags + a + 5) & 15;
        },
        [(long)(delegate*<CpuState*, MicroOp*, int>)&ToyHelpers.Pure] = Pure,
        [(long)(delegate*<CpuState*, MicroOp*, int>)&ToyHelpers.Checked] = Checked,
        [(long)(delegate*<CpuState*, MicroOp*, int>)&ToyHelpers.CheckedEnd] = Checked,
    };

    [ThreadStatic]
    private static bool leave;

    /// <summary>The last helper asked to leave after its instruction.</summary>
    public static bool Leaves(OracleState s)
    {
        var result = leave || s.Target != null;
        leave = false;
        return result;
    }

    private static void Pure(OracleState s, MicroOp op)
    {
        if ((s[op.A] >> 4) % 4 == 1)
        {
            s.Faulted = true;
            return;
        }

        s[op.D] = (s[op.A] * 31) + (s[op.B] * 17) + s[op.C];
    }

    private static void Checked(OracleState s, MicroOp op)
    {
        var a = s[op.A];
        var what = (a >> 4) % 4;
        if (what == 1)
        {
            s.Faulted = true;
            return;
        }

        var hidden = CpuState.Register(ToyHelpers.HiddenRegister);
        s[hidden] = (s[hidden] * 3) + s.Flags + a;
        s.Flags = s[hidden] % 16;
        s[op.D] = s[hidden];
        leave = what == 2;
    }
}
