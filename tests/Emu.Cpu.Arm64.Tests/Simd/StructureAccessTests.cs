// LD1 to LD4 and ST1 to ST4 where memory is not one plain page: crossings, faults, alignment checks, code, micro-op economy.
using Emu.Cpu.Arm64.Tests.Support;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Tests.Simd;

/// <summary>Instruction words are given with their assembly; X1 is the base.</summary>
public sealed unsafe class StructureAccessTests : IDisposable
{
    private const ulong Boundary = FlatMachine.RamBase + 0x4000;
    private const uint Ld4Bytes = 0x4C400020;       // ld4 {v0.16b-v3.16b}, [x1]
    private const uint Ld3Words = 0x4C404820;       // ld3 {v0.4s-v2.4s}, [x1]
    private const uint Ld1FourPost = 0x4CDF2020;    // ld1 {v0.16b-v3.16b}, [x1], #64
    private const uint Ld1OnePost = 0x4CDF7020;     // ld1 {v0.16b}, [x1], #16
    private const uint Ld1TwoPost = 0x4CDFA020;     // ld1 {v0.16b, v1.16b}, [x1], #32
    private const uint Ld1OneDoublewords = 0x4C407C20; // ld1 {v0.2d}, [x1]
    private const uint Ld1OneBytes = 0x4C407020;    // ld1 {v0.16b}, [x1]
    private const uint Ld1FourDoublewords = 0x4C402C20; // ld1 {v0.2d-v3.2d}, [x1]
    private const uint Ld4LaneBytes = 0x4D602020;   // ld4 {v0.b-v3.b}[8], [x1]
    private const uint Ld2ReplicatePost = 0x4DFFC820; // ld2r {v0.4s, v1.4s}, [x1], #8
    private const uint St4Bytes = 0x4C000020;       // st4 {v0.16b-v3.16b}, [x1]
    private const uint St1FourPost = 0x4C9F2020;    // st1 {v0.16b-v3.16b}, [x1], #64
    private const uint St1OneBytes = 0x4C007020;    // st1 {v0.16b}, [x1]
    private const uint St4LaneWords = 0x4D20A020;   // st4 {v0.s-v3.s}[2], [x1]

    private readonly FlatMachine machine = new();
    private readonly SimdVcpu cpu;

    public StructureAccessTests()
    {
        cpu = new SimdVcpu(machine);
        for (var i = 0; i < 32; i++)
        {
            cpu.V(i) = (UInt128.MaxValue / 255 * (uint)(i + 1)) ^ (UInt128)0x0F0E0D0C0B0A0908 << 64 ^ 0x0706050403020100;
        }
    }

    public void Dispose()
    {
        cpu.Dispose();
        machine.Dispose();
    }

    private bool Run(uint word, ulong address)
    {
        cpu.X(1) = address;
        return cpu.Execute(cpu.Place(word));
    }

    private void Fill(ulong address, int bytes)
    {
        for (var i = 0; i < bytes; i++)
        {
            *machine.At(address + (ulong)i) = (byte)((i * 7) + 3);
        }
    }

    private UInt128[] Registers() => [.. Enumerable.Range(0, 32).Select(i => cpu.V(i))];

    [Theory]
    [InlineData(Ld4Bytes)]
    [InlineData(Ld3Words)]
    [InlineData(Ld1FourPost)]
    [InlineData(Ld1OnePost)]
    [InlineData(Ld1TwoPost)]
    [InlineData(Ld4LaneBytes)]
    [InlineData(Ld2ReplicatePost)]
    public void LoadAcrossPages_EqualsTheSameLoadInsideOne(uint word)
    {
        const ulong Inside = FlatMachine.RamBase + 0x6100;
        var initial = Registers();
        Fill(Inside, 64);
        Assert.True(Run(word, Inside));
        var expected = Registers();
        Assert.NotEqual(initial, expected);
        for (ulong before = 1; before < 64; before++)
        {
            Fill(Boundary - before, 64);
            for (var i = 0; i < 32; i++)
            {
                cpu.V(i) = initial[i];
            }

            Assert.True(Run(word, Boundary - before));
            Assert.Equal(expected, Registers());
        }
    }

    [Theory]
    [InlineData(Ld4Bytes)]
    [InlineData(Ld3Words)]
    [InlineData(Ld1FourPost)]
    [InlineData(Ld1OnePost)]
    [InlineData(Ld1TwoPost)]
    [InlineData(Ld4LaneBytes)]
    [InlineData(Ld2ReplicatePost)]
    public void LoadIntoUnmappedPage_ChangesNoRegisterAndNamesThatPage(uint word)
    {
        const ulong Address = FlatMachine.HolePage - 1;
        var before = Registers();
        Assert.False(Run(word, Address));
        Assert.Equal(before, Registers());
        Assert.Equal(Address, cpu.X(1));
        Assert.InRange(cpu.FaultAddress, FlatMachine.HolePage, FlatMachine.HolePage + 64);
    }

    [Theory]
    [InlineData(St4Bytes, 64)]
    [InlineData(St1FourPost, 64)]
    [InlineData(St1OneBytes, 16)]
    [InlineData(St4LaneWords, 16)]
    public void StoreIntoReadOnlyPage_WritesNothingBefore(uint word, int bytes)
    {
        for (ulong before = 1; before < (ulong)bytes; before++)
        {
            var address = FlatMachine.ReadOnlyPage - before;
            Fill(address, bytes);
            var expected = new ReadOnlySpan<byte>(machine.At(address), bytes).ToArray();
            Assert.False(Run(word, address));
            Assert.Equal(expected, new ReadOnlySpan<byte>(machine.At(address), bytes).ToArray());
            Assert.Equal(address, cpu.X(1));
            Assert.InRange(cpu.FaultAddress, FlatMachine.ReadOnlyPage, FlatMachine.ReadOnlyPage + 64);
        }
    }

    [Theory]
    [InlineData(St4Bytes, 64)]
    [InlineData(St1FourPost, 64)]
    [InlineData(St4LaneWords, 16)]
    public void StoreAcrossPages_EqualsTheSameStoreInsideOne(uint word, int bytes)
    {
        const ulong Inside = FlatMachine.RamBase + 0x6100;
        Assert.True(Run(word, Inside));
        var expected = new ReadOnlySpan<byte>(machine.At(Inside), bytes).ToArray();
        for (ulong before = 1; before < (ulong)bytes; before++)
        {
            Fill(Boundary - 128, 256);
            Assert.True(Run(word, Boundary - before));
            Assert.Equal(expected, new ReadOnlySpan<byte>(machine.At(Boundary - before), bytes).ToArray());
            Assert.Equal((byte)(((127 - (int)before) * 7) + 3), *machine.At(Boundary - before - 1));
            Assert.Equal((byte)(((128 - (int)before + bytes) * 7) + 3), *machine.At(Boundary - before + (ulong)bytes));
        }
    }

    [Fact]
    public void AlignmentIsCheckedPerElement()
    {
        cpu.State->ModeKey = (ulong)(A64Mode)1 | (ulong)A64Mode.CheckAlignment;
        Fill(SimdVcpu.CheckedPage, 256);
        Assert.True(Run(Ld1OneBytes, SimdVcpu.CheckedPage + 1));
        Assert.True(Run(Ld4Bytes, SimdVcpu.CheckedPage + 3));
        Assert.True(Run(Ld1FourDoublewords, SimdVcpu.CheckedPage + 8));
        Assert.True(Run(St1OneBytes, SimdVcpu.CheckedPage + 5));
        Assert.False(Run(Ld1OneDoublewords, SimdVcpu.CheckedPage + 4));
        Assert.Equal(SimdVcpu.CheckedPage + 4, cpu.FaultAddress);
        Assert.False(Run(Ld3Words, SimdVcpu.CheckedPage + 2));
        Assert.False(Run(St4LaneWords, SimdVcpu.CheckedPage + 2));
    }

    [Fact]
    public void StoreOverTranslatedCode_RunsTheNewCode()
    {
        // movi v5.16b, #1, replaced by movi v5.16b, #2.
        var code = cpu.Place(0x4F00E425);
        Assert.True(cpu.Execute(code));
        cpu.V(0) = 0x4F00E445;
        cpu.V(1) = cpu.V(2) = cpu.V(3) = 0;
        Assert.True(Run(St1FourPost, code));
        Assert.True(cpu.Execute(code));
        Assert.Equal(UInt128.MaxValue / 255 * 2, cpu.V(5));
    }

    [Fact]
    public void LoadOfOneOrTwoRegistersWithPostIndex_IsTwoMicroOps()
    {
        Assert.Equal([MicroOpKind.LdV128, MicroOpKind.AddI64, MicroOpKind.Jump], cpu.Translate(Ld1OnePost).Select(op => op.Kind));
        Assert.Equal([MicroOpKind.LdPV128, MicroOpKind.AddI64, MicroOpKind.Jump], cpu.Translate(Ld1TwoPost).Select(op => op.Kind));
        Assert.Equal([MicroOpKind.CallChecked, MicroOpKind.AddI64, MicroOpKind.Jump], cpu.Translate(Ld1FourPost).Select(op => op.Kind));
    }
}
