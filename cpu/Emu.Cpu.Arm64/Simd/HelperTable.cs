// Picks the instance of a generic vector helper for an element size.
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Sizes are log2 of the element's bytes; for widening and narrowing, of the narrow element's.</summary>
internal static unsafe class HelperTable
{
    public static delegate*<CpuState*, MicroOp*, void> SameSigned<TOp>(uint size) where TOp : struct, IVectorOp
    {
        switch (size)
        {
            case 0: return &VectorRunner.Same<sbyte, TOp>;
            case 1: return &VectorRunner.Same<short, TOp>;
            case 2: return &VectorRunner.Same<int, TOp>;
            default: return &VectorRunner.Same<long, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> SameUnsigned<TOp>(uint size) where TOp : struct, IVectorOp
    {
        switch (size)
        {
            case 0: return &VectorRunner.Same<byte, TOp>;
            case 1: return &VectorRunner.Same<ushort, TOp>;
            case 2: return &VectorRunner.Same<uint, TOp>;
            default: return &VectorRunner.Same<ulong, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> PairwiseSigned<TOp>(uint size) where TOp : struct, IVectorOp
    {
        switch (size)
        {
            case 0: return &VectorRunner.Pairwise<sbyte, TOp>;
            case 1: return &VectorRunner.Pairwise<short, TOp>;
            case 2: return &VectorRunner.Pairwise<int, TOp>;
            default: return &VectorRunner.Pairwise<long, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> PairwiseUnsigned<TOp>(uint size) where TOp : struct, IVectorOp
    {
        switch (size)
        {
            case 0: return &VectorRunner.Pairwise<byte, TOp>;
            case 1: return &VectorRunner.Pairwise<ushort, TOp>;
            case 2: return &VectorRunner.Pairwise<uint, TOp>;
            default: return &VectorRunner.Pairwise<ulong, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> LongSigned<TOp>(uint size) where TOp : struct, IVectorOp
    {
        switch (size)
        {
            case 0: return &VectorRunner.Long<sbyte, short, TOp>;
            case 1: return &VectorRunner.Long<short, int, TOp>;
            default: return &VectorRunner.Long<int, long, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> LongUnsigned<TOp>(uint size) where TOp : struct, IVectorOp
    {
        switch (size)
        {
            case 0: return &VectorRunner.Long<byte, ushort, TOp>;
            case 1: return &VectorRunner.Long<ushort, uint, TOp>;
            default: return &VectorRunner.Long<uint, ulong, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> WideSigned<TOp>(uint size) where TOp : struct, IVectorOp
    {
        switch (size)
        {
            case 0: return &VectorRunner.Wide<sbyte, short, TOp>;
            case 1: return &VectorRunner.Wide<short, int, TOp>;
            default: return &VectorRunner.Wide<int, long, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> WideUnsigned<TOp>(uint size) where TOp : struct, IVectorOp
    {
        switch (size)
        {
            case 0: return &VectorRunner.Wide<byte, ushort, TOp>;
            case 1: return &VectorRunner.Wide<ushort, uint, TOp>;
            default: return &VectorRunner.Wide<uint, ulong, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> HighNarrow<TOp>(uint size) where TOp : struct, IVectorOp
    {
        switch (size)
        {
            case 0: return &VectorRunner.HighNarrow<ushort, TOp>;
            case 1: return &VectorRunner.HighNarrow<uint, TOp>;
            default: return &VectorRunner.HighNarrow<ulong, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> ShiftNarrow(uint size)
    {
        switch (size)
        {
            case 0: return &VectorRunner.ShiftNarrow<ushort>;
            case 1: return &VectorRunner.ShiftNarrow<uint>;
            default: return &VectorRunner.ShiftNarrow<ulong>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> ShiftLong(uint size, bool unsigned)
    {
        switch ((size, unsigned))
        {
            case (0, false): return &VectorRunner.ShiftLong<sbyte, short>;
            case (1, false): return &VectorRunner.ShiftLong<short, int>;
            case (2, false): return &VectorRunner.ShiftLong<int, long>;
            case (0, true): return &VectorRunner.ShiftLong<byte, ushort>;
            case (1, true): return &VectorRunner.ShiftLong<ushort, uint>;
            default: return &VectorRunner.ShiftLong<uint, ulong>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> ShiftSigned<TOp>(uint size) where TOp : struct, IShiftOp
    {
        switch (size)
        {
            case 0: return &ShiftRunner.Immediate<sbyte, TOp>;
            case 1: return &ShiftRunner.Immediate<short, TOp>;
            case 2: return &ShiftRunner.Immediate<int, TOp>;
            default: return &ShiftRunner.Immediate<long, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> ShiftUnsigned<TOp>(uint size) where TOp : struct, IShiftOp
    {
        switch (size)
        {
            case 0: return &ShiftRunner.Immediate<byte, TOp>;
            case 1: return &ShiftRunner.Immediate<ushort, TOp>;
            case 2: return &ShiftRunner.Immediate<uint, TOp>;
            default: return &ShiftRunner.Immediate<ulong, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> SaturatingSigned<TOp>(uint size) where TOp : struct, ISaturatingOp
    {
        switch (size)
        {
            case 0: return &SaturatingRunner.Same<sbyte, TOp>;
            case 1: return &SaturatingRunner.Same<short, TOp>;
            case 2: return &SaturatingRunner.Same<int, TOp>;
            default: return &SaturatingRunner.Same<long, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> SaturatingUnsigned<TOp>(uint size) where TOp : struct, ISaturatingOp
    {
        switch (size)
        {
            case 0: return &SaturatingRunner.Same<byte, TOp>;
            case 1: return &SaturatingRunner.Same<ushort, TOp>;
            case 2: return &SaturatingRunner.Same<uint, TOp>;
            default: return &SaturatingRunner.Same<ulong, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> LaneSigned<TOp>(uint size) where TOp : struct, ILaneOp
    {
        switch (size)
        {
            case 0: return &LaneRunner.Same<sbyte, TOp>;
            case 1: return &LaneRunner.Same<short, TOp>;
            case 2: return &LaneRunner.Same<int, TOp>;
            default: return &LaneRunner.Same<long, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> LaneUnsigned<TOp>(uint size) where TOp : struct, ILaneOp
    {
        switch (size)
        {
            case 0: return &LaneRunner.Same<byte, TOp>;
            case 1: return &LaneRunner.Same<ushort, TOp>;
            case 2: return &LaneRunner.Same<uint, TOp>;
            default: return &LaneRunner.Same<ulong, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> LaneLongSigned<TOp>(uint size) where TOp : struct, ILaneOp
    {
        switch (size)
        {
            case 1: return &LaneRunner.Long<short, int, TOp>;
            default: return &LaneRunner.Long<int, long, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> LaneShiftSigned<TOp>(uint size) where TOp : struct, ILaneShiftOp
    {
        switch (size)
        {
            case 0: return &LaneRunner.Shift<sbyte, TOp>;
            case 1: return &LaneRunner.Shift<short, TOp>;
            case 2: return &LaneRunner.Shift<int, TOp>;
            default: return &LaneRunner.Shift<long, TOp>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> LaneShiftUnsigned<TOp>(uint size) where TOp : struct, ILaneShiftOp
    {
        switch (size)
        {
            case 0: return &LaneRunner.Shift<byte, TOp>;
            case 1: return &LaneRunner.Shift<ushort, TOp>;
            case 2: return &LaneRunner.Shift<uint, TOp>;
            default: return &LaneRunner.Shift<ulong, TOp>;
        }
    }

    /// <summary>Signed to signed, unsigned to unsigned, or signed to unsigned saturation.</summary>
    public static delegate*<CpuState*, MicroOp*, void> NarrowSaturate(uint size, NarrowKind kind)
    {
        switch ((size, kind))
        {
            case (0, NarrowKind.Signed): return &VectorRunner.NarrowSaturate<short, sbyte>;
            case (1, NarrowKind.Signed): return &VectorRunner.NarrowSaturate<int, short>;
            case (2, NarrowKind.Signed): return &VectorRunner.NarrowSaturate<long, int>;
            case (0, NarrowKind.Unsigned): return &VectorRunner.NarrowSaturate<ushort, byte>;
            case (1, NarrowKind.Unsigned): return &VectorRunner.NarrowSaturate<uint, ushort>;
            case (2, NarrowKind.Unsigned): return &VectorRunner.NarrowSaturate<ulong, uint>;
            case (0, NarrowKind.SignedToUnsigned): return &VectorRunner.NarrowSaturate<short, byte>;
            case (1, NarrowKind.SignedToUnsigned): return &VectorRunner.NarrowSaturate<int, ushort>;
            default: return &VectorRunner.NarrowSaturate<long, uint>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> Sum(uint size)
    {
        switch (size)
        {
            case 0: return &AcrossLanes.Sum<byte>;
            case 1: return &AcrossLanes.Sum<ushort>;
            default: return &AcrossLanes.Sum<uint>;
        }
    }

    public static delegate*<CpuState*, MicroOp*, void> SumLong(uint size, bool unsigned)
    {
        switch ((size, unsigned))
        {
            case (0, false): return &AcrossLanes.SumLong<short>;
            case (1, false): return &AcrossLanes.SumLong<int>;
            case (2, false): return &AcrossLanes.SumLong<long>;
            case (0, true): return &AcrossLanes.SumLong<ushort>;
            case (1, true): return &AcrossLanes.SumLong<uint>;
            default: return &AcrossLanes.SumLong<ulong>;
        }
    }
}

/// <summary>What a saturating narrowing converts.</summary>
internal enum NarrowKind
{
    /// <summary>SQXTN, SQSHRN.</summary>
    Signed,

    /// <summary>UQXTN, UQSHRN.</summary>
    Unsigned,

    /// <summary>SQXTUN, SQSHRUN.</summary>
    SignedToUnsigned,
}
