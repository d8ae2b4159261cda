// The decode rows of the floating-point and Advanced SIMD chapters, put together.
using Emu.Cpu.Arm64.Decode;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Rows of "Data Processing -- Scalar Floating-Point and Advanced SIMD" and of the SIMD loads and stores.</summary>
public static class FpSimdRows
{
    /// <summary>All rows.</summary>
    public static IReadOnlyList<A64Row> Rows { get; } =
    [
        .. FpScalar.Rows,
        .. FpConversions.Rows,
        .. FpVector.Rows,
        .. FpVectorMisc.Rows,
        .. FpElement.Rows,
        .. SimdRows.Rows,
    ];
}
