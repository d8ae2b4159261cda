// Data processing between registers, continued: conditional compare and select, one and two sources (divide, shift, CRC32, bit counts).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

public static unsafe partial class DataProcessingRegister
{
    private static A64Row[] SourceRows =>
    [
        new("CCMN (register)", "z0111010010mmmmmcccc00nnnnn0ffff", &CcmnRegister),
        new("CCMP (register)", "z1111010010mmmmmcccc00nnnnn0ffff", &CcmpRegister),
        new("CCMN (immediate)", "z0111010010iiiiicccc10nnnnn0ffff", &CcmnImmediate),
        new("CCMP (immediate)", "z1111010010iiiiicccc10nnnnn0ffff", &CcmpImmediate),
        new("CSEL", "z0011010100mmmmmcccc00nnnnnddddd", &Csel),
        new("CSINC", "z0011010100mmmmmcccc01nnnnnddddd", &Csinc),
        new("CSINV", "z1011010100mmmmmcccc00nnnnnddddd", &Csinv),
        new("CSNEG", "z1011010100mmmmmcccc01nnnnnddddd", &Csneg),
        new("UDIV", "z0011010110mmmmm000010nnnnnddddd", &Udiv),
        new("SDIV", "z0011010110mmmmm000011nnnnnddddd", &Sdiv),
        new("LSLV", "z0011010110mmmmm001000nnnnnddddd", &Lslv),
        new("LSRV", "z0011010110mmmmm001001nnnnnddddd", &Lsrv),
        new("ASRV", "z0011010110mmmmm001010nnnnnddddd", &Asrv),
        new("RORV", "z0011010110mmmmm001011nnnnnddddd", &Rorv),
        new("CRC32B", "00011010110mmmmm010000nnnnnddddd", &Crc32Any, "FEAT_CRC32"),
        new("CRC32H", "00011010110mmmmm010001nnnnnddddd", &Crc32Any, "FEAT_CRC32"),
        new("CRC32W", "00011010110mmmmm010010nnnnnddddd", &Crc32Any, "FEAT_CRC32"),
        new("CRC32X", "10011010110mmmmm010011nnnnnddddd", &Crc32Any, "FEAT_CRC32"),
        new("CRC32CB", "00011010110mmmmm010100nnnnnddddd", &Crc32Any, "FEAT_CRC32"),
        new("CRC32CH", "00011010110mmmmm010101nnnnnddddd", &Crc32Any, "FEAT_CRC32"),
        new("CRC32CW", "00011010110mmmmm010110nnnnnddddd", &Crc32Any, "FEAT_CRC32"),
        new("CRC32CX", "10011010110mmmmm010111nnnnnddddd", &Crc32Any, "FEAT_CRC32"),
        new("RBIT", "z101101011000000000000nnnnnddddd", &Rbit),
        new("REV16", "z101101011000000000001nnnnnddddd", &Rev16),
        new("REV (32-bit)", "0101101011000000000010nnnnnddddd", &RevWord),
        new("REV32", "1101101011000000000010nnnnnddddd", &Rev32),
        new("REV (64-bit)", "1101101011000000000011nnnnnddddd", &RevDoubleword),
        new("CLZ", "z101101011000000000100nnnnnddddd", &Clz),
        new("CLS", "z101101011000000000101nnnnnddddd", &Cls),
        new("CTZ", "z101101011000000000110nnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("CNT", "z101101011000000000111nnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("ABS", "z101101011000000001000nnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("SMAX (register)", "z0011010110mmmmm011000nnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("UMAX (register)", "z0011010110mmmmm011001nnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("SMIN (register)", "z0011010110mmmmm011010nnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("UMIN (register)", "z0011010110mmmmm011011nnnnnddddd", A64RowStatus.Undefined, "FEAT_CSSC"),
        new("SUBP", "10011010110mmmmm000000nnnnnddddd", A64RowStatus.NotYet, "FEAT_MTE"),
        new("SUBPS", "10111010110mmmmm000000nnnnnddddd", A64RowStatus.NotYet, "FEAT_MTE"),
        new("IRG", "10011010110mmmmm000100nnnnnddddd", A64RowStatus.NotYet, "FEAT_MTE"),
        new("GMI", "10011010110mmmmm000101nnnnnddddd", A64RowStatus.NotYet, "FEAT_MTE"),
    ];

    private static bool Compare(A64Translator t, uint w, MicroOpKind kind64, MicroOpKind kind32, bool immediate)
    {
        t.B.Emit(
            Is64(w) ? kind64 : kind32,
            a: X(Bits(w, 9, 5)),
            b: immediate ? CpuState.Zero : X(Bits(w, 20, 16)),
            imm: immediate ? Bits(w, 20, 16) : 0,
            aux: ConditionMask(Bits(w, 15, 12)),
            c: (ushort)Bits(w, 3, 0));
        return true;
    }

    private static bool CcmnRegister(A64Translator t, uint w) => Compare(t, w, MicroOpKind.CCmn64, MicroOpKind.CCmn32, immediate: false);

    private static bool CcmpRegister(A64Translator t, uint w) => Compare(t, w, MicroOpKind.CCmp64, MicroOpKind.CCmp32, immediate: false);

    private static bool CcmnImmediate(A64Translator t, uint w) => Compare(t, w, MicroOpKind.CCmnI64, MicroOpKind.CCmnI32, immediate: true);

    private static bool CcmpImmediate(A64Translator t, uint w) => Compare(t, w, MicroOpKind.CCmpI64, MicroOpKind.CCmpI32, immediate: true);

    private static bool Select(A64Translator t, uint w, MicroOpKind kind64, MicroOpKind kind32)
    {
        t.B.Emit(Is64(w) ? kind64 : kind32, Xd(w), X(Bits(w, 9, 5)), X(Bits(w, 20, 16)), aux: ConditionMask(Bits(w, 15, 12)));
        return true;
    }

    private static bool Csel(A64Translator t, uint w) => Select(t, w, MicroOpKind.Select64, MicroOpKind.Select32);

    private static bool Csinc(A64Translator t, uint w) => Select(t, w, MicroOpKind.SelectInc64, MicroOpKind.SelectInc32);

    private static bool Csinv(A64Translator t, uint w) => Select(t, w, MicroOpKind.SelectNot64, MicroOpKind.SelectNot32);

    private static bool Csneg(A64Translator t, uint w) => Select(t, w, MicroOpKind.SelectNeg64, MicroOpKind.SelectNeg32);

    private static bool Udiv(A64Translator t, uint w) => Plain(t, w, MicroOpKind.UDiv64, MicroOpKind.UDiv32);

    private static bool Sdiv(A64Translator t, uint w) => Plain(t, w, MicroOpKind.SDiv64, MicroOpKind.SDiv32);

    private static bool Lslv(A64Translator t, uint w) => Plain(t, w, MicroOpKind.Shl64, MicroOpKind.Shl32);

    private static bool Lsrv(A64Translator t, uint w) => Plain(t, w, MicroOpKind.Shr64, MicroOpKind.Shr32);

    private static bool Asrv(A64Translator t, uint w) => Plain(t, w, MicroOpKind.Sar64, MicroOpKind.Sar32);

    private static bool Rorv(A64Translator t, uint w) => Plain(t, w, MicroOpKind.Ror64, MicroOpKind.Ror32);

    private static bool Crc32Any(A64Translator t, uint w)
    {
        var size = Bits(w, 11, 10);
        ushort d = Xd(w), n = X(Bits(w, 9, 5)), m = X(Bits(w, 20, 16));
        if (Bit(w, 12) != 0)
        {
            t.B.Call(&Crc32.Crc32C, d, n, m, aux: size);
        }
        else
        {
            t.B.Call(&Crc32.Crc32Ieee, d, n, m, aux: size);
        }

        return true;
    }

    /// <summary>Rd = op Rn.</summary>
    private static bool Unary(A64Translator t, uint w, MicroOpKind kind64, MicroOpKind kind32)
    {
        t.B.Emit(Is64(w) ? kind64 : kind32, Xd(w), X(Bits(w, 9, 5)));
        return true;
    }

    private static bool Rbit(A64Translator t, uint w) => Unary(t, w, MicroOpKind.RBit64, MicroOpKind.RBit32);

    private static bool Rev16(A64Translator t, uint w) => Unary(t, w, MicroOpKind.Rev16In64, MicroOpKind.Rev16In32);

    private static bool RevWord(A64Translator t, uint w) => Unary(t, w, MicroOpKind.Rev32, MicroOpKind.Rev32);

    private static bool Rev32(A64Translator t, uint w) => Unary(t, w, MicroOpKind.Rev32In64, MicroOpKind.Rev32In64);

    private static bool RevDoubleword(A64Translator t, uint w) => Unary(t, w, MicroOpKind.Rev64, MicroOpKind.Rev64);

    private static bool Clz(A64Translator t, uint w) => Unary(t, w, MicroOpKind.Clz64, MicroOpKind.Clz32);

    private static bool Cls(A64Translator t, uint w) => Unary(t, w, MicroOpKind.Cls64, MicroOpKind.Cls32);
}
