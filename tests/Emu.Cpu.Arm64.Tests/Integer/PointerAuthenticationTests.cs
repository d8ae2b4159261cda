// Pointer authentication: the cipher's published vector, round trips, failures, layouts, combined instructions.
using Emu.Cpu.Arm64.Tests.Support;
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.Tests.Integer;

public sealed unsafe class PointerAuthenticationTests : IDisposable
{
    private const ulong Code = FlatMachine.RamBase + 0x1000;
    private const ulong Data = FlatMachine.RamBase + 0x1_0000;
    private const ulong Enabled = (1UL << 31) | (1UL << 30) | (1UL << 27) | (1UL << 13);
    private const ulong Tsz48 = 16 | (16 << 16);
    private const ulong Tbi0 = 1UL << 37;
    private const uint Pacia = 0xDAC1_0020; // pacia x0, x1
    private const uint Autia = 0xDAC1_1020; // autia x0, x1
    private readonly FlatMachine machine = new();
    private readonly FlatVcpu cpu;

    public PointerAuthenticationTests()
    {
        cpu = new FlatVcpu(machine);
        cpu.A64->System.El1.Sctlr = Enabled;
        cpu.A64->System.El1.Tcr = Tsz48;
        for (var i = 0; i < 10; i++)
        {
            (&cpu.A64->ApiaKeyLo)[i] = 0x0123_4567_89AB_CDEFUL * (ulong)(i + 3);
        }
    }

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
    public void Qarma5_GivesThePublishedVector()
    {
        // The QARMA paper's vector for five rounds and sigma 2.
        Assert.Equal(0xC003_B939_99B3_3765ul, Qarma.Qarma5(0xFB62_3599_DA6E_8127, 0x477D_469D_EC0B_8762, 0x84BE_85CE_9804_E94B, 0xEC28_02D4_E0A4_88E9));
    }

    [Theory]
    [InlineData(PointerAuthenticationAlgorithm.Fast)]
    [InlineData(PointerAuthenticationAlgorithm.Qarma5)]
    public void EveryKey_SignsAndAuthenticates(PointerAuthenticationAlgorithm algorithm)
    {
        foreach (var pointer in new[] { 0x0000_7F12_3456_7890ul, 0xFFFF_8000_1234_5678ul })
        {
            for (var key = 0; key < 4; key++)
            {
                var keys = &cpu.A64->ApiaKeyLo + (key * 2);
                var signed = PointerAuthentication.Add(cpu.A64, pointer, 99, keys[0], keys[1], key >= 2, algorithm);
                Assert.NotEqual(pointer, signed);
                Assert.Equal(pointer & 0x0080_FFFF_FFFF_FFFF, signed & 0x0080_FFFF_FFFF_FFFF);
                Assert.True(PointerAuthentication.TryAuthenticate(cpu.A64, signed, 99, keys[0], keys[1], key >= 2, algorithm, out var back));
                Assert.Equal(pointer, back);
                Assert.False(PointerAuthentication.TryAuthenticate(cpu.A64, signed, 98, keys[0], keys[1], key >= 2, algorithm, out _));
            }
        }
    }

    [Fact]
    public void SignThenAuthenticate_IsTheIdentity_AndStripIsToo()
    {
        cpu.X(0) = 0x0000_7F12_3456_7890;
        cpu.X(1) = 0x1122_3344;
        Assert.Equal(FlatFault.None, Run(Pacia));
        var signed = cpu.X(0);
        Assert.NotEqual(0x0000_7F12_3456_7890ul, signed);
        Assert.Equal(FlatFault.None, Run(Autia));
        Assert.Equal(0x0000_7F12_3456_7890ul, cpu.X(0));
        cpu.X(0) = signed;
        Assert.Equal(FlatFault.None, Run(0xDAC1_43E0)); // xpaci x0
        Assert.Equal(0x0000_7F12_3456_7890ul, cpu.X(0));
    }

    [Theory]
    [InlineData(0xDAC1_1020u, 0u)] // autia x0, x1
    [InlineData(0xDAC1_1C20u, 3u)] // autdb x0, x1
    public void WrongCode_FaultsWithTheKeyInTheSyndrome(uint word, uint iss)
    {
        cpu.X(0) = 0x0012_7F12_3456_7890;
        Assert.Equal(FlatFault.Exception, Run(word));
        Assert.Equal(PointerAuthenticationInstructions.FailureClass, cpu.ExceptionClass);
        Assert.Equal(iss, cpu.Iss);
        Assert.Equal(0x0012_7F12_3456_7890ul, cpu.X(0));
    }

    [Fact]
    public void DisabledKey_DoesNothing()
    {
        cpu.A64->System.El1.Sctlr = Enabled & ~(1UL << 31);
        cpu.X(0) = 0x0012_7F12_3456_7890;
        Assert.Equal(FlatFault.None, Run(Pacia, Autia));
        Assert.Equal(0x0012_7F12_3456_7890ul, cpu.X(0));
        Assert.Equal(FlatFault.Exception, Run(0xDAC1_1C20)); // autdb x0, x1
    }

    [Fact]
    public void TopByteIgnored_StaysOutOfTheCode()
    {
        cpu.A64->System.El1.Tcr = Tsz48 | Tbi0;
        cpu.X(0) = 0xAB00_7F12_3456_7890;
        Assert.Equal(FlatFault.None, Run(Pacia));
        Assert.Equal(0xABul, cpu.X(0) >> 56);
        Assert.NotEqual(0xAB00_7F12_3456_7890ul, cpu.X(0));
        Assert.Equal(FlatFault.None, Run(Autia));
        Assert.Equal(0xAB00_7F12_3456_7890ul, cpu.X(0));
    }

    [Fact]
    public void LinkRegisterForms_UseSpAndReturn()
    {
        cpu.X(31) = Data;
        cpu.X(30) = Code + 0x400;
        Assert.Equal(FlatFault.None, Run(0xD503_233F)); // paciasp
        var signed = cpu.X(30);
        Assert.NotEqual(Code + 0x400, signed);
        Assert.Equal(FlatFault.None, Run(0xD65F_0BFF)); // retaa
        Assert.Equal(Code + 0x400, cpu.State->Pc);
        Assert.Equal(FlatFault.None, Run(0xD503_23BF)); // autiasp
        Assert.Equal(Code + 0x400, cpu.X(30));
        cpu.X(30) = signed;
        Assert.Equal(FlatFault.None, Run(0xD503_20FF)); // xpaclri
        Assert.Equal(Code + 0x400, cpu.X(30));
        cpu.X(30) = signed;
        cpu.X(31) = Data + 16;
        Assert.Equal(FlatFault.Exception, Run(0xD65F_0BFF));
    }

    [Fact]
    public void CombinedBranchAndLoad_Authenticate()
    {
        cpu.X(0) = Code + 0x500;
        cpu.X(1) = 7;
        Run(Pacia);
        Assert.Equal(FlatFault.None, Run(0xD71F_0801)); // braa x0, x1
        Assert.Equal(Code + 0x500, cpu.State->Pc);

        cpu.X(0) = Code + 0x600;
        Run(0xDAC1_23E0); // paciza x0
        Assert.Equal(FlatFault.None, Run(0xD63F_081F)); // blraaz x0
        Assert.Equal(Code + 0x600, cpu.State->Pc);
        Assert.Equal(Code + 4, cpu.X(30));

        *(ulong*)machine.At(Data + 16) = 123;
        *(ulong*)machine.At(Data - 8) = 45;
        cpu.X(0) = Data;
        Run(0xDAC1_2BE0); // pacdza x0
        Assert.NotEqual(Data, cpu.X(0));
        Assert.Equal(FlatFault.None, Run(0xF87F_F401)); // ldraa x1, [x0, #-8]
        Assert.Equal(45ul, cpu.X(1));
        Assert.Equal(FlatFault.None, Run(0xF820_2C01)); // ldraa x1, [x0, #16]!
        Assert.Equal(123ul, cpu.X(1));
        Assert.Equal(Data + 16, cpu.X(0));
    }

    [Fact]
    public void GenericCode_FillsTheUpperHalf()
    {
        cpu.X(0) = 1;
        cpu.X(1) = 2;
        Assert.Equal(FlatFault.None, Run(0x9AC1_3002)); // pacga x2, x0, x1
        Assert.Equal(0ul, cpu.X(2) & 0xFFFF_FFFF);
        Assert.NotEqual(0ul, cpu.X(2));
    }
}
