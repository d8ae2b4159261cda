// Parser of option values in Cloud Hypervisor's syntax, "key=value,key=value", with errors that name the option and what it accepts.
using System.Globalization;
using System.Text;
using Emu.Core;

namespace Emu.Machine.Options;

/// <summary>One option's value, split into its keys.</summary>
public sealed class OptionString
{
    /// <summary>Keys whose values are paths of the host, in whatever option.</summary>
    private static readonly string[] PathKeys = ["path", "file", "socket", "src"];

    private readonly string option;
    private readonly string[] knownKeys;
    private readonly string?[] values;

    private OptionString(string option, string[] knownKeys)
    {
        this.option = option;
        this.knownKeys = knownKeys;
        values = new string?[knownKeys.Length];
    }

    /// <summary>Splits a value.</summary>
    /// <param name="option">The option's name for messages, such as "--cpus".</param>
    /// <param name="text">What the user wrote.</param>
    /// <param name="knownKeys">The keys the option has.</param>
    /// <exception cref="EmuException">Empty, a part without "=", an unknown or repeated key, an empty value.</exception>
    public static OptionString Parse(string option, string text, params string[] knownKeys)
    {
        var result = new OptionString(option, knownKeys) { Text = $"{option} {text}" };
        if (text.Length == 0)
        {
            throw new EmuException($"{option}: the value is empty; expected {result.KnownList()}");
        }

        foreach (var part in SplitParts(option, text))
        {
            var equals = part.IndexOf('=');
            if (equals < 0)
            {
                throw new EmuException($"{option} {text}: '{part}' is not key=value; expected {result.KnownList()}");
            }

            var key = part[..equals];
            var index = Array.IndexOf(knownKeys, key);
            if (index < 0)
            {
                throw new EmuException($"{option} {text}: unknown key '{key}'; expected {result.KnownList()}");
            }

            if (result.values[index] is not null)
            {
                throw new EmuException($"{option} {text}: '{key}' is given twice");
            }

            var value = part[(equals + 1)..];
            if (value.Length == 0)
            {
                throw new EmuException($"{option} {text}: '{key}' has no value");
            }

            result.values[index] = value;
        }

        return result;
    }

    /// <summary>A value with full paths, which means the same in any directory.</summary>
    /// <param name="option">The option's name for messages.</param>
    /// <param name="text">What the user wrote; what is no list of keys stays as it is.</param>
    public static string WithFullPaths(string option, string text)
    {
        var parts = SplitParts(option, text);
        for (var i = 0; i < parts.Count; i++)
        {
            if (parts[i].IndexOf('=') is var equals and > 0 && Array.IndexOf(PathKeys, parts[i][..equals]) >= 0)
            {
                parts[i] = $"{parts[i][..equals]}={Path.GetFullPath(parts[i][(equals + 1)..])}";
            }

            if (parts[i].Contains(','))
            {
                parts[i] = $"\"{parts[i]}\"";
            }
        }

        return string.Join(',', parts);
    }

    /// <summary>The whole option as the user wrote it, for messages.</summary>
    public string Text { get; private init; } = "";

    /// <summary>The value of a key, or null when it was not given.</summary>
    public string? this[string key] => values[Array.IndexOf(knownKeys, key)];

    /// <summary>A whole number, or null when the key was not given.</summary>
    /// <exception cref="EmuException">Not a number, or out of range.</exception>
    public int? Integer(string key, int minimum, int maximum)
    {
        if (this[key] is not { } value)
        {
            return null;
        }

        return ParseInteger($"{option} {key}={value}", value, (ulong)minimum, (ulong)maximum) is var number ? (int)number : null;
    }

    /// <summary>The value of a key that must be there.</summary>
    /// <param name="key">The key.</param>
    /// <param name="example">What would be right: "path=FILE".</param>
    /// <exception cref="EmuException">It was not given.</exception>
    public string Required(string key, string example) => this[key] ?? throw new EmuException($"{Text}: {key}= is missing; expected {example}");

    /// <summary>The values of a key that takes a list: [a,b] or a alone. Empty when it was not given.</summary>
    public string[] List(string key) => this[key] switch
    {
        null => [],
        ['[', .. var inside, ']'] => inside.Split(','),
        var one => [one],
    };

    /// <summary>Whole numbers and ranges of them: [0-3,5]. Empty when it was not given.</summary>
    /// <param name="key">The key.</param>
    /// <param name="maximum">Largest number accepted.</param>
    /// <exception cref="EmuException">Something else, or a number twice.</exception>
    public int[] Numbers(string key, int maximum)
    {
        var result = new List<int>();
        foreach (var part in List(key))
        {
            var ends = part.Split('-');
            var first = (int)ParseInteger($"{option} {key}={this[key]}", ends[0], 0, (ulong)maximum);
            var last = ends.Length == 1 ? first : (int)ParseInteger($"{option} {key}={this[key]}", ends[^1], 0, (ulong)maximum);
            if (ends.Length > 2 || last < first)
            {
                throw new EmuException($"{Text}: '{part}' is not a range; expected {key}=[0-3,5]");
            }

            for (var i = first; i <= last; i++)
            {
                if (result.Contains(i))
                {
                    throw new EmuException($"{Text}: {i} is given twice in {key}=");
                }

                result.Add(i);
            }
        }

        return [.. result];
    }

    /// <summary>A switch: on or off (or true or false).</summary>
    /// <param name="key">The key.</param>
    /// <param name="otherwise">What it is when the key was not given.</param>
    /// <exception cref="EmuException">Something else.</exception>
    public bool Toggle(string key, bool otherwise) => this[key] switch
    {
        null => otherwise,
        "on" or "true" => true,
        "off" or "false" => false,
        var other => throw new EmuException($"{option} {key}={other}: '{other}' is neither on nor off"),
    };

    /// <summary>A size in bytes, or null when the key was not given.</summary>
    /// <exception cref="EmuException">Not a size, or more than 64 bits.</exception>
    public ulong? Size(string key) => this[key] is { } value ? ParseSize($"{option} {key}={value}", value) : null;

    /// <summary>Parses a whole decimal number (or hexadecimal after 0x) within a range.</summary>
    /// <param name="what">What is parsed, for messages.</param>
    /// <param name="text">The digits.</param>
    /// <param name="minimum">Smallest value accepted.</param>
    /// <param name="maximum">Largest value accepted.</param>
    /// <exception cref="EmuException">Not a number, or out of range.</exception>
    public static ulong ParseInteger(string what, string text, ulong minimum, ulong maximum)
    {
        var hexadecimal = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var parsed = hexadecimal
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
        if (!parsed || number < minimum || number > maximum)
        {
            throw new EmuException(maximum == ulong.MaxValue
                ? $"{what}: '{text}' is not a whole number of at least {minimum}"
                : $"{what}: '{text}' is not a whole number from {minimum} to {maximum}");
        }

        return number;
    }

    /// <summary>Parses a size: digits and an optional K, M, G or T (powers of 1024).</summary>
    /// <param name="what">What is parsed, for messages.</param>
    /// <param name="text">The size.</param>
    /// <exception cref="EmuException">Not a size, zero, or more than 64 bits.</exception>
    public static ulong ParseSize(string what, string text)
    {
        var shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch
        {
            'K' => 10,
            'M' => 20,
            'G' => 30,
            'T' => 40,
            _ => 0,
        };
        var digits = shift == 0 ? text : text[..^1];
        if (!ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0 || number << shift >> shift != number)
        {
            throw new EmuException($"{what}: '{text}' is not a size; expected a number of bytes with an optional K, M, G or T, such as 512M or 2G");
        }

        return number << shift;
    }

    /// <summary>Splits at commas, except inside brackets and double quotes; the quotes go.</summary>
    private static List<string> SplitParts(string option, string text)
    {
        var parts = new List<string>();
        var part = new StringBuilder();
        var depth = 0;
        var quoted = false;
        foreach (var c in text)
        {
            if (c == '"')
            {
                quoted = !quoted;
                continue;
            }

            depth += quoted ? 0 : c switch { '[' => 1, ']' => -1, _ => 0 };
            if (c == ',' && !quoted && depth == 0)
            {
                parts.Add(part.ToString());
                part.Clear();
            }
            else
            {
                part.Append(c);
            }
        }

        if (quoted || depth != 0)
        {
            throw new EmuException($"{option} {text}: {(quoted ? "a double quote" : "a bracket")} has no partner");
        }

        parts.Add(part.ToString());
        return parts;
    }

    private string KnownList() => string.Join(", ", Array.ConvertAll(knownKeys, k => k + "="));
}
