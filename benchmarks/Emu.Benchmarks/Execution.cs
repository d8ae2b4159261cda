// What a guest instruction costs on the interpreter and in compiled code, by kind; 1000 / ns = MIPS.
using BenchmarkDotNet.Attributes;
using Emu.Cpu.Arm64;
using Emu.Cpu.Jit;
using Emu.Cpu.Jit.Il;

namespace Emu.Benchmarks;

/// <summary>Hot loops, per guest instruction.</summary>
public unsafe class Execution
{
    private const int Instructions = 4_000_000;
    private BenchMachine machine = null!;
    private JitCompiler? compiler;

    /// <summary>The engine.</summary>
    [Params("interpreter", "jit")]
    public string Engine { get; set; } = "";

    /// <summary>The loop.</summary>
    [Params("alu", "memory", "branch", "float", "mixed", "tlb-miss")]
    public string Loop { get; set; } = "";

    /// <summary>Loads the loop and lets it become hot.</summary>
    [GlobalSetup]
    public void Setup()
    {
        compiler = Engine == "jit" ? new JitCompiler(new IlBackEnd { Floats = Arm64State.Floats }, JitCompiler.DefaultLimit) : null;
        machine = new BenchMachine(compiler);
        compiler?.Start(machine.Cpu.Code, JitCompiler.DefaultThreshold);
        machine.Load(Loops.Code(Loop));
        (machine.Cpu.X(1), machine.Cpu.X(2), machine.Cpu.X(3)) = (BenchMachine.Data, 3, 5);
        SetNumbers();
        machine.Run(Instructions);
        compiler?.Drain();
        machine.Run(Instructions);
    }

    /// <summary>Operands of "float" whose results are normal numbers, however long it runs.</summary>
    private void SetNumbers()
    {
        (Double(1), Double(2), Double(3), Double(5)) = (1.1, 2.3, 0.7, 0.5);
        new Span<float>(Vector(7), 4).Fill(1.3f);
    }

    private byte* Vector(int n) => (byte*)machine.Cpu.State + Arm64State.V(n);

    private ref double Double(int n) => ref *(double*)Vector(n);

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Cleanup() => machine.Dispose();

    /// <summary>The loop.</summary>
    [Benchmark(OperationsPerInvoke = Instructions)]
    public void Run() => machine.Run(Instructions);
}

/// <summary>The loops, in instruction words.</summary>
internal static class Loops
{
    /// <summary>The words of a loop.</summary>
    public static uint[] Code(string name) => name switch
    {
        // add, eor with shift, sub, and, madd, ubfx, orr, lsl, b
        "alu" => [0x8B030042, 0xCA420844, 0xCB030085, 0x8A0400A6, 0x9B060CA7, 0xD3463CE8, 0xAA080109, 0xD37CED2A, Back(8)],

        // ldr, str, ldp, stp, ldrb, strh, b
        "memory" => [0xF9400024, 0xF9000424, 0xA9411825, 0xA9021825, 0x39400027, 0x79002027, Back(6)],

        // cmp, b.ne (taken), nop between; cbz (not taken), tbz (taken), b
        "branch" => [0xEB03005F, 0x54000041, 0xD503201F, 0xB4000042, 0x36F80042, 0xD503201F, Back(6)],

        // fadd, fmul, fmadd of doubles, and fadd of four singles, b
        "float" => [0x1E622820, 0x1E630844, 0x1F4508C6, 0x4E27D4E8, Back(4)],

        // ldr x4,[x1]; add; str; cmp; b.eq +8; eor; subs; b
        "mixed" => [0xF9400024, 0x8B020084, 0xF9000824, 0xEB03005F, 0x54000040, 0xCA040065, 0xF1000466, Back(7)],

        // A load from each of 8192 pages in turn: add x5,x5,#4096; and x5,x5,#0x1ffffff; ldr x4,[x1,x5]; b
        "tlb-miss" => [0x914004A5, 0x924060A5, 0xF8656824, Back(3)],
        _ => throw new ArgumentException(name),
    };

    private static uint Back(int instructions) => 0x14000000 | ((uint)-instructions & 0x3FF_FFFF);
}
