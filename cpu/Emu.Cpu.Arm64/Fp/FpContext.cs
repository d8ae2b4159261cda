// What a floating-point operation reads and writes beside its operands: FPCR, FPSR and the instruction's own argument.
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Arm64.Fp;

/// <summary>FPCR bits (Arm ARM C5.2.8). The trap enables, AH, FIZ and NEP are RAZ/WI here.</summary>
public static class FpControl
{
    /// <summary>FZ16: half-precision denormals are flushed to zero.</summary>
    public const uint Fz16 = 1u << 19;

    /// <summary>RMode, 2 bits from here: an <see cref="FpRounding"/>.</summary>
    public const int RoundingShift = 22;

    /// <summary>RMode as a mask.</summary>
    public const uint RoundingMask = 3u << RoundingShift;

    /// <summary>FZ: single- and double-precision denormals are flushed to zero.</summary>
    public const uint Fz = 1u << 24;

    /// <summary>DN: operations return the default NaN.</summary>
    public const uint DefaultNaN = 1u << 25;

    /// <summary>AHP: conversions use the alternative half-precision format.</summary>
    public const uint AlternativeHalf = 1u << 26;

    /// <summary>What makes host arithmetic (round to nearest, no flushing) inapplicable to single and double precision.</summary>
    public const uint NotHost = RoundingMask | Fz;
}

/// <summary>FPSR cumulative exception bits (Arm ARM C5.2.10).</summary>
public static class FpStatus
{
    /// <summary>IOC: invalid operation.</summary>
    public const uint InvalidOperation = 1u << 0;

    /// <summary>DZC: division by zero.</summary>
    public const uint DivideByZero = 1u << 1;

    /// <summary>OFC: overflow.</summary>
    public const uint Overflow = 1u << 2;

    /// <summary>UFC: underflow.</summary>
    public const uint Underflow = 1u << 3;

    /// <summary>IXC: inexact.</summary>
    public const uint Inexact = 1u << 4;

    /// <summary>IDC: a denormal input was flushed.</summary>
    public const uint InputDenormal = 1u << 7;
}

/// <summary>FPRounding; the first four are FPCR.RMode.</summary>
public enum FpRounding
{
    /// <summary>To nearest, ties to even.</summary>
    TiesToEven = 0,

    /// <summary>Towards plus infinity.</summary>
    PlusInfinity = 1,

    /// <summary>Towards minus infinity.</summary>
    MinusInfinity = 2,

    /// <summary>Towards zero.</summary>
    Zero = 3,

    /// <summary>To nearest, ties away from zero.</summary>
    TiesAway = 4,

    /// <summary>To odd: the last bit is set when inexact.</summary>
    Odd = 5,

    /// <summary>In an instruction's argument: as FPCR says.</summary>
    Current = 7,
}

/// <summary>The environment of an operation.</summary>
public struct FpContext
{
    /// <summary>FPCR.</summary>
    public uint Control;

    /// <summary>FPSR; operations set cumulative bits.</summary>
    public uint Status;

    /// <summary>The instruction's argument to operations that take one (rounding mode, fraction bits), see <see cref="FpArgument"/>.</summary>
    public uint Argument;

    /// <summary>Creates an environment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FpContext(uint control, uint status, uint argument = 0)
    {
        Control = control;
        Status = status;
        Argument = argument;
    }

    /// <summary>FPRoundingMode(FPCR).</summary>
    public readonly FpRounding Rounding => (FpRounding)((Control >> FpControl.RoundingShift) & 3);

    /// <summary>The rounding mode of <see cref="Argument"/>.</summary>
    public readonly FpRounding ArgumentRounding
    {
        get
        {
            var mode = (FpRounding)(Argument & FpArgument.RoundingMask);
            return mode == FpRounding.Current ? Rounding : mode;
        }
    }

    /// <summary>Denormals of a format are flushed (FZ, for half precision FZ16).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Flushes<T>()
        where T : struct, IFpFormat => (Control & (typeof(T) == typeof(Binary16) ? FpControl.Fz16 : FpControl.Fz)) != 0;

    /// <summary>Sets cumulative bits: FPProcessException.</summary>
    public void Raise(uint flags) => Status |= flags;
}

/// <summary>Layout of <see cref="FpContext.Argument"/>; operations read what concerns them.</summary>
public static class FpArgument
{
    /// <summary>Bits 0 to 2: an <see cref="FpRounding"/>.</summary>
    public const uint RoundingMask = 7;

    /// <summary>Bit 3: conversions, the integer is unsigned.</summary>
    public const uint Unsigned = 8;

    /// <summary>Bit 3: rounding to integral, inexact is raised.</summary>
    public const uint Exact = 8;

    /// <summary>Bit 4: the integer has 64 bits, not 32 (general registers, FRINT64).</summary>
    public const uint Is64 = 16;

    /// <summary>Bits 8 to 15: fraction bits of a fixed-point number.</summary>
    public const int FractionShift = 8;
}
