// Exclusives and atomics: what makes a store-exclusive fail, fault reports, and that nothing is lost between threads.
using Emu.Cpu.Arm64.Tests.Support;
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.Tests.Integer;

public sealed unsafe class ExclusiveTests : IDisposable
{
    private const ulong Code = FlatMachine.RamBase + 0x1000;
    private const ulong Data = FlatMachine.RamBase + 0x1_0000;
    private const uint Ldxr = 0xC85F_7C01; // ldxr x1, [x0]
    private const uint Stxr = 0xC802_7C01; // stxr w2, x1, [x0]
    private readonly FlatMachine machine = new();
    private readonly FlatVcpu cpu;
    private readonly FlatVcpu other;

    public ExclusiveTests()
    {
        cpu = new FlatVcpu(machine);
        other = new FlatVcpu(machine, 1);
        cpu.X(0) = Data;
        other.X(0) = Data;
    }

    public void Dispose()
    {
        cpu.Dispose();
        other.Dispose();
        machine.Dispose();
    }

    private FlatFault Run(FlatVcpu on, params uint[] words)
    {
        machine.Load(Code, words);
        return on.Execute(Code, words.Length);
    }

    [Fact]
    public void StoreExclusive_FailsAfterAnotherVcpuStored()
    {
        Run(cpu, Ldxr);
        other.X(1) = 9;
        Run(other, 0xF900_0001); // str x1, [x0]
        cpu.X(1) = 5;
        Run(cpu, Stxr);
        Assert.Equal(1ul, cpu.X(2));
        Assert.Equal(9ul, *(ulong*)machine.At(Data));
    }

    [Fact]
    public void StoreExclusive_SucceedsOnce()
    {
        Run(cpu, Ldxr);
        cpu.X(1) = 5;
        Run(cpu, Stxr);
        Assert.Equal(0ul, cpu.X(2));
        cpu.X(1) = 6;
        Run(cpu, Stxr);
        Assert.Equal(1ul, cpu.X(2));
        Assert.Equal(5ul, *(ulong*)machine.At(Data));
    }

    [Fact]
    public void StoreExclusiveOfAnotherSizeOrAddress_Fails()
    {
        Run(cpu, Ldxr);
        Run(cpu, 0x8802_7C01); // stxr w2, w1, [x0]
        Assert.Equal(1ul, cpu.X(2));
        Run(cpu, Ldxr);
        cpu.X(0) = Data + 8;
        Run(cpu, Stxr);
        Assert.Equal(1ul, cpu.X(2));
    }

    [Fact]
    public void ReadOnlyPage_LoadsExclusiveAndFaultsOnTheStore()
    {
        cpu.X(0) = FlatMachine.ReadOnlyPage;
        cpu.X(2) = 7;
        Assert.Equal(FlatFault.None, Run(cpu, Ldxr));
        Assert.Equal(FlatFault.Write, Run(cpu, Stxr));
        Assert.Equal(7ul, cpu.X(2));
        Assert.Equal(FlatFault.Write, Run(cpu, 0xF821_0002)); // ldadd x1, x2, [x0]
    }

    [Fact]
    public void AtomicOnAnUnmappedPage_IsReportedAsARead()
    {
        cpu.X(0) = FlatMachine.HolePage;
        Assert.Equal(FlatFault.Read, Run(cpu, 0xF821_0002));
        Assert.Equal(FlatFault.Read, Run(cpu, 0xC8A1_7C02));
    }

    [Fact]
    public void HostCompareExchange128_ReplacesOnlyWhatIsEqual()
    {
        var p = (UInt128*)machine.At(Data);
        *p = new UInt128(1, 2);
        var expected = new UInt128(1, 3);
        Assert.False(HostAtomics.CompareExchange128(p, ref expected, 9));
        Assert.Equal(new UInt128(1, 2), expected);
        Assert.True(HostAtomics.CompareExchange128(p, ref expected, new UInt128(5, 6)));
        Assert.Equal(new UInt128(5, 6), *p);
        Assert.Equal(new UInt128(1, 2), expected);
    }

    /// <summary>Runs the same loop (X3 rounds) on two threads.</summary>
    private void Hammer(int rounds, params uint[] words)
    {
        machine.Load(Code, words);
        var end = Code + ((ulong)words.Length * 4);
        machine.Load(end, 0x1400_0000); // b .
        var threads = new[] { cpu, other }.Select(v => new Thread(() =>
        {
            v.State->Parallel = 1;
            v.X(0) = Data;
            v.X(3) = (ulong)rounds;
            v.X(4) = 1;
            v.State->Pc = Code;
            while (v.State->Pc != end)
            {
                v.Run(v.State->Retired + 500);
            }
        })).ToArray();
        foreach (var t in threads)
        {
            t.Start();
        }

        foreach (var t in threads)
        {
            Patience.Join(t);
        }
    }

    [Fact]
    public void TwoThreads_LoadStoreExclusive_LoseNoIncrement()
    {
        // 1: ldxr x1, [x0]; add x1, x1, #1; stxr w2, x1, [x0]; cbnz w2, 1b; subs x3, x3, #1; b.ne 1b
        Hammer(20000, Ldxr, 0x9100_0421, Stxr, 0x35FF_FFA2, 0xF100_0463, 0x54FF_FF61);
        Assert.Equal(40000ul, *(ulong*)machine.At(Data));
    }

    [Fact]
    public void TwoThreads_LoadStoreExclusivePair_LoseNoIncrement()
    {
        // 1: ldxp x5, x6, [x0]; adds x5, x5, x4; adc x6, x6, xzr; stxp w2, x5, x6, [x0]; cbnz w2, 1b; subs x3, x3, #1; b.ne 1b
        *(ulong*)machine.At(Data) = ulong.MaxValue - 10000;
        Hammer(20000, 0xC87F_1805, 0xAB04_00A5, 0x9A1F_00C6, 0xC822_1805, 0x35FF_FF82, 0xF100_0463, 0x54FF_FF41);
        Assert.Equal((UInt128)(ulong.MaxValue - 10000) + 40000, *(UInt128*)machine.At(Data));
    }

    [Fact]
    public void TwoThreads_AtomicAdd_LoseNoIncrement()
    {
        // 1: ldadd x4, x1, [x0]; add x5, x0, #16; ldadd w4, w1, [x5]; add x5, x0, #32; ldaddh w4, w1, [x5]; add x5, x0, #48; ldaddb w4, w1, [x5];
        //    add x5, x0, #56; ldset x3, x1, [x5]; subs x3, x3, #1; b.ne 1b
        Hammer(20000, 0xF824_0001, 0x9100_4005, 0xB824_00A1, 0x9100_8005, 0x7824_00A1, 0x9100_C005, 0x3824_00A1, 0x9100_E005, 0xF823_30A1, 0xF100_0463, 0x54FF_FEC1);
        Assert.Equal(40000ul, *(ulong*)machine.At(Data));
        Assert.Equal(40000ul, *(ulong*)machine.At(Data + 16));
        Assert.Equal(40000ul, *(ulong*)machine.At(Data + 32));
        Assert.Equal(40000ul & 0xFF, *(ulong*)machine.At(Data + 48));
        Assert.Equal(0x7FFFul, *(ulong*)machine.At(Data + 56));
    }

    [Fact]
    public void TwoThreads_CompareAndSwapPair_LoseNoIncrement()
    {
        // 1: ldp x4, x5, [x0]; add x6, x4, #1; add x7, x5, #2; mov x8, x4; mov x9, x5; casp x4, x5, x6, x7, [x0];
        //    cmp x4, x8; ccmp x5, x9, #0, eq; b.ne 1b; subs x3, x3, #1; b.ne 1b
        Hammer(20000, 0xA940_1404, 0x9100_0486, 0x9100_08A7, 0xAA04_03E8, 0xAA05_03E9, 0x4824_7C06, 0xEB08_009F, 0xFA49_00A0, 0x54FF_FF01, 0xF100_0463, 0x54FF_FEC1);
        Assert.Equal(new UInt128(80000, 40000), *(UInt128*)machine.At(Data));
    }
}
