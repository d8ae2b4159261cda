// The coverage report: every decode row once, and nothing but the vector and tag extensions still to come.
using Emu.Cpu.Arm64.Decode;

namespace Emu.Debug.Tests;

public sealed class IsaReportTests
{
    [Fact]
    public void EveryRow_IsListedOnce()
    {
        Assert.Equal(A64Decoder.Rows.Count, IsaReport.Entries.Count);
        Assert.Equal(A64Decoder.Rows.ToHashSet(), IsaReport.Entries.Select(e => e.Row).ToHashSet());
    }

    [Fact]
    public void Counts_AddUp()
    {
        var counts = IsaReport.Counts();
        var total = counts[^1];
        Assert.Equal("Total", total.Group);
        Assert.Equal(A64Decoder.Rows.Count, total.Total);
        Assert.Equal(total.Implemented, counts.SkipLast(1).Sum(c => c.Implemented));
        Assert.Equal(total.Undefined, counts.SkipLast(1).Sum(c => c.Undefined));
        Assert.Equal(total.NotYet, counts.SkipLast(1).Sum(c => c.NotYet));
    }

    [Fact]
    public void NotYet_AreOnlySveSmeAndMte()
    {
        Assert.All(IsaReport.Entries.Where(e => e.Status == A64RowStatus.NotYet), e => Assert.Contains(e.Group, (string[])["SVE", "SVE2", "SME", "MTE"]));
        foreach (var count in IsaReport.Counts().Where(c => c.Group is "SVE" or "SVE2" or "SME" or "MTE"))
        {
            Assert.Equal(count.Total, count.NotYet);
        }
    }

    /// <summary>What is to come is UNDEFINED until then: no row of another family takes it.</summary>
    [Theory]
    [InlineData(0x04A0E3E0u, "SVE")] // cntw x0
    [InlineData(0x85804000u, "SVE")] // ldr z0, [x0]
    [InlineData(0x2598E3E0u, "SVE")] // ptrue p0.s
    [InlineData(0x4500D820u, "SVE2")] // cadd z0.b, ...
    [InlineData(0xC0080000u, "SME")] // zero {}
    [InlineData(0xD9200800u, "MTE")] // stg x0, [x0]
    [InlineData(0x9AC01000u, "MTE")] // irg x0, x0
    public void Word_BelongsToItsFamily(uint word, string group)
    {
        var row = A64Decoder.Decode(word)!;
        Assert.Equal(A64RowStatus.NotYet, row.Status);
        Assert.Equal(group, IsaReport.Entries.Single(e => e.Row == row).Group);
    }
}
