// Advanced SIMD permute, extract and table lookup (Arm ARM C4.1.96).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the permute, extract and table groups.</summary>
internal static unsafe class SimdPermute
{
    public static A64Row[] Rows =>
    [
        new("UZP1", "0q001110ss0mmmmm000110nnnnnddddd", &Uzp1, fp: true),
        new("TRN1", "0q001110ss0mmmmm001010nnnnnddddd", &Trn1, fp: true),
        new("ZIP1", "0q001110ss0mmmmm001110nnnnnddddd", &Zip1, fp: true),
        new("UZP2", "0q001110ss0mmmmm010110nnnnnddddd", &Uzp2, fp: true),
        new("TRN2", "0q001110ss0mmmmm011010nnnnnddddd", &Trn2, fp: true),
        new("ZIP2", "0q001110ss0mmmmm011110nnnnnddddd", &Zip2, fp: true),
        new("EXT", "0q101110000mmmmm0iiii0nnnnnddddd", &Ext, fp: true),
        new("TBL", "0q001110000mmmmm0ll000nnnnnddddd", &Table, fp: true),
        new("TBX", "0q001110000mmmmm0ll100nnnnnddddd", &Table, fp: true),
    ];

    private static bool Emit(A64Translator t, uint w, delegate*<CpuState*, MicroOp*, void>* helpers)
    {
        if (!Fits(0b1111, Size(w), Q(w)))
        {
            return false;
        }

        t.B.CallVector(helpers[Size(w)], D(w), N(w), M(w), Bytes(w));
        return true;
    }

    private static bool Uzp1(A64Translator t, uint w)
    {
        var helpers = stackalloc delegate*<CpuState*, MicroOp*, void>[] { &Permute.Uzp1<byte>, &Permute.Uzp1<ushort>, &Permute.Uzp1<uint>, &Permute.Uzp1<ulong> };
        return Emit(t, w, helpers);
    }

    private static bool Uzp2(A64Translator t, uint w)
    {
        var helpers = stackalloc delegate*<CpuState*, MicroOp*, void>[] { &Permute.Uzp2<byte>, &Permute.Uzp2<ushort>, &Permute.Uzp2<uint>, &Permute.Uzp2<ulong> };
        return Emit(t, w, helpers);
    }

    private static bool Zip1(A64Translator t, uint w)
    {
        var helpers = stackalloc delegate*<CpuState*, MicroOp*, void>[] { &Permute.Zip1<byte>, &Permute.Zip1<ushort>, &Permute.Zip1<uint>, &Permute.Zip1<ulong> };
        return Emit(t, w, helpers);
    }

    private static bool Zip2(A64Translator t, uint w)
    {
        var helpers = stackalloc delegate*<CpuState*, MicroOp*, void>[] { &Permute.Zip2<byte>, &Permute.Zip2<ushort>, &Permute.Zip2<uint>, &Permute.Zip2<ulong> };
        return Emit(t, w, helpers);
    }

    private static bool Trn1(A64Translator t, uint w)
    {
        var helpers = stackalloc delegate*<CpuState*, MicroOp*, void>[] { &Permute.Trn1<byte>, &Permute.Trn1<ushort>, &Permute.Trn1<uint>, &Permute.Trn1<ulong> };
        return Emit(t, w, helpers);
    }

    private static bool Trn2(A64Translator t, uint w)
    {
        var helpers = stackalloc delegate*<CpuState*, MicroOp*, void>[] { &Permute.Trn2<byte>, &Permute.Trn2<ushort>, &Permute.Trn2<uint>, &Permute.Trn2<ulong> };
        return Emit(t, w, helpers);
    }

    private static bool Ext(A64Translator t, uint w)
    {
        var index = (w >> 11) & 15;
        if (!Q(w) && index > 7)
        {
            return false;
        }

        t.B.CallVector(&Permute.Ext, D(w), N(w), M(w), Bytes(w), index);
        return true;
    }

    // Aux: first register, registers - 1 in [9:8], TBX in [16].
    private static bool Table(A64Translator t, uint w)
    {
        t.B.CallVector(&Permute.Table, D(w), N(w), M(w), Bytes(w), ((w >> 5) & 31) | (((w >> 13) & 3) << 8) | (((w >> 12) & 1) << 16));
        return true;
    }
}
