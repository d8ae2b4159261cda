// Advanced SIMD load/store single structure and load-and-replicate, with and without post-index (Arm ARM C4.1.95).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers. Field names: l = L (load), r = R, o = opcode bit 0 (with R the number of registers), i = S and size (with Q the index).</summary>
internal static unsafe class LoadsStoresSimdSingle
{
    public static A64Row[] Rows =>
    [
        new("LD1 to LD4 (single structure, 8-bit)", "0q00110101r0000000oiiinnnnnttttt", &Load8, fp: true),
        new("LD1 to LD4 (single structure, 16-bit)", "0q00110101r0000001oiiinnnnnttttt", &Load16, fp: true),
        new("LD1 to LD4 (single structure, 32-bit and 64-bit)", "0q00110101r0000010oiiinnnnnttttt", &Load32Or64, fp: true),
        new("LD1R to LD4R", "0q00110101r0000011o0ssnnnnnttttt", &LoadReplicate, fp: true),
        new("ST1 to ST4 (single structure, 8-bit)", "0q00110100r0000000oiiinnnnnttttt", &Store8, fp: true),
        new("ST1 to ST4 (single structure, 16-bit)", "0q00110100r0000001oiiinnnnnttttt", &Store16, fp: true),
        new("ST1 to ST4 (single structure, 32-bit and 64-bit)", "0q00110100r0000010oiiinnnnnttttt", &Store32Or64, fp: true),
        new("LD1 to LD4 (single structure, 8-bit, post-index)", "0q00110111rmmmmm00oiiinnnnnttttt", &Load8, fp: true),
        new("LD1 to LD4 (single structure, 16-bit, post-index)", "0q00110111rmmmmm01oiiinnnnnttttt", &Load16, fp: true),
        new("LD1 to LD4 (single structure, 32-bit and 64-bit, post-index)", "0q00110111rmmmmm10oiiinnnnnttttt", &Load32Or64, fp: true),
        new("LD1R to LD4R (post-index)", "0q00110111rmmmmm11o0ssnnnnnttttt", &LoadReplicate, fp: true),
        new("ST1 to ST4 (single structure, 8-bit, post-index)", "0q00110110rmmmmm00oiiinnnnnttttt", &Store8, fp: true),
        new("ST1 to ST4 (single structure, 16-bit, post-index)", "0q00110110rmmmmm01oiiinnnnnttttt", &Store16, fp: true),
        new("ST1 to ST4 (single structure, 32-bit and 64-bit, post-index)", "0q00110110rmmmmm10oiiinnnnnttttt", &Store32Or64, fp: true),
    ];

    private static uint Registers(uint w) => ((((w >> 13) & 1) << 1) | ((w >> 21) & 1)) + 1;

    // Q:S:size, the index of a byte; wider elements use its upper bits.
    private static uint ByteIndex(uint w) => (((w >> 30) & 1) << 3) | ((w >> 10) & 7);

    private static void Element8(uint w, out uint size, out uint offset)
    {
        size = 0;
        offset = ByteIndex(w);
    }

    private static bool Element16(uint w, out uint size, out uint offset)
    {
        size = 1;
        offset = ByteIndex(w) & ~1u;
        return (w & (1u << 10)) == 0;
    }

    private static bool Element32Or64(uint w, out uint size, out uint offset)
    {
        if ((w & (1u << 10)) != 0)
        {
            // 64 bits: size = 01, S = 0.
            size = 3;
            offset = ByteIndex(w) & ~7u;
            return (w & (7u << 10)) == 1u << 10;
        }

        size = 2;
        offset = ByteIndex(w) & ~3u;
        return (w & (1u << 11)) == 0;
    }

    private static MicroOpKind LoadKind(uint size) => size switch
    {
        0 => MicroOpKind.Ld8,
        1 => MicroOpKind.Ld16,
        2 => MicroOpKind.Ld32,
        _ => MicroOpKind.Ld64,
    };

    private static MicroOpKind StoreKind(uint size) => size switch
    {
        0 => MicroOpKind.St8,
        1 => MicroOpKind.St16,
        2 => MicroOpKind.St32,
        _ => MicroOpKind.St64,
    };

    // All elements into temporaries first: a fault on the last one leaves the registers alone.
    private static void Load(A64Translator t, uint w, uint size, uint offset)
    {
        t.CheckSp(w >> 5);
        var registers = Registers(w);
        if (registers == 1 && size == 3)
        {
            // A doubleword is a slot of its own.
            t.B.Emit(MicroOpKind.Ld64, (ushort)(A64Translator.V(w) + offset), A64Translator.Sp(w >> 5));
            LoadsStoresSimdMultiple.WriteBack(t, w, 8);
            return;
        }

        var elements = stackalloc ushort[4];
        for (uint i = 0; i < registers; i++)
        {
            elements[i] = t.B.Temp();
            t.B.Emit(LoadKind(size), elements[i], A64Translator.Sp(w >> 5), imm: i << (int)size);
        }

        for (uint i = 0; i < registers; i++)
        {
            SimdCopy.Insert(t, A64Translator.V(w + i), size, offset >> (int)size, elements[i]);
        }

        LoadsStoresSimdMultiple.WriteBack(t, w, registers << (int)size);
    }

    private static void Store(A64Translator t, uint w, uint size, uint offset)
    {
        t.CheckSp(w >> 5);
        var registers = Registers(w);
        if (registers == 1)
        {
            t.B.Emit(StoreKind(size), (ushort)(A64Translator.V(w) + offset), A64Translator.Sp(w >> 5));
        }
        else
        {
            t.B.CallChecked(&StructureAccess.StoreSingle, a: A64Translator.Sp(w >> 5), c: (ushort)offset, aux: StructureAccess.Pack(w & 31, registers, true, size, true));
        }

        LoadsStoresSimdMultiple.WriteBack(t, w, registers << (int)size);
    }

    private static bool LoadReplicate(A64Translator t, uint w)
    {
        t.CheckSp(w >> 5);
        var size = (w >> 10) & 3;
        var registers = Registers(w);
        var elements = stackalloc ushort[4];
        for (uint i = 0; i < registers; i++)
        {
            elements[i] = t.B.Temp();
            t.B.Emit(LoadKind(size), elements[i], A64Translator.Sp(w >> 5), imm: i << (int)size);
        }

        for (uint i = 0; i < registers; i++)
        {
            t.B.Emit(SimdCopy.Dup(size), A64Translator.V(w + i), elements[i]);
            if (!Q(w))
            {
                t.B.Emit(MicroOpKind.VMov64, A64Translator.V(w + i), A64Translator.V(w + i));
            }
        }

        LoadsStoresSimdMultiple.WriteBack(t, w, registers << (int)size);
        return true;
    }

    private static bool Load8(A64Translator t, uint w)
    {
        Element8(w, out var size, out var offset);
        Load(t, w, size, offset);
        return true;
    }

    private static bool Load16(A64Translator t, uint w)
    {
        if (!Element16(w, out var size, out var offset))
        {
            return false;
        }

        Load(t, w, size, offset);
        return true;
    }

    private static bool Load32Or64(A64Translator t, uint w)
    {
        if (!Element32Or64(w, out var size, out var offset))
        {
            return false;
        }

        Load(t, w, size, offset);
        return true;
    }

    private static bool Store8(A64Translator t, uint w)
    {
        Element8(w, out var size, out var offset);
        Store(t, w, size, offset);
        return true;
    }

    private static bool Store16(A64Translator t, uint w)
    {
        if (!Element16(w, out var size, out var offset))
        {
            return false;
        }

        Store(t, w, size, offset);
        return true;
    }

    private static bool Store32Or64(A64Translator t, uint w)
    {
        if (!Element32Or64(w, out var size, out var offset))
        {
            return false;
        }

        Store(t, w, size, offset);
        return true;
    }
}
