// Loads and stores of register pairs.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

public static unsafe partial class LoadsStores
{
    // Bits 24:23: 00 non-temporal, 01 post-index, 10 offset, 11 pre-index.
    private static A64Row[] PairRows =>
    [
        new("STNP (32-bit)", "0010100000iiiiiiiuuuuunnnnnttttt", &Pair),
        new("LDNP (32-bit)", "0010100001iiiiiiiuuuuunnnnnttttt", &Pair),
        new("STNP (64-bit)", "1010100000iiiiiiiuuuuunnnnnttttt", &Pair),
        new("LDNP (64-bit)", "1010100001iiiiiiiuuuuunnnnnttttt", &Pair),
        new("STP (32-bit), post-index", "0010100010iiiiiiiuuuuunnnnnttttt", &Pair),
        new("LDP (32-bit), post-index", "0010100011iiiiiiiuuuuunnnnnttttt", &Pair),
        new("STP (32-bit), offset", "0010100100iiiiiiiuuuuunnnnnttttt", &Pair),
        new("LDP (32-bit), offset", "0010100101iiiiiiiuuuuunnnnnttttt", &Pair),
        new("STP (32-bit), pre-index", "0010100110iiiiiiiuuuuunnnnnttttt", &Pair),
        new("LDP (32-bit), pre-index", "0010100111iiiiiiiuuuuunnnnnttttt", &Pair),
        new("STP (64-bit), post-index", "1010100010iiiiiiiuuuuunnnnnttttt", &Pair),
        new("LDP (64-bit), post-index", "1010100011iiiiiiiuuuuunnnnnttttt", &Pair),
        new("STP (64-bit), offset", "1010100100iiiiiiiuuuuunnnnnttttt", &Pair),
        new("LDP (64-bit), offset", "1010100101iiiiiiiuuuuunnnnnttttt", &Pair),
        new("STP (64-bit), pre-index", "1010100110iiiiiiiuuuuunnnnnttttt", &Pair),
        new("LDP (64-bit), pre-index", "1010100111iiiiiiiuuuuunnnnnttttt", &Pair),
        new("LDPSW, post-index", "0110100011iiiiiiiuuuuunnnnnttttt", &PairSignedWords),
        new("LDPSW, offset", "0110100101iiiiiiiuuuuunnnnnttttt", &PairSignedWords),
        new("LDPSW, pre-index", "0110100111iiiiiiiuuuuunnnnnttttt", &PairSignedWords),
        new("STNP, STP (32-bit SIMD&FP)", "0010110mm0iiiiiiiuuuuunnnnnttttt", &VectorPair, fp: true),
        new("LDNP, LDP (32-bit SIMD&FP)", "0010110mm1iiiiiiiuuuuunnnnnttttt", &VectorPair, fp: true),
        new("STNP, STP (64-bit SIMD&FP)", "0110110mm0iiiiiiiuuuuunnnnnttttt", &VectorPair, fp: true),
        new("LDNP, LDP (64-bit SIMD&FP)", "0110110mm1iiiiiiiuuuuunnnnnttttt", &VectorPair, fp: true),
        new("STNP, STP (128-bit SIMD&FP)", "1010110mm0iiiiiiiuuuuunnnnnttttt", &VectorPair, fp: true),
        new("LDNP, LDP (128-bit SIMD&FP)", "1010110mm1iiiiiiiuuuuunnnnnttttt", &VectorPair, fp: true),
    ];

    private const uint ModePostIndex = 1;

    private static bool HasWriteback(uint w) => Bit(w, 23) != 0;

    /// <summary>Emits the access and the writeback.</summary>
    private static void PairAccess(A64Translator t, uint w, MicroOpKind kind, ushort first, ushort second, int scale)
    {
        var n = Bits(w, 9, 5);
        var offset = SignedBits(w, 21, 15) << scale;
        t.CheckSp(n);
        t.B.Emit(kind, first, Sp(n), second, imm: Bits(w, 24, 23) == ModePostIndex ? 0 : offset);
        if (HasWriteback(w))
        {
            Writeback(t, n, offset);
        }
    }

    /// <summary>Destination of a pair load; nowhere when writeback takes the register (CONSTRAINED UNPREDICTABLE: the base gets the address).</summary>
    private static ushort PairDestination(uint w, uint register) =>
        HasWriteback(w) && register == Bits(w, 9, 5) ? CpuState.Sink : Xd(register);

    private static bool Pair(A64Translator t, uint w)
    {
        uint first = Bits(w, 4, 0), second = Bits(w, 14, 10);
        var wide = Bit(w, 31) != 0;
        if (Bit(w, 22) == 0)
        {
            PairAccess(t, w, wide ? MicroOpKind.StP64 : MicroOpKind.StP32, X(first), X(second), wide ? 3 : 2);
        }
        else
        {
            PairAccess(t, w, wide ? MicroOpKind.LdP64 : MicroOpKind.LdP32, PairDestination(w, first), PairDestination(w, second), wide ? 3 : 2);
        }

        return true;
    }

    private static bool PairSignedWords(A64Translator t, uint w)
    {
        // The writeback cannot touch a destination (see PairDestination), so the extensions may come after it.
        ushort first = PairDestination(w, Bits(w, 4, 0)), second = PairDestination(w, Bits(w, 14, 10));
        PairAccess(t, w, MicroOpKind.LdP32, first, second, 2);
        if (first != CpuState.Sink)
        {
            t.B.Emit(MicroOpKind.SExt32, first, first);
        }

        if (second != CpuState.Sink && second != first)
        {
            t.B.Emit(MicroOpKind.SExt32, second, second);
        }

        return true;
    }

    private static bool VectorPair(A64Translator t, uint w)
    {
        var scale = (int)Bits(w, 31, 30) + 2;
        var kind = (scale, Bit(w, 22)) switch
        {
            (2, 0) => MicroOpKind.StP32,
            (2, _) => MicroOpKind.LdPV32,
            (3, 0) => MicroOpKind.StP64,
            (3, _) => MicroOpKind.LdPV64,
            (_, 0) => MicroOpKind.StP128,
            _ => MicroOpKind.LdPV128,
        };
        PairAccess(t, w, kind, V(w), V(Bits(w, 14, 10)), scale);
        return true;
    }
}
