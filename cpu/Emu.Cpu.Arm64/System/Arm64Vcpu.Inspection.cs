// Looking at a standing vCPU from outside: where an instruction address leads, and every register by its name.
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.SystemLevel;

public sealed unsafe partial class Arm64Vcpu
{
    /// <summary>Physical address of an instruction in the current regime. As a fetch does, it may set the access flag of its descriptors.</summary>
    /// <returns>False when a fetch would fault.</returns>
    public bool TryTranslateInstruction(ulong va, out ulong physical)
    {
        Walk(CanonicalInstructionAddress(va), AccessKind.Execute, ExceptionLevel == 0, pan: false, WalkPurpose.Maintenance, out var w);
        physical = (w.Physical & TlbEntry.PageMask) | (va & 0xFFF);
        return w.Status == FaultStatus.None;
    }

    /// <summary>General registers, PSTATE's flags, system registers and vectors, by the manual's names. System registers are their stored part.</summary>
    public IEnumerable<(string Name, UInt128 Value)> Registers()
    {
        yield return ("PC", ProgramCounter);
        yield return ("Retired", Retired);
        for (var i = 0; i <= StackPointer; i++)
        {
            yield return (i == StackPointer ? "SP" : $"X{i}", X(i));
        }

        yield return ("NZCV", Slot(CpuState.FlagsOffset));
        foreach (var row in SystemRegisterTable.Rows)
        {
            if (row.Slot != 0)
            {
                yield return (row.Name, Slot(row.Slot));
            }
        }

        for (var i = 0; i < 32; i++)
        {
            yield return ($"V{i}", new UInt128(Slot((ushort)(Arm64State.V(i) + 8)), Slot(Arm64State.V(i))));
        }
    }

    private ulong Slot(ushort offset) => *(ulong*)((byte*)State + offset);
}
