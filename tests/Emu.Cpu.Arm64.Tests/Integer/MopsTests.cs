// Memory copy and set instructions: direction, faults in the middle, long runs, format checks.
using Emu.Cpu.Arm64.Tests.Support;
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.Tests.Integer;

public sealed unsafe class MopsTests : IDisposable
{
    private const ulong Code = FlatMachine.RamBase + 0x1000;
    private const ulong Data = FlatMachine.RamBase + 0x1_0000;
    private const uint Cpyfp = 0x1901_0440, Cpyfm = 0x1941_0440, Cpyfe = 0x1981_0440; // cpyfp [x0]!, [x1]!, x2!
    private const uint Cpyp = 0x1D01_0440, Cpym = 0x1D41_0440, Cpye = 0x1D81_0440;
    private const uint Setp = 0x19C1_0440, Setm = 0x19C1_4440, Sete = 0x19C1_8440; // setp [x0]!, x2!, x1
    private readonly FlatMachine machine = new();
    private readonly FlatVcpu cpu;

    public MopsTests() => cpu = new FlatVcpu(machine);

    public void Dispose()
    {
        cpu.Dispose();
        machine.Dispose();
    }

    private FlatFault Run(params uint[] words)
    {
        machine.Load(Code, words);
        return cpu.Execute(Code, words.Length);
    }

    private void Fill(ulong at, int length)
    {
        for (var i = 0; i < length; i++)
        {
            machine.At(at)[i] = (byte)((i * 7) ^ (i >> 8));
        }
    }

    private bool Filled(ulong at, int from, int length)
    {
        for (var i = 0; i < length; i++)
        {
            if (machine.At(at)[i] != (byte)(((i + from) * 7) ^ ((i + from) >> 8)))
            {
                return false;
            }
        }

        return true;
    }

    private void Arguments(ulong to, ulong from, ulong size)
    {
        cpu.X(0) = to;
        cpu.X(1) = from;
        cpu.X(2) = size;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(10000)]
    public void ForwardCopy_MovesTheBytesAndLeavesTheEnds(int size)
    {
        Fill(Data, size);
        Arguments(Data + 0x8003, Data, (ulong)size);
        Assert.Equal(FlatFault.None, Run(Cpyfp, Cpyfm, Cpyfe));
        Assert.True(Filled(Data + 0x8003, 0, size));
        Assert.Equal(0, machine.At(Data + 0x8003)[size]);
        Assert.Equal(Data + 0x8003 + (ulong)size, cpu.X(0));
        Assert.Equal(Data + (ulong)size, cpu.X(1));
        Assert.Equal(0ul, cpu.X(2));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(-100)]
    [InlineData(5000)]
    [InlineData(-5000)]
    public void OverlappingCopy_PicksTheSafeDirection(int distance)
    {
        Fill(Data + 0x8000, 20000);
        Arguments(Data + 0x8000 + (ulong)distance, Data + 0x8000, 20000);
        Assert.Equal(FlatFault.None, Run(Cpyp, Cpym, Cpye));
        Assert.True(Filled(Data + 0x8000 + (ulong)distance, 0, 20000));
        Assert.Equal(0ul, cpu.X(2));
    }

    [Fact]
    public void LongCopy_LeavesTheInstructionInBetween()
    {
        const int Size = (int)Mops.Budget * 2 + 12345;
        Fill(Data, Size);
        Arguments(Data + 0x10_0000, Data, Size);
        var before = cpu.State->Retired;

        // The hole and the read-only page lie in between.
        Assert.Equal(FlatFault.Read, Run(Cpyfp, Cpyfm, Cpyfe));
        Assert.True(cpu.Retries > 0);
        Assert.Equal(FlatMachine.HolePage, cpu.FaultAddress);
        Assert.Equal(before + 1, cpu.State->Retired);
        Assert.True(Filled(Data + 0x10_0000, 0, (int)(FlatMachine.HolePage - Data)));
    }

    [Fact]
    public void FaultInTheMiddle_LeavesTheBytesBeforeItDone_AndResumes()
    {
        Fill(Data, 6000);
        Arguments(FlatMachine.HolePage - 3000, Data, 6000);
        Assert.Equal(FlatFault.Write, Run(Cpyfp, Cpyfm, Cpyfe));
        Assert.Equal(FlatMachine.HolePage, cpu.FaultAddress);
        Assert.Equal(Code + 4, cpu.State->Pc);
        Assert.Equal(unchecked((ulong)-3000), cpu.X(2));
        Assert.True(Filled(FlatMachine.HolePage - 3000, 0, 3000));

        // As an operating system would after it moved the destination: the same registers, another target.
        cpu.X(0) += 0x1000 + 0x1000;
        Assert.Equal(FlatFault.None, cpu.Execute(Code + 4, 2));
        Assert.True(Filled(FlatMachine.HolePage + 0x2000, 3000, 3000));
        Assert.Equal(0ul, cpu.X(2));
    }

    [Fact]
    public void Set_FillsWithTheLowByte()
    {
        Arguments(Data + 5, 0x1234_56A5, 9000);
        Assert.Equal(FlatFault.None, Run(Setp, Setm, Sete));
        Assert.Equal(0, machine.At(Data)[4]);
        Assert.Equal(0, machine.At(Data)[9005]);
        for (var i = 0; i < 9000; i++)
        {
            Assert.Equal(0xA5, machine.At(Data)[5 + i]);
        }

        Assert.Equal(Data + 5 + 9000, cpu.X(0));
        Assert.Equal(0ul, cpu.X(2));
    }

    [Fact]
    public void SetOverCode_IsSeenByTheNextFetch()
    {
        machine.Load(Data, 0x9100_0421); // add x1, x1, #1
        cpu.X(1) = 0;
        cpu.Execute(Data, 1);
        Assert.Equal(1ul, cpu.X(1));
        Arguments(Data - 64, 0x11, 128);
        Assert.Equal(FlatFault.None, Run(Setp, Setm, Sete));
        cpu.X(8) = 1;
        cpu.Execute(Data, 1); // 0x11111111: add w17, w8, #0x444
        Assert.Equal(0x11ul, cpu.X(1));
        Assert.Equal(0x445ul, cpu.X(17));
    }

    [Fact]
    public void RegistersInTheOtherOptionsForm_RaiseTheMopsException()
    {
        Arguments(Data, Data + 0x1000, 100);
        cpu.State->Flags = 2;
        Assert.Equal(FlatFault.Exception, Run(Cpyfm));
        Assert.Equal(Mops.ExceptionClass, cpu.ExceptionClass);
        Assert.Equal((1u << 17) | (1u << 16) | (0u << 10) | (1u << 5) | 2u, cpu.Iss);
        cpu.State->Flags = 2;
        Assert.Equal(FlatFault.Exception, Run(Sete));
        Assert.Equal((1u << 24) | (1u << 18) | (1u << 17) | (1u << 16) | (1u << 5) | 2u, cpu.Iss);
    }

    [Fact]
    public void El0_NeedsMscEn()
    {
        cpu.Level = 0;
        Arguments(Data, Data + 0x1000, 16);
        Assert.Equal(FlatFault.Exception, Run(Cpyfp));
        Assert.Equal(0, cpu.ExceptionClass);
        cpu.A64->System.El1.Sctlr = 1UL << 33;
        Assert.Equal(FlatFault.None, Run(Cpyfp, Cpyfm, Cpyfe));
    }

    [Fact]
    public void UnprivilegedForms_UseUserPermissions()
    {
        cpu.UserDenied = true;
        Arguments(Data, 0x55, 16);
        Assert.Equal(FlatFault.None, Run(Setp));
        Assert.Equal(FlatFault.Write, Run(0x19DF_5440)); // setmt [x0]!, x2!, xzr
        Assert.Equal(unchecked((ulong)-16), cpu.X(2));
        Assert.Equal(FlatFault.None, Run(Setm));
    }
}
