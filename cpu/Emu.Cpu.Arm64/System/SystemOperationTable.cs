// SYS instructions: one row an operation of IC, DC, AT, TLBI and the speculation restrictions (Arm ARM C5.3 to C5.6).
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>One operation.</summary>
public sealed unsafe class SystemOperation
{
    /// <summary>Creates a row.</summary>
    /// <param name="op1">op1.</param>
    /// <param name="crn">CRn.</param>
    /// <param name="crm">CRm.</param>
    /// <param name="op2">op2.</param>
    /// <param name="name">The manual's name.</param>
    /// <param name="minimumLevel">Lowest exception level at which it is not UNDEFINED.</param>
    /// <param name="helper">Does it; null: nothing to do.</param>
    /// <param name="feature">Feature without which it is UNDEFINED.</param>
    public SystemOperation(
        uint op1, uint crn, uint crm, uint op2, string name, int minimumLevel, delegate*<CpuState*, MicroOp*, int> helper, A64Feature? feature = null)
    {
        Encoding = SystemRegister.Encode(1, op1, crn, crm, op2);
        Name = name;
        MinimumLevel = minimumLevel;
        Helper = helper;
        Feature = feature;
    }

    /// <summary>As of a system register, with op0 = 1.</summary>
    public ushort Encoding { get; }

    /// <summary>The manual's name.</summary>
    public string Name { get; }

    /// <summary>Lowest exception level.</summary>
    public int MinimumLevel { get; }

    /// <summary>The helper: A is Xt, Aux the instruction word.</summary>
    public delegate*<CpuState*, MicroOp*, int> Helper { get; }

    /// <summary>Feature, or null.</summary>
    public A64Feature? Feature { get; }
}

/// <summary>Finds operations by encoding.</summary>
public static unsafe class SystemOperationTable
{
    private static readonly SystemOperation[] All = Build();
    private static readonly Dictionary<int, SystemOperation> ByEncoding = All.ToDictionary(o => (int)o.Encoding);

    /// <summary>Every row.</summary>
    public static IReadOnlyList<SystemOperation> Rows => All;

    /// <summary>The operation of an encoding.</summary>
    public static bool TryFind(ushort encoding, out SystemOperation operation) => ByEncoding.TryGetValue(encoding, out operation!);

    private static SystemOperation[] Build()
    {
        List<SystemOperation> rows =
        [
            new(0, 7, 1, 0, "IC IALLUIS", 1, &CacheHelpers.InvalidateAllInstructions),
            new(0, 7, 5, 0, "IC IALLU", 1, &CacheHelpers.InvalidateAllInstructions),
            new(3, 7, 5, 1, "IC IVAU", 0, &CacheHelpers.InvalidateInstructions),
            new(0, 7, 6, 1, "DC IVAC", 1, &CacheHelpers.InvalidateData),
            new(0, 7, 6, 2, "DC ISW", 1, null),
            new(0, 7, 10, 2, "DC CSW", 1, null),
            new(0, 7, 14, 2, "DC CISW", 1, null),
            new(3, 7, 4, 1, "DC ZVA", 0, &CacheHelpers.Zero),
            new(3, 7, 10, 1, "DC CVAC", 0, &CacheHelpers.CleanData),
            new(3, 7, 11, 1, "DC CVAU", 0, &CacheHelpers.CleanData),
            new(3, 7, 12, 1, "DC CVAP", 0, &CacheHelpers.CleanData, A64Feature.DPB),
            new(3, 7, 13, 1, "DC CVADP", 0, &CacheHelpers.CleanData, A64Feature.DPB2),
            new(3, 7, 14, 1, "DC CIVAC", 0, &CacheHelpers.CleanData),
            new(0, 7, 8, 0, "AT S1E1R", 1, &AddressTranslation.Execute),
            new(0, 7, 8, 1, "AT S1E1W", 1, &AddressTranslation.Execute),
            new(0, 7, 8, 2, "AT S1E0R", 1, &AddressTranslation.Execute),
            new(0, 7, 8, 3, "AT S1E0W", 1, &AddressTranslation.Execute),
            new(0, 7, 9, 0, "AT S1E1RP", 1, &AddressTranslation.Execute, A64Feature.PAN2),
            new(0, 7, 9, 1, "AT S1E1WP", 1, &AddressTranslation.Execute, A64Feature.PAN2),
            new(3, 7, 3, 4, "CFP RCTX", 0, &CacheHelpers.RestrictPrediction, A64Feature.SPECRES),
            new(3, 7, 3, 5, "DVP RCTX", 0, &CacheHelpers.RestrictPrediction, A64Feature.SPECRES),
            new(3, 7, 3, 7, "CPP RCTX", 0, &CacheHelpers.RestrictPrediction, A64Feature.SPECRES),
        ];
        AddTlbi(rows, 7, "", &TlbHelpers.Local, null);
        AddTlbi(rows, 3, "IS", &TlbHelpers.Broadcast, null);
        AddTlbi(rows, 1, "OS", &TlbHelpers.Broadcast, A64Feature.TLBIOS);
        AddTlbiRange(rows, 6, "", &TlbHelpers.LocalRange);
        AddTlbiRange(rows, 2, "IS", &TlbHelpers.BroadcastRange);
        AddTlbiRange(rows, 5, "OS", &TlbHelpers.BroadcastRange);
        return [.. rows];
    }

    private static void AddTlbi(List<SystemOperation> rows, uint crm, string domain, delegate*<CpuState*, MicroOp*, int> helper, A64Feature? feature)
    {
        (uint Op2, string Name)[] forms = [(0, "VMALLE1"), (1, "VAE1"), (2, "ASIDE1"), (3, "VAAE1"), (5, "VALE1"), (7, "VAALE1")];
        foreach (var (op2, name) in forms)
        {
            rows.Add(new SystemOperation(0, 8, crm, op2, $"TLBI {name}{domain}", 1, helper, feature));
        }
    }

    private static void AddTlbiRange(List<SystemOperation> rows, uint crm, string domain, delegate*<CpuState*, MicroOp*, int> helper)
    {
        (uint Op2, string Name)[] forms = [(1, "RVAE1"), (3, "RVAAE1"), (5, "RVALE1"), (7, "RVAALE1")];
        foreach (var (op2, name) in forms)
        {
            rows.Add(new SystemOperation(0, 8, crm, op2, $"TLBI {name}{domain}", 1, helper, A64Feature.TLBIRANGE));
        }
    }
}
