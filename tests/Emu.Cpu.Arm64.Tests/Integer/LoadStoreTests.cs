// Loads and stores where tables do not reach: page crossings, faults, privilege, SP alignment, alignment of ordered accesses.
using Emu.Cpu.Arm64.Tests.Support;
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.Tests.Integer;

public sealed unsafe class LoadStoreTests : IDisposable
{
    private const ulong Code = FlatMachine.RamBase + 0x1000;
    private const ulong Data = FlatMachine.RamBase + 0x1_0000;
    private readonly FlatMachine machine = new();
    private readonly FlatVcpu cpu;

    public LoadStoreTests() => cpu = new FlatVcpu(machine);

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

    [Fact]
    public void UnalignedAccessAcrossPages_MovesAllBytes()
    {
        cpu.X(0) = Data + 0x1000 - 8;
        cpu.X(1) = 0x0102_0304_0506_0708;
        for (var shift = 1ul; shift < 8; shift++)
        {
            cpu.X(0) = Data + 0x1000 - shift;
            Assert.Equal(FlatFault.None, Run(0xF900_0001, 0xF940_0002)); // str x1, [x0]; ldr x2, [x0]
            Assert.Equal(cpu.X(1), cpu.X(2));
            Assert.Equal(cpu.X(1), *(ulong*)machine.At(Data + 0x1000 - shift));
        }
    }

    [Fact]
    public void VectorPairAcrossPages_MovesAllBytes()
    {
        cpu.X(0) = Data + 0x1000 - 20;
        cpu.V(0) = new UInt128(1, 2);
        cpu.V(1) = new UInt128(3, 4);
        Assert.Equal(FlatFault.None, Run(0xAD00_0400)); // stp q0, q1, [x0]
        cpu.V(0) = 0;
        cpu.V(1) = 0;
        Assert.Equal(FlatFault.None, Run(0xAD40_0400)); // ldp q0, q1, [x0]
        Assert.Equal(new UInt128(1, 2), cpu.V(0));
        Assert.Equal(new UInt128(3, 4), cpu.V(1));
    }

    [Theory]
    [InlineData(0xF840_8401u)] // ldr x1, [x0], #8
    [InlineData(0xA8C1_0801u)] // ldp x1, x2, [x0], #16
    [InlineData(0x6940_0801u)] // ldpsw x1, x2, [x0]
    [InlineData(0xF940_0001u)] // ldr x1, [x0]
    public void FaultingLoad_ChangesNoRegister(uint word)
    {
        cpu.X(0) = FlatMachine.HolePage - 4;
        cpu.X(1) = 11;
        cpu.X(2) = 22;
        Assert.Equal(FlatFault.Read, Run(0x9100_0463, word)); // add x3, x3, #1 before it
        Assert.Equal(FlatMachine.HolePage - 4, cpu.X(0));
        Assert.Equal(11ul, cpu.X(1));
        Assert.Equal(22ul, cpu.X(2));
        Assert.Equal(Code + 4, cpu.State->Pc);
        Assert.Equal(FlatMachine.HolePage, cpu.FaultAddress);
    }

    [Theory]
    [InlineData(0xF81F_8C01u, 4)] // str x1, [x0, #-8]!
    [InlineData(0xA9BF_0801u, 4)] // stp x1, x2, [x0, #-16]!
    [InlineData(0xA9BF_0801u, 8)]
    public void FaultingStore_ChangesNothing(uint word, ulong beyond)
    {
        cpu.X(0) = FlatMachine.HolePage + beyond;
        cpu.X(1) = 0x1111;
        cpu.X(2) = 0x2222;
        Assert.Equal(FlatFault.Write, Run(word));
        Assert.Equal(FlatMachine.HolePage + beyond, cpu.X(0));
        Assert.Equal(0ul, *(ulong*)machine.At(FlatMachine.HolePage - 8));
        Assert.Equal(0u, *(uint*)machine.At(FlatMachine.HolePage - 4));
    }

    [Fact]
    public void RetiredCount_StopsAtTheFaultingInstruction()
    {
        cpu.X(0) = FlatMachine.HolePage;
        var before = cpu.State->Retired;
        Run(0x9100_0421, 0x9100_0421, 0xF940_0002, 0x9100_0421);
        Assert.Equal(before + 2, cpu.State->Retired);
    }

    [Fact]
    public void UnprivilegedAccess_UsesUserPermissionsAtEl1Only()
    {
        cpu.X(0) = Data;
        cpu.UserDenied = true;
        Assert.Equal(FlatFault.Read, Run(0xF840_0801)); // ldtr x1, [x0]
        Assert.Equal(FlatFault.Write, Run(0xF800_0801)); // sttr x1, [x0]
        Assert.Equal(FlatFault.None, Run(0xF940_0001)); // ldr x1, [x0]
        cpu.Level = 0;
        Assert.Equal(FlatFault.None, Run(0xF840_0801));
    }

    [Fact]
    public void MisalignedStackPointer_FaultsWhenChecked()
    {
        cpu.X(31) = Data + 8;
        Assert.Equal(FlatFault.None, Run(0xF940_03E1)); // ldr x1, [sp]
        cpu.Mode = (A64Mode)1 | A64Mode.CheckSp;
        Assert.Equal(FlatFault.StackAlignment, Run(0xF940_03E1));
        cpu.X(31) = Data + 16;
        Assert.Equal(FlatFault.None, Run(0xF940_03E1, 0xD100_43FF, 0xF940_03E1)); // ldr; sub sp, sp, #16; ldr

        // The move to SP makes the second access check again.
        cpu.X(29) = Data + 4;
        cpu.X(31) = Data;
        Assert.Equal(FlatFault.StackAlignment, Run(0xF940_03E1, 0x9100_03BF, 0xF940_03E1)); // ldr; mov sp, x29; ldr
        Assert.Equal(Code + 8, cpu.State->Pc);
    }

    [Theory]
    [InlineData(0xC8DF_FC01u)] // ldar x1, [x0]
    [InlineData(0xC89F_FC01u)] // stlr x1, [x0]
    [InlineData(0xF8BF_C001u)] // ldapr x1, [x0]
    [InlineData(0xC85F_7C01u)] // ldxr x1, [x0]
    [InlineData(0xC802_7C01u)] // stxr w2, x1, [x0]
    [InlineData(0xC87F_1404u)] // ldxp x4, x5, [x0]
    [InlineData(0xF821_0002u)] // ldadd x1, x2, [x0]
    [InlineData(0xC8A1_7C02u)] // cas x1, x2, [x0]
    [InlineData(0x4824_7C06u)] // casp x4, x5, x6, x7, [x0]
    public void UnalignedOrderedOrAtomicAccess_Faults(uint word)
    {
        cpu.X(0) = Data + 4;
        cpu.X(2) = 77;
        Assert.Equal(FlatFault.Alignment, Run(word));
        Assert.Equal(Data + 4, cpu.FaultAddress);
        Assert.Equal(77ul, cpu.X(2));
    }

    [Theory]
    [InlineData(0xC85F_7C01u)] // ldxr x1, [x0]
    [InlineData(0xF821_0002u)] // ldadd x1, x2, [x0]
    [InlineData(0xC8A1_7C02u)] // cas x1, x2, [x0]
    public void AtomicAccessToADevice_IsUnsupported(uint word)
    {
        cpu.X(0) = FlatMachine.DevicePage;
        Assert.Equal(FlatFault.UnsupportedExclusive, Run(word));
        Assert.Equal(FlatMachine.DevicePage, cpu.FaultAddress);
    }

    [Fact]
    public void LoadPairSignedWords_ExtendsBoth()
    {
        *(ulong*)machine.At(Data) = 0x7FFF_FFFF_8000_0000;
        cpu.X(0) = Data;
        Assert.Equal(FlatFault.None, Run(0x6940_0801));
        Assert.Equal(0xFFFF_FFFF_8000_0000ul, cpu.X(1));
        Assert.Equal(0x7FFF_FFFFul, cpu.X(2));
    }

    [Fact]
    public void LoadIntoItsOwnBaseWithWriteback_LeavesTheAddress()
    {
        *(ulong*)machine.At(Data) = 5;
        cpu.X(1) = Data;
        Assert.Equal(FlatFault.None, Run(0xF840_8421)); // ldr x1, [x1], #8
        Assert.Equal(Data + 8, cpu.X(1));
    }
}
