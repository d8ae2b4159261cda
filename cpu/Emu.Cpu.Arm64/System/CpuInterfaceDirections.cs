// Which registers of the GIC's CPU interface can only be read or only be written (GIC IHI 0069, chapter 12): the others are UNDEFINED.
namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>The direction of ICC registers; the device behind them sees only accesses that exist.</summary>
public static class CpuInterfaceDirections
{
    private static readonly HashSet<ushort> ReadOnly =
    [
        Icc(8, 0), Icc(8, 2), Icc(11, 3), Icc(12, 0), Icc(12, 2), // IAR0, HPPIR0, RPR, IAR1, HPPIR1
    ];

    private static readonly HashSet<ushort> WriteOnly =
    [
        Icc(8, 1), Icc(11, 1), Icc(11, 5), Icc(11, 6), Icc(11, 7), Icc(12, 1), // EOIR0, DIR, SGI1R, ASGI1R, SGI0R, EOIR1
    ];

    /// <summary>Whether the register exists in a direction.</summary>
    /// <param name="encoding">The register.</param>
    /// <param name="read">MRS.</param>
    public static bool Permits(ushort encoding, bool read) => !(read ? WriteOnly : ReadOnly).Contains(encoding);

    private static ushort Icc(uint crm, uint op2) => SystemRegister.Encode(3, 0, 12, crm, op2);
}
