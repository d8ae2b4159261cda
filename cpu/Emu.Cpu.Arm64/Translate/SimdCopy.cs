// Advanced SIMD copy: DUP, INS, SMOV, UMOV (Arm ARM C4.1.96). Elements are slots of their own: register offset plus element offset.
using System.Numerics;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers of the copy group.</summary>
internal static unsafe class SimdCopy
{
    public static A64Row[] Rows =>
    [
        new("DUP (element)", "0q001110000iiiii000001nnnnnddddd", &DupElement, fp: true),
        new("DUP (general)", "0q001110000iiiii000011nnnnnddddd", &DupGeneral, fp: true),
        new("DUP (element, scalar)", "01011110000iiiii000001nnnnnddddd", &DupScalar, fp: true),
        new("SMOV", "0q001110000iiiii001011nnnnnddddd", &Smov, fp: true),
        new("UMOV", "0q001110000iiiii001111nnnnnddddd", &Umov, fp: true),
        new("INS (general)", "01001110000iiiii000111nnnnnddddd", &InsGeneral, fp: true),
        new("INS (element)", "01101110000iiiii0jjjj1nnnnnddddd", &InsElement, fp: true),
    ];

    /// <summary>The micro-op that fills a vector with an element.</summary>
    public static MicroOpKind Dup(uint size) => size switch
    {
        0 => MicroOpKind.VDup8,
        1 => MicroOpKind.VDup16,
        2 => MicroOpKind.VDup32,
        _ => MicroOpKind.VDup64,
    };

    /// <summary>Writes the low bits of a slot into an element of a register, the rest unchanged.</summary>
    public static void Insert(A64Translator t, ushort register, uint size, uint index, ushort source)
    {
        var offset = index << (int)size;
        var half = (ushort)(register + (offset & 8));
        if (size == 3)
        {
            t.B.Emit(MicroOpKind.Mov64, half, source);
            return;
        }

        var shift = (int)(offset & 7) * 8;
        var mask = ((1L << (8 << (int)size)) - 1) << shift;
        t.B.Emit(MicroOpKind.BitInsert64, half, source, imm: mask, c: (ushort)shift);
    }

    // imm5: the lowest set bit gives the size, the bits above it the index.
    private static uint Size5(uint w) => (uint)BitOperations.TrailingZeroCount((w >> 16) & 31);

    private static uint Index5(uint w, uint size) => ((w >> 16) & 31) >> (int)(size + 1);

    private static bool DupElement(A64Translator t, uint w)
    {
        var size = Size5(w);
        if (size > 3 || (size == 3 && !Q(w)))
        {
            return false;
        }

        Direct(t, w, Dup(size), (ushort)(N(w) + (Index5(w, size) << (int)size)), CpuState.Zero);
        return true;
    }

    private static bool DupGeneral(A64Translator t, uint w)
    {
        var size = Size5(w);
        if (size > 3 || (size == 3 && !Q(w)))
        {
            return false;
        }

        Direct(t, w, Dup(size), A64Translator.X(w >> 5), CpuState.Zero);
        return true;
    }

    private static bool DupScalar(A64Translator t, uint w)
    {
        var size = Size5(w);
        if (size > 3)
        {
            return false;
        }

        // The upper bits of an element's slot belong to its neighbours: take the field out of its half.
        var offset = Index5(w, size) << (int)size;
        t.B.Emit(MicroOpKind.Field, D(w), (ushort)(N(w) + (offset & 8)), imm: Mask(size), c: (ushort)((offset & 7) * 8));
        t.B.Emit(MicroOpKind.MovI, (ushort)(D(w) + 8));
        return true;
    }

    private static long Mask(uint size) => size == 3 ? -1L : (1L << (8 << (int)size)) - 1;

    private static bool Umov(A64Translator t, uint w)
    {
        var size = Size5(w);
        if (size > 3 || (size == 3) != Q(w))
        {
            return false;
        }

        var offset = Index5(w, size) << (int)size;
        t.B.Emit(MicroOpKind.Field, A64Translator.Xd(w), (ushort)(N(w) + (offset & 8)), imm: Mask(size), c: (ushort)((offset & 7) * 8));
        return true;
    }

    private static bool Smov(A64Translator t, uint w)
    {
        var size = Size5(w);
        if (size > 2 || (size == 2 && !Q(w)))
        {
            return false;
        }

        var offset = Index5(w, size) << (int)size;
        var half = (ushort)(N(w) + (offset & 8));
        var bits = 8u << (int)size;
        var up = 64 - bits - ((offset & 7) * 8);
        t.B.Emit(MicroOpKind.SignedField64, A64Translator.Xd(w), half, aux: 64 - bits, c: (ushort)up);
        if (!Q(w))
        {
            t.B.Emit(MicroOpKind.Mov32, A64Translator.Xd(w), A64Translator.Xd(w));
        }

        return true;
    }

    private static bool InsGeneral(A64Translator t, uint w)
    {
        var size = Size5(w);
        if (size > 3)
        {
            return false;
        }

        Insert(t, D(w), size, Index5(w, size), A64Translator.X(w >> 5));
        return true;
    }

    private static bool InsElement(A64Translator t, uint w)
    {
        var size = Size5(w);
        if (size > 3)
        {
            return false;
        }

        var from = ((w >> 11) & 15) >> (int)size << (int)size;
        var source = (ushort)(N(w) + (from & 8));
        if (size == 3)
        {
            t.B.Emit(MicroOpKind.Mov64, (ushort)(D(w) + (Index5(w, size) << 3)), source);
            return true;
        }

        var field = t.B.Temp();
        t.B.Emit(MicroOpKind.ShrI64, field, source, aux: (from & 7) * 8);
        Insert(t, D(w), size, Index5(w, size), field);
        return true;
    }
}
