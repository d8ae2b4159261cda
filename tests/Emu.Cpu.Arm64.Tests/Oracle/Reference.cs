// The emulators compared with: where each is, how it is started, and what it lacks or gets wrong.
namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>A release of qemu-user.</summary>
public sealed class Reference
{
    /// <summary>The seed of its random numbers, which are its pointer authentication keys.</summary>
    public const int Seed = 1;

    // What neither release has; what their rows do is tested with vectors computed by hand from the manual's pseudo-code.
    private static readonly string[] Newest =
    [
        "FEAT_CSSC", "FEAT_LRCPC3", "FEAT_LSE128", "FEAT_THE", "FEAT_LS64", "FEAT_LS64_V", "FEAT_LS64_ACCDATA", "FEAT_CPA", "FEAT_D128",
        "FEAT_SYSREG128", "FEAT_SYSINSTR128", "FEAT_GCS", "FEAT_CHK", "FEAT_CLRBHB", "FEAT_SPECRES2", "FEAT_FAMINMAX", "FEAT_LUT", "FEAT_FP8",
        "FEAT_PAuth_LR",
    ];

    private readonly Func<string?> find;

    private Reference(string name, string missing, Func<string?> find, string features)
    {
        Name = name;
        MissingReason = missing;
        CpuModel = "max,sve=off,sme=off," + features;
        this.find = find;
    }

    /// <summary>qemu-user 7.2 of Debian bookworm, installed.</summary>
    public static Reference Installed { get; } = new(
        "qemu-user 7.2", "qemu-aarch64-static is missing (Debian package qemu-user-static)", () => InPath("qemu-aarch64-static"), "pauth-impdef=on")
    {
        Lacking = [.. Newest, "FEAT_MOPS", "FEAT_WFxT", "FEAT_HBC", "FEAT_AFP", "FEAT_RPRES", "FEAT_EBF16", "FEAT_XS"],
        FaultsOnMisaligned = true,
        Wrong =
        [
            ("FCVTZS (scalar SIMD, fixed-point, half)", "the reference writes the sign of the result beyond its 16 bits"),
        ],
    };

    /// <summary>qemu-user 10.0 of Debian trixie, unpacked by testroms/oracle/newer-reference. Its pointer authentication keys are known.</summary>
    public static Reference Newer { get; } = new(
        "qemu-user 10.0", "Debian trixie's qemu-aarch64 is missing: run testroms/oracle/newer-reference", InCache, "pauth-qarma5=on")
    {
        Lacking = Newest,
        KnownKeys = true,
        ChecksShouldBeOne = true,

        // FEAT_AFP: FIZ, AH, NEP; FEAT_EBF16: EBF.
        ForeignFpcr = (7u << 16) | (3u << 20) | 7u | (1u << 13),
    };

    /// <summary>Name and version.</summary>
    public string Name { get; }

    /// <summary>Its CPU: no SVE and no SME, as Emu has neither.</summary>
    public string CpuModel { get; }

    /// <summary>Features without which its rows must be UNDEFINED on both sides.</summary>
    public required IReadOnlyList<string> Lacking { get; init; }

    /// <summary>Rows whose results it gets wrong, and how; the manual's pseudo-code was followed by hand.</summary>
    public IReadOnlyList<(string Row, string Reason)> Wrong { get; init; } = [];

    /// <summary>It authenticates pointers with QARMA5 and keys that follow from <see cref="Seed"/>.</summary>
    public bool KnownKeys { get; init; }

    /// <summary>It has no FEAT_LSE2: atomic, exclusive and ordered accesses fault when they are not aligned.</summary>
    public bool FaultsOnMisaligned { get; init; }

    /// <summary>Registers that should be 31 make the instruction UNDEFINED when they are not (CONSTRAINED UNPREDICTABLE; Emu ignores them).</summary>
    public bool ChecksShouldBeOne { get; init; }

    /// <summary>FPCR fields that it has and Emu does not, or that may be stored or read as zero: AArch32's Len and Stride.</summary>
    public uint ForeignFpcr { get; init; } = (7u << 16) | (3u << 20);

    /// <summary>Path of the program.</summary>
    public string Program => find() ?? throw new InvalidOperationException(MissingReason);

    private string MissingReason { get; }

    /// <summary>Why it cannot run here, or null.</summary>
    public string? Missing() => find() == null ? MissingReason : null;

    private static string? InPath(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(d => Path.Combine(d, tool)).FirstOrDefault(File.Exists);

    private static string? InCache()
    {
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } set
            ? set
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        var program = Path.Combine(cache, "emu", "oracle", "trixie", "root", "qemu-aarch64");
        return File.Exists(program) ? program : null;
    }
}
