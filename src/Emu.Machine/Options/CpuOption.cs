// --cpu max[,-FEATURE][,FEATURE][,pauth-qarma5]: what the guest's CPUs implement.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Arm64.Translate;

namespace Emu.Machine.Options;

/// <summary>The CPU model: every feature there is, less those taken away.</summary>
/// <param name="Features">What the CPUs implement; their ID registers say the same.</param>
/// <param name="PointerAuthentication">The algorithm of pointer authentication codes.</param>
public readonly record struct CpuOption(A64FeatureSet Features, PointerAuthenticationAlgorithm PointerAuthentication)
{
    private const string Model = "max";
    private const string Qarma5 = "pauth-qarma5";

    // Features by which a CPU is often described and that this version's CPU does not have: taking them away is no mistake.
    private static readonly string[] Absent = ["sve", "sve2", "sme", "sme2", "mte"];

    /// <summary>Everything that is implemented, with the fast pointer authentication.</summary>
    public static readonly CpuOption Default = new(A64Features.Implemented, PointerAuthenticationAlgorithm.Fast);

    /// <summary>The names of the features that can be taken away, sorted.</summary>
    public static IReadOnlyList<string> Names =>
        [.. Enum.GetValues<A64Feature>().Where(A64Features.Implemented.Has).Select(Name).Order(StringComparer.Ordinal)];

    /// <summary>Parses the option's value.</summary>
    /// <exception cref="EmuException">Malformed, an unknown or absent feature, or a feature left without one that it needs.</exception>
    public static CpuOption Parse(string text)
    {
        var parts = text.Split(',');
        if (parts[0] != Model)
        {
            throw new EmuException($"--cpu {text}: '{parts[0]}' is unknown; expected max, and behind it what to change, such as max,-lse");
        }

        var result = Default;
        foreach (var part in parts.AsSpan(1))
        {
            result = result.With(text, part);
        }

        if (result.PointerAuthentication != PointerAuthenticationAlgorithm.Fast && !result.Features.Has(A64Feature.PAuth))
        {
            throw new EmuException($"--cpu {text}: {Qarma5} needs pauth; leave -pauth out");
        }

        if (A64FeatureRules.Violation(result.Features) is { } violation)
        {
            throw new EmuException($"--cpu {text}: {Name(violation.Feature)} needs {Name(violation.Needs)}; take it away too: --cpu {Closed(text, result.Features)}");
        }

        return result;
    }

    private static string Name(A64Feature feature) => feature.ToString().ToLowerInvariant();

    private CpuOption With(string text, string part)
    {
        var remove = part.StartsWith('-');
        var name = remove || part.StartsWith('+') ? part[1..] : part;
        if (name == Qarma5)
        {
            return this with { PointerAuthentication = remove ? PointerAuthenticationAlgorithm.Fast : PointerAuthenticationAlgorithm.Qarma5 };
        }

        foreach (var feature in Enum.GetValues<A64Feature>())
        {
            if (Name(feature) == name && A64Features.Implemented.Has(feature))
            {
                return this with { Features = Features.With(feature, !remove) };
            }
        }

        if (Array.IndexOf(Absent, name) < 0)
        {
            throw new EmuException($"--cpu {text}: there is no feature '{name}'; there is {string.Join(", ", Names)} and {Qarma5}");
        }

        return remove ? this : throw new EmuException($"--cpu {text}: {name} is not implemented in this version; leave it out");
    }

    /// <summary>The value with everything taken away that needs what is gone.</summary>
    private static string Closed(string text, A64FeatureSet features)
    {
        while (A64FeatureRules.Violation(features) is { } violation)
        {
            features = features.With(violation.Feature, false);
            text += $",-{Name(violation.Feature)}";
        }

        return text;
    }
}
