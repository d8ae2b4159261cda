// Which floating-point encodings are UNDEFINED, and that all of them need FP access.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Tests.Fp;

public class FpDecodeTests
{
    [Theory]
    [InlineData(0x1ea22820u, "FADD with ftype 10")]
    [InlineData(0x1f820c20u, "FMADD with ftype 10")]
    [InlineData(0x1e224020u, "FCVT from single to single")]
    [InlineData(0x1ee34020u, "BFCVT with ftype 11")]
    [InlineData(0x1ee84020u, "FRINT32Z of half precision")]
    [InlineData(0x1e660020u, "FMOV of a double to a 32-bit register")]
    [InlineData(0x9e260020u, "FMOV of a single to a 64-bit register")]
    [InlineData(0x1e021c20u, "SCVTF with more than 32 fraction bits of a 32-bit register")]
    [InlineData(0x9e7e0020u, "FJCVTZS to a 64-bit register")]
    [InlineData(0x0e62d420u, "FADD of one double lane")]
    [InlineData(0x0ee0f820u, "FABS of one double lane")]
    [InlineData(0x2f00f420u, "FMOV of an immediate double into a half register")]
    [InlineData(0x4fe29020u, "FMUL by a double element with L set")]
    [InlineData(0x0fc29020u, "FMUL of one double lane by element")]
    [InlineData(0x2f421820u, "FCMLA by a half element beyond a 64-bit register")]
    [InlineData(0x2ec2e420u, "FCADD of one double lane")]
    [InlineData(0x2f40e420u, "UCVTF of one double lane, fixed-point")]
    public void ReservedFieldCombination_IsUndefined(uint word, string what)
    {
        using var machine = new FpMachine();
        Assert.False(machine.Translate(word), what);
    }

    [Fact]
    public void EveryInstructionOfTheTable_DecodesToARowThatNeedsFpAccess()
    {
        using var machine = new FpMachine();
        var rows = new HashSet<A64Row>();
        foreach (var line in FpOperands.TableLines().Where(l => char.IsDigit(l[0])))
        {
            var word = (uint)FpOperands.Hex(line.Split(' ')[1]);
            Assert.True(machine.Translate(word), line[..11]);
            var row = A64Decoder.Decode(word)!;
            Assert.True(row.Fp, row.Name);
            rows.Add(row);
        }

        // And every row of these chapters is in the table.
        A64Row[] all = [.. FpScalar.Rows, .. FpConversions.Rows, .. FpVector.Rows, .. FpVectorMisc.Rows, .. FpElement.Rows];
        Assert.Equal([], all.Where(r => !rows.Contains(r)).Select(r => r.Name));
    }

    [Theory]
    [InlineData(0x1e622020u, "FCMP")]
    [InlineData(0x1e220424u, "FCCMP")]
    [InlineData(0x1e7e0020u, "FJCVTZS")]
    public void InstructionThatSetsFlags_TellsTheCompilerSo(uint word, string what)
    {
        using var machine = new FpMachine();
        machine.Load(word);
        Assert.Equal(what, A64Decoder.Decode(word)!.Name);
        Assert.Equal(MicroOpKind.CallFlags, machine.FirstKind);
    }

    [Fact]
    public void FloatingPointRow_SharesNoEncodingWithAnotherChapter()
    {
        A64Row[] own = [.. FpScalar.Rows, .. FpConversions.Rows, .. FpVector.Rows, .. FpVectorMisc.Rows, .. FpElement.Rows];
        var shared = from a in own
                     from b in A64Decoder.Rows
                     where !own.Contains(b) && ((a.Value ^ b.Value) & a.Mask & b.Mask) == 0
                     select $"{a.Name} and {b.Name}";
        Assert.Equal([], shared);
    }
}
