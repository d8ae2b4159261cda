// The system-register table of EL0 and EL1: one row a register, in the order of the manual's encodings (Arm ARM D18).
namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>Finds registers by encoding. Debug, timer, performance and EL2/EL3 rows are in the table's other files.</summary>
public static unsafe partial class SystemRegisterTable
{
    private static readonly SystemRegister[] All = [.. Level1(), .. User(), .. DebugRows(), .. TimerRows(), .. PerformanceRows(), .. HypervisorRows()];
    /// <summary>Row + 1 by encoding, 0 where there is no register.</summary>
    private static readonly ushort[] Index = BuildIndex();

    /// <summary>Every row.</summary>
    public static IReadOnlyList<SystemRegister> Rows => All;

    /// <summary>The register of an encoding, or null.</summary>
    public static SystemRegister? Find(uint encoding)
    {
        var i = Index[encoding & 0xFFFF];
        return i == 0 ? null : All[i - 1];
    }

    private static ushort[] BuildIndex()
    {
        var index = new ushort[1 << 16];
        for (var i = 0; i < All.Length; i++)
        {
            ref var entry = ref index[All[i].Encoding];
            if (entry != 0)
            {
                throw new InvalidOperationException($"{All[i].Name} and {All[entry - 1].Name} share an encoding");
            }

            entry = (ushort)(i + 1);
        }

        return index;
    }

    private static Arm64State* At => Arm64State.Layout;

    private static ushort Slot(ulong* member) => Arm64State.SlotOf(member);

    /// <summary>A register that is nothing but a slot.</summary>
    private static SystemRegister Plain(
        uint op0, uint op1, uint crn, uint crm, uint op2, string name, int level, ulong* member, ulong mask = ulong.MaxValue,
        RegisterEffects effects = RegisterEffects.None, ulong res1 = 0, A64Feature? feature = null) => new()
        {
            Encoding = SystemRegister.Encode(op0, op1, crn, crm, op2),
            Name = name,
            MinimumLevel = level,
            Access = RegisterAccess.ReadWrite,
            Slot = Slot(member),
            WriteMask = mask,
            Effects = effects,
            Res1 = res1,
            Feature = feature,
        };

    /// <summary>A register made by code.</summary>
    private static SystemRegister Made(
        uint op0, uint op1, uint crn, uint crm, uint op2, string name, int level, Func<Arm64Vcpu, ulong>? read, Action<Arm64Vcpu, ulong>? write = null,
        Func<Arm64Vcpu, bool, bool>? user = null, A64Feature? feature = null, ushort slot = 0) => new()
        {
            Encoding = SystemRegister.Encode(op0, op1, crn, crm, op2),
            Name = name,
            MinimumLevel = level,
            Access = (read != null ? RegisterAccess.Read : 0) | (write != null ? RegisterAccess.Write : 0),
            Slot = slot,
            ReadValue = read,
            WriteValue = write,
            UserMay = user,
            Feature = feature,
        };

    private static SystemRegister[] Level1() =>
    [
        Made(3, 0, 0, 0, 0, "MIDR_EL1", 1, c => A64Features.Midr),
        Made(3, 0, 0, 0, 5, "MPIDR_EL1", 1, c => c.Configuration.Mpidr),
        Made(3, 0, 0, 0, 6, "REVIDR_EL1", 1, c => 0),
        Plain(3, 0, 1, 0, 0, "SCTLR_EL1", 1, &At->System.El1.Sctlr, SctlrMask, RegisterEffects.Mode | RegisterEffects.Translation, Sctlr.Res1),
        Made(3, 0, 1, 0, 1, "ACTLR_EL1", 1, c => 0, (c, v) => { }),
        Plain(3, 0, 1, 0, 2, "CPACR_EL1", 1, &At->System.El1.Cptr, 3UL << 20, RegisterEffects.Mode),
        Plain(3, 0, 2, 0, 0, "TTBR0_EL1", 1, &At->System.El1.Ttbr0, effects: RegisterEffects.Context),
        Plain(3, 0, 2, 0, 1, "TTBR1_EL1", 1, &At->System.El1.Ttbr1, effects: RegisterEffects.Context),
        Plain(3, 0, 2, 0, 2, "TCR_EL1", 1, &At->System.El1.Tcr, TcrMask, RegisterEffects.Translation),
        Plain(3, 0, 2, 1, 0, "APIAKeyLo_EL1", 1, &At->ApiaKeyLo, feature: A64Feature.PAuth),
        Plain(3, 0, 2, 1, 1, "APIAKeyHi_EL1", 1, &At->ApiaKeyHi, feature: A64Feature.PAuth),
        Plain(3, 0, 2, 1, 2, "APIBKeyLo_EL1", 1, &At->ApibKeyLo, feature: A64Feature.PAuth),
        Plain(3, 0, 2, 1, 3, "APIBKeyHi_EL1", 1, &At->ApibKeyHi, feature: A64Feature.PAuth),
        Plain(3, 0, 2, 2, 0, "APDAKeyLo_EL1", 1, &At->ApdaKeyLo, feature: A64Feature.PAuth),
        Plain(3, 0, 2, 2, 1, "APDAKeyHi_EL1", 1, &At->ApdaKeyHi, feature: A64Feature.PAuth),
        Plain(3, 0, 2, 2, 2, "APDBKeyLo_EL1", 1, &At->ApdbKeyLo, feature: A64Feature.PAuth),
        Plain(3, 0, 2, 2, 3, "APDBKeyHi_EL1", 1, &At->ApdbKeyHi, feature: A64Feature.PAuth),
        Plain(3, 0, 2, 3, 0, "APGAKeyLo_EL1", 1, &At->ApgaKeyLo, feature: A64Feature.PAuth),
        Plain(3, 0, 2, 3, 1, "APGAKeyHi_EL1", 1, &At->ApgaKeyHi, feature: A64Feature.PAuth),
        Plain(3, 0, 4, 0, 0, "SPSR_EL1", 1, &At->System.El1.Spsr, 0xFFFF_FFFF),
        Plain(3, 0, 4, 0, 1, "ELR_EL1", 1, &At->System.El1.Elr),
        Plain(3, 0, 4, 1, 0, "SP_EL0", 1, &At->System.SpEl0),
        Made(3, 0, 4, 2, 0, "SPSel", 1, c => c.Arm64->System.SpSel, (c, v) => c.SetSpSel(v)),
        new() { Encoding = SystemRegister.Encode(3, 0, 4, 2, 2), Name = "CurrentEL", MinimumLevel = 1, Access = RegisterAccess.Read, Slot = Slot(&At->System.CurrentEl) },
        Made(3, 0, 4, 2, 3, "PAN", 1, c => c.Arm64->System.Pan, (c, v) => c.SetPan(v & Pstate.Pan), feature: A64Feature.PAN),
        Made(3, 0, 4, 2, 4, "UAO", 1, c => c.Arm64->System.Uao, (c, v) => c.SetUao(v & Pstate.Uao), feature: A64Feature.UAO),
        Plain(3, 0, 5, 1, 0, "AFSR0_EL1", 1, &At->System.El1.Afsr0, 0),
        Plain(3, 0, 5, 1, 1, "AFSR1_EL1", 1, &At->System.El1.Afsr1, 0),
        Plain(3, 0, 5, 2, 0, "ESR_EL1", 1, &At->System.El1.Esr),
        Plain(3, 0, 6, 0, 0, "FAR_EL1", 1, &At->System.El1.Far),
        Plain(3, 0, 7, 4, 0, "PAR_EL1", 1, &At->System.Par),
        Plain(3, 0, 10, 2, 0, "MAIR_EL1", 1, &At->System.El1.Mair, effects: RegisterEffects.Translation),
        Plain(3, 0, 10, 3, 0, "AMAIR_EL1", 1, &At->System.El1.Amair, 0),
        // LORID_EL1 says that there are no limited-ordering regions: the others are RES0.
        Made(3, 0, 10, 4, 0, "LORSA_EL1", 1, c => 0, (c, v) => { }, feature: A64Feature.LOR),
        Made(3, 0, 10, 4, 1, "LOREA_EL1", 1, c => 0, (c, v) => { }, feature: A64Feature.LOR),
        Made(3, 0, 10, 4, 2, "LORN_EL1", 1, c => 0, (c, v) => { }, feature: A64Feature.LOR),
        Made(3, 0, 10, 4, 3, "LORC_EL1", 1, c => 0, (c, v) => { }, feature: A64Feature.LOR),
        Made(3, 0, 10, 4, 7, "LORID_EL1", 1, c => 0, feature: A64Feature.LOR),
        Plain(3, 0, 12, 0, 0, "VBAR_EL1", 1, &At->System.El1.Vbar, ~0x7FFUL),

        // EL1 is the highest exception level: it has the reset address.
        Made(3, 0, 12, 0, 1, "RVBAR_EL1", 1, c => 0),
        Made(3, 0, 12, 1, 0, "ISR_EL1", 1, c => c.PendingInterrupts()),
        Plain(3, 0, 13, 0, 1, "CONTEXTIDR_EL1", 1, &At->System.El1.ContextIdr, 0xFFFF_FFFF),
        Plain(3, 0, 13, 0, 4, "TPIDR_EL1", 1, &At->System.El1.Tpidr),
        Made(3, 1, 0, 0, 0, "CCSIDR_EL1", 1, c => A64Features.Ccsidr(c.Arm64->System.Csselr)),
        Made(3, 1, 0, 0, 1, "CLIDR_EL1", 1, c => A64Features.Clidr),
        Made(3, 1, 0, 0, 7, "AIDR_EL1", 1, c => 0),
        Plain(3, 2, 0, 0, 0, "CSSELR_EL1", 1, &At->System.Csselr, 15),
    ];

    private static SystemRegister[] User() =>
    [
        Made(3, 3, 0, 0, 1, "CTR_EL0", 0, c => A64Features.Ctr, user: (c, read) => (c.Arm64->System.El1.Sctlr & Sctlr.UCT) != 0),
        Made(3, 3, 0, 0, 7, "DCZID_EL0", 0, c => A64Features.Dczid | (ZvaPermitted(c) ? 0 : 1UL << 4)),
        Made(3, 3, 2, 4, 0, "RNDR", 0, RandomNumber, feature: A64Feature.RNG),
        Made(3, 3, 2, 4, 1, "RNDRRS", 0, RandomNumber, feature: A64Feature.RNG),
        Made(3, 3, 4, 2, 0, "NZCV", 0, c => c.State->Flags << 28, (c, v) => c.State->Flags = (v >> 28) & 15),
        Made(3, 3, 4, 2, 1, "DAIF", 0, c => c.Arm64->System.Daif, (c, v) => c.Arm64->System.Daif = v & Pstate.Daif,
            (c, read) => (c.Arm64->System.El1.Sctlr & Sctlr.UMA) != 0),
        Plain(3, 3, 4, 2, 5, "DIT", 0, &At->System.Dit, Pstate.Dit, feature: A64Feature.DIT),
        Plain(3, 3, 4, 2, 6, "SSBS", 0, &At->System.Ssbs, Pstate.Ssbs, feature: A64Feature.SSBS2),
        Plain(3, 3, 4, 4, 0, "FPCR", 0, &At->Fpcr, FpcrMask),
        Plain(3, 3, 4, 4, 1, "FPSR", 0, &At->Fpsr, FpsrMask),
        Plain(3, 3, 13, 0, 2, "TPIDR_EL0", 0, &At->System.TpidrEl0),
        new()
        {
            Encoding = SystemRegister.Encode(3, 3, 13, 0, 3), Name = "TPIDRRO_EL0", MinimumLevel = 0, Access = RegisterAccess.ReadWrite,
            Slot = Slot(&At->System.TpidrroEl0), UserReadOnly = true,
        },
    ];

    /// <summary>FPCR: AHP, DN, FZ, RMode. FZ16 joins with FEAT_FP16 (<see cref="FpcrFz16"/>).</summary>
    private const ulong FpcrMask = (1UL << 26) | (1UL << 25) | (1UL << 24) | (3UL << 22) | FpcrFz16;

    /// <summary>FPCR.FZ16.</summary>
    internal const ulong FpcrFz16 = 1UL << 19;

    /// <summary>FPSR: QC and the cumulative exception flags.</summary>
    private const ulong FpsrMask = (1UL << 27) | (1UL << 7) | 0x1F;

    /// <summary>SCTLR_EL1 bits that can be written; <see cref="SctlrMaskOf"/> takes away those of absent features.</summary>
    private const ulong SctlrMask = Sctlr.M | Sctlr.A | Sctlr.C | Sctlr.SA | Sctlr.SA0 | Sctlr.UMA | Sctlr.EnRCTX | Sctlr.I | Sctlr.EnDB | Sctlr.DZE | Sctlr.UCT | Sctlr.NTWI
        | Sctlr.NTWE | Sctlr.WXN | Sctlr.SPAN | Sctlr.UCI | Sctlr.EnDA | Sctlr.EnIB | Sctlr.EnIA | Sctlr.BT0 | Sctlr.BT1 | Sctlr.MSCEn | Sctlr.DSSBS | Sctlr.EPAN;

    private readonly record struct FeatureBits(A64Feature Feature, ulong Bits);

    private static readonly FeatureBits[] SctlrFeatures =
    [
        new(A64Feature.PAuth, Sctlr.EnIA | Sctlr.EnIB | Sctlr.EnDA | Sctlr.EnDB), new(A64Feature.PAN, Sctlr.SPAN), new(A64Feature.PAN3, Sctlr.EPAN),
        new(A64Feature.BTI, Sctlr.BT0 | Sctlr.BT1), new(A64Feature.MOPS, Sctlr.MSCEn), new(A64Feature.SSBS2, Sctlr.DSSBS), new(A64Feature.SPECRES, Sctlr.EnRCTX),
    ];

    /// <summary>SCTLR_EL1 bits that can be written on a CPU with these features.</summary>
    public static ulong SctlrMaskOf(A64FeatureSet features)
    {
        var mask = SctlrMask;
        foreach (var (feature, bits) in SctlrFeatures)
        {
            mask &= features.Has(feature) ? ulong.MaxValue : ~bits;
        }

        return mask;
    }

    /// <summary>TCR_EL1 bits that can be written: T0SZ to A1, EPD1 to TG1, IPS, AS, TBI, HA, HD, HPD, E0PD, TBID, DS; not HWU, NFD, TCMA, MTX.</summary>
    private const ulong TcrMask = 0x0998_07F7_FFFF_FFBF;

    private static bool ZvaPermitted(Arm64Vcpu c) => c.ExceptionLevel != 0 || (c.Arm64->System.El1.Sctlr & Sctlr.DZE) != 0;

    /// <summary>RNDR sets NZCV to 0000 when it has a number; it always has.</summary>
    private static ulong RandomNumber(Arm64Vcpu c)
    {
        c.State->Flags = 0;
        return c.NextRandom();
    }
}
