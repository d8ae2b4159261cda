// System instructions (Arm ARM C4.1.93): exception generation and return, hints, barriers, PSTATE, register moves, SYS.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.SystemLevel;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>The rows of the chapter and the translations that need no run-time help.</summary>
public static unsafe partial class SystemInstructions
{
    /// <summary>The rows.</summary>
    public static IReadOnlyList<A64Row> Rows { get; } =
    [
        new("SVC", "11010100000iiiiiiiiiiiiiiii00001", &Svc),
        new("HVC", "11010100000iiiiiiiiiiiiiiii00010", &Hvc),
        new("SMC", "11010100000iiiiiiiiiiiiiiii00011", A64RowStatus.Undefined),
        new("BRK", "11010100001iiiiiiiiiiiiiiii00000", &Brk),
        new("HLT", "11010100010iiiiiiiiiiiiiiii00000", &Hlt),
        new("DCPS1", "11010100101iiiiiiiiiiiiiiii00001", A64RowStatus.Undefined),
        new("DCPS2", "11010100101iiiiiiiiiiiiiiii00010", A64RowStatus.Undefined),
        new("DCPS3", "11010100101iiiiiiiiiiiiiiii00011", A64RowStatus.Undefined),
        new("ERET", "11010110100111110000001111100000", &Eret),
        new("DRPS", "11010110101111110000001111100000", A64RowStatus.Undefined),

        // Hints: an unallocated one is a NOP.
        new("HINT", "11010101000000110010mmmmppp11111", &Nop),
        new("NOP", "11010101000000110010000000011111", &Nop),
        new("YIELD", "11010101000000110010000000111111", &Yield),
        new("WFE", "11010101000000110010000001011111", &Wfe),
        new("WFI", "11010101000000110010000001111111", &Wfi),
        new("SEV", "11010101000000110010000010011111", &Sev),
        new("SEVL", "11010101000000110010000010111111", &Sevl),
        new("DGH", "11010101000000110010000011011111", &Nop, "FEAT_DGH"),
        new("ESB", "11010101000000110010001000011111", &Nop, "FEAT_RAS"),
        new("PSB CSYNC", "11010101000000110010001000111111", &Nop, "FEAT_SPE"),
        new("TSB CSYNC", "11010101000000110010001001011111", &Nop, "FEAT_TRF"),
        new("CSDB", "11010101000000110010001010011111", &Nop),
        new("BTI", "110101010000001100100100cc011111", &Nop, "FEAT_BTI"),
        new("WFET", "110101010000001100010000000ddddd", &WfeTimed, "FEAT_WFxT"),
        new("WFIT", "110101010000001100010000001ddddd", &WfiTimed, "FEAT_WFxT"),

        // Barriers.
        new("DSB", "11010101000000110011mmmm10011111", &Dsb),
        new("DSB nXS", "11010101000000110011mm1000111111", A64RowStatus.Undefined, "FEAT_XS"),
        new("DMB", "11010101000000110011mmmm10111111", &Dmb),
        new("ISB", "11010101000000110011mmmm11011111", &Isb),
        new("SB", "11010101000000110011000011111111", &Sb, "FEAT_SB"),

        // PSTATE, registers, SYS.
        new("MSR (immediate)", "1101010100000ooo0100mmmmppp11111", &MsrImmediate),
        new("MSR (register)", "110101010001ooooNNNNmmmmpppttttt", &MsrRegister),
        new("MRS", "110101010011ooooNNNNmmmmpppttttt", &Mrs),
        new("SYS", "1101010100001oooNNNNmmmmpppttttt", &Sys),
        new("SYSL", "1101010100101oooNNNNmmmmpppttttt", &Sysl),
    ];

    private static bool Svc(A64Translator t, uint word)
    {
        t.B.CallEnd(&SystemHelpers.Svc, aux: A64Translator.Bits(word, 20, 5));
        return true;
    }

    private static bool Hvc(A64Translator t, uint word)
    {
        if (t.ExceptionLevel == 0)
        {
            return false;
        }

        t.B.CallEnd(&SystemHelpers.Hvc, aux: A64Translator.Bits(word, 20, 5));
        return true;
    }

    private static bool Brk(A64Translator t, uint word)
    {
        t.B.CallEnd(&SystemHelpers.Brk, aux: A64Translator.Bits(word, 20, 5));
        return true;
    }

    private static bool Hlt(A64Translator t, uint word)
    {
        if (A64Translator.Bits(word, 20, 5) != Semihosting.Immediate || t.Vcpu?.Configuration.Semihosting == null)
        {
            return false;
        }

        t.B.CallEnd(&SystemHelpers.Semihost);
        return true;
    }

    private static bool Eret(A64Translator t, uint word)
    {
        if (t.ExceptionLevel == 0)
        {
            return false;
        }

        t.B.CallEnd(&SystemHelpers.Eret);
        return true;
    }

    private static bool Nop(A64Translator t, uint word) => true;

    private static bool Yield(A64Translator t, uint word)
    {
        t.B.Call(&SystemHelpers.Yield);
        return true;
    }

    private static bool Wfe(A64Translator t, uint word)
    {
        t.B.CallEnd(&SystemHelpers.Wfe);
        return true;
    }

    private static bool Wfi(A64Translator t, uint word)
    {
        t.B.CallEnd(&SystemHelpers.Wfi);
        return true;
    }

    private static bool WfeTimed(A64Translator t, uint word)
    {
        if (!t.Features.Has(A64Feature.WFxT))
        {
            return false;
        }

        t.B.CallEnd(&SystemHelpers.WfeTimed, a: A64Translator.X(word), aux: word);
        return true;
    }

    private static bool WfiTimed(A64Translator t, uint word)
    {
        if (!t.Features.Has(A64Feature.WFxT))
        {
            return false;
        }

        t.B.CallEnd(&SystemHelpers.WfiTimed, a: A64Translator.X(word), aux: word);
        return true;
    }

    private static bool Sev(A64Translator t, uint word)
    {
        t.B.Call(&SystemHelpers.Sev);
        return true;
    }

    private static bool Sevl(A64Translator t, uint word)
    {
        t.B.Call(&SystemHelpers.Sevl);
        return true;
    }

    private static bool Dsb(A64Translator t, uint word)
    {
        t.B.CallChecked(&SystemHelpers.Dsb);
        return true;
    }

    private static bool Dmb(A64Translator t, uint word)
    {
        t.B.Emit(MicroOpKind.Fence);
        return true;
    }

    /// <summary>Ends the block, so that what follows is translated from the bytes as they are now.</summary>
    private static bool Isb(A64Translator t, uint word)
    {
        t.B.CallChecked(&SystemHelpers.Isb);
        t.B.EndHere();
        return true;
    }

    private static bool Sb(A64Translator t, uint word) => t.Features.Has(A64Feature.SB);

    private static bool MsrImmediate(A64Translator t, uint word)
    {
        const uint Uao = 0x03, Pan = 0x04, SpSel = 0x05, Ssbs = 0x19, Dit = 0x1A, DaifSet = 0x1E, DaifClear = 0x1F;
        ulong immediate = A64Translator.Bits(word, 11, 8);
        var on = (immediate & 1) != 0;
        switch ((A64Translator.Bits(word, 18, 16) << 3) | A64Translator.Bits(word, 7, 5))
        {
            case DaifSet:
                return Daif(t, word, set: true);
            case DaifClear:
                return Daif(t, word, set: false);
            case SpSel when t.ExceptionLevel > 0 && immediate <= 1:
                t.B.CallEnd(&SystemHelpers.SetSpSel, aux: (uint)immediate);
                return true;
            case Pan when t.ExceptionLevel > 0 && t.Features.Has(A64Feature.PAN):
                if (on)
                {
                    t.B.Call(&SystemHelpers.SetPan);
                }
                else
                {
                    t.B.Emit(MicroOpKind.MovI, SystemHelpers.PanSlot, imm: 0);
                }

                return true;
            case Uao when t.ExceptionLevel > 0 && t.Features.Has(A64Feature.UAO):
                t.B.CallEnd(&SystemHelpers.SetUao, aux: (uint)immediate & 1);
                return true;
            case Ssbs when t.Features.Has(A64Feature.SSBS2):
                t.B.Emit(MicroOpKind.MovI, SystemHelpers.SsbsSlot, imm: on ? (long)Pstate.Ssbs : 0);
                return true;
            case Dit when t.Features.Has(A64Feature.DIT):
                t.B.Emit(MicroOpKind.MovI, SystemHelpers.DitSlot, imm: on ? (long)Pstate.Dit : 0);
                return true;
            default:
                return false;
        }
    }

    private static bool Daif(A64Translator t, uint word, bool set)
    {
        if (t.ExceptionLevel > 0 && set)
        {
            t.B.Emit(MicroOpKind.OrI64, SystemHelpers.DaifSlot, SystemHelpers.DaifSlot, imm: (long)(A64Translator.Bits(word, 11, 8) << 6));
        }
        else
        {
            t.B.CallChecked(set ? &SystemHelpers.DaifSet : &SystemHelpers.DaifClear, aux: word);
        }

        return true;
    }
}

public sealed unsafe partial class A64Translator
{
    /// <summary>The vCPU that translates; null for translation without a machine.</summary>
    public Arm64Vcpu? Vcpu { get; init; }

    /// <summary>What is implemented.</summary>
    public A64FeatureSet Features => Vcpu?.Cluster.Features ?? A64Features.Implemented;

    /// <summary>Emits the exception of an UNDEFINED instruction.</summary>
    public void EmitUndefined() => B.CallEnd(&SystemHelpers.Undefined);

    /// <summary>Emits the trap of an FP/SIMD instruction (EC 0x07).</summary>
    public void EmitFpTrap(uint word) => B.CallEnd(&SystemHelpers.FpTrap, aux: word);
}
