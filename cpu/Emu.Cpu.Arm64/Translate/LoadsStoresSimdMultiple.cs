// Advanced SIMD load/store multiple structures, with and without post-index (Arm ARM C4.1.95): LD1 to LD4, ST1 to ST4.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers. The handler's name gives the registers and whether structures are interleaved.</summary>
internal static unsafe class LoadsStoresSimdMultiple
{
    public static A64Row[] Rows =>
    [
        new("LD4 (multiple structures)", "0q001100010000000000ssnnnnnttttt", &Four, fp: true),
        new("LD1 (multiple structures, four registers)", "0q001100010000000010ssnnnnnttttt", &OneOfFour, fp: true),
        new("LD3 (multiple structures)", "0q001100010000000100ssnnnnnttttt", &Three, fp: true),
        new("LD1 (multiple structures, three registers)", "0q001100010000000110ssnnnnnttttt", &OneOfThree, fp: true),
        new("LD1 (multiple structures, one register)", "0q001100010000000111ssnnnnnttttt", &OneOfOne, fp: true),
        new("LD2 (multiple structures)", "0q001100010000001000ssnnnnnttttt", &Two, fp: true),
        new("LD1 (multiple structures, two registers)", "0q001100010000001010ssnnnnnttttt", &OneOfTwo, fp: true),
        new("ST4 (multiple structures)", "0q001100000000000000ssnnnnnttttt", &Four, fp: true),
        new("ST1 (multiple structures, four registers)", "0q001100000000000010ssnnnnnttttt", &OneOfFour, fp: true),
        new("ST3 (multiple structures)", "0q001100000000000100ssnnnnnttttt", &Three, fp: true),
        new("ST1 (multiple structures, three registers)", "0q001100000000000110ssnnnnnttttt", &OneOfThree, fp: true),
        new("ST1 (multiple structures, one register)", "0q001100000000000111ssnnnnnttttt", &OneOfOne, fp: true),
        new("ST2 (multiple structures)", "0q001100000000001000ssnnnnnttttt", &Two, fp: true),
        new("ST1 (multiple structures, two registers)", "0q001100000000001010ssnnnnnttttt", &OneOfTwo, fp: true),
        new("LD4 (multiple structures, post-index)", "0q001100110mmmmm0000ssnnnnnttttt", &Four, fp: true),
        new("LD1 (multiple structures, four registers, post-index)", "0q001100110mmmmm0010ssnnnnnttttt", &OneOfFour, fp: true),
        new("LD3 (multiple structures, post-index)", "0q001100110mmmmm0100ssnnnnnttttt", &Three, fp: true),
        new("LD1 (multiple structures, three registers, post-index)", "0q001100110mmmmm0110ssnnnnnttttt", &OneOfThree, fp: true),
        new("LD1 (multiple structures, one register, post-index)", "0q001100110mmmmm0111ssnnnnnttttt", &OneOfOne, fp: true),
        new("LD2 (multiple structures, post-index)", "0q001100110mmmmm1000ssnnnnnttttt", &Two, fp: true),
        new("LD1 (multiple structures, two registers, post-index)", "0q001100110mmmmm1010ssnnnnnttttt", &OneOfTwo, fp: true),
        new("ST4 (multiple structures, post-index)", "0q001100100mmmmm0000ssnnnnnttttt", &Four, fp: true),
        new("ST1 (multiple structures, four registers, post-index)", "0q001100100mmmmm0010ssnnnnnttttt", &OneOfFour, fp: true),
        new("ST3 (multiple structures, post-index)", "0q001100100mmmmm0100ssnnnnnttttt", &Three, fp: true),
        new("ST1 (multiple structures, three registers, post-index)", "0q001100100mmmmm0110ssnnnnnttttt", &OneOfThree, fp: true),
        new("ST1 (multiple structures, one register, post-index)", "0q001100100mmmmm0111ssnnnnnttttt", &OneOfOne, fp: true),
        new("ST2 (multiple structures, post-index)", "0q001100100mmmmm1000ssnnnnnttttt", &Two, fp: true),
        new("ST1 (multiple structures, two registers, post-index)", "0q001100100mmmmm1010ssnnnnnttttt", &OneOfTwo, fp: true),
    ];

    /// <summary>Post-index write-back of a structure access: Rm = 31 adds the bytes transferred, else Xm.</summary>
    public static void WriteBack(A64Translator t, uint w, uint bytes)
    {
        if ((w & (1u << 23)) == 0)
        {
            return;
        }

        var n = A64Translator.Sp(w >> 5);
        var m = (w >> 16) & 31;
        if (m == 31)
        {
            t.B.Emit(MicroOpKind.AddI64, n, n, imm: bytes);
        }
        else
        {
            t.B.Emit(MicroOpKind.Add64, n, n, A64Translator.X(m));
        }

        if (((w >> 5) & 31) == 31 && (m != 31 || (bytes & 15) != 0))
        {
            t.SpChanged();
        }
    }

    private static bool IsLoad(uint w) => (w & (1u << 22)) != 0;

    private static bool Emit(A64Translator t, uint w, uint registers, bool interleaved)
    {
        var size = (w >> 10) & 3;
        if (interleaved && size == 3 && !Q(w))
        {
            return false;
        }

        t.CheckSp(w >> 5);
        var bytes = registers * Bytes(w);

        // One or two registers of consecutive bytes are plain vector accesses, unless alignment is checked (per element, not per register).
        if (!interleaved && registers <= 2 && (t.Mode & A64Mode.CheckAlignment) == 0)
        {
            var kind = (IsLoad(w), registers, Q(w)) switch
            {
                (true, 1, true) => MicroOpKind.LdV128,
                (true, 1, false) => MicroOpKind.LdV64,
                (true, _, true) => MicroOpKind.LdPV128,
                (true, _, false) => MicroOpKind.LdPV64,
                (false, 1, true) => MicroOpKind.St128,
                (false, 1, false) => MicroOpKind.St64,
                (false, _, true) => MicroOpKind.StP128,
                (false, _, false) => MicroOpKind.StP64,
            };
            t.B.Emit(kind, A64Translator.V(w), A64Translator.Sp(w >> 5), registers == 2 ? A64Translator.V(w + 1) : CpuState.Zero);
        }
        else
        {
            var aux = StructureAccess.Pack(w & 31, registers, interleaved, size, Q(w));
            if (IsLoad(w))
            {
                t.B.CallChecked(&StructureAccess.LoadMultiple, a: A64Translator.Sp(w >> 5), aux: aux);
            }
            else
            {
                t.B.CallChecked(&StructureAccess.StoreMultiple, a: A64Translator.Sp(w >> 5), aux: aux);
            }
        }

        WriteBack(t, w, bytes);
        return true;
    }

    private static bool OneOfOne(A64Translator t, uint w) => Emit(t, w, 1, interleaved: false);

    private static bool OneOfTwo(A64Translator t, uint w) => Emit(t, w, 2, interleaved: false);

    private static bool OneOfThree(A64Translator t, uint w) => Emit(t, w, 3, interleaved: false);

    private static bool OneOfFour(A64Translator t, uint w) => Emit(t, w, 4, interleaved: false);

    private static bool Two(A64Translator t, uint w) => Emit(t, w, 2, interleaved: true);

    private static bool Three(A64Translator t, uint w) => Emit(t, w, 3, interleaved: true);

    private static bool Four(A64Translator t, uint w) => Emit(t, w, 4, interleaved: true);
}
