// The pending LPIs of one vCPU, with the best of them always at hand.
using System.Numerics;

namespace Emu.Devices.Irq;

/// <summary>
/// Pending state of LPIs 8192 to 65535 of a redistributor. Guarded by the GIC's lock. LPIs of one priority, as Linux has them, cost a bit
/// operation to add and a search over words to remove.
/// </summary>
/// <param name="configuration">The configuration bytes of all LPIs by INTID; a change goes through <see cref="BeforeChange"/> and <see cref="AfterChange"/>.</param>
internal sealed class LpiSet(byte[] configuration)
{
    private const int Words = (int)Lpi.End / 64;

    private readonly ulong[] pending = new ulong[Words];
    private readonly ulong[] ready = new ulong[Words];
    private readonly ulong[] readyWords = new ulong[Words / 64];
    private readonly int[] readyByPriority = new int[1 << Icc.PriorityBits];

    /// <summary>The best pending and enabled LPI in the form of <see cref="GicVcpu.Best"/>.</summary>
    public uint Best { get; private set; } = GicVcpu.NoInterrupt;

    /// <summary>How many are pending, enabled or not.</summary>
    public int Count { get; private set; }

    /// <summary>Whether an LPI is pending.</summary>
    public bool IsPending(uint intid) => (pending[intid >> 6] >> (int)(intid & 63) & 1) != 0;

    /// <summary>Makes an LPI pending.</summary>
    public void Set(uint intid)
    {
        if (!IsPending(intid))
        {
            pending[intid >> 6] |= 1UL << (int)(intid & 63);
            Count++;
            MakeReady(intid);
        }
    }

    /// <summary>Takes the pending state away; true when there was one.</summary>
    public bool Clear(uint intid)
    {
        if (!IsPending(intid))
        {
            return false;
        }

        BeforeChange(intid);
        pending[intid >> 6] &= ~(1UL << (int)(intid & 63));
        Count--;
        return true;
    }

    /// <summary>Takes all pending state away.</summary>
    public void Clear()
    {
        Array.Clear(pending);
        Count = 0;
        Rebuild();
    }

    /// <summary>Call before the configuration byte of an LPI changes.</summary>
    public void BeforeChange(uint intid)
    {
        var bit = 1UL << (int)(intid & 63);
        ref var word = ref ready[intid >> 6];
        if ((word & bit) == 0)
        {
            return;
        }

        word &= ~bit;
        if (word == 0)
        {
            readyWords[intid >> 12] &= ~(1UL << (int)(intid >> 6 & 63));
        }

        readyByPriority[configuration[intid] >> 3]--;
        if ((Best & 0xFFFF) == intid)
        {
            FindBest();
        }
    }

    /// <summary>Call after the configuration byte of an LPI changed.</summary>
    public void AfterChange(uint intid)
    {
        if (IsPending(intid))
        {
            MakeReady(intid);
        }
    }

    /// <summary>Call after any number of configuration bytes changed.</summary>
    public void Rebuild()
    {
        Array.Clear(ready);
        Array.Clear(readyWords);
        Array.Clear(readyByPriority);
        Best = GicVcpu.NoInterrupt;
        if (Count != 0)
        {
            for (var w = 0; w < Words; w++)
            {
                for (var bits = pending[w]; bits != 0; bits &= bits - 1)
                {
                    MakeReady((uint)((w * 64) + BitOperations.TrailingZeroCount(bits)));
                }
            }
        }
    }

    /// <summary>Adds everything another set holds, and empties it.</summary>
    public void TakeFrom(LpiSet other)
    {
        for (var w = 0; w < Words; w++)
        {
            for (var bits = other.pending[w] & ~pending[w]; bits != 0; bits &= bits - 1)
            {
                Set((uint)((w * 64) + BitOperations.TrailingZeroCount(bits)));
            }
        }

        other.Clear();
    }

    /// <summary>64 LPIs' pending bits, for the pending table and snapshots.</summary>
    /// <param name="word">INTID / 64.</param>
    public ulong PendingWord(int word) => pending[word];

    /// <summary>Replaces 64 LPIs' pending bits; <see cref="Rebuild"/> afterwards.</summary>
    public void LoadPendingWord(int word, ulong bits)
    {
        Count += BitOperations.PopCount(bits) - BitOperations.PopCount(pending[word]);
        pending[word] = bits;
    }

    private static uint Pack(uint intid, byte configuration) => ((uint)(configuration & Icc.PriorityMask) << 24) | (1u << 16) | intid;

    private void MakeReady(uint intid)
    {
        var c = configuration[intid];
        if ((c & Lpi.ConfigurationEnable) != 0)
        {
            ready[intid >> 6] |= 1UL << (int)(intid & 63);
            readyWords[intid >> 12] |= 1UL << (int)(intid >> 6 & 63);
            readyByPriority[c >> 3]++;
            Best = Math.Min(Best, Pack(intid, c));
        }
    }

    /// <summary>The lowest INTID of the best priority that any ready LPI has.</summary>
    private void FindBest()
    {
        Best = GicVcpu.NoInterrupt;
        var priority = Array.FindIndex(readyByPriority, n => n != 0);
        for (var s = 0; s < readyWords.Length && priority >= 0; s++)
        {
            for (var words = readyWords[s]; words != 0; words &= words - 1)
            {
                var w = (s * 64) + BitOperations.TrailingZeroCount(words);
                for (var bits = ready[w]; bits != 0; bits &= bits - 1)
                {
                    var intid = (uint)((w * 64) + BitOperations.TrailingZeroCount(bits));
                    if (configuration[intid] >> 3 == priority)
                    {
                        Best = Pack(intid, configuration[intid]);
                        return;
                    }
                }
            }
        }
    }
}
