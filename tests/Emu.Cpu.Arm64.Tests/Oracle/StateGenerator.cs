// Initial states of test cases.
namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Fills registers and memory with values that find bugs.</summary>
public static unsafe class StateGenerator
{
    /// <summary>FPCR bits that the reference has: AHP, DN, FZ, RMode, FZ16 (Arm ARM C5.2.8).</summary>
    public const ulong FpcrMask = (1UL << 26) | (1UL << 25) | (1UL << 24) | (3UL << 22) | (1UL << 19);

    /// <summary>FPSR bits: QC, IDC, IXC, UFC, OFC, DZC, IOC (Arm ARM C5.2.10).</summary>
    public const ulong FpsrMask = (1UL << 27) | (1UL << 7) | 0x1F;

    /// <summary>Fills a state.</summary>
    public static void Fill(OracleRandom random, OracleState* state)
    {
        for (var i = 0; i < 31; i++)
        {
            state->X[i] = random.Integer();
        }

        state->X[31] = OracleLayout.Window + (ulong)(random.Next(32) * 16) + 256;
        state->Nzcv = random.Next() & 15;
        state->Fpcr = random.Next(4) switch
        {
            0 or 1 => 0,
            2 => random.Next() & FpcrMask,
            _ => 1UL << FpcrBits[random.Next(FpcrBits.Length)],
        };
        state->Fpsr = random.OneIn(3) ? random.Next() & FpsrMask : 0;
        state->Pc = 0;
        for (var i = 0; i < 64; i += 2)
        {
            // Equal registers make zero differences; equal halves do not hide lane mix-ups, as most registers differ in them.
            var low = i > 0 && random.OneIn(16) ? state->V[random.Next(i)] : random.Vector();
            state->V[i] = low;
            state->V[i + 1] = random.OneIn(16) ? low : random.Vector();
        }
    }

    /// <summary>Fills a memory pool.</summary>
    public static void FillPool(OracleRandom random, Span<byte> pool)
    {
        var words = global::System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(pool);
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = random.OneIn(2) ? random.Vector() : random.Integer();
        }
    }

    private static readonly int[] FpcrBits = [26, 25, 24, 23, 22, 19];
}
