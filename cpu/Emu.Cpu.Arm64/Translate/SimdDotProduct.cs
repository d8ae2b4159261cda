// FEAT_DotProd and FEAT_I8MM: dot products and 8-bit matrix multiply-accumulate (Arm ARM C4.1.96).
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Simd;
using Emu.Cpu.Ir;
using static Emu.Cpu.Arm64.Translate.SimdFields;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows and handlers. TA and TB are the element types of Vn and Vm.</summary>
internal static unsafe class SimdDotProduct
{
    public static A64Row[] Rows =>
    [
        new("SDOT (vector)", "0q001110100mmmmm100101nnnnnddddd", &Vector<sbyte, sbyte>, "FEAT_DotProd", fp: true),
        new("UDOT (vector)", "0q101110100mmmmm100101nnnnnddddd", &Vector<byte, byte>, "FEAT_DotProd", fp: true),
        new("USDOT (vector)", "0q001110100mmmmm100111nnnnnddddd", &Vector<byte, sbyte>, "FEAT_I8MM", fp: true),
        new("SDOT (by element)", "0q00111110lmmmmm1110h0nnnnnddddd", &ByElement<sbyte, sbyte>, "FEAT_DotProd", fp: true),
        new("UDOT (by element)", "0q10111110lmmmmm1110h0nnnnnddddd", &ByElement<byte, byte>, "FEAT_DotProd", fp: true),
        new("USDOT (by element)", "0q00111110lmmmmm1111h0nnnnnddddd", &ByElement<byte, sbyte>, "FEAT_I8MM", fp: true),
        new("SUDOT (by element)", "0q00111100lmmmmm1111h0nnnnnddddd", &ByElement<sbyte, byte>, "FEAT_I8MM", fp: true),
        new("SMMLA (vector)", "01001110100mmmmm101001nnnnnddddd", &Matrix<sbyte, sbyte>, "FEAT_I8MM", fp: true),
        new("UMMLA (vector)", "01101110100mmmmm101001nnnnnddddd", &Matrix<byte, byte>, "FEAT_I8MM", fp: true),
        new("USMMLA (vector)", "01001110100mmmmm101011nnnnnddddd", &Matrix<byte, sbyte>, "FEAT_I8MM", fp: true),
    ];

    private static bool Vector<TA, TB>(A64Translator t, uint w)
        where TA : unmanaged, System.Numerics.IBinaryInteger<TA> where TB : unmanaged, System.Numerics.IBinaryInteger<TB>
    {
        t.B.CallVector(&DotProduct.Dot<TA, TB>, D(w), N(w), M(w), Bytes(w));
        return true;
    }

    private static bool ByElement<TA, TB>(A64Translator t, uint w)
        where TA : unmanaged, System.Numerics.IBinaryInteger<TA> where TB : unmanaged, System.Numerics.IBinaryInteger<TB>
    {
        var index = ((w >> 10) & 2) | ((w >> 21) & 1);
        t.B.Emit(MicroOpKind.VDup32, Temp(0), (ushort)(M(w) + (index * 4)));
        t.B.CallVector(&DotProduct.Dot<TA, TB>, D(w), N(w), Temp(0), Bytes(w));
        return true;
    }

    private static bool Matrix<TA, TB>(A64Translator t, uint w)
        where TA : unmanaged, System.Numerics.IBinaryInteger<TA> where TB : unmanaged, System.Numerics.IBinaryInteger<TB>
    {
        t.B.CallVector(&DotProduct.MatrixMultiply<TA, TB>, D(w), N(w), M(w));
        return true;
    }
}
