// The search for the first difference between two engines, on engines that are broken on purpose.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Cpu.Ir;
using Emu.Cpu.Jit;
using Emu.Cpu.Jit.Il;
using Emu.Devices.Serial;
using Emu.Machine.Engines;
using Emu.Machine.Lifecycle;
using Emu.Machine.Options;

namespace Emu.Machine.Tests;

public sealed unsafe class BisectionTests : IDisposable
{
    /// <summary>Instructions of <see cref="Program"/> until it powers off.</summary>
    private const ulong Length = 5 + (5 * Iterations) + 3;

    private const ulong Iterations = 50_000;

    /// <summary>X2 sums, X3 mixes the sums, a word of RAM takes each; then PSCI SYSTEM_OFF.</summary>
    private static readonly uint[] Program =
    [
        0xD2800000 | ((uint)Iterations << 5) | 1, // mov x1, #50000
        0xD2800002,                               // mov x2, #0
        0xD2800003,                               // mov x3, #0
        0xD2A00000 | (0x4200 << 5) | 5,           // mov x5, #0x42000000
        0x8B010042,                               // add x2, x2, x1
        0xCA020063,                               // eor x3, x3, x2
        0xF90000A3,                               // str x3, [x5]
        0xF1000421,                               // subs x1, x1, #1
        0x54FFFF81,                               // b.ne add
        0xD2B08000,                               // mov x0, #0x84000000
        0xF2800100,                               // movk x0, #8
        0xD4000002,                               // hvc #0
    ];

    private readonly TestFiles files = new();

    public void Dispose() => files.Dispose();

    [Fact]
    public void EqualEngines_AreEqualToTheEnd()
    {
        var same = Assert.IsType<BisectionResult.Same>(Search(Engine(EngineKind.Interpreter), Engine(EngineKind.Jit)).Find(0, ulong.MaxValue));
        Assert.Equal(Length, same.Instructions);
        same = Assert.IsType<BisectionResult.Same>(Search(Engine(EngineKind.Interpreter), Engine(EngineKind.Jit)).Find(1000, 2000));
        Assert.Equal(2000UL, same.Instructions);
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(2UL)]
    [InlineData(777UL)]
    [InlineData(131_313UL)]
    [InlineData(Length - 4)]
    public void OneWrongBit_IsFoundAtItsInstruction(ulong instruction)
    {
        var search = Search(Engine(EngineKind.Interpreter), options => new FlippingEngine(new SoftwareEngine(options), instruction));
        var found = Assert.IsType<BisectionResult.Different>(search.Find(0, ulong.MaxValue));
        Assert.Equal(instruction, found.Instruction);
        Assert.Contains(found.Report, l => l.Contains("vcpu0", StringComparison.Ordinal));
    }

    [Fact]
    public void OneWrongByteOfRam_IsFoundAtItsInstruction_AndShown()
    {
        const ulong Instruction = 99_999;
        var search = Search(Engine(EngineKind.Interpreter), options => new FlippingEngine(new SoftwareEngine(options), Instruction, address: 0x4300_1238));
        var found = Assert.IsType<BisectionResult.Different>(search.Find(50_000, 200_000));
        Assert.Equal(Instruction, found.Instruction);
        Assert.Contains("  RAM 0x43001238: 0x0000000000000000 | 0x0000000000000001", found.Report);
    }

    /// <summary>A back end that compiles one instruction of the loop wrongly: it is that instruction that is found, though its region goes on behind it.</summary>
    [Fact]
    public void WronglyCompiledInstruction_IsFound_WithItsBlockAndBothStates()
    {
        var create = Engine(EngineKind.Interpreter);
        ICpuEngine CreateBroken(MachineOptions options) => new SoftwareEngine(options, new BrokenBackEnd());
        var found = Assert.IsType<BisectionResult.Different>(Search(create, CreateBroken).Find(0, ulong.MaxValue));
        Assert.InRange(found.Instruction, 50UL, 10_000UL);
        Assert.Equal(HashAt(create, found.Instruction - 1), HashAt(CreateBroken, found.Instruction - 1));

        // Two before the loop, three more in it, and the second of five in each round.
        Assert.Equal(0UL, (found.Instruction - 5 - 2) % 5);
        Assert.Contains(found.Report, l => l.EndsWith("ca020063  word ca020063", StringComparison.Ordinal));
        Assert.Contains(found.Report, l => l.StartsWith("  vcpu0 X3: 0x", StringComparison.Ordinal));
        Assert.DoesNotContain(found.Report, l => l.StartsWith("  vcpu0 X2:", StringComparison.Ordinal));
        Assert.DoesNotContain(found.Report, l => l.StartsWith("  RAM 0x42000000: ", StringComparison.Ordinal));
    }

    [Fact]
    public void EarlierEnd_IsADifference()
    {
        var search = Search(Engine(EngineKind.Interpreter), options => new FlippingEngine(new SoftwareEngine(options), 1000, endsThere: true));
        var found = Assert.IsType<BisectionResult.Different>(search.Find(0, ulong.MaxValue));
        Assert.Equal(1001UL, found.Instruction);
    }

    private Bisection Search(Func<MachineOptions, ICpuEngine> first, Func<MachineOptions, ICpuEngine> second) =>
        new(cuts => Create(first, compileCuts: cuts), cuts => Create(second, compileCuts: cuts), _ => { }, (_, word) => $"word {word:x}");

    private static Func<MachineOptions, ICpuEngine> Engine(EngineKind kind) => options => new SoftwareEngine(options with { Engine = kind });

    private string HashAt(Func<MachineOptions, ICpuEngine> engine, ulong count)
    {
        using var machine = Create(engine, count);
        machine.Run();
        return machine.StateHash();
    }

    private VirtualMachine Create(Func<MachineOptions, ICpuEngine> engine, ulong? stopAt = null, bool compileCuts = false)
    {
        var image = TestFiles.Image();
        BinaryPrimitives.WriteUInt32LittleEndian(image, 0x14000010); // b 64
        for (var i = 0; i < Program.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(64 + (i * 4)), Program[i]);
        }

        var options = new MachineOptions
        {
            Kernel = files.Write("Image", image),
            Memory = new MemoryOption(64 << 20),
            Engine = EngineKind.Jit,
            DeterministicSeed = 0,
            NoReboot = true,
            CompileSynchronously = true,
            CompileThreshold = 100,
            StopAt = stopAt,
            CompileCuts = compileCuts,
        };
        return new VirtualMachine(options, new MachineHost { Log = Log.Null, CreateEngine = engine, CreateSerial = () => new NullBackend() });
    }

    /// <summary>The IL back end, with every exclusive OR compiled as OR.</summary>
    private sealed class BrokenBackEnd : ICompilerBackEnd
    {
        private readonly IlBackEnd il = new() { Floats = Cpu.Arm64.Arm64State.Floats };

        public string Name => "broken";

        public CompiledCode? Compile(Region region)
        {
            Replace(region, MicroOpKind.Xor64, MicroOpKind.Or64);
            var code = il.Compile(region);
            Replace(region, MicroOpKind.Or64, MicroOpKind.Xor64);
            return code;
        }

        private static void Replace(Region region, MicroOpKind from, MicroOpKind to)
        {
            foreach (var b in region.Blocks)
            {
                for (var i = 0; i < b.Block->OpCount; i++)
                {
                    var op = b.Block->Ops + i;
                    op->Kind = op->Kind == from ? to : op->Kind;
                }
            }
        }
    }

    /// <summary>An engine whose vCPU does one instruction wrongly.</summary>
    private sealed class FlippingEngine(ICpuEngine inner, ulong instruction, ulong address = 0, bool endsThere = false) : ICpuEngine
    {
        public string Name => "flipping";

        public bool HasPmu => inner.HasPmu;

        public IEngineStatistics Statistics => inner.Statistics;

        public IVcpu CreateVcpu(in VcpuConfiguration configuration)
        {
            var (memory, control) = (configuration.Memory, configuration.Control);
            var vcpu = (Cpu.Arm64.SystemLevel.Arm64Vcpu)inner.CreateVcpu(configuration);
            return new FlippingVcpu(vcpu, instruction, () =>
            {
                if (endsThere)
                {
                    control.RequestStop(MachineStop.PowerOff);
                }
                else if (address != 0)
                {
                    memory.Write(address, 8, memory.Read(address, 8) ^ 1);
                }
                else
                {
                    vcpu.X(20) ^= 1;
                }
            });
        }

        public void SetBootState(IVcpu vcpu, ulong entry, ulong argument) => inner.SetBootState(((FlippingVcpu)vcpu).Inner, entry, argument);

        public void Dispose() => inner.Dispose();
    }

    private sealed class FlippingVcpu(IVcpu inner, ulong instruction, Action flip) : IVcpu
    {
        private bool done;

        public IVcpu Inner => inner;

        public int Index => inner.Index;

        public ulong Retired => inner.Retired;

        public ulong ExactRetired => inner.ExactRetired;

        public ulong ProgramCounter => inner.ProgramCounter;

        public string SnapshotName => inner.SnapshotName;

        public bool HasWork => inner.HasWork;

        public VcpuExit Run(ulong retiredLimit)
        {
            if (done || retiredLimit < instruction)
            {
                return inner.Run(retiredLimit);
            }

            var exit = inner.Run(instruction);
            if (inner.Retired != instruction)
            {
                return exit;
            }

            done = true;
            flip();
            return inner.Run(retiredLimit);
        }

        public void WaitForWork() => inner.WaitForWork();

        public void Kick() => inner.Kick();

        public void SetInterrupt(CpuInterrupt kind, bool level) => inner.SetInterrupt(kind, level);

        public void Reset() => inner.Reset();

        public void Save(SnapshotWriter writer) => inner.Save(writer);

        public void Restore(SnapshotReader reader) => inner.Restore(reader);

        public void Restored() => inner.Restored();
    }
}
