// Every micro-op that may fault, at every kind of place, in a compiled loop with flags pending: the same as interpreted, at every count.
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.MicroOps;

public sealed unsafe class FaultingOpTests
{
    private const ulong Start = 0x1000;
    private const int Counts = 14;
    private const int Variants = 3;
    private const ulong DataStart = 0x6000;
    private const ulong DataEnd = 0xF000;
    private const ulong CodePage = 0xD000;

    private static readonly ushort T0 = CpuState.Temporary(0);
    private static readonly ushort Base = CpuState.Register(RandomOps.BaseRegister);

    /// <summary>Offsets from the start of each page: aligned, unaligned, and such that accesses of 2 to 32 bytes cross into it.</summary>
    private static readonly int[] Offsets = [0, 1, 4, 8, -1, -7, -12, -24];

    public static TheoryData<MicroOpKind> Kinds => [.. Enum.GetValues<MicroOpKind>().Where(k =>
        k is not (MicroOpKind.Count or MicroOpKind.EndScratch)
        && (MicroOpTable.Traits(k) & (MicroOpTraits.MayFault | MicroOpTraits.Helper)) == MicroOpTraits.MayFault)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Access_IsTheSameInCompiledCode_WhereverItGoes(MicroOpKind kind)
    {
        for (var variant = 0; variant < Variants; variant++)
        {
            using var interpreter = new ToyMachine();
            using var compiled = new ToyMachine();
            var seed = ((int)kind * Variants) + variant;
            var listing = Assemble(interpreter, kind, seed);
            Assemble(compiled, kind, seed);

            // Links form at a harmless place, then every block is compiled with the loop around it.
            Reset(compiled, seed, 0x6100);
            compiled.Cpu.Run(40);
            Assert.True(compiled.CompileAll(Start, Start + 0x100) > 0);
            for (var page = DataStart; page < DataEnd; page += 0x1000)
            {
                foreach (var offset in Offsets)
                {
                    for (var count = 1; count <= Counts; count++)
                    {
                        foreach (var m in (ToyMachine[])[interpreter, compiled])
                        {
                            Reset(m, seed, page + (ulong)offset);
                            if (count % 2 == 0)
                            {
                                m.Cpu.Tlb.FlushAll();
                            }

                            m.Cpu.Run((ulong)count);
                        }

                        Compare(interpreter, compiled, $"{kind} seed {seed} at 0x{page:x}{offset:+0;-0} count {count}, {listing}");
                    }
                }
            }
        }
    }

    /// <summary>
    /// A loop: flags of a subtraction stay pending over the access, which has a write-back behind it in its instruction; then they are read, replaced by
    /// those of an addition, and the access comes again.
    /// </summary>
    private static string Assemble(ToyMachine m, MicroOpKind kind, int seed)
    {
        var random = new RandomOps(new Random(seed));
        ushort x1 = CpuState.Register(1), x2 = CpuState.Register(2), x3 = CpuState.Register(3), x4 = CpuState.Register(4);
        MicroOp access = random.Make(kind), second = random.Make(kind);
        m.Assemble(
            Start,
            m.Custom(Op(MicroOpKind.SubS64, x3, x1, x2)),
            m.Custom(Op(MicroOpKind.AddI64, T0, x4, imm: 3), access, Op(MicroOpKind.AddI64, Base, Base, imm: 1), Op(MicroOpKind.Mov64, x4, T0)),
            m.Custom(Op(MicroOpKind.Select64, x1, x2, x3) with { Aux = random.ConditionMask() }),
            m.Custom(Op(MicroOpKind.AddS32, x2, x3, x4)),
            m.Custom(second),
            Asm.BranchIf(random.Random.Next(14), -5),
            Asm.Jump(-6));

        // A page with translated code among the data.
        m.Assemble(CodePage, Asm.Halt());
        m.RunToHalt(CodePage);
        return $"{RandomOps.Show(access)}; {RandomOps.Show(second)}";
    }

    private static MicroOp Op(MicroOpKind kind, ushort d, ushort a, ushort b = CpuState.Zero, long imm = 0) => new() { Kind = kind, D = d, A = a, B = b, Imm = imm };

    private static void Reset(ToyMachine m, int seed, ulong address)
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
        cpu[RandomOps.BaseRegister] = address;
        cpu[RandomOps.IndexRegister] = (ulong)(long)random.Random.Next(-4, 4);
        cpu.State->Flags = (ulong)random.Random.Next(16);
        cpu.State->Retired = 0;
        cpu.Pc = Start;
        for (var a = DataStart; a < DataEnd; a += 8)
        {
            *(ulong*)(m.Ram + a) = a * 0x9E37_79B9_7F4A_7C15;
        }

        *(uint*)(m.Ram + CodePage) = Asm.Halt();
        if (m.Code.Find(CodePage, 0) == null)
        {
            var (retired, pc) = (cpu.State->Retired, cpu.Pc);
            m.RunToHalt(CodePage);
            (cpu.State->Retired, cpu.Pc, cpu.State->Halted) = (retired, pc, 0);
        }

        cpu.Map[(0, 8)] = new ToyMapping(0x8000, Write: false);
        cpu.Map[(0, 9)] = new ToyMapping(0x9000, Read: false, Write: false);
        cpu.Map[(0, 10)] = new ToyMapping(ToyMachine.DeviceBase);
        cpu.Map[(0, 11)] = new ToyMapping(0xB000, User: false);
        cpu.Map[(0, 12)] = new ToyMapping(0xC000, Info: TlbInfo.CheckAlignment);
        cpu.Map[(0, 14)] = new ToyMapping(ToyMachine.RomBase);
        cpu.OnFault = static c =>
        {
            var f = c.Faults[^1];
            c[28] = (c[28] * 31) + f.Address + f.Pc + (ulong)f.Kind.Length;
            c.Pc += 4;
        };
    }

    private static void Compare(ToyMachine interpreter, ToyMachine compiled, string what)
    {
        ToyVcpu e = interpreter.Cpu, a = compiled.Cpu;
        Assert.True((e.Pc, e.Retired, e.State->Flags) == (a.Pc, a.Retired, a.State->Flags), $"{what}: PC, count or flags: {e.Pc:x} {e.Retired} {e.State->Flags}, compiled {a.Pc:x} {a.Retired} {a.State->Flags}");
        foreach (var (start, length) in ((int, int)[])[(0, 256), (ToyVcpu.Vectors, 128), (2048, 16)])
        {
            for (var slot = start; slot < start + length; slot += 8)
            {
                ulong x = *(ulong*)((byte*)e.State + slot), y = *(ulong*)((byte*)a.State + slot);
                Assert.True(x == y, $"{what}: slot {slot} is 0x{x:x}, compiled 0x{y:x}");
            }
        }

        Assert.True(e.Faults.SequenceEqual(a.Faults), $"{what}: faults {string.Join(' ', e.Faults)}, compiled {string.Join(' ', a.Faults)}");
        Assert.True(interpreter.Device.Accesses.SequenceEqual(compiled.Device.Accesses), $"{what}: device accesses {string.Join(' ', interpreter.Device.Accesses)}, compiled {string.Join(' ', compiled.Device.Accesses)}");
        var length64 = (int)(DataEnd - DataStart);
        Assert.True(new ReadOnlySpan<byte>(interpreter.Ram + DataStart, length64).SequenceEqual(new ReadOnlySpan<byte>(compiled.Ram + DataStart, length64)), $"{what}: memory");
    }
}
