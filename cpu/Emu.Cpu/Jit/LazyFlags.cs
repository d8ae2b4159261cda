// Condition flags as compiled code carries them: the operation and its operands, packed only when somebody looks.
using Emu.Cpu.Interpreter;

namespace Emu.Cpu.Jit;

/// <summary>How the flags are held.</summary>
public enum FlagKind
{
    /// <summary>In the state, in the form that <see cref="CpuState.LazyKind"/> says; there: packed in <see cref="CpuState.Flags"/>.</summary>
    Memory = 0,

    /// <summary>First operand is the packed value.</summary>
    Packed = 1,

    /// <summary>Flags of a 64-bit a - b.</summary>
    Sub64 = 2,

    /// <summary>Flags of a 32-bit a - b (operands zero-extended).</summary>
    Sub32 = 3,

    /// <summary>Flags of a 64-bit a + b.</summary>
    Add64 = 4,

    /// <summary>Flags of a 32-bit a + b (operands zero-extended).</summary>
    Add32 = 5,

    /// <summary>N and Z of the 64-bit a; C and V clear.</summary>
    Logic64 = 6,

    /// <summary>N and Z of the 32-bit a (zero-extended); C and V clear.</summary>
    Logic32 = 7,

    /// <summary>Known only when the code runs.</summary>
    Dynamic = 8,
}

/// <summary>
/// Packs lazily held flags. Compiled code leaves them in <see cref="CpuState.LazyKind"/> as it has them: the next region mostly overwrites them.
/// The interpreter packs them when it takes over.
/// </summary>
public static unsafe class LazyFlags
{
    /// <summary>The packed value of flags held as <paramref name="kind"/>.</summary>
    public static ulong Pack(CpuState* s, int kind, ulong a, ulong b) => (FlagKind)kind switch
    {
        FlagKind.Memory => Current(s),
        FlagKind.Packed => a,
        FlagKind.Sub64 => FlagMath.Sub64(a, b),
        FlagKind.Sub32 => FlagMath.Sub32((uint)a, (uint)b),
        FlagKind.Add64 => FlagMath.Add64(a, b),
        FlagKind.Add32 => FlagMath.Add32((uint)a, (uint)b),
        FlagKind.Logic64 => ((a >> 63) << 3) | (a == 0 ? 4u : 0u),
        _ => ((a >> 31 & 1) << 3) | ((uint)a == 0 ? 4u : 0u),
    };

    /// <summary>Packs what the state holds into <see cref="CpuState.Flags"/>, and returns it.</summary>
    public static ulong Current(CpuState* s)
    {
        if (s->LazyKind != (int)FlagKind.Memory)
        {
            s->Flags = Pack(s, s->LazyKind, s->LazyA, s->LazyB);
            s->LazyKind = (int)FlagKind.Memory;
        }

        return s->Flags;
    }

    /// <summary>Packs flags held as <paramref name="kind"/> into <see cref="CpuState.Flags"/>.</summary>
    public static void Flush(CpuState* s, int kind, ulong a, ulong b)
    {
        s->Flags = Pack(s, kind, a, b);
        s->LazyKind = (int)FlagKind.Memory;
    }
}
