// Random programs of linked blocks with loops, faults, devices and helpers: interpreter, compiled regions and single steps agree at every count.
using System.Globalization;
using System.Text;
using Emu.Cpu.Ir;
using Emu.Cpu.Jit;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.MicroOps;

public sealed unsafe class RandomProgramTests
{
    private const int Programs = 150;
    private const int Counts = 70;

    /// <summary>Few enough for both tiers to take part.</summary>
    private const int TieredThreshold = 12;

    private const ulong DataStart = 0x5000;
    private const ulong DataEnd = 0xC000;

    private static readonly MicroOpKind[] Straight = [.. Enum.GetValues<MicroOpKind>().Where(k =>
        k is not (MicroOpKind.Count or MicroOpKind.EndScratch) && (MicroOpTable.Traits(k) & MicroOpTraits.EndsBlock) == 0)];

    private static readonly ushort T0 = CpuState.Temporary(0);
    private static readonly ushort T1 = CpuState.Temporary(1);
    private static readonly ushort Base = CpuState.Register(RandomOps.BaseRegister);

    [Theory]
    [InlineData(0x1000, false, CompileTier.Full)]
    [InlineData(0x1FC0, false, CompileTier.Full)]
    [InlineData(0x1000, true, CompileTier.Full)]
    [InlineData(0x1000, false, CompileTier.Quick)]
    public void RandomProgram_IsTheSameOnEveryEngine_AtEveryInstructionCount(int start, bool variableLength, CompileTier tier)
    {
        for (var seed = 0; seed < Programs; seed++)
        {
            using var interpreter = new ToyMachine { VariableLength = variableLength };
            using var compiled = new ToyMachine { VariableLength = variableLength };
            using var stepped = new ToyMachine { VariableLength = variableLength };
            var listing = string.Empty;
            foreach (var m in (ToyMachine[])[interpreter, compiled, stepped])
            {
                listing = Generate(m, new Random(seed + start), (ulong)start);
            }

            // Links form, then everything is compiled.
            Reset(compiled, seed, (ulong)start);
            compiled.Cpu.Run(400);
            Assert.True(compiled.CompileAll((ulong)start, (ulong)start + 0x400, tier) > 0);
            Reset(stepped, seed, (ulong)start);
            for (var count = 0; count <= Counts; count++)
            {
                Reset(interpreter, seed, (ulong)start);
                Reset(compiled, seed, (ulong)start);
                if (count % 3 == 0)
                {
                    interpreter.Cpu.Tlb.FlushAll();
                    compiled.Cpu.Tlb.FlushAll();
                }

                interpreter.Cpu.Run((ulong)count);
                compiled.Cpu.Run((ulong)count);
                var expected = Show(interpreter);
                var actual = Show(compiled);
                Assert.True(expected == actual, $"seed {seed} start 0x{start:x} count {count}: interpreter\n{expected}\ncompiled\n{actual}\n{listing}");
                var single = Show(stepped);
                Assert.True(expected == single, $"seed {seed} start 0x{start:x} count {count}: interpreter\n{expected}\nsingle steps\n{single}\n{listing}");
                stepped.Cpu.Step();
            }
        }
    }

    [Theory]
    [InlineData(60, 20)]
    public void RandomProgram_IsTheSame_WhenItsCodeIsTakenAwayUnderIt(int programs, int runs) => RunUnderAttack(programs, runs);

    [Theory]
    [Trait("Category", "Nightly")]
    [InlineData(1000, 100)]
    public void RandomProgram_IsTheSame_WhenItsCodeIsTakenAwayUnderIt_ForLong(int programs, int runs) => RunUnderAttack(programs, runs);

    /// <summary>
    /// The program runs on the jit engine while another thread kicks, invalidates single words and everything, flushes caches and TLB, and collects
    /// garbage, with room for a few regions only. What the guest computes does not change.
    /// </summary>
    private static void RunUnderAttack(int programs, int runs)
    {
        const ulong Start = 0x1000;

        // No more: the base address moves by up to 16 in each, and stays clear of the program.
        const ulong Instructions = 1000;
        for (var seed = 0; seed < programs; seed++)
        {
            using var interpreter = new ToyMachine(vcpus: 2);
            using var jit = new ToyMachine(vcpus: 2, engine: Engine.Jit, compiledLimit: 100_000, threshold: seed % 2 == 0 ? 1 : TieredThreshold);
            var listing = Generate(interpreter, new Random(seed), Start);
            Generate(jit, new Random(seed), Start);
            Reset(interpreter, seed, Start);
            interpreter.Cpu.Run(Instructions);
            var expected = Show(interpreter);
            var stop = false;
            var attacker = new Thread(() => Attack(jit, new Random(seed), Start, ref stop)) { IsBackground = true };
            attacker.Start();
            var actual = expected;
            for (var run = 0; run < runs && actual == expected; run++)
            {
                Reset(jit, seed, Start);
                while (jit.Cpu.Retired < Instructions)
                {
                    jit.Cpu.Run(Instructions);
                }

                actual = Show(jit);
            }

            Volatile.Write(ref stop, true);
            attacker.Join();
            Assert.True(expected == actual, $"seed {seed}: interpreter\n{Cut(expected)}\njit\n{Cut(actual)}\n{listing}");
        }
    }

    private static void Attack(ToyMachine m, Random random, ulong code, ref bool stop)
    {
        while (!Volatile.Read(ref stop))
        {
            switch (random.Next(60))
            {
                case 0: m.Code.InvalidateAll(); break;
                case 1 when random.Next(4) == 0: m.Shared.Gate.Run(m.Code.Flush); break;
                case 2: m.Cpu.Enqueue(m.Cpu.Tlb.FlushAll); break;
                case 3 when random.Next(40) == 0: GC.Collect(); break;
                case < 12: m.Cpu.Kick(); break;
                case < 18: m.Memory.NotifyWritten(code + ((ulong)random.Next(64) * 4), 4); break;
                default: Thread.SpinWait(random.Next(3000)); break;
            }
        }
    }

    private static void Reset(ToyMachine m, int seed, ulong start)
    {
        var random = new RandomOps(new Random(seed));
        var cpu = m.Cpu;
        cpu.Reset();
        m.Device.Accesses.Clear();
        for (var i = 0; i < 32; i++)
        {
            cpu[i] = random.Value();
        }

        for (var slot = (int)ToyVcpu.Vectors; slot < 1024 + 128; slot += 8)
        {
            *(ulong*)((byte*)cpu.State + slot) = random.Value();
        }

        *(ulong*)((byte*)cpu.State + 2048) = random.Value();
        *(ulong*)((byte*)cpu.State + 2056) = random.Value();
        cpu[RandomOps.BaseRegister] = 0x7000 + (ulong)random.Random.Next(-64, 64);
        cpu[RandomOps.IndexRegister] = (ulong)(long)random.Random.Next(-40, 40);
        cpu.State->Flags = (ulong)random.Random.Next(16);
        cpu.State->Retired = 0;
        cpu.Pc = start;
        for (var a = DataStart; a < DataEnd; a += 8)
        {
            *(ulong*)(m.Ram + a) = a * 0x9E37_79B9_7F4A_7C15;
        }

        // Page 8 is read-only, page 9 is not there, page 10 is the device, 11 is read-only for user accesses.
        cpu.Map[(0, 8)] = new ToyMapping(0x8000, Write: false);
        cpu.Map[(0, 9)] = new ToyMapping(0x9000, Read: false, Write: false);
        cpu.Map[(0, 10)] = new ToyMapping(ToyMachine.DeviceBase);
        cpu.Map[(0, 11)] = new ToyMapping(0xB000, User: false);
        cpu.OnFault = static c =>
        {
            var f = c.Faults[^1];
            c[28] = (c[28] * 31) + f.Address + f.Pc + (ulong)f.Kind.Length;
            c.Pc += 4;
        };
    }

    private static string Cut(string text) => text.Length < 3000 ? text : text[..3000];

    private static string Show(ToyMachine m)
    {
        var cpu = m.Cpu;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"pc={cpu.Pc:x} retired={cpu.Retired} flags={cpu.State->Flags}\n");
        for (var i = 0; i < 32; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"x{i}={cpu[i]:x} ");
        }

        for (var slot = (int)ToyVcpu.Vectors; slot < 1024 + 128; slot += 8)
        {
            text.Append(CultureInfo.InvariantCulture, $"{*(ulong*)((byte*)cpu.State + slot):x} ");
        }

        text.Append(CultureInfo.InvariantCulture, $"slots={*(ulong*)((byte*)cpu.State + 2048):x},{*(ulong*)((byte*)cpu.State + 2056):x} ");
        ulong hash = 0;
        for (var a = DataStart; a < DataEnd; a += 8)
        {
            hash = ((hash << 7) | (hash >> 57)) ^ *(ulong*)(m.Ram + a);
        }

        text.Append(CultureInfo.InvariantCulture, $"memory={hash:x}\n");
        text.AppendJoin(' ', cpu.Faults.Select(f => $"{f.Kind}@{f.Address:x}/{f.Pc:x}/{f.Retired}"));
        text.AppendJoin(' ', m.Device.Accesses.Select(a => a.ToString()));
        return text.ToString();
    }

    private static string Generate(ToyMachine m, Random seeded, ulong start)
    {
        var random = new RandomOps(seeded);
        var lengths = new int[seeded.Next(2, 8)];
        var starts = new ulong[lengths.Length];
        var at = start;
        for (var i = 0; i < lengths.Length; i++)
        {
            lengths[i] = seeded.Next(1, 8);
            starts[i] = at;
            at += (ulong)lengths[i] * 4;
        }

        var words = new List<uint>();
        var listing = new StringBuilder();
        for (var i = 0; i < lengths.Length; i++)
        {
            for (var j = 0; j < lengths[i]; j++)
            {
                var pc = start + ((ulong)words.Count * 4);
                var target = (long)(starts[seeded.Next(starts.Length)] - pc);
                var ops = j == lengths[i] - 1 ? End(random, target) : Instruction(random);
                listing.Append(CultureInfo.InvariantCulture, $"{pc:x}: {string.Join("; ", ops.Select(o => RandomOps.Show(o)))}\n");
                words.Add(m.Custom(ops));
            }
        }

        words.Add(Asm.Jump(-words.Count));
        m.Assemble(start, [.. words]);
        return listing.ToString();
    }

    private static MicroOp[] Instruction(RandomOps random)
    {
        var any = random.Make(Straight[random.Random.Next(Straight.Length)]);
        var general = random.Make(MicroOpKind.Add64);
        switch (random.Random.Next(12))
        {
            case 0:
                // A new base address, around the pages with something special.
                return [Op(MicroOpKind.AndI64, T0, general.A, imm: 0x3F), Op(MicroOpKind.AddI64, Base, T0, imm: (0x6 + random.Random.Next(6)) * 0x1000 - 32)];
            case 1:
                return [Op(MicroOpKind.Ld64, T0, Base), Op(MicroOpKind.AddI64, Base, Base, imm: 8), Op(MicroOpKind.Mov64, general.D, T0)];
            case 2:
                return [Op(MicroOpKind.AddI64, T0, Base, imm: 0x1000), Op(MicroOpKind.St64, general.A, Base), Op(MicroOpKind.St64, general.B, T0, imm: 16)];
            case 3:
                // A helper with effects, then an access that may miss: the helper runs once.
                return [random.Make(MicroOpKind.CallChecked), Op(MicroOpKind.Ld64, T1, Base), Op(MicroOpKind.Xor64, general.D, T1, general.A)];
            case 4:
                return [Op(MicroOpKind.MovI, T0, CpuState.Zero, imm: 1), random.Make(MicroOpKind.Call) with { D = T0 }, Op(MicroOpKind.Ld32, T1, Base), Op(MicroOpKind.Add64, general.D, T0, T1)];
            case 5:
                return [Op(MicroOpKind.SubS64, T0, general.A, general.B), Op(MicroOpKind.Select64, general.D, T0, general.A) with { Aux = random.ConditionMask() }];
            case 6:
                return [Op(MicroOpKind.LdP64, T0, Base, T1), Op(MicroOpKind.AddI64, Base, Base, imm: -16), Op(MicroOpKind.Sub64, general.D, T0, T1)];
            case 7:
                return [any, random.Make(MicroOpKind.AddSI32)];
            default:
                return [any];
        }
    }

    private static MicroOp[] End(RandomOps random, long target)
    {
        var kind = (MicroOpKind)random.Random.Next((int)MicroOpKind.CallEnd, (int)MicroOpKind.EndScratch);
        var op = random.Make(kind);
        switch (kind)
        {
            case MicroOpKind.CallEnd: return [op];
            case MicroOpKind.JumpReg:
                return [Op(MicroOpKind.LeaPc, CpuState.Register(25), imm: target), Op(MicroOpKind.JumpReg, a: CpuState.Register(25), imm: Hint(random))];
            case MicroOpKind.Jump when random.Random.Next(2) == 0:
                // A call through memory: store and jump in one instruction.
                return [Op(MicroOpKind.St64, op.A, Base), Op(MicroOpKind.Jump, imm: target)];
            case MicroOpKind.Jump:
                op.Aux = Hint(random);
                break;
        }

        op.Imm = target;
        return random.Random.Next(4) == 0 ? [Op(MicroOpKind.Ld64, T0, Base), op with { A = op.A == CpuState.Zero ? T0 : op.A }] : [op];
    }

    /// <summary>Calls and returns at random: what the predictor says of them must not matter.</summary>
    private static uint Hint(RandomOps random) => (uint)random.Random.Next((int)BranchHint.Return + 1);

    private static MicroOp Op(MicroOpKind kind, ushort d = CpuState.Sink, ushort a = CpuState.Zero, ushort b = CpuState.Zero, long imm = 0) =>
        new() { Kind = kind, D = d, A = a, B = b, Imm = imm };
}
