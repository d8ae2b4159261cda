// Advanced SIMD across lanes, integer (Arm ARM C4.1.96).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the across-lanes group.</summary>
internal static unsafe class SimdAcrossLanes
{
    public static A64Row[] Rows =>
    [
        new("SADDLV", "0q001110ss110000001110nnnnnddddd", &Addlv, fp: true),
        new("UADDLV", "0q101110ss110000001110nnnnnddddd", &Addlv, fp: true),
        new("SMAXV", "0q001110ss110000101010nnnnnddddd", &Maxv, fp: true),
        new("UMAXV", "0q101110ss110000101010nnnnnddddd", &Maxv, fp: true),
        new("SMINV", "0q001110ss110001101010nnnnnddddd", &Minv, fp: true),
        new("UMINV", "0q101110ss110001101010nnnnnddddd", &Minv, fp: true),
        new("ADDV", "0q001110ss110001101110nnnnnddddd", &Addv, fp: true),
    ];

    // There are no reductions of two elements.
    private static bool Emit(A64Translator t, uint w, delegate*<CpuState*, MicroOp*, void> helper, int resultBytes)
    {
        if (Size(w) == 3 || (Size(w) == 2 && !Q(w)))
        {
            return false;
        }

        t.B.CallVector(helper, D(w), N(w), c: (ushort)resultBytes, aux: Bytes(w));
        return true;
    }

    private static bool Addlv(A64Translator t, uint w) => Emit(t, w, HelperTable.SumLong(Size(w), U(w)), 2 << (int)Size(w));

    private static bool Addv(A64Translator t, uint w) => Emit(t, w, HelperTable.Sum(Size(w)), 1 << (int)Size(w));

    private static bool Maxv(A64Translator t, uint w)
    {
        var helpers = stackalloc delegate*<CpuState*, MicroOp*, void>[]
        {
            &AcrossLanes.Max<sbyte>, &AcrossLanes.Max<short>, &AcrossLanes.Max<int>, null,
            &AcrossLanes.Max<byte>, &AcrossLanes.Max<ushort>, &AcrossLanes.Max<uint>, null,
        };
        return Emit(t, w, helpers[Size(w) + (U(w) ? 4 : 0)], 1 << (int)Size(w));
    }

    private static bool Minv(A64Translator t, uint w)
    {
        var helpers = stackalloc delegate*<CpuState*, MicroOp*, void>[]
        {
            &AcrossLanes.Min<sbyte>, &AcrossLanes.Min<short>, &AcrossLanes.Min<int>, null,
            &AcrossLanes.Min<byte>, &AcrossLanes.Min<ushort>, &AcrossLanes.Min<uint>, null,
        };
        return Emit(t, w, helpers[Size(w) + (U(w) ? 4 : 0)], 1 << (int)Size(w));
    }
}
