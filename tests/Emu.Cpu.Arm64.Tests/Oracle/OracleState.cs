// The registers of a test case before and after, in the layout of the runner's records.
using System.Runtime.InteropServices;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Registers visible at EL0.</summary>
[StructLayout(LayoutKind.Sequential, Size = OracleLayout.StateSize)]
public unsafe struct OracleState
{
    /// <summary>X0 to X30, then SP.</summary>
    public fixed ulong X[32];

    /// <summary>Condition flags, N=8, Z=4, C=2, V=1.</summary>
    public ulong Nzcv;

    /// <summary>FPCR.</summary>
    public ulong Fpcr;

    /// <summary>FPSR.</summary>
    public ulong Fpsr;

    /// <summary>Address at which the case stopped.</summary>
    public ulong Pc;

    /// <summary>V0 to V31, two words each.</summary>
    public fixed ulong V[64];

    /// <summary>Number of named registers.</summary>
    public const int RegisterCount = 32 + 3 + 32;

    /// <summary>Name of a register: X0 to X30, SP, NZCV, FPCR, FPSR, V0 to V31.</summary>
    public static string RegisterName(int register) => register switch
    {
        < 31 => $"X{register}",
        31 => "SP",
        32 => "NZCV",
        33 => "FPCR",
        34 => "FPSR",
        _ => $"V{register - 35}",
    };

    /// <summary>Number of the register of a name, or -1.</summary>
    public static int RegisterNumber(string name)
    {
        for (var i = 0; i < RegisterCount; i++)
        {
            if (RegisterName(i) == name)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Value of a register; vector registers fill all 128 bits.</summary>
    public UInt128 this[int register]
    {
        readonly get => register switch
        {
            < 32 => X[register],
            32 => Nzcv,
            33 => Fpcr,
            34 => Fpsr,
            _ => new UInt128(V[((register - 35) * 2) + 1], V[(register - 35) * 2]),
        };
        set
        {
            switch (register)
            {
                case < 32: X[register] = (ulong)value; break;
                case 32: Nzcv = (ulong)value; break;
                case 33: Fpcr = (ulong)value; break;
                case 34: Fpsr = (ulong)value; break;
                default:
                    V[(register - 35) * 2] = (ulong)value;
                    V[((register - 35) * 2) + 1] = (ulong)(value >> 64);
                    break;
            }
        }
    }

    /// <summary>Hexadecimal text of a register's value.</summary>
    public readonly string Format(int register)
    {
        var v = this[register];
        return register >= 35 ? $"{(ulong)(v >> 64):x16}_{(ulong)v:x16}" : $"{(ulong)v:x}";
    }
}

/// <summary>State after a case, as the runner writes it.</summary>
[StructLayout(LayoutKind.Sequential, Size = OracleLayout.RecordSize)]
public struct OracleRecord
{
    /// <summary>Registers; Pc is the exit or the faulting instruction.</summary>
    public OracleState State;

    /// <summary>See <see cref="OracleOutcome"/>.</summary>
    public ulong Outcome;

    /// <summary><see cref="OracleLayout.Hash"/> of the window, 0 when the case has no memory operands.</summary>
    public ulong Hash;
}
