// The state hash and its parts, and the seeds of deterministic mode.
using System.Text;
using Emu.Core;
using Emu.Machine.Lifecycle;

namespace Emu.Machine.Tests;

public sealed unsafe class HashTests : IDisposable
{
    private readonly HostMemory host = new(1 << 20);
    private readonly PhysicalAddressSpace memory = new(Log.Null);
    private readonly RamRegion ram;

    public HashTests() => ram = memory.AddRam("ram", 0x4000_0000, 1 << 20, host.Pointer);

    public void Dispose()
    {
        memory.Dispose();
        host.Dispose();
    }

    /// <summary>Values of the reference implementation.</summary>
    [Theory]
    [InlineData("", 0xEF46_DB37_51D8_E999)]
    [InlineData("a", 0xD24E_C4F1_A98C_6E5B)]
    [InlineData("abc", 0x44BC_2CF5_AD77_0999)]
    [InlineData("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1)]
    public void XxHash64_GivesTheReferenceValues(string text, ulong expected)
    {
        var whole = new XxHash64(0);
        whole.Append(Encoding.ASCII.GetBytes(text));
        Assert.Equal(expected, whole.Finish());

        var pieces = new XxHash64(0);
        foreach (var c in text)
        {
            pieces.Append([(byte)c]);
        }

        Assert.Equal(expected, pieces.Finish());
    }

    [Fact]
    public void RamHash_DoesNotDependOnWhetherAZeroPageWasTouched()
    {
        var untouched = Hash();
        host.Pointer[0x3000] = 1;
        Assert.NotEqual(untouched, Hash());
        host.Pointer[0x3000] = 0;
        Assert.Equal(untouched, Hash());
    }

    [Fact]
    public void RamHash_DependsOnThePage()
    {
        host.Pointer[0x3000] = 1;
        var first = Hash();
        host.Pointer[0x3000] = 0;
        host.Pointer[0x4000] = 1;
        Assert.NotEqual(first, Hash());
    }

    [Fact]
    public void RamHash_SeesTheLastByte()
    {
        var before = Hash();
        host.Pointer[(1 << 20) - 1] = 0x80;
        Assert.NotEqual(before, Hash());
    }

    [Fact]
    public void RandomSource_IsSplitMix64()
    {
        var source = new RandomSource(0);
        Assert.Equal(0xE220_A839_7B1D_CDAFUL, source.Next());
        Assert.Equal(new RandomSource(5).Bytes(64), new RandomSource(5).Bytes(64));
        Assert.NotEqual(new RandomSource(5).Bytes(64), new RandomSource(6).Bytes(64));
        Assert.NotEqual(new RandomSource(null).Next(), new RandomSource(null).Next());
    }

    private string Hash()
    {
        var hash = new StateHash();
        hash.Add(ram, host);
        return hash.Finish();
    }
}
