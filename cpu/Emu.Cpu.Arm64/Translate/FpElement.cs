// AdvSIMD floating-point by element: one factor is a lane of Vm.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Fp;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.A64Translator;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Arm ARM C4.1: Advanced SIMD (scalar) x indexed element: the floating-point part.</summary>
public static unsafe class FpElement
{
    /// <summary>Rows of this chapter.</summary>
    public static IReadOnlyList<A64Row> Rows { get; } =
    [
        .. ByElement("FMLA", 0, "0001", &Lanes3<FMAdd>),
        .. ByElement("FMLS", 0, "0101", &Lanes3<FMSub>),
        .. ByElement("FMUL", 0, "1001", &Lanes2<FMul>),
        .. ByElement("FMULX", 1, "1001", &Lanes2<FMulX>),
        new("FMLAL (by element)", "0Q001111 10LMmmmm 0000H0nn nnnddddd", &MultiplyAddLong, "FEAT_FHM", fp: true),
        new("FMLSL (by element)", "0Q001111 10LMmmmm 0100H0nn nnnddddd", &MultiplyAddLong, "FEAT_FHM", fp: true),
        new("FMLAL2 (by element)", "0Q101111 10LMmmmm 1000H0nn nnnddddd", &MultiplyAddLong, "FEAT_FHM", fp: true),
        new("FMLSL2 (by element)", "0Q101111 10LMmmmm 1100H0nn nnnddddd", &MultiplyAddLong, "FEAT_FHM", fp: true),
        new("FCMLA (by element, half)", "0Q101111 01LMmmmm 0rr1H0nn nnnddddd", &ComplexMultiplyAdd, "FEAT_FCMA", fp: true),
        new("FCMLA (by element, single)", "01101111 100Mmmmm 0rr1H0nn nnnddddd", &ComplexMultiplyAdd, "FEAT_FCMA", fp: true),
        new("BFDOT (by element)", "0Q001111 01LMmmmm 1111H0nn nnnddddd", &BFloatDot, "FEAT_BF16", fp: true),
        new("BFMLALB, BFMLALT (by element)", "0Q001111 11LMmmmm 1111H0nn nnnddddd", &BFloatMultiplyAddLong, "FEAT_BF16", fp: true),
    ];

    private static A64Row[] ByElement(string name, int u, string opcode, delegate*<A64Translator, uint, bool> handler) =>
    [
        new(name + " (by element)", $"0Q{u}01111 1sLMmmmm {opcode}H0nn nnnddddd", handler, fp: true),
        new(name + " (by element, half)", $"0Q{u}01111 00LMmmmm {opcode}H0nn nnnddddd", handler, "FEAT_FP16", fp: true),
        new(name + " (scalar, by element)", $"01{u}11111 1sLMmmmm {opcode}H0nn nnnddddd", handler, fp: true),
        new(name + " (scalar, by element, half)", $"01{u}11111 00LMmmmm {opcode}H0nn nnnddddd", handler, "FEAT_FP16", fp: true),
    ];

    /// <summary>H:L:M, bits 11, 21 and 20, as an index of half-precision elements.</summary>
    private static uint IndexHlm(uint w) => (Bit(w, 11) << 2) | (Bit(w, 21) << 1) | Bit(w, 20);

    /// <summary>H:L as an index of single-precision elements.</summary>
    private static uint IndexHl(uint w) => (Bit(w, 11) << 1) | Bit(w, 21);

    private static bool Shape(uint w, out int size, out uint lanes, out ushort element)
    {
        element = 0;
        size = Bit(w, 23) == 0 ? FpEmit.Half : Bit(w, 22) == 0 ? FpEmit.Single : FpEmit.Double;
        lanes = Bit(w, 28) != 0 ? 1 : FpEmit.Lanes(w, size);
        switch (size)
        {
            case FpEmit.Half:
                element = (ushort)(V(Bits(w, 19, 16)) + (IndexHlm(w) * 2));
                return true;
            case FpEmit.Single:
                element = (ushort)(V(w >> 16) + (IndexHl(w) * 4));
                return true;
            default:
                element = (ushort)(V(w >> 16) + (Bit(w, 11) * 8));
                return Bit(w, 21) == 0 && (Bit(w, 28) != 0 || lanes > 1);
        }
    }

    private static bool Lanes2<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpBinary
    {
        if (!Shape(w, out var size, out var lanes, out var element))
        {
            return false;
        }

        FpEmit.Vector2<TOp>(t, w, element, size, lanes, FpHelpers.ByElement);
        return true;
    }

    private static bool Lanes3<TOp>(A64Translator t, uint w)
        where TOp : struct, IFpTernary
    {
        if (!Shape(w, out var size, out var lanes, out var element))
        {
            return false;
        }

        FpEmit.Vector3<TOp>(t, w, element, size, lanes, FpHelpers.ByElement);
        return true;
    }

    private static bool MultiplyAddLong(A64Translator t, uint w)
    {
        // U: the second part. Bit 14: subtract.
        var lanes = FpEmit.Lanes(w, FpEmit.Single);
        var argument = FpHelpers.ByElement | (Bit(w, 14) != 0 ? FpHelpers.Subtract : 0);
        var source = (ushort)(V(w >> 5) + (Bit(w, 29) * lanes * 2));
        t.B.Call(&FpHelpers.MultiplyAddLong, V(w), source, (ushort)(V(Bits(w, 19, 16)) + (IndexHlm(w) * 2)), aux: FpEmit.Aux(lanes, argument));
        return true;
    }

    private static bool ComplexMultiplyAdd(A64Translator t, uint w)
    {
        var argument = FpHelpers.ByElement | (Bits(w, 14, 13) << FpHelpers.RotationShift);
        if (Bit(w, 23) != 0)
        {
            t.B.Call(&FpHelpers.ComplexMultiplyAdd<Binary32>, V(w), V(w >> 5), (ushort)(V(w >> 16) + (Bit(w, 11) * 8)), aux: FpEmit.Aux(4, argument));
            return true;
        }

        if (Bit(w, 11) != 0 && Bit(w, 30) == 0)
        {
            return false;
        }

        var element = (ushort)(V(w >> 16) + (IndexHl(w) * 4));
        t.B.Call(&FpHelpers.ComplexMultiplyAdd<Binary16>, V(w), V(w >> 5), element, aux: FpEmit.Aux(FpEmit.Lanes(w, FpEmit.Half), argument));
        return true;
    }

    private static bool BFloatDot(A64Translator t, uint w)
    {
        var lanes = FpEmit.Lanes(w, FpEmit.Single);
        t.B.Call(&FpHelpers.BFloatDot, V(w), V(w >> 5), (ushort)(V(w >> 16) + (IndexHl(w) * 4)), aux: FpEmit.Aux(lanes, FpHelpers.ByElement));
        return true;
    }

    private static bool BFloatMultiplyAddLong(A64Translator t, uint w)
    {
        var element = (ushort)(V(Bits(w, 19, 16)) + (IndexHlm(w) * 2));
        t.B.Call(&FpHelpers.BFloatMultiplyAddLong, V(w), (ushort)(V(w >> 5) + (Bit(w, 30) * 2)), element, aux: FpEmit.Aux(4, FpHelpers.ByElement));
        return true;
    }
}
