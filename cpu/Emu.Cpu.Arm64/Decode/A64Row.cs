// A row of the A64 decode table: what the decoder, the coverage report and the random-instruction tests all read.
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.Decode;

/// <summary>What a row stands for.</summary>
public enum A64RowStatus : byte
{
    /// <summary>Translated.</summary>
    Implemented,

    /// <summary>Allocated in the architecture, UNDEFINED on this CPU by choice (the ID registers say so).</summary>
    Undefined,

    /// <summary>Allocated in the architecture and not implemented yet.</summary>
    NotYet,
}

/// <summary>
/// One encoding. Handlers are static methods of the chapter files in Translate/: they emit the micro-ops of one instruction and return false
/// when a field combination is UNDEFINED (before having emitted anything).
/// </summary>
public sealed unsafe class A64Row
{
    private const string FeaturePrefix = "FEAT_";

    /// <summary>Creates a row.</summary>
    /// <param name="name">The manual's name: "ADD (immediate)".</param>
    /// <param name="pattern">32 characters from bit 31 down: 0, 1, or a letter that names a field; spaces are ignored.</param>
    /// <param name="handler">Translates one instruction.</param>
    /// <param name="feature">The FEAT_ the encoding belongs to, "" for the base of Armv8.0-A.</param>
    /// <param name="fp">Needs FP/SIMD access (CPACR_EL1.FPEN and the traps above it).</param>
    public A64Row(string name, string pattern, delegate*<A64Translator, uint, bool> handler, string feature = "", bool fp = false)
        : this(name, pattern, feature, fp, A64RowStatus.Implemented) => Handler = handler;

    /// <summary>Creates a row without translation.</summary>
    public A64Row(string name, string pattern, A64RowStatus status, string feature = "")
        : this(name, pattern, feature, false, status) { }

    private A64Row(string name, string pattern, string feature, bool fp, A64RowStatus status)
    {
        Name = name;
        Feature = feature;
        Fp = fp;
        Status = status;
        Pattern = pattern.Replace(" ", "", StringComparison.Ordinal);
        if (Pattern.Length != 32)
        {
            throw new ArgumentException($"pattern of {name} has {Pattern.Length} bits, expected 32");
        }

        for (var i = 0; i < 32; i++)
        {
            var bit = 1u << (31 - i);
            if (Pattern[i] is '0' or '1')
            {
                Mask |= bit;
                Value |= Pattern[i] == '1' ? bit : 0;
            }
        }

        // A hint of a feature that is not there is a NOP.
        const uint HintMask = 0xFFFF_F01F;
        const uint Hint = 0xD503_201F;
        if ((Mask & HintMask) == HintMask && (Value & HintMask) == Hint)
        {
            return;
        }

        if (feature.StartsWith(FeaturePrefix, StringComparison.Ordinal) && A64FeatureNames.Find(feature[FeaturePrefix.Length..]) is { } required)
        {
            Required = required;
        }
        else if (fp)
        {
            Required = A64Feature.FP;
        }
    }

    /// <summary>The manual's name.</summary>
    public string Name { get; }

    /// <summary>32 characters: 0, 1 or field letters.</summary>
    public string Pattern { get; }

    /// <summary>FEAT_ name or "".</summary>
    public string Feature { get; }

    /// <summary>The feature without which the encoding is UNDEFINED, or null.</summary>
    public A64Feature? Required { get; }

    /// <summary>Needs FP/SIMD access.</summary>
    public bool Fp { get; }

    /// <summary>Status.</summary>
    public A64RowStatus Status { get; }

    /// <summary>Bits that are fixed.</summary>
    public uint Mask { get; }

    /// <summary>Their values.</summary>
    public uint Value { get; }

    /// <summary>The translation, when <see cref="Status"/> is <see cref="A64RowStatus.Implemented"/>.</summary>
    public delegate*<A64Translator, uint, bool> Handler { get; }
}
