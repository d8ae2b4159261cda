// What the ID registers announce is what is there: every feature of the decode table and of --cpu against the field that the Arm ARM gives it.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed class FeatureTests
{
    private const uint Pfr0 = 4 << 3, Pfr1 = (4 << 3) | 1, Zfr0 = (4 << 3) | 4, Dfr0 = 5 << 3, Isar0 = 6 << 3, Isar1 = (6 << 3) | 1, Isar2 = (6 << 3) | 2;
    private const uint Isar3 = (6 << 3) | 3, Mmfr0 = 7 << 3, Mmfr1 = (7 << 3) | 1, Mmfr2 = (7 << 3) | 2;
    private const uint Undefined = 0;

    /// <summary>Field of an ID register (CRm * 8 + op2, lowest bit) and the least value that announces a feature; signed where 0xF is "absent".</summary>
    private readonly record struct Announcement(uint Register, int Shift, int Least, bool Signed = false)
    {
        public bool In(ulong[] registers)
        {
            var value = (int)((registers[Register] >> Shift) & 15);
            return (Signed && value == 15 ? -1 : value) >= Least;
        }
    }

    /// <summary>Arm ARM D19.2, by the names of A2.2.</summary>
    private static readonly Dictionary<string, Announcement[]> Manual = new()
    {
        ["FP"] = [new(Pfr0, 16, 0, true)],
        ["AdvSIMD"] = [new(Pfr0, 20, 0, true)],
        ["FP16"] = [new(Pfr0, 16, 1, true), new(Pfr0, 20, 1, true)],
        ["RAS"] = [new(Pfr0, 28, 1)],
        ["SVE"] = [new(Pfr0, 32, 1)],
        ["DIT"] = [new(Pfr0, 48, 1)],
        ["CSV2"] = [new(Pfr0, 56, 1)],
        ["CSV3"] = [new(Pfr0, 60, 1)],
        ["BTI"] = [new(Pfr1, 0, 1)],
        ["SSBS2"] = [new(Pfr1, 4, 2)],
        ["MTE"] = [new(Pfr1, 8, 1)],
        ["SME"] = [new(Pfr1, 24, 1)],
        ["SME2"] = [new(Pfr1, 24, 2)],
        ["THE"] = [new(Pfr1, 48, 1)],
        ["SVE2"] = [new(Zfr0, 0, 1)],
        ["SVE2p1"] = [new(Zfr0, 0, 2)],
        ["PMUv3"] = [new(Dfr0, 8, 1)],
        ["SPE"] = [new(Dfr0, 32, 1)],
        ["TRF"] = [new(Dfr0, 40, 1)],
        ["AES"] = [new(Isar0, 4, 1)],
        ["PMULL"] = [new(Isar0, 4, 2)],
        ["SHA1"] = [new(Isar0, 8, 1)],
        ["SHA256"] = [new(Isar0, 12, 1)],
        ["SHA512"] = [new(Isar0, 12, 2)],
        ["CRC32"] = [new(Isar0, 16, 1)],
        ["LSE"] = [new(Isar0, 20, 2)],
        ["LSE128"] = [new(Isar0, 20, 3)],
        ["RDM"] = [new(Isar0, 28, 1)],
        ["SHA3"] = [new(Isar0, 32, 1)],
        ["SM3"] = [new(Isar0, 36, 1)],
        ["SM4"] = [new(Isar0, 40, 1)],
        ["DotProd"] = [new(Isar0, 44, 1)],
        ["FHM"] = [new(Isar0, 48, 1)],
        ["FlagM"] = [new(Isar0, 52, 1)],
        ["FlagM2"] = [new(Isar0, 52, 2)],
        ["TLBIOS"] = [new(Isar0, 56, 1)],
        ["TLBIRANGE"] = [new(Isar0, 56, 2)],
        ["RNG"] = [new(Isar0, 60, 1)],
        ["DPB"] = [new(Isar1, 0, 1)],
        ["DPB2"] = [new(Isar1, 0, 2)],
        ["PAuth"] = [new(Isar1, 8, 1), new(Isar1, 28, 1)],
        ["JSCVT"] = [new(Isar1, 12, 1)],
        ["FCMA"] = [new(Isar1, 16, 1)],
        ["LRCPC"] = [new(Isar1, 20, 1)],
        ["LRCPC2"] = [new(Isar1, 20, 2)],
        ["LRCPC3"] = [new(Isar1, 20, 3)],
        ["FRINTTS"] = [new(Isar1, 32, 1)],
        ["SB"] = [new(Isar1, 36, 1)],
        ["SPECRES"] = [new(Isar1, 40, 1)],
        ["BF16"] = [new(Isar1, 44, 1)],
        ["DGH"] = [new(Isar1, 48, 1)],
        ["I8MM"] = [new(Isar1, 52, 1)],
        ["XS"] = [new(Isar1, 56, 1)],
        ["LS64"] = [new(Isar1, 60, 1)],
        ["LS64_V"] = [new(Isar1, 60, 2)],
        ["LS64_ACCDATA"] = [new(Isar1, 60, 3)],
        ["WFxT"] = [new(Isar2, 0, 2)],
        ["MOPS"] = [new(Isar2, 16, 1)],
        ["HBC"] = [new(Isar2, 20, 1)],
        ["CSSC"] = [new(Isar2, 52, 1)],
        ["CPA"] = [new(Isar3, 0, 1)],
        ["LPA"] = [new(Mmfr0, 0, 6)],
        ["Gran16K"] = [new(Mmfr0, 20, 1)],
        ["Gran64K"] = [new(Mmfr0, 24, 0, true)],
        ["LPA2"] = [new(Mmfr0, 20, 2), new(Mmfr0, 28, 1, true)],
        ["ECV"] = [new(Mmfr0, 60, 1)],
        ["HAFDBS"] = [new(Mmfr1, 0, 2)],
        ["VMID16"] = [new(Mmfr1, 4, 2)],
        ["HPDS"] = [new(Mmfr1, 12, 1)],
        ["LOR"] = [new(Mmfr1, 16, 1)],
        ["PAN"] = [new(Mmfr1, 20, 1)],
        ["PAN2"] = [new(Mmfr1, 20, 2)],
        ["PAN3"] = [new(Mmfr1, 20, 3)],
        ["TTCNP"] = [new(Mmfr2, 0, 1)],
        ["UAO"] = [new(Mmfr2, 4, 1)],
        ["LVA"] = [new(Mmfr2, 16, 1)],
        ["TTST"] = [new(Mmfr2, 28, 1)],
        ["TTL"] = [new(Mmfr2, 48, 1)],
        ["E0PD"] = [new(Mmfr2, 60, 1)],
    };

    private static bool IsAnnounced(string feature, ulong[] registers) => Array.TrueForAll(Manual[feature], a => a.In(registers));

    /// <summary>The nine ID registers with fields of ours and the rest of their space, as MRS gives them.</summary>
    private static ulong[] Read(TestMachine m)
    {
        var values = new ulong[64];
        for (uint i = 8; i < 64; i++)
        {
            m.Execute(A64.Mrs(3, A64.Register(3, 0, 0, i >> 3, i & 7)));
            values[i] = m.Cpu.X(3);
        }

        return values;
    }

    /// <summary>The implemented features but one, and but those that need it.</summary>
    private static A64FeatureSet Without(A64Feature feature)
    {
        var features = A64Features.Implemented.With(feature, false);
        while (A64FeatureRules.Violation(features) is var (needy, _))
        {
            features = features.With(needy, false);
        }

        return features;
    }

    /// <summary>A hint is a NOP on a CPU without its feature: neither needs to be announced to be executed.</summary>
    private static bool IsHint(A64Row row) => (row.Value & 0xFFFF_F01F) == 0xD503_201F;

    public static TheoryData<A64Feature> Features => [.. Enum.GetValues<A64Feature>().Where(A64Features.Implemented.Has)];

    [Fact]
    public void EveryRow_IsImplementedExactlyWhenItsFeatureIsAnnounced()
    {
        using var m = new TestMachine();
        var registers = Read(m);
        foreach (var row in A64Decoder.Rows.Where(r => r.Feature != "" && !IsHint(r)))
        {
            var name = row.Feature["FEAT_".Length..];
            Assert.True(Manual.ContainsKey(name), $"{row.Name}: the test does not know the ID field of {row.Feature}");
            Assert.True((row.Status == A64RowStatus.Implemented) == IsAnnounced(name, registers), $"{row.Name} is {row.Status}; {row.Feature} announced: {IsAnnounced(name, registers)}");
            Assert.True(row.Status != A64RowStatus.Implemented || row.Required != null, $"{row.Name} has no feature that --cpu could take away");
        }
    }

    [Fact]
    public void EveryFeature_IsAnnouncedExactlyWhenImplemented()
    {
        using var m = new TestMachine();
        var registers = Read(m);
        Assert.All(Enum.GetValues<A64Feature>(), f => Assert.True(IsAnnounced(f.ToString(), registers) == A64Features.Implemented.Has(f), $"{f}"));
        foreach (var (name, _) in Manual)
        {
            Assert.True(Enum.TryParse<A64Feature>(name, out _) || !IsAnnounced(name, registers), $"{name} is announced and no feature of --cpu");
        }
    }

    /// <summary>Taken away, a feature is not announced, its instructions, operations and registers are UNDEFINED, and everything else stays announced.</summary>
    [Theory]
    [MemberData(nameof(Features))]
    public void FeatureTakenAway_IsGone(A64Feature feature)
    {
        var features = Without(feature);
        using var m = new TestMachine(features: features);
        var registers = Read(m);
        Assert.All(Enum.GetValues<A64Feature>(), f => Assert.True(IsAnnounced(f.ToString(), registers) == features.Has(f), $"{f}"));
        m.Cpu.X(1) = 3UL << 20;
        m.Execute(A64.Msr(A64.Register(3, 0, 1, 0, 2), 1), A64.Isb);
        foreach (var row in A64Decoder.Rows.Where(r => r.Required == feature))
        {
            AssertUndefined(m, row.Value, row.Name);
        }

        foreach (var operation in SystemOperationTable.Rows.Where(o => o.Feature == feature))
        {
            AssertUndefined(m, 0xD500_0000 | (uint)(operation.Encoding << 5), operation.Name);
        }

        foreach (var register in SystemRegisterTable.Rows.Where(r => r.Feature == feature))
        {
            AssertUndefined(m, 0xD520_0000 | (uint)(register.Encoding << 5), register.Name);
            AssertUndefined(m, 0xD500_0000 | (uint)(register.Encoding << 5), register.Name);
        }
    }

    private static void AssertUndefined(TestMachine m, uint word, string name)
    {
        m.Registers.El1.Esr = ulong.MaxValue;
        m.Registers.El1.Elr = 0;
        m.ExecuteFaulting(word);
        Assert.True(m.ExceptionClass == Undefined && m.Registers.El1.Elr == TestMachine.Code, $"{name} ({word:x8}) is not UNDEFINED");
    }
}
