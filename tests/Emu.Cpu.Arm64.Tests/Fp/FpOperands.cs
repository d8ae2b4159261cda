// The operands of the floating-point tables: the generator of Oracle/FpOracle.c, step by step.
using System.Globalization;

namespace Emu.Cpu.Arm64.Tests.Fp;

/// <summary>Pseudo-random operands that favour special values.</summary>
internal sealed class FpOperands(Dictionary<string, ulong[]> lists)
{
    /// <summary>Operand tuples in each mode.</summary>
    public const int Tuples = 400;

    /// <summary>Modes: 4 rounding modes in each of 5 sets of options.</summary>
    public const int Modes = 20;

    private static readonly uint[] Options = [0, 0x0108_0000, 0x0200_0000, 0x0400_0000, 0x0708_0000];

    private readonly ulong[] specials16 = lists["specials16"];
    private readonly ulong[] specials32 = lists["specials32"];
    private readonly ulong[] specials64 = lists["specials64"];
    private readonly ulong[] integers = lists["integers"];
    private ulong seed;

    /// <summary>Operands with the special values listed in the table.</summary>
    public static FpOperands FromTable() =>
        new(TableLines().Where(l => char.IsLetter(l[0])).Select(l => l.Split(' ')).ToDictionary(f => f[0], f => f.Skip(1).Select(Hex).ToArray()));

    /// <summary>The lines of the table.</summary>
    public static string[] TableLines()
    {
        using var reader = new StreamReader(typeof(FpOperands).Assembly.GetManifestResourceStream("FpCases.txt")!);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Starts the sequence of an instruction in a mode.</summary>
    public void Start(uint word, int mode) => seed = ((ulong)word << 8) | (uint)mode;

    /// <summary>Fills the machine with the next operands.</summary>
    public unsafe void Fill(FpMachine m, int size, int mode)
    {
        for (var i = 0; i < 8; i++)
        {
            ulong v = 0;
            for (var shift = 0; shift < 64; shift += size)
            {
                v |= Lane(size) << shift;
            }

            m.V(i / 2, i % 2) = v;
        }

        var r = Next();
        m.X(0) = r;
        m.X(1) = (r & 1) != 0 ? integers[(r >> 8) % (ulong)integers.Length] : Next() >> (int)((r >> 8) & 63);
        m.State->Head.Flags = (r >> 16) & 15;
        m.State->Fpsr = ((r >> 20) & 1) != 0 ? 0x10u : 0;
        m.State->Fpcr = Options[mode / 4] | ((uint)(mode % 4) << 22);
    }

    /// <summary>Continues a hash.</summary>
    public static ulong Mix(ulong hash, ulong value)
    {
        hash = (hash ^ value) * 0x9e37_79b9_7f4a_7c15;
        return hash ^ (hash >> 32);
    }

    /// <summary>A word of hexadecimal digits.</summary>
    public static ulong Hex(string digits) => ulong.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>The next pseudo-random number.</summary>
    public ulong Next()
    {
        var z = seed += 0x9e37_79b9_7f4a_7c15;
        z = (z ^ (z >> 30)) * 0xbf58_476d_1ce4_e5b9;
        z = (z ^ (z >> 27)) * 0x94d0_49bb_1331_11eb;
        return z ^ (z >> 31);
    }

    /// <summary>The next operand of a size in bits.</summary>
    public ulong Lane(int size)
    {
        var specials = size == 64 ? specials64 : size == 32 ? specials32 : specials16;
        var exponentBits = size == 64 ? 11 : size == 32 ? 8 : 5;
        var fractionBits = size - 1 - exponentBits;
        var fractionMask = (1UL << fractionBits) - 1;
        var bias = (1UL << (exponentBits - 1)) - 1;
        var r = Next();
        var fraction = Next();
        var sign = (r >> 63) << (size - 1);
        var special = specials[(r >> 8) % (ulong)specials.Length];
        ulong v;
        switch (r & 7)
        {
            case 4:
                v = fraction;
                break;
            case 5:
                fraction = ((r >> 32) & 3) switch
                {
                    0 => 0,
                    1 => ulong.MaxValue,
                    2 => fraction & Next() & Next(),
                    _ => fraction,
                };
                v = sign | ((r >> 40) << fractionBits) | (fraction & fractionMask);
                break;
            case 6:
                var exponent = (((r >> 32) & 1) != 0 ? bias : bias / 2) + ((r >> 40) & 7) - 4;
                v = sign | (exponent << fractionBits) | (fraction & fractionMask);
                break;
            case 7:
                v = (((r >> 62) & 1) != 0 ? special + 1 : special - 1) ^ sign;
                break;
            default:
                v = special ^ sign;
                break;
        }

        return v & (ulong.MaxValue >> (64 - size));
    }
}
