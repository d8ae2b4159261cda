// The pointer authentication keys of a reference that was started with a seed: they are consecutive numbers of its random generator.
using Emu.Cpu.Arm64.Translate;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>
/// qemu-user fills the keys from a Mersenne twister (GLib's, seeded with the two halves of -seed) after it took a number of words for other
/// uses. How many is found by one PACGA: its 32 bits fit one place of the sequence, and from then on all five keys are known.
/// </summary>
public static unsafe class ReferenceKeys
{
    /// <summary>Words of the five 128-bit keys APIA, APIB, APDA, APDB, APGA.</summary>
    private const int KeyWords = 20;

    private const int SearchedWords = 1024;

    /// <summary>What <see cref="Find"/> gives for qemu-user 10.0: the keys of the lines in regressions.txt.</summary>
    public static readonly ulong[] Recorded =
    [
        0x1027_C4D1_C386_BBC4, 0x1E2F_EB89_414C_343C, 0xC2CE_6F44_7ED4_D57B, 0x78E5_1061_7311_D8A3, 0x612E_7696_A6CE_CC1B,
        0x35BF_992D_C9E9_C616, 0x7CE4_2C82_1807_2E8C, 0xE4B0_6CE6_0741_C7A8, 0x63CA_828D_D5F4_B3B2, 0x9B81_0E76_6EC9_D286,
    ];

    // PACGA X0, X1, X2 and PACIA X3, X1 at a user address: the second confirms the first.
    private const uint Pacga = 0x9AC2_3020;
    private const uint Pacia = 0xDAC1_0023;

    /// <summary>Ten 64-bit halves in the order of the state's key registers.</summary>
    public static ulong[] Find(Reference reference)
    {
        const ulong Data = 0x0123_4567_89AB_CDEF, Modifier = 0xFEDC_BA98_7654_3210, Pointer = 0x0000_7F12_3456_7890;
        var state = default(OracleState);
        (state.X[1], state.X[2], state.X[3]) = (Data, Modifier, Pointer);
        var groups = new[] { Pacga, Pacia }.Select(w => new InstructionGroup([w], null, Placement.None, 0, false)).ToArray();
        var probe = new OracleCase { Groups = groups, States = [state], PoolOffsets = [0], Slot = 0 };
        using var process = new ReferenceProcess(reference);
        process.Submit(ReferenceProcess.Pack([probe], new byte[OracleLayout.WindowSize], returnMemory: false, out var length));
        var answer = global::System.Runtime.InteropServices.MemoryMarshal.Read<OracleRecord>(process.Receive(length));
        ulong generic = answer.State.X[0], signed = answer.State.X[3];

        var words = MersenneTwister(SearchedWords + KeyWords);
        var keys = new ulong[KeyWords / 2];
        for (var at = 0; at < SearchedWords; at++)
        {
            for (var i = 0; i < keys.Length; i++)
            {
                keys[i] = words[at + (2 * i)] | ((ulong)words[at + (2 * i) + 1] << 32);
            }

            var code = Compute(Data, Modifier, keys[8], keys[9]) & 0xFFFF_FFFF_0000_0000;
            if (code == generic && ((Compute(Pointer, Data, keys[0], keys[1]) ^ signed) & 0x007F_0000_0000_0000) == 0)
            {
                return keys;
            }
        }

        throw new InvalidOperationException($"no place in {reference.Name}'s random numbers gives the keys of its PACGA: {generic:x16}");
    }

    private static ulong Compute(ulong x, ulong y, ulong keyLow, ulong keyHigh) =>
        PointerAuthentication.Compute(x, y, keyLow, keyHigh, PointerAuthenticationAlgorithm.Qarma5);

    // MT19937 with init_by_array.
    private static uint[] MersenneTwister(int count)
    {
        const int N = 624, M = 397;
        uint[] key = [Reference.Seed, 0];
        var mt = new uint[N];
        mt[0] = 19650218;
        for (uint k = 1; k < N; k++)
        {
            mt[k] = (1812433253 * (mt[k - 1] ^ (mt[k - 1] >> 30))) + k;
        }

        int i = 1, j = 0;
        for (var k = 0; k < N; k++)
        {
            mt[i] = (mt[i] ^ ((mt[i - 1] ^ (mt[i - 1] >> 30)) * 1664525)) + key[j] + (uint)j;
            j = (j + 1) % key.Length;
            if (++i == N)
            {
                mt[0] = mt[N - 1];
                i = 1;
            }
        }

        for (var k = 1; k < N; k++)
        {
            mt[i] = (mt[i] ^ ((mt[i - 1] ^ (mt[i - 1] >> 30)) * 1566083941)) - (uint)i;
            if (++i == N)
            {
                mt[0] = mt[N - 1];
                i = 1;
            }
        }

        mt[0] = 0x8000_0000;
        var result = new uint[count];
        for (var n = 0; n < count; n++)
        {
            var at = n % N;
            if (at == 0)
            {
                for (var k = 0; k < N; k++)
                {
                    var y = (mt[k] & 0x8000_0000) | (mt[(k + 1) % N] & 0x7FFF_FFFF);
                    mt[k] = mt[(k + M) % N] ^ (y >> 1) ^ ((y & 1) * 0x9908_B0DF);
                }
            }

            var x = mt[at];
            x ^= x >> 11;
            x ^= (x << 7) & 0x9D2C_5680;
            x ^= (x << 15) & 0xEFC6_0000;
            result[n] = x ^ (x >> 18);
        }

        return result;
    }
}
